"""What every command needs: the database, the organization meant, and a way to end with a clear word."""

from __future__ import annotations

from typing import Annotated, NoReturn

import typer
from rich.console import Console

from onefold.core.actor import Actor
from onefold.core.errors import DomainError
from onefold.core.process_settings import Settings
from onefold.database.engine import Database
from onefold.database.migrate import current, newest
from onefold.organizations.store import organization_ids
from onefold.wiring import database_of

out, err = Console(), Console(stderr=True)
ACTOR = Actor(None, None, "command line")
"""Who has done what a command does, as the audit log keeps it."""
Organization = Annotated[
    int | None, typer.Option("--organization", "-o", help="The organization's number; needed if there are several.")
]


def fail(detail: str) -> NoReturn:
    """Ends the command: why, on standard error, and exit code 1."""
    err.print(f"[red]onefold:[/red] {detail}", soft_wrap=True)
    raise typer.Exit(1)


def open_database() -> Database:
    """The database, if it has this version's schema."""
    try:
        database = database_of(Settings())  # type: ignore[call-arg]
        revision = current(database)
    except DomainError as refusal:
        fail(refusal.detail)
    if revision != newest():
        fail("The database has no schema of this version. Run: onefold db upgrade")
    return database


def chosen_organization(database: Database, given: int | None) -> int:
    """The organization's number: as given, or the only one there is."""
    known = dict(organization_ids(database))
    if given is None and len(known) == 1:
        return next(iter(known))
    if given is not None and given in known:
        return given
    if not known:
        fail("There is no organization yet. Run: onefold organization add NAME")
    listed = ", ".join(f"{number} ({name})" for number, name in known.items())
    fail(f"Say which organization with --organization; there are: {listed}")
