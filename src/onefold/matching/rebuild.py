"""Looking at every profile's suggestions again, by a run, after weights or the way of matching changed."""

from __future__ import annotations

from collections import Counter

from onefold.database.engine import UnitOfWork
from onefold.matching import service as matching
from onefold.runs import service as runs
from onefold.runs import store as run_store
from onefold.runs.store import RunRow

_CHUNK = 25


def advance(unit: UnitOfWork, run_id: str) -> RunRow:
    """One chunk of profiles; returns the run as it stands then."""
    run = run_store.read_run(unit, run_id, lock=True)
    if run.state != "running":
        return run
    found = matching.rebuild(unit, run.position, _CHUNK)
    counts = Counter(run.counts)
    counts["checked"] += len(found)
    return runs.note_chunk(unit, run, found, _CHUNK, counts)
