"""A PostgreSQL server of the tests' own: from the machine's binaries, started for one run, on a socket and a free port.

`ONEFOLD_TEST_POSTGRES` names a server to use instead (a URL of a role that may create databases and roles).
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

APP_ROLE = "onefold_app"
"""Services connect as a role that is no superuser, so that row-level security holds in tests as in production."""


class NoPostgreSQL(Exception):
    """No server, and no binaries to start one with."""


def binaries() -> Path:
    """The newest PostgreSQL's programs on this machine."""
    places = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr/local").glob("pgsql*/bin")]
    folders = sorted((p for p in places if (p / "initdb").exists()), key=lambda p: p.parent.name)
    if not folders and (initdb := shutil.which("initdb")):
        folders = [Path(initdb).parent]
    if not folders:
        raise NoPostgreSQL(
            "PostgreSQL's programs are not on this machine. `make test` installs them as root on Debian; elsewhere "
            "install PostgreSQL 13 or later, or name a server in ONEFOLD_TEST_POSTGRES."
        )
    return folders[-1]


def _account() -> dict[str, object]:
    """PostgreSQL refuses to run as root: then it runs as the account its package made, or as nobody."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid}
    raise NoPostgreSQL("There is no account that PostgreSQL could run as.")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def server(*settings: str, data_folder: Path | None = None) -> Iterator[str]:
    """A server with an empty data folder, stopped and removed afterwards; yields the superuser's URL.

    With `data_folder` the data lives in that folder and stays there (benchmarks).
    """
    if url := os.environ.get("ONEFOLD_TEST_POSTGRES"):
        yield url
        return
    programs, account = binaries(), _account()
    folder = Path(tempfile.mkdtemp(prefix="onefold-pg-")) if data_folder is None else data_folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if "user" in account:
        os.chown(folder, account["user"], account["group"])  # type: ignore[arg-type]
    run = {"check": True, "cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **account}
    if not (folder / "data").exists():
        subprocess.run(
            [
                programs / "initdb",
                "-D",
                "data",
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-sync",
                "--locale=C.UTF-8",
            ],
            **run,
        )
    port = _free_port()
    options = [
        f"port={port}",
        "listen_addresses=127.0.0.1",
        f"unix_socket_directories={folder}",
        "max_connections=200",
        *settings,
    ]
    process = subprocess.Popen(
        [programs / "postgres", "-D", folder / "data", *(part for o in options for part in ("-c", o))],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **account,  # type: ignore[call-overload]
    )
    url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    try:
        _wait_until_it_answers(url, process)
        yield url
    finally:
        # Only a folder that stays is left clean: hundreds of databases take long to write out.
        process.send_signal(signal.SIGQUIT if data_folder is None else signal.SIGINT)
        try:
            process.wait(20 if data_folder is None else 300)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)
        if data_folder is None:
            shutil.rmtree(folder, ignore_errors=True)


def _wait_until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        try:
            psycopg.connect(url, connect_timeout=1).close()
            return
        except psycopg.OperationalError:
            if process.poll() is not None:
                raise NoPostgreSQL("PostgreSQL did not start.") from None
            time.sleep(0.05)
    raise NoPostgreSQL("PostgreSQL does not answer.")


@cache
def _superuser(url: str) -> psycopg.Connection[Any]:
    """A session that makes databases, kept: beginning one takes as long as copying a database."""
    connection = psycopg.connect(url, autocommit=True)
    roles = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (APP_ROLE,)).fetchall()
    if not roles:
        connection.execute(f"CREATE ROLE {APP_ROLE} LOGIN PASSWORD 'onefold'")
    return connection


def fresh_database(superuser_url: str, name: str, template: str = "template1") -> str:
    """A database owned by the application's role, copied from a template; returns that role's URL."""
    connection = _superuser(superuser_url)
    connection.execute(f'CREATE DATABASE "{name}" OWNER {APP_ROLE} TEMPLATE "{template}"')
    head, _, _ = superuser_url.rpartition("/")
    scheme, _, place = head.partition("://")
    return f"{scheme}://{APP_ROLE}:onefold@{place.rpartition('@')[2]}/{name}"


# Everything that a test may have changed of a database besides its rows.
_SCHEMA = """
    SELECT md5(string_agg(part, ',' ORDER BY part)) FROM (
        SELECT concat_ws(' ', relname, relkind, relrowsecurity, relforcerowsecurity, relacl) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT concat_ws(' ', tgrelid::regclass, tgname, tgenabled) FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT concat_ws(' ', setdatabase, setconfig) FROM pg_db_role_setting
        UNION ALL SELECT concat_ws(' ', datconnlimit) FROM pg_database WHERE datname = current_database()
    ) AS parts (part)"""
_EMPTY = """
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT format('%I', relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace
            AND relkind = 'r' AND relname <> 'alembic_version'
        LOOP EXECUTE 'DELETE FROM ' || name; END LOOP;
        PERFORM setval(oid::regclass, 1, false) FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind = 'S';
    END $$"""
_GROWN_BYTES = 4 * 2**20


class Databases:
    """Databases with the schema and nothing in them, each used by one test after the other: to empty one takes a tenth
    of the time of making it. One whose schema a test has changed, or that has grown, is not used again."""

    def __init__(self, superuser_url: str, template: str) -> None:
        self._superuser_url, self._template = superuser_url, template
        self._schema, self._size = self._looked_at(template)
        self._free: list[str] = []
        self._numbers = itertools.count()

    def borrow(self) -> str:
        """The URL of an empty one."""
        if self._free:
            return self._free.pop()
        return fresh_database(self._superuser_url, f"t{os.getpid()}_{next(self._numbers)}", self._template)

    def give_back(self, url: str) -> None:
        """Takes one back that nobody uses any more."""
        name = url.rpartition("/")[2]
        try:
            schema, size = self._looked_at(name)
            if schema == self._schema and size < self._size + _GROWN_BYTES:
                with self._session(name) as session:
                    session.execute("SET session_replication_role = replica")
                    session.execute("SET lock_timeout = '1s'")
                    session.execute(_EMPTY)
                self._free.append(url)
        except psycopg.Error:  # it is gone, or somebody is still at it
            return

    def _looked_at(self, name: str) -> tuple[str, int]:
        with self._session(name) as session:
            (schema,), (size,) = (
                session.execute(asked).fetchone() or ()
                for asked in (_SCHEMA, "SELECT pg_database_size(current_database())")
            )
            return schema, size

    def _session(self, name: str) -> psycopg.Connection[Any]:
        return psycopg.connect(f"{self._superuser_url.rpartition('/')[0]}/{name}")
