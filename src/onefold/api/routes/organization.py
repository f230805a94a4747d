"""/v1: settings, blocklist, runs, inboxes, agents and API keys of the organization."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

from fastapi import APIRouter
from starlette.responses import Response

from onefold.accounts import service as accounts
from onefold.accounts import store as account_store
from onefold.accounts.store import AgentRow, KeyRow
from onefold.api import organization_schemas as schemas
from onefold.api import views
from onefold.api.auth import allow
from onefold.api.call import AnyCall, Call, Result, header_parameters
from onefold.api.problems import responses
from onefold.api.schemas import Listing
from onefold.core.actor import Actor
from onefold.database.engine import UnitOfWork
from onefold.organizations.mail_senders import Relay
from onefold.organizations.policy import MatchingMode
from onefold.runs import service as runs
from onefold.runs import store as run_store
from onefold.runs.store import RunRow
from onefold.settings import blocklist, matching_mode, mobile_identification, whose_mail
from onefold.settings import service as settings
from onefold.settings.service import SettingsChanges

router = APIRouter(prefix="/v1", tags=["organization"])
READ, WRITE = "settings:read", "settings:write"
MERGE = "profiles:write"


def _settings(unit: UnitOfWork) -> Result:
    view = settings.read(unit)
    relays = [schemas.Relay(**relay._asdict()) for relay in view.relays]
    return Result(schemas.Settings(**{**view._asdict(), "relays": relays}))


@router.get("/settings", response_model=schemas.Settings, responses=responses())
def read_settings(call: AnyCall) -> Response:
    """The organization's settings."""
    return call.read(READ, _settings)


@router.patch("/settings", response_model=schemas.Settings, responses=responses(409))
def change_settings(call: AnyCall, body: schemas.SettingsChange) -> Response:
    """Changes settings. Switching the matching mode is refused where several profiles would open on one value (RES-9);
    switching Mobile Phone Number Identification on starts its run (RES-7)."""
    changes = cast(SettingsChanges, body.model_dump(exclude_unset=True))
    if "relays" in changes:
        changes["relays"] = _relays(body.relays)

    def work(unit: UnitOfWork) -> Result:
        settings.change(unit, changes, call.actor)
        return _settings(unit)

    return call.write(WRITE, work, exclusive=True)


def _relays(relays: Iterable[schemas.Relay]) -> list[Relay]:
    return [Relay(**relay.model_dump()) for relay in relays]


@router.post(
    "/settings/whose-mail/preview",
    response_model=schemas.MailPreview,
    responses=responses(409),
    openapi_extra=header_parameters(),
)
def preview_whose_mail(call: AnyCall, body: schemas.MailPreviewInput) -> Response:
    """A dry run of other own addresses and relays: which of the last 1,000 mails would be filed otherwise. Nothing is
    changed (RES-18)."""

    def work(unit: UnitOfWork) -> Result:
        relays = None if body.relays is None else _relays(body.relays)
        planned = whose_mail.preview(unit, body.own_addresses, relays)
        examples = [schemas.FiledOtherwise(**mail._asdict()) for mail in planned.examples]
        return Result(schemas.MailPreview(**{**planned._asdict(), "examples": examples}))

    return call.write(WRITE, work)


@router.get("/settings/matching-mode/{mode}/preview", response_model=schemas.ModePreview, responses=responses())
def preview_matching_mode(call: AnyCall, mode: MatchingMode) -> Response:
    """What switching the matching mode would change, and what stands in the way (RES-9)."""

    def work(unit: UnitOfWork) -> Result:
        preview = matching_mode.preview(unit, mode)
        obstacles = [
            schemas.Obstacle(kind=o.kind, value=o.value, profile_ids=list(o.profile_ids)) for o in preview.obstacles
        ]
        return Result(schemas.ModePreview(mode=preview.mode, changes=preview.changes, obstacles=obstacles))

    return call.read(READ, work)


@router.post(
    "/settings/mobile-identification/preview",
    status_code=202,
    response_model=schemas.Run,
    responses=responses(409),
    openapi_extra=header_parameters(),
)
def preview_mobile_identification(call: AnyCall) -> Response:
    """Starts a run that counts what Mobile Phone Number Identification would change, and changes nothing (RES-7)."""
    return call.write(WRITE, lambda unit: Result(views.run(mobile_identification.start_preview(unit))), status=202)


@router.get("/runs", response_model=Listing[schemas.Run], responses=responses())
def list_runs(call: AnyCall) -> Response:
    """Runs over the whole base, newest first."""
    return call.read(
        READ,
        lambda unit: Result(Listing[schemas.Run](data=[views.run(r) for r in run_store.list_runs(unit)])),
    )


@router.get("/runs/{run_id}", response_model=schemas.Run, responses=responses(404))
def read_run(call: AnyCall, run_id: str) -> Response:
    """A run and its progress."""
    return call.read(READ, lambda unit: Result(views.run(run_store.read_run(unit, run_id))))


