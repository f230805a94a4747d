"""Webhooks (EVT-1): endpoints, and each event's delivery to each of them, in turn.

A pending delivery has a row in `webhook_turns` for every profile its event speaks of. It is its turn, and `next_at` is
set, when it is the first of all of them; whoever ends one gives the turn on. Turns change under the organization's
lock only (`lock_turns`), so that none is lost between two processes; claiming needs none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from onefold.domain.errors import NotFound
from onefold.domain.ids import is_id
from onefold.storage.database import Database, Unit
from onefold.storage.dialects import Insert
from onefold.storage.tables import instant_text, organizations, outbox, webhook_deliveries, webhook_endpoints
from onefold.storage.tables import webhook_turns as turns


class EndpointRow(NamedTuple):
    """Where events are sent. `event_types` None: all of them. Secrets are for signing, and shown when they are made."""

    id: str
    url: str
    description: str
    event_types: list[str] | None
    state: str
    reason: str | None
    secret: str
    previous_secret: str | None
    previous_until: datetime | None
    after_seq: int
    failures: int
    failing_since: datetime | None
    paused_until: datetime | None
    created_at: datetime


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


class Place(NamedTuple):
    """An event's place in the lines of an endpoint: behind the earlier ones of each of these profiles."""

    event: EventRow
    profile_ids: Sequence[str]


_e, _d, _o = webhook_endpoints.c, webhook_deliveries.c, outbox.c
_ENDPOINT = [_e[name] for name in EndpointRow._fields]
_EVENT = [_o[name] for name in EventRow._fields]
_DELIVERY = [_o.type.label(name) if name == "event_type" else _d[name] for name in DeliveryRow._fields]
_WITH_EVENT = webhook_deliveries.join(outbox, sa.and_(_o.organization_id == _d.organization_id, _o.seq == _d.event_seq))
# Conditions as the partial indexes have them, and for SQLite their names: it does not find them by itself.
_WAITS = sa.text("outbox.pending")
_HANDED_OVER = sa.text("NOT outbox.pending")
_BY_WAITING = "INDEXED BY outbox_pending"
_DELIVERIES = Insert(
    webhook_deliveries,
    ("organization_id", "endpoint_id", "event_seq", "event_id", "profile_id", "next_at", "created_at"),
)
_TURNS = Insert(turns, ("organization_id", "endpoint_id", "profile_id", "event_seq"))
_LOCK = "webhook turns"


def organizations_with_webhooks(database: Database) -> list[int]:
    """The organizations that have somebody to tell."""
    with database.raw() as connection:
        rows = connection.execute(sa.select(organizations.c.id).where(organizations.c.has_webhooks))
        return list(rows.scalars())


def lock_turns(unit: Unit) -> None:
    """Others that change turns of this organization wait until this unit ends."""
    unit.lock_values([_LOCK])


# Endpoints -----------------------------------------------------------------------------------------------------------


def add_endpoint(unit: Unit, endpoint: EndpointRow) -> None:
    """A new endpoint."""
    unit.execute(webhook_endpoints.insert().values(organization_id=unit.organization_id, **endpoint._asdict()))


def list_endpoints(unit: Unit) -> list[EndpointRow]:
    """Every endpoint, in the order they came."""
    mine = (_e.organization_id == unit.organization_id, _e.state != "removed")
    return [EndpointRow._make(row) for row in unit.execute(sa.select(*_ENDPOINT).where(*mine).order_by(_e.id))]


def read_endpoint(unit: Unit, endpoint_id: str, *, lock: bool = False) -> EndpointRow:
    """The endpoint with this id; raises NotFound."""
    row = None
    if is_id(endpoint_id):
        mine = (_e.organization_id == unit.organization_id, _e.id == endpoint_id, _e.state != "removed")
        select = sa.select(*_ENDPOINT).where(*mine)
        row = unit.execute(select.with_for_update(key_share=True) if lock else select).one_or_none()
    if row is None:
        raise NotFound("There is no webhook with this id.", code="webhook_not_found")
    return EndpointRow._make(row)


def change_endpoint(unit: Unit, endpoint_id: str, **values: object) -> None:
    """Sets fields of an endpoint."""
    mine = (_e.organization_id == unit.organization_id, _e.id == endpoint_id)
    unit.execute(webhook_endpoints.update().where(*mine).values(**values))


