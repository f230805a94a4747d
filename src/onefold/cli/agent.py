"""`onefold agent`: people who sign in, and how to let in whoever cannot."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, TypeVar

import typer

from onefold.accounts import service as accounts
from onefold.accounts import store as account_store
from onefold.accounts.store import AgentRow
from onefold.cli.shared import ACTOR, Organization, chosen_organization, err, fail, open_database, out
from onefold.contact_points.emails import parse_email
from onefold.core.errors import DomainError, NotFound
from onefold.core.process_settings import Settings
from onefold.database.engine import UnitOfWork
from onefold.database.transactions import run_in_transaction

agent_app = typer.Typer(no_args_is_help=True, help="People who sign in.")
T = TypeVar("T")


@agent_app.command("add")
def agent_add(
    email: str,
    name: str,
    role: Annotated[str, typer.Option(help="agent, lead or admin.")] = "agent",
    password: Annotated[bool, typer.Option(help="Ask for a password, so that the agent can sign in.")] = False,
    organization: Organization = None,
) -> None:
    """Add an agent."""
    if role not in accounts.ROLE_SCOPES:
        fail("The role is agent, lead or admin.")
    secret = _asked_password() if password else None
    agent = run_on_agent(
        organization,
        lambda unit: accounts.add_agent(unit, email, name, role=role, actor=ACTOR, password=secret),  # type: ignore[arg-type]
    )
    out.print(f"Agent {agent.id} is here.")


@agent_app.command("password")
def agent_password(email: str, organization: Organization = None) -> None:
    """Set an agent's password, asked for or read from standard input; signs the agent out everywhere."""
    secret = _asked_password()
    run_on_agent(organization, lambda unit: accounts.reset_password(unit, find_agent(unit, email).id, secret, ACTOR))
    out.print("The password is set; the agent is signed out everywhere.")


@agent_app.command("link")
def agent_link(
    email: str,
    minutes: Annotated[int, typer.Option(min=1, max=43_200, help="How long it is good.")] = 15,
    organization: Organization = None,
) -> None:
    """Make a link that signs an agent in, once. The link alone goes to standard output."""
    from onefold.accounts import signing_in  # here and below: no other command needs what it imports

    def work(unit: UnitOfWork) -> str:
        return signing_in.make_link(
            unit, find_agent(unit, email).id, "link", valid=timedelta(minutes=minutes), actor=ACTOR
        )

    token = run_on_agent(organization, work)
    address = Settings().public_url.rstrip("/")  # type: ignore[call-arg]
    err.print(f"Good once, for {minutes} minutes; whoever has it is signed in:", soft_wrap=True)
    sys.stdout.write(f"{address}/sign-in/link?token={token}\n")


@agent_app.command("second-factor")
def agent_second_factor(
    email: str,
    off: Annotated[bool, typer.Option("--off", help="Turn it off, for who has lost the authenticator.")] = False,
    organization: Organization = None,
) -> None:
    """Say whether an agent has a second factor, or turn it off; that signs the agent out everywhere."""
    from onefold.accounts import signing_in

    def work(unit: UnitOfWork) -> bool:
        agent_id = find_agent(unit, email).id
        had = signing_in.has_second_factor(unit, agent_id)
        if off:
            signing_in.turn_off_second_factor(unit, agent_id, ACTOR)
        return had

    had = run_on_agent(organization, work)
    if not had:
        out.print("The agent has no second factor.")
    elif off:
        out.print("The second factor is off; the agent is signed out everywhere.")
    else:
        out.print("The agent has a second factor.")


def run_on_agent(organization: int | None, work: Callable[[UnitOfWork], T]) -> T:
    database = open_database()
    try:
        return run_in_transaction(database, chosen_organization(database, organization), work)
    except DomainError as refusal:
        fail(refusal.detail)


def find_agent(unit: UnitOfWork, email: str) -> AgentRow:
    agent = account_store.agent_by_email(unit, parse_email(email))
    if agent is None:
        raise NotFound("There is no agent with this email.", code="agent_not_found")
    return agent


def _asked_password() -> str:
    """Typed twice at a terminal; without one, the first line of standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")
