"""Mail that is nobody's yet: reading it, saying whose it is, taking it away (RES-18, RES-19)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from onefold.accounts import store as accounts
from onefold.console.find import only_customer
from onefold.console.forms import AnyForm
from onefold.console.pages import page, redirect_to
from onefold.console.visitor import AnyVisitor
from onefold.core.errors import InvalidValue
from onefold.core.ids import is_id
from onefold.database.engine import UnitOfWork
from onefold.profiles import service as profiles
from onefold.profiles.service import PointInput
from onefold.receiving import set_aside, set_aside_store

router = APIRouter(prefix="/set-aside")
_SHOWN = 50


@router.get("")
def show(request: Request, visitor: AnyVisitor, after: str | None = None) -> Response:
    """What is set aside in every inbox, newest first."""

    def work(unit: UnitOfWork) -> dict[str, Any]:
        before = after if after and is_id(after) else None
        rows = set_aside_store.page(unit, None, before, _SHOWN + 1)
        more = f"/set-aside?after={rows[_SHOWN - 1].id}" if len(rows) > _SHOWN else None
        names = dict(accounts.list_inboxes(unit))
        delivered_to = set_aside_store.inboxes_of(unit, [row.id for row in rows[:_SHOWN]])
        inboxes = {row_id: ", ".join(names[one] for one in ids) for row_id, ids in delivered_to.items()}
        return {"rows": rows[:_SHOWN], "more": more, "inboxes": inboxes}

    return page(request, visitor, "set_aside.html", **visitor.read(work))


@router.post("/{set_aside_id}/file")
def file(visitor: AnyVisitor, set_aside_id: str, form: AnyForm) -> Response:
    """Files it with the one customer that is found by what was written (MRG-1)."""

    def work(unit: UnitOfWork) -> str:
        owner_id = only_customer(unit, form.line("customer"))
        set_aside.file(unit, set_aside_id, owner_id, visitor.actor)
        return owner_id

    return redirect_to(f"/customers/{visitor.write(work)}", "message-filed")


@router.post("/{set_aside_id}/file-new")
def file_with_new(visitor: AnyVisitor, set_aside_id: str, form: AnyForm) -> Response:
    """Files it with a new customer, who has the email or the name that was written (PRO-6)."""
    written = form.line("customer")
    if written is None:
        raise InvalidValue("Write the new customer's email or name.", code="empty_value", field="customer")

    def work(unit: UnitOfWork) -> str:
        is_email = "@" in written
        points = [PointInput("email", written)] if is_email else []
        owner = profiles.create(unit, name=None if is_email else written, points=points, agent_id=visitor.agent_id)
        set_aside.file(unit, set_aside_id, owner.id, visitor.actor)
        return owner.id

    return redirect_to(f"/customers/{visitor.write(work)}", "message-filed")


@router.post("/{set_aside_id}/remove")
def remove(visitor: AnyVisitor, set_aside_id: str) -> Response:
    """Takes it away for good."""
    visitor.write(lambda unit: set_aside.remove(unit, set_aside_id, visitor.actor))
    return redirect_to("/set-aside", "removed")
