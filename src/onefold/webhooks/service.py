"""Webhooks (EVT-1): setting them up, looking at deliveries, repeating them. Each inside the caller's unit."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from onefold.audit import service as audit
from onefold.audit.service import Action
from onefold.core.actor import Actor
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import Conflict, InvalidValue
from onefold.core.text import validate_text
from onefold.database.engine import UnitOfWork
from onefold.organizations.store import change_settings
from onefold.webhooks import endpoint_store as endpoints
from onefold.webhooks import store
from onefold.webhooks.endpoint_store import EndpointRow
from onefold.webhooks.rules import EVENT_TYPES
from onefold.webhooks.store import DeliveryRow

MOST_ENDPOINTS = 20
BY_HAND, GONE, AWAY_TOO_LONG = "by_hand", "gone_410", "failed_three_days"
_REPEATED_AT_ONCE = 5_000


class Repeated(NamedTuple):
    """How many deliveries were put in line again, and whether there are more."""

    repeated: int
    more: bool


def create(
    unit: UnitOfWork, url: str, actor: Actor, description: str = "", event_types: Sequence[str] | None = None
) -> EndpointRow:
    """A new endpoint, told of every event from now on; its secret is shown this once. The unit must be exclusive.

    `url` has passed `Addresses.check`, before this transaction began.
    """
    before = endpoints.list_endpoints(unit)
    if len(before) >= MOST_ENDPOINTS:
        raise Conflict(f"There are {MOST_ENDPOINTS} webhooks already; remove one.", code="too_many_webhooks")
    endpoint = EndpointRow(
        new_id(),
        url,
        validate_text(description, "description"),
        event_types=_types(event_types),
        state="enabled",
        reason=None,
        secret=_secret(),
        previous_secret=None,
        previous_until=None,
        after_seq=store.newest_seq(unit),
        failures=0,
        failing_since=None,
        paused_until=None,
        created_at=utc_now(),
    )
    endpoints.add_endpoint(unit, endpoint)
    if not before:
        change_settings(unit, has_webhooks=True)
    _record(unit, actor, "webhook.added", endpoint.id, host=urlsplit(url).hostname)
    return endpoint


def _record(unit: UnitOfWork, actor: Actor, action: Action, endpoint_id: str, **details: Any) -> None:
    audit.record(unit, actor, action, details={"webhook_id": endpoint_id, **details})


def _types(event_types: Sequence[str] | None) -> list[str] | None:
    if event_types is None:
        return None
    if not event_types or not set(event_types) <= set(EVENT_TYPES):
        raise InvalidValue(
            f"event_types are some of {', '.join(EVENT_TYPES)}; leave it out for all.",
            code="unknown_event_type",
            field="event_types",
        )
    return sorted(set(event_types))


def _secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def change(unit: UnitOfWork, endpoint_id: str, changes: Mapping[str, Any], actor: Actor) -> EndpointRow:
    """Changes an endpoint. One that is disabled keeps its deliveries; enabled again, it resumes where it stopped."""
    endpoint, values = endpoints.read_endpoint(unit, endpoint_id, lock=True), dict(changes)
    if "description" in values:
        values["description"] = validate_text(values["description"], "description")
    if "event_types" in values:
        values["event_types"] = _types(values["event_types"])
    if values.get("state", endpoint.state) != endpoint.state:
        values |= {"reason": BY_HAND if values["state"] == "disabled" else None}
        values |= {"failures": 0, "failing_since": None, "paused_until": None}
    values = {field: value for field, value in values.items() if value != getattr(endpoint, field)}
    if values:
        endpoints.change_endpoint(unit, endpoint.id, **values)
        change_details: dict[str, Any] = {
            field: values[field] for field in ("description", "event_types", "state") if field in values
        }
        if "url" in values:
            change_details["host"] = urlsplit(values["url"]).hostname  # the rest may hold a secret
        _record(unit, actor, "webhook.changed", endpoint.id, changes=change_details)
    return endpoints.read_endpoint(unit, endpoint.id)


def rotate(unit: UnitOfWork, endpoint_id: str, actor: Actor, previous_valid_hours: int = 24) -> EndpointRow:
    """A new secret, shown this once. What is sent carries the old one's signature too, for as long as is asked."""
    endpoint = endpoints.read_endpoint(unit, endpoint_id, lock=True)
    previous = (
        {"previous_secret": None, "previous_until": None}
        if previous_valid_hours == 0
        else {
            "previous_secret": endpoint.secret,
            "previous_until": utc_now() + timedelta(hours=previous_valid_hours),
        }
    )
    endpoints.change_endpoint(unit, endpoint.id, secret=_secret(), **previous)
    _record(unit, actor, "webhook.secret_made", endpoint.id, previous_valid_hours=previous_valid_hours)
    return endpoints.read_endpoint(unit, endpoint.id)


def remove(unit: UnitOfWork, endpoint_id: str, actor: Actor) -> None:
    """The endpoint gets no more events. The unit must be exclusive; what is left of it is deleted bit by bit."""
    endpoint = endpoints.read_endpoint(unit, endpoint_id)
    nothing = {"secret": "", "previous_secret": None, "previous_until": None}
    endpoints.change_endpoint(unit, endpoint.id, state="removed", url="", description="", **nothing)
    if not endpoints.list_endpoints(unit):
        store.nobody_waits(unit)
        change_settings(unit, has_webhooks=False)
    _record(unit, actor, "webhook.removed", endpoint.id, host=urlsplit(endpoint.url).hostname)


def deliveries(
    unit: UnitOfWork, endpoint_id: str, state: str | None = None, before: int | None = None, limit: int = 50
) -> list[DeliveryRow]:
    """What was and is to be delivered to an endpoint, newest first."""
    endpoint = endpoints.read_endpoint(unit, endpoint_id)
    return store.list_deliveries(unit, endpoint.id, state=state, before=before, limit=limit)


def repeat(unit: UnitOfWork, endpoint_id: str, delivery_id: str, actor: Actor) -> DeliveryRow:
    """Sends one delivery again that was delivered or has failed. Raises Conflict while it is still pending."""
    store.lock_turns(unit)
    endpoint = endpoints.read_endpoint(unit, endpoint_id)
    delivery = store.read_delivery(unit, endpoint.id, delivery_id)
    if delivery.state == "pending":
        raise Conflict("This delivery is still under way.", code="delivery_pending")
    store.repeat(unit, endpoint.id, [delivery.event_seq], utc_now())
    _record(unit, actor, "webhook.repeated", endpoint.id, deliveries=1)
    return store.read_delivery(unit, endpoint.id, delivery_id)


def repeat_failed(unit: UnitOfWork, endpoint_id: str, since: datetime, actor: Actor) -> Repeated:
    """Sends again, in order, what has failed of what happened since then: the first 5,000."""
    store.lock_turns(unit)
    endpoint = endpoints.read_endpoint(unit, endpoint_id)
    failed_seqs = store.failed_since(unit, endpoint.id, since, _REPEATED_AT_ONCE + 1)
    again = failed_seqs[:_REPEATED_AT_ONCE]
    if again:
        store.repeat(unit, endpoint.id, again, utc_now())
        _record(unit, actor, "webhook.repeated", endpoint.id, deliveries=len(again))
    return Repeated(len(again), len(failed_seqs) > len(again))
