"""What is kept of a customer, to be given out or erased for good, by an admin (GDPR art. 15, 17, 20)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from onefold.console.forms import AnyForm
from onefold.console.pages import HEADERS, page, redirect_to
from onefold.console.proof import proof_for
from onefold.console.visitor import AnyVisitor, Visitor
from onefold.database.engine import UnitOfWork
from onefold.privacy import erasure as erasing
from onefold.privacy import export as exporting
from onefold.profiles import service as profiles

router = APIRouter(prefix="/customers/{profile_id}")
EXPORT, ERASE = "profiles:export", "profiles:erase"
T = TypeVar("T")


@router.get("/data")
def data(request: Request, visitor: AnyVisitor, profile_id: str) -> Response:
    """What can be done with all that is kept of a customer."""
    visitor.require(ERASE)
    view = visitor.read(lambda unit: profiles.read(unit, profile_id), EXPORT)
    return page(request, visitor, "customer_data.html", profile=view)


@router.post("/export", dependencies=[proof_for(EXPORT)])
def export(visitor: AnyVisitor, profile_id: str) -> Response:
    """Everything that is kept of the customer, as a JSON file that is written while it is read."""
    subject = visitor.read(lambda unit: exporting.subject(unit, profile_id), EXPORT)
    visitor.note(lambda unit: exporting.note_export(unit, subject, visitor.actor), EXPORT)
    headers = HEADERS | {"Content-Disposition": f'attachment; filename="customer-{subject.profile_id}.json"'}
    pieces = exporting.document(partial(_read, visitor), subject)
    return StreamingResponse(pieces, headers=headers, media_type="application/json")


def _read(visitor: Visitor, work: Callable[[UnitOfWork], T]) -> T:
    return visitor.read(work, EXPORT)


@router.post("/erase", dependencies=[proof_for(ERASE)])
def erase(visitor: AnyVisitor, profile_id: str, form: AnyForm) -> Response:
    """Erases the customer, all that were merged into it, and everything of theirs, once its id is typed."""
    confirm = form.line("confirm") or ""
    visitor.write(lambda unit: erasing.erase(unit, profile_id, confirm, visitor.actor), ERASE, exclusive=True)
    visitor.database.empty_log()
    return redirect_to("/customers", "erased")
