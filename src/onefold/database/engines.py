"""Engines: how a URL becomes connections, and what each connection is told before it is used."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg.types.string
import sqlalchemy as sa
from sqlalchemy import event

from onefold.core.private_files import make_private

BUSY_SECONDS = 5.0
_POSTGRES_LIMITS = "-c lock_timeout=10s -c statement_timeout=30s -c idle_in_transaction_session_timeout=60s"
# Statements are prepared while tables may still be empty, and kept: then a plan that reads or hashes a whole table
# looks cheap, and is ruinous a million rows later. Every query of the service begins with its keys and meets an index,
# one key at a time, in the order its joins are written in. Helpers for a parallel query take milliseconds to start, and
# PostgreSQL starts them even for a condition that is never true (an empty list), once a table is large.
POSTGRES_PLANS = (
    "-c join_collapse_limit=1 -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off "
    "-c enable_material=off -c jit=off -c max_parallel_workers_per_gather=0"
)


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite database; None for one in memory, and for another kind."""
    file = sa.make_url(url).database if url.startswith("sqlite") else None
    return None if not file or file == ":memory:" else Path(file)


def with_driver(url: str) -> str:
    """The URL with the driver that is used here."""
    for short in ("postgresql://", "postgres://"):
        if url.startswith(short):
            return "postgresql+psycopg://" + url.removeprefix(short)
    return url


def make_engine(url: str, pool_size: int, synchronous: str) -> sa.Engine:
    """The engine of a database; nothing is connected yet."""
    if url.startswith("sqlite"):
        _keep_private(sa.make_url(url).database)
        engine = sa.create_engine(
            url,
            poolclass=sa.pool.QueuePool,
            pool_size=pool_size,
            max_overflow=pool_size,
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        )
        _prepare_sqlite(engine, synchronous)
        return engine
    engine = sa.create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=BUSY_SECONDS,
        connect_args={"options": f"{_POSTGRES_LIMITS} {POSTGRES_PLANS}", "connect_timeout": 5},
    )
    event.listen(engine, "connect", _prepare_postgres)
    return engine


def _keep_private(file: str | None) -> None:
    """The database, and what stands beside it: SQLite gives its log the rights that the database has."""
    if not file or file == ":memory:" or file.startswith("file:"):
        return
    for name in (file, f"{file}-wal", f"{file}-shm"):
        path = Path(name)
        if path.exists() or (name == file and path.parent.is_dir()):
            with suppress(OSError):  # whoever opens it says what is wrong
                make_private(path)


def _prepare_sqlite(engine: sa.Engine, synchronous: str) -> None:
    @event.listens_for(engine, "connect")
    def prepare_connection(driver: Any, _record: Any) -> None:
        driver.isolation_level = None
        cursor = driver.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute(f"PRAGMA synchronous = {synchronous}")
        cursor.execute("PRAGMA foreign_keys = ON")
        # What is deleted is overwritten: an erased customer's values must not stay in the file's free pages.
        cursor.execute("PRAGMA secure_delete = ON")
        cursor.execute("PRAGMA cache_size = -65536")
        cursor.execute("PRAGMA mmap_size = 1073741824")
        # Checkpoints at every thousand pages cost half the throughput; a background job does them (jobs/housekeeping).
        cursor.execute("PRAGMA wal_autocheckpoint = 20000")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        driver = connection.connection.driver_connection
        if driver is not None and not driver.in_transaction:  # a unit has begun by itself
            connection.exec_driver_sql("BEGIN IMMEDIATE")


def _prepare_postgres(driver: Any, _record: Any) -> None:
    driver.adapters.register_loader("uuid", psycopg.types.string.TextLoader)
