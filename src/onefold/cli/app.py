"""The `onefold` command: serving, bringing contacts in, and what admins do once."""

from __future__ import annotations

import hashlib
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from onefold.accounts import service as accounts
from onefold.accounts import store as account_store
from onefold.channels import files
from onefold.cli.agent import agent_app
from onefold.cli.audit import audit_app
from onefold.cli.merge import merge
from onefold.cli.profile import profile_app
from onefold.cli.shared import Organization, chosen_organization, err, fail, open_database, out
from onefold.contact_points.blocklist import DEFAULT_ENTRIES
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import DomainError, NotFound
from onefold.core.process_settings import Settings
from onefold.database.engine import Database
from onefold.database.migrate import upgrade
from onefold.database.transactions import run_in_transaction
from onefold.organizations.store import add_organization
from onefold.receiving import ingest as ingesting
from onefold.receiving.service import Receiver
from onefold.wiring import database_of, receiver_of

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Onefold: one customer, one profile.")
db_app = typer.Typer(no_args_is_help=True, help="The database's schema.")
organization_app = typer.Typer(no_args_is_help=True, help="Organizations, the tenants of this service.")
key_app = typer.Typer(no_args_is_help=True, help="API keys for machines.")
for name, group in (
    ("db", db_app),
    ("organization", organization_app),
    ("agent", agent_app),
    ("key", key_app),
    ("profile", profile_app),
    ("audit", audit_app),
):
    app.add_typer(group, name=name)
app.command()(merge)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; else ONEFOLD_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; else ONEFOLD_PORT.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; more than one needs PostgreSQL.")] = 1,
) -> None:
    """Serve the API."""
    settings = Settings()  # type: ignore[call-arg]
    database = open_database()
    if workers > 1 and database.is_sqlite:
        fail("SQLite has one writer at a time: several processes need PostgreSQL (ONEFOLD_DATABASE_URL).")
    database.dispose()
    _serve(host or settings.host, port or settings.port, workers)


_KEPT_OPEN_SECONDS = 75
"""How long a connection may be idle. Longer than proxies keep theirs (a minute): the side that sends must be the one to
close, as what it sends while the other is closing is lost, and only a browser that is still there sends it again."""


def _serve(host: str, port: int, workers: int = 1) -> None:
    import uvicorn  # here, because no other command needs a server

    uvicorn.run(
        "onefold.app:create_app",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=2,
        timeout_keep_alive=_KEPT_OPEN_SECONDS,
    )


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(writable=True, help="Where the sample base is kept.")] = Path("var"),
    port: Annotated[int, typer.Option(help="Port to listen on; the next free one if it is taken.")] = 8000,
    customers: Annotated[int, typer.Option(min=1, max=100_000, help="How many sample customers.")] = 400,
    serve: Annotated[bool, typer.Option(help="Serve afterwards.")] = True,
) -> None:
    """Serve a sample base of several hundred customers on an embedded SQLite file."""
    from onefold import demo as sample  # here, because no other command needs its names

    folder.mkdir(parents=True, exist_ok=True)
    path = (folder / "demo.db").resolve()
    made = sample.prepare(path, customers, out)
    free = sample.free_port(port)
    out.print(sample.welcome(made, free), highlight=False, soft_wrap=True, markup=False)
    if serve:
        import os

        os.environ["ONEFOLD_DATABASE_URL"] = f"sqlite:///{path}"
        sample.open_when_ready(made, free)
        _serve("127.0.0.1", free)


@app.command()
def ingest(
    paths: Annotated[list[Path], typer.Argument(exists=True, readable=True, help="mbox, .eml, .jsonl; or a folder.")],
    organization: Organization = None,
    inbox: Annotated[str | None, typer.Option(help="The inbox contacts are routed to, by name or id.")] = None,
    refused: Annotated[Path, typer.Option(help="Where refused entries go, with the reason.")] = Path("refused.jsonl"),
    restart: Annotated[bool, typer.Option(help="Begin a file anew even if it was begun before.")] = False,
) -> None:
    """Bring contacts in from files. If interrupted, the same command resumes; run twice, it adds nothing."""
    settings = Settings()  # type: ignore[call-arg]
    database = open_database()
    organization_id = chosen_organization(database, organization)
    try:
        inbox_id = _inbox_id(database, organization_id, inbox)
        receiver = receiver_of(settings, database)
        totals = dict.fromkeys(ingesting.OUTCOMES, 0)
        for path in _files(paths):
            counts = _ingest_file(database, receiver, organization_id, path, inbox_id, refused, restart)
            totals = {outcome: totals[outcome] + counts[outcome] for outcome in totals}
    except DomainError as refusal:
        fail(f"{refusal.detail} What was brought in stays; the same command goes on from there.")
    _show_totals(totals, refused)


