"""Who does something, and from where: what the audit log says of every entry (MRG-14)."""

from __future__ import annotations

from typing import NamedTuple

from onefold.domain.errors import Conflict
from onefold.domain.merging import Merger
from onefold.storage import accounts
from onefold.storage.database import UnitOfWork


class Actor(NamedTuple):
    """An agent, an API key, or neither (the command line, a run). `origin` says from where, in at most 200 characters:
    `api 203.0.113.7`, `command line`, `run <id>`."""

    agent_id: str | None
    key_id: str | None
    origin: str


def merger_of(unit: UnitOfWork, actor: Actor, agent_id: str | None) -> Merger:
    """Who merges, by the name that events show."""
    agent_id = actor.agent_id or agent_id
    if agent_id is not None:
        agent = accounts.read_agent(unit, agent_id)
        if not agent.active:
            raise Conflict("This agent is no longer active.", code="agent_inactive")
        return Merger(agent_id, agent.name)
    names = {key.id: key.name for key in accounts.list_keys(unit)} if actor.key_id else {}
    return Merger(None, names.get(actor.key_id or "", "Onefold"))
