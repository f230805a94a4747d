"""Merge Customers, several at once: one page for all of them, one confirmation (MRG-18)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from onefold.console.forms import AnyForm
from onefold.console.merge_page import MergePage, choices_of
from onefold.console.pages import page, redirect_to
from onefold.console.visitor import AnyVisitor, Visitor
from onefold.core.errors import Conflict, InvalidValue, VersionConflict
from onefold.database.engine import UnitOfWork
from onefold.merging import together
from onefold.merging.outcomes import Which
from onefold.merging.together import TogetherRequest
from onefold.organizations.store import load_policy
from onefold.profiles import service as profiles

router = APIRouter(prefix="/customers/{profile_id}/merge-together")
Choices = Mapping[str, Mapping[str, Which]]
"""By source, then by field."""


@router.get("")
def preview(request: Request, visitor: AnyVisitor, profile_id: str) -> Response:
    """What merging the selected ones will do, with the choices of the address; nothing is changed."""
    query = request.query_params
    chosen, ruled = (
        {key.removeprefix(prefix): value for key, value in query.items() if key.startswith(prefix)}
        for prefix in ("choice.", "ruled.")
    )
    return _show(request, visitor, profile_id, source_ids=query.getlist("source"), choices=_by_source(chosen, ruled))


@router.post("")
def merge(request: Request, visitor: AnyVisitor, profile_id: str, form: AnyForm) -> Response:
    """Merges as was shown, all of them or none; where it is not what was shown any more, shows the new preview."""
    source_ids = form.every("source")
    choices = _by_source(form.beginning("choice."), form.beginning("ruled."))

    def work(unit: UnitOfWork) -> str:
        merge_request = _request(unit, profile_id, source_ids, choices)._replace(
            digest=form.line("digest"), despite_no_match=form.flag("despite_no_match")
        )
        return together.merge(unit, merge_request, visitor.actor)[0].destination_id

    try:
        return redirect_to(f"/customers/{visitor.write(work)}", "merged")
    except VersionConflict:
        status, notice = (
            412,
            "One of them has changed since, or a choice of yours; this is the merge as it would be now.",
        )
    except Conflict as refusal:
        if refusal.code not in ("merge_refused", "no_match_said"):
            raise
        status, notice = 409, "There is a conflict. Choose how to resolve it."
        if refusal.code == "no_match_said":
            notice = "Somebody said “No Match”. Tick below that you mean to merge them."
    return _show(request, visitor, profile_id, source_ids=source_ids, choices=choices, status=status, notice=notice)


def _by_source(chosen: dict[str, str], ruled: dict[str, str]) -> dict[str, dict[str, Which]]:
    """Choices of names such as `<source>.customer_id`."""
    by_source: dict[str, dict[str, Which]] = {}
    for name, choice in choices_of(chosen, ruled).items():
        source_id, _, field = name.partition(".")
        by_source.setdefault(source_id, {})[field] = choice
    return by_source


def _request(unit: UnitOfWork, profile_id: str, source_ids: Sequence[str], choices: Choices) -> TogetherRequest:
    """Those that were merged away meanwhile stand for their survivors."""
    destination_id = profiles.resolve_redirect(unit, profile_id)
    living = {profiles.resolve_redirect(unit, one): one for one in source_ids}
    living.pop(destination_id, None)
    if not living:
        raise InvalidValue("Select who is to be merged.", code="nobody_selected", field="source")
    own_choices = {one: choices.get(named, {}) for one, named in living.items()}
    return TogetherRequest(tuple(living), destination_id, own_choices)


def _show(
    request: Request,
    visitor: Visitor,
    profile_id: str,
    *,
    source_ids: Sequence[str],
    choices: Choices,
    status: int = 200,
    notice: str | None = None,
) -> Response:
    def work(unit: UnitOfWork) -> dict[str, Any]:
        merge_request = _request(unit, profile_id, source_ids, choices)
        planned = together.preview(unit, merge_request, visitor.actor)
        return {
            "destination": planned.previews[0].destination,
            "merges": [MergePage(one) for one in planned.previews],
            "planned": planned,
            "undo_days": load_policy(unit).undo_days,
        }

    return page(request, visitor, "merge_together.html", status=status, notice=notice, **visitor.read(work))
