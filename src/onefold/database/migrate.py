"""Bringing a database's schema up to date."""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from onefold.core.errors import Unavailable
from onefold.database.engine import Database
from onefold.database.sqlite_statistics import assume_statistics

_ATTEMPTS = 20
_LOCK = 7_061_110_064  # any number of our own: two processes that start together must not both migrate


def upgrade(database: Database) -> str:
    """Applies what is missing, all or nothing; returns the revision. Safe at every start, and at several at once."""
    for _ in range(_ATTEMPTS):
        try:
            return _upgrade(database)
        except Unavailable as refusal:  # on SQLite, another process is at it; on PostgreSQL a lock makes them wait
            if refusal.code != "database_busy":
                raise
            time.sleep(0.5)
    return _upgrade(database)


def _upgrade(database: Database) -> str:
    config = _config()
    with database.raw() as connection:
        if not database.is_sqlite:
            connection.execute(sa.text("SET lock_timeout = '10s'"))
            connection.execute(sa.text("SET statement_timeout = 0"))
            connection.execute(sa.text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
            connection.commit()
        else:
            # SQLite changes a column by making its table anew; nothing may follow the reference to the old one.
            _switch_foreign_keys(connection, "OFF")
        try:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            if database.is_sqlite:
                assume_statistics(connection)
            connection.commit()
        finally:
            if not database.is_sqlite:
                connection.rollback()
                connection.execute(sa.text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
                connection.commit()
            else:
                _switch_foreign_keys(connection, "ON")
        return current(database)


def _switch_foreign_keys(connection: sa.Connection, state: str) -> None:
    driver = connection.connection.driver_connection  # past SQLAlchemy: inside a transaction it would do nothing
    assert driver is not None
    driver.execute(f"PRAGMA foreign_keys = {state}")


def current(database: Database) -> str:
    """The revision the database is at; empty if it has no schema."""
    with database.raw() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def newest() -> str:
    """The revision this version of Onefold needs."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "onefold.database:migrations")
    return config


def known_revisions() -> set[str]:
    """Every revision that this version knows: those it can upgrade."""
    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