def forget_removed(unit: Unit, limit: int) -> None:
    """Deletes what is left of removed endpoints, at most `limit` deliveries of each."""
    org = unit.organization_id
    removed = sa.select(_e.id).where(_e.organization_id == org, _e.state == "removed")
    for endpoint_id in unit.execute(removed).scalars().all():
        left = 0
        for table in (turns, webhook_deliveries):
            mine = (table.c.organization_id == org, table.c.endpoint_id == endpoint_id)
            some = sa.select(table.c.event_seq).where(*mine).limit(limit)
            seqs = sorted(set(unit.execute(some).scalars()))
            unit.execute(table.delete().where(*mine, table.c.event_seq.in_(seqs)))
            left += len(seqs) == limit
        if not left:
            unit.execute(webhook_endpoints.delete().where(_e.organization_id == org, _e.id == endpoint_id))


def without_waiting(unit: Unit, before: datetime, after: int, limit: int) -> tuple[list[int], int | None]:
    """Of the next `limit` events from before, those that nobody waits for; and the last of all, None if it is the last.

    The newest event is none of them: SQLite counts on from the highest number.
    """
    org = unit.organization_id
    old = (_o.organization_id == org, _o.seq > after, _o.seq < newest_seq(unit), _o.created_at < before, _HANDED_OVER)
    found = list(unit.execute(sa.select(_o.seq).where(*old).order_by(_o.seq).limit(limit)).scalars())
    awaited: set[int] = set()
    for endpoint in list_endpoints(unit) if found else []:
        if endpoint.state == "enabled":
            between = (
                _d.organization_id == org,
                _d.endpoint_id == endpoint.id,
                _d.event_seq.between(found[0], found[-1]),
            )
            awaited |= set(unit.execute(_in_state(sa.select(_d.event_seq), "pending").where(*between)).scalars())
    return [seq for seq in found if seq not in awaited], found[-1] if len(found) == limit else None


def _in_state(select: sa.Select[Any], state: str) -> sa.Select[Any]:
    """The select by the index of the state; most are delivered, they have none."""
    if state == "delivered":
        return select.where(_d.state == state)
    such = sa.text(f"webhook_deliveries.state = '{state}'")
    return select.where(such).with_hint(webhook_deliveries, f"INDEXED BY webhook_deliveries_{state}", "sqlite")


def forget_deliveries(unit: Unit, events: Sequence[EventRow], profile_ids: Sequence[Sequence[str]]) -> None:
    """Deletes the deliveries of events that are forgotten."""
    org = unit.organization_id
    everyone = unit.execute(sa.select(_e.id).where(_e.organization_id == org)).scalars().all()
    seqs = [e.seq for e in events]
    for endpoint_id in everyone if seqs else []:
        mine = (_d.organization_id == org, _d.endpoint_id == endpoint_id, _d.event_seq.in_(seqs))
        unit.execute(webhook_deliveries.delete().where(*mine))
        for event, speaks_of in zip(events, profile_ids, strict=True):
            _leave(unit, endpoint_id, Place(event, speaks_of))


# From events to deliveries -------------------------------------------------------------------------------------------


def newest_seq(unit: Unit) -> int:
    """The number of the newest event; exact in a unit that is alone."""
    newest = sa.select(_o.seq).where(_o.organization_id == unit.organization_id).order_by(_o.seq.desc()).limit(1)
    return int(unit.execute(newest).scalar() or 0)


def pending_events(unit: Unit, limit: int) -> list[EventRow]:
    """The first events that no delivery was made of yet."""
    mine = (_o.organization_id == unit.organization_id, _PENDING)
    return [EventRow._make(r) for r in unit.execute(sa.select(*_EVENT).where(*mine).order_by(_o.seq).limit(limit))]


def handed_over(unit: Unit, events: Iterable[EventRow]) -> None:
    """These events wait no longer: their deliveries do."""
    mine = (_o.organization_id == unit.organization_id, _o.seq.in_([e.seq for e in events]))
    unit.execute(outbox.update().where(*mine).values(pending=False))


def nobody_waits(unit: Unit) -> None:
    """No event waits any longer, because there is nobody to tell."""
    unit.execute(outbox.update().where(_o.organization_id == unit.organization_id, _PENDING).values(pending=False))


def add_deliveries(unit: Unit, places: Sequence[Place], now: datetime) -> None:
    """New deliveries, each at the end of the line of every profile it speaks of; the first of a line gets its turn."""
    org, moment = unit.organization_id, instant_text(now)
    if places:
        unit.insert(
            _DELIVERIES,
            [(org, p.id, p.endpoint_id, p.event.seq, p.event.id, p.event.profile_id, moment) for p in places],
        )
        _line_up(unit, places)
        for endpoint_id in sorted({p.endpoint_id for p in places}):
            _give_turns(unit, endpoint_id, [p.event.seq for p in places if p.endpoint_id == endpoint_id], now)


