"""Every distinct statement that stores send while the tests run, by whichever use case, job, page or command.

Every connection that is made in this process is recorded from the first one on; a statement is kept the first time its
text is seen. What programs send that a test starts (races, kills) is sent by the same code, and is not recorded.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from types import FrameType
from typing import Any, NamedTuple

import psycopg
import sqlalchemy as sa
from sqlalchemy import event

import onefold

_ONEFOLD = onefold.__path__[0]
_READING = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b")
_LISTED = re.compile(r"(?<=[(,] )(%\(\w+\)s|\?|%s)(::\w+)?(, (%\(\w+\)s|\?|%s)(::\w+)?)+")


class Sent(NamedTuple):
    """A statement as a driver was given it, with the parameters of one time.

    `by` are the functions of stores that were at work, the innermost first: `suggestions.store.page`.
    """

    sqlite: bool
    sql: str
    parameters: Any
    by: tuple[str, ...]


class Statements:
    """The statements of this process that nobody has looked at yet."""

    def __init__(self) -> None:
        self._known: set[tuple[bool, str]] = set()
        self._texts: set[str] = set()
        self._new: list[Sent] = []

    def note(self, sqlite: bool, sql: str, parameters: Any) -> None:
        """Keeps a statement of a store's, if it is not known yet."""
        if sql in self._texts or not _READING.match(sql):
            return
        by = _stores_above(sys._getframe(2))
        if not by:
            return
        self._texts.add(sql)
        # One of many keys is the same as one of a few.
        one = (sqlite, re.sub(r"\d+", "", _LISTED.sub("...", sql)))
        if one not in self._known:
            self._known.add(one)
            self._new.append(Sent(sqlite, sql, parameters, by))

    def take(self) -> list[Sent]:
        """Those that were not known before."""
        taken, self._new = self._new, []
        return taken


def _stores_above(frame: FrameType | None) -> tuple[str, ...]:
    """The functions of stores that have led here; none where a migration has."""
    functions = []
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_ONEFOLD):
            name = file[len(_ONEFOLD) + 1 : -len(".py")].replace("/", ".")
            if name.startswith("database.migrat"):
                return ()
            if name.endswith("store") and not frame.f_code.co_name.startswith("<"):
                functions.append(f"{name}.{frame.f_code.co_name}")
        frame = frame.f_back
    return tuple(functions)


STATEMENTS = Statements()


class _SqliteCursor(sqlite3.Cursor):
    def execute(self, sql: str, parameters: Any = ()) -> Any:
        STATEMENTS.note(True, sql, parameters)
        return super().execute(sql, parameters)

    def executemany(self, sql: str, rows: Any) -> Any:
        rows = list(rows)
        if rows:
            STATEMENTS.note(True, sql, rows[0])
        return super().executemany(sql, rows)


class _SqliteConnection(sqlite3.Connection):
    def cursor(self, *_: Any) -> sqlite3.Cursor:
        return super().cursor(_SqliteCursor)


class _PostgresCursor(psycopg.Cursor[Any]):
    def execute(self, query: Any, params: Any = None, **given: Any) -> Any:
        STATEMENTS.note(False, query, params)
        return super().execute(query, params, **given)

    def executemany(self, query: Any, params_seq: Any, **given: Any) -> None:
        rows = list(params_seq)
        if rows:
            STATEMENTS.note(False, query, rows[0])
        super().executemany(query, rows, **given)


@event.listens_for(sa.Engine, "do_connect")
def _record(dialect: sa.Dialect, _record: Any, _arguments: Any, parameters: dict[str, Any]) -> None:
    if dialect.name == "sqlite":
        parameters.setdefault("factory", _SqliteConnection)
    else:
        parameters.setdefault("cursor_factory", _PostgresCursor)
