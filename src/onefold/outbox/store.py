"""What other systems will be told (EVT), written in the transaction it speaks of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from onefold.database.dialects import Insert
from onefold.database.engine import UnitOfWork
from onefold.database.tables import instant_text, outbox

OUTBOX = Insert(outbox, ("organization_id", "id", "profile_id", "type", "data", "pending", "created_at"))


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
    row = unit.one("SELECT has_webhooks FROM organizations WHERE id = ?", (org,))
    pending = row is not None and bool(row[0])  # exact: the switch is made in a unit that is exclusive
    texts = [msgspec.json.encode(event.data).decode() for event in events]
    rows = [(org, e.id, e.profile_id, e.kind, text, pending, moment) for e, text in zip(events, texts, strict=True)]
    unit.append(OUTBOX, rows)
