"""The baseline: the very statements the service issues, with their parameters, issued again by the bare driver.

A recorded connection hands out cursors that note every call. Replaying computes nothing: no parameter, no decision.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import event

from onefold.database.engine import Database


class Call(NamedTuple):
    """One call on the driver; `sql` is None for a commit."""

    sql: str | None
    parameters: Any = None
    many: bool = False
    fetches: bool = False


class Tape:
    """What a database's connections have been asked, while it runs."""

    def __init__(self) -> None:
        self.running = False
        self.calls: list[Call] = []

    @contextmanager
    def recording(self) -> Iterator[list[Call]]:
        """Records; yields the calls, complete once the block has ended."""
        self.calls, self.running = [], True
        try:
            yield self.calls
        finally:
            self.running = False

    def note(self, *call: Any) -> None:
        """Adds a call."""
        self.calls.append(Call(*call))


def recorded(database: Database) -> Tape:
    """Has the connections of a database recorded from now on; while the tape does not run they are the driver's own."""
    tape = Tape()
    with database.raw() as connection:
        engine = connection.engine
    engine.dispose()

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, arguments: Any, parameters: dict[str, Any]) -> Any:
        made: Any
        if database.is_sqlite:
            made = sqlite3.connect(*arguments, **parameters | {"factory": _SqliteConnection})
        else:
            made = _PostgresConnection.connect(*arguments, **parameters)
        made.tape = tape
        return made

    return tape


class _SqliteConnection(sqlite3.Connection):
    tape: Tape

    def cursor(self, *_: Any) -> sqlite3.Cursor:
        return super().cursor(_SqliteCursor) if self.tape.running else super().cursor()

    def commit(self) -> None:
        if self.tape.running:
            self.tape.note(None)
        super().commit()


class _SqliteCursor(sqlite3.Cursor):
    def execute(self, sql: str, parameters: Any = ()) -> Any:
        super().execute(sql, parameters)
        self.connection.tape.note(sql, parameters, False, self.description is not None)  # type: ignore[attr-defined]
        return self

    def executemany(self, sql: str, rows: Any) -> Any:
        rows = list(rows)
        self.connection.tape.note(sql, rows, True)  # type: ignore[attr-defined]
        return super().executemany(sql, rows)


class _PostgresConnection(psycopg.Connection[Any]):
    tape: Tape

    def cursor(self, *arguments: Any, **parameters: Any) -> Any:
        self.cursor_factory = _PostgresCursor if self.tape.running else psycopg.Cursor
        return super().cursor(*arguments, **parameters)

    def commit(self) -> None:
        if self.tape.running:
            self.tape.note(None)
        super().commit()


class _PostgresCursor(psycopg.Cursor[Any]):
    def execute(self, query: Any, params: Any = None, **parameters: Any) -> Any:
        super().execute(query, params, **parameters)
        self.connection.tape.note(query, params, False, self.description is not None)  # type: ignore[attr-defined]
        return self

    def executemany(self, query: Any, params_seq: Any, **parameters: Any) -> None:
        rows = list(params_seq)
        self.connection.tape.note(query, rows, True)  # type: ignore[attr-defined]
        super().executemany(query, rows, **parameters)


@contextmanager
def bare_driver(database: Database) -> Iterator[Any]:
    """The driver's own connection, with the settings the service gives its connections."""
    with database.raw() as connection:
        driver: Any = connection.connection.driver_connection
        if not database.is_sqlite:
            driver.autocommit = True  # the recorded statements begin their transactions themselves
        yield driver
        if not database.is_sqlite:
            driver.autocommit = False


def replay(connection: Any, calls: Sequence[Call]) -> None:
    """Issues the calls."""
    cursor = connection.cursor()
    execute, executemany, fetchall, commit = cursor.execute, cursor.executemany, cursor.fetchall, connection.commit
    for sql, parameters, many, fetches in calls:
        if sql is None:
            commit()
        elif many:
            executemany(sql, parameters)
        else:
            execute(sql, parameters)
            if fetches:
                fetchall()
