"""Sessions of agents: how long they last, where they are, and whether somebody has just proven who they are.

A session ends 12 hours after it began, and when it was not used for as long as the organization has set (8 hours, if
it has not). Pages that a browser fetches by itself, because something has happened, do not count as use.

The gravest deeds need a proof (a password, or a code of the second factor) that is at most five minutes old: a browser
left open is not enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from onefold.accounts import session_store as store
from onefold.accounts.session_store import SessionRow
from onefold.audit import service as audit
from onefold.core.actor import Actor
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import NotAllowed, NotFound
from onefold.core.ids import is_id
from onefold.database.engine import UnitOfWork

LENGTH, FRESH = timedelta(hours=12), timedelta(minutes=5)
_NOTED_EVERY = timedelta(seconds=30)
_DEVICE_LENGTH = 60


def begin(unit: UnitOfWork, token_hash: str, agent_id: str, origin: str = "") -> None:
    """A new session, of somebody who has just proven who they are."""
    now = utc_now()
    session = SessionRow(
        new_id(), agent_id, now, expires_at=now + LENGTH, last_used_at=now, proven_at=now, origin=origin, device=""
    )
    store.add_session(unit, token_hash, session)


def find(unit: UnitOfWork, token_hash: str) -> SessionRow | None:
    """The session of a token, if it goes on."""
    return store.session_of(unit, token_hash, utc_now())


def of_agent(unit: UnitOfWork, agent_id: str) -> Sequence[SessionRow]:
    """An agent's sessions that go on, the one last used first."""
    return store.sessions_of(unit, agent_id, utc_now())


def is_to_be_noted(session: SessionRow) -> bool:
    """Whether its use is worth a write: not every request is."""
    return utc_now() - session.last_used_at >= _NOTED_EVERY


def note_use(unit: UnitOfWork, token_hash: str) -> None:
    """Somebody has asked for a page with it."""
    store.change_session(unit, token_hash, last_used_at=utc_now())


def name_device(unit: UnitOfWork, token_hash: str, device: str) -> None:
    """What it is used with, as lists of sessions name it."""
    store.change_session(unit, token_hash, device=device[:_DEVICE_LENGTH])


def note_proof(unit: UnitOfWork, token_hash: str) -> None:
    """Who uses it has just proven who they are."""
    store.change_session(unit, token_hash, proven_at=utc_now())


def is_proven(session: SessionRow) -> bool:
    """Whether somebody has proven a moment ago who they are."""
    return session.proven_at is not None and utc_now() - session.proven_at <= FRESH


def require_proof(session: SessionRow) -> None:
    """Raises NotAllowed `proof_needed` unless somebody has proven a moment ago who they are."""
    if not is_proven(session):
        raise NotAllowed(
            "This needs a proof of the last five minutes that it is you: a password, or a code of the second factor. "
            "Sign in again, or do it in the console, which asks for it.",
            code="proof_needed",
        )


def end_one(unit: UnitOfWork, agent_id: str, session_id: str, actor: Actor) -> None:
    """Ends one of an agent's sessions; raises NotFound."""
    if not is_id(session_id) or not store.end_session(unit, agent_id, session_id):
        raise NotFound("This session has ended already.", code="session_not_found")
    audit.record(unit, actor, "session.ended", details={"agent_id": agent_id})
