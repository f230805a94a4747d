"""Type-ahead: each search alone, its time through the service and by the bare driver running the same statements."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.bases import Pair
from benchmarks.recorder import Call, bare_driver, recorded, replay
from benchmarks.report import Effort, Line, percentile
from benchmarks.workload import Workload
from onefold.database.engine import Database
from onefold.profiles.searching import search

_SHOWN = 10
_BLOCK = 50


def measure(pair: Pair, workload: Workload, effort: Effort) -> list[Line]:
    """p50 and p95, in milliseconds."""
    ours, baseline = pair.ours.open(), pair.baseline.open()
    tape = recorded(ours)
    ours_times: list[float] = []
    baseline_times: list[float] = []
    try:
        with bare_driver(baseline) as driver:
            for number in range(effort.queries // _BLOCK + 1):
                queries = workload.queries(_BLOCK)
                recordings = []
                for query in queries:
                    with tape.recording() as calls:
                        _search(ours, pair.organization_id, query)
                    recordings.append(calls)
                baseline_block = [_replayed(driver, calls) for calls in recordings]
                ours_block = [_timed(ours, pair.organization_id, query) for query in queries]
                if number:
                    baseline_times += baseline_block
                    ours_times += ours_block
    finally:
        ours.dispose()
        baseline.dispose()
    return [_line(part, ours_times, baseline_times) for part in (0.5, 0.95)]


def _line(part: float, ours: list[float], baseline: list[float]) -> Line:
    mine, least = percentile(ours, part) * 1000, percentile(baseline, part) * 1000
    return Line(f"type-ahead search, p{part * 100:.0f}: ms", mine, least, mine / least, "the same SELECTs, bare driver")


def _search(database: Database, organization_id: int, query: str) -> None:
    with database.read(organization_id) as unit:
        search(unit, query, _SHOWN)


def _timed(database: Database, organization_id: int, query: str) -> float:
    begun = time.perf_counter()
    _search(database, organization_id, query)
    return time.perf_counter() - begun


def _replayed(driver: Any, calls: list[Call]) -> float:
    begun = time.perf_counter()
    replay(driver, calls)
    return time.perf_counter() - begun
