"""Where SQLite and PostgreSQL differ. Everything else in storage is written once.

The hot path hands whole batches to one statement: PostgreSQL gets one JSON text a statement (one round trip), SQLite
gets rows one by one in one call (there is no round trip to save). Placeholders are written `?` and translated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from onefold.storage.tables import Instant

Row = Sequence[Any]
_json = msgspec.json.encode
_AUDIT_LOCKS, _MERGE_LOCKS = 1, 2
_SUGGESTION_LOCKS = 3


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

    def first(self, table: str, alias: str, condition: str, index: str) -> str:
        """Joins the first rows by id, by an index that ends in it."""
        raise NotImplementedError

    def first_of_key(self, table: str, alias: str, column: str) -> str:
        """Joins the first rows of an organization's `key`, in the order of a column that follows it in the primary key.

        Its parameters are those of `first_parameters`.
        """
        raise NotImplementedError

    def newest_items(self, alias: str, column: str) -> str:
        """Joins the newest items that have the key in a column, below a number; parameters as of `first_of_key`."""
        raise NotImplementedError

    def by_index(self, table: str, index: str) -> str:
        """The table, to be read by an index whose condition the select repeats word for word."""
        return table

    def first_parameters(self, parameters: Row, limit: int) -> Row:
        """The parameters of such a join: those of its condition, the organization first, and how many rows."""
        return (*parameters, limit)

    def begin(self, driver: Any, cursor: Any, organization_id: int, *, write: bool, alone: bool) -> int | None:
        """Begins a transaction of the organization; `alone` keeps every other writer of the organization out.

        Returns the version of the organization's settings where that costs nothing more.
        """
        raise NotImplementedError

    def end(self, driver: Any) -> None:
        """After a transaction, however it ended."""

    def allow_whole_base(self, cursor: Any) -> None:
        """Lets the transaction take all the time and every kind of plan."""

    def one(self, cursor: Any, sql: str, parameters: Row) -> Row | None:
        """The first row of a select."""
        found: Row | None = cursor.execute(self._translated(sql), parameters).fetchone()
        return found

    def _translated(self, sql: str) -> str:
        return sql

    def rows(self, cursor: Any, sql: str, parameters: Row) -> list[Row]:
        """The rows of a select."""
        found: list[Row] = cursor.execute(self._translated(sql), parameters).fetchall()
        return found

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

        Returns (id, version) of each that is living, None where the whole transaction is alone anyway.
        """
        raise NotImplementedError


