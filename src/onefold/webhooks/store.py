"""Webhooks (EVT-1): endpoints, and each event's delivery to each of them, in turn.

A pending delivery has a row in `webhook_turns` for every profile its event speaks of. It is its turn, and `next_at` is
set, when it is the first of all of them; whoever ends one gives the turn on. Turns change under the organization's
lock only (`lock_turns`), so that none is lost between two processes; claiming needs none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa

from onefold.core.errors import NotFound
from onefold.database.dialects import Dialect, Insert
from onefold.database.engine import UnitOfWork, same_organization
from onefold.database.tables import instant_text, outbox, webhook_deliveries, webhook_endpoints
from onefold.database.tables import webhook_turns as turns
from onefold.webhooks.endpoint_store import list_endpoints
from onefold.webhooks.rules import profiles_of

_T = TypeVar("_T")


def batches(values: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    """The values, a bounded number at a time."""
    return (values[n : n + size] for n in range(0, len(values), size))


class DeliveryRow(NamedTuple):
    """One event's delivery to one endpoint: the event's number names it."""

    event_seq: int
    endpoint_id: str
    event_id: str
    event_type: str
    profile_id: str
    state: str
    attempts: int
    next_at: datetime | None
    last_status: int | None
    last_error: str | None
    created_at: datetime
    ended_at: datetime | None


class EventRow(NamedTuple):
    """An event of the outbox."""

    seq: int
    id: str
    profile_id: str
    type: str
    data: dict[str, Any]
    created_at: datetime


class Claimed(NamedTuple):
    """A delivery that is the caller's to send, until the claim runs out."""

    endpoint_id: str
    claim_id: str
    attempts: int
    event: EventRow


_e, _d, _o = webhook_endpoints.c, webhook_deliveries.c, outbox.c
_EVENT = [_o[name] for name in EventRow._fields]
_DELIVERY = [_o.type.label(name) if name == "event_type" else _d[name] for name in DeliveryRow._fields]
_WITH_EVENT = webhook_deliveries.join(
    outbox, sa.and_(same_organization(outbox, webhook_deliveries), _o.seq == _d.event_seq)
)
_DELIVERIES = Insert(
    webhook_deliveries,
    ("organization_id", "endpoint_id", "event_seq", "event_id", "profile_id", "next_at", "created_at"),
)
_TURNS = Insert(turns, ("organization_id", "endpoint_id", "profile_id", "event_seq"))
_LOCK = "webhook turns"
_AT_ONCE = 50
_HANDED_OVER_AT_ONCE = 500
_NO_END = 2**62
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


def lock_turns(unit: UnitOfWork) -> None:
    """Others that change turns of this organization wait until this unit ends."""
    unit.lock_values([_LOCK])


def forget_removed(unit: UnitOfWork, limit: int) -> None:
    """Deletes what is left of removed endpoints, about `limit` deliveries of each at a time."""
    removed = unit.select(_e.id).where(_e.state == "removed")
    for endpoint_id in unit.execute(removed).scalars().all():
        more = False
        for table, key in ((turns, turns.c.profile_id), (webhook_deliveries, _d.event_seq)):
            of_endpoint = table.c.endpoint_id == endpoint_id
            some = unit.execute(unit.select(key).where(of_endpoint).limit(limit)).scalars().all()
            unit.execute(unit.delete(table).where(of_endpoint, key.in_(set(some))))
            more = more or len(some) == limit
        if not more:
            unit.execute(unit.delete(webhook_endpoints).where(_e.id == endpoint_id))


def without_waiting(unit: UnitOfWork, before: datetime, after: int, limit: int) -> tuple[list[int], int | None]:
    """Of the next `limit` events from before, those that nobody waits for; and the last of all, None if it is the last.

    The newest event is none of them: SQLite counts on from the highest number.
    """
    # Looked at in their order, and no further than there are old ones: events of a week are many.
    next_ones = unit.select(_o.seq, _o.created_at, _o.pending).where(_o.seq > after, _o.seq < newest_seq(unit))
    rows = unit.execute(next_ones.order_by(_o.seq).limit(limit)).all()
    seqs = [row.seq for row in rows if row.created_at < before and not row.pending]
    more = len(rows) == limit and rows[-1].created_at < before
    awaited: set[int] = set()
    for endpoint in list_endpoints(unit) if seqs else []:
        if endpoint.state == "enabled":
            between = (_d.endpoint_id == endpoint.id, _d.event_seq.between(seqs[0], seqs[-1]))
            pending = unit.select(_d.event_seq).where(*between, _d.state == "pending")
            awaited |= set(unit.execute(pending).scalars())
    return [seq for seq in seqs if seq not in awaited], rows[-1].seq if more else None


