"""Merging (MRG-10): what the length of the source's history costs, and undoing and detaching beside it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from benchmarks.bases import Pair
from benchmarks.histories import Customer, customer, write
from benchmarks.recorder import Call, Tape, bare_driver, recorded, replay
from benchmarks.report import Effort, Line, percentile
from benchmarks.workload import Workload
from onefold.core.actor import Actor
from onefold.database.engine import Database, UnitOfWork
from onefold.database.transactions import run_in_transaction
from onefold.merging import detach as detaching
from onefold.merging import service as merging
from onefold.merging import undo as undoing
from onefold.merging.service import MergeRequest

SIZES = (10, 1_000, 100_000)
_ITEMS_OF_A_CONVERSATION = 20
_POINTS = 5
_REPETITIONS_OF_A_ROUND = 10
_WHO = Actor(None, None, "benchmark")
_SAME = "the same statements, bare driver"


class _Two(NamedTuple):
    source: Customer
    destination: Customer


class _Times(NamedTuple):
    """Milliseconds, a repetition after the other."""

    ours: list[float]
    baseline: list[float]


def measure(pair: Pair, _workload: Workload, effort: Effort) -> list[Line]:
    """Each repetition merges and undoes once with every length of history; the baseline's copy replays all of it."""
    ours, baseline = pair.ours.open(), pair.baseline.open()
    try:
        pairs = {size: _pair(size) for size in SIZES}
        for database in (ours, baseline):
            for size, two in pairs.items():
                write(database, pair.organization_id, [two.source], size)
                write(database, pair.organization_id, [two.destination], 10)
        tape = recorded(ours)
        merges, undos = ({size: _Times([], []) for size in SIZES} for _ in range(2))
        with bare_driver(baseline) as driver:
            run = _Run(ours, tape, driver, pair.organization_id)
            for number in range(effort.rounds * _REPETITIONS_OF_A_ROUND + 1):
                for size in _turned(SIZES, number):
                    _once(run, pairs[size], merges[size], undos[size])
            detaches = {size: _detached(run, two) for size, two in pairs.items()}
        return [
            *_lines("merge", merges),
            _growth("merge", merges),
            *_lines("undo", undos),
            _growth("undo", undos),
            *(_line(f"detach one of {_POINTS} points, {s:,} items", detaches[s], 0.5, first=0) for s in SIZES),
        ]
    finally:
        ours.dispose()
        baseline.dispose()


def _pair(size: int) -> _Two:
    """A source with so much history, and a short destination; both have an open conversation (MRG-5)."""
    source = customer("Ann Kimrano", _POINTS, max(_POINTS, size // _ITEMS_OF_A_CONVERSATION))
    return _Two(source, customer("Ann B Kimrano", 2, 2))


def _turned(sizes: Sequence[int], number: int) -> list[int]:
    at = number % len(sizes)
    return [*sizes[at:], *sizes[:at]]


class _Run(NamedTuple):
    database: Database
    tape: Tape
    driver: Any
    organization_id: int

    def both(self, work: Callable[[UnitOfWork], Any], times: _Times) -> Any:
        """Does the work, then has the bare driver do the same to its copy."""
        with self.tape.recording() as calls:
            begun = time.perf_counter()
            found = run_in_transaction(self.database, self.organization_id, work)
            times.ours.append((time.perf_counter() - begun) * 1000)
        times.baseline.append(self._replayed(calls))
        return found

    def _replayed(self, calls: list[Call]) -> float:
        begun = time.perf_counter()
        replay(self.driver, calls)
        return (time.perf_counter() - begun) * 1000


def _once(run: _Run, two: _Two, merges: _Times, undos: _Times) -> None:
    request = MergeRequest(two.source.profile_id, two.destination.profile_id)
    merge, _ = run.both(lambda unit: merging.merge(unit, request, _WHO), merges)
    run.both(lambda unit: undoing.undo(unit, merge.id, None, _WHO), undos)


def _detached(run: _Run, two: _Two) -> _Times:
    times = _Times([], [])
    for point_id, _ in two.source.points[1:]:
        run.both(
            lambda unit, p=point_id: detaching.detach(unit, two.source.profile_id, p, None, _WHO, None),  # type: ignore[misc]
            times,
        )
    return times


def _lines(what: str, times: dict[int, _Times]) -> list[Line]:
    return [_line(f"{what}, {size:,} items", times[size], part) for size in SIZES for part in (0.5, 0.95)]


def _line(what: str, times: _Times, part: float, first: int = 1) -> Line:
    ours, baseline = percentile(times.ours[first:], part), percentile(times.baseline[first:], part)
    return Line(f"{what}, p{part * 100:.0f}: ms", ours, baseline, ours / baseline, _SAME)


def _growth(what: str, times: dict[int, _Times]) -> Line:
    """How much longer with the longest history than with the shortest: the median of each repetition's own ratio."""
    longest, shortest = times[SIZES[-1]], times[SIZES[0]]
    ours, baseline = (
        statistics.median(a / b for a, b in zip(longest[side][1:], shortest[side][1:], strict=True)) for side in (0, 1)
    )
    return Line(f"{what}: {SIZES[-1]:,} items / {SIZES[0]:,} items", ours, baseline, ours / baseline, _SAME)
