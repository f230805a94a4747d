"""Agents, inboxes, sign-in sessions and API keys."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from onefold.core.errors import Conflict, NotFound
from onefold.core.ids import is_id
from onefold.database.engine import UnitOfWork
from onefold.database.tables import agents, api_keys, inbox_agents, inboxes


class AgentRow(NamedTuple):
    """A person who signs in."""

    id: str
    email: str
    name: str
    role: str
    active: bool
    recent_inbox_id: str | None
    password_hash: str | None


class KeyRow(NamedTuple):
    """An API key, without its secret: that is only known to whoever was shown it."""

    id: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


_AGENT = [agents.c[name] for name in AgentRow._fields]
_KEY = [api_keys.c[name] for name in KeyRow._fields]


def list_agents(unit: UnitOfWork) -> list[AgentRow]:
    """Every agent, in the order they came."""
    return [AgentRow._make(row) for row in unit.execute(unit.select(*_AGENT).order_by(agents.c.id))]


def read_agent(unit: UnitOfWork, agent_id: str) -> AgentRow:
    """The agent with this id; raises NotFound."""
    row = None
    if is_id(agent_id):
        row = unit.execute(unit.select(*_AGENT).where(agents.c.id == agent_id)).one_or_none()
    if row is None:
        raise NotFound("There is no agent with this id.", code="agent_not_found")
    return AgentRow._make(row)


def active_admins(unit: UnitOfWork, *, lock: bool = False) -> list[str]:
    """The ids of all admins who can sign in. With `lock` none of them changes before this unit ends, so that two who
    demote each other at once do not leave nobody."""
    a = agents.c
    select = unit.select(a.id).where(a.role == "admin", a.active).order_by(a.id)
    return list(unit.execute(select.with_for_update() if lock else select).scalars())


def agent_by_email(unit: UnitOfWork, email: str) -> AgentRow | None:
    """The agent who signs in with this address."""
    row = unit.execute(unit.select(*_AGENT).where(agents.c.email == email)).one_or_none()
    return None if row is None else AgentRow._make(row)


def add_agent(unit: UnitOfWork, agent: AgentRow, now: datetime) -> None:
    """A new agent; raises Conflict if the address is taken."""
    if agent_by_email(unit, agent.email) is not None:
        raise Conflict("An agent with this email is here already.", code="agent_present")
    unit.execute(agents.insert().values(organization_id=unit.organization_id, created_at=now, **agent._asdict()))


def change_agent(unit: UnitOfWork, agent_id: str, **values: object) -> None:
    """Sets fields of an agent."""
    unit.execute(unit.update(agents).where(agents.c.id == agent_id).values(**values))


def list_inboxes(unit: UnitOfWork) -> list[tuple[str, str]]:
    """(id, name) of every inbox, in the order they came."""
    rows = unit.execute(unit.select(inboxes.c.id, inboxes.c.name).order_by(inboxes.c.id))
    return [(row.id, row.name) for row in rows]


def add_inbox(unit: UnitOfWork, inbox_id: str, name: str, now: datetime) -> None:
    """A new inbox; raises Conflict if the name is taken."""
    if any(known == name for _, known in list_inboxes(unit)):
        raise Conflict("An inbox with this name is here already.", code="inbox_present")
    unit.execute(inboxes.insert().values(organization_id=unit.organization_id, id=inbox_id, name=name, created_at=now))


def rename_inbox(unit: UnitOfWork, inbox_id: str, name: str) -> None:
    """Renames an inbox; raises Conflict if the name is taken."""
    if any(known == name and other != inbox_id for other, known in list_inboxes(unit)):
        raise Conflict("An inbox with this name is here already.", code="inbox_present")
    unit.execute(unit.update(inboxes).where(inboxes.c.id == inbox_id).values(name=name))


def inbox_members(unit: UnitOfWork, inbox_id: str) -> list[str]:
    """The agents assigned to an inbox."""
    m = inbox_agents.c
    select = unit.select(m.agent_id).where(m.inbox_id == inbox_id)
    return list(unit.execute(select.order_by(m.agent_id)).scalars())


def assign_to_inbox(unit: UnitOfWork, inbox_id: str, agent_id: str) -> None:
    """Makes an agent a member of an inbox, and the inbox the agent's most recent one (PRO-9)."""
    if agent_id not in inbox_members(unit, inbox_id):
        unit.execute(
            inbox_agents.insert().values(organization_id=unit.organization_id, inbox_id=inbox_id, agent_id=agent_id)
        )
    change_agent(unit, agent_id, recent_inbox_id=inbox_id)


def remove_from_inbox(unit: UnitOfWork, inbox_id: str, agent_id: str) -> None:
    """Ends an agent's membership."""
    m, a = inbox_agents.c, agents.c
    unit.execute(unit.delete(inbox_agents).where(m.inbox_id == inbox_id, m.agent_id == agent_id))
    changing = unit.update(agents).where(a.id == agent_id, a.recent_inbox_id == inbox_id)
    unit.execute(changing.values(recent_inbox_id=None))


def add_key(unit: UnitOfWork, key: KeyRow, secret_hash: str) -> None:
    """A new API key."""
    unit.execute(
        api_keys.insert().values(organization_id=unit.organization_id, secret_hash=secret_hash, **key._asdict())
    )


def list_keys(unit: UnitOfWork) -> list[KeyRow]:
    """Every API key, in the order they came."""
    return [KeyRow._make(row) for row in unit.execute(unit.select(*_KEY).order_by(api_keys.c.id))]


def key_by_secret(unit: UnitOfWork, secret_hash: str) -> KeyRow | None:
    """The key with this secret, also an expired or revoked one."""
    row = unit.execute(unit.select(*_KEY).where(api_keys.c.secret_hash == secret_hash)).one_or_none()
    return None if row is None else KeyRow._make(row)


def change_key(unit: UnitOfWork, key_id: str, **values: object) -> None:
    """Sets fields of a key; raises NotFound."""
    changing = unit.update(api_keys).where(api_keys.c.id == key_id)
    if not is_id(key_id) or unit.execute(changing.values(**values)).rowcount == 0:
        raise NotFound("There is no API key with this id.", code="key_not_found")