def forget_deliveries(unit: UnitOfWork, seqs: Sequence[int], now: datetime) -> None:
    """Deletes the deliveries of events that are forgotten; a disabled endpoint may still have waited for some."""
    everyone = unit.execute(unit.select(_e.id)).scalars().all()
    for endpoint_id in everyone if seqs else []:
        scope = (_d.endpoint_id == endpoint_id, _d.event_seq.in_(seqs))
        pending = unit.execute(unit.select(_d.event_seq).where(*scope, _d.state == "pending")).scalars().all()
        unit.execute(unit.delete(webhook_deliveries).where(*scope))
        _leave(unit, endpoint_id, _events(unit, pending), now)


# From events to deliveries -------------------------------------------------------------------------------------------


def newest_seq(unit: UnitOfWork) -> int:
    """The number of the newest event; exact in a unit that is exclusive."""
    return unit.newest("outbox") or 0


def pending_events(unit: UnitOfWork, limit: int) -> list[EventRow]:
    """The first events that no delivery was made of yet."""
    return _events(unit, _waiting(unit, limit))


def _waiting(unit: UnitOfWork, limit: int) -> list[int]:
    waiting = unit.dialect.by_index("outbox", "outbox_pending")
    sql = f"SELECT seq FROM {waiting} WHERE organization_id = ? AND pending ORDER BY seq LIMIT ?"
    return [seq for (seq,) in unit.rows(sql, (unit.organization_id, limit))]


def _events(unit: UnitOfWork, seqs: Sequence[int]) -> list[EventRow]:
    if not seqs:
        return []
    select = unit.select(*_EVENT).where(_o.seq.in_(seqs))
    return [EventRow._make(row) for row in unit.execute(select.order_by(_o.seq))]


def handed_over(unit: UnitOfWork, events: Iterable[EventRow]) -> None:
    """These events wait no longer: their deliveries do."""
    _wait_no_longer(unit, [e.seq for e in events])


def _wait_no_longer(unit: UnitOfWork, seqs: Sequence[int]) -> None:
    unit.execute(unit.update(outbox).where(_o.seq.in_(seqs)).values(pending=False))


def nobody_waits(unit: UnitOfWork) -> None:
    """No event waits any longer, because there is nobody to tell."""
    while seqs := _waiting(unit, _HANDED_OVER_AT_ONCE):
        _wait_no_longer(unit, seqs)


def add_deliveries(unit: UnitOfWork, endpoint_id: str, events: Sequence[EventRow], now: datetime) -> None:
    """New deliveries, each at the end of the line of every profile it speaks of; the first of all of them are due."""
    if not events:
        return
    org, moment = unit.organization_id, instant_text(now)
    _line_up(unit, endpoint_id, events)
    first = _first(unit, endpoint_id, events)
    unit.insert(
        _DELIVERIES,
        [(org, endpoint_id, e.seq, e.id, e.profile_id, moment if e.seq in first else None, moment) for e in events],
    )


# Turns ---------------------------------------------------------------------------------------------------------------


def _of(event: EventRow) -> list[str]:
    return profiles_of(event.profile_id, event.data)


def _line_up(unit: UnitOfWork, endpoint_id: str, events: Iterable[EventRow]) -> None:
    unit.insert(_TURNS, [(unit.organization_id, endpoint_id, p, e.seq) for e in events for p in _of(e)])


@cache
def _heads_sql(d: Dialect) -> str:
    head = (
        "SELECT min(t.event_seq) FROM webhook_turns AS t "
        "WHERE t.organization_id = ? AND t.endpoint_id = ? AND t.profile_id = w.value"
    )
    return f"WITH w AS (SELECT k.value FROM {d.id_keys}) SELECT w.value, ({head}) FROM w"


def _heads(unit: UnitOfWork, endpoint_id: str, profile_ids: Iterable[str]) -> dict[str, int]:
    """The number of the event whose turn it is, by profile."""
    wanted = sorted(set(profile_ids))
    rows = unit.lookup(_heads_sql(unit.dialect), (unit.organization_id, endpoint_id), wanted) if wanted else []
    return {profile_id: int(seq) for profile_id, seq in rows if seq is not None}


