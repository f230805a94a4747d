"""Everything that is kept of one customer, read a part at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from onefold.conversations import timeline_store as timelines
from onefold.conversations.timeline_store import Position
from onefold.database.engine import UnitOfWork
from onefold.database.tables import (
    addresses,
    attachments,
    audit_records,
    contact_points,
    conversations,
    details,
    drafts,
    items,
    merges,
)

Rows = list[dict[str, Any]]

_POINT = (
    "id",
    "kind",
    "value",
    "written",
    "phone_type",
    "main",
    "sms",
    "handle",
    "identifying",
    "contacted",
    "current",
    "standing",
    "undeliverable",
    "created_at",
)
_DETAIL = ("id", "key", "value", "from_profile_id", "created_at")
_ADDRESS = ("id", "label", "street", "city", "region", "postal_code", "country", "created_at")
_DRAFT = ("id", "author_id", "kind", "contact_point_id", "subject", "body", "created_at", "updated_at")
_CONVERSATION = (
    "id",
    "profile_id",
    "inbox_id",
    "assignee_id",
    "state",
    "opened_at",
    "closed_at",
    "merged_into_id",
)
_ITEM = (
    "seq",
    "profile_id",
    "conversation_id",
    "contact_point_id",
    "kind",
    "direction",
    "channel",
    "message_id",
    "agent_id",
    "subject",
    "body",
    "data",
    "sender_state",
    "occurred_at",
    "recorded_at",
    "timeline_second",
    "inbox_id",
    "sender_name",
)
_MERGE = (
    "id",
    "source_id",
    "destination_id",
    "agent_id",
    "audit_seq",
    "created_at",
    "undone_at",
    "former_name",
    "together_id",
)


def _select(unit: UnitOfWork, table: sa.Table, fields: Sequence[str], *which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return unit.select(*(table.c[f] for f in fields)).where(*which)


def _rows(unit: UnitOfWork, select: sa.Select[Any]) -> Rows:
    return [dict(row._mapping) for row in unit.execute(select)]


def parts_of(unit: UnitOfWork, profile_id: str) -> dict[str, Rows]:
    """Contact points, those not shown among them, details, addresses and every author's drafts of a living profile."""
    wanted = {
        "contact_points": (contact_points, _POINT),
        "details": (details, _DETAIL),
        "addresses": (addresses, _ADDRESS),
        "drafts": (drafts, _DRAFT),
    }
    return {
        name: _rows(unit, _select(unit, table, fields, table.c.profile_id == profile_id).order_by(table.c.id))
        for name, (table, fields) in wanted.items()
    }


def merges_within(unit: UnitOfWork, ids: Sequence[str]) -> Rows:
    """The merges by which the customer's profiles became one; those with another customer, since undone, are not."""
    both = (merges.c.source_id.in_(ids), merges.c.destination_id.in_(ids))
    return _rows(unit, _select(unit, merges, _MERGE, *both).order_by(merges.c.id))


def record_of(unit: UnitOfWork, audit_seq: int) -> str | None:
    """What was kept of both sides before a merge, as JSON."""
    this = audit_records.c.seq == audit_seq
    return unit.execute(_select(unit, audit_records, ("record",), this)).scalar_one_or_none()


def conversations_after(unit: UnitOfWork, ids: Sequence[str], after: str | None, limit: int) -> Rows:
    """The oldest conversations of the profiles behind one, those among them that became one with another."""
    c = conversations.c
    which = [c.profile_id.in_(ids)] + ([] if after is None else [c.id > after])
    return _rows(unit, _select(unit, conversations, _CONVERSATION, *which).order_by(c.id).limit(limit))


def count_items(unit: UnitOfWork, ids: Sequence[str]) -> int:
    """How many items the profiles have."""
    counting = unit.select(sa.func.count(), of=items).where(items.c.profile_id.in_(ids))
    return int(unit.execute(counting).scalar_one())


def items_after(unit: UnitOfWork, ids: Sequence[str], after: Position, limit: int) -> Rows:
    """The items of the profiles that happened next after a place on their timeline, the oldest first."""
    numbers = timelines.oldest_numbers(unit, ids, after, limit)
    rows = _rows(unit, _select(unit, items, _ITEM, items.c.seq.in_(numbers)))
    return sorted(rows, key=lambda row: (row["timeline_second"], row["seq"]))


def files_of(unit: UnitOfWork, seqs: Sequence[int]) -> list[tuple[int, int]]:
    """(item, position) of every attachment of some items, in order."""
    a = attachments.c
    which = a.item_seq.in_(seqs)
    rows = unit.execute(_select(unit, attachments, ("item_seq", "position"), which).order_by(a.item_seq, a.position))
    return [tuple(row) for row in rows]


def read_file(unit: UnitOfWork, seq: int, position: int) -> tuple[str, str, bytes] | None:
    """(file name, content type, content) of one attachment."""
    a = attachments.c
    fields = ("filename", "content_type", "content")
    row = unit.execute(_select(unit, attachments, fields, a.item_seq == seq, a.position == position)).one_or_none()
    return None if row is None else (row.filename, row.content_type, bytes(row.content))
