"""`onefold merge`: two profiles, or many pairs from a file (MRG-16)."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.prompt import Confirm
from rich.table import Table

from onefold.cli.shared import ACTOR, Organization, chosen_organization, err, fail, open_database, out
from onefold.core.errors import DomainError
from onefold.core.private_files import make_private
from onefold.database.engine import Database
from onefold.database.transactions import run_in_transaction
from onefold.merging import bulk as many_merges
from onefold.merging import previews
from onefold.merging import service as merging
from onefold.merging.previews import Preview
from onefold.merging.service import MergeRequest
from onefold.runs import service as runs
from onefold.runs import store as run_store
from onefold.runs.store import RunRow

_STEP = 20


def merge(
    source: Annotated[str | None, typer.Argument(help="The id of the profile that goes away.")] = None,
    destination: Annotated[str | None, typer.Argument(help="The id of the profile that stays.")] = None,
    pairs: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="CSV: source_id,destination_id on each line.")
    ] = None,
    report: Annotated[Path, typer.Option(help="Where each pair's outcome goes.")] = Path("merge-report.csv"),
    yes: Annotated[bool, typer.Option("--yes", help="Merge without asking.")] = False,
    despite_no_match: Annotated[
        bool, typer.Option("--despite-no-match", help='Merge two although somebody said "No Match".')
    ] = False,
    restart: Annotated[bool, typer.Option(help="Begin a file anew even if it was begun before.")] = False,
    organization: Organization = None,
) -> None:
    """Merge two profiles, or the pairs of a file. If interrupted, the same command resumes where it stopped."""
    if (pairs is None) == (source is None or destination is None):
        fail("Give two ids, or --pairs FILE.")
    database = open_database()
    number = chosen_organization(database, organization)
    try:
        if pairs is not None:
            _merge_file(database, number, pairs, report=report, restart=restart)
        else:
            _merge_two(
                database, number, MergeRequest(str(source), str(destination), despite_no_match=despite_no_match), yes
            )
    except DomainError as refusal:
        fail(refusal.detail)


def _merge_two(database: Database, number: int, request: MergeRequest, yes: bool) -> None:
    with database.read(number) as unit:
        preview = previews.look(unit, request, ACTOR)
    _show(preview)
    if preview.plan.obstacles:
        fail("The merge is refused; clear what stands in the way, or merge by the API with the steps it offers.")
    if preview.no_match and yes and not request.despite_no_match:
        fail('Somebody said "No Match" of the two; merge them with --despite-no-match if you mean it.')
    if not yes and not Confirm.ask("Merge? Only a lead can undo it.", console=out):
        raise typer.Exit(1)
    confirmed = request._replace(versions=preview.plan.versions, digest=preview.plan.digest, despite_no_match=True)
    row, _ = run_in_transaction(database, number, lambda unit: merging.merge(unit, confirmed, ACTOR))
    out.print(f"Merged; merge {row.id}.")


def _show(preview: Preview) -> None:
    table = Table("field", preview.source.display_name, preview.destination.display_name, "stays", "why", box=None)
    for outcome in preview.plan.outcomes:
        if outcome.source or outcome.destination:
            sides = [str(value or "") for value in (outcome.source, outcome.destination)]
            table.add_row(outcome.field, *sides, outcome.kept or "-", outcome.why)
    out.print(table)
    out.print(f"{preview.conversations} conversations and {preview.drafts} drafts come along.")
    for said in preview.no_match:
        err.print(f"[yellow]No Match[/yellow]: {said.agent or 'an API key'} said so on {said.at:%Y-%m-%d %H:%M} UTC.")
    for obstacle in preview.plan.obstacles:
        err.print(f"[red]{obstacle.code}[/red]: {obstacle.detail}")


def _merge_file(database: Database, number: int, path: Path, report: Path, restart: bool) -> None:
    run = _run_of(database, number, path, restart)
    if run.state == "finished":
        out.print(f"{path.name}: merged before, on {run.updated_at:%Y-%m-%d %H:%M} UTC; nothing to do.")
        return
    if run.done:
        out.print(f"{path.name}: goes on behind pair {run.done:,}.")
    run = run_in_transaction(database, number, lambda unit: many_merges.resume(unit, run))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=err, transient=not err.is_terminal) as bar:
            task = bar.add_task(path.name, total=run.total, completed=run.done)
            while run.state == "running":
                run = many_merges.advance(database, number, run.id, _STEP)
                bar.update(task, completed=run.done)
    except KeyboardInterrupt:
        run_in_transaction(database, number, lambda unit: runs.stop(unit, run.id, ACTOR))
        fail("Stopped. What was merged stays; the same command goes on from there.")
    _write_report(database, number, run, report)


def _run_of(database: Database, number: int, path: Path, restart: bool) -> RunRow:
    name = hashlib.sha256(path.read_bytes()).hexdigest()
    with database.read(number) as unit:
        known = run_store.list_runs(unit, kind=runs.MERGE_PAIRS, name=name)
    if known and not restart:
        return known[0]
    pairs = _read_pairs(path)
    return run_in_transaction(
        database, number, lambda unit: many_merges.begin(unit, pairs, ACTOR, name=name, state="stopped")
    )


def _read_pairs(path: Path) -> list[tuple[str, str]]:
    pairs = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, row in enumerate(csv.reader(file), 1):
                if not row or (number == 1 and row[0].strip().lower() in ("source_id", "source")):
                    continue
                if len(row) < 2 or not row[0].strip() or not row[1].strip():
                    fail(f"Line {number} of {path.name} has no two ids; write source_id,destination_id.")
                pairs.append((row[0].strip(), row[1].strip()))
    except (UnicodeDecodeError, csv.Error):
        fail(f"{path.name} is not a CSV file in UTF-8.")
    if not pairs:
        fail(f"{path.name} holds no pair.")
    return pairs


def _write_report(database: Database, number: int, run: RunRow, report: Path) -> None:
    after = 0
    make_private(report)
    with report.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("source_id", "destination_id", "outcome", "code", "detail"))
        while True:
            with database.read(number) as unit:
                part = run_store.pairs_of(unit, run.id, after, 1_000)
            if not part:
                break
            writer.writerows(pair[1:] for pair in part)
            after = part[-1].position
    table = Table("outcome", "pairs", box=None)
    for outcome in many_merges.OUTCOMES:
        table.add_row(outcome, f"{run.counts.get(outcome, 0):,}")
    out.print(table)
    out.print(f"Each pair's outcome: {report}", soft_wrap=True)
