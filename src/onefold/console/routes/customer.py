"""The customer page, and editing what is on its cards (PRO)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response

from onefold.console import labels
from onefold.console.customer_page import customer_page, older_items
from onefold.console.forms import AnyForm, Form
from onefold.console.meanwhile import changed_fields
from onefold.console.pages import HEADERS, page, redirect_to, render
from onefold.console.routes.customers import point_input
from onefold.console.visitor import AnyVisitor, Visitor
from onefold.contact_points.points import HeldPoint
from onefold.conversations import presence, worklists
from onefold.core.errors import InvalidValue
from onefold.database.engine import UnitOfWork
from onefold.merging import detach as detaching
from onefold.profiles import parts
from onefold.profiles import service as profiles
from onefold.profiles import store as profile_store
from onefold.profiles.searching import search
from onefold.profiles.service import ProfileView
from onefold.profiles.store import ADDRESSES, DETAILS, Part

router = APIRouter(prefix="/customers/{profile_id}")
Before = Annotated[int, Query(ge=0, lt=2**62)]


@router.get("")
def show(
    request: Request, visitor: AnyVisitor, profile_id: str, before: Before | None = None, draft: str | None = None
) -> Response:
    """A customer: who it is, what was said, who else it may be."""
    values = visitor.read(lambda unit: customer_page(unit, visitor, profile_id, before=before, draft_id=draft))
    if values["unread"]:
        visitor.write(lambda unit: worklists.note_read(unit, visitor.agent_id, profile_id))
    return page(request, visitor, "customer.html", **values)


@router.get("/items")
def items(request: Request, visitor: AnyVisitor, profile_id: str, before: Before, day: str = "") -> Response:
    """Older entries of the timeline, as one scrolls; `day` is the one whose heading is there already."""
    timeline = visitor.read(lambda unit: older_items(unit, profile_id, before))
    return render(request, "timeline_items.html", shown_day=day, profile_id=profile_id, **timeline)


@router.post("/here")
def here(visitor: AnyVisitor, profile_id: str, form: AnyForm) -> Response:
    """A page is open at the customer, or is no longer; answers with who else is there (UI-4)."""
    agent_id, writing = visitor.agent_id, form.flag("writing")
    if form.flag("left"):
        visitor.note(lambda unit: presence.leave(unit, profile_id, agent_id), "profiles:read")
        return Response(status_code=204, headers=HEADERS)
    if visitor.read(lambda unit: presence.is_news(unit, profile_id, agent_id, writing=writing)):
        visitor.note(lambda unit: presence.note(unit, profile_id, agent_id, writing=writing), "profiles:read")
    others = visitor.read(lambda unit: presence.others(unit, profiles.resolve_redirect(unit, profile_id), agent_id))
    return JSONResponse({"text": labels.present(others)}, headers=HEADERS)


def _edit(visitor: Visitor, profile_id: str, work: Callable[[UnitOfWork], object], said: str = "saved") -> Response:
    def edit_and_find(unit: UnitOfWork) -> str:
        work(unit)
        return profiles.resolve_redirect(unit, profile_id)

    return redirect_to(f"/customers/{visitor.write(edit_and_find)}", said)


def _lock_and_read(unit: UnitOfWork, profile_id: str) -> ProfileView:
    """The customer as it is, and stays until this unit ends."""
    living_id = profiles.resolve_redirect(unit, profile_id)
    profile_store.lock_profile(unit, living_id)
    return profiles.read(unit, living_id)


@router.post("/fields")
def edit_fields(visitor: AnyVisitor, profile_id: str, form: AnyForm) -> Response:
    """The profile's own fields; an empty one is taken away."""
    changes = {name: form.line(name) for name in ("name", "username", "customer_id", "image")}
    if changes["image"] is not None and not changes["image"].startswith("https://"):
        raise InvalidValue("An image is an address that begins with https://.", code="invalid_image", field="image")

    def work(unit: UnitOfWork) -> object:
        view = _lock_and_read(unit, profile_id)
        now = {"customer_id": view.customer_id, **view.row._asdict()}
        return profiles.edit(unit, profile_id, changed_fields(form, changes, now), None)

    return _edit(visitor, profile_id, work)


@router.post("/attributes")
def edit_attribute(visitor: AnyVisitor, profile_id: str, form: AnyForm) -> Response:
    """One free attribute; without a value it is taken away."""
    key, value = form.line("key"), None if form.flag("remove") else form.line("value")
    if key is None:
        raise InvalidValue("An attribute has a name; write it.", code="empty_value", field="key")

    def work(unit: UnitOfWork) -> object:
        now = _lock_and_read(unit, profile_id).row.attributes.get(key)
        if not changed_fields(form, {"value": value}, {"value": now}):
            return None
        return profiles.edit(unit, profile_id, {"attributes": {key: value}}, None)

    return _edit(visitor, profile_id, work)


@router.post("/points")
def add_point(visitor: AnyVisitor, profile_id: str, form: AnyForm) -> Response:
    """Add email, Add phone, Add social account. A taken value is refused and names its holder (PRO-4)."""
    point = point_input(form.text("kind"), form.line("value") or "", form)
    return _edit(visitor, profile_id, lambda unit: profiles.add_point(unit, profile_id, point, None))


@router.post("/points/{point_id}")
def edit_point(visitor: AnyVisitor, profile_id: str, point_id: str, form: AnyForm) -> Response:
    """A contact point's value, type and tags (PRO-4, PRO-5)."""

    def work(unit: UnitOfWork) -> object:
        view = _lock_and_read(unit, profile_id)
        point = next((one for one in view.points if one.contact_point_id == point_id), None)
        changes = _point_changes(form, {} if point is None else _form_values(point))
        return profiles.edit_point(unit, profile_id, point_id, changes=changes, version=None)

    return _edit(visitor, profile_id, work)


