"""The gravest deeds ask who does them to prove who they are, unless they have a moment ago (ASVS V7.5).

The page that asks keeps what was sent, so that nothing has to be typed again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from onefold.accounts import sessions, signing_in, throttle
from onefold.accounts import sign_in_store as sign_ins
from onefold.accounts.passwords import is_password
from onefold.accounts.service import token_hash
from onefold.accounts.sign_in_store import Credentials
from onefold.accounts.signing_in import Way
from onefold.console.forms import AnyForm, Form
from onefold.console.one_deed import FIELD as PAGE_ID
from onefold.console.pages import page
from onefold.console.visitor import AnyVisitor, Visitor
from onefold.core.errors import DomainError, InvalidValue, NotSignedIn, TooMany
from onefold.database.engine import UnitOfWork

_FIELD = "proof"


class ProofNeeded(Exception):
    """The visitor is asked for a proof, and what was sent goes along."""

    def __init__(self, visitor: Visitor, form: Form, refusal: DomainError | None) -> None:
        super().__init__()
        self.visitor, self.form, self.refusal = visitor, form, refusal


def credentials_of(unit: UnitOfWork, visitor: Visitor) -> Credentials:
    """What the visitor signs in with."""
    credentials = sign_ins.of_agent(unit, visitor.agent_id)
    assert credentials is not None
    return credentials


def proof_for(scope: str) -> Any:
    """What a route depends on whose deed is among the gravest: lets go on who may do it and has proven a moment ago who
    they are, or does so with this form; raises NotAllowed, before anything is asked for, or ProofNeeded."""

    async def demand(request: Request, visitor: AnyVisitor, form: AnyForm) -> None:
        visitor.require(scope)
        session = visitor.principal.session
        if session is not None and not sessions.is_proven(session):
            await run_in_threadpool(_take_proof, request, visitor, form)

    return Depends(demand)


def _take_proof(request: Request, visitor: Visitor, form: Form) -> None:
    proof = form.text(_FIELD)
    if not proof:
        raise ProofNeeded(visitor, form, None)
    try:
        _check(visitor, proof)
    except (NotSignedIn, TooMany, InvalidValue) as refusal:
        raise ProofNeeded(visitor, form, refusal) from None
    visitor.note(lambda unit: sessions.note_proof(unit, token_hash(visitor.token)), "profiles:read")


def _check(visitor: Visitor, proof: str) -> None:
    """Raises NotSignedIn or TooMany unless it is the password or, where there is none, a code of the second factor."""
    if visitor.read(lambda unit: credentials_of(unit, visitor)).password_hash is not None:
        check_own_password(visitor, proof)
        return
    with _trying(visitor, "second_factor"):
        visitor.note(lambda unit: signing_in.use_code(unit, visitor.agent_id, proof), "profiles:read")


def check_own_password(visitor: Visitor, password: str) -> None:
    """Raises NotSignedIn unless this is the agent's password; TooMany. One who has none has nothing to type."""
    password_hash = visitor.read(lambda unit: credentials_of(unit, visitor)).password_hash
    if password_hash is None:
        return
    with _trying(visitor, "password"):
        if not is_password(password, password_hash):
            raise NotSignedIn("This is not your password.", code="wrong_password")


@contextmanager
def _trying(visitor: Visitor, way: Way) -> Iterator[None]:
    """A try to prove it is oneself, limited, and written down where it fails."""
    organization_id = visitor.principal.organization_id
    try:
        with throttle.trying(visitor.database, organization_id, throttle.of_proof(visitor.agent_id)):
            yield
    except NotSignedIn:
        signing_in.note_refusal(
            visitor.database, organization_id, agent_id=visitor.agent_id, way=way, origin=visitor.actor.origin
        )
        raise


def ask(request: Request, needed: ProofNeeded) -> Response:
    """The page that asks for the proof."""
    credentials = needed.visitor.read(lambda unit: credentials_of(unit, needed.visitor))
    way = "password" if credentials.password_hash else "code" if credentials.totp_secret else None
    fields = [(name, value) for name, value in needed.form.fields if name not in (_FIELD, PAGE_ID)]
    address = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
    values = {"way": way, "fields": fields, "address": address, "refusal": needed.refusal}
    swapped = request.headers.get("hx-request") == "true"  # which only swaps in what is no error
    response = page(request, needed.visitor, "proof.html", status=200 if swapped else 403, **values)
    response.headers["HX-Push-Url"] = "false"
    return response
