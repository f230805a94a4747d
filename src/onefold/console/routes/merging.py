"""Merge Customers: find the other one, see what will happen, choose, confirm (MRG-1, MRG-4, MRG-12, MRG-17)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from onefold.console.forms import AnyForm
from onefold.console.merge_page import MergePage, choices_of, parse_steps
from onefold.console.pages import is_part, page, redirect_to, render
from onefold.console.visitor import AnyVisitor, Visitor
from onefold.core.actor import Actor
from onefold.core.errors import Conflict, VersionConflict
from onefold.core.ids import is_id
from onefold.database.engine import UnitOfWork
from onefold.merging import previews, together
from onefold.merging import service as merging
from onefold.merging.outcomes import Step, Which
from onefold.merging.previews import Preview
from onefold.merging.service import MergeRequest
from onefold.merging.store import MergeRow
from onefold.organizations.store import load_policy
from onefold.profiles import service as profiles
from onefold.profiles.searching import search

router = APIRouter(prefix="/customers/{profile_id}/merge")
_FOUND = 12


@router.get("")
def choose(request: Request, visitor: AnyVisitor, profile_id: str, q: str = "") -> Response:
    """Finding the customer that goes into this one, as one types; its likeliest duplicates before anything is typed.
    Those selected already stay in sight (MRG-18)."""
    selected = [one for one in request.query_params.getlist("source") if is_id(one)][: together.MOST_SOURCES]

    def work(unit: UnitOfWork) -> dict[str, Any]:
        view = profiles.read(unit, profile_id)
        query = q.strip()[:200]
        candidates = search(unit, query, _FOUND) if query else _suggestions(unit, view)
        chosen = [one for one in profiles.summaries(unit, list(dict.fromkeys(selected))) if one.row.id != view.row.id]
        known = {view.row.id, *(one.row.id for one in chosen)}
        return {
            "profile": view,
            "q": q,
            "chosen": chosen,
            "candidates": [c for c in candidates if c.row.id not in known],
        }

    values = visitor.read(work)
    if is_part(request):
        return render(request, "merge_found.html", **values)
    return page(request, visitor, "merge_choose.html", **values)


def _suggestions(unit: UnitOfWork, view: profiles.ProfileView) -> list[profiles.ProfileSummary]:
    others = [s.other_id if s.profile_id == view.row.id else s.profile_id for s in view.suggestions]
    return profiles.summaries(unit, others[:_FOUND])


@router.get("/{source_id}")
def preview(request: Request, visitor: AnyVisitor, profile_id: str, source_id: str) -> Response:
    """What the merge will do, with the choices and steps of the address; nothing is changed."""
    query = request.query_params
    chosen, ruled = (
        {key.removeprefix(prefix): value for key, value in query.items() if key.startswith(prefix)}
        for prefix in ("choice.", "ruled.")
    )
    steps = parse_steps(query.getlist("step"))
    try:
        return _show(request, visitor, profile_id, source_id=source_id, choices=choices_of(chosen, ruled), steps=steps)
    except Conflict as refusal:
        return _survivor(visitor, profile_id, source_id, refusal)


def _survivor(visitor: Visitor, profile_id: str, source_id: str, refusal: Conflict) -> Response:
    """On to the one customer that the two are by now, where somebody was faster (MRG-11); else raises the refusal."""
    if refusal.code != "same_profile" or profile_id == source_id:
        raise refusal
    survivor_id = visitor.read(lambda unit: profiles.resolve_redirect(unit, profile_id))
    return redirect_to(f"/customers/{survivor_id}", "moved-on")


def _show(
    request: Request,
    visitor: Visitor,
    profile_id: str,
    source_id: str,
    choices: dict[str, Which],
    steps: list[Step],
    *,
    status: int = 200,
    notice: str | None = None,
) -> Response:
    def work(unit: UnitOfWork) -> dict[str, Any]:
        merge_preview = _preview(unit, MergeRequest(source_id, profile_id, choices, steps), visitor.actor)
        return {
            "merge": MergePage(merge_preview, steps),
            "undo_days": load_policy(unit).undo_days,
            "after_points": [p for p in merge_preview.plan.after.points if p.kind != "customer_id"],
        }

    return page(request, visitor, "merge_preview.html", status=status, notice=notice, **visitor.read(work))


def _preview(unit: UnitOfWork, merge_request: MergeRequest, actor: Actor) -> Preview:
    """The preview of the two that the ids lead to by now (EVT-2)."""
    try:
        return previews.look(unit, merge_request, actor)
    except Conflict as refusal:
        if refusal.code != "merged_away":
            raise
    source_id, destination_id = (profiles.resolve_redirect(unit, one) for one in merging.two_of(merge_request))
    return previews.look(unit, merge_request._replace(source_id=source_id, destination_id=destination_id), actor)


@router.post("/{source_id}")
def merge(request: Request, visitor: AnyVisitor, profile_id: str, source_id: str, form: AnyForm) -> Response:
    """Merges as was shown; where it is not what was shown any more, shows the new preview (MRG-12)."""
    choices = choices_of(form.beginning("choice."), form.beginning("ruled."))
    steps = parse_steps(form.every("step"))
    versions = (form.number("source_version"), form.number("destination_version"))

    def work(unit: UnitOfWork) -> MergeRow:
        merge_request = MergeRequest(
            profiles.resolve_redirect(unit, source_id),
            profiles.resolve_redirect(unit, profile_id),
            choices,
            steps=steps,
            versions=versions,
            digest=form.line("digest"),
            despite_no_match=form.flag("despite_no_match"),
        )
        return merging.merge(unit, merge_request, visitor.actor)[0]

    try:
        merged = visitor.write(work)
        return redirect_to(f"/customers/{merged.destination_id}", "merged", merged.id)
    except VersionConflict:
        notice = "One of the two has changed since, or a choice of yours; this is the merge as it would be now."
        return _show(
            request, visitor, profile_id, source_id=source_id, choices=choices, steps=steps, status=412, notice=notice
        )
    except Conflict as refusal:
        if refusal.code not in ("merge_refused", "no_match_said"):
            return _survivor(visitor, profile_id, source_id, refusal)
        notice = "There is a conflict. Choose how to resolve it."
        if refusal.code == "no_match_said":
            notice = "Somebody said “No Match”. Tick below that you mean to merge them."
        return _show(
            request, visitor, profile_id, source_id=source_id, choices=choices, steps=steps, status=409, notice=notice
        )
