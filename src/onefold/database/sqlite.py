"""What the hot path asks of a database, by SQLite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from onefold.database.dialects import Dialect, Direction, Insert, Row, Update

_json = msgspec.json.encode


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

    def first(self, table: str, alias: str, condition: str, order: str, index: str) -> str:
        indexed = f"{table} AS {alias} INDEXED BY {index}"
        inner = f"SELECT {alias}.id FROM {indexed} WHERE {condition} ORDER BY {order} LIMIT ?"
        return f" CROSS JOIN {table} AS {alias} ON {alias}.organization_id = ? AND {alias}.id IN ({inner})"

    def first_of_key(self, table: str, alias: str, column: str) -> str:
        inner = f"SELECT {column} FROM {table} WHERE organization_id = ? AND key = k.value ORDER BY {column} LIMIT ?"
        scope = f"{alias}.organization_id = ? AND {alias}.key = k.value"
        return f" CROSS JOIN {table} AS {alias} ON {scope} AND {alias}.{column} IN ({inner})"

    def next_items(self, alias: str, column: str, way: Direction) -> str:
        scope = f"organization_id = ? AND {column} = k.value AND {way.stretch}"
        inner = f"SELECT timeline_second, seq FROM items WHERE {scope} ORDER BY {way.order} LIMIT ?"
        # Found once more by the same index, which has all that is asked for: the rows themselves are not read.
        same = f"{alias}.organization_id = ? AND {alias}.{column} = k.value"
        return f" CROSS JOIN items AS {alias} ON {same} AND ({alias}.timeline_second, {alias}.seq) IN ({inner})"

    def by_index(self, table: str, index: str) -> str:
        return f"{table} INDEXED BY {index}"  # else it walks the primary key

    def by_key(self, table: str) -> str:
        return f"{table} INDEXED BY sqlite_autoindex_{table}_1"  # else it may walk an index that looks shorter

    def first_parameters(self, parameters: Row, limit: int) -> Row:
        return (parameters[0], *parameters, limit)

    def begin(self, driver: Any, cursor: Any, organization_id: int, *, write: bool, exclusive: bool) -> int | None:
        cursor.execute("BEGIN IMMEDIATE" if write else "BEGIN")
        return None

    def lookup(self, cursor: Any, sql: str, parameters: Row, keys: Sequence[Any]) -> list[Row]:
        rows: list[Row] = cursor.execute(sql, (_json(keys).decode(), *parameters)).fetchall()
        return rows

    def insert_all(self, cursor: Any, inserts: Mapping[Insert, Sequence[Row]]) -> dict[Insert, int]:
        return {insert: self._insert(cursor, insert, rows) for insert, rows in inserts.items()}

    def _insert(self, cursor: Any, insert: Insert, rows: Sequence[Row]) -> int:
        sql = self._sql.get(insert) or self._insert_sql(insert, insert.columns)
        return int(cursor.executemany(sql, rows).rowcount)

    def append(self, cursor: Any, insert: Insert, rows: Sequence[Row]) -> list[int]:
        sql = self._sql.get(insert) or self._insert_sql(insert, ("seq", *insert.columns))
        # All rows of a call are of one organization, and this transaction is the only writer.
        first = (self.newest(cursor, insert.table.name, rows[0][0]) or 0) + 1
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
