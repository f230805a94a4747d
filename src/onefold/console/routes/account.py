"""My account: password, second factor, single sign-on, sessions, and the agent's own drafts."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import segno
from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import Response

from onefold.accounts import passkey_store, sessions, signing_in
from onefold.accounts import service as accounts
from onefold.console.forms import AnyForm
from onefold.console.pages import page, redirect_to
from onefold.console.proof import check_own_password, credentials_of
from onefold.console.visitor import AnyVisitor, Visitor, set_session
from onefold.conversations import drafts
from onefold.core.errors import InvalidValue, NotSignedIn
from onefold.database.engine import UnitOfWork
from onefold.organizations.store import settings_row
from onefold.profiles import service as profiles

router = APIRouter(prefix="/account")
_DRAFTS = 50


def _values(unit: UnitOfWork, visitor: Visitor) -> dict[str, Any]:
    own = drafts.of_author(unit, visitor.agent_id, None, _DRAFTS)
    customers = {s.row.id: s for s in profiles.summaries(unit, sorted({draft.profile_id for draft in own}))}
    return {
        "credentials": credentials_of(unit, visitor),
        "drafts": own,
        "customers": customers,
        "passkeys": passkey_store.of_agent(unit, visitor.agent_id),
        "sessions": sessions.of_agent(unit, visitor.agent_id),
        "this_session": visitor.principal.session,
        "idle": timedelta(minutes=settings_row(unit).session_idle_minutes),
    }


@router.get("")
def account(request: Request, visitor: AnyVisitor) -> Response:
    """The agent's own account."""
    values = visitor.read(lambda unit: _values(unit, visitor))
    return page(request, visitor, "account.html", provider=request.app.state.provider, **values)


def _prove(visitor: Visitor, password: str) -> None:
    """Raises InvalidValue unless this is the agent's password. Who has none must have signed in a moment ago, else this
    raises NotAllowed `proof_needed`: a browser left open is not enough (ASVS 7.5.1)."""
    session = visitor.principal.session
    if session is not None and visitor.read(lambda unit: credentials_of(unit, visitor)).password_hash is None:
        sessions.require_proof(session)
    try:
        check_own_password(visitor, password)
    except NotSignedIn:
        raise InvalidValue("Your current password is another one.", code="wrong_password", field="current") from None


@router.post("/password")
def change_password(request: Request, visitor: AnyVisitor, form: AnyForm) -> Response:
    """A new password; every other session ends."""
    new = form.text("password")
    if new != form.text("again"):
        raise InvalidValue("The two passwords differ; type the same one twice.", field="again")
    _prove(visitor, form.text("current"))

    def work(unit: UnitOfWork) -> str:
        accounts.set_password(unit, visitor.agent_id, new, visitor.actor)
        return signing_in.begin_again(unit, visitor.agent_id, visitor.actor.origin).token

    response = redirect_to("/account", "password")
    set_session(request, response, visitor.write(work, "profiles:read"))
    return response


@router.post("/sessions/{session_id}/end")
def end_session(visitor: AnyVisitor, session_id: str) -> Response:
    """Ends one of the agent's sessions."""
    visitor.write(lambda unit: sessions.end_one(unit, visitor.agent_id, session_id, visitor.actor), "profiles:read")
    return redirect_to("/account", "session-ended")


@router.post("/sign-out-everywhere")
def sign_out_everywhere(visitor: AnyVisitor) -> Response:
    """Ends every session of the agent but this one."""
    visitor.write(
        lambda unit: signing_in.sign_out_everywhere(unit, visitor.agent_id, visitor.token, visitor.actor),
        "profiles:read",
    )
    return redirect_to("/account", "signed-out-everywhere")


@router.get("/second-factor")
def second_factor(request: Request, visitor: AnyVisitor) -> Response:
    """A fresh secret to be taken into an authenticator; nothing is kept before a code proves that it was."""
    return _offer(request, visitor, *signing_in.new_second_factor(visitor.agent))


def _offer(
    request: Request, visitor: Visitor, secret: str, address: str, *, status: int = 200, notice: str | None = None
) -> Response:
    picture = io.BytesIO()
    segno.make(address, error="m").save(picture, kind="svg", xmldecl=False, svgns=True, omitsize=True, nl=False)
    # Made here of an address that we have made, black on white: nothing of a customer's is in it.
    asks = visitor.read(lambda unit: credentials_of(unit, visitor)).password_hash is not None
    values = {"secret": secret, "picture": Markup(picture.getvalue().decode()), "asks": asks}
    return page(request, visitor, "second_factor.html", status=status, notice=notice, **values)


@router.post("/second-factor")
def turn_on(request: Request, visitor: AnyVisitor, form: AnyForm) -> Response:
    """Turns the second factor on, by a code that proves that the secret was taken."""
    secret, code = form.text("secret"), form.text("code")
    _prove(visitor, form.text("current"))
    try:
        visitor.write(
            lambda unit: signing_in.turn_on_second_factor(
                unit, visitor.agent_id, secret, code=code, actor=visitor.actor, except_token=visitor.token
            ),
            "profiles:read",
        )
    except InvalidValue as refusal:
        if refusal.code != "wrong_code":
            raise
        address = signing_in.address_of_second_factor(visitor.agent, secret)
        return _offer(request, visitor, secret, address, status=422, notice=refusal.detail)
    return redirect_to("/account", "second-factor-on")


@router.post("/second-factor/off")
def turn_off(request: Request, visitor: AnyVisitor, form: AnyForm) -> Response:
    """Turns the second factor off, by the current password."""
    _prove(visitor, form.text("current"))
    visitor.write(
        lambda unit: signing_in.turn_off_second_factor(unit, visitor.agent_id, visitor.actor, visitor.token),
        "profiles:read",
    )
    return redirect_to("/account", "second-factor-off")
