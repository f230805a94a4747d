"""What other systems will be told (EVT), written in the transaction it speaks of; and what may be forgotten again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from onefold.storage import webhooks
from onefold.storage.contacts import OUTBOX
from onefold.storage.database import UnitOfWork
from onefold.storage.tables import idempotency_keys, instant_text, outbox, sessions, sign_in_tokens


class Event(NamedTuple):
    """Something that other systems are told: ids only, never customer data."""

    id: str
    kind: str
    profile_id: str
    data: Mapping[str, Any]


def emit(unit: UnitOfWork, event_id: str, kind: str, profile_id: str, data: Mapping[str, Any], now: datetime) -> None:
    """One event of one profile."""
    emit_all(unit, [Event(event_id, kind, profile_id, data)], now)


def emit_all(unit: UnitOfWork, events: Sequence[Event], now: datetime) -> None:
    """Several events at once, in order."""
    if not events:
        return
    org, moment = unit.organization_id, instant_text(now)
    found = unit.one("SELECT has_webhooks FROM organizations WHERE id = ?", (org,))
    pending = found is not None and bool(found[0])  # exact: the switch is made in a unit that is exclusive
    texts = [msgspec.json.encode(event.data).decode() for event in events]
    rows = [(org, e.id, e.profile_id, e.kind, text, pending, moment) for e, text in zip(events, texts, strict=True)]
    unit.append(OUTBOX, rows)


def forget(unit: UnitOfWork, *, events_before: datetime, keys_before: datetime, now: datetime, limit: int) -> int:
    """Deletes old events and idempotency keys, at most `limit` of each, and expired sessions and one-time tokens of
    signing in; returns how many.

    An event stays for as long as it waits for webhooks or is being delivered to one that is enabled.
    """
    k, s, t = idempotency_keys.c, sessions.c, sign_in_tokens.c
    org = unit.organization_id
    old_keys = sa.select(k.key).where(k.organization_id == org, k.created_at < keys_before)
    deletions = (
        idempotency_keys.delete().where(k.organization_id == org, k.key.in_(old_keys.limit(limit).scalar_subquery())),
        sessions.delete().where(s.organization_id == org, s.expires_at < now),
        sign_in_tokens.delete().where(t.organization_id == org, t.expires_at < now),
    )
    webhooks.forget_removed(unit, limit)
    return _forget_events(unit, events_before, now, limit) + sum(int(unit.execute(d).rowcount) for d in deletions)


def _forget_events(unit: UnitOfWork, before: datetime, now: datetime, limit: int) -> int:
    org, o = unit.organization_id, outbox.c
    webhooks.lock_turns(unit)  # nobody repeats a delivery of what is chosen here
    seqs, last = webhooks.without_waiting(unit, before, 0, limit)
    while not seqs and last is not None:  # a backlog at the very beginning must not keep all behind it
        seqs, last = webhooks.without_waiting(unit, before, last, limit)
    webhooks.forget_deliveries(unit, seqs, now)
    return int(unit.execute(outbox.delete().where(o.organization_id == org, o.seq.in_(seqs))).rowcount)


def remembered(unit: UnitOfWork, key: str) -> tuple[str, int, dict[str, str], bytes] | None:
    """(fingerprint, status, headers, body) of the answer an idempotency key got."""
    k = idempotency_keys.c
    row = unit.execute(
        sa.select(k.fingerprint, k.status, k.headers, k.body).where(
            k.organization_id == unit.organization_id, k.key == key
        )
    ).one_or_none()
    return None if row is None else (row.fingerprint, row.status, row.headers, bytes(row.body))


def remember(
    unit: UnitOfWork, key: str, fingerprint: str, status: int, headers: dict[str, str], body: bytes, now: datetime
) -> None:
    """Keeps an answer for its idempotency key, in the transaction that did what it answers."""
    unit.execute(
        idempotency_keys.insert().values(
            organization_id=unit.organization_id,
            key=key,
            fingerprint=fingerprint,
            status=status,
            headers=headers,
            body=body,
            created_at=now,
        )
    )