class SQLite(Dialect):
    """One writer at a time (`BEGIN IMMEDIATE`), so that no lock is needed inside a transaction."""

    name = "sqlite"
    keys = "json_each(?) AS k"
    id_keys = "json_each(?) AS k"
    pairs = "(SELECT json_extract(value, '$[0]') AS kind, json_extract(value, '$[1]') AS value FROM json_each(?)) AS k"

    # CROSS JOIN pins the order of the joins; without it the planner may walk the whole organization.
    def join(self, table: str, alias: str, condition: str, *, one: bool = True) -> str:
        return f" CROSS JOIN {table} AS {alias} ON {condition}"

    def left_join(self, table: str, alias: str, condition: str) -> str:
        return f" LEFT JOIN {table} AS {alias} ON {condition}"

    def first(self, table: str, alias: str, condition: str, index: str) -> str:
        indexed = f"{table} AS {alias} INDEXED BY {index}"
        inner = f"SELECT {alias}.id FROM {indexed} WHERE {condition} ORDER BY {alias}.id LIMIT ?"
        return f" CROSS JOIN {table} AS {alias} ON {alias}.organization_id = ? AND {alias}.id IN ({inner})"

    def first_of_key(self, table: str, alias: str, column: str) -> str:
        inner = f"SELECT {column} FROM {table} WHERE organization_id = ? AND key = k.value ORDER BY {column} LIMIT ?"
        mine = f"{alias}.organization_id = ? AND {alias}.key = k.value"
        return f" CROSS JOIN {table} AS {alias} ON {mine} AND {alias}.{column} IN ({inner})"

    def newest_items(self, alias: str, column: str) -> str:
        mine = f"organization_id = ? AND {column} = k.value AND seq < ?"
        inner = f"SELECT seq FROM items WHERE {mine} ORDER BY seq DESC LIMIT ?"
        return f" CROSS JOIN items AS {alias} ON {alias}.organization_id = ? AND {alias}.seq IN ({inner})"

    def by_index(self, table: str, index: str) -> str:
        return f"{table} INDEXED BY {index}"  # else it walks the primary key

    def first_parameters(self, parameters: Row, limit: int) -> Row:
        return (parameters[0], *parameters, limit)

    def begin(self, driver: Any, cursor: Any, organization_id: int, *, write: bool, alone: bool) -> int | None:
        cursor.execute("BEGIN IMMEDIATE" if write else "BEGIN")
        return None

    def lookup(self, cursor: Any, sql: str, parameters: Row, keys: Sequence[Any]) -> list[Row]:
        found: list[Row] = cursor.execute(sql, (_json(keys).decode(), *parameters)).fetchall()
        return found

    def insert_all(self, cursor: Any, inserts: Mapping[Insert, Sequence[Row]]) -> dict[Insert, int]:
        return {insert: self._insert(cursor, insert, rows) for insert, rows in inserts.items()}

    def _insert(self, cursor: Any, insert: Insert, rows: Sequence[Row]) -> int:
        sql = self._sql.get(insert) or self._insert_sql(insert, insert.columns)
        return int(cursor.executemany(sql, rows).rowcount)

    def append(self, cursor: Any, insert: Insert, rows: Sequence[Row]) -> list[int]:
        sql = self._sql.get(insert) or self._insert_sql(insert, ("seq", *insert.columns))
        # All rows of a call are of one organization, and this transaction is the only writer.
        last = f"SELECT coalesce(max(seq), 0) FROM {insert.table.name} WHERE organization_id = ?"
        first = cursor.execute(last, (rows[0][0],)).fetchone()[0] + 1
        cursor.executemany(sql, [(first + n, *row) for n, row in enumerate(rows)])
        return list(range(first, first + len(rows)))

    def _insert_sql(self, insert: Insert, columns: Sequence[str]) -> str:
        marks = ", ".join("?" * len(columns))
        sql = f"INSERT INTO {insert.table.name} ({', '.join(columns)}) VALUES ({marks})"
        if insert.skip_taken:
            sql += " ON CONFLICT DO NOTHING"
        self._sql[insert] = sql
        return sql

    def update(self, cursor: Any, update: Update, organization_id: int, rows: Sequence[Row]) -> int:
        sql = self._sql.get(update)
        if sql is None:
            changes = ", ".join([*(f"{c} = ?" for c in update.columns), *([update.also] if update.also else [])])
            sql = f"UPDATE {update.table.name} SET {changes} WHERE organization_id = ? AND id = ?"
            self._sql[update] = sql
        return int(cursor.executemany(sql, [(*row[1:], organization_id, row[0]) for row in rows]).rowcount)

    def lock_profiles(
        self, cursor: Any, organization_id: int, ids: Sequence[str], *, against_edits: bool
    ) -> list[Row] | None:
        return None


