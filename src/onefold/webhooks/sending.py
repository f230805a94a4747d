"""Telling of events (EVT-1): from the outbox to deliveries, and from a claim to what came of it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import NamedTuple

from standardwebhooks import Webhook

from onefold import __version__
from onefold.core.clock import new_id
from onefold.database.engine import UnitOfWork
from onefold.webhooks import endpoint_store as endpoints
from onefold.webhooks import store
from onefold.webhooks.endpoint_store import EndpointRow
from onefold.webhooks.rules import AWAY, Outcome, pause_until, retry_at
from onefold.webhooks.service import AWAY_TOO_LONG, GONE
from onefold.webhooks.store import Claimed, EventRow

LEASE = timedelta(minutes=2)
"""How long a claim holds: far longer than a try may take. After that, whoever made it is taken for dead."""

_HANDED_OVER_AT_ONCE = 500


class PendingDelivery(NamedTuple):
    """One delivery, ready to be sent."""

    organization_id: int
    endpoint_id: str
    claimed: Claimed
    url: str
    headers: dict[str, str]
    body: bytes


def enqueue(unit: UnitOfWork, now: datetime) -> None:
    """Makes deliveries of the first events that wait, for every endpoint they concern.

    An endpoint that is disabled gets its deliveries too: they wait for it to be enabled again.
    """
    store.lock_turns(unit)  # two processes at it would put later events before earlier ones
    events = store.pending_events(unit, _HANDED_OVER_AT_ONCE)
    for endpoint in endpoints.list_endpoints(unit):
        store.add_deliveries(unit, endpoint.id, [e for e in events if _concerns(endpoint, e)], now)
    store.handed_over(unit, events)


def _concerns(endpoint: EndpointRow, event: EventRow) -> bool:
    return event.seq > endpoint.after_seq and (endpoint.event_types is None or event.type in endpoint.event_types)


class Room(NamedTuple):
    """How many more deliveries the caller can send now: together, and of one endpoint beside those under way."""

    together: int
    of_an_endpoint: int
    under_way: dict[str, int]


def due(unit: UnitOfWork, room: Room, now: datetime) -> bool:
    """Whether a claim would find something."""
    return any(store.is_due(unit, endpoint.id, now) for endpoint, _ in _open(unit, room, now))


def claim(unit: UnitOfWork, room: Room, now: datetime) -> list[PendingDelivery]:
    """Takes due deliveries, as many as there is room for."""
    parcels: list[PendingDelivery] = []
    for endpoint, free in _open(unit, room, now):
        limit = min(free, room.together - len(parcels))
        if limit > 0:
            taken = store.claim(unit, endpoint.id, new_id(), limit=limit, now=now, until=now + LEASE)
            parcels += [_parcel(unit.organization_id, endpoint, claimed, now) for claimed in taken]
    return parcels


def _open(unit: UnitOfWork, room: Room, now: datetime) -> list[tuple[EndpointRow, int]]:
    """Endpoints that may be sent something now, and how much: to one that was away, one at a time."""
    open_endpoints = []
    for endpoint in endpoints.list_endpoints(unit) if room.together > 0 else []:
        most = 1 if endpoint.failures else room.of_an_endpoint
        paused = endpoint.paused_until is not None and endpoint.paused_until > now
        if endpoint.state == "enabled" and not paused:
            open_endpoints.append((endpoint, most - room.under_way.get(endpoint.id, 0)))
    return [(endpoint, free) for endpoint, free in open_endpoints if free > 0]


def _parcel(organization_id: int, endpoint: EndpointRow, claimed: Claimed, now: datetime) -> PendingDelivery:
    body = _body(claimed.event)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"Onefold/{__version__}",
        "webhook-id": claimed.event.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signatures(endpoint, claimed.event.id, now, body),
    }
    return PendingDelivery(organization_id, endpoint.id, claimed, url=endpoint.url, headers=headers, body=body.encode())


def _body(event: EventRow) -> str:
    """The same text at every try."""
    data = {**event.data, "profile_id": event.profile_id}
    body = {"type": event.type, "timestamp": event.created_at.isoformat(), "data": data}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def signatures(endpoint: EndpointRow, event_id: str, now: datetime, body: str) -> str:
    """By the Standard Webhooks rules: of the secret, and of the previous one while it is still valid."""
    valid = [endpoint.secret]
    if endpoint.previous_secret and endpoint.previous_until and now < endpoint.previous_until:
        valid.append(endpoint.previous_secret)
    return " ".join(Webhook(secret).sign(event_id, now, body) for secret in valid)


def finish(unit: UnitOfWork, parcel: PendingDelivery, outcome: Outcome, now: datetime, chance: float) -> None:
    """Enters what came of a try. Nothing is done where the claim has run out and somebody else has taken it."""
    store.lock_turns(unit)
    if not store.still_claimed(unit, parcel.claimed):
        return
    endpoint = endpoints.read_endpoint(unit, parcel.endpoint_id, lock=True)
    if outcome.is_delivered:
        store.end(unit, parcel.claimed, "delivered", status=outcome.status, error=None, now=now)
        if endpoint.failures or endpoint.failing_since:
            endpoints.change_endpoint(unit, endpoint.id, failures=0, failing_since=None, paused_until=None)
        return
    _put_off(unit, parcel.claimed, outcome, now=now, chance=chance)
    _note_failure(unit, endpoint, outcome, now)


def _put_off(unit: UnitOfWork, claimed: Claimed, outcome: Outcome, now: datetime, chance: float) -> None:
    again = now if outcome.status == 410 else retry_at(outcome, claimed.attempts, now, chance)
    if again is None:
        store.end(unit, claimed, "failed", status=outcome.status, error=outcome.error, now=now)
    else:
        store.reschedule(unit, claimed, again, status=outcome.status, error=outcome.error)


def _note_failure(unit: UnitOfWork, endpoint: EndpointRow, outcome: Outcome, now: datetime) -> None:
    since = endpoint.failing_since or now
    values: dict[str, object] = {"failing_since": since}
    if outcome.endpoint_away:
        failures = endpoint.failures + 1
        values |= {"failures": failures, "paused_until": pause_until(outcome, failures, now)}
    if endpoint.state == "enabled" and (outcome.status == 410 or now - since >= AWAY):
        values |= {"state": "disabled", "reason": GONE if outcome.status == 410 else AWAY_TOO_LONG}
    endpoints.change_endpoint(unit, endpoint.id, **values)


def release(unit: UnitOfWork, parcel: PendingDelivery, now: datetime) -> None:
    """A claim that was not used: the service is stopping."""
    store.lock_turns(unit)
    if store.still_claimed(unit, parcel.claimed):
        store.release(unit, parcel.claimed, now)