def _line_up(unit: Unit, places: Iterable[Place]) -> None:
    org = unit.organization_id
    unit.insert(_TURNS, [(org, p.endpoint_id, other, p.event.seq) for p in places for other in p.profile_ids])


def _somebody_first() -> sa.ColumnElement[bool]:
    """Whether an earlier delivery of the same endpoint speaks of one of the same profiles."""
    mine, earlier = turns.alias("mine"), turns.alias("earlier")
    line = sa.and_(
        earlier.c.organization_id == mine.c.organization_id,
        earlier.c.endpoint_id == mine.c.endpoint_id,
        earlier.c.profile_id == mine.c.profile_id,
        earlier.c.event_seq < mine.c.event_seq,
    )
    of_it = (
        mine.c.organization_id == _d.organization_id,
        mine.c.endpoint_id == _d.endpoint_id,
        mine.c.event_seq == _d.event_seq,
    )
    found = sa.select(sa.literal(1)).select_from(mine.join(earlier, line)).where(*of_it)
    return sa.exists(found.correlate(webhook_deliveries))


def _give_turns(unit: Unit, endpoint_id: str, seqs: Sequence[int], now: datetime) -> None:
    if not seqs:
        return
    waiting = (
        _d.organization_id == unit.organization_id, _d.endpoint_id == endpoint_id, _d.event_seq.in_(seqs),
        _d.state == "pending", _d.next_at.is_(None), sa.not_(_somebody_first()),
    )  # fmt: skip
    unit.execute(webhook_deliveries.update().where(*waiting).values(next_at=now))


# Sending -------------------------------------------------------------------------------------------------------------


def events_wait(unit: Unit) -> bool:
    """Whether an event waits to be handed over."""
    waiting = sa.select(_o.seq).where(_o.organization_id == unit.organization_id, _PENDING)
    return unit.execute(waiting.limit(1)).first() is not None


def is_due(unit: Unit, endpoint_id: str, now: datetime) -> bool:
    """Whether a delivery to the endpoint is due."""
    due = (_d.organization_id == unit.organization_id, _d.endpoint_id == endpoint_id, _d.next_at <= now)
    return unit.execute(sa.select(_d.id).where(*due).limit(1)).first() is not None


def claim(unit: Unit, endpoint_id: str, claim_id: str, limit: int, now: datetime, until: datetime) -> list[Claimed]:
    """Takes due deliveries of an endpoint, the longest due first; `until` then, nobody else does."""
    org = unit.organization_id
    due = (_d.organization_id == org, _d.endpoint_id == endpoint_id, _d.next_at <= now)
    # Two statements: a limited selection inside an update may be run again by PostgreSQL, and take more.
    chosen = sa.select(_d.id).where(*due).order_by(_d.next_at).limit(limit).with_for_update(skip_locked=True)
    ids = unit.execute(chosen).scalars().all()
    if not ids:
        return []
    mine = (_d.organization_id == org, _d.id.in_(ids))
    taken = {"claim_id": claim_id, "attempts": _d.attempts + 1, "next_at": until}
    unit.execute(webhook_deliveries.update().where(*mine).values(**taken))
    rows = unit.execute(sa.select(*_EVENT, _d.id, _d.attempts).select_from(_WITH_EVENT).where(*mine)).mappings()
    events = ((row, EventRow._make(row[column] for column in _EVENT)) for row in rows)
    return [Claimed(row[_d.id], claim_id, row[_d.attempts], event) for row, event in events]


def still_claimed(unit: Unit, claimed: Claimed) -> bool:
    """Whether nobody else has taken the delivery since; locks it."""
    mine = (_d.organization_id == unit.organization_id, _d.id == claimed.id, _d.claim_id == claimed.claim_id)
    return unit.execute(sa.select(_d.id).where(*mine).with_for_update()).first() is not None


def put_off(
    unit: Unit, claimed: Claimed, until: datetime, status: int | None, error: str | None, *, tried: bool = True
) -> None:
    """The delivery stays pending and is due then, if it still is its turn; one that was not tried is not counted."""
    values: dict[str, object] = {"claim_id": None, "last_status": status, "last_error": error}
    if not tried:
        values = {"claim_id": None, "attempts": _d.attempts - 1}
    then = sa.case((_somebody_first(), sa.null()), else_=sa.literal(until, _d.next_at.type))
    mine = (_d.organization_id == unit.organization_id, _d.id == claimed.id)
    unit.execute(webhook_deliveries.update().where(*mine).values(next_at=then, **values))


