"""The first page of a long timeline, after merges: profiles are read together, however many were merged into one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from benchmarks.bases import Pair
from benchmarks.histories import customer, write
from benchmarks.recorder import Call, bare_driver, recorded, replay
from benchmarks.report import Effort, Line, percentile
from benchmarks.workload import Workload
from onefold.conversations import service as conversations
from onefold.conversations.store import ItemRow, change_conversation
from onefold.core.actor import Actor
from onefold.database.engine import Database, UnitOfWork
from onefold.database.transactions import run_in_transaction
from onefold.merging import service as merging
from onefold.merging import store as merges
from onefold.merging.service import MergeRequest

_CONVERSATIONS = 1_000
_ITEMS = 10 * _CONVERSATIONS
_PAGE = 50

_Page = Callable[[UnitOfWork], list[ItemRow]]


def measure(pair: Pair, _workload: Workload, effort: Effort) -> list[Line]:
    """Pages in turns with the baseline: one select of as many items of a customer who was never merged."""
    database, baseline = pair.ours.open(), pair.baseline.open()
    try:
        pages = _pages(database, pair.organization_id)
        alone = customer("Al One", 1, _CONVERSATIONS)
        write(baseline, pair.organization_id, [alone], _ITEMS)
        calls = _select(baseline, pair.organization_id, alone.profile_id)
        times: dict[str, list[float]] = {what: [] for what in (*pages, "baseline")}
        with bare_driver(baseline) as driver:
            for _ in range(effort.queries // 2 + 10):
                for what, page in pages.items():
                    times[what].append(_timed(database, pair.organization_id, page))
                times["baseline"].append(_replayed(driver, calls))
        return [_line(what, part, times) for what in pages for part in (0.5, 0.95)]
    finally:
        database.dispose()
        baseline.dispose()


def _pages(database: Database, organization_id: int) -> dict[str, _Page]:
    two = [customer(name, 1, _CONVERSATIONS // 2) for name in ("Ann Kimrano", "Ann Kim")]
    many = [customer("Ben Tolo", 1, 1) for _ in range(_CONVERSATIONS)]
    write(database, organization_id, two, _ITEMS // 2)
    write(database, organization_id, many, _ITEMS // _CONVERSATIONS)
    request = MergeRequest(two[0].profile_id, two[1].profile_id)
    run_in_transaction(
        database, organization_id, lambda unit: merging.merge(unit, request, Actor(None, None, "benchmark"))
    )
    first, *others = many
    with database.write(organization_id) as unit:
        for who in others:
            change_conversation(unit, who.conversations[0], state="closed", merged_into_id=first.conversations[0])
        merges.set_redirect(unit, [who.profile_id for who in others], first.profile_id)
    middle = _middle(database, organization_id, first.profile_id)
    return {
        "timeline, two profiles": lambda unit: conversations.timeline(unit, two[1].profile_id, None, _PAGE),
        "timeline, 1,000 profiles": lambda unit: conversations.timeline(unit, first.profile_id, None, _PAGE),
        "the same, from the middle": lambda unit: conversations.timeline(unit, first.profile_id, middle, _PAGE),
        "a conversation that 1,000 became": lambda unit: conversations.items(unit, first.conversations[0], None, _PAGE),
    }


def _middle(database: Database, organization_id: int, profile_id: str) -> int:
    with database.read(organization_id) as unit:
        return conversations.timeline(unit, profile_id, None, 1)[0].seq - _ITEMS // 2


def _select(database: Database, organization_id: int, profile_id: str) -> list[Call]:
    """What one page of somebody never merged takes: BEGIN, the select, COMMIT."""
    tape = recorded(database)
    with tape.recording() as calls, database.read(organization_id) as unit:
        page = conversations.timeline(unit, profile_id, None, _PAGE)
    assert len(page) == _PAGE
    selects = [call for call in calls if call.sql is None or "BEGIN" in call.sql or "FROM items" in call.sql]
    assert sum("FROM items" in str(call.sql) for call in selects) == 1, selects
    return selects


def _timed(database: Database, organization_id: int, page: _Page) -> float:
    begun = time.perf_counter()
    with database.read(organization_id) as unit:
        found = page(unit)
    elapsed = time.perf_counter() - begun
    assert len(found) == _PAGE
    return elapsed * 1000


def _replayed(driver: Any, calls: list[Call]) -> float:
    begun = time.perf_counter()
    replay(driver, calls)
    return (time.perf_counter() - begun) * 1000


def _line(what: str, part: float, times: dict[str, list[float]]) -> Line:
    ours, baseline = percentile(times[what][10:], part), percentile(times["baseline"][10:], part)
    return Line(
        f"{what}, p{part * 100:.0f}: ms", ours, baseline, ours / baseline, f"one select of {_PAGE} items, bare driver"
    )