@router.post(
    "/runs/{run_id}/stop",
    response_model=schemas.Run,
    responses=responses(404, 409),
    openapi_extra=header_parameters(),
)
def stop_run(call: AnyCall, run_id: str) -> Response:
    """Stops a run; what it has done stays, and it can be resumed. Who may merge may stop a run of merges (MRG-16)."""
    return _turn(call, run_id, runs.stop)


@router.post(
    "/runs/{run_id}/resume",
    response_model=schemas.Run,
    responses=responses(404, 409),
    openapi_extra=header_parameters(),
)
def resume_run(call: AnyCall, run_id: str) -> Response:
    """Takes a stopped run up again. Who may merge may resume a run of merges (MRG-16)."""
    return _turn(call, run_id, runs.resume)


def _turn(call: Call, run_id: str, turn: Callable[[UnitOfWork, str, Actor], RunRow]) -> Response:
    def work(unit: UnitOfWork) -> Result:
        if run_store.read_run(unit, run_id).kind != runs.MERGE_PAIRS:
            allow(call.principal, WRITE)
        return Result(views.run(turn(unit, run_id, call.actor)))

    return call.write(MERGE if MERGE in call.principal.scopes else WRITE, work)


@router.get("/blocklist", response_model=Listing[schemas.Entry], responses=responses())
def read_blocklist(call: AnyCall) -> Response:
    """Values that are text only: never identifying, never evidence (PRO-12)."""

    def work(unit: UnitOfWork) -> Result:
        entries = [schemas.Entry(kind=kind, value=value) for kind, value in blocklist.read_entries(unit)]
        return Result(Listing[schemas.Entry](data=entries))

    return call.read(READ, work)


@router.get("/blocklist/candidates", response_model=Listing[schemas.Candidate], responses=responses())
def read_candidates(call: AnyCall) -> Response:
    """Values that more profiles share than may raise suggestions (SUG-6), the commonest first: a switchboard's number,
    a placeholder. Block those that are nobody's own."""

    def work(unit: UnitOfWork) -> Result:
        candidates = [schemas.Candidate(**c._asdict()) for c in blocklist.candidates(unit)]
        return Result(Listing[schemas.Candidate](data=candidates))

    return call.read(READ, work)


@router.post(
    "/blocklist/preview",
    response_model=schemas.BlockPreview,
    responses=responses(409),
    openapi_extra=header_parameters(),
)
def preview_block(call: AnyCall, body: schemas.NewEntry) -> Response:
    """What blocking a value would do; nothing is changed (PRO-12)."""

    def work(unit: UnitOfWork) -> Result:
        planned = blocklist.preview(unit, body.kind, body.value)
        entry = schemas.Entry(kind=planned.entry.kind, value=planned.entry.value)
        return Result(schemas.BlockPreview(**{**planned._asdict(), "entry": entry}))

    return call.write(WRITE, work)


@router.post(
    "/blocklist",
    status_code=201,
    response_model=schemas.Entry,
    responses=responses(409),
    openapi_extra=header_parameters(),
)
def block(call: AnyCall, body: schemas.NewEntry) -> Response:
    """Blocks a value; profiles that it opened keep it as text. One that takes identity from many profiles is refused
    until it comes again as `confirm`; the preview says how many."""

    def work(unit: UnitOfWork) -> Result:
        entry = blocklist.block(unit, body.kind, body.value, actor=call.actor, confirm=body.confirm)
        return Result(schemas.Entry(kind=entry.kind, value=entry.value))

    return call.write(WRITE, work, status=201, exclusive=True)


@router.post(
    "/blocklist/remove",
    status_code=204,
    response_class=Response,
    responses=responses(404, 409),
    openapi_extra=header_parameters(),
)
def unblock(call: AnyCall, body: schemas.NewEntry) -> Response:
    """Takes a value off the blocklist; where one profile alone holds it, it opens that profile again."""

    def work(unit: UnitOfWork) -> Result:
        blocklist.unblock(unit, body.kind, body.value, call.actor)
        return Result(None)

    return call.write(WRITE, work, status=204, exclusive=True)


def _inbox(unit: UnitOfWork, inbox_id: str) -> schemas.Inbox:
    name = dict(account_store.list_inboxes(unit))[inbox_id]
    return schemas.Inbox(id=inbox_id, name=name, agent_ids=account_store.inbox_members(unit, inbox_id))


@router.get("/inboxes", response_model=Listing[schemas.Inbox], responses=responses())
def list_inboxes(call: AnyCall) -> Response:
    """Every inbox and who is assigned to it."""

    def work(unit: UnitOfWork) -> Result:
        inboxes = [_inbox(unit, inbox_id) for inbox_id, _ in account_store.list_inboxes(unit)]
        return Result(Listing[schemas.Inbox](data=inboxes))

    return call.read(READ, work)


@router.post(
    "/inboxes",
    status_code=201,
    response_model=schemas.Inbox,
    responses=responses(409),
    openapi_extra=header_parameters(),
)
def add_inbox(call: AnyCall, body: schemas.NamedInput) -> Response:
    """Adds an inbox."""
    return call.write(
        WRITE,
        lambda unit: Result(_inbox(unit, accounts.add_inbox(unit, body.name, call.actor)[0])),
        status=201,
        exclusive=True,
    )


