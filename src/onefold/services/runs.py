"""Runs over the whole base: they report progress, can be stopped and resumed, and survive a restart (RES-7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from onefold.domain.errors import Conflict
from onefold.domain.identification import becomes_mobile
from onefold.domain.phones import LineTypes, dialled
from onefold.domain.policy import Policy
from onefold.services import matching
from onefold.services.clock import new_id, utc_now
from onefold.storage import profiles, whole_base
from onefold.storage import runs as store
from onefold.storage.database import UnitOfWork
from onefold.storage.organizations import load_policy, mark_runs
from onefold.storage.outbox import emit
from onefold.storage.runs import RunRow

IDENTIFY_MOBILES = "identify_mobiles"
PREVIEW_MOBILES = "preview_identify_mobiles"
REBUILD_MATCHES = "rebuild_matches"
MERGE_PAIRS = "merge_pairs"
KINDS = (IDENTIFY_MOBILES, PREVIEW_MOBILES, REBUILD_MATCHES, MERGE_PAIRS)
_CHUNK = 500
_REBUILT = 25


def start(unit: UnitOfWork, kind: str, total: int | None) -> RunRow:
    """A new run, which the background worker takes up; raises Conflict if one of its kind is under way."""
    if store.list_runs(unit, state="running", kind=kind):
        raise Conflict("A run of this kind is under way; stop it first.", code="run_under_way")
    now = utc_now()
    run = RunRow(new_id(), kind, "", "running", "", 0, total, {"checked": 0, "mobile": 0, "changed": 0}, now, now)
    store.add_run(unit, run)
    mark_runs(unit, True)
    return run


def start_again(unit: UnitOfWork, kind: str) -> RunRow:
    """A run from the beginning, in the place of one of its kind that may be under way."""
    for run in store.list_runs(unit, state="running", kind=kind):
        store.change_run(unit, run.id, utc_now(), state="stopped")
    return start(unit, kind, None)


def start_preview(unit: UnitOfWork) -> RunRow:
    """RES-7's preview: the same run, which changes nothing."""
    return start(unit, PREVIEW_MOBILES, total=whole_base.count_other_phones(unit))


def stop(unit: UnitOfWork, run_id: str) -> RunRow:
    """Stops a run after the numbers it is at; it can be resumed from there."""
    return _turn(unit, run_id, "running", "stopped")


def resume(unit: UnitOfWork, run_id: str) -> RunRow:
    """Takes a stopped run up again where it was stopped."""
    return _turn(unit, run_id, "stopped", "running")


def fail(unit: UnitOfWork, run_id: str) -> None:
    """Ends a run that cannot go on."""
    store.change_run(unit, run_id, utc_now(), state="failed")


def _turn(unit: UnitOfWork, run_id: str, before: str, after: str) -> RunRow:
    run = store.read_run(unit, run_id, lock=True)
    if run.state != before:
        raise Conflict(f"The run is {run.state}, not {before}.", code="run_state")
    store.change_run(unit, run_id, utc_now(), state=after)
    mark_runs(unit, True)
    return store.read_run(unit, run_id)


def under_way(unit: UnitOfWork) -> list[RunRow]:
    """The runs that wait for their next chunk; where there are none, the worker does not ask again."""
    found = [run for run in store.list_runs(unit, state="running") if run.kind in KINDS]
    if not found:
        mark_runs(unit, False)
    return found


def advance(unit: UnitOfWork, run_id: str, line_types: LineTypes) -> RunRow:
    """One chunk of numbers of a run of RES-7, in one unit that must be exclusive; returns the run as it stands then."""
    run = store.read_run(unit, run_id, lock=True)
    if run.state != "running":
        return run
    numbers = whole_base.other_phones(unit, run.position, _CHUNK)
    counts = Counter(run.counts)
    policy = load_policy(unit)
    for number, written in numbers:
        counts["checked"] += 1
        if line_types(dialled(number, written, policy.default_region)) == "mobile":
            counts["mobile"] += 1
            counts["changed"] += _identify(unit, number, policy, apply=run.kind == IDENTIFY_MOBILES)
    return _behind_chunk(unit, run, [number for number, _ in numbers], _CHUNK, counts)


def rebuild_matches(unit: UnitOfWork, run_id: str) -> RunRow:
    """One chunk of profiles whose suggestions are looked at again, after weights or the way of matching changed."""
    run = store.read_run(unit, run_id, lock=True)
    if run.state != "running":
        return run
    found = matching.rebuild(unit, run.position, _REBUILT)
    counts = Counter(run.counts)
    counts["checked"] += len(found)
    return _behind_chunk(unit, run, found, _REBUILT, counts)


def _behind_chunk(unit: UnitOfWork, run: RunRow, passed: Sequence[str], size: int, counts: Mapping[str, int]) -> RunRow:
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


def _identify(unit: UnitOfWork, number: str, policy: Policy, *, apply: bool) -> int:
    if policy.blocklist.holds("phone", number):
        return 0
    holder = becomes_mobile(whole_base.telling_holders(unit, number))
    if holder is None:
        return 0
    if apply:
        opens = policy.identifying("phone", number, "mobile", holder.contacted)
        whole_base.set_mobile(unit, holder.contact_point_id, opens)
        profiles.change_profile(unit, holder.profile_id)
        emit(unit, new_id(), "profile.updated", holder.profile_id, {}, utc_now())
    return 1
