"""The `onefold` command, put together from its parts."""

from __future__ import annotations

import typer

from onefold.cli.agent import agent_app
from onefold.cli.audit import audit_app
from onefold.cli.backup import backup, restore
from onefold.cli.doctor import doctor
from onefold.cli.ingest import ingest
from onefold.cli.merge import merge
from onefold.cli.profile import profile_app
from onefold.cli.serve import demo, serve
from onefold.cli.set_up import db_app, key_app, organization_app

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Onefold: one customer, one profile.")
for command in (serve, demo, ingest, merge, backup, restore, doctor):
    app.command()(command)
for name, group in (
    ("db", db_app),
    ("organization", organization_app),
    ("agent", agent_app),
    ("key", key_app),
    ("profile", profile_app),
    ("audit", audit_app),
):
    app.add_typer(group, name=name)