def _form_values(point: HeldPoint) -> dict[str, str | None]:
    """A contact point as the form of its card shows it."""
    return {
        "value": point.written or point.value,
        "type": point.phone_type,
        "main": "1" if point.main else None,
        "sms": "1" if point.sms else None,
    }


def _point_changes(form: Form, now: Mapping[str, str | None]) -> dict[str, Any]:
    kinds = {"email": ("value", "main"), "phone": ("value", "type", "main", "sms")}
    typed = {name: form.line(name) for name in kinds.get(form.text("kind"), ("value",))}
    changed: dict[str, Any] = {**changed_fields(form, typed, now)}
    if changed.get("value", "") is None:  # an emptied field takes nothing away: there is a button for that
        del changed["value"]
    if "type" in changed:
        changed["phone_type"] = changed.pop("type")
    return changed | {name: changed[name] is not None for name in ("main", "sms") if name in changed}


@router.post("/points/{point_id}/confirm")
def confirm_point(visitor: AnyVisitor, profile_id: str, point_id: str) -> Response:
    """A claimed contact point is the customer's (PRO-13); refused where another customer holds it (PRO-4)."""
    return _edit(
        visitor, profile_id, lambda unit: profiles.confirm_point(unit, profile_id, point_id, None), "confirmed"
    )


@router.post("/points/{point_id}/remove")
def remove_point(visitor: AnyVisitor, profile_id: str, point_id: str) -> Response:
    """Takes a contact point off; its messages stay."""
    return _edit(visitor, profile_id, lambda unit: profiles.remove_point(unit, profile_id, point_id, None), "removed")


@router.post("/points/{point_id}/detach")
def detach(visitor: AnyVisitor, profile_id: str, point_id: str) -> Response:
    """Detaches a contact point into a customer of its own, with its conversations (DET-1)."""
    done = visitor.write(
        lambda unit: detaching.detach(unit, profile_id, point_id, version=None, actor=visitor.actor, agent_id=None)
    )
    return redirect_to(f"/customers/{done.new_profile_id}", "detached")


_PARTS: dict[str, Part] = {"details": DETAILS, "addresses": ADDRESSES}


def _values(part: Part, form: Form) -> dict[str, str | None]:
    values = {field: form.line(field) for field in part.fields}
    if part is DETAILS and None in values.values():
        raise InvalidValue("A detail has a name and a value; write both.", code="empty_value", field="key")
    if not any(values.values()):
        raise InvalidValue("Write at least one line of the address.", code="empty_value", field="street")
    return values


@router.post("/details")
@router.post("/addresses")
def add_part(request: Request, visitor: AnyVisitor, profile_id: str, form: AnyForm) -> Response:
    """Adds a detail (PRO-7) or an address."""
    part = _PARTS[request.url.path.rpartition("/")[2]]

    def work(unit: UnitOfWork) -> object:
        return parts.add_part(unit, part, profile_id, values=_values(part, form), version=None)

    return _edit(visitor, profile_id, work)


@router.post("/{kind}/{part_id}/change")
def change_part(visitor: AnyVisitor, profile_id: str, kind: str, part_id: str, form: AnyForm) -> Response:
    """Changes a detail or an address; `remove` takes it away."""
    part, removed = _part(kind), form.flag("remove")
    typed = dict.fromkeys(part.fields) if removed else _values(part, form)

    def work(unit: UnitOfWork) -> None:
        view = _lock_and_read(unit, profile_id)
        rows = {row["id"]: row for row in (*view.details, *view.addresses)}
        changed = changed_fields(form, typed, rows.get(part_id, {}), all_of=True)
        if removed:
            parts.remove_part(unit, part, profile_id, part_id=part_id, version=None)
        elif changed or part_id not in rows:  # which is then not found
            parts.edit_part(unit, part, profile_id, part_id=part_id, values=typed, version=None)

    return _edit(visitor, profile_id, work, "removed" if removed else "saved")


def _part(kind: str) -> Part:
    if kind not in _PARTS:
        raise InvalidValue("There are details and addresses.", code="invalid_kind", field="kind")
    return _PARTS[kind]


@router.post("/relationships")
def relate(visitor: AnyVisitor, profile_id: str, form: AnyForm) -> Response:
    """Links two profiles; the link is seen from both (PRO-8)."""
    other_id, kind = _named_customer(visitor, form), form.line("kind") or ""
    return _edit(visitor, profile_id, lambda unit: parts.relate(unit, profile_id, other_id, kind=kind, version=None))


def _named_customer(visitor: Visitor, form: Form) -> str:
    """The customer that was picked, or, without a script, the only one that what was typed finds."""
    if picked := form.line("other_id"):
        return picked
    query = (form.line("other") or "")[:200]
    hits = visitor.read(lambda unit: search(unit, query, 2, forgiving=False)) if query else []
    if len(hits) != 1:
        number = "No customer is" if not hits else "More than one customer is"
        raise InvalidValue(f"{number} found by this; type more of the name or an email.", field="other")
    return hits[0].row.id


@router.post("/relationships/{relationship_id}/remove")
def unrelate(visitor: AnyVisitor, profile_id: str, relationship_id: str) -> Response:
    """Takes a relationship away, from whichever side."""
    return _edit(visitor, profile_id, lambda unit: parts.unrelate(unit, profile_id, relationship_id, None), "removed")
