"""Bringing every profile's search terms up to date, by a run, after what a profile is found by has changed (UI-6)."""

from __future__ import annotations

from collections import Counter

from onefold.database.engine import UnitOfWork
from onefold.matching.store import profile_ids_after
from onefold.profiles import store
from onefold.runs import service as runs
from onefold.runs import store as run_store
from onefold.runs.store import RunRow

_CHUNK = 100


def advance(unit: UnitOfWork, run_id: str) -> RunRow:
    """One chunk of profiles; returns the run as it stands then."""
    run = run_store.read_run(unit, run_id, lock=True)
    if run.state != "running":
        return run
    profile_ids = profile_ids_after(unit, run.position, _CHUNK)
    for profile_id in profile_ids:
        # One that is merged away at this instant has no terms any more, and gets none.
        if store.lock_living(unit, profile_id, against_contacts=True) is not None:
            store.reindex(unit, profile_id)
    counts = Counter(run.counts)
    counts["checked"] += len(profile_ids)
    return runs.note_chunk(unit, run, profile_ids, size=_CHUNK, counts=counts)
