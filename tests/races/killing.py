"""Work that is killed before a statement of its own: statements counted at the driver, and the process that is killed.

The killed are forked: one process rehearses the work, which compiles all its statements, and some hundred of its
children are over soon. It is a clean process with one thread. The tests' own has many, those of the servers it runs:
what is forked from it waits for ever where one of these held a lock (of malloc, of SQLite) at that instant.
"""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import psycopg
import pytest
from sqlalchemy import event

from onefold.database.engine import Database, UnitOfWork
from onefold.database.transactions import run_in_transaction
from onefold.organizations.store import load_policy
from tests.races.processes import Job, answer, clean, received

AFTER_COMMIT = 0
"""The moment that is no statement."""

_PATIENCE_SECONDS = 30

Do = Callable[[UnitOfWork], object]
"""The work of a transaction; for another process it must be found by name."""

# At the driver --------------------------------------------------------------------------------------------------------

_WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|WITH \w+ AS \(INSERT)")


class Counting:
    """Counts the statements of this process from now on, and does something before one of them, or after the commit."""

    now: Counting | None = None

    def __init__(self, at: int, act: Callable[[Any], None]) -> None:
        self.number, self.at, self.act, self.committed = 0, at, act, False
        self.writes: list[int] = []
        Counting.now = self

    @classmethod
    def before(cls, connection: Any, sql: str) -> None:
        counting = cls.now
        if counting is not None and not counting.committed:
            counting.number += 1
            counting.committed = sql == "COMMIT"
            if _WRITES.match(sql):
                counting.writes.append(counting.number)
            if counting.number == counting.at:
                counting.act(connection)

    @classmethod
    def after_commit(cls, connection: Any) -> None:
        if cls.now is not None and cls.now.at == AFTER_COMMIT:
            cls.now.act(connection)


class _SQLiteCursor(sqlite3.Cursor):
    def execute(self, *given: Any) -> Any:
        Counting.before(self.connection, str(given[0]))
        return super().execute(*given)

    def executemany(self, *given: Any) -> Any:
        Counting.before(self.connection, str(given[0]))
        return super().executemany(*given)


class _SQLiteConnection(sqlite3.Connection):
    def cursor(self, factory: Any = _SQLiteCursor) -> Any:
        return super().cursor(factory)

    def commit(self) -> None:
        Counting.before(self, "COMMIT")
        super().commit()
        Counting.after_commit(self)


class _PostgresCursor(psycopg.Cursor[Any]):
    def execute(self, *given: Any, **more: Any) -> Any:
        Counting.before(self.connection, str(given[0]))
        return super().execute(*given, **more)

    def executemany(self, *given: Any, **more: Any) -> Any:
        Counting.before(self.connection, str(given[0]))
        return super().executemany(*given, **more)


class _PostgresConnection(psycopg.Connection[Any]):
    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.cursor_factory = _PostgresCursor

    def commit(self) -> None:
        Counting.before(self, "COMMIT")
        super().commit()
        Counting.after_commit(self)


def counted(url: str) -> Database:
    """A database whose every statement is seen by `Counting`."""
    database = Database(url, pool_size=1)

    def connect(_dialect: Any, _record: Any, given: Any, named: Any) -> Any:
        # Instead of the recorder of every test (tests/statements.py).
        named = {name: value for name, value in named.items() if name not in ("factory", "cursor_factory")}
        if database.is_sqlite:
            return sqlite3.connect(*given, factory=_SQLiteConnection, **named)
        return _PostgresConnection.connect(*given, **named)

    event.listen(database._engine, "do_connect", connect)
    database.ping()
    return database


class Rehearsed(Exception):
    """Ends a rehearsal without a commit."""


def moments_of(database: Database, organization_id: int, do: Do, every: bool) -> list[int]:
    """The statements of the work, by number, that it is stopped before: all, its begin and commit among them, or of
    those between which the base is not the same (the first write, what follows each write) every third, and the commit.
    """
    with database.read(organization_id) as unit:
        load_policy(unit)  # once it is kept, the work has as many statements each time
    counting = Counting(-1, lambda _: None)
    try:
        with pytest.raises(Rehearsed), database.write(organization_id) as unit:
            do(unit)
            raise Rehearsed
    finally:
        Counting.now = None
    commit = counting.number + 1
    assert len(counting.writes) > 15, "the statements are not seen"
    if every:
        return list(range(1, commit + 1))
    return [*sorted({counting.writes[0]} | {n + 1 for n in counting.writes[:-1]})[::3], commit]


# The killing ---------------------------------------------------------------------------------------------------------


class Killer:
    """The other end of the process that forks those who are killed. `moments` are those of the work (`moments_of`)."""

    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe
        self.moments: list[int] = self._told()

    def kill(self, *moments: int) -> None:
        """Does the work in children at once, each of which kills itself at its moment: a statement, or AFTER_COMMIT.

        Whoever ends in another way, or does not end within 30 seconds, fails the test.
        """
        self._pipe.send(moments)
        others = {at: end for at, end in self._told().items() if end != -signal.SIGKILL}
        slow = [at for at, end in others.items() if end == -signal.SIGALRM]
        assert not slow, f"before the statements {slow} the work stood still for {_PATIENCE_SECONDS} seconds"
        assert not others, f"the work was not killed before its statements; it ended with {others}"

    def _told(self) -> Any:
        done, value = received(self._pipe, 2 * _PATIENCE_SECONDS)
        assert done, value
        return value


@contextmanager
def killing(url: str, organization_id: int, do: Do, every: bool) -> Iterator[Killer]:
    """A clean process that has rehearsed the work and kills it as often as it is told; ended at the end."""
    ours, theirs = clean.Pipe()
    process = clean.Process(target=_kill_as_told, args=(url, organization_id, do, every, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Killer(ours)
    finally:
        ours.close()
        process.join(10)
        process.kill()


def _kill_as_told(url: str, organization_id: int, do: Do, every: bool, pipe: Any) -> None:
    database = counted(url)
    answer(pipe, Job(moments_of, (database, organization_id, do, every)))
    database.dispose()  # a connection is not to be inherited
    while True:
        try:
            moments = pipe.recv()
        except EOFError:
            return
        answer(pipe, Job(_killed, (database, organization_id, do, moments)))


def _killed(database: Database, organization_id: int, do: Do, moments: tuple[int, ...]) -> dict[int, int]:
    """How each child ended: the signal, negative, or the code."""
    assert threading.active_count() == 1, "a process that has threads is not to be forked"
    children = {at: os.fork() or _do_and_die(database, organization_id, do, at) for at in moments}
    return {at: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for at, pid in children.items()}


def _do_and_die(database: Database, organization_id: int, do: Do, at: int) -> NoReturn:
    try:
        signal.alarm(_PATIENCE_SECONDS)  # ends it wherever it stands
        Counting(at, _die)
        run_in_transaction(database, organization_id, do)
    finally:
        os._exit(1)


def _die(_connection: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
