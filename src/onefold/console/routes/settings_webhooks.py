"""Settings: webhooks (EVT-1), what became of each delivery, and sending it again."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from onefold.console.forms import AnyForm, Form
from onefold.console.pages import redirect_to
from onefold.console.proof import proof_for
from onefold.console.settings_page import SCOPE, AnyAdmin, settings_page
from onefold.console.visitor import Visitor
from onefold.core.clock import utc_now
from onefold.core.errors import InvalidValue
from onefold.database.engine import UnitOfWork
from onefold.webhooks import endpoint_store as store
from onefold.webhooks import service as webhooks
from onefold.webhooks.addresses import Addresses
from onefold.webhooks.endpoint_store import EndpointRow

router = APIRouter(prefix="/settings/webhooks")
_PATH = "/settings/webhooks"
_STATES = ("pending", "delivered", "failed")
_DELIVERIES = 25
_SINCE = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "three-days": timedelta(days=3),
    "week": timedelta(days=7),
}
Before = Annotated[int | None, Query(ge=0, lt=2**62)]
Seq = Annotated[str, Path(max_length=20)]


@router.get("")
def list_webhooks(request: Request, admin: AnyAdmin) -> Response:
    """Who is told of events."""
    return _list(request, admin)


def _list(request: Request, admin: Visitor, **made: Any) -> Response:
    endpoints = admin.read(store.list_endpoints, SCOPE)
    values = {"made": None, "secret": None, **made}
    return settings_page(
        request, admin, "settings_webhooks.html", endpoints=endpoints, most=webhooks.MOST_ENDPOINTS, **values
    )


def _check_address(request: Request, form: Form) -> str:
    """Looked up before a transaction begins: names may take their time."""
    addresses: Addresses = request.app.state.addresses
    return addresses.check(form.line("url") or "")


def _types(form: Form) -> list[str] | None:
    return None if form.text("which") != "some" else form.every("event_type")


@router.post("", dependencies=[proof_for(SCOPE)])
def add_webhook(request: Request, admin: AnyAdmin, form: AnyForm) -> Response:
    """Adds a webhook, which is notified of every event from now on; its secret is in this answer and nowhere else."""
    url, description, types = _check_address(request, form), form.line("description") or "", _types(form)
    made = admin.write(
        lambda unit: webhooks.create(unit, url, actor=admin.actor, description=description, event_types=types),
        SCOPE,
        exclusive=True,
    )
    return _list(request, admin, made=made._replace(secret=""), secret=made.secret)


@router.get("/{webhook_id}")
def webhook(request: Request, admin: AnyAdmin, webhook_id: str, state: str = "", before: Before = None) -> Response:
    """One webhook, and what was, is and could not be delivered, newest first."""
    return _one(request, admin, webhook_id, state=state, before=before)


def _one(
    request: Request, admin: Visitor, webhook_id: str, state: str = "", before: int | None = None, **made: Any
) -> Response:
    delivery_state = state if state in _STATES else None  # anything else is all of them

    def work(unit: UnitOfWork) -> dict[str, Any]:
        rows = webhooks.deliveries(unit, webhook_id, delivery_state, before=before, limit=_DELIVERIES + 1)
        page_rows = rows[:_DELIVERIES]
        return {
            "endpoint": store.read_endpoint(unit, webhook_id)._replace(secret="", previous_secret=None),
            "deliveries": page_rows,
            "more": page_rows[-1].event_seq if len(rows) > _DELIVERIES else None,
        }

    values = {**admin.read(work, SCOPE), "secret": None, "state": delivery_state or "", "before": before, **made}
    at = f"{_PATH}/{webhook_id}" if made else None
    return settings_page(request, admin, "settings_webhook.html", at=at, since=list(_SINCE), **values)


@router.post("/{webhook_id}", dependencies=[proof_for(SCOPE)])
def change_webhook(request: Request, admin: AnyAdmin, webhook_id: str, form: AnyForm) -> Response:
    """Where it is told, and of what."""
    changes = {
        "url": _check_address(request, form),
        "description": form.line("description") or "",
        "event_types": _types(form),
    }
    return _change(admin, webhook_id, changes, "saved")


def _change(admin: Visitor, webhook_id: str, changes: dict[str, Any], said: str) -> Response:
    def work(unit: UnitOfWork) -> EndpointRow:
        return webhooks.change(unit, webhook_id, changes, admin.actor)

    admin.write(work, SCOPE)
    return redirect_to(f"{_PATH}/{webhook_id}", said)


@router.post("/{webhook_id}/state")
def enable(admin: AnyAdmin, webhook_id: str, form: AnyForm) -> Response:
    """Disables a webhook, whose deliveries then wait; or enables it, and it goes on where it was."""
    on = form.flag("enabled")
    return _change(admin, webhook_id, {"state": "enabled" if on else "disabled"}, "enabled" if on else "disabled")


@router.post("/{webhook_id}/rotate", dependencies=[proof_for(SCOPE)])
def rotate(request: Request, admin: AnyAdmin, webhook_id: str, form: AnyForm) -> Response:
    """A new secret, which is in this answer and nowhere else; the one so far signs as well for a day, or not at all."""
    hours = 0 if form.flag("at_once") else 24
    made = admin.write(lambda unit: webhooks.rotate(unit, webhook_id, admin.actor, hours), SCOPE)
    return _one(request, admin, webhook_id, secret=made.secret)


@router.post("/{webhook_id}/remove")
def remove(admin: AnyAdmin, webhook_id: str) -> Response:
    """Removes a webhook; what waited for it is not sent any more."""
    admin.write(lambda unit: webhooks.remove(unit, webhook_id, admin.actor), SCOPE, exclusive=True)
    return redirect_to(_PATH, "removed")


@router.post("/{webhook_id}/deliveries/{delivery_id}/replay")
def replay(admin: AnyAdmin, webhook_id: str, delivery_id: Seq, form: AnyForm) -> Response:
    """Sends one delivery again."""
    admin.write(lambda unit: webhooks.repeat(unit, webhook_id, delivery_id, admin.actor), SCOPE)
    state = form.text("state")
    return redirect_to(f"{_PATH}/{webhook_id}" + (f"?state={state}" if state in _STATES else ""), "repeated")


@router.post("/{webhook_id}/replay")
def replay_failed(admin: AnyAdmin, webhook_id: str, form: AnyForm) -> Response:
    """Sends again, in order, whatever has failed for so long."""
    back = _SINCE.get(form.text("since"))
    if back is None:
        raise InvalidValue("Choose since when.", code="invalid_since", field="since")
    done = admin.write(lambda unit: webhooks.repeat_failed(unit, webhook_id, utc_now() - back, admin.actor), SCOPE)
    said = "repeated-some" if done.more else "repeated-all" if done.repeated else "repeated-none"
    return redirect_to(f"{_PATH}/{webhook_id}", said)
