"""The history of merges, and undoing one with what that does said before (MRG-13)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from onefold.audit import service as audit
from onefold.console import audit_view, names
from onefold.console.forms import AnyForm
from onefold.console.names import Named
from onefold.console.pages import page, redirect_to
from onefold.console.visitor import AnyVisitor, Visitor
from onefold.core.clock import utc_now
from onefold.core.errors import Conflict, InvalidValue, NotFound, VersionConflict
from onefold.core.ids import is_id
from onefold.database.engine import UnitOfWork
from onefold.merging import service as merging
from onefold.merging import together
from onefold.merging import undo as undoing
from onefold.merging.store import MergeRow
from onefold.organizations.store import load_policy

router = APIRouter(prefix="/merges")
_SHOWN = 40


class Result(NamedTuple):
    """A merge as the history tells it. `until` is when it can no longer be undone; None where it cannot be already."""

    row: MergeRow
    source: Named
    destination: Named
    by: str
    until: datetime | None


@router.get("")
def history(request: Request, visitor: AnyVisitor, customer: str = "", before: str = "") -> Response:
    """Merges, newest first; of one customer, and of those merged into it, where one is named."""
    if before and not is_id(before):
        raise InvalidValue("This page of the history cannot be read.", code="invalid_cursor", field="before")

    def work(unit: UnitOfWork) -> dict[str, Any]:
        customer_id = names.wanted_customer(unit, customer)
        merges = _history(unit, customer_id, before or None)
        rows = _results(unit, merges[:_SHOWN])
        more = merges[_SHOWN - 1].id if len(merges) > _SHOWN else None
        filters = {"customer": customer} if customer else {}
        return {
            "merges": rows,
            "customer": customer,
            "only": names.customers(unit, [customer_id]).get(customer_id) if customer_id else None,
            "unknown": customer_id == "",
            "before": before,
            "older": more and f"/merges?{urlencode({**filters, 'before': more})}",
        }

    return page(request, visitor, "merges.html", **visitor.read(work))


def _history(unit: UnitOfWork, asked: str | None, before: str | None) -> list[MergeRow]:
    try:
        return [] if asked == "" else undoing.history(unit, asked, before, _SHOWN + 1)
    except NotFound:  # nobody answers to this id: nothing is told of them
        return []


def _results(unit: UnitOfWork, rows: list[MergeRow]) -> list[Result]:
    named = names.customers(unit, [one for row in rows for one in (row.source_id, row.destination_id)])
    actors, days = names.actors(unit), load_policy(unit).undo_days
    return [Result(row, *_sides_of(unit, row, named), actors.agent(row.agent_id), _until(row, days)) for row in rows]


def _sides_of(unit: UnitOfWork, row: MergeRow, named: dict[str, Named]) -> tuple[Named, Named]:
    """Both by the names they had: the source's is on no profile any more, the audit record may know it."""
    sides = audit_view.sides(audit.read(unit, row.audit_seq).before)
    source, destination = named[row.source_id], named[row.destination_id]
    if source.living_id != row.source_id:
        source = source._replace(name=audit_view.name_of(sides["source"]) if "source" in sides else names.GONE)
    if destination.living_id != row.destination_id and "destination" in sides:
        destination = destination._replace(name=audit_view.name_of(sides["destination"]))
    return source, destination


def _until(row: MergeRow, days: int) -> datetime | None:
    ends = row.created_at + timedelta(days=days)
    return ends if row.undone_at is None and utc_now() < ends else None


@router.get("/{merge_id}")
def merge(request: Request, visitor: AnyVisitor, merge_id: str) -> Response:
    """One merge: who, when, on what evidence, both sides before; to leads also what undoing it would do."""
    return _page(request, visitor, merge_id)


def _page(
    request: Request, visitor: Visitor, merge_id: str, *, status: int = 200, notice: str | None = None
) -> Response:
    return page(
        request,
        visitor,
        "merge.html",
        status=status,
        notice=notice,
        **visitor.read(lambda unit: _whole(unit, visitor, merge_id)),
    )


def _whole(unit: UnitOfWork, visitor: Visitor, merge_id: str) -> dict[str, Any]:
    [result] = _results(unit, [merging.read_merge(unit, merge_id)])
    entry = audit.read(unit, result.row.audit_seq)
    sides = audit_view.sides(entry.before)
    undo_preview, why_not = _undo(unit, merge_id) if visitor.leads else (None, None)
    after = [undo_preview.plan.source, undo_preview.plan.destination] if undo_preview else []
    kin = {one: c.name for one, c in names.customers(unit, audit_view.relatives([*sides.values(), *after])).items()}
    return {
        "shown": result,
        "entry": entry,
        "heads": [audit_view.COLUMNS[name] for name in sides],
        "before": audit_view.table(list(sides.values()), kin),
        "outcomes": audit_view.outcomes(entry.details, entry.before),
        "steps": audit_view.steps(entry.details),
        "undo": undo_preview,
        "why_not": why_not,
        "after": audit_view.changes_of(undo_preview, kin) if undo_preview else [],
        "kept": audit_view.staying(undo_preview.plan.kept, after) if undo_preview else [],
        "gone": audit_view.staying(undo_preview.plan.gone, list(sides.values())) if undo_preview else [],
        "undo_days": load_policy(unit).undo_days,
        "together": together.standing(unit, result.row.together_id),
    }


def _undo(unit: UnitOfWork, merge_id: str) -> tuple[undoing.Undo | None, str | None]:
    try:
        return undoing.preview(unit, merge_id), None
    except (Conflict, NotFound) as refusal:
        return None, refusal.code


@router.post("/{merge_id}/undo-together")
def undo_together(visitor: AnyVisitor, merge_id: str) -> Response:
    """Undoes all merges that were done in one step with this one (MRG-18)."""

    def work(unit: UnitOfWork) -> str:
        together_id = merging.read_merge(unit, merge_id).together_id or ""
        return together.undo(unit, together_id, visitor.actor)[0].profile_id

    return redirect_to(f"/customers/{visitor.write(work, 'merges:undo')}", "undone")


@router.post("/{merge_id}/undo")
def undo(request: Request, visitor: AnyVisitor, merge_id: str, form: AnyForm) -> Response:
    """Undoes a merge as was shown; where that is not what would happen any more, shows what would (MRG-12, MRG-13)."""
    version = form.number("version")

    def work(unit: UnitOfWork) -> str:
        return undoing.undo(unit, merge_id, version, visitor.actor).plan.source.profile_id

    try:
        return redirect_to(f"/customers/{visitor.write(work, 'merges:undo')}", "undone")
    except VersionConflict:
        notice = "The customer has changed since you looked; this is what undoing would do now."
        return _page(request, visitor, merge_id, status=412, notice=notice)
    except Conflict as refusal:
        if refusal.code not in ("undone", "undo_window_over", "record_erased"):
            raise
        return _page(request, visitor, merge_id, status=409, notice=refusal.detail)