def _first(unit: UnitOfWork, endpoint_id: str, events: Sequence[EventRow]) -> set[int]:
    """Those of the events whose turn it is with every profile they speak of."""
    heads = _heads(unit, endpoint_id, (p for e in events for p in _of(e)))
    return {e.seq for e in events if all(heads.get(p, e.seq) >= e.seq for p in _of(e))}


def _leave(unit: UnitOfWork, endpoint_id: str, events: Sequence[EventRow], now: datetime) -> None:
    """These events wait no longer; whoever waited for them gets the turn."""
    for some in batches(events, _AT_ONCE):
        profile_ids = sorted({p for e in some for p in _of(e)})
        theirs = (turns.c.profile_id.in_(profile_ids), turns.c.event_seq.in_([e.seq for e in some]))
        unit.execute(unit.delete(turns).where(turns.c.endpoint_id == endpoint_id, *theirs))
    for some in batches(events, _AT_ONCE):
        heads = _heads(unit, endpoint_id, (p for e in some for p in _of(e)))
        _give_turns(unit, endpoint_id, _events(unit, sorted(set(heads.values()))), now)


def _give_turns(unit: UnitOfWork, endpoint_id: str, events: Sequence[EventRow], now: datetime) -> None:
    first = _first(unit, endpoint_id, events)
    if first:
        waiting = (_is_delivery(endpoint_id, first), _d.state == "pending", _d.next_at.is_(None))
        unit.execute(unit.update(webhook_deliveries).where(*waiting).values(next_at=now))


def _is_delivery(endpoint_id: str, seqs: Iterable[int]) -> sa.ColumnElement[bool]:
    """Whether a delivery is one of these events' to the endpoint."""
    return sa.and_(_d.endpoint_id == endpoint_id, _d.event_seq.in_(sorted(seqs)))


# Sending -------------------------------------------------------------------------------------------------------------


def events_wait(unit: UnitOfWork) -> bool:
    """Whether an event waits to be handed over."""
    return bool(_waiting(unit, 1))


def is_due(unit: UnitOfWork, endpoint_id: str, now: datetime) -> bool:
    """Whether a delivery to the endpoint is due."""
    return unit.execute(_due(unit, endpoint_id, now).limit(1)).first() is not None


def _due(unit: UnitOfWork, endpoint_id: str, now: datetime) -> sa.Select[Any]:
    select = unit.select(_d.event_seq).where(_d.endpoint_id == endpoint_id, _d.next_at <= now)
    return select.order_by(_d.next_at)


def claim(
    unit: UnitOfWork, endpoint_id: str, claim_id: str, limit: int, now: datetime, until: datetime
) -> list[Claimed]:
    """Takes due deliveries of an endpoint, the longest due first; `until` then, nobody else does."""
    # Two statements: a limited selection inside an update may be run again by PostgreSQL, and take more.
    chosen = _due(unit, endpoint_id, now).limit(limit).with_for_update(skip_locked=True)
    seqs = unit.execute(chosen).scalars().all()
    if not seqs:
        return []
    claimed = _is_delivery(endpoint_id, seqs)
    taken = {"claim_id": claim_id, "attempts": _d.attempts + 1, "next_at": until}
    unit.execute(unit.update(webhook_deliveries).where(claimed).values(**taken))
    counted = unit.execute(unit.select(_d.attempts).where(claimed).order_by(_d.event_seq)).scalars()
    return [Claimed(endpoint_id, claim_id, *both) for both in zip(counted, _events(unit, seqs), strict=True)]


def still_claimed(unit: UnitOfWork, claimed: Claimed) -> bool:
    """Whether nobody else has taken the delivery since; locks it."""
    select = unit.select(_d.event_seq).where(_is_claimed(claimed), _d.claim_id == claimed.claim_id)
    return unit.execute(select.with_for_update()).first() is not None


def _is_claimed(claimed: Claimed) -> sa.ColumnElement[bool]:
    return _is_delivery(claimed.endpoint_id, [claimed.event.seq])


def reschedule(unit: UnitOfWork, claimed: Claimed, until: datetime, status: int | None, error: str | None) -> None:
    """The delivery stays pending and is due then, if it still is its turn."""
    first = _first(unit, claimed.endpoint_id, [claimed.event])
    values = {"claim_id": None, "last_status": status, "last_error": error, "next_at": until if first else None}
    unit.execute(unit.update(webhook_deliveries).where(_is_claimed(claimed)).values(**values))


def release(unit: UnitOfWork, claimed: Claimed, now: datetime) -> None:
    """The delivery was not tried, and is due at once."""
    values = {"claim_id": None, "attempts": _d.attempts - 1, "next_at": now}
    unit.execute(unit.update(webhook_deliveries).where(_is_claimed(claimed)).values(**values))


