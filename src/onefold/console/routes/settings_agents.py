"""Settings: agents, what each may do, and how to let in whoever cannot get in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from onefold.accounts import service as accounts
from onefold.accounts import signing_in, store
from onefold.accounts.service import Role
from onefold.accounts.signing_in import Purpose
from onefold.console.forms import AnyForm, Form
from onefold.console.pages import redirect_to
from onefold.console.proof import proof_for
from onefold.console.settings_page import SCOPE, AnyAdmin, base_address, settings_page
from onefold.console.visitor import Visitor
from onefold.core.errors import Conflict, InvalidValue
from onefold.database.engine import UnitOfWork

router = APIRouter(prefix="/settings/agents")
_PATH = "/settings/agents"
_ROLES: tuple[Role, ...] = ("agent", "lead", "admin")
_VALID: dict[Purpose, timedelta] = {"invitation": timedelta(days=7), "link": timedelta(minutes=15)}
_LINKS: dict[Purpose, str] = {"invitation": "/invitation", "link": "/sign-in/link"}


@router.get("")
def agents(request: Request, admin: AnyAdmin) -> Response:
    """Everybody who signs in."""
    return _list(request, admin)


def _list(request: Request, admin: Visitor, **made: Any) -> Response:
    all_agents = admin.read(store.list_agents, SCOPE)
    active_first = sorted(all_agents, key=lambda agent: not agent.active)
    values = {"agents": active_first, "link": None, "invited": None, **made}
    return settings_page(request, admin, "settings_agents.html", valid=_VALID, **values)


@router.post("", dependencies=[proof_for(SCOPE)])
def add_agent(request: Request, admin: AnyAdmin, form: AnyForm) -> Response:
    """Adds an agent. The invitation, by which the agent chooses a password, is in this answer and nowhere else."""
    email, name, role = form.line("email") or "", form.line("name") or "", _role(form)

    def work(unit: UnitOfWork) -> tuple[store.AgentRow, str]:
        agent = accounts.add_agent(unit, email, name=name, role=role, actor=admin.actor)
        return agent, _link(unit, admin, agent.id, "invitation")

    agent, token = admin.write(work, SCOPE)
    return _list(request, admin, invited=agent, link=_address(request, "invitation", token))


def _role(form: Form) -> Role:
    name = form.text("role")
    for role in _ROLES:
        if role == name:
            return role
    raise InvalidValue("The role is agent, lead or admin.", code="unknown_role", field="role")


def _link(unit: UnitOfWork, admin: Visitor, agent_id: str, purpose: Purpose) -> str:
    return signing_in.make_link(unit, agent_id, purpose, valid=_VALID[purpose], actor=admin.actor)


def _address(request: Request, purpose: Purpose, token: str) -> str:
    return f"{base_address(request)}{_LINKS[purpose]}?token={quote(token)}"


@router.get("/{agent_id}")
def agent(request: Request, admin: AnyAdmin, agent_id: str) -> Response:
    """One agent."""
    return _one(request, admin, agent_id)


def _one(request: Request, admin: Visitor, agent_id: str, **made: Any) -> Response:
    def work(unit: UnitOfWork) -> dict[str, Any]:
        row = store.read_agent(unit, agent_id)
        inboxes = [name for one, name in store.list_inboxes(unit) if agent_id in store.inbox_members(unit, one)]
        return {
            "agent": row,
            "second_factor": signing_in.has_second_factor(unit, row.id),
            "last_admin": store.active_admins(unit) == [row.id],
            "inboxes": inboxes,
        }

    values = {**admin.read(work, SCOPE), "link": None, "purpose": None, **made}
    return settings_page(
        request,
        admin,
        "settings_agent.html",
        at=f"{_PATH}/{agent_id}" if made else None,
        valid=_VALID,
        oneself=values["agent"].id == admin.agent_id,
        **values,
    )


@router.post("/{agent_id}", dependencies=[proof_for(SCOPE)])
def change_agent(admin: AnyAdmin, agent_id: str, form: AnyForm) -> Response:
    """The name and the role; the last active admin stays one."""
    changes: dict[str, object] = {"name": form.line("name") or ""}
    if agent_id != admin.agent_id:
        changes["role"] = _role(form)
    _change(admin, agent_id, changes)
    return redirect_to(f"{_PATH}/{agent_id}", "saved")


def _change(admin: Visitor, agent_id: str, changes: dict[str, object]) -> None:
    def work(unit: UnitOfWork) -> None:
        accounts.change_agent(unit, store.read_agent(unit, agent_id).id, changes, admin.actor)

    admin.write(work, SCOPE)


@router.post("/{agent_id}/activity", dependencies=[proof_for(SCOPE)])
def activate(admin: AnyAdmin, agent_id: str, form: AnyForm) -> Response:
    """Lets an agent in no more, or again; never oneself, which nobody could take back."""
    if agent_id == admin.agent_id:
        raise Conflict("You cannot deactivate yourself; ask another admin.", code="oneself")
    active = form.flag("active")
    _change(admin, agent_id, {"active": active})
    return redirect_to(f"{_PATH}/{agent_id}", "activated" if active else "deactivated")


@router.post("/{agent_id}/sign-out")
def sign_out(admin: AnyAdmin, agent_id: str) -> Response:
    """Ends the agent's sessions and one-time links; of one's own, this session stays."""
    own_token = admin.token if agent_id == admin.agent_id else None
    admin.write(lambda unit: signing_in.sign_out_everywhere(unit, agent_id, own_token, admin.actor), SCOPE)
    return redirect_to(f"{_PATH}/{agent_id}", "signed-out-agent")


@router.post("/{agent_id}/second-factor/off", dependencies=[proof_for(SCOPE)])
def second_factor_off(admin: AnyAdmin, agent_id: str) -> Response:
    """For who has lost the authenticator; one's own is turned off by one's password, in the account."""
    if agent_id == admin.agent_id:
        raise Conflict("Turn your own second factor off in your account, by your password.", code="oneself")
    admin.write(lambda unit: signing_in.turn_off_second_factor(unit, agent_id, admin.actor), SCOPE)
    return redirect_to(f"{_PATH}/{agent_id}", "second-factor-off")


@router.post("/{agent_id}/link", dependencies=[proof_for(SCOPE)])
def make_link(request: Request, admin: AnyAdmin, agent_id: str, form: AnyForm) -> Response:
    """A new invitation or sign-in link, which is in this answer and nowhere else; the one before is good no more."""
    purpose: Purpose = "link" if form.text("purpose") == "link" else "invitation"
    token = admin.write(lambda unit: _link(unit, admin, store.read_agent(unit, agent_id).id, purpose), SCOPE)
    return _one(request, admin, agent_id, purpose=purpose, link=_address(request, purpose, token))
