"""Sessions of agents as rows; tokens are stored as hashes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from onefold.database.engine import UnitOfWork
from onefold.database.tables import sessions


class SessionRow(NamedTuple):
    """A session. `origin` is where it began, `device` what it is used with, `proven_at` when its user last proved to be
    the agent; times are UTC."""

    id: str
    agent_id: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime
    proven_at: datetime | None
    origin: str
    device: str


_s = sessions.c
_SESSION = [_s[name] for name in SessionRow._fields]


def add_session(unit: UnitOfWork, token_hash: str, session: SessionRow) -> None:
    """A new session."""
    row = {**session._asdict(), "organization_id": unit.organization_id, "token_hash": token_hash}
    unit.execute(sessions.insert().values(row))


def session_of(unit: UnitOfWork, token_hash: str, now: datetime, idle_since: datetime) -> SessionRow | None:
    """The session of a token, unless it has expired or was not used since."""
    row = unit.execute(unit.select(*_SESSION).where(_s.token_hash == token_hash, *_on(now, idle_since))).one_or_none()
    return None if row is None else SessionRow._make(row)


def sessions_of(unit: UnitOfWork, agent_id: str, now: datetime, idle_since: datetime) -> Sequence[SessionRow]:
    """An agent's sessions that go on, the one last used first."""
    select = unit.select(*_SESSION).where(_s.agent_id == agent_id, *_on(now, idle_since))
    return [SessionRow._make(row) for row in unit.execute(select.order_by(_s.last_used_at.desc()))]


def _on(now: datetime, idle_since: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return _s.expires_at > now, _s.last_used_at > idle_since


def change_session(unit: UnitOfWork, token_hash: str, **values: object) -> None:
    """Sets fields of a session."""
    unit.execute(unit.update(sessions).where(_s.token_hash == token_hash).values(**values))


def end_session(unit: UnitOfWork, agent_id: str, session_id: str) -> bool:
    """Ends one of an agent's sessions; whether it was there."""
    return bool(unit.execute(unit.delete(sessions).where(_s.id == session_id, _s.agent_id == agent_id)).rowcount)


def end_sessions(
    unit: UnitOfWork, *, token_hash: str | None = None, agent_id: str | None = None, except_hash: str | None = None
) -> int:
    """Ends one session, or every session of an agent but one; returns how many."""
    which = _s.token_hash == token_hash if agent_id is None else _s.agent_id == agent_id
    others = sa.true() if except_hash is None else _s.token_hash != except_hash
    return int(unit.execute(unit.delete(sessions).where(which, others)).rowcount)
