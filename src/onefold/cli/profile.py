"""`onefold profile`: looking at a customer, and handing out or erasing what is kept of one (GDPR art. 15, 17, 20)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, BinaryIO, NoReturn, TypeVar

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.prompt import Confirm
from rich.table import Table

from onefold.cli.shared import ACTOR, Organization, chosen_organization, err, fail, open_database, out
from onefold.core.errors import DomainError, NotFound
from onefold.core.private_files import make_private
from onefold.database.engine import Database, UnitOfWork
from onefold.database.transactions import run_in_transaction
from onefold.privacy import erasure as erasing
from onefold.privacy import export as exporting
from onefold.privacy.export import Subject
from onefold.profiles import service as profiles
from onefold.profiles.searching import search

profile_app = typer.Typer(no_args_is_help=True, help="Customer Profiles.")
T = TypeVar("T")


@profile_app.command("show")
def profile_show(
    wanted: Annotated[
        str, typer.Argument(help="A profile's id, or what to search: a name, email, phone, customer ID.")
    ],
    organization: Organization = None,
) -> None:
    """Show a profile as JSON; for a search with several hits, the list of them."""
    database = open_database()
    organization_id = chosen_organization(database, organization)
    try:
        with database.read(organization_id) as unit:
            try:
                view = profiles.read(unit, wanted)
            except NotFound:
                hits = search(unit, wanted, 20)
                if len(hits) != 1:
                    _show_hits(hits)
                view = profiles.read(unit, hits[0].row.id)
    except DomainError as refusal:
        fail(refusal.detail)
    from onefold.api import views  # here: its schemas take longer to import than most commands to run

    sys.stdout.write(views.profile(view).model_dump_json(indent=2) + "\n")


def _show_hits(hits: list[profiles.ProfileSummary]) -> NoReturn:
    if not hits:
        fail("No profile is found by this.")
    table = Table("id", "customer", "contact points", box=None)
    for hit in hits:
        table.add_row(hit.row.id, hit.display_name, ", ".join(p.value for p in hit.points))
    out.print(table)
    raise typer.Exit(0)


@profile_app.command("export")
def profile_export(
    profile_id: Annotated[str, typer.Argument(help="The profile's id, or that of one merged into it.")],
    to: Annotated[Path | None, typer.Option("--out", help="Where it goes; else standard output.")] = None,
    organization: Organization = None,
) -> None:
    """Write everything that is kept of a customer, as one JSON document (docs/privacy.md)."""
    database = open_database()
    organization_id = chosen_organization(database, organization)
    try:
        with database.read(organization_id) as unit:
            whose = exporting.subject(unit, profile_id)
        run_in_transaction(database, organization_id, lambda unit: exporting.note_export(unit, whose, ACTOR))
        if to is None:
            _write(database, organization_id, whose, sys.stdout.buffer)
        else:
            _write_file(database, organization_id, whose, to)
            out.print(f"{whose.items:,} items and all else of the customer are in {to}", soft_wrap=True)
    except DomainError as refusal:
        fail(f"{refusal.detail} What was written is not whole.")


def _write_file(database: Database, organization_id: int, whose: Subject, to: Path) -> None:
    """Under its own name only when it is whole."""
    part = to.with_name(to.name + ".part")
    make_private(part)
    with part.open("wb") as file:
        _write(database, organization_id, whose, file)
    part.replace(to)


def _write(database: Database, organization_id: int, whose: Subject, file: BinaryIO) -> None:
    def read(work: Callable[[UnitOfWork], T]) -> T:
        with database.read(organization_id) as unit:
            return work(unit)

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=not err.is_terminal) as bar:
        task = bar.add_task("items", total=whose.items)
        for piece in exporting.document(read, whose, lambda items: bar.advance(task, items)):
            file.write(piece)
    file.flush()


@profile_app.command("erase")
def profile_erase(
    profile_id: Annotated[str, typer.Argument(help="The profile's id, or that of one merged into it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Erase without asking.")] = False,
    organization: Organization = None,
) -> None:
    """Erase a customer for good: the profile, all that were merged into it, and everything of theirs."""
    database = open_database()
    organization_id = chosen_organization(database, organization)
    try:
        if not yes:
            _confirm(database, organization_id, profile_id)
        erasure = run_in_transaction(
            database, organization_id, lambda unit: erasing.erase(unit, profile_id, profile_id, ACTOR), exclusive=True
        )
    except DomainError as refusal:
        fail(refusal.detail)
    if not database.empty_log():
        err.print("Somebody reads the database: its write-ahead log is emptied when they have done.", soft_wrap=True)
    for erased_id in erasure.ids:
        out.print(f"{erased_id} is erased.", highlight=False)
    counts = ", ".join(f"{number:,} {kind}" for kind, number in erasure.counts.items() if number)
    out.print(counts, soft_wrap=True, highlight=False)


def _confirm(database: Database, organization_id: int, profile_id: str) -> None:
    with database.read(organization_id) as unit:
        whose = exporting.subject(unit, profile_id)
    others = f", {len(whose.ids) - 1:,} profiles merged into it" if len(whose.ids) > 1 else ""
    question = f"Erase profile {whose.profile_id}{others} and {whose.items:,} items? Nothing brings them back."
    if not Confirm.ask(question, console=out, default=False):
        raise typer.Exit(1)
