"""What those who look on read of the outbox (MRG-11): which events are visible, and what they say.

PostgreSQL numbers an event before its transaction is committed, so an event may become visible after one of a higher
number. Every look says, from the same snapshot, which transactions may still do that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from onefold.database.engine import UnitOfWork
from onefold.database.tables import outbox

_o = outbox.c
_SQLITE = "SELECT seq, 0, 0 FROM outbox WHERE organization_id = ? AND seq > ? ORDER BY seq DESC LIMIT ?"
_POSTGRESQL = (
    "SELECT o.seq, pg_snapshot_xmin(now.snapshot)::text::bigint, pg_snapshot_xmax(now.snapshot)::text::bigint "
    "FROM (SELECT pg_current_snapshot() AS snapshot OFFSET 0) AS now LEFT JOIN LATERAL "
    "(SELECT seq FROM outbox WHERE organization_id = ? AND seq > ? ORDER BY seq DESC LIMIT ?) AS o ON true"
)


class Change(NamedTuple):
    """An event of the outbox. `data` is JSON, and holds ids only, never customer data."""

    seq: int
    id: str
    type: str
    profile_id: str
    data: str


class Look(NamedTuple):
    """The numbers of visible events, newest first, and whose events may not be visible yet.

    Every transaction below `running_from` has ended, none at or above `begun_before` had begun. Both are 0 on SQLite,
    whose events become visible in the order of their numbers.
    """

    seqs: list[int]
    running_from: int
    begun_before: int


def look(unit: UnitOfWork, after: int, limit: int) -> Look:
    """The newest events after a number, at most so many."""
    sql = _POSTGRESQL if unit.dialect.name == "postgresql" else _SQLITE
    rows = unit.rows(sql, (unit.organization_id, after, limit))
    running_from, begun_before = (rows[0][1], rows[0][2]) if rows else (0, 0)
    return Look([row[0] for row in rows if row[0] is not None], running_from, begun_before)


def changes(unit: UnitOfWork, seqs: Sequence[int]) -> list[Change]:
    """The events of these numbers, oldest first."""
    if not seqs:
        return []
    columns = (_o.seq, _o.id, _o.type, _o.profile_id, sa.cast(_o.data, sa.Text))
    select = unit.select(*columns).where(_o.seq.in_(seqs)).order_by(_o.seq)
    return [Change._make(row) for row in unit.execute(select)]
