"""Settings: inboxes, and which agents are assigned to each."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from onefold.accounts import service as accounts
from onefold.accounts import store
from onefold.console.forms import AnyForm
from onefold.console.pages import redirect_to
from onefold.console.settings_page import SCOPE, AnyAdmin, settings_page
from onefold.database.engine import UnitOfWork
from onefold.settings import service as settings

router = APIRouter(prefix="/settings/inboxes")
_PATH = "/settings/inboxes"


@router.get("")
def inboxes(request: Request, admin: AnyAdmin) -> Response:
    """Every inbox and its agents."""

    def work(unit: UnitOfWork) -> dict[str, Any]:
        agents = {agent.id: agent for agent in store.list_agents(unit)}
        return {
            "inboxes": [
                (inbox_id, name, [agents[one] for one in store.inbox_members(unit, inbox_id)])
                for inbox_id, name in store.list_inboxes(unit)
            ],
            "agents": [agent for agent in agents.values() if agent.active],
            "default_inbox_id": settings.read(unit).default_inbox_id,
        }

    return settings_page(request, admin, "settings_inboxes.html", **admin.read(work, SCOPE))


@router.post("")
def add_inbox(admin: AnyAdmin, form: AnyForm) -> Response:
    """Adds an inbox."""
    admin.write(lambda unit: accounts.add_inbox(unit, form.text("name"), admin.actor), SCOPE, exclusive=True)
    return redirect_to(_PATH, "inbox-added")


@router.post("/{inbox_id}")
def rename_inbox(admin: AnyAdmin, inbox_id: str, form: AnyForm) -> Response:
    """Renames an inbox."""
    admin.write(lambda unit: accounts.rename_inbox(unit, inbox_id, form.text("name"), admin.actor), SCOPE)
    return redirect_to(_PATH, "saved")


@router.post("/{inbox_id}/agents")
def assign(admin: AnyAdmin, inbox_id: str, form: AnyForm) -> Response:
    """Assigns an agent to an inbox, which becomes the agent's most recent one (PRO-9)."""
    agent_id = form.text("agent_id")
    admin.write(lambda unit: accounts.assign_to_inbox(unit, inbox_id, agent_id, admin.actor), SCOPE)
    return redirect_to(_PATH, "saved")


@router.post("/{inbox_id}/agents/{agent_id}/remove")
def take_off(admin: AnyAdmin, inbox_id: str, agent_id: str) -> Response:
    """Takes an agent off an inbox."""
    admin.write(lambda unit: accounts.remove_from_inbox(unit, inbox_id, agent_id, admin.actor), SCOPE)
    return redirect_to(_PATH, "removed")
