"""Agents at customers, as rows."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from onefold.database.engine import UnitOfWork
from onefold.database.tables import presence

_p = presence.c


class PresenceRow(NamedTuple):
    """An agent at a customer."""

    profile_id: str
    agent_id: str
    seen_at: datetime
    writing: bool


_PRESENCE = [_p[name] for name in PresenceRow._fields]


def present_at(unit: UnitOfWork, profile_id: str, since: datetime) -> list[PresenceRow]:
    """Who has been at a customer since."""
    select = unit.select(*_PRESENCE).where(_p.profile_id == profile_id, _p.seen_at > since)
    return [PresenceRow._make(row) for row in unit.execute(select)]


def put(unit: UnitOfWork, row: PresenceRow) -> None:
    """Writes down that an agent is there."""
    remove(unit, row.profile_id, row.agent_id)
    unit.execute(presence.insert().values(organization_id=unit.organization_id, **row._asdict()))


def remove(unit: UnitOfWork, profile_id: str, agent_id: str) -> None:
    """An agent is there no longer."""
    unit.execute(unit.delete(presence).where(_p.profile_id == profile_id, _p.agent_id == agent_id))
