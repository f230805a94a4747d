"""Seeded bases, kept in `var/bench/` from one run to the next, and the two copies of one that a run works on.

A seed's name carries the revision of its schema, so that one of an earlier schema is never used.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

import psycopg
from tests import postgres

from benchmarks.seed import seed_postgres, seed_sqlite
from onefold.database.engine import Database
from onefold.database.migrate import newest
from onefold.organizations.store import organization_ids

Name = Literal["sqlite-full", "sqlite-normal", "postgresql"]
NAMES: tuple[Name, ...] = ("sqlite-full", "sqlite-normal", "postgresql")
FOLDER = Path("var/bench")
# Durable as in production (fsync stays on); room for the log, so that a checkpoint does not fall into one side's run.
_SERVER = ("shared_buffers=1GB", "max_wal_size=8GB", "checkpoint_timeout=30min", "autovacuum_naptime=10min")


class Base(NamedTuple):
    """One copy of a seeded base."""

    url: str
    synchronous: str

    def open(self) -> Database:
        """The copy, opened as the service opens its database."""
        return Database(self.url, synchronous=self.synchronous)


class Pair(NamedTuple):
    """Two copies of the same base, one for the service and one for its baseline."""

    name: Name
    profiles: int
    organization_id: int
    ours: Base
    baseline: Base


@contextmanager
def pair(name: Name, profiles: int) -> Iterator[Pair]:
    """Two fresh copies of the base of this kind and size, gone afterwards."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    copies = _postgres_copies(profiles) if name == "postgresql" else _sqlite_copies(name, profiles)
    with copies as (ours, baseline):
        database = ours.open()
        organization_id = organization_ids(database)[0][0]
        database.dispose()
        yield Pair(name, profiles, organization_id, ours, baseline)


@contextmanager
def _sqlite_copies(name: Name, profiles: int) -> Iterator[tuple[Base, Base]]:
    seed = FOLDER / f"sqlite-{newest()}-{profiles}.db"
    if not seed.exists():
        unfinished = seed.with_suffix(".new")
        remove(unfinished)
        _timed(f"seeding {seed.name}", lambda: seed_sqlite(str(unfinished.resolve()), profiles))
        unfinished.rename(seed)
    paths = [FOLDER / f"{name}-{profiles}-{side}.db" for side in ("ours", "baseline")]
    try:
        for path in paths:
            remove(path)
            shutil.copyfile(seed, path)
        synchronous = name.rpartition("-")[2].upper()
        ours, baseline = (Base(f"sqlite:///{path.resolve()}", synchronous) for path in paths)
        yield ours, baseline
    finally:
        for path in paths:
            remove(path)


def remove(path: Path) -> None:
    """Deletes a SQLite file with what belongs to it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


@contextmanager
def server(kept: Path | None = None) -> Iterator[str]:
    """A server as durable as in production, with memory as it has there; yields the superuser's URL."""
    with postgres.server(*_SERVER, data_folder=kept) as superuser:
        yield superuser


@contextmanager
def _postgres_copies(profiles: int) -> Iterator[tuple[Base, Base]]:
    with server(FOLDER / "postgresql") as superuser:
        seed = f"seed_{newest()}_{profiles}"
        if not _databases(superuser, seed):
            _drop(superuser, "unfinished")
            url = postgres.fresh_database(superuser, "unfinished")
            own = superuser.rpartition("/")[0] + "/unfinished"
            _timed(f"seeding {seed}", lambda: seed_postgres(url, own, profiles))
            _execute(superuser, f"ALTER DATABASE unfinished RENAME TO {seed}")
        names = [f"bench_{profiles}_{side}" for side in ("ours", "baseline")]
        head = url_of_role(superuser)
        try:
            for copy in names:
                _drop(superuser, copy)
                _execute(
                    superuser,
                    f"CREATE DATABASE {copy} OWNER {postgres.APP_ROLE} TEMPLATE {seed} STRATEGY file_copy",
                )
            ours, baseline = (Base(f"{head}/{copy}", "") for copy in names)
            yield ours, baseline
        finally:
            for copy in names:
                _drop(superuser, copy)


def url_of_role(superuser: str) -> str:
    """The server's URL for the role services connect as, without a database."""
    scheme, _, place = superuser.rpartition("/")[0].partition("://")
    return f"{scheme}://{postgres.APP_ROLE}:onefold@{place.rpartition('@')[2]}"


def _databases(superuser: str, name: str) -> bool:
    with psycopg.connect(superuser) as connection:
        return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is not None


def _drop(superuser: str, name: str) -> None:
    _execute(superuser, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _execute(superuser: str, sql: str) -> None:
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(sql)  # type: ignore[arg-type]


def _timed(what: str, work: object) -> None:
    print(f"{what} …", end=" ", flush=True)
    begun = time.perf_counter()
    work()  # type: ignore[operator]
    print(f"{time.perf_counter() - begun:.0f} s", flush=True)
