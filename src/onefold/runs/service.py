"""Runs over the whole base: they report progress, can be stopped and resumed, and survive a restart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from onefold.audit import service as audit
from onefold.audit.service import Action
from onefold.core.actor import Actor
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import Conflict
from onefold.database.engine import UnitOfWork
from onefold.organizations.store import mark_runs
from onefold.runs import store
from onefold.runs.store import RunRow

IDENTIFY_MOBILES = "identify_mobiles"
PREVIEW_MOBILES = "preview_identify_mobiles"
REBUILD_MATCHES = "rebuild_matches"
MERGE_PAIRS = "merge_pairs"
REBUILD_SEARCH = "rebuild_search"
KINDS = (IDENTIFY_MOBILES, PREVIEW_MOBILES, REBUILD_MATCHES, MERGE_PAIRS, REBUILD_SEARCH)


def start(unit: UnitOfWork, kind: str, total: int | None) -> RunRow:
    """A new run, which the background worker takes up; raises Conflict if one of its kind is under way."""
    if store.list_runs(unit, state="running", kind=kind):
        raise Conflict("A run of this kind is under way; stop it first.", code="run_under_way")
    now = utc_now()
    run = RunRow(
        new_id(),
        kind,
        "",
        state="running",
        position="",
        done=0,
        total=total,
        counts={"checked": 0, "mobile": 0, "changed": 0},
        created_at=now,
        updated_at=now,
    )
    store.add_run(unit, run)
    mark_runs(unit, True)
    return run


def start_again(unit: UnitOfWork, kind: str) -> RunRow:
    """A run from the beginning, in the place of one of its kind that may be under way."""
    for run in store.list_runs(unit, state="running", kind=kind):
        store.change_run(unit, run.id, utc_now(), state="stopped")
    return start(unit, kind, None)


def stop(unit: UnitOfWork, run_id: str, actor: Actor) -> RunRow:
    """Stops a run after the numbers it is at; it can be resumed from there."""
    return _turn(unit, run_id, "running", after="stopped", action="run.stopped", actor=actor)


def resume(unit: UnitOfWork, run_id: str, actor: Actor) -> RunRow:
    """Takes a stopped run up again where it was stopped."""
    return _turn(unit, run_id, "stopped", after="running", action="run.resumed", actor=actor)


def fail(unit: UnitOfWork, run_id: str) -> None:
    """Ends a run that cannot go on."""
    store.change_run(unit, run_id, utc_now(), state="failed")


def _turn(unit: UnitOfWork, run_id: str, before: str, *, after: str, action: Action, actor: Actor) -> RunRow:
    run = store.read_run(unit, run_id, lock=True)
    if run.state != before:
        raise Conflict(f"The run is {run.state}, not {before}.", code="run_state")
    store.change_run(unit, run_id, utc_now(), state=after)
    mark_runs(unit, True)
    audit.record(unit, actor, action, details={"run_id": run.id, "kind": run.kind})
    return store.read_run(unit, run_id)


def under_way(unit: UnitOfWork) -> list[RunRow]:
    """The runs that wait for their next chunk; where there are none, the worker does not ask again."""
    running = [run for run in store.list_runs(unit, state="running") if run.kind in KINDS]
    if not running:
        mark_runs(unit, False)
    return running


def walk(
    unit: UnitOfWork,
    run_id: str,
    size: int,
    ids_after: Callable[[UnitOfWork, str, int], Sequence[str]],
    each: Callable[[str], object],
) -> RunRow:
    """One chunk of a run that does something with every profile; returns the run as it stands then."""
    run = store.read_run(unit, run_id, lock=True)
    if run.state != "running":
        return run
    profile_ids = ids_after(unit, run.position, size)
    for profile_id in profile_ids:
        each(profile_id)
    counts = {**run.counts, "checked": run.counts.get("checked", 0) + len(profile_ids)}
    return note_chunk(unit, run, profile_ids, size=size, counts=counts)


def note_chunk(unit: UnitOfWork, run: RunRow, passed: Sequence[str], size: int, counts: Mapping[str, int]) -> RunRow:
    """Notes how far the run is; it is finished where the chunk found less than its size."""
    store.change_run(
        unit,
        run.id,
        utc_now(),
        done=run.done + len(passed),
        counts=dict(counts),
        position=passed[-1] if passed else run.position,
        state="finished" if len(passed) < size else "running",
    )
    return store.read_run(unit, run.id)
