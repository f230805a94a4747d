"""What a process is put together from, by its settings, apart from the application that serves HTTP.

Commands import this alone: the application's routes take longer to import than most commands to run.
"""

from __future__ import annotations

from pathlib import Path

from onefold.channels.line_lookup import twilio_lookup
from onefold.core.errors import Conflict, Unavailable
from onefold.core.process_settings import Settings
from onefold.core.secrets import box_of
from onefold.database.engine import Database
from onefold.database.engines import sqlite_file
from onefold.merging import join_browser
from onefold.receiving.service import Receiver


def database_of(settings: Settings) -> Database:
    """The database the settings name. Raises Conflict where its secrets' key cannot be read."""
    box = box_of(key_file_of(settings))
    return Database(settings.database_url, synchronous=settings.sqlite_synchronous, secrets=box)


def key_file_of(settings: Settings) -> Path:
    """The file with the key that secrets are sealed by: as set; else beside the SQLite file, or where the process
    works."""
    if settings.secret_key_file:
        return Path(settings.secret_key_file)
    file = sqlite_file(settings.database_url)
    return Path("onefold.key") if file is None else Path(f"{file}.key")


def receiver_of(settings: Settings, database: Database) -> Receiver:
    """The receiver, with a line-type lookup if one is configured."""
    lookup = None
    if settings.twilio_lookup_account:
        lookup = twilio_lookup(settings.twilio_lookup_url, settings.twilio_lookup_account, settings.twilio_lookup_token)
    return Receiver(database, lookup=lookup, join=join_browser.join)


def refuse_powerful_role(database: Database, settings: Settings) -> None:
    """Raises Conflict where row-level security would not hold this service back from another organization's rows."""
    if settings.postgres_superuser:
        return
    try:
        powers = database.role_powers()
    except Unavailable:  # it is away: it is served all the same, with 503, until it is there
        return
    if powers:
        raise Conflict(
            f"The database's role {' and '.join(powers)}, so nothing in it keeps organizations apart. Use a role that "
            "is neither (docs/operations.md), or set ONEFOLD_POSTGRES_SUPERUSER=true.",
            code="role_too_powerful",
        )