class PostgreSQL(Dialect):
    """Many writers; unique indexes decide races, and profiles are locked in the order of their ids."""

    name = "postgresql"
    keys = "jsonb_array_elements_text(%s::jsonb) AS k(value)"
    # Row-level security lets no condition with a cast reach an index, so casts are made before it; OFFSET 0 keeps them
    # there.
    id_keys = "(SELECT v::uuid AS value FROM jsonb_array_elements_text(%s::jsonb) AS t(v) OFFSET 0) AS k"
    pairs = "(SELECT v->>0 AS kind, v->>1 AS value FROM jsonb_array_elements(%s::jsonb) AS t(v) OFFSET 0) AS k"

    # A plan made while tables are empty is kept, and there every order of joins costs the same; a subquery that cannot
    # be pulled up leaves the planner one order, and one table at a time to find the index for.
    def join(self, table: str, alias: str, condition: str, *, one: bool = True) -> str:
        fence = "LIMIT 1" if one else "OFFSET 0"
        return f" CROSS JOIN LATERAL (SELECT * FROM {table} AS {alias} WHERE {condition} {fence}) AS {alias}"

    def left_join(self, table: str, alias: str, condition: str) -> str:
        inner = f"SELECT * FROM {table} AS {alias} WHERE {condition} LIMIT 1"
        return f" LEFT JOIN LATERAL ({inner}) AS {alias} ON true"

    def first(self, table: str, alias: str, condition: str, index: str) -> str:
        inner = f"SELECT * FROM {table} AS {alias} WHERE {condition} ORDER BY {alias}.id LIMIT ?"
        return f" CROSS JOIN LATERAL ({inner}) AS {alias}"

    def first_of_key(self, table: str, alias: str, column: str) -> str:
        inner = f"SELECT * FROM {table} WHERE organization_id = ? AND key = k.value ORDER BY {column} LIMIT ?"
        return f" CROSS JOIN LATERAL ({inner}) AS {alias}"

    def newest_items(self, alias: str, column: str) -> str:
        mine = f"organization_id = ? AND {column} = k.value AND seq < ?"
        return f" CROSS JOIN LATERAL (SELECT seq FROM items WHERE {mine} ORDER BY seq DESC LIMIT ?) AS {alias}"

    def begin(self, driver: Any, cursor: Any, organization_id: int, *, write: bool, alone: bool) -> int | None:
        driver.autocommit = True  # so that BEGIN travels with the statements behind it, in one round trip
        org = int(organization_id)
        scoped = f"SELECT set_config('onefold.organization_id', '{org}', true)"
        if not write:
            cursor.execute(f"BEGIN; {scoped}")
            return None
        lock = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
        # The settings are read after the lock, in a statement of their own that sees what was waited for.
        cursor.execute(f"BEGIN; {scoped}, {lock}({org}); SELECT settings_version FROM organizations WHERE id = {org}")
        while cursor.nextset():
            pass
        found = cursor.fetchone()
        return None if found is None else int(found[0])

    def end(self, driver: Any) -> None:
        if not driver.closed:
            driver.autocommit = False

    def allow_whole_base(self, cursor: Any) -> None:
        for setting in ("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "enable_material"):
            cursor.execute(f"SET LOCAL {setting} = on")
        cursor.execute("SET LOCAL statement_timeout = 0")

    def lookup(self, cursor: Any, sql: str, parameters: Row, keys: Sequence[Any]) -> list[Row]:
        cursor.execute(self._translated(sql), (_json(keys).decode(), *parameters))
        found: list[Row] = cursor.fetchall()
        return found

    def _translated(self, sql: str) -> str:
        translated = self._sql.get(sql)
        if translated is None:
            translated = self._sql[sql] = sql.replace("?", "%s")
        return translated

    def insert_all(self, cursor: Any, inserts: Mapping[Insert, Sequence[Row]]) -> dict[Insert, int]:
        # One statement, because round trips are most of what a small group costs; references are checked at its end.
        sql = self._insert_all_sql(tuple(inserts))
        cursor.execute(sql, [_json(rows).decode() for rows in inserts.values()])
        return dict(zip(inserts, cursor.fetchone(), strict=True))

    def _insert_all_sql(self, inserts: tuple[Insert, ...]) -> str:
        sql = self._sql.get(inserts)
        if sql is None:
            parts = [f"{i.table.name}_taken AS ({self._insert_sql(i, ' RETURNING 1')})" for i in inserts]
            counts = [f"(SELECT count(*) FROM {i.table.name}_taken)" for i in inserts]
            sql = self._sql[inserts] = f"WITH {', '.join(parts)} SELECT {', '.join(counts)}"
        return sql

    def append(self, cursor: Any, insert: Insert, rows: Sequence[Row]) -> list[int]:
        cursor.execute(self._insert_sql(insert, " RETURNING seq"), (_json(rows).decode(),))
        # Rows are numbered in the order they are selected in, which ORDER BY makes the order of the batch.
        return sorted(seq for (seq,) in cursor.fetchall())

    def _insert_sql(self, insert: Insert, returning: str) -> str:
        sql = self._sql.get(insert)
        if sql is None:
            values = ", ".join(_json_value(insert.table.c[c], n) for n, c in enumerate(insert.columns))
            taken = " ON CONFLICT DO NOTHING" if insert.skip_taken else ""
            sql = (
                f"INSERT INTO {insert.table.name} ({', '.join(insert.columns)}) SELECT {values} "
                f"FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS t(r, n) ORDER BY n{taken}{returning}"
            )
            self._sql[insert] = sql
        return sql

    def update(self, cursor: Any, update: Update, organization_id: int, rows: Sequence[Row]) -> int:
        sql = self._sql.get(update)
        if sql is None:
            table = update.table
            values = [f"{_json_value(table.c[c], n)} AS {c}" for n, c in enumerate(("id", *update.columns))]
            changes = [*(f"{c} = v.{c}" for c in update.columns), *([update.also] if update.also else [])]
            sql = (
                f"UPDATE {table.name} SET {', '.join(changes)} "
                f"FROM (SELECT {', '.join(values)} FROM jsonb_array_elements(%(rows)s::jsonb) AS t(r) OFFSET 0) AS v "
                f"WHERE {table.name}.organization_id = %(org)s AND {table.name}.id = v.id AND {table.name}.id = "
                f"ANY(ARRAY(SELECT (r->>0)::uuid FROM jsonb_array_elements(%(rows)s::jsonb) AS t(r)))"
            )
            self._sql[update] = sql
        cursor.execute(sql, {"rows": _json(rows).decode(), "org": organization_id})
        return int(cursor.rowcount)

    def lock_values(self, cursor: Any, organization_id: int, values: Sequence[str]) -> bool:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(value, %s)) "
            "FROM (SELECT value FROM jsonb_array_elements_text(%s::jsonb) AS k(value) ORDER BY value) AS ordered",
            (organization_id, _json(values).decode()),
        )
        return True

    def lock_audit(self, cursor: Any, organization_id: int) -> None:
        # Locks of two numbers are apart from those of one, which begin() and lock_values() take.
        cursor.execute("SELECT pg_advisory_xact_lock(%s::int, %s::int)", (_AUDIT_LOCKS, organization_id % 2**31))

    def lock_merging(self, cursor: Any, organization_id: int) -> None:
        cursor.execute("SELECT pg_advisory_xact_lock(%s::int, %s::int)", (_MERGE_LOCKS, organization_id % 2**31))

    def lock_suggesting(self, cursor: Any, organization_id: int) -> None:
        cursor.execute("SELECT pg_advisory_xact_lock(%s::int, %s::int)", (_SUGGESTION_LOCKS, organization_id % 2**31))

    def lock_profiles(
        self, cursor: Any, organization_id: int, ids: Sequence[str], *, against_edits: bool
    ) -> list[Row] | None:
        mode = "FOR NO KEY UPDATE" if against_edits else "FOR KEY SHARE"
        cursor.execute(
            "SELECT id, version FROM profiles WHERE organization_id = %s AND survivor_id IS NULL "
            "AND id = ANY(ARRAY(SELECT value::uuid FROM jsonb_array_elements_text(%s::jsonb) AS k(value))) "
            f"ORDER BY id {mode}",
            (organization_id, _json(ids).decode()),
        )
        locked: list[Row] = cursor.fetchall()
        return locked


def _json_value(column: sa.Column[Any], position: int) -> str:
    """The SQL that takes a column's value out of the JSON array `r`."""
    kind = column.type
    if isinstance(kind, Instant):
        return f"(r->>{position})::timestamptz"
    if isinstance(kind, sa.JSON):
        return f"(r->>{position})::jsonb"
    if isinstance(kind, sa.Boolean):
        return f"(r->>{position})::boolean"
    if isinstance(kind, sa.Integer):
        return f"(r->>{position})::bigint"
    if isinstance(kind, sa.Float):
        return f"(r->>{position})::double precision"
    if column.name == "id" or (column.name.endswith("_id") and column.name != "message_id"):
        return f"(r->>{position})::uuid"
    return f"r->>{position}"


def dialect_of(name: str) -> Dialect:
    """The dialect of a SQLAlchemy engine, by its name."""
    return SQLite() if name == "sqlite" else PostgreSQL()
