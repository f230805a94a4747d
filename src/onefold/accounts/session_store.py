"""Sessions of agents as rows; tokens are stored as hashes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from onefold.database.engine import UnitOfWork
from onefold.database.tables import organizations, sessions


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


def session_of(unit: UnitOfWork, token_hash: str, now: datetime) -> SessionRow | None:
    """The session of a token, unless it has expired or was not used for too long."""
    return next(iter(_going_on(unit, _s.token_hash == token_hash, now)), None)


def sessions_of(unit: UnitOfWork, agent_id: str, now: datetime) -> Sequence[SessionRow]:
    """An agent's sessions that go on, the one last used first."""
    return sorted(_going_on(unit, _s.agent_id == agent_id, now), key=lambda one: one.last_used_at, reverse=True)


def _going_on(unit: UnitOfWork, which: sa.ColumnElement[bool], now: datetime) -> list[SessionRow]:
    """Those that have not expired and were used within the time that the organization has set."""
    idle_minutes = sa.select(organizations.c.session_idle_minutes).where(organizations.c.id == unit.organization_id)
    select = unit.select(*_SESSION, idle_minutes.scalar_subquery()).where(which, _s.expires_at > now)
    rows = [(SessionRow._make(row[:-1]), timedelta(minutes=row[-1])) for row in unit.execute(select)]
    return [session for session, idle in rows if now - session.last_used_at < idle]


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
