"""`onefold ingest`: bringing contacts in from files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from onefold.accounts import store as account_store
from onefold.channels import files
from onefold.cli.shared import Organization, chosen_organization, err, fail, open_database, out
from onefold.core.errors import DomainError, NotFound
from onefold.core.private_files import make_private
from onefold.core.process_settings import Settings
from onefold.database.engine import Database
from onefold.receiving import ingest as ingesting
from onefold.receiving.service import Receiver
from onefold.wiring import receiver_of


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
            counts = _ingest_file(
                database, receiver, organization_id, path=path, inbox_id=inbox_id, refused=refused, restart=restart
            )
            totals = {outcome: totals[outcome] + counts[outcome] for outcome in totals}
    except DomainError as refusal:
        fail(f"{refusal.detail} What was brought in stays; the same command goes on from there.")
    _show_totals(totals, refused)


def _files(paths: list[Path]) -> list[Path]:
    file_paths: list[Path] = []
    for path in paths:
        file_paths += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return file_paths


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
        for progress in ingesting.ingest(database, receiver, organization_id, run=run, entries=entries):
            _write_refusals(refused, path, progress.refusals)
            bar.update(task, completed=progress.position)
            counts = dict(progress.counts)
    return {outcome: counts.get(outcome, 0) - before.get(outcome, 0) for outcome in ingesting.OUTCOMES}


def _write_refusals(refused: Path, path: Path, refusals: list[ingesting.Refusal]) -> None:
    if not refusals:
        return
    make_private(refused)
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
