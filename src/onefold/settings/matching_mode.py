"""The matching mode: what a switch would change, what hinders it, and the switch (RES-9)."""

from __future__ import annotations

from typing import NamedTuple

from onefold.core.errors import Conflict
from onefold.database.engine import UnitOfWork
from onefold.organizations.policy import MatchingMode
from onefold.organizations.store import load_policy
from onefold.settings import bulk_update_store
from onefold.settings.bulk_update_store import Shared

_OBSTACLES_SHOWN = 100


class ModePreview(NamedTuple):
    """What switching the matching mode would do: how many contact points change, and what stands in the way."""

    mode: MatchingMode
    changes: int
    obstacles: list[Shared]


def preview(unit: UnitOfWork, mode: MatchingMode) -> ModePreview:
    """RES-9: what a switch would change, and the values that stand in its way."""
    if mode == load_policy(unit).matching_mode:
        return ModePreview(mode, 0, [])
    if mode == "contacted":
        return ModePreview(mode, bulk_update_store.count_listed_only(unit), [])
    return ModePreview(mode, bulk_update_store.count_listed_to_open(unit), _obstacles(unit))


def _obstacles(unit: UnitOfWork) -> list[Shared]:
    blocklist = load_policy(unit).blocklist
    shared = bulk_update_store.shared_identifiers(unit, 10 * _OBSTACLES_SHOWN)
    return [s for s in shared if not blocklist.holds(s.kind, s.value)][:_OBSTACLES_SHOWN]


def switch_mode(unit: UnitOfWork, mode: MatchingMode) -> None:
    """Switches it; raises Conflict, naming the profiles, where several hold the same identifying values."""
    if mode == "contacted":
        bulk_update_store.unset_identifying_for_listed(unit)
        return
    obstacles = _obstacles(unit)
    if obstacles:
        raise Conflict(
            "Several profiles hold the same identifying values; merge or correct them first. The preview lists them.",
            code="matching_mode_obstacles",
            profile_ids=[list(obstacle.profile_ids) for obstacle in obstacles],
        )
    # Values on the blocklist may be shared, so the statement must leave them out: the unique index would refuse them.
    bulk_update_store.set_identifying_for_listed(unit, load_policy(unit).blocklist)
