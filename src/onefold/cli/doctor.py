"""`onefold doctor`: whether an installation is as it should be, and what to do where it is not."""

from __future__ import annotations

import shutil
import stat
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import httpx
import typer

from onefold.accounts import sign_in_store as sign_ins
from onefold.accounts import store as accounts
from onefold.cli.shared import fail, out
from onefold.core.errors import DomainError
from onefold.core.process_settings import Settings
from onefold.database.engine import Database
from onefold.database.engines import sqlite_file
from onefold.database.migrate import current, newest
from onefold.organizations.store import organization_ids
from onefold.webhooks import endpoint_store
from onefold.wiring import database_of, key_file_of

_SKEW_SECONDS = 5.0
_ROOM_BYTES, _ROOM_SHARE = 1_000_000_000, 0.05
_BACKUP_HOURS = 26
_SIGN = {"good": "[green]ok[/green]  ", "advice": "[yellow]hint[/yellow]", "fault": "[red]fault[/red]"}


class Finding(NamedTuple):
    """What was found, and what to do about it."""

    how: Literal["good", "advice", "fault"]
    what: str
    remedy: str = ""


def doctor(
    backups: Annotated[Path | None, typer.Option(file_okay=False, help="The folder that backups go to.")] = None,
) -> None:
    """Check this installation, and say what to do. Exit code 1 if something is wrong."""
    settings = Settings()  # type: ignore[call-arg]
    findings = list(_findings(settings, backups))
    for finding in findings:
        out.print(f"{_SIGN[finding.how]} {finding.what}", soft_wrap=True, highlight=False)
        if finding.remedy:
            out.print(f"      {finding.remedy}", soft_wrap=True, highlight=False)
    faults = sum(finding.how == "fault" for finding in findings)
    if faults:
        fail("One thing is wrong." if faults == 1 else f"{faults} things are wrong.")


def _findings(settings: Settings, backups: Path | None) -> Iterator[Finding]:
    try:
        database = database_of(settings)
        revision = current(database)
    except DomainError as refusal:
        yield Finding("fault", f"The database: {refusal.detail}", "Is ONEFOLD_DATABASE_URL right, and does it run?")
        return
    yield from _schema(revision)
    if database.is_sqlite:
        yield from _file(settings)
    else:
        yield from _role(database)
    if revision == newest():
        yield from _key(settings, database)
        yield from _people(database)
    yield from _address(settings)
    yield from _backups(settings, backups)
    database.dispose()


def _schema(revision: str | None) -> Iterator[Finding]:
    if revision == newest():
        yield Finding("good", f"The database is at schema {revision}.")
    else:
        yield Finding("fault", "The database has no schema of this version.", "Run: onefold db upgrade")


def _file(settings: Settings) -> Iterator[Finding]:
    file = sqlite_file(settings.database_url)
    if file is None:
        yield Finding(
            "fault", "The database is in memory, and gone when the process ends.", "Set ONEFOLD_DATABASE_URL."
        )
        return
    folder = file.resolve().parent
    if folder.stat().st_mode & stat.S_IWOTH and not folder.stat().st_mode & stat.S_ISVTX:
        yield Finding("fault", f"Everybody may write into {folder}.", f"Run: chmod o-w {folder}")
    if file.stat().st_mode & 0o077:
        yield Finding("fault", f"Others may read {file}.", f"Run: chmod 600 {file}*")
    else:
        yield Finding("good", f"{file} is its owner's alone.")
    usage = shutil.disk_usage(folder)
    room = f"{usage.free / 1e9:,.1f} GB are free on the disk of {file}."
    if usage.free < _ROOM_BYTES or usage.free < _ROOM_SHARE * usage.total:
        yield Finding("fault", room, "Make room: without any, contacts are refused.")
    else:
        yield Finding("good", room)


def _role(database: Database) -> Iterator[Finding]:
    if powers := database.role_powers():
        yield Finding(
            "fault",
            f"The database's role {' and '.join(powers)}: row-level security does not hold it.",
            "Use a role of its own: CREATE ROLE onefold LOGIN PASSWORD '…' NOSUPERUSER NOBYPASSRLS",
        )
    else:
        yield Finding("good", "Row-level security holds the database's role.")
    yield _clock("the database's", abs((datetime.now(UTC) - database.clock()).total_seconds()))


