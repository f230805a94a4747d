"""Settings: the organization's name, region, default inbox, and how long a merge can be undone."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from onefold.accounts import store as accounts
from onefold.console.forms import AnyForm
from onefold.console.pages import redirect_to
from onefold.console.regions import regions
from onefold.console.settings_page import SCOPE, AnyAdmin, number_between, settings_page
from onefold.core.errors import InvalidValue
from onefold.organizations.policy import BOUNDS
from onefold.settings import service as settings
from onefold.settings.service import SettingsChanges

router = APIRouter()


@router.get("/settings")
def organization(request: Request, admin: AnyAdmin) -> Response:
    """What the organization is called, and what holds everywhere in it."""
    organization_settings, inboxes = admin.read(lambda unit: (settings.read(unit), accounts.list_inboxes(unit)), SCOPE)
    return settings_page(
        request, admin, "settings_organization.html", settings=organization_settings, inboxes=inboxes, regions=regions()
    )


@router.post("/settings")
def change_organization(admin: AnyAdmin, form: AnyForm) -> Response:
    """Changes them, all or none."""
    if form.line("name") is None:
        raise InvalidValue("The organization needs a name.", code="empty_value", field="name")
    changes: SettingsChanges = {
        "name": form.line("name") or "",
        "default_region": form.text("default_region"),
        "default_inbox_id": form.text("default_inbox_id"),
        "undo_days": number_between(form, "undo_days", "Days to undo a merge", *BOUNDS["undo_days"]),
        "shared_limit": number_between(form, "shared_limit", "The limit of a shared value", *BOUNDS["shared_limit"]),
    }
    if form.line("silent_days") is not None:
        label = "Days until a silent mobile may have a new owner"
        changes["silent_days"] = number_between(form, "silent_days", label, *BOUNDS["silent_days"])
    if form.line("session_idle_minutes") is not None:
        label = "Minutes until an unused session ends"
        bounds = BOUNDS["session_idle_minutes"]
        changes["session_idle_minutes"] = number_between(form, "session_idle_minutes", label, *bounds)
    if form.has("assign_on_answer"):
        changes["assign_on_answer"] = form.flag("assign_on_answer")
    admin.write(lambda unit: settings.change(unit, changes, admin.actor), SCOPE, exclusive=True)
    return redirect_to("/settings", "saved")