@router.patch("/inboxes/{inbox_id}", response_model=schemas.Inbox, responses=responses(404, 409))
def rename_inbox(call: AnyCall, inbox_id: str, body: schemas.NamedInput) -> Response:
    """Renames an inbox."""

    def work(unit: UnitOfWork) -> Result:
        accounts.rename_inbox(unit, inbox_id, body.name, call.actor)
        return Result(_inbox(unit, inbox_id))

    return call.write(WRITE, work)


@router.put("/inboxes/{inbox_id}/agents/{agent_id}", response_model=schemas.Inbox, responses=responses(404))
def assign_agent(call: AnyCall, inbox_id: str, agent_id: str) -> Response:
    """Assigns an agent to an inbox, which becomes the agent's most recent one (PRO-9)."""

    def work(unit: UnitOfWork) -> Result:
        accounts.assign_to_inbox(unit, inbox_id, agent_id, call.actor)
        return Result(_inbox(unit, inbox_id))

    return call.write(WRITE, work)


@router.delete("/inboxes/{inbox_id}/agents/{agent_id}", response_model=schemas.Inbox, responses=responses(404))
def remove_agent(call: AnyCall, inbox_id: str, agent_id: str) -> Response:
    """Takes an agent off an inbox."""

    def work(unit: UnitOfWork) -> Result:
        accounts.remove_from_inbox(unit, inbox_id, agent_id, call.actor)
        return Result(_inbox(unit, inbox_id))

    return call.write(WRITE, work)


def _agent(row: AgentRow) -> schemas.Agent:
    return schemas.Agent(**{k: v for k, v in row._asdict().items() if k != "password_hash"})


@router.get("/agents", response_model=Listing[schemas.Agent], responses=responses())
def list_agents(call: AnyCall) -> Response:
    """Every agent."""
    return call.read(
        READ,
        lambda unit: Result(Listing[schemas.Agent](data=[_agent(row) for row in account_store.list_agents(unit)])),
    )


@router.post(
    "/agents",
    status_code=201,
    response_model=schemas.Agent,
    responses=responses(409),
    openapi_extra=header_parameters(),
)
def add_agent(call: AnyCall, body: schemas.NewAgent) -> Response:
    """Adds an agent, who cannot sign in before a password is set (`onefold agent password`)."""

    def work(unit: UnitOfWork) -> Result:
        agent = accounts.add_agent(unit, body.email, name=body.name, role=body.role, actor=call.actor)
        return Result(_agent(agent))

    return call.write(WRITE, work, status=201)


@router.get("/agents/{agent_id}", response_model=schemas.Agent, responses=responses(404))
def read_agent(call: AnyCall, agent_id: str) -> Response:
    """One agent."""
    return call.read(READ, lambda unit: Result(_agent(account_store.read_agent(unit, agent_id))))


@router.patch("/agents/{agent_id}", response_model=schemas.Agent, responses=responses(404, 409))
def change_agent(call: AnyCall, agent_id: str, body: schemas.AgentChange) -> Response:
    """Changes an agent's name or role; an inactive one is signed out everywhere. The last active admin stays one."""
    changes = {k: v for k, v in body.model_dump(exclude_unset=True).items() if v is not None}

    def work(unit: UnitOfWork) -> Result:
        agent = account_store.read_agent(unit, agent_id)
        accounts.change_agent(unit, agent.id, changes, call.actor)
        return Result(_agent(account_store.read_agent(unit, agent.id)))

    return call.write(WRITE, work)


def _key(row: KeyRow) -> schemas.Key:
    return schemas.Key(**row._asdict())


@router.get("/keys", response_model=Listing[schemas.Key], responses=responses())
def list_keys(call: AnyCall) -> Response:
    """API keys, without their secrets."""
    return call.read(
        WRITE,
        lambda unit: Result(Listing[schemas.Key](data=[_key(row) for row in account_store.list_keys(unit)])),
    )


@router.post("/keys", status_code=201, response_model=schemas.MadeKey, responses=responses(409))
def create_key(call: AnyCall, body: schemas.NewKey) -> Response:
    """Makes an API key; its token is in this answer and nowhere else, so no Idempotency-Key keeps it.

    An agent's session needs a proof of the last five minutes (403 `proof_needed`)."""
    call.require_proof()

    def work(unit: UnitOfWork) -> Result:
        row, token = accounts.create_key(
            unit, body.name, body.scopes, call.actor, within=call.principal.scopes, expires_at=body.expires_at
        )
        return Result(schemas.MadeKey(token=token, **row._asdict()))

    return call.write(WRITE, work, status=201, store_answer=False)


@router.delete("/keys/{key_id}", status_code=204, response_class=Response, responses=responses(404))
def revoke_key(call: AnyCall, key_id: str) -> Response:
    """Ends an API key; within seconds it opens nothing any more."""

    def work(unit: UnitOfWork) -> Result:
        accounts.revoke_key(unit, key_id, call.actor)
        return Result(None)

    return call.write(WRITE, work)