def end(
    unit: Unit, endpoint_id: str, claimed: Claimed, state: str, status: int | None, error: str | None, now: datetime
) -> None:
    """The delivery is delivered or has failed; whoever waited for it gets the turn."""
    org, seq = unit.organization_id, claimed.event.seq
    unit.execute(
        webhook_deliveries.update()
        .where(_d.organization_id == org, _d.id == claimed.id)
        .values(state=state, claim_id=None, next_at=None, last_status=status, last_error=error, ended_at=now)
    )
    line = (turns.c.organization_id == org, turns.c.endpoint_id == endpoint_id)
    freed = unit.execute(sa.select(turns.c.profile_id).where(*line, turns.c.event_seq == seq)).scalars().all()
    unit.execute(turns.delete().where(*line, turns.c.event_seq == seq))
    heads = [_head(unit, endpoint_id, profile_id) for profile_id in freed]
    _give_turns(unit, endpoint_id, sorted({head for head in heads if head is not None}), now)


def _head(unit: Unit, endpoint_id: str, profile_id: str) -> int | None:
    line = (
        turns.c.organization_id == unit.organization_id, turns.c.endpoint_id == endpoint_id,
        turns.c.profile_id == profile_id,
    )  # fmt: skip
    first = sa.select(turns.c.event_seq).where(*line).order_by(turns.c.event_seq).limit(1)
    found = unit.execute(first).scalar()
    return None if found is None else int(found)


# Looking and repeating -----------------------------------------------------------------------------------------------


def list_deliveries(
    unit: Unit, endpoint_id: str, states: Sequence[str], before: str | None, limit: int
) -> list[DeliveryRow]:
    """Deliveries to an endpoint in these states, newest first."""
    found: list[DeliveryRow] = []
    for state in states:  # each by its index; together they are put in order here
        mine = [_d.organization_id == unit.organization_id, _d.endpoint_id == endpoint_id, _d.state == state]
        mine += [] if before is None else [_d.id < before]
        select = sa.select(*_DELIVERY).select_from(_WITH_EVENT).where(*mine).order_by(_d.id.desc()).limit(limit)
        found += [DeliveryRow._make(row) for row in unit.execute(select)]
    return sorted(found, key=lambda row: row.id, reverse=True)[:limit]


def read_delivery(unit: Unit, endpoint_id: str, delivery_id: str) -> DeliveryRow:
    """The delivery with this id; raises NotFound."""
    row = None
    if is_id(delivery_id):
        mine = (_d.organization_id == unit.organization_id, _d.id == delivery_id, _d.endpoint_id == endpoint_id)
        row = unit.execute(sa.select(*_DELIVERY).select_from(_WITH_EVENT).where(*mine)).one_or_none()
    if row is None:
        raise NotFound("There is no delivery with this id.", code="delivery_not_found")
    return DeliveryRow._make(row)


def ended_events(
    unit: Unit, endpoint_id: str, *, delivery_id: str | None = None, since: datetime | None = None, limit: int = 1
) -> list[EventRow]:
    """Events whose delivery to the endpoint has ended (that one), or failed (all since then), oldest first."""
    states = ("delivered", "failed") if delivery_id is not None else ("failed",)
    mine = [_d.organization_id == unit.organization_id, _d.endpoint_id == endpoint_id, _d.state.in_(states)]
    mine += [] if delivery_id is None else [_d.id == delivery_id]
    mine += [] if since is None else [_d.created_at >= since]
    select = sa.select(*_EVENT).select_from(_WITH_EVENT).where(*mine).order_by(_d.id).limit(limit)
    return [EventRow._make(row) for row in unit.execute(select)]


def repeat(unit: Unit, endpoint_id: str, places: Sequence[Place], now: datetime) -> None:
    """Ended deliveries take their places in line again; later ones of the same profiles wait for them."""
    if not places:
        return
    seqs = [p.event.seq for p in places]
    mine = (_d.organization_id == unit.organization_id, _d.endpoint_id == endpoint_id)
    again = {"state": "pending", "attempts": 0, "next_at": None, "claim_id": None, "ended_at": None}
    unit.execute(webhook_deliveries.update().where(*mine, _d.event_seq.in_(seqs)).values(**again))
    _line_up(unit, places)
    overtaken = (_d.next_at.is_not(None), _d.claim_id.is_(None), _somebody_first())
    unit.execute(webhook_deliveries.update().where(*mine, *overtaken).values(next_at=None))
    _give_turns(unit, endpoint_id, seqs, now)
