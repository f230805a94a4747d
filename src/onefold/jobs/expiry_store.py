"""Deleting expired rows, a bounded number at a time: events, idempotency keys, sessions, one-time tokens,
tries to sign in and who was where."""

from __future__ import annotations

from datetime import datetime

from onefold.accounts import throttle
from onefold.conversations.presence import STAYS
from onefold.database.engine import UnitOfWork
from onefold.database.tables import idempotency_keys, outbox, presence, sessions, sign_in_tokens, sign_in_tries
from onefold.webhooks import store as webhooks


def delete_expired(
    unit: UnitOfWork, *, events_before: datetime, keys_before: datetime, now: datetime, limit: int
) -> int:
    """Deletes old events and idempotency keys, at most `limit` of each, and expired sessions and what signing in
    has left behind; returns how many.

    An event stays for as long as it waits for webhooks or is being delivered to one that is enabled.
    """
    k, s, t = idempotency_keys.c, sessions.c, sign_in_tokens.c
    old_keys = unit.select(k.key).where(k.created_at < keys_before)
    deletions = (
        unit.delete(idempotency_keys).where(k.key.in_(old_keys.limit(limit).scalar_subquery())),
        unit.delete(sessions).where(s.expires_at < now),
        unit.delete(sign_in_tokens).where(t.expires_at < now),
        unit.delete(sign_in_tries).where(sign_in_tries.c.tried_at < now - throttle.WINDOW),
        unit.delete(presence).where(presence.c.seen_at < now - STAYS),
    )
    webhooks.forget_removed(unit, limit)
    return _delete_events(unit, events_before, now, limit) + sum(int(unit.execute(d).rowcount) for d in deletions)


def _delete_events(unit: UnitOfWork, before: datetime, now: datetime, limit: int) -> int:
    webhooks.lock_turns(unit)  # nobody repeats a delivery of what is chosen here
    seqs, last = webhooks.without_waiting(unit, before, 0, limit)
    while not seqs and last is not None:  # a backlog at the very beginning must not keep all behind it
        seqs, last = webhooks.without_waiting(unit, before, last, limit)
    webhooks.forget_deliveries(unit, seqs, now)
    return int(unit.execute(unit.delete(outbox).where(outbox.c.seq.in_(seqs))).rowcount)
