"""How agents get in, by password, second factor, one-time link or single sign-on; and how they get out again.

Whatever the way, it ends in a session's token, or first in a ticket that asks for the second factor. A refusal never
tells who has an account here. Tries are limited by `throttle.py`: here where a function opens its own units, elsewhere
by whoever calls.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Literal, NamedTuple

import pyotp

from onefold.accounts import known_devices, session_store, sessions, throttle
from onefold.accounts import sign_in_store as store
from onefold.accounts import store as account_store
from onefold.accounts.known_devices import KnownDevice
from onefold.accounts.passwords import is_password
from onefold.accounts.service import new_token, reset_password, token_hash, token_parts
from onefold.accounts.sign_in_store import Credentials
from onefold.accounts.store import AgentRow
from onefold.audit import service as audit
from onefold.audit.service import Action
from onefold.contact_points.emails import parse_email
from onefold.core.actor import Actor
from onefold.core.clock import utc_now
from onefold.core.errors import Conflict, InvalidValue, NotSignedIn
from onefold.database.engine import Database, UnitOfWork
from onefold.database.transactions import run_in_transaction

TICKET_LENGTH = timedelta(minutes=5)
LONGEST_LINK = timedelta(days=30)
Purpose = Literal["link", "invitation"]
Way = Literal["password", "second_factor", "link", "invitation", "provider", "passkey"]
_SECRET = re.compile(r"[A-Z2-7]{32}\Z", re.ASCII)
_CODE = re.compile(r"[0-9]{6}\Z", re.ASCII)


class SignedIn(NamedTuple):
    """The token of a session that has begun."""

    token: str


class SecondFactorNeeded(NamedTuple):
    """So far so good: the ticket, and a code of the second factor, begin a session within five minutes."""

    ticket: str


class Identity(NamedTuple):
    """An account at a single sign-on provider. The subject alone says whose: addresses there change hands."""

    issuer: str
    subject: str


class Visit(NamedTuple):
    """From where somebody signs in: the client's IP address, as the audit log keeps it, and with what cookie of
    `known_devices.py`."""

    client: str
    origin: str
    device_cookie: str = ""


def organization_of_token(token: str) -> int:
    """The organization of a session's, a link's, an invitation's or a ticket's token; raises NotSignedIn."""
    kind, organization_id = token_parts(token)
    if kind not in ("ofs", "oft"):
        raise NotSignedIn("The credential is not one of signing in.")
    return organization_id


# By password ----------------------------------------------------------------------------------------------------------


def sign_in(unit: UnitOfWork, email: str, password: str, origin: str) -> SignedIn | SecondFactorNeeded:
    """Signs in by password; raises NotSignedIn `wrong_password` without saying which of the two was wrong.

    The check takes a tenth of a second of this unit, for which all other writers wait on SQLite: servers take
    `sign_in_apart`.
    """
    return _by_password(unit, _check_password(store.of_email(unit, parse_email(email)), password), origin)


def sign_in_apart(
    database: Database, organization_id: int, email: str, password: str, visit: Visit
) -> SignedIn | SecondFactorNeeded:
    """The same in short units, and the check between them: nobody waits for it. Tries are limited: raises TooMany
    `too_many_sign_ins` (`facts["retry_after"]` in seconds)."""
    address = parse_email(email)
    with database.read(organization_id) as unit:
        credentials = store.of_email(unit, address)
    agent_id = None if credentials is None else credentials.id
    device = _known_device(database, organization_id, agent_id, visit.device_cookie)
    try:
        with throttle.trying(database, organization_id, throttle.of_password(address, visit.client, device)):
            checked = _check_password(credentials, password)
            return run_in_transaction(database, organization_id, lambda unit: _by_password(unit, checked, visit.origin))
    except NotSignedIn:
        note_refusal(database, organization_id, agent_id, "password", visit.origin)
        raise


def _known_device(database: Database, organization_id: int, agent_id: str | None, cookie: str) -> KnownDevice | None:
    """The device of a cookie, if this agent has signed in with it before."""
    device = known_devices.recognize(database.secrets, organization_id, cookie)
    return device if device is not None and device.agent_id == agent_id else None


def note_refusal(database: Database, organization_id: int, agent_id: str | None, way: Way, origin: str) -> None:
    """Writes down that somebody was not let in; whose account it was about, where there is one. Only what `throttle.py`
    counts is written, so nobody fills the log by it, and never what was typed."""

    def work(unit: UnitOfWork) -> None:
        details = {"agent_id": agent_id, "way": way}
        audit.record(unit, Actor(None, None, origin), "session.refused", details=details)

    run_in_transaction(database, organization_id, work)


def _check_password(credentials: Credentials | None, password: str) -> Credentials:
    right = is_password(password, credentials.password_hash if credentials is not None and credentials.active else None)
    if credentials is None or not right:
        raise _wrong_password()
    return credentials


def _by_password(unit: UnitOfWork, checked: Credentials, origin: str) -> SignedIn | SecondFactorNeeded:
    now = store.hold_credentials(unit, checked.id)
    if now is None or not now.active or now.password_hash != checked.password_hash:
        raise _wrong_password()
    return _enter(unit, now, "password", origin)


def _wrong_password() -> NotSignedIn:
    return NotSignedIn("The email or the password is wrong.", code="wrong_password")


def _enter(unit: UnitOfWork, who: Credentials, way: Way, origin: str) -> SignedIn | SecondFactorNeeded:
    if who.totp_secret is None:
        return begin_session(unit, who.id, way, origin)
    return SecondFactorNeeded(_one_time(unit, who.id, "second_factor", TICKET_LENGTH))


def begin_session(unit: UnitOfWork, agent_id: str, way: Way, origin: str) -> SignedIn:
    """The session of an agent who has proven in this way to be one; it is written down."""
    session = begin_again(unit, agent_id, origin)
    audit.record(unit, Actor(agent_id, None, origin), "session.begun", details={"agent_id": agent_id, "way": way})
    return session


def begin_again(unit: UnitOfWork, agent_id: str, origin: str) -> SignedIn:
    """A new session in place of those that a change of the agent's own has ended, in the unit of that change."""
    token = new_token("ofs", unit.organization_id)
    sessions.begin(unit, token_hash(token), agent_id, origin)
    return SignedIn(token)


