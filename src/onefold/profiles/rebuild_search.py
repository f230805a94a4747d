"""Bringing every profile's search terms up to date, by a run, after what a profile is found by has changed (UI-6)."""

from __future__ import annotations

from onefold.database.engine import UnitOfWork
from onefold.matching.store import profile_ids_after
from onefold.profiles import store
from onefold.runs import service as runs
from onefold.runs.store import RunRow

_CHUNK = 100


def advance(unit: UnitOfWork, run_id: str) -> RunRow:
    """One chunk of profiles; returns the run as it stands then."""

    def reindex(profile_id: str) -> None:
        # One that is merged away at this instant has no terms any more, and gets none.
        if store.lock_living(unit, profile_id, against_contacts=True) is not None:
            store.reindex(unit, profile_id)

    return runs.walk(unit, run_id, _CHUNK, ids_after=profile_ids_after, each=reindex)
