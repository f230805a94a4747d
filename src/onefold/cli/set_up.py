"""What admins do once: the database's schema, organizations, API keys."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from typing import Annotated

import typer

from onefold.accounts import service as accounts
from onefold.audit import service as audit
from onefold.cli.shared import ACTOR, Organization, chosen_organization, err, fail, open_database, out
from onefold.contact_points.blocklist import DEFAULT_ENTRIES
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import DomainError
from onefold.core.process_settings import Settings
from onefold.database.migrate import upgrade
from onefold.database.transactions import run_in_transaction
from onefold.organizations.store import add_organization
from onefold.wiring import database_of

db_app = typer.Typer(no_args_is_help=True, help="The database's schema.")
organization_app = typer.Typer(no_args_is_help=True, help="Organizations, the tenants of this service.")
key_app = typer.Typer(no_args_is_help=True, help="API keys for machines.")


@db_app.command("upgrade")
def db_upgrade() -> None:
    """Create the schema or bring it up to this version; safe to run at every start."""
    try:
        database = database_of(Settings())  # type: ignore[call-arg]
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
    number = add_organization(
        database, name, region.upper(), inbox_id=new_id(), inbox_name=inbox, entries=DEFAULT_ENTRIES, now=utc_now()
    )
    run_in_transaction(
        database, number, lambda unit: audit.record(unit, ACTOR, "organization.added", details={"name": name})
    )
    out.print(
        f"Organization {number} is here. Next: onefold key create NAME --scope contacts:write --organization {number}"
    )


@key_app.command("create")
def key_create(
    name: str,
    scope: Annotated[list[str], typer.Option(help="What it may do; may be given several times.")],
    days: Annotated[int, typer.Option(min=1, help="Days until it expires.")] = 365,
    never: Annotated[bool, typer.Option("--never", help="It never expires.")] = False,
    organization: Organization = None,
) -> None:
    """Create an API key. The key alone goes to standard output, so that a script can keep it."""
    database = open_database()
    organization_id = chosen_organization(database, organization)
    expires_at: datetime | None = None if never else utc_now() + timedelta(days=days)
    try:
        _, token = run_in_transaction(
            database,
            organization_id,
            lambda unit: accounts.create_key(unit, name, scope, ACTOR, expires_at=expires_at),
        )
    except DomainError as refusal:
        fail(refusal.detail)
    err.print("This key is shown once; keep it like a password:")
    sys.stdout.write(token + "\n")
