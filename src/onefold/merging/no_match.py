"""Whether somebody said "No Match" about two profiles that are to be merged (SUG-4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from onefold.accounts.store import list_agents
from onefold.database.engine import UnitOfWork
from onefold.matching import store as matches
from onefold.matching.evidence import pair_of


class NoMatch(NamedTuple):
    """Somebody said that the two are not one customer: which agent (None for an API key), and when."""

    agent_id: str | None
    agent: str | None
    at: datetime


def no_match_said(
    unit: UnitOfWork, source_id: str, other_ids: Sequence[str], leads: Mapping[str, str] | None = None
) -> tuple[NoMatch, ...]:
    """Every "No Match" about a profile and one of the others, or about profiles merged into them; the newest first.
    `leads` are their `origins`, where these have been read."""
    pairs = [pair_of(source_id, other_id) for other_id in other_ids]
    verdicts = [verdict for some in matches.verdicts_between(unit, pairs, leads).values() for verdict in some]
    names = {agent.id: agent.name for agent in list_agents(unit)} if verdicts else {}
    said = {v.id: NoMatch(v.agent_id, names.get(v.agent_id or ""), v.created_at) for v in verdicts}
    return tuple(sorted(said.values(), key=lambda one: one.at, reverse=True))