def _files(paths: list[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        found += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return found


def _inbox_id(database: Database, organization_id: int, given: str | None) -> str | None:
    if given is None:
        return None
    with database.read(organization_id) as unit:
        known = account_store.list_inboxes(unit)
    for inbox_id, inbox_name in known:
        if given in (inbox_id, inbox_name):
            return inbox_id
    raise NotFound(f"There is no such inbox; there are: {', '.join(n for _, n in known)}.", code="inbox_not_found")


def _fingerprint(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(65_536)
    return hashlib.sha256(f"{path.stat().st_size}:".encode() + head).hexdigest()


def _ingest_file(
    database: Database,
    receiver: Receiver,
    organization_id: int,
    path: Path,
    inbox_id: str | None,
    refused: Path,
    restart: bool,
) -> dict[str, int]:
    fingerprint = _fingerprint(path)
    run = None if restart else ingesting.earlier(database, organization_id, fingerprint)
    if run is not None and run.state == "finished":
        out.print(f"{path.name}: brought in before, on {run.updated_at:%Y-%m-%d %H:%M} UTC; nothing to do.")
        return dict.fromkeys(ingesting.OUTCOMES, 0)
    if run is not None and run.done:
        out.print(f"{path.name}: goes on behind entry {run.done:,}.")
    total = files.count(path)
    run = run or ingesting.begin(database, organization_id, fingerprint, total)
    before, counts = dict(run.counts), dict(run.counts)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=not err.is_terminal) as bar:
        task = bar.add_task(path.name, total=total, completed=run.done)
        entries = files.entries(path, int(run.position or 0), inbox_id)
        for progress in ingesting.ingest(database, receiver, organization_id, run, entries):
            _write_refusals(refused, path, progress.refusals)
            bar.update(task, completed=progress.position)
            counts = dict(progress.counts)
    return {outcome: counts.get(outcome, 0) - before.get(outcome, 0) for outcome in ingesting.OUTCOMES}


def _write_refusals(refused: Path, path: Path, refusals: list[ingesting.Refusal]) -> None:
    if not refusals:
        return
    with refused.open("a", encoding="utf-8") as file:
        for position, reason, text in refusals:
            row = {
                "file": path.name,
                "entry": position,
                "code": reason.code,
                "field": reason.field,
                "reason": reason.detail,
                "line": text,
            }
            file.write(json.dumps({k: v for k, v in row.items() if v is not None}, ensure_ascii=True) + "\n")


def _show_totals(totals: dict[str, int], refused: Path) -> None:
    table = Table("outcome", "contacts", box=None)
    for outcome, number in totals.items():
        table.add_row(outcome, f"{number:,}")
    out.print(table)
    if totals["refused"]:
        out.print(f"Refused entries and why: {refused}", soft_wrap=True)


@db_app.command("upgrade")
def db_upgrade() -> None:
    """Create the schema or bring it up to this version; safe to run at every start."""
    database = database_of(Settings())  # type: ignore[call-arg]
    try:
        out.print(f"The database is at schema {upgrade(database)}.")
    except DomainError as refusal:
        fail(refusal.detail)


@organization_app.command("add")
def organization_add(
    name: str,
    region: Annotated[
        str, typer.Option(help="Region phone numbers without country code are read in, ISO 3166.")
    ] = "US",
    inbox: Annotated[str, typer.Option(help="The name of the first inbox.")] = "General",
) -> None:
    """Add an organization, with its first inbox and the default blocklist."""
    database = open_database()
    number = add_organization(database, name, region.upper(), new_id(), inbox, DEFAULT_ENTRIES, utc_now())
    out.print(f"Organization {number} is here. Next: onefold key create NAME --organization {number}")


@key_app.command("create")
def key_create(
    name: str,
    scope: Annotated[list[str] | None, typer.Option(help="May be given several times; all scopes if left out.")] = None,
    days: Annotated[int, typer.Option(min=0, help="Days until it expires; 0 for never.")] = 0,
    organization: Organization = None,
) -> None:
    """Create an API key. The key alone goes to standard output, so that a script can keep it."""
    database = open_database()
    organization_id = chosen_organization(database, organization)
    expires_at: datetime | None = utc_now() + timedelta(days=days) if days else None
    try:
        _, token = run_in_transaction(
            database,
            organization_id,
            lambda unit: accounts.create_key(unit, name, scope or accounts.SCOPES, expires_at),
        )
    except DomainError as refusal:
        fail(refusal.detail)
    err.print("This key is shown once; keep it like a password:")
    sys.stdout.write(token + "\n")
