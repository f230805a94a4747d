"""A copy of a whole database, made while it is served; and such a copy put in place of one (docs/operations.md)."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from onefold.core.errors import Conflict
from onefold.core.private_files import make_private
from onefold.database.engines import sqlite_file
from onefold.database.migrate import known_revisions

_PAGES_AT_ONCE = 5_000


def back_up(url: str, to: Path) -> None:
    """Writes the database to a file that is not there yet, its owner's alone; whole, or not at all. Raises Conflict."""
    if to.exists():
        raise Conflict(f"{to} is there already; name another file.", code="file_present")
    part = to.with_name(f"{to.name}.part")
    part.unlink(missing_ok=True)
    make_private(part)
    try:
        if url.startswith("sqlite"):
            _copy(_file_of(url), part)
            check_copy(part)
        else:
            _run("pg_dump", "--format=custom", f"--file={part}", url=url)
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)


def restore(url: str, copy: Path) -> None:
    """Makes the database what a copy holds. Only where there is none yet: what is there is never written over. Raises
    Conflict."""
    if not url.startswith("sqlite"):
        _run("pg_restore", "--exit-on-error", "--single-transaction", "--no-owner", str(copy), url=url)
        return
    check_copy(copy)
    file = _file_of(url)
    if file.exists() and file.stat().st_size:
        raise Conflict(
            f"{file} is there already. Stop the service, move the file and its -wal and -shm away, then restore.",
            code="file_present",
        )
    for beside in (f"{file}-wal", f"{file}-shm"):
        if Path(beside).exists():
            raise Conflict(f"{beside} belongs to another database; move it away.", code="file_present")
    part = file.with_name(f"{file.name}.part")
    make_private(part)
    try:
        _copy(copy, part)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def check_copy(copy: Path) -> str:
    """The revision of a SQLite copy that is whole and of this version or an earlier one. Raises Conflict
    `copy_not_sound`."""
    try:
        with closing(sqlite3.connect(f"file:{copy}?mode=ro", uri=True)) as connection:
            damage = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            strays = connection.execute("PRAGMA foreign_key_check").fetchone()
            (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except (sqlite3.Error, TypeError):
        raise Conflict(f"{copy} is no database of Onefold, or is damaged.", code="copy_not_sound") from None
    if damage != "ok" or strays is not None:
        raise Conflict(f"{copy} is damaged.", code="copy_not_sound")
    if revision not in known_revisions():
        raise Conflict(f"{copy} was made by a later version of Onefold.", code="copy_not_sound")
    return str(revision)


def _copy(one: Path, other: Path) -> None:
    """By SQLite's own means, while others write: what is committed while it copies is in the copy, or none of it is."""
    with closing(sqlite3.connect(f"file:{one}?mode=ro", uri=True)) as source, closing(sqlite3.connect(other)) as target:
        source.backup(target, pages=_PAGES_AT_ONCE)
        target.execute("PRAGMA journal_mode = DELETE")


def _file_of(url: str) -> Path:
    file = sqlite_file(url)
    if file is None:
        raise Conflict("A database in memory has no file.", code="no_file")
    return file


def _run(program: str, *arguments: str, url: str) -> None:
    """A program of PostgreSQL's, on the database of the URL; the password is in none of its arguments."""
    parts = sa.make_url(url)
    connection_settings = {
        "PGHOST": parts.host,
        "PGPORT": None if parts.port is None else str(parts.port),
        "PGUSER": parts.username,
        "PGPASSWORD": parts.password,
        "PGDATABASE": parts.database,
    }
    environment = {**os.environ, **{name: str(value) for name, value in connection_settings.items() if value}}
    database = ("--dbname", str(parts.database)) if program == "pg_restore" else ()
    try:
        done = subprocess.run(
            [program, *database, *arguments], env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise Conflict(
            f"{program} is not installed here (Debian: postgresql-client).", code="program_missing"
        ) from None
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise Conflict(f"{program} failed: {lines[0] if lines else 'it gave no reason'}", code="program_failed")
