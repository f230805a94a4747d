"""View matches: two profiles side by side, why they may be one customer, Match and No Match (SUG-3, SUG-5, RES-16)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from onefold.console import compare
from onefold.console.forms import AnyForm
from onefold.console.pages import page, redirect_to
from onefold.console.visitor import AnyVisitor, Visitor
from onefold.core.errors import VersionConflict
from onefold.database.engine import UnitOfWork
from onefold.merging import new_owner, previews, shared_lines
from onefold.merging import service as merging
from onefold.merging.service import MergeRequest
from onefold.profiles import service as profiles
from onefold.suggestions import service as suggestions
from onefold.suggestions.service import SuggestionView

router = APIRouter(prefix="/customers/{profile_id}")


@router.get("/matches")
def view_matches(request: Request, visitor: AnyVisitor, profile_id: str, at: int = 0) -> Response:
    """The candidates one after another, the likeliest first, each beside the customer."""
    return page(request, visitor, "matches.html", **visitor.read(lambda unit: _matches(unit, profile_id, at)))


def _matches(unit: UnitOfWork, profile_id: str, at: int) -> dict[str, Any]:
    view = profiles.read(unit, profile_id)
    views = suggestions.of_profile(unit, profile_id)
    number = min(max(at, 0), len(views) - 1)
    values = {"profile": view, "profile_id": view.row.id, "count": len(views), "at": number}
    return {**values, **side_by_side(unit, view, views[number])} if views else {**values, "suggestion": None}


def side_by_side(unit: UnitOfWork, view: profiles.ProfileView, suggestion: SuggestionView) -> dict[str, Any]:
    """A suggestion with both profiles whole, in the order in which they are looked at."""
    swapped = suggestion.one.row.id != view.row.id
    other = profiles.read(unit, (suggestion.one if swapped else suggestion.other).row.id)
    comparison = suggestion.comparison.with_sides_swapped if swapped else suggestion.comparison
    older = min(view.row.id, other.row.id)  # ids sort by the time they were made
    return {
        "suggestion": suggestion,
        "other": other,
        "comparison": comparison,
        "lines": compare.lines(view, other, comparison),
        "stays": older,
    }


@router.post("/match")
def match(visitor: AnyVisitor, profile_id: str, form: AnyForm) -> Response:
    """ "Match": merges into the older of the two, or the other way round; where something stands in the way or must be
    chosen, the merge is shown first (SUG-3, MRG-4)."""
    other_id = form.line("other_id") or ""

    def work(unit: UnitOfWork) -> tuple[str | None, str, str]:
        source, destination = suggestions.sides_of_match(unit, profile_id, other_id, swapped=form.flag("turned"))
        seen = {profile_id: form.number("version"), other_id: form.number("other_version")}
        if set(seen) != {source, destination} or None in seen.values():
            raise VersionConflict(
                "One of the two was merged meanwhile; look at the matches again.", code="plan_changed"
            )
        request = MergeRequest(source, destination, versions=(seen[source], seen[destination]))
        if previews.needs_a_look(unit, request, visitor.actor):
            return None, destination, source
        row, _ = merging.merge(unit, request, visitor.actor)
        return row.id, row.destination_id, row.source_id

    try:
        merge_id, destination, source = visitor.write(work)
    except VersionConflict:
        return redirect_to(f"/customers/{profile_id}/matches", "changed-since")
    if merge_id is not None:
        return redirect_to(f"/customers/{destination}", "merged", merge_id)
    return redirect_to(f"/customers/{destination}/merge/{source}")


@router.post("/no-match")
def no_match(visitor: AnyVisitor, profile_id: str, form: AnyForm) -> Response:
    """ "No Match": the suggestion is closed, and remembered (SUG-4)."""
    other_id = form.line("other_id") or ""

    def work(unit: UnitOfWork) -> tuple[int, str]:
        undo = say_no_match(unit, visitor, profile_id, other_id)
        return len(suggestions.of_profile(unit, profile_id)), undo

    left, undo = visitor.write(work)
    return redirect_to(f"/customers/{profile_id}/matches" if left else f"/customers/{profile_id}", "dismissed", undo)


def say_no_match(unit: UnitOfWork, visitor: Visitor, one_id: str, other_id: str) -> str:
    """Says "No Match"; what takes it back (`pages.takes_back`)."""
    suggestions.no_match(unit, one_id, other_id, visitor.actor)
    verdict = suggestions.newest_verdict(unit, one_id, other_id)
    return f"{one_id}.{other_id}.{verdict.id if verdict else ''}"


@router.post("/matches/{other_id}/withdraw")
def withdraw(visitor: AnyVisitor, profile_id: str, other_id: str, _form: AnyForm, verdict: str = "") -> Response:
    """Takes the "No Match" that was just said back: whoever may say it may take it back (SUG-4)."""
    visitor.write(
        lambda unit: suggestions.withdraw(unit, profile_id, other_id, actor=visitor.actor, verdict_id=verdict)
    )
    return redirect_to(f"/customers/{profile_id}/matches", "reopened")


@router.post("/file-call")
def file_call(visitor: AnyVisitor, profile_id: str, form: AnyForm) -> Response:
    """RES-16: a call that came to a profile of its own goes to the one it belongs to, in one step: a merge."""
    other_id = form.line("other_id") or ""

    def work(unit: UnitOfWork) -> tuple[str, bool]:
        to_look_at = shared_lines.file_call(unit, profile_id, other_id, visitor.actor)
        if to_look_at is not None:
            return f"/customers/{to_look_at.destination_id}/merge/{to_look_at.source_id}", False
        return f"/customers/{profiles.resolve_redirect(unit, other_id)}", True

    path, done = visitor.write(work)
    return redirect_to(path, "filed" if done else None)


@router.post("/new-owner")
def give_number(visitor: AnyVisitor, profile_id: str, form: AnyForm) -> Response:
    """RES-21: "This is someone else": a new customer gets the number, and what came from it since it was silent."""
    point_id, version = form.line("contact_point_id") or "", form.number("version")
    given_number = visitor.write(
        lambda unit: new_owner.give(unit, profile_id, contact_point_id=point_id, version=version, actor=visitor.actor)
    )
    return redirect_to(f"/customers/{given_number.new_profile_id}", "number-given")


@router.post("/own-line")
def make_own(visitor: AnyVisitor, profile_id: str, form: AnyForm) -> Response:
    """RES-16, PRO-5: a shared number becomes this customer's own; from then on a call from it opens the profile."""
    point_id = form.line("contact_point_id") or ""
    change = {"phone_type": "mobile"}
    row = visitor.write(
        lambda unit: profiles.edit_point(unit, profile_id, point_id, changes=change, version=form.number("version"))
    )
    return redirect_to(f"/customers/{row.id}", "saved")
