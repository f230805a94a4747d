"""The audit log: what was decided, by whom and on what, and whether the log is whole (MRG-14)."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from onefold.accounts import store as accounts
from onefold.audit import service as audit
from onefold.audit.service import Entry
from onefold.console import audit_lines, audit_view, labels, names
from onefold.console.pages import page
from onefold.console.visitor import AnyVisitor, Visitor
from onefold.core.errors import InvalidValue
from onefold.database.engine import UnitOfWork

router = APIRouter(prefix="/audit")
SCOPE = "audit:read"
_SHOWN = 50
Number = Annotated[int, Path(ge=0, lt=2**62)]
Before = Annotated[int | None, Query(ge=0, lt=2**62)]


@router.get("")
def log(
    request: Request,
    visitor: AnyVisitor,
    action: str = "",
    customer: str = "",
    agent: str = "",
    since: str = "",
    until: str = "",
    before: Before = None,
) -> Response:
    """Entries, newest first; the days are those of the agent's zone, both included."""
    first, end = _day(since, visitor, "since"), _day(until, visitor, "until", behind=True)
    fields = {"action": action, "customer": customer, "agent": agent, "since": since, "until": until}
    filters = {field: value for field, value in fields.items() if value}

    def work(unit: UnitOfWork) -> dict[str, Any]:
        only = names.wanted_customer(unit, customer)
        entries = (
            []
            if only == ""
            else audit.page(
                unit,
                profile_id=only,
                action=action or None,
                agent_id=agent or None,
                since=first,
                until=end,
                before_seq=before,
                limit=_SHOWN + 1,
            )
        )
        more = entries[_SHOWN - 1].seq if len(entries) > _SHOWN else None
        return {
            **_customers_of(unit, entries[:_SHOWN]),
            "entries": entries[:_SHOWN],
            "asked": fields,
            "filtered": bool(filters),
            "agents": accounts.list_agents(unit),
            "before": before,
            "older": more and f"/audit?{urlencode({**filters, 'before': more})}",
        }

    return page(request, visitor, "audit.html", **visitor.read(work, SCOPE))


def _day(given: str, visitor: Visitor, field: str, *, behind: bool = False) -> datetime | None:
    """When a day begins where the agent is, or the one behind it; raises InvalidValue."""
    if not given:
        return None
    try:
        day = date.fromisoformat(given)
    except ValueError:
        day = date.min
    if not 1970 <= day.year < 9999:  # the ends of the calendar have no day in every zone
        raise InvalidValue("Write a day as 2026-11-30.", code="invalid_date", field=field)
    return datetime.combine(day + timedelta(days=behind), time(), visitor.zone)


def _customers_of(unit: UnitOfWork, entries: list[Entry]) -> dict[str, Any]:
    """Whom the entries speak of."""
    ids = {one for entry in entries for one in (entry.profile_id, entry.other_id)}
    return {"named": names.customers(unit, ids), "actors": names.actors(unit)}


@router.get("/verify")
def before_verifying(request: Request, visitor: AnyVisitor) -> Response:
    """What verifying the log means, and the button for it."""
    visitor.require(SCOPE)
    return page(request, visitor, "audit_verify.html", verification=None)


@router.post("/verify")
def verify(request: Request, visitor: AnyVisitor) -> Response:
    """Reads the whole log and says whether its entries follow from each other. Changes nothing."""
    return page(request, visitor, "audit_verify.html", verification=visitor.read(audit.verify, SCOPE))


@router.get("/{seq}")
def entry(request: Request, visitor: AnyVisitor, seq: Number) -> Response:
    """One entry: its choices, and both sides before unless an erasure took them away."""

    def work(unit: UnitOfWork) -> dict[str, Any]:
        record = audit.read(unit, seq)
        sides = audit_view.sides(record.before)
        relatives = names.customers(unit, audit_view.relatives(list(sides.values())))
        newer = audit.page(unit, before_seq=seq + 2, limit=1)
        customers = _customers_of(unit, [record])
        return {
            **customers,
            "entry": record,
            "lines": audit_lines.lines(record, customers["actors"]),
            "heads": [audit_view.COLUMNS[name] for name in sides],
            "before": audit_view.table(list(sides.values()), {one: c.name for one, c in relatives.items()}),
            "outcomes": audit_view.outcomes(record.details, record.before),
            "steps": audit_view.steps(record.details),
            "evidence": [labels.KINDS.get(kind, kind) for kind in _evidence(record)],
            "raw": json.dumps({"details": record.details, "before": record.before}, indent=2, ensure_ascii=False),
            "newer": newer[0].seq if newer and newer[0].seq > seq else None,
        }

    return page(request, visitor, "audit_entry.html", **visitor.read(work, SCOPE))


def _evidence(entry: Entry) -> list[str]:
    kinds: list[str] = entry.details.get("evidence") or entry.details.get("kinds") or []
    return kinds
