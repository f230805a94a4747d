"""How much a database does for a piece of work: the same every time, whatever else the machine does.

On SQLite the instructions of its machine, on PostgreSQL the pages that tables and indexes are asked for.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.pq import TransactionStatus
from sqlalchemy import event

_PAGES = (
    "SELECT coalesce(sum(pg_stat_get_xact_blocks_fetched(oid)), 0)::bigint FROM pg_class "
    "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')"
)


class Tally:
    """What connections have been made to do while it runs, by statement."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._running = False
        self._now = ""

    @contextmanager
    def running(self) -> Iterator[Counter[str]]:
        """Counts; the counts are complete once the block has ended."""
        self.counts, self._running = Counter(), True
        try:
            yield self.counts
        finally:
            self._running = False

    def attach(self, driver: Any, _record: Any) -> None:
        """Has a new connection counted."""
        if isinstance(driver, psycopg.Connection):
            driver.cursor_factory = _counting(self)
            return
        driver.set_trace_callback(self._begin)
        driver.set_progress_handler(self._step, 1)

    def add(self, statement: str, number: int) -> None:
        """What a statement has cost."""
        if self._running:
            self.counts[_without_values(statement)] += number

    @property
    def is_running(self) -> bool:
        """Whether somebody counts."""
        return self._running

    def _begin(self, statement: str) -> None:
        if self._running:
            self._now = _without_values(statement)

    def _step(self) -> int:
        if self._running:
            self.counts[self._now] += 1
        return 0


def _without_values(statement: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"'[^']*'|\b\d+\b", "?", statement))


def _counting(tally: Tally) -> Any:
    class Counting(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **given: Any) -> Any:
            before = self._pages() if tally.is_running else None
            try:
                return super().execute(query, params, **given)
            finally:
                if before is not None and (after := self._pages()) is not None:
                    tally.add(str(query), after - before)

        def _pages(self) -> int | None:
            """What this session has asked for; none outside a transaction, where it may begin to count anew."""
            if self.connection.autocommit and self.connection.info.transaction_status != TransactionStatus.INTRANS:
                return None
            row = psycopg.Cursor(self.connection).execute(_PAGES).fetchone()
            return None if row is None else int(row[0])

    return Counting


@contextmanager
def counted() -> Iterator[Tally]:
    """Has every connection counted that is made in the block."""
    tally = Tally()
    event.listen(sa.Engine, "connect", tally.attach)
    try:
        yield tally
    finally:
        event.remove(sa.Engine, "connect", tally.attach)
