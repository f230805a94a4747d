"""Connections and transactions: one `UnitOfWork` is one transaction of one organization."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, cast

import psycopg
import psycopg.types.string
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.pool import PoolProxiedConnection

from onefold.core.errors import Unavailable
from onefold.core.secrets import WITHOUT_KEY, SecretBox
from onefold.database.dialects import Dialect, Insert, Row, Update
from onefold.database.engines import BUSY_SECONDS, make_engine, with_driver
from onefold.database.postgresql import PostgreSQL
from onefold.database.sqlite import SQLite


class RetryTransaction(Exception):
    """Another transaction was faster: a claimed value, a merged profile, a deadlock. Do the whole unit again."""


class Unstorable(Exception):
    """The database refused a value; which one is found by storing each alone."""


def same_organization(one: sa.FromClause, other: sa.FromClause) -> sa.ColumnElement[bool]:
    """What every join of two tables, or of their aliases, begins with."""
    return one.c.organization_id == other.c.organization_id


class UnitOfWork:
    """One transaction of one organization; statements of the hot path go to the driver's cursor directly.

    `settings_version` is the version of the organization's settings, where the database told it on the way; `policies`
    are the settings that this process has read, by organization, each of a version. `secrets` opens and seals what is
    stored sealed.
    """

    def __init__(
        self,
        engine: sa.Engine,
        pooled: PoolProxiedConnection,
        cursor: Any,
        dialect: Dialect,
        organization_id: int,
        version: int | None,
        policies: dict[int, Any],
        secrets: SecretBox,
    ) -> None:
        self._engine = engine
        self._pooled_connection = pooled
        self.organization_id = organization_id
        self.settings_version = version
        self.policies = policies
        self.secrets = secrets
        self._dialect = dialect
        self._cursor = cursor

    @cached_property
    def connection(self) -> Connection:
        """SQLAlchemy's view of the transaction, made when it is first needed: the hot path never does."""
        return Connection(self._engine, connection=self._pooled_connection)

    def execute(self, statement: sa.Executable, parameters: Any = None) -> sa.CursorResult[Any]:
        """Runs a SQLAlchemy Core statement."""
        return self.connection.execute(statement, parameters)

    def select(self, *columns: Any, of: sa.FromClause | None = None) -> sa.Select[Any]:
        """A select from the organization's rows of the first column's table; `of` names it where that says none."""
        return sa.select(*columns).where(self._owns(columns[0].table if of is None else of))

    def update(self, table: sa.Table) -> sa.Update:
        """An update of the organization's rows of a table."""
        return table.update().where(self._owns(table))

    def delete(self, table: sa.Table) -> sa.Delete:
        """A delete of the organization's rows of a table."""
        return table.delete().where(self._owns(table))

    def _owns(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        return table.c.organization_id == self.organization_id

    def settings_change(self) -> None:
        """From now on this unit reads settings anew, and shares with nobody what may yet be rolled back."""
        self.settings_version = None
        self.policies = {}

    @property
    def dialect(self) -> Dialect:
        """What the texts of the hot path's statements are made with."""
        return self._dialect

    def allow_whole_base(self) -> None:
        """Lets the rest of this unit read whole tables: for the few statements that are meant to."""
        self._dialect.allow_whole_base(self._cursor)

    def one(self, sql: str, parameters: Row) -> Row | None:
        """The first row of a select of the hot path, past SQLAlchemy's compiler."""
        return self._dialect.one(self._cursor, sql, parameters)

    def rows(self, sql: str, parameters: Row) -> list[Row]:
        """The rows of a select of the hot path."""
        return self._dialect.rows(self._cursor, sql, parameters)

    def newest(self, table: str) -> int | None:
        """The highest `seq` among the organization's rows of a table."""
        return self._dialect.newest(self._cursor, table, self.organization_id)

    def lookup(self, sql: str, parameters: Row, keys: Sequence[Any]) -> list[Row]:
        """Runs a select for many keys at a time."""
        return self._dialect.lookup(self._cursor, sql, parameters, keys)

    def insert(self, insert: Insert, rows: Sequence[Row]) -> int:
        """Inserts many rows; returns how many were taken."""
        return self._dialect.insert(self._cursor, insert, rows)

    def insert_all(self, inserts: Mapping[Insert, Sequence[Row]]) -> dict[Insert, int]:
        """Inserts many rows into several tables at once, a table after those it refers to; how many each has taken."""
        return self._dialect.insert_all(self._cursor, inserts)

    def append(self, insert: Insert, rows: Sequence[Row]) -> list[int]:
        """Inserts many rows into a table with a sequence; returns their numbers in order."""
        return self._dialect.append(self._cursor, insert, rows)

    def update_rows(self, update: Update, rows: Sequence[Row]) -> int:
        """Updates many rows by id."""
        return self._dialect.update(self._cursor, update, self.organization_id, rows)

    def lock_values(self, values: Sequence[str]) -> bool:
        """Others that lock the same values wait until this unit ends; False where no other is there to wait for."""
        return self._dialect.lock_values(self._cursor, self.organization_id, values)

    def lock_audit(self) -> None:
        """Whoever else appends to the audit log waits until this unit ends: to be the last lock a unit takes."""
        self._dialect.lock_audit(self._cursor, self.organization_id)

    def lock_merging(self) -> None:
        """Whoever else merges, undoes or detaches waits until this unit ends: to be the first lock a unit takes.

        Each of these keeps two profiles from everybody and then every suggested one from being merged; two at a time,
        where many customers are suggested to each other, would wait for each other in a circle.
        """
        self._dialect.lock_merging(self._cursor, self.organization_id)

    def lock_suggesting(self) -> None:
        """Whoever else rates suggestions waits until this unit ends: what two find at once must not be written over.

        To be taken after the locks of profiles, and before that of the audit log.
        """
        self._dialect.lock_suggesting(self._cursor, self.organization_id)

    def lock_profiles(self, ids: Sequence[str], *, against_edits: bool) -> list[Row] | None:
        """(id, version) of each profile that is living and stays so until this unit ends; None: it is exclusive."""
        return self._dialect.lock_profiles(self._cursor, self.organization_id, ids, against_edits=against_edits)


class Database:
    """One database, SQLite or PostgreSQL, by its SQLAlchemy URL."""

    def __init__(
        self, url: str, *, pool_size: int = 12, synchronous: str = "FULL", secrets: SecretBox = WITHOUT_KEY
    ) -> None:
        self.url = with_driver(url)
        self._engine = make_engine(self.url, pool_size, synchronous)
        self._dialect = SQLite() if self.is_sqlite else PostgreSQL()
        self._one_writer = threading.RLock() if self.is_sqlite else None
        self.policies: dict[int, Any] = {}
        self.secrets = secrets
        self._log_to_empty = False

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded file, which has one writer at a time."""
        return self._engine.dialect.name == "sqlite"

    @contextmanager
    def write(self, organization_id: int, *, exclusive: bool = False) -> Iterator[UnitOfWork]:
        """A transaction that is committed when the block ends, and rolled back when it raises.

        `exclusive` keeps out every other writer of the organization (changes of settings).
        Raises RetryTransaction where the unit must be done again, Unavailable where storage cannot take it now.
        """
        with self._transaction(organization_id, write=True, exclusive=exclusive) as unit:
            yield unit

    @contextmanager
    def read(self, organization_id: int) -> Iterator[UnitOfWork]:
        """A transaction for reading."""
        with self._transaction(organization_id, write=False, exclusive=False) as unit:
            yield unit

    @contextmanager
    def _transaction(self, organization_id: int, *, write: bool, exclusive: bool) -> Iterator[UnitOfWork]:
        with self._only_writer(write), translated_errors(), self._pooled_connection() as pooled:
            driver: Any = pooled.driver_connection
            cursor = driver.cursor()
            # Past SQLAlchemy, whose own begin and commit cost as much as a statement; what it executes joins in.
            version = self._dialect.begin(driver, cursor, organization_id, write=write, exclusive=exclusive)
            try:
                yield UnitOfWork(
                    engine=self._engine,
                    pooled=pooled,
                    cursor=cursor,
                    dialect=self._dialect,
                    organization_id=organization_id,
                    version=version,
                    policies=self.policies,
                    secrets=self.secrets,
                )
                driver.commit()
            except BaseException as error:
                self._roll_back(driver)
                if getattr(getattr(error, "orig", error), "sqlstate", None) == _READ_ONLY:
                    pooled.invalidate()  # a session stays read-only though its database no longer is
                raise
            finally:
                self._dialect.end(driver)

    @contextmanager
    def _pooled_connection(self) -> Iterator[PoolProxiedConnection]:
        pooled = self._engine.raw_connection()
        try:
            yield pooled
        finally:
            pooled.close()

    @contextmanager
    def _only_writer(self, write: bool) -> Iterator[None]:
        """SQLite's writers of one process wait for each other here, where waiting is fair and costs nothing."""
        if self._one_writer is None or not write:
            yield
            return
        if not self._one_writer.acquire(timeout=BUSY_SECONDS):
            raise Unavailable("The database is busy; try again in a moment.", code="database_busy")
        try:
            yield
        finally:
            self._one_writer.release()

    def _roll_back(self, driver: Any) -> None:
        try:
            driver.rollback()
        except (sqlite3.Error, psycopg.Error):
            # The connection is gone, and the others of the pool with it: new ones are made as they are asked for.
            self._engine.dispose()

    @contextmanager
    def raw(self) -> Iterator[Connection]:
        """A connection outside any organization, for migrations and for what is not a customer's."""
        with translated_errors(), self._engine.connect() as connection:
            yield connection

    def role_powers(self) -> list[str]:
        """What lets the role past row-level security, which keeps organizations apart: nothing, if all is well."""
        if self.is_sqlite:
            return []
        with self.raw() as connection:
            row = connection.execute(
                sa.text("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
            ).one()
        return [what for what, has in (("is a superuser", row[0]), ("has BYPASSRLS", row[1])) if has]

    def clock(self) -> datetime:
        """What time it is for the database's machine; for a file, this one's."""
        if self.is_sqlite:
            return datetime.now(UTC)
        with self.raw() as connection:
            return cast(datetime, connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one())

    def ping(self) -> None:
        """Raises Unavailable unless the database answers."""
        with self.raw() as connection:
            connection.execute(sa.text("SELECT 1"))

    def checkpoint(self) -> None:
        """Moves what SQLite's write-ahead log holds into the file, without making writers wait; nothing elsewhere."""
        if self._log_to_empty:
            self.empty_log()
        elif self.is_sqlite:
            self._checkpoint("PASSIVE")

    def empty_log(self) -> bool:
        """Moves all that SQLite's write-ahead log holds into the file and cuts it to nothing, so that what was erased
        is not left in it. False where somebody who reads keeps it from that: then the next `checkpoint` tries again."""
        self._log_to_empty = self.is_sqlite and not self._checkpoint("TRUNCATE")
        return not self._log_to_empty

    def _checkpoint(self, how: str) -> bool:
        """Whether nobody kept it from its end."""
        with self.raw() as connection:
            driver: Any = connection.connection.driver_connection  # past SQLAlchemy: not inside a transaction
            busy, _, _ = driver.execute(f"PRAGMA wal_checkpoint({how})").fetchone()
            return not busy

    def dispose(self) -> None:
        """Closes every connection."""
        self._engine.dispose()


_SQLITE_STATES = {
    sqlite3.SQLITE_BUSY: ("database_busy", "The database is busy; try again in a moment."),
    sqlite3.SQLITE_LOCKED: ("database_busy", "The database is busy; try again in a moment."),
    sqlite3.SQLITE_READONLY: ("database_read_only", "The database is read-only; nothing was changed."),
    sqlite3.SQLITE_FULL: ("database_full", "The database's disk is full; nothing was changed."),
    sqlite3.SQLITE_IOERR: ("database_unavailable", "The database's disk failed; nothing was changed."),
    sqlite3.SQLITE_CANTOPEN: ("database_unavailable", "The database's file cannot be opened."),
    sqlite3.SQLITE_CORRUPT: ("database_corrupt", "The database's file is damaged; restore it from a backup."),
    sqlite3.SQLITE_NOTADB: ("database_corrupt", "The database's file is not a database."),
}
_READ_ONLY = "25006"
_POSTGRES_AGAIN = (
    "40001",
    "40P01",
    "23505",
    "23503",
)  # serialization failure, deadlock, a unique index that somebody else won, a profile that somebody else erased
_POSTGRES_STATES = {
    "25P03": ("database_unavailable", "The database ended a transaction that took too long; nothing was changed."),
    _READ_ONLY: ("database_read_only", "The database is read-only; nothing was changed."),
    "53100": ("database_full", "The database's disk is full; nothing was changed."),
    "XX001": ("database_corrupt", "The database is damaged; restore it from a backup."),
    "XX002": ("database_corrupt", "The database's index is damaged; rebuild it."),
    "53300": ("database_busy", "The database has no connection left; try again in a moment."),
    "55P03": ("database_busy", "The database is busy; try again in a moment."),
    "57014": ("database_busy", "The database took too long; try again in a moment."),
}


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turns a driver's errors into RetryTransaction and Unavailable, without its text: that may quote values."""
    try:
        yield
    except sa.exc.TimeoutError:
        raise Unavailable("The database has no connection left; try again.", code="database_busy") from None
    except sa.exc.DBAPIError as error:
        if error.orig is None:
            raise
        _raise_translated(error.orig)
        raise
    except (sqlite3.Error, psycopg.Error) as error:
        _raise_translated(error)
        raise


def _raise_translated(error: BaseException) -> None:
    if isinstance(error, sqlite3.Error):
        number = getattr(error, "sqlite_errorcode", None)
        if isinstance(error, sqlite3.IntegrityError) and number == sqlite3.SQLITE_CONSTRAINT_UNIQUE:
            raise RetryTransaction from None
        state = _SQLITE_STATES.get(number & 0xFF) if number is not None else None
        if state is not None:
            raise Unavailable(state[1], code=state[0]) from None
        if isinstance(error, sqlite3.DataError | sqlite3.IntegrityError) or number == sqlite3.SQLITE_TOOBIG:
            raise Unstorable from None
        return
    if isinstance(error, psycopg.Error):
        if error.sqlstate in _POSTGRES_AGAIN:
            raise RetryTransaction from None
        state = _POSTGRES_STATES.get(error.sqlstate or "")
        if state is not None:
            raise Unavailable(state[1], code=state[0]) from None
        if isinstance(error, psycopg.DataError | psycopg.IntegrityError) or error.sqlstate == "54000":
            raise Unstorable from None
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            raise Unavailable("The database cannot be reached; try again in a moment.") from None