def _clock(whose: str, skew: float) -> Finding:
    if skew > _SKEW_SECONDS:
        return Finding("fault", f"This clock and {whose} differ by {skew:,.0f} s.", "Let both follow NTP (chrony).")
    return Finding("good", f"This clock and {whose} agree.")


def _key(settings: Settings, database: Database) -> Iterator[Finding]:
    path = key_file_of(settings)
    try:
        for number, _ in organization_ids(database):
            with database.read(number) as unit:
                endpoint_store.list_endpoints(unit)
                for agent in accounts.list_agents(unit):
                    sign_ins.of_agent(unit, agent.id)
    except DomainError as refusal:
        yield Finding("fault", refusal.detail)
    else:
        yield Finding("good", f"Secrets are sealed by {path}. Keep a copy apart from the database's backups.")
    if not settings.secret_key_file and not database.is_sqlite:
        yield Finding(
            "advice",
            f"The key is {path.resolve()}, by default.",
            "Set ONEFOLD_SECRET_KEY_FILE, the same for every process.",
        )


def _people(database: Database) -> Iterator[Finding]:
    organizations = organization_ids(database)
    if not organizations:
        yield Finding("fault", "There is no organization.", "Run: onefold organization add NAME")
    for number, name in organizations:
        with database.read(number) as unit:
            admins = accounts.active_admins(unit)
        if not admins:
            yield Finding(
                "fault",
                f"{name} has no admin.",
                f"Run: onefold agent add EMAIL NAME --role admin --password --organization {number}",
            )
        else:
            yield Finding("good", f"{name} has {len(admins)} admin{'s' if len(admins) > 1 else ''}.")


def _address(settings: Settings) -> Iterator[Finding]:
    if not settings.public_url:
        yield Finding("advice", "Nothing says which address others reach.", "Set ONEFOLD_PUBLIC_URL.")
        return
    if not settings.public_url.startswith("https://"):
        yield Finding("fault", f"{settings.public_url} is not https.", "Put a proxy with a certificate before it.")
    elif not settings.proxies:
        yield Finding(
            "fault",
            "No proxy is trusted, so everybody behind it is one client, and some wrong passwords keep all of them out.",
            "Set ONEFOLD_TRUSTED_PROXIES to the proxy's network.",
        )
    yield from _check_reachable(settings.public_url.rstrip("/"))


def _check_reachable(address: str) -> Iterator[Finding]:
    try:
        answer = httpx.get(f"{address}/health", timeout=10.0)
    except httpx.HTTPError as error:
        yield Finding("fault", f"{address}/health does not answer ({type(error).__name__}).", "Does the service run?")
        return
    if answer.status_code != 200:
        yield Finding("fault", f"{address}/health answers {answer.status_code}.", "Does the proxy lead here?")
        return
    yield Finding("good", f"{address} leads here.")
    if "date" in answer.headers:
        yield _clock(
            "the proxy's", abs((datetime.now(UTC) - parsedate_to_datetime(answer.headers["date"])).total_seconds())
        )


def _backups(settings: Settings, folder: Path | None) -> Iterator[Finding]:
    if not settings.audit_heads_file:
        yield Finding(
            "advice", "The audit logs' heads are in this service's log only.", "Set ONEFOLD_AUDIT_HEADS_FILE."
        )
    if folder is None:
        yield Finding("advice", "Backups were not looked at.", "Name their folder: onefold doctor --backups FOLDER")
        return
    times = [file.stat().st_mtime for file in folder.iterdir() if file.is_file()] if folder.is_dir() else []
    hours = (time.time() - max(times)) / 3600 if times else None
    if hours is None:
        yield Finding(
            "fault", f"There is no backup in {folder}.", "Run onefold backup every night (docs/operations.md)."
        )
    elif hours > _BACKUP_HOURS:
        yield Finding("fault", f"The newest backup in {folder} is {hours:,.0f} hours old.", "Does its timer run?")
    else:
        yield Finding("good", f"The newest backup in {folder} is {hours:,.0f} hours old.")