def _one_time(unit: UnitOfWork, agent_id: str, purpose: str, valid: timedelta) -> str:
    token = new_token("oft", unit.organization_id)
    store.add_token(unit, token_hash(token), agent_id, purpose=purpose, expires_at=utc_now() + valid)
    return token


# The second factor ----------------------------------------------------------------------------------------------------


def second_factor(unit: UnitOfWork, ticket: str, code: str, origin: str) -> SignedIn:
    """Begins the session a ticket was given for, by a code of the agent's authenticator: of now, or of the 30 seconds
    before or after. A code serves once.

    Raises NotSignedIn: `wrong_code`, with which the ticket stays good, or `ticket_not_valid`.
    """
    agent_id = store.take_token(unit, token_hash(ticket), "second_factor", utc_now())
    if agent_id is None:
        raise _no_ticket()
    who = store.of_agent(unit, agent_id)
    if who is None or not who.active or who.totp_secret is None:
        raise _no_ticket()
    _take_code(unit, who, code)
    return begin_session(unit, agent_id, "second_factor", origin)


def use_code(unit: UnitOfWork, agent_id: str, code: str) -> None:
    """Takes a code of the agent's authenticator as a proof, once. Raises NotSignedIn `wrong_code`."""
    _take_code(unit, _agent(unit, agent_id), code)


def _take_code(unit: UnitOfWork, who: Credentials, code: str) -> None:
    step = None if who.totp_secret is None else _step(who.totp_secret, code)
    if who.totp_secret is None or step is None or not store.take_step(unit, who.id, who.totp_secret, step):
        detail = "The code is wrong, or was used before. Enter the next one."
        raise NotSignedIn(detail, code="wrong_code")


def second_factor_apart(database: Database, organization_id: int, ticket: str, code: str, visit: Visit) -> SignedIn:
    """The same in a unit of its own, a limited number of times: after five wrong codes within 15 minutes, TooMany
    `too_many_sign_ins` (`facts["retry_after"]` in seconds), whatever the ticket. A wrong code is written down."""
    with database.read(organization_id) as unit:
        agent_id = store.agent_of_token(unit, token_hash(ticket), "second_factor", utc_now())
    if agent_id is None:
        raise _no_ticket()
    device = _known_device(database, organization_id, agent_id, visit.device_cookie)
    try:
        with throttle.trying(database, organization_id, throttle.of_code(agent_id, device)):
            return run_in_transaction(
                database, organization_id, lambda unit: second_factor(unit, ticket, code, visit.origin)
            )
    except NotSignedIn as refusal:
        if refusal.code == "wrong_code":
            note_refusal(database, organization_id, agent_id, "second_factor", visit.origin)
        raise


