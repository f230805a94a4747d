"""Signing in: by password and second factor, by a one-time link or an invitation; and signing out."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.to_thread
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from onefold.accounts import signing_in
from onefold.accounts.passkeys import site_of
from onefold.accounts.signing_in import SecondFactorNeeded, SignedIn, Visit
from onefold.console.forms import AnyForm, Form
from onefold.console.pages import HEADERS, redirect_to, render
from onefold.console.visitor import (
    AnyVisitor,
    device_cookie,
    end_session,
    local_path,
    maybe_signed_in,
    origin_of,
    public_address,
    set_session,
)
from onefold.core.errors import DomainError, InvalidValue, NotSignedIn, TooMany
from onefold.core.process_settings import Settings
from onefold.database.engine import Database
from onefold.database.transactions import run_in_transaction
from onefold.organizations.store import organization_ids

router = APIRouter()
# Checking a password takes long on purpose: a flood of tries must not hold the threads that answer everybody else.
_CHECKS = anyio.CapacityLimiter(4)
_LONGEST_EMAIL = 400


def _page(request: Request, *, status: int = 200, refusal: DomainError | None = None, **values: Any) -> Response:
    """The sign-in page. An organization is asked for only where there are several; nobody is told their names."""
    settings: Settings = request.app.state.settings
    database: Database = request.app.state.database
    defaults: dict[str, Any] = {
        "then": local_path(request.query_params.get("then")),
        "organization": request.query_params.get("organization", ""),
        "several": len(organization_ids(database)) > 1,
        "provider": settings.oidc_label if request.app.state.provider is not None else None,
        "takes_passkeys": site_of(public_address(request)).takes_passkeys,
        "email": "",
        "said": request.query_params.get("said"),
    }
    return render(request, "sign_in.html", status, refusal=refusal, **{**defaults, **values})


@router.get("/sign-in")
async def sign_in_page(request: Request) -> Response:
    """The form; whoever is signed in already goes on."""
    visitor = await maybe_signed_in(request)
    then = local_path(request.query_params.get("then"))
    return RedirectResponse(then, 303, HEADERS) if visitor is not None else _page(request)


@router.post("/sign-in")
async def sign_in(request: Request, form: AnyForm) -> Response:
    """By email and password; tries are limited."""
    return await anyio.to_thread.run_sync(_sign_in, request, form, limiter=_CHECKS)


def _sign_in(request: Request, form: Form) -> Response:
    # Longer is no address, and taking a very long text apart may hold everybody up.
    email, then = form.text("email")[:_LONGEST_EMAIL].strip(), local_path(form.line("then"))
    try:
        organization_id = _organization(request, form)
        result = signing_in.sign_in_apart(
            request.app.state.database,
            organization_id,
            email=email,
            password=form.text("password"),
            visit=visit_of(request),
        )
    except (NotSignedIn, InvalidValue, TooMany) as refusal:
        status = 429 if isinstance(refusal, TooMany) else 401
        wrong = refusal if isinstance(refusal, TooMany) else _WRONG
        return _page(
            request, status=status, refusal=wrong, email=email, then=then, organization=form.text("organization")
        )
    return _enter(request, result, then)


def sign_in_again(request: Request, refusal: DomainError, then: str) -> Response:
    """The form again, and why: for ways of signing in that begin on it."""
    return _page(request, status=429 if isinstance(refusal, TooMany) else 401, refusal=refusal, then=then)


def visit_of(request: Request) -> Visit:
    """From where this request signs in."""
    return Visit(request.client.host if request.client else "", origin_of(request), device_cookie(request))


_WRONG = NotSignedIn("The email or the password is wrong.", code="wrong_password")


def _organization(request: Request, form: Form) -> int:
    known = [organization_id for organization_id, _ in organization_ids(request.app.state.database)]
    chosen = form.number("organization") if len(known) > 1 else next(iter(known), None)
    if chosen not in known or chosen is None:
        raise _WRONG
    return chosen


def _enter(request: Request, result: SignedIn | SecondFactorNeeded, then: str) -> Response:
    if isinstance(result, SecondFactorNeeded):
        return render(request, "sign_in_code.html", ticket=result.ticket, then=then, refusal=None)
    response = redirect_to(then)
    set_session(request, response, result.token)
    return response


@router.post("/sign-in/code")
def code(request: Request, form: AnyForm) -> Response:
    """The second factor: a code of the agent's authenticator."""
    ticket, then = form.text("ticket"), local_path(form.line("then"))
    database: Database = request.app.state.database
    try:
        organization_id = signing_in.organization_of_token(ticket)
        result = signing_in.second_factor_apart(
            database, organization_id, ticket=ticket, code=form.text("code"), visit=visit_of(request)
        )
    except (NotSignedIn, TooMany) as refusal:
        if refusal.code == "wrong_code":
            return render(request, "sign_in_code.html", 401, ticket=ticket, then=then, refusal=refusal)
        return sign_in_again(request, refusal, then)
    return _enter(request, result, then)


@router.get("/sign-in/link")
async def link_page(request: Request, token: str = "") -> Response:
    """A one-time link: it signs in by a form, so that nothing that only looks at addresses uses it up. Whoever is
    signed in is asked first: a link of somebody else's must not make them that one unawares."""
    return render(request, "sign_in_link.html", token=token, already=await maybe_signed_in(request))


@router.post("/sign-in/link")
def link(request: Request, form: AnyForm) -> Response:
    """Uses a one-time link up."""
    token = form.text("token")
    try:
        organization_id = signing_in.organization_of_token(token)
        result = run_in_transaction(
            request.app.state.database,
            organization_id,
            lambda unit: signing_in.use_link(unit, token, origin_of(request)),
        )
    except NotSignedIn as refusal:
        return _page(request, status=401, refusal=refusal)
    return _enter(request, result, "/customers")


@router.get("/invitation")
def invitation_page(request: Request, token: str = "") -> Response:
    """An invitation: choose a password."""
    return render(request, "invitation.html", token=token, refusal=None)


@router.post("/invitation")
def accept(request: Request, form: AnyForm) -> Response:
    """Sets the password of somebody who was invited, and signs in."""
    token, password = form.text("token"), form.text("password")
    try:
        if password != form.text("again"):
            raise InvalidValue("The two passwords differ; type the same one twice.", field="again")
        organization_id = signing_in.organization_of_token(token)
        result = run_in_transaction(
            request.app.state.database,
            organization_id,
            lambda unit: signing_in.accept_invitation(unit, token, password, origin_of(request)),
        )
    except InvalidValue as refusal:
        return render(request, "invitation.html", 422, token=token, refusal=refusal)
    except NotSignedIn as refusal:
        return _page(request, status=401, refusal=refusal)
    return _enter(request, result, "/customers")


@router.post("/sign-out")
def sign_out(request: Request, visitor: AnyVisitor) -> Response:
    """Ends this session."""
    visitor.write(lambda unit: signing_in.sign_out(unit, visitor.token, visitor.actor))
    response = redirect_to("/sign-in", "signed-out")
    end_session(request, response)
    return response
