"""Who a history speaks of: customers who may have been merged away or erased since, agents, keys and runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from onefold.accounts import store as accounts
from onefold.core.actor import Actor
from onefold.core.errors import NotFound
from onefold.core.ids import is_id
from onefold.database.engine import UnitOfWork
from onefold.profiles import service as profiles
from onefold.profiles.searching import search

GONE = "a customer"


class Named(NamedTuple):
    """A customer by id. `living_id` is where the id leads; None where nobody answers to it any more."""

    id: str
    name: str
    living_id: str | None

    @property
    def is_redirected(self) -> bool:
        """Whether the id leads to another customer now."""
        return self.living_id not in (None, self.id)


def customers(unit: UnitOfWork, ids: Iterable[str | None]) -> dict[str, Named]:
    """Customers by id; one who was merged away goes by the name of whom the id leads to."""
    customer_ids = sorted({one for one in ids if one})
    alive = {s.row.id: s.display_name for s in profiles.summaries(unit, [one for one in customer_ids if is_id(one)])}
    leads = {one: _lead(unit, one) for one in customer_ids if one not in alive}
    survivors = {s.row.id: s.display_name for s in profiles.summaries(unit, sorted({*leads.values()} - {None}))}  # type: ignore[arg-type]
    named = {one: Named(one, name, one) for one, name in alive.items()}
    return named | {one: Named(one, survivors.get(to or "", GONE), to) for one, to in leads.items()}


def _lead(unit: UnitOfWork, profile_id: str) -> str | None:
    try:
        return profiles.resolve_redirect(unit, profile_id)
    except NotFound:
        return None


class Actors(NamedTuple):
    """Everybody who may have done something, by id."""

    agents: Mapping[str, str]
    keys: Mapping[str, str]

    def name(self, actor: Actor) -> str:
        """Who an entry of the audit log says it was."""
        if actor.agent_id is not None:
            return self.agents.get(actor.agent_id, "An agent")
        if actor.key_id is not None:
            return f"API key {self.keys.get(actor.key_id, actor.key_id)}"
        return "Onefold's operator" if actor.origin == "command line" else "Onefold"

    def agent(self, agent_id: str | None) -> str:
        """An agent's name; who merges without one is told as events tell it (MRG-6)."""
        return self.agents.get(agent_id or "", "Onefold")


def actors(unit: UnitOfWork) -> Actors:
    """The agents and keys of the organization, former ones as well."""
    agents = {agent.id: agent.name for agent in accounts.list_agents(unit)}
    return Actors(agents, {key.id: key.name for key in accounts.list_keys(unit)})


def wanted_customer(unit: UnitOfWork, asked: str) -> str | None:
    """The id of the customer that a filter names: by id, or by what finds exactly one."""
    text = asked.strip()[:200]
    if not text or is_id(text):
        return text or None
    hits = search(unit, text, 2, forgiving=False)
    return hits[0].row.id if len(hits) == 1 else ""
