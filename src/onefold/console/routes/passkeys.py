"""Passkeys: making one on one's account page, and signing in by one. The page's script asks the browser for both."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from onefold.accounts import passkeys
from onefold.accounts.passkeys import Asked, Ceremony, Site
from onefold.console import in_progress
from onefold.console.forms import AnyForm
from onefold.console.pages import HEADERS, page, redirect_to
from onefold.console.proof import proof_for
from onefold.console.routes.sign_in import sign_in_again, visit_of
from onefold.console.visitor import AnyVisitor, local_path, public_address, set_session
from onefold.core.errors import InvalidValue, NotSignedIn, TooMany
from onefold.organizations.store import organization_ids

router = APIRouter()
_MAKING, _SIGNING_IN = "passkey-making", "passkey"


def _site(request: Request) -> Site:
    return passkeys.site_of(public_address(request))


def _fields_of(ceremony: Ceremony) -> dict[str, str]:
    return {"challenge": ceremony.asked.challenge, "at": ceremony.asked.at.isoformat()}


def _read_asked(request: Request, purpose: str) -> Asked | None:
    """What this browser was asked for, if it has not taken too long."""
    pending = in_progress.read(request, purpose)
    return None if pending is None else Asked(str(pending["challenge"]), datetime.fromisoformat(pending["at"]))


@router.post("/account/passkeys/new", dependencies=[proof_for("profiles:read")])
def begin_making(request: Request, visitor: AnyVisitor) -> Response:
    """The page that has the browser make a passkey."""
    site = _site(request)
    ceremony = visitor.read(lambda unit: passkeys.ask_to_make(unit, visitor.agent, site))
    response = page(request, visitor, "passkey.html", options=ceremony.options, site=site)
    in_progress.keep(request, response, _MAKING, _fields_of(ceremony))
    return response


@router.post("/account/passkeys", dependencies=[proof_for("profiles:read")])
def add(request: Request, visitor: AnyVisitor, form: AnyForm) -> Response:
    """Keeps the passkey that the browser has made."""
    asked = _read_asked(request, _MAKING)
    if asked is None:
        raise InvalidValue("Making a passkey took too long. Try again.", code="passkey_not_valid")
    credential, name, site = form.text("credential"), form.line("name") or "", _site(request)
    visitor.write(
        lambda unit: passkeys.add(
            unit, visitor.agent_id, credential, name=name, site=site, challenge=asked.challenge, actor=visitor.actor
        ),
        "profiles:read",
    )
    response = redirect_to("/account", "passkey-added")
    in_progress.forget(request, response, _MAKING)
    return response


@router.post("/account/passkeys/{passkey_id}/remove", dependencies=[proof_for("profiles:read")])
def remove(visitor: AnyVisitor, passkey_id: str) -> Response:
    """The passkey signs the agent in no more."""
    visitor.write(lambda unit: passkeys.remove(unit, visitor.agent_id, passkey_id, visitor.actor), "profiles:read")
    return redirect_to("/account", "passkey-removed")


@router.post("/sign-in/passkey/begin")
def begin_signing_in(request: Request) -> Response:
    """What the browser needs to sign in by a passkey, as JSON. It says nothing of who has one."""
    ceremony = passkeys.ask_to_sign_in(_site(request))
    response = Response(ceremony.options, media_type="application/json", headers=HEADERS)
    in_progress.keep(request, response, _SIGNING_IN, _fields_of(ceremony))
    return response


@router.post("/sign-in/passkey")
def sign_in(request: Request, form: AnyForm) -> Response:
    """Signs in by a passkey; tries are limited."""
    credential, then = form.text("credential"), local_path(form.line("then"))
    database, asked = request.app.state.database, _read_asked(request, _SIGNING_IN)
    try:
        organization_id = passkeys.organization_of(credential)
        if asked is None or organization_id not in {one for one, _ in organization_ids(database)}:
            raise NotSignedIn("This sign-in took too long. Try again.", code="passkey_unknown")
        result = passkeys.sign_in_apart(
            database, organization_id, credential, site=_site(request), asked=asked, visit=visit_of(request)
        )
    except (NotSignedIn, TooMany) as refusal:
        return sign_in_again(request, refusal, then)
    response = redirect_to(then)
    set_session(request, response, result.token)
    in_progress.forget(request, response, _SIGNING_IN)
    return response
