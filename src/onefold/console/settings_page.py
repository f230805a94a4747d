"""What the pages of the settings share: they are for admins, and tabs lead from each to the others."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.responses import Response

from onefold.console import settings_labels
from onefold.console.forms import Form
from onefold.console.pages import page
from onefold.console.visitor import AnyVisitor, Visitor
from onefold.core.errors import InvalidValue
from onefold.core.process_settings import Settings

SCOPE = "settings:write"

TABS = (
    ("/settings", "Organization"),
    ("/settings/matching", "Matching"),
    ("/settings/merging", "Merging"),
    ("/settings/blocklist", "Blocklist"),
    ("/settings/mail", "Whose mail"),
    ("/settings/inboxes", "Inboxes"),
    ("/settings/agents", "Agents"),
    ("/settings/keys", "API keys"),
    ("/settings/webhooks", "Webhooks"),
    ("/settings/channels", "Channels"),
)


async def _admin(visitor: AnyVisitor) -> Visitor:
    visitor.require(SCOPE)
    return visitor


AnyAdmin = Annotated[Visitor, Depends(_admin)]
"""The parameter of every route of the settings: refused to whoever is no admin."""


def settings_page(
    request: Request, admin: Visitor, template: str, *, status: int = 200, at: str | None = None, **values: Any
) -> Response:
    """A page of the settings.

    `at` is the address that a browser shows for an answer to a form, where the form was not sent to it: what is shown
    once must not be asked for again by reloading.
    """
    path = at or request.url.path
    tab = next(href for href, _ in reversed(TABS) if path == href or path.startswith(f"{href}/"))
    response = page(request, admin, template, status=status, tabs=TABS, tab=tab, says=settings_labels, **values)
    if at is not None:
        response.headers["HX-Push-Url"] = at
    return response


def base_address(request: Request) -> str:
    """Where others reach this service, without a slash at the end."""
    settings: Settings = request.app.state.settings
    return (settings.public_url or str(request.base_url)).rstrip("/")


def number_between(form: Form, name: str, label: str, least: int, most: int) -> int:
    """A whole number of a form; raises InvalidValue that names the field as the form does."""
    text = form.line(name) or ""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
    if not least <= number <= most:
        raise InvalidValue(f"{label} is a whole number from {least} to {most:,}.", code="invalid_number", field=name)
    return number


def day_end(form: Form, name: str, label: str, admin: Visitor, now: datetime) -> datetime | None:
    """The end of a day that a form names, where the admin is; None where it names none. Raises InvalidValue for a day
    that is over."""
    day = form.line(name)
    if day is None:
        return None
    try:
        end = datetime.fromisoformat(f"{day}T23:59:59").replace(tzinfo=admin.zone).astimezone(now.tzinfo)
    except (ValueError, OverflowError):
        raise InvalidValue(f"{label} is a day, such as 2030-12-31.", code="invalid_date", field=name) from None
    if end <= now:
        raise InvalidValue(f"{label} is over already.", code="invalid_date", field=name)
    return end
