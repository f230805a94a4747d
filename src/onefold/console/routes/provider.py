"""Signing in by an OpenID Connect provider, and linking one's account with it; by the provider's subject only."""

from __future__ import annotations

import secrets
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from onefold.accounts import sessions, signing_in
from onefold.channels.oidc import Provider, Secrets
from onefold.console import in_progress
from onefold.console.forms import followed_here
from onefold.console.pages import HEADERS, redirect_to
from onefold.console.proof import proof_for
from onefold.console.visitor import (
    AnyVisitor,
    Visitor,
    local_path,
    maybe_signed_in,
    origin_of,
    public_address,
    set_session,
    signed_in,
)
from onefold.core.errors import NotFound, NotSignedIn
from onefold.database.transactions import run_in_transaction
from onefold.organizations.store import organization_ids

router = APIRouter()
_PURPOSE = "provider"


def _provider(request: Request) -> Provider:
    provider: Provider | None = request.app.state.provider
    if provider is None:
        raise NotFound("Single sign-on is not set up here.", code="no_provider")
    return provider


def _back(request: Request) -> str:
    return f"{public_address(request)}/sign-in/provider/back"


@router.get("/sign-in/provider")
async def begin(request: Request, then: str = "/", organization: int | None = None, link: bool = False) -> Response:
    """On to the provider. `link` comes back to link the account of whoever is signed in here: only where the agent
    asks for it on a page of ours, or another site's page could link an account of its own to the agent's."""
    visitor = await signed_in(request) if link else None
    session = None if visitor is None else visitor.principal.session
    if visitor is not None and not (followed_here(request) and session is not None and sessions.is_proven(session)):
        return redirect_to("/account")
    return await run_in_threadpool(_begin, request, then, organization, visitor)


def _begin(request: Request, then: str, organization: int | None, visitor: Visitor | None) -> Response:
    known = _organizations(request)
    chosen = organization if organization in known else next(iter(known), None)
    address, flow_secrets = _provider(request).begin(_back(request))
    value = {"secrets": list(flow_secrets), "then": local_path(then), "organization": chosen}
    if visitor is not None:
        value["link"] = visitor.agent_id
    response = RedirectResponse(address, 303, HEADERS)
    in_progress.keep(request, response, _PURPOSE, value)
    return response


@router.get("/sign-in/provider/back")
async def back(request: Request, code: str = "", state: str = "", error: str = "") -> Response:
    """Back from the provider, signed in there."""
    if error:
        raise NotSignedIn(
            "The provider did not sign you in. Begin again, or sign in another way.", code="not_signed_in"
        )
    visitor = await maybe_signed_in(request)
    response = await run_in_threadpool(_finish, request, visitor, code, state)
    in_progress.forget(request, response, _PURPOSE)
    return response


def _finish(request: Request, visitor: Visitor | None, code: str, state: str) -> Response:
    pending = _read_kept_request(request)
    known = Secrets(*pending["secrets"])
    if not code or not secrets.compare_digest(known.state.encode(), state.encode()):
        raise _lost_request()
    identity = _provider(request).finish(code, known, _back(request))
    if "link" in pending:
        if visitor is None or visitor.agent_id != pending["link"]:
            raise NotSignedIn("Sign in first, then link your account.")
        visitor.write(lambda unit: signing_in.link_provider(unit, visitor.agent_id, identity, visitor.actor))
        return redirect_to("/account", "linked")
    session = run_in_transaction(
        request.app.state.database,
        pending["organization"],
        lambda unit: signing_in.sign_in_by_provider(unit, identity, origin_of(request)),
    )
    response = redirect_to(local_path(pending["then"]))
    set_session(request, response, session.token)
    return response


def _read_kept_request(request: Request) -> dict[str, Any]:
    pending = in_progress.read(request, _PURPOSE)
    if pending is None:
        raise _lost_request()
    try:
        texts = [*pending["secrets"], pending["then"]]
        if len(texts) != len(Secrets._fields) + 1 or not all(isinstance(text, str) for text in texts):
            raise _lost_request()
        if not isinstance(pending["organization"], int) or pending["organization"] not in _organizations(request):
            raise _lost_request()
    except (ValueError, KeyError, TypeError):
        raise _lost_request() from None
    return pending


def _organizations(request: Request) -> list[int]:
    return [organization_id for organization_id, _ in organization_ids(request.app.state.database)]


def _lost_request() -> NotSignedIn:
    return NotSignedIn("This sign-in was started elsewhere, or took too long. Start over.", code="provider_lost")


@router.post("/account/provider/link", dependencies=[proof_for("profiles:read")])
def link(visitor: AnyVisitor) -> Response:
    """On to the provider, to link the account there: whoever has it can sign in as this agent then."""
    return redirect_to("/sign-in/provider?link=true")


@router.post("/account/provider/unlink", dependencies=[proof_for("profiles:read")])
def unlink(visitor: AnyVisitor) -> Response:
    """The provider signs the agent in no more."""
    visitor.write(lambda unit: signing_in.unlink_provider(unit, visitor.agent_id, visitor.actor))
    return redirect_to("/account", "unlinked")
