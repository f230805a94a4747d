"""Looking at every profile's suggestions again, by a run, after weights or the way of matching changed."""

from __future__ import annotations

from onefold.core.clock import utc_now
from onefold.database.engine import UnitOfWork
from onefold.matching import service as matching
from onefold.matching import store
from onefold.organizations.store import load_policy
from onefold.runs import service as runs
from onefold.runs.store import RunRow

_CHUNK = 25


def advance(unit: UnitOfWork, run_id: str) -> RunRow:
    """One chunk of profiles, their keys, evidence and ratings; returns the run as it stands then."""
    policy, now = load_policy(unit), utc_now()

    def refresh(profile_id: str) -> None:
        matching.keep_living(unit, [profile_id])
        matching.refresh_matches(unit, profile_id, policy, now)

    return runs.walk(unit, run_id, _CHUNK, ids_after=store.profile_ids_after, each=refresh)
