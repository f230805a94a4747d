"""What the hot path asks of a database, by PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from onefold.database.dialects import Dialect, Direction, Insert, Row, Update
from onefold.database.tables import Instant

_json = msgspec.json.encode
_UPDATED_AT_ONCE = 100
"""Rows. Each is looked for among those given, as there are none but nested loops."""
_AUDIT_LOCKS, _MERGE_LOCKS, _SUGGESTION_LOCKS = 1, 2, 3


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

    def first(self, table: str, alias: str, condition: str, order: str, index: str) -> str:
        inner = f"SELECT * FROM {table} AS {alias} WHERE {condition} ORDER BY {order} LIMIT ?"
        return f" CROSS JOIN LATERAL ({inner}) AS {alias}"

    def first_of_key(self, table: str, alias: str, column: str) -> str:
        inner = f"SELECT * FROM {table} WHERE organization_id = ? AND key = k.value ORDER BY {column} LIMIT ?"
        return f" CROSS JOIN LATERAL ({inner}) AS {alias}"

    def next_items(self, alias: str, column: str, way: Direction) -> str:
        scope = f"organization_id = ? AND {column} = k.value AND {way.stretch}"
        inner = f"SELECT timeline_second, seq FROM items WHERE {scope} ORDER BY {way.order} LIMIT ?"
        return f" CROSS JOIN LATERAL ({inner}) AS {alias}"

    def begin(self, driver: Any, cursor: Any, organization_id: int, *, write: bool, exclusive: bool) -> int | None:
        driver.autocommit = True  # so that BEGIN travels with the statements behind it, in one round trip
        org = int(organization_id)
        scoped = f"SELECT set_config('onefold.organization_id', '{org}', true)"
        if not write:
            cursor.execute(f"BEGIN; {scoped}")
            return None
        lock = "pg_advisory_xact_lock" if exclusive else "pg_advisory_xact_lock_shared"
        # The settings are read after the lock, in a statement of their own that sees what was waited for.
        cursor.execute(f"BEGIN; {scoped}, {lock}({org}); SELECT settings_version FROM organizations WHERE id = {org}")
        while cursor.nextset():
            pass
        row = cursor.fetchone()
        return None if row is None else int(row[0])

    def end(self, driver: Any) -> None:
        if not driver.closed:
            driver.autocommit = False

    def allow_whole_base(self, cursor: Any) -> None:
        for setting in ("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "enable_material"):
            cursor.execute(f"SET LOCAL {setting} = on")
        cursor.execute("SET LOCAL max_parallel_workers_per_gather = 2")
        cursor.execute("SET LOCAL statement_timeout = 0")

    def lookup(self, cursor: Any, sql: str, parameters: Row, keys: Sequence[Any]) -> list[Row]:
        cursor.execute(self._translate(sql), (_json(keys).decode(), *parameters))
        rows: list[Row] = cursor.fetchall()
        return rows

    def _translate(self, sql: str) -> str:
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
                f"WITH v AS MATERIALIZED (SELECT {', '.join(values)} "
                f"FROM jsonb_array_elements(%(rows)s::jsonb) AS t(r)) "
                f"UPDATE {table.name} SET {', '.join(changes)} FROM v "
                f"WHERE {table.name}.organization_id = %(org)s AND {table.name}.id = v.id "
                f"AND {table.name}.id = ANY(ARRAY(SELECT id FROM v))"
            )
            self._sql[update] = sql
        changed = 0
        for start in range(0, len(rows), _UPDATED_AT_ONCE):
            some = rows[start : start + _UPDATED_AT_ONCE]
            cursor.execute(sql, {"rows": _json(some).decode(), "org": organization_id})
            changed += int(cursor.rowcount)
        return changed

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