def _no_ticket() -> NotSignedIn:
    return NotSignedIn("This sign-in has taken too long or was completed. Begin again.", code="ticket_not_valid")


def _step(secret: str, code: str) -> int | None:
    """The 30 seconds since 1970 that a code is of; None if it is of none around now."""
    digits = "".join(code[:20].split())
    if not _CODE.match(digits):
        return None
    try:
        return pyotp.TOTP(secret).verify_and_get_timecode(digits, for_time=utc_now(), valid_window=1)
    except pyotp.OTPVerificationError:
        return None


def has_second_factor(unit: UnitOfWork, agent_id: str) -> bool:
    """Whether signing in asks the agent for a code; raises NotFound."""
    return _agent(unit, agent_id).totp_secret is not None


def new_second_factor(agent: AgentRow) -> tuple[str, str]:
    """A fresh secret and its otpauth:// address, for a QR code. Nothing is stored: see `turn_on_second_factor`."""
    secret = pyotp.random_base32()
    return secret, address_of_second_factor(agent, secret)


def address_of_second_factor(agent: AgentRow, secret: str) -> str:
    """The otpauth:// address of a secret, for a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=agent.email, issuer_name="Onefold")


def turn_on_second_factor(
    unit: UnitOfWork, agent_id: str, secret: str, code: str, actor: Actor, except_token: str | None = None
) -> None:
    """Asks the agent for a second factor from now on; ends the agent's sessions but the one of `except_token`.

    `code` proves that the authenticator has taken the secret, and is used up. Raises InvalidValue `wrong_code` or
    `invalid_secret`, Conflict `second_factor_present`, NotFound.
    """
    if not _SECRET.match(secret):
        raise InvalidValue("The secret is not one that Onefold makes.", code="invalid_secret", field="secret")
    step = _step(secret, code)
    if step is None:
        raise InvalidValue(
            "The code is wrong. Does the clock of the authenticator go right?", code="wrong_code", field="code"
        )
    _agent(unit, agent_id)
    if not store.set_second_factor(unit, agent_id, secret, step):
        raise Conflict("There is a second factor already; turn it off first.", code="second_factor_present")
    _end_sessions(unit, agent_id, except_token, "second_factor")
    audit.record(unit, actor, "agent.second_factor_on", details={"agent_id": agent_id})


def turn_off_second_factor(unit: UnitOfWork, agent_id: str, actor: Actor, except_token: str | None = None) -> None:
    """The password alone signs in from now on; ends the agent's sessions but the one of `except_token`. Raises
    NotFound. Nothing happens where there is no second factor."""
    _agent(unit, agent_id)
    if store.clear_second_factor(unit, agent_id):
        _end_sessions(unit, agent_id, except_token, "second_factor")
        audit.record(unit, actor, "agent.second_factor_off", details={"agent_id": agent_id})


def _agent(unit: UnitOfWork, agent_id: str) -> Credentials:
    credentials = store.of_agent(unit, account_store.read_agent(unit, agent_id).id)
    assert credentials is not None
    return credentials


# By a one-time link ---------------------------------------------------------------------------------------------------


def make_link(unit: UnitOfWork, agent_id: str, purpose: Purpose, valid: timedelta, actor: Actor) -> str:
    """The token of a link that signs the agent in, or of an invitation to choose a password; good once, for so long,
    and only until the next of the same purpose is made.

    Raises NotFound, Conflict `agent_inactive`, InvalidValue `invalid_duration` beyond 30 days.
    """
    if not timedelta(0) < valid <= LONGEST_LINK:
        raise InvalidValue("A link is valid for at most 30 days.", code="invalid_duration", field="valid")
    if not _agent(unit, agent_id).active:
        raise Conflict("This agent is no longer active.", code="agent_inactive")
    store.end_tokens(unit, agent_id, purpose)
    token = _one_time(unit, agent_id, purpose, valid)
    action: Action = "agent.link_made" if purpose == "link" else "agent.invited"
    audit.record(unit, actor, action, details={"agent_id": agent_id, "seconds": round(valid.total_seconds())})
    return token


def use_link(unit: UnitOfWork, token: str, origin: str) -> SignedIn | SecondFactorNeeded:
    """Signs in by a link, once; an agent with a second factor is asked for it. Raises NotSignedIn `link_not_valid`."""
    return _enter(unit, _of_link(unit, token, "link"), "link", origin)


def accept_invitation(unit: UnitOfWork, token: str, password: str, origin: str) -> SignedIn | SecondFactorNeeded:
    """Sets the password of somebody who was invited, once, and signs in; other sessions and links of the agent end.

    Raises NotSignedIn `link_not_valid`; InvalidValue of `check_password`, with which the invitation stays good.
    """
    who = _of_link(unit, token, "invitation")
    reset_password(unit, who.id, password, Actor(who.id, None, origin))
    return _enter(unit, who, "invitation", origin)


def _of_link(unit: UnitOfWork, token: str, purpose: Purpose) -> Credentials:
    agent_id = store.take_token(unit, token_hash(token), purpose, utc_now())
    who = None if agent_id is None else store.hold_credentials(unit, agent_id)
    if who is None or not who.active:
        raise NotSignedIn(
            "This link is no longer good: it was used, or has expired. Ask an admin for a new one.",
            code="link_not_valid",
        )
    return who


# By single sign-on ----------------------------------------------------------------------------------------------------


def sign_in_by_provider(unit: UnitOfWork, identity: Identity, origin: str) -> SignedIn:
    """Signs in whoever is linked with this account, by issuer and subject alone, never by an address.

    The second factor is not asked for: how well people prove who they are there is the provider's business. Raises
    NotSignedIn `provider_unknown`.
    """
    linked_agent = store.of_subject(unit, identity.issuer, identity.subject)
    who = None if linked_agent is None else store.hold_credentials(unit, linked_agent.id)
    if who is None or not who.active or (who.oidc_issuer, who.oidc_subject) != identity:
        raise NotSignedIn(
            "Nobody here is linked with this account. Sign in another way, and link it in your settings.",
            code="provider_unknown",
        )
    return begin_session(unit, who.id, "provider", origin)


def link_provider(unit: UnitOfWork, agent_id: str, identity: Identity, actor: Actor) -> None:
    """Links an agent with an account at a provider, which then signs the agent in.

    Raises Conflict: `provider_present` if the agent is linked with another, `provider_account_taken` if somebody else
    is with this one; NotFound.
    """
    who = _agent(unit, agent_id)
    if (who.oidc_issuer, who.oidc_subject) == identity:
        return
    if who.oidc_subject is not None:
        raise Conflict("You are linked with another account there; unlink it first.", code="provider_present")
    if store.of_subject(unit, *identity) is not None:
        raise Conflict("Another agent is linked with this account.", code="provider_account_taken")
    store.set_provider(unit, agent_id, *identity)
    audit.record(unit, actor, "agent.provider_linked", details={"agent_id": agent_id})


def unlink_provider(unit: UnitOfWork, agent_id: str, actor: Actor) -> None:
    """The account at the provider signs the agent in no more; sessions go on. Raises NotFound."""
    if _agent(unit, agent_id).oidc_subject is not None:
        store.set_provider(unit, agent_id, None, None)
        audit.record(unit, actor, "agent.provider_unlinked", details={"agent_id": agent_id})


# Out again ------------------------------------------------------------------------------------------------------------


def sign_out(unit: UnitOfWork, token: str, actor: Actor) -> None:
    """Ends one session."""
    session_store.end_sessions(unit, token_hash=token_hash(token))
    audit.record(unit, actor, "session.ended", details={"agent_id": actor.agent_id})


def sign_out_everywhere(unit: UnitOfWork, agent_id: str, except_token: str | None, actor: Actor) -> None:
    """Ends an agent's sessions, but that of `except_token`, and every link and ticket that would begin one. Raises
    NotFound."""
    _agent(unit, agent_id)
    _end_sessions(unit, agent_id, except_token, None)
    audit.record(unit, actor, "agent.signed_out_everywhere", details={"agent_id": agent_id})


def _end_sessions(unit: UnitOfWork, agent_id: str, except_token: str | None, purpose: str | None) -> None:
    except_hash = None if except_token is None else token_hash(except_token)
    session_store.end_sessions(unit, agent_id=agent_id, except_hash=except_hash)
    store.end_tokens(unit, agent_id, purpose)
