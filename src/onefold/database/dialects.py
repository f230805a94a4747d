"""Where SQLite and PostgreSQL differ; each has its file beside this one. Everything else in storage is written once.

The hot path hands whole batches to one statement: PostgreSQL gets one JSON text a statement (one round trip), SQLite
gets rows one by one in one call (there is no round trip to save). Placeholders are written `?` and translated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

Row = Sequence[Any]


class Insert(NamedTuple):
    """An insert of many rows: `columns` in the order of each row's values, the organization's id first.

    `skip_taken` leaves out rows that a unique index refuses. Tables with a `seq` get it from the database, in order.
    """

    table: sa.Table
    columns: tuple[str, ...]
    skip_taken: bool = False


class Update(NamedTuple):
    """An update of many rows by id: each row is the id, then the values of `columns`; `also` is added as it stands."""

    table: sa.Table
    columns: tuple[str, ...]
    also: str = ""


class Direction(NamedTuple):
    """Which way a timeline is read: what lies beyond a position and no further than another, and in which order."""

    stretch: str
    order: str


BACKWARD = Direction(
    "(timeline_second, seq) < (?, ?) AND (timeline_second, seq) >= (?, ?)", "timeline_second DESC, seq DESC"
)
FORWARD = Direction("(timeline_second, seq) > (?, ?) AND (timeline_second, seq) <= (?, ?)", "timeline_second, seq")


class Dialect:
    """What the hot path asks of a database. `keys` is the SQL that turns one parameter into a column `k.value`,
    `id_keys` the same where the keys are ids, `pairs` where each is a `k.kind` and a `k.value`."""

    name: str
    keys: str
    id_keys: str
    pairs: str

    def __init__(self) -> None:
        self._sql: dict[Any, str] = {}

    def join(self, table: str, alias: str, condition: str, *, one: bool = True) -> str:
        """Joins a table behind what stands before it; `one`: at most one row meets the condition, by a unique index."""
        raise NotImplementedError

    def left_join(self, table: str, alias: str, condition: str) -> str:
        """The same where the one row may be missing."""
        raise NotImplementedError

    def first(self, table: str, alias: str, condition: str, order: str, index: str) -> str:
        """Joins the first rows in an order, by an index that ends in it."""
        raise NotImplementedError

    def first_of_key(self, table: str, alias: str, column: str) -> str:
        """Joins the first rows of an organization's `key`, in the order of a column that follows it in the primary key.

        Its parameters are those of `first_parameters`.
        """
        raise NotImplementedError

    def next_items(self, alias: str, column: str, way: Direction) -> str:
        """Joins the next items with the key in a column, in a stretch of a timeline.

        Its parameters are those of `first_parameters`.
        """
        raise NotImplementedError

    def by_index(self, table: str, index: str) -> str:
        """The table, to be read by an index whose condition the select repeats word for word."""
        return table

    def by_key(self, table: str) -> str:
        """The table, to be read along its primary key, whatever statistics say."""
        return table

    def first_parameters(self, parameters: Row, limit: int) -> Row:
        """The parameters of such a join: those of its condition, the organization first, and how many rows."""
        return (*parameters, limit)

    def begin(self, driver: Any, cursor: Any, organization_id: int, *, write: bool, exclusive: bool) -> int | None:
        """Begins a transaction of the organization; `exclusive` keeps out every other writer of it.

        Returns the version of the organization's settings where that costs nothing more.
        """
        raise NotImplementedError

    def end(self, driver: Any) -> None:
        """After a transaction, however it ended."""

    def allow_whole_base(self, cursor: Any) -> None:
        """Lets the transaction take all the time and every kind of plan."""

    def one(self, cursor: Any, sql: str, parameters: Row) -> Row | None:
        """The first row of a select."""
        row: Row | None = cursor.execute(self._translate(sql), parameters).fetchone()
        return row

    def _translate(self, sql: str) -> str:
        return sql

    def rows(self, cursor: Any, sql: str, parameters: Row) -> list[Row]:
        """The rows of a select."""
        rows: list[Row] = cursor.execute(self._translate(sql), parameters).fetchall()
        return rows

    def newest(self, cursor: Any, table: str, organization_id: int) -> int | None:
        """The highest `seq` among an organization's rows of a table."""
        sql = f"SELECT seq FROM {self.by_key(table)} WHERE organization_id = ? ORDER BY seq DESC LIMIT 1"
        row = self.one(cursor, sql, (organization_id,))
        return None if row is None else int(row[0])

    def lookup(self, cursor: Any, sql: str, parameters: Row, keys: Sequence[Any]) -> list[Row]:
        """Runs a select whose first placeholder stands for the keys."""
        raise NotImplementedError

    def insert(self, cursor: Any, insert: Insert, rows: Sequence[Row]) -> int:
        """Inserts the rows; returns how many were."""
        return self.insert_all(cursor, {insert: rows})[insert]

    def insert_all(self, cursor: Any, inserts: Mapping[Insert, Sequence[Row]]) -> dict[Insert, int]:
        """Inserts into several tables, a table after those it refers to; returns how many rows each has taken."""
        raise NotImplementedError

    def append(self, cursor: Any, insert: Insert, rows: Sequence[Row]) -> list[int]:
        """Inserts into a table with a `seq`; returns the sequence numbers in the order of the rows."""
        raise NotImplementedError

    def update(self, cursor: Any, update: Update, organization_id: int, rows: Sequence[Row]) -> int:
        """Updates rows by id; returns how many were."""
        raise NotImplementedError

    def lock_values(self, cursor: Any, organization_id: int, values: Sequence[str]) -> bool:
        """Until the transaction ends, others that lock the same values wait; False where there can be no others."""
        return False

    def lock_audit(self, cursor: Any, organization_id: int) -> None:
        """Until the transaction ends, whoever else appends to the organization's audit log waits."""

    def lock_merging(self, cursor: Any, organization_id: int) -> None:
        """Until the transaction ends, whoever else merges, undoes or detaches in the organization waits."""

    def lock_suggesting(self, cursor: Any, organization_id: int) -> None:
        """Until the transaction ends, whoever else rates suggestions of the organization waits."""

    def lock_profiles(
        self, cursor: Any, organization_id: int, ids: Sequence[str], *, against_edits: bool
    ) -> list[Row] | None:
        """Keeps living profiles from being merged until the transaction ends, and from being edited if asked for.

        Returns (id, version) of each that is living, None where the whole transaction is exclusive anyway.
        """
        raise NotImplementedError
