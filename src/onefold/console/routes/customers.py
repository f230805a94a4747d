"""My Customers, inboxes, finding a customer, and adding one (UI-1, PRO-6)."""

from __future__ import annotations

import re
from typing import Any, get_args

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from onefold.accounts import store as accounts
from onefold.console.find import only_customer
from onefold.console.forms import AnyForm, Form
from onefold.console.pages import page, redirect_to, render
from onefold.console.visitor import AnyVisitor, Visitor
from onefold.conversations import service as conversations
from onefold.conversations import worklists
from onefold.conversations.worklists import View
from onefold.core.errors import DomainError, InvalidValue, NotFound
from onefold.database.engine import UnitOfWork
from onefold.profiles import parts, searching
from onefold.profiles import service as profiles
from onefold.profiles.service import PointInput
from onefold.profiles.store import DETAILS

router = APIRouter()
_FOUND, _MOST_FOUND = 8, 50
_RECENT, _UNTAKEN = 30, 15
_ROWS = ("", "_2", "_3")
"""What is behind the names of the rows of fields of "Add New Customer"."""
_OF_RELATIONSHIP = {"customer": "other", "kind": "relation"}


@router.get("/")
def home() -> Response:
    """The console begins at My Customers."""
    return RedirectResponse("/customers", 303)


@router.get("/customers")
def my_customers(request: Request, visitor: AnyVisitor) -> Response:
    """My Customers, what nobody has taken yet (UI-5), and the newest profiles of the organization."""

    def work(unit: UnitOfWork) -> dict[str, Any]:
        return {
            "recent": profiles.page(unit, None, _RECENT),
            "untaken": worklists.untaken(unit, visitor.agent_id, _UNTAKEN),
            "inbox_names": dict(accounts.list_inboxes(unit)),
        }

    return page(request, visitor, "customers.html", **visitor.read(work))


@router.get("/inboxes/{inbox_id}")
def inbox(request: Request, visitor: AnyVisitor, inbox_id: str, show: str = "all", oldest: bool = False) -> Response:
    """The open conversations of an inbox: those that nobody has taken first, else as asked for (UI-5)."""

    def work(unit: UnitOfWork) -> dict[str, Any]:
        names = dict(accounts.list_inboxes(unit))
        if inbox_id not in names:
            raise NotFound("There is no inbox with this id.", code="inbox_not_found")
        view: View = show if show in get_args(View) else "all"  # type: ignore[assignment]
        entries = worklists.inbox(unit, inbox_id, visitor.agent_id, view, oldest=oldest)
        agents = {agent.id: agent.name for agent in accounts.list_agents(unit)}
        return {
            "inbox_id": inbox_id,
            "inbox_name": names[inbox_id],
            "inbox_names": names,
            "entries": entries,
            "show": view,
            "oldest": oldest,
            "agents": agents,
        }

    return page(request, visitor, "inbox.html", **visitor.read(work))


@router.post("/inboxes/{inbox_id}/change")
def change_several(visitor: AnyVisitor, inbox_id: str, form: AnyForm) -> Response:
    """Assigns or routes the ticked conversations, but for those that somebody else has since (UI-4, UI-5)."""
    ticked = sorted(form.every("conversation"))
    if not ticked:
        raise InvalidValue("Tick the conversations first.", code="none_ticked", field="conversation")
    routes, to_inbox, assignee_id = form.text("do") == "route", form.line("inbox_id"), form.line("assignee_id")

    def change(unit: UnitOfWork, conversation_id: str) -> bool:
        now, seen = conversations.hold(unit, conversation_id), form.line(f"was.{conversation_id}")
        if seen is not None and seen != f"{now.assignee_id or 'nobody'} {now.inbox_id}":
            return False
        conversations.change(
            unit,
            conversation_id,
            inbox_id=to_inbox if routes else None,
            assignee_id=None if routes or assignee_id == "nobody" else assignee_id,
            unassign=not routes and assignee_id == "nobody",
            state=None,
        )
        return True

    done = visitor.write(lambda unit: [change(unit, conversation_id) for conversation_id in ticked])
    said = "routed" if routes else "assigned"
    return redirect_to(f"/inboxes/{inbox_id}", f"{said}-several" if all(done) else f"{said}-some")


@router.get("/search")
def search(request: Request, visitor: AnyVisitor, q: str = "") -> Response:
    """Finding a customer by what they are known by (MRG-1, UI-6)."""
    hits = _find(visitor, q, _MOST_FOUND + 1)
    more = len(hits) > _MOST_FOUND
    return page(request, visitor, "search.html", q=q, customers=hits[:_MOST_FOUND], more=more)


