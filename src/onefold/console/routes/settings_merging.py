"""Settings: what happens where both sides of a merge differ (MRG-4)."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from onefold.console.forms import AnyForm
from onefold.console.pages import redirect_to
from onefold.console.settings_page import SCOPE, AnyAdmin, settings_page
from onefold.organizations.merge_policies import PRESETS, REFUSING_FIELDS, RULED_FIELDS
from onefold.settings import service as settings

router = APIRouter()


@router.get("/settings/merging")
def merging(request: Request, admin: AnyAdmin) -> Response:
    """Every field with a policy, and the presets."""
    policies = admin.read(lambda unit: settings.read(unit).merge_policies, SCOPE)
    current = next((name for name, preset in PRESETS.items() if dict(preset) == policies), None)
    return settings_page(
        request,
        admin,
        "settings_merging.html",
        policies=policies,
        presets=list(PRESETS),
        current=current,
        ruled=RULED_FIELDS,
        refusing=REFUSING_FIELDS,
    )


@router.post("/settings/merging")
def change_policies(admin: AnyAdmin, form: AnyForm) -> Response:
    """A preset, or the mode of each field."""
    policies = form.line("preset") or form.beginning("mode.")
    admin.write(lambda unit: settings.change(unit, {"merge_policies": policies}, admin.actor), SCOPE, exclusive=True)
    return redirect_to("/settings/merging", "saved")
