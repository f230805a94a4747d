"""What SQLite's planner is told of a base that it has never analysed.

Without statistics it believes that the organization alone, first in every key, leads to as few rows as an index of more
columns, and reads a whole organization for one profile.
"""

from __future__ import annotations

from sqlalchemy.engine import Connection

from onefold.database.tables import OWNED

_ROWS = 1_000_000
_OF_A_PROFILE = 10
_FEW_VALUES = frozenset(("kind", "state", "channel", "type", "action", "agent_id"))


def assume_statistics(connection: Connection) -> None:
    """Writes how many rows each prefix of each index leads to in a large base; `ANALYZE` writes its own instead."""
    connection.exec_driver_sql("ANALYZE organizations")  # makes the table they are kept in, by reading a small one
    connection.exec_driver_sql("DELETE FROM sqlite_stat1")
    for table in OWNED:
        for _, index, unique, origin, _ in connection.exec_driver_sql(f"PRAGMA index_list({table.name})").fetchall():
            columns = [row[2] for row in connection.exec_driver_sql(f"PRAGMA index_info({index})")]
            numbers = " ".join(map(str, [_ROWS, *_led_to(columns, bool(unique))]))
            name = table.name if origin == "pk" else index  # a table without rowid is its own index
            connection.exec_driver_sql("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", (table.name, name, numbers))
    connection.exec_driver_sql("ANALYZE sqlite_schema")  # has the connections that are open read them


def _led_to(columns: list[str], unique: bool) -> list[int]:
    left, numbers = _ROWS, []
    for position, column in enumerate(columns):
        if column in _FEW_VALUES:
            left = max(left // 4, 1)
        elif column != "organization_id":
            left = 1 if unique and position == len(columns) - 1 else min(left, _OF_A_PROFILE)
        numbers.append(left)
    return numbers
