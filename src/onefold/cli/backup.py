"""`onefold backup` and `onefold restore`: the whole database as a file, and back again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from onefold.audit import service as audit
from onefold.cli.shared import fail, out
from onefold.core.errors import DomainError
from onefold.core.process_settings import Settings
from onefold.database import backup as copies
from onefold.database.migrate import upgrade
from onefold.organizations.store import organization_ids
from onefold.wiring import database_of, key_file_of

_URL = typer.Option("--url", help="PostgreSQL: a role that may read, or make, everything; else ONEFOLD_DATABASE_URL.")


def backup(
    to: Annotated[Path, typer.Argument(help="The file to write; it must not be there yet.")],
    url: Annotated[str | None, _URL] = None,
) -> None:
    """Copy the whole database into a file, while it is served. The key of its secrets is not in it."""
    settings = Settings()  # type: ignore[call-arg]
    try:
        copies.back_up(url or settings.database_url, to)
    except (DomainError, OSError) as refusal:
        fail(_reason(refusal))
    out.print(f"{to} holds the whole database: {to.stat().st_size:,} bytes.", soft_wrap=True)
    out.print(f"It opens no sealed secret without {key_file_of(settings)}: keep that elsewhere, too.", soft_wrap=True)


def restore(
    copy: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What `onefold backup` wrote.")],
    url: Annotated[str | None, _URL] = None,
) -> None:
    """Make an empty database what a backup holds, bring it up to this version, and check it. Writes over nothing."""
    settings = Settings()  # type: ignore[call-arg]
    try:
        copies.restore(url or settings.database_url, copy)
        database = database_of(settings)
        revision = upgrade(database)
        for number, name in organization_ids(database):
            with database.read(number) as unit:
                verification = audit.verify(unit)
            if verification.wrong is not None:
                fail(f"The audit log of {name} is not intact at entry {verification.first_wrong}.")
            out.print(f"{number} ({name}): the {verification.entries:,} entries of its audit log are intact.")
    except (DomainError, OSError) as refusal:
        fail(_reason(refusal))
    out.print(f"The database is restored, at schema {revision}.")


def _reason(refusal: DomainError | OSError) -> str:
    return refusal.detail if isinstance(refusal, DomainError) else f"{refusal.filename}: {refusal.strerror}"