@router.get("/palette")
def palette(request: Request, visitor: AnyVisitor, q: str = "") -> Response:
    """What the palette shows for what is typed: customers first, then what can be done."""
    return render(request, "palette.html", q=q, customers=_find(visitor, q, _FOUND), actions=_actions(visitor, q))


def _find(visitor: Visitor, q: str, limit: int) -> list[profiles.ProfileSummary]:
    query = q.strip()[:200]
    return visitor.read(lambda unit: searching.search(unit, query, limit)) if query else []


def _actions(visitor: Visitor, q: str) -> list[tuple[str, str]]:
    every = [
        ("/customers/new", "Add New Customer", True),
        ("/customers", "My Customers", True),
        ("/queue", "Work through duplicates", visitor.leads),
        ("/merges", "Merge history", True),
        ("/insights", "Insights", visitor.leads),
        ("/audit", "Audit log", visitor.leads),
        ("/settings", "Settings", visitor.administers),
        ("/account", "My account", True),
        ("/keys", "Keys", True),
    ]
    words = q.casefold().split()
    return [(href, label) for href, label, may in every if may and all(word in label.casefold() for word in words)]


@router.get("/keys")
def keys(request: Request, visitor: AnyVisitor) -> Response:
    """The keys, as a page."""
    return page(request, visitor, "keys.html")


@router.get("/customers/new")
def new_customer(request: Request, visitor: AnyVisitor) -> Response:
    """The form of "Add New Customer"."""
    return page(request, visitor, "customer_new.html", rows=_ROWS[1:])


@router.post("/customers/new")
def add_customer(visitor: AnyVisitor, form: AnyForm) -> Response:
    """Adds a profile by hand; the same rules hold as for contacts (PRO-6). `merge_with` leads on to merging it, where
    what was typed belongs to somebody (PRO-4)."""
    points = _points(form)

    def work(unit: UnitOfWork) -> str:
        row = profiles.create(
            unit,
            name=form.line("name"),
            username=form.line("username"),
            customer_id=form.line("customer_id"),
            points=list(points.values()),
            agent_id=visitor.agent_id,
        )
        for detail in _details(form):
            parts.add_part(unit, DETAILS, row.id, values=detail, version=None)
        if other := form.line("other"):
            parts.relate(unit, row.id, only_customer(unit, other), kind=form.line("relation") or "", version=None)
        return row.id

    try:
        added_id = visitor.write(work)
    except DomainError as refusal:
        refusal.field = _OF_RELATIONSHIP.get(refusal.field or "", _field_of(refusal.field, list(points)))
        raise
    holder_id = form.line("merge_with")
    return redirect_to(f"/customers/{holder_id}/merge/{added_id}" if holder_id else f"/customers/{added_id}", "added")


def _points(form: Form) -> dict[str, PointInput]:
    """The contact points of the form, by the field each was typed into."""
    points = {}
    for row in _ROWS:
        if email := form.line(f"email{row}"):
            points[f"email{row}"] = PointInput("email", email, main=form.flag(f"email_main{row}"))
        if phone := form.line(f"phone{row}"):
            points[f"phone{row}"] = point_input("phone", phone, form, prefix="phone_", suffix=row)
    return points


def _details(form: Form) -> list[dict[str, str | None]]:
    rows = [{"key": form.line(f"detail_key{row}"), "value": form.line(f"detail_value{row}")} for row in _ROWS]
    half = next((name for row in rows for name, text in row.items() if text is None and any(row.values())), None)
    if half is not None:
        raise InvalidValue("A detail has a name and a value; write both.", code="empty_value", field=f"detail_{half}")
    return [row for row in rows if any(row.values())]


def _field_of(refused: str | None, fields: list[str]) -> str | None:
    """The field of the form that a refusal speaks of: it counts the contact points."""
    number = re.match(r"contact_points\[(\d+)\]", refused or "")
    return fields[int(number[1])] if number else refused


def point_input(kind: str, value: str, form: Form, prefix: str = "", suffix: str = "") -> PointInput:
    """A contact point as a form gives it: its type and tags beside it."""
    phone_type = form.line(f"{prefix}type{suffix}") if kind == "phone" else None
    return PointInput(
        kind,  # type: ignore[arg-type]
        value,
        network=form.text(f"{prefix}network{suffix}"),
        phone_type=phone_type,  # type: ignore[arg-type]
        main=form.flag(f"{prefix}main{suffix}"),
        sms=form.flag(f"{prefix}sms{suffix}"),
        handle=form.line(f"{prefix}handle{suffix}"),
    )
