"""Settings: values that identify nobody, and those that so many share that they may be such (PRO-12, SUG-6)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from onefold.console.forms import AnyForm, Form
from onefold.console.pages import is_part, redirect_to, render
from onefold.console.settings_page import SCOPE, AnyAdmin, settings_page
from onefold.contact_points.blocklist import BLOCKED_KINDS, BlockedKind
from onefold.core.errors import InvalidValue
from onefold.database.engine import UnitOfWork
from onefold.settings import blocklist
from onefold.settings import service as settings

router = APIRouter(prefix="/settings/blocklist")
_PATH = "/settings/blocklist"
_BACK = {"preview": "/settings/matching?preview=listed"}


@router.get("")
def show(request: Request, admin: AnyAdmin, candidates: bool = False) -> Response:
    """The entries by kind. The candidates are found among all values there are, which takes seconds where these are
    millions: a page gets them only if it asks, as a script of ours does for that part of it."""
    if candidates and is_part(request):
        return render(request, "settings_candidates.html", **admin.read(_candidates, SCOPE))

    def work(unit: UnitOfWork) -> dict[str, Any]:
        entries = blocklist.read_entries(unit)
        candidate_values = (
            _candidates(unit) if candidates else {"candidates": None, "limit": settings.read(unit).shared_limit}
        )
        return {
            "entries": {kind: [e.value for e in entries if e.kind == kind] for kind in BLOCKED_KINDS},
            **candidate_values,
        }

    return settings_page(request, admin, "settings_blocklist.html", **admin.read(work, SCOPE))


def _candidates(unit: UnitOfWork) -> dict[str, Any]:
    return {"candidates": blocklist.candidates(unit), "limit": settings.read(unit).shared_limit}


def _entry(form: Form) -> tuple[BlockedKind, str]:
    kind, value = form.text("kind"), form.line("value")
    for known in BLOCKED_KINDS:
        if known == kind:
            if value is None:
                raise InvalidValue("Write the value to block.", code="empty_value", field="value")
            return known, value
    raise InvalidValue(
        "An email, a phone, a social account, a customer ID or a chat token can be blocked.", field="kind"
    )


@router.post("/preview")
def preview(request: Request, admin: AnyAdmin, form: AnyForm) -> Response:
    """What blocking a value would do, before it is done; one that touches many has to be typed again (PRO-12)."""
    kind, value = _entry(form)
    planned = admin.read(lambda unit: blocklist.preview(unit, kind, value), SCOPE)
    return settings_page(request, admin, "settings_block.html", planned=planned, kind=kind, value=value)


@router.post("")
def block(admin: AnyAdmin, form: AnyForm) -> Response:
    """Blocks a value; profiles that it opened keep it as text."""
    kind, value = _entry(form)
    confirm = form.line("confirm")
    admin.write(
        lambda unit: blocklist.block(unit, kind, value, actor=admin.actor, confirm=confirm), SCOPE, exclusive=True
    )
    return redirect_to(_BACK.get(form.text("then"), _PATH), "blocked")


@router.post("/remove")
def unblock(admin: AnyAdmin, form: AnyForm) -> Response:
    """Takes an entry out; where one customer alone holds the value, it opens that customer again."""
    kind, value = _entry(form)
    admin.write(lambda unit: blocklist.unblock(unit, kind, value, admin.actor), SCOPE, exclusive=True)
    return redirect_to(_PATH, "unblocked")
