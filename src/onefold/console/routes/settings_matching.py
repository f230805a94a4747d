"""Settings: what opens a profile (RES-9), Mobile Phone Number Identification (RES-7), match weights (SUG-5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple, cast

from fastapi import APIRouter, Request
from starlette.responses import Response

from onefold.console import settings_labels
from onefold.console.forms import AnyForm, Form
from onefold.console.pages import is_part, redirect_to, render
from onefold.console.settings_page import SCOPE, AnyAdmin, settings_page
from onefold.console.visitor import Visitor
from onefold.core.actor import Actor
from onefold.core.errors import Conflict, InvalidValue, NotFound
from onefold.database.engine import UnitOfWork
from onefold.organizations.match_weights import DEFAULT_WEIGHTS
from onefold.organizations.policy import MatchingMode, VisitorSignIn
from onefold.profiles import service as profiles
from onefold.profiles.service import ProfileSummary
from onefold.runs import service as runs
from onefold.runs import store as run_store
from onefold.runs.store import RunRow
from onefold.settings import matching_mode, mobile_identification
from onefold.settings import service as settings

router = APIRouter(prefix="/settings/matching")
_PATH = "/settings/matching"
_MODES: tuple[MatchingMode, ...] = ("listed", "contacted")
_HOLDERS_SHOWN = 6
_PARTS = {"mobiles": (runs.PREVIEW_MOBILES, runs.IDENTIFY_MOBILES), "ratings": (runs.REBUILD_MATCHES,)}
_TURNS: dict[str, tuple[Callable[[UnitOfWork, str, Actor], RunRow], str]] = {
    "stop": (runs.stop, "stopped"),
    "resume": (runs.resume, "started"),
}


class Obstacle(NamedTuple):
    """A value that would open several profiles, and who they are; `more` are not shown."""

    kind: str
    value: str
    holders: list[ProfileSummary]
    more: int


@router.get("")
def matching(request: Request, admin: AnyAdmin, preview: str = "", part: str = "") -> Response:
    """How contacts find their customer. With `preview`, what switching to that mode would do; with `part`, to a script
    of ours, only how far the runs of that part are."""
    if is_part(request) and part in _PARTS:
        part_runs = admin.read(lambda unit: _runs(unit, part), SCOPE)
        return render(request, "settings_runs.html", part=part, runs=part_runs, says=settings_labels)
    return _show(request, admin, preview)


def _show(
    request: Request, admin: Visitor, preview: str = "", *, status: int = 200, notice: str | None = None
) -> Response:
    mode = _mode(preview) if preview else None

    def work(unit: UnitOfWork) -> dict[str, Any]:
        return {
            "settings": settings.read(unit),
            "mobile_runs": _runs(unit, "mobiles"),
            "rating_runs": _runs(unit, "ratings"),
            "preview": matching_mode.preview(unit, mode) if mode else None,
        }

    values = admin.read(work, SCOPE)
    mode_preview = values["preview"]
    obstacles = admin.read(lambda unit: _obstacles(unit, mode_preview.obstacles), SCOPE) if mode_preview else []
    return settings_page(
        request,
        admin,
        "settings_matching.html",
        status=status,
        at=_PATH if notice else None,
        notice=notice,
        obstacles=obstacles,
        defaults=DEFAULT_WEIGHTS,
        **values,
    )


def _mode(text: str) -> MatchingMode:
    for mode in _MODES:
        if mode == text:
            return mode
    raise InvalidValue("The matching mode is listed or contacted.", code="invalid_mode", field="mode")


def _runs(unit: UnitOfWork, part: str) -> list[RunRow]:
    """The newest run of each kind, those under way first."""
    newest = [rows[0] for kind in _PARTS[part] if (rows := run_store.list_runs(unit, kind=kind))]
    return sorted(newest, key=lambda run: (run.state != "running", -run.updated_at.timestamp()))


def _obstacles(unit: UnitOfWork, obstacles: list[Any]) -> list[Obstacle]:
    holder_ids = sorted({one for obstacle in obstacles for one in obstacle.profile_ids[:_HOLDERS_SHOWN]})
    known = {summary.row.id: summary for summary in profiles.summaries(unit, holder_ids)}
    return [
        Obstacle(
            obstacle.kind,
            obstacle.value,
            [known[one] for one in sorted(obstacle.profile_ids[:_HOLDERS_SHOWN]) if one in known],
            max(0, len(obstacle.profile_ids) - _HOLDERS_SHOWN),
        )
        for obstacle in obstacles
    ]


@router.post("/mode")
def switch_mode(request: Request, admin: AnyAdmin, form: AnyForm) -> Response:
    """Switches what opens a profile; where something stands in the way, shows what (RES-9)."""
    mode = _mode(form.text("mode"))
    try:
        admin.write(lambda unit: settings.change(unit, {"matching_mode": mode}, admin.actor), SCOPE, exclusive=True)
    except Conflict as refusal:
        if refusal.code != "matching_mode_obstacles":
            raise
        notice = "There is a new conflict. Nothing was switched."
        return _show(request, admin, mode, status=409, notice=notice)
    return redirect_to(_PATH, "switched")


@router.post("/visitors")
def change_visitor_sign_in(admin: AnyAdmin, form: AnyForm) -> Response:
    """What becomes of the anonymous profile of a browser whose visitor signs in (RES-17)."""
    chosen = cast(VisitorSignIn, form.text("visitor_sign_in"))  # the service refuses anything else
    admin.write(lambda unit: settings.change(unit, {"visitor_sign_in": chosen}, admin.actor), SCOPE, exclusive=True)
    return redirect_to(_PATH, "saved")


@router.post("/mobiles")
def identify_mobiles(admin: AnyAdmin, form: AnyForm) -> Response:
    """Mobile Phone Number Identification on or off; on starts its run over the phones that are there (RES-7)."""
    on = form.flag("on")
    before = admin.read(lambda unit: settings.read(unit).mobile_identification, SCOPE)
    admin.write(lambda unit: settings.change(unit, {"mobile_identification": on}, admin.actor), SCOPE, exclusive=True)
    return redirect_to(_PATH, "started" if on and not before else "saved")


@router.post("/mobiles/preview")
def preview_mobiles(admin: AnyAdmin) -> Response:
    """Counts what switching it on would change, and changes nothing."""
    admin.write(mobile_identification.start_preview, SCOPE)
    return redirect_to(_PATH, "started")


@router.post("/runs/{run_id}/{turn}")
def turn_run(admin: AnyAdmin, run_id: str, turn: str) -> Response:
    """Stops a run, or takes a stopped one up again."""
    if turn not in _TURNS:
        raise NotFound("A run is stopped or resumed.", code="no_such_page")
    act, said = _TURNS[turn]
    admin.write(lambda unit: act(unit, run_id, admin.actor), SCOPE)
    return redirect_to(_PATH, said)


@router.post("/weights")
def change_weight(admin: AnyAdmin, form: AnyForm) -> Response:
    """Changes how much one feature says; suggestions are rated anew in the background."""
    pair = [_share(form, "m"), _share(form, "u")]
    return _reweigh(admin, {form.text("feature"): pair})


@router.post("/weights/defaults")
def default_weights(admin: AnyAdmin) -> Response:
    """Every weight as it ships."""
    return _reweigh(admin, DEFAULT_WEIGHTS)


def _reweigh(admin: Visitor, weights: Mapping[str, Sequence[float]]) -> Response:
    def work(unit: UnitOfWork) -> bool:
        before = settings.read(unit).match_weights
        return settings.change(unit, {"match_weights": weights}, admin.actor).match_weights != before

    return redirect_to(_PATH, "rated-anew" if admin.write(work, SCOPE, exclusive=True) else "saved")


def _share(form: Form, name: str) -> float:
    """A percentage above 0 and up to 100, as a share; a comma may stand for the point."""
    try:
        percentage = Decimal((form.line(name) or "").replace(",", ".").removesuffix("%").strip())
    except InvalidOperation:
        percentage = Decimal(0)
    if not (percentage.is_finite() and Decimal("0.000001") <= percentage <= 100):
        raise InvalidValue("How often is a percentage above 0 and up to 100.", code="invalid_weight", field=name)
    return float(percentage / 100)
