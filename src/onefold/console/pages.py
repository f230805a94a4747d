"""How pages are made: templates, and the headers that keep a browser from running anything that is not ours."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from onefold.accounts import store as accounts
from onefold.console import labels, wording
from onefold.console.one_deed import with_page_id
from onefold.console.visitor import Visitor
from onefold.conversations import worklists
from onefold.core.clock import utc_now
from onefold.core.ids import is_id
from onefold.database.engine import UnitOfWork

STATIC = Path(__file__).parent / "static"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; connect-src 'self'; "
    "font-src 'self'; frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""Content-Security-Policy of every page: nothing inline, nothing from elsewhere but a customer's picture."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


@cache
def fingerprint(name: str) -> str:
    """A short text that changes when the file does, so that browsers may keep it for ever."""
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def static(name: str) -> str:
    """The address of a file of ours."""
    return f"/static/{name}?v={fingerprint(name)}"


@cache
def environment() -> Environment:
    """The templates; everything that is put into them is escaped."""
    made = Environment(
        loader=PackageLoader("onefold.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )
    made.globals |= {"static": static, "labels": labels}
    made.filters |= wording.FILTERS
    return made


def render(
    request: Request, template: str, status: int = 200, headers: dict[str, str] | None = None, **values: Any
) -> Response:
    """A page or a part of one, by its template."""
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    context = {"request": request, "visitor": visitor, "now": utc_now(), "reader": visitor.reader if visitor else None}
    text = environment().get_template(template).render(context | values)
    return HTMLResponse(with_page_id(text), status, HEADERS | (headers or {}))


def page(request: Request, visitor: Visitor, template: str, *, status: int = 200, **values: Any) -> Response:
    """A whole page: the work lists beside it, and what the address says was just done."""
    side = visitor.read(lambda unit: side_of(unit, visitor))
    said = labels.FLASH_MESSAGES.get(request.query_params.get("said", ""))
    query = request.query_params
    take_back = takes_back(query.get("said", ""), query.get("undo", ""), leads=visitor.leads)
    return render(request, template, status, side=side, said=said, take_back=take_back, **values)


def takes_back(said: str, what: str, *, leads: bool) -> str | None:
    """The address that takes back what was just done and said, for those who may (MRG-13, SUG-4)."""
    ids = what.split(".")
    if not all(is_id(one) for one in ids):
        return None
    match said, ids:
        case "merged", [merge_id] if leads:
            return f"/merges/{merge_id}/undo"
        case "dismissed", [one_id, other_id, verdict_id]:
            return f"/customers/{one_id}/matches/{other_id}/withdraw?verdict={verdict_id}"
    return None


def side_of(unit: UnitOfWork, visitor: Visitor) -> dict[str, Any]:
    """What the left column shows: My Customers, and the inboxes there are."""
    return {
        "entries": worklists.my_customers(unit, visitor.agent_id),
        "inboxes": accounts.list_inboxes(unit),
        "untaken": worklists.count_untaken(unit),
    }


def redirect_to(path: str, said: str | None = None, undo: str | None = None) -> Response:
    """On to another page after something was done (303), which says what, and offers to take it back (`takes_back`)."""
    there = with_said(path, said)
    return RedirectResponse(f"{there}&undo={undo}" if said and undo else there, 303, {"Cache-Control": "no-store"})


def with_said(path: str, said: str | None) -> str:
    """The path of a page that says what was just done."""
    return f"{path}{'&' if '?' in path else '?'}said={said}" if said else path


def is_part(request: Request) -> bool:
    """Whether a script of ours asks for a part of a page rather than a browser for a whole one."""
    return request.headers.get("hx-request") == "true" and request.headers.get("hx-boosted") != "true"
