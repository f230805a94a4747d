"""What a process is put together from, by its settings, apart from the application that serves HTTP.

Commands import this alone: the application's routes take longer to import than most commands to run.
"""

from __future__ import annotations

from onefold.channels.line_lookup import twilio_lookup
from onefold.core.process_settings import Settings
from onefold.database.engine import Database
from onefold.merging import join_browser
from onefold.receiving.service import Receiver


def database_of(settings: Settings) -> Database:
    """The database the settings name."""
    return Database(settings.database_url, synchronous=settings.sqlite_synchronous)


def receiver_of(settings: Settings, database: Database) -> Receiver:
    """The receiver, with a line-type lookup if one is configured."""
    lookup = None
    if settings.twilio_lookup_account:
        lookup = twilio_lookup(settings.twilio_lookup_url, settings.twilio_lookup_account, settings.twilio_lookup_token)
    return Receiver(database, lookup=lookup, join=join_browser.join)
