"""Settings: whose mail it is, where the sender is not the customer (RES-18)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from onefold.console.forms import AnyForm, Form
from onefold.console.pages import redirect_to
from onefold.console.settings_page import SCOPE, AnyAdmin, settings_page
from onefold.core.errors import InvalidValue
from onefold.database.engine import UnitOfWork
from onefold.organizations.mail_senders import PLACES, Relay, read_own_addresses, read_relays
from onefold.settings import service as settings
from onefold.settings import whose_mail
from onefold.settings.service import SettingsChanges

router = APIRouter(prefix="/settings/mail")
_FIELDS = ("change", "address", "customer_in", "line", "proven")


@router.get("")
def show(request: Request, admin: AnyAdmin) -> Response:
    """The organization's own addresses, and those that send for others."""
    return settings_page(request, admin, "settings_mail.html", settings=admin.read(settings.read, SCOPE))


@router.post("/preview")
def preview(request: Request, admin: AnyAdmin, form: AnyForm) -> Response:
    """What a change would have done with the last 1,000 mails, before it is made."""

    def work(unit: UnitOfWork) -> dict[str, Any]:
        changes = _changes(unit, form)
        return {"planned": whose_mail.preview(unit, changes.get("own_addresses"), changes.get("relays"))}

    form_values = {field: form.text(field) for field in _FIELDS if form.text(field)}
    return settings_page(request, admin, "settings_mail_preview.html", given=form_values, **admin.read(work, SCOPE))


@router.post("")
def change(admin: AnyAdmin, form: AnyForm) -> Response:
    """Makes it."""
    admin.write(lambda unit: settings.change(unit, _changes(unit, form), admin.actor), SCOPE, exclusive=True)
    return redirect_to("/settings/mail", "saved")


def _changes(unit: UnitOfWork, form: Form) -> SettingsChanges:
    """The lists as they are after one address was added or removed."""
    view, kind = settings.read(unit), form.text("change")
    address = form.line("address")
    if address is None:
        raise InvalidValue("Enter an address or a domain.", code="empty_value", field="address")
    if kind == "add-own":
        return {"own_addresses": [*view.own_addresses, address]}
    if kind == "remove-own":
        (removed,) = read_own_addresses([address])
        return {"own_addresses": [own for own in view.own_addresses if own != removed]}
    relay = _relay(form, address)
    if kind == "add-relay":
        return {"relays": [*view.relays, relay]}
    if kind == "remove-relay":
        (unwanted,) = read_relays([relay])
        return {"relays": [one for one in view.relays if one != unwanted]}
    raise InvalidValue("An own address or one that sends for others is added or removed.", field="change")


def _relay(form: Form, address: str) -> Relay:
    for place in PLACES:
        if place == form.text("customer_in"):
            return Relay(address, place, form.line("line"), proven=form.flag("proven"))
    raise InvalidValue("Choose where its mail names the customer.", field="customer_in")
