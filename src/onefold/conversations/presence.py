"""Who looks at a customer, or writes to them, at this moment: so that two agents do not answer one message (UI-4).

A page says every few seconds that it is there, and whether its agent has something unsent in the composer; who has said
nothing for 45 seconds has left.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from onefold.accounts import store as accounts
from onefold.conversations import presence_store as store
from onefold.conversations.presence_store import PresenceRow
from onefold.core.clock import utc_now
from onefold.database.engine import UnitOfWork
from onefold.profiles.service import resolve_redirect

STAYS = timedelta(seconds=45)
_NOTED_EVERY = timedelta(seconds=20)


class Present(NamedTuple):
    """Another agent at the same customer."""

    name: str
    writing: bool


def others(unit: UnitOfWork, profile_id: str, agent_id: str) -> list[Present]:
    """The other agents at a customer, those who write first."""
    rows = [row for row in store.present_at(unit, profile_id, utc_now() - STAYS) if row.agent_id != agent_id]
    names = {agent.id: agent.name for agent in accounts.list_agents(unit)} if rows else {}
    present = [Present(names[row.agent_id], row.writing) for row in rows if row.agent_id in names]
    return sorted(present, key=lambda one: (not one.writing, one.name))


def is_news(unit: UnitOfWork, profile_id: str, agent_id: str, *, writing: bool) -> bool:
    """Whether it is worth a write that an agent is still there."""
    rows = store.present_at(unit, resolve_redirect(unit, profile_id), utc_now() - _NOTED_EVERY)
    return not any(row.agent_id == agent_id and row.writing == writing for row in rows)


def note(unit: UnitOfWork, profile_id: str, agent_id: str, *, writing: bool) -> None:
    """The agent is there."""
    store.put(unit, PresenceRow(resolve_redirect(unit, profile_id), agent_id, utc_now(), writing=writing))


def leave(unit: UnitOfWork, profile_id: str, agent_id: str) -> None:
    """The agent has gone on."""
    store.remove(unit, resolve_redirect(unit, profile_id), agent_id)
