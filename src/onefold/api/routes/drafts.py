"""/v1/drafts: what agents are composing (MRG-9). Each sees their own only; somebody else's are not there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from onefold.api import schemas, views
from onefold.api.call import AnyCall, Result, header_parameters
from onefold.api.draft_schemas import Draft, DraftInput
from onefold.api.problems import responses
from onefold.api.routes.conversations import Cursor, Limit
from onefold.api.routes.profiles import READ, WRITE
from onefold.conversations import drafts
from onefold.conversations.draft_store import DraftRow
from onefold.conversations.drafts import Composed
from onefold.database.engine import UnitOfWork

router = APIRouter(prefix="/v1", tags=["drafts"])
AgentId = Annotated[
    str | None,
    Query(max_length=100, description="Whose drafts are meant, if an API key asks; a signed-in agent's are its own."),
]


def _draft(row: DraftRow) -> Draft:
    return Draft(**row._asdict())


def _page(rows: Sequence[DraftRow], limit: int) -> Result:
    more = schemas.cursor_of(rows[limit - 1].id) if len(rows) > limit else None
    return Result(schemas.Page[Draft](data=[_draft(row) for row in rows[:limit]], next_cursor=more))


def _to_composed(body: DraftInput) -> Composed:
    return Composed(body.kind, body.body, body.subject, body.contact_point_id)


@router.post(
    "/profiles/{profile_id}/drafts",
    status_code=201,
    response_model=Draft,
    responses=responses(404, 409),
    openapi_extra=header_parameters(),
)
def create_draft(call: AnyCall, profile_id: str, body: DraftInput) -> Response:
    """Begins a draft on a profile. Other systems are not told of drafts."""
    author_id = call.principal.agent_id or body.agent_id

    def work(unit: UnitOfWork) -> Result:
        return Result(_draft(drafts.create(unit, profile_id, author_id, _to_composed(body))))

    return call.write(WRITE, work, status=201)


@router.get("/profiles/{profile_id}/drafts", response_model=schemas.Page[Draft], responses=responses(404))
def list_profile_drafts(
    call: AnyCall, profile_id: str, agent_id: AgentId = None, cursor: Cursor = None, limit: Limit = 50
) -> Response:
    """One's own drafts on a profile, newest first."""
    author_id, before = call.principal.agent_id or agent_id, schemas.id_of(cursor)
    return call.read(
        READ, lambda unit: _page(drafts.of_profile(unit, profile_id, author_id, before=before, limit=limit + 1), limit)
    )


@router.get("/drafts", response_model=schemas.Page[Draft], responses=responses(404))
def list_drafts(call: AnyCall, agent_id: AgentId = None, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """All of one's own drafts, newest first."""
    author_id, before = call.principal.agent_id or agent_id, schemas.id_of(cursor)
    return call.read(READ, lambda unit: _page(drafts.of_author(unit, author_id, before, limit + 1), limit))


@router.get("/drafts/{draft_id}", response_model=Draft, responses=responses(404))
def read_draft(call: AnyCall, draft_id: str, agent_id: AgentId = None) -> Response:
    """One of one's own drafts."""
    author_id = call.principal.agent_id or agent_id
    return call.read(READ, lambda unit: Result(_draft(drafts.read(unit, draft_id, author_id))))


@router.put("/drafts/{draft_id}", response_model=Draft, responses=responses(404))
def save_draft(call: AnyCall, draft_id: str, body: DraftInput) -> Response:
    """Saves a draft, the same while and after somebody else merges its profile; the answer names the profile it is on
    now (MRG-9)."""
    author_id = call.principal.agent_id or body.agent_id
    return call.write(WRITE, lambda unit: Result(_draft(drafts.save(unit, draft_id, author_id, _to_composed(body)))))


@router.delete("/drafts/{draft_id}", status_code=204, response_class=Response, responses=responses(404))
def delete_draft(call: AnyCall, draft_id: str, agent_id: AgentId = None) -> Response:
    """Throws a draft away."""
    author_id = call.principal.agent_id or agent_id

    def work(unit: UnitOfWork) -> Result:
        drafts.delete(unit, draft_id, author_id)
        return Result(None)

    return call.write(WRITE, work)


@router.post(
    "/drafts/{draft_id}/send",
    status_code=201,
    response_model=schemas.Item,
    responses=responses(404, 409),
    openapi_extra=header_parameters(),
)
def send_draft(call: AnyCall, draft_id: str, agent_id: AgentId = None) -> Response:
    """Finishes a draft: it becomes an item of the timeline, as if it had been written there, and is a draft no more.
    The item's `state` says whether it was sent; Onefold sends nothing yet (SND-1)."""
    author_id = call.principal.agent_id or agent_id

    def work(unit: UnitOfWork) -> Result:
        return Result(views.item(drafts.send(unit, draft_id, author_id), ()))

    return call.write(WRITE, work, status=201)