def end(unit: UnitOfWork, claimed: Claimed, state: str, status: int | None, error: str | None, now: datetime) -> None:
    """The delivery is delivered or has failed; whoever waited for it gets the turn."""
    values = {"state": state, "claim_id": None, "next_at": None, "ended_at": now}
    ending = unit.update(webhook_deliveries).where(_is_claimed(claimed))
    unit.execute(ending.values(last_status=status, last_error=error, **values))
    _leave(unit, claimed.endpoint_id, [claimed.event], now)


# Looking and repeating -----------------------------------------------------------------------------------------------


def list_deliveries(
    unit: UnitOfWork, endpoint_id: str, state: str | None, before: int | None, limit: int
) -> list[DeliveryRow]:
    """Deliveries to an endpoint, newest event first."""
    scope = [_d.endpoint_id == endpoint_id]
    scope += [] if before is None else [_d.event_seq < before]
    if state == "delivered":
        scope.append(_d.state == state)
    elif state is not None:
        scope.append(_d.event_seq.in_(_in_state(unit, endpoint_id, state, before=before, limit=limit)))
    select = unit.select(*_DELIVERY).select_from(_WITH_EVENT).where(*scope).order_by(_d.event_seq.desc())
    return [DeliveryRow._make(row) for row in unit.execute(select.limit(limit))]


def _in_state(unit: UnitOfWork, endpoint_id: str, state: str, before: int | None, limit: int) -> list[int]:
    """By an index of their own: most deliveries are delivered."""
    such = unit.dialect.by_index("webhook_deliveries", f"webhook_deliveries_{state}")
    sql = (
        f"SELECT event_seq FROM {such} WHERE organization_id = ? AND endpoint_id = ? AND state = '{state}' "
        "AND event_seq < ? ORDER BY event_seq DESC LIMIT ?"
    )
    end = _NO_END if before is None else before
    return [seq for (seq,) in unit.rows(sql, (unit.organization_id, endpoint_id, end, limit))]


def read_delivery(unit: UnitOfWork, endpoint_id: str, delivery_id: str) -> DeliveryRow:
    """The delivery of the event with this number; raises NotFound."""
    row = None
    if delivery_id.isascii() and delivery_id.isdigit() and len(delivery_id) < 19:
        select = unit.select(*_DELIVERY).select_from(_WITH_EVENT)
        row = unit.execute(select.where(_is_delivery(endpoint_id, [int(delivery_id)]))).one_or_none()
    if row is None:
        raise NotFound("There is no delivery with this id.", code="delivery_not_found")
    return DeliveryRow._make(row)


def failed_since(unit: UnitOfWork, endpoint_id: str, since: datetime, limit: int) -> list[int]:
    """The numbers of events from since then whose delivery to the endpoint has failed, oldest first."""
    failed = unit.dialect.by_index("webhook_deliveries", "webhook_deliveries_failed")
    sql = (
        f"SELECT event_seq FROM {failed} WHERE organization_id = ? AND endpoint_id = ? AND state = 'failed' "
        "AND created_at >= ? ORDER BY event_seq LIMIT ?"
    )
    return [seq for (seq,) in unit.rows(sql, (unit.organization_id, endpoint_id, instant_text(since), limit))]


def repeat(unit: UnitOfWork, endpoint_id: str, seqs: Sequence[int], now: datetime) -> None:
    """Ended deliveries take their places in line again; later ones of the same profiles wait for them."""
    events = _events(unit, seqs)
    if not events:
        return
    of_endpoint = _d.endpoint_id == endpoint_id
    again = {"state": "pending", "attempts": 0, "next_at": None, "claim_id": None, "ended_at": None}
    unit.execute(unit.update(webhook_deliveries).where(of_endpoint, _d.event_seq.in_(seqs)).values(**again))
    _line_up(unit, endpoint_id, events)
    due = unit.select(_d.event_seq).where(of_endpoint, _d.next_at >= _EVER, _d.claim_id.is_(None))
    for some in batches(_events(unit, sorted(unit.execute(due).scalars())), _AT_ONCE):
        overtaken = {e.seq for e in some} - _first(unit, endpoint_id, some)
        if overtaken:
            waiting = unit.update(webhook_deliveries).where(of_endpoint, _d.event_seq.in_(overtaken))
            unit.execute(waiting.values(next_at=None))
    _give_turns(unit, endpoint_id, events, now)
