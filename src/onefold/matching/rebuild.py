"""Looking at every profile's suggestions again, by a run, after weights or the way of matching changed."""

from __future__ import annotations

from collections import Counter

from onefold.core.clock import utc_now
from onefold.database.engine import UnitOfWork
from onefold.matching import service as matching
from onefold.matching import store
from onefold.organizations.store import load_policy
from onefold.runs import service as runs
from onefold.runs import store as run_store
from onefold.runs.store import RunRow

_CHUNK = 25


def advance(unit: UnitOfWork, run_id: str) -> RunRow:
    """One chunk of profiles, their keys, evidence and ratings; returns the run as it stands then."""
    run = run_store.read_run(unit, run_id, lock=True)
    if run.state != "running":
        return run
    policy, now = load_policy(unit), utc_now()
    profile_ids = store.profile_ids_after(unit, run.position, _CHUNK)
    for profile_id in profile_ids:
        matching.keep_living(unit, [profile_id])
        matching.refresh_matches(unit, profile_id, policy, now)
    counts = Counter(run.counts)
    counts["checked"] += len(profile_ids)
    return runs.note_chunk(unit, run, profile_ids, size=_CHUNK, counts=counts)
