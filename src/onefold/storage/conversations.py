"""Conversations and the items of a timeline."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from onefold.domain.errors import NotFound
from onefold.domain.ids import is_id
from onefold.storage.database import Unit
from onefold.storage.dialects import Insert
from onefold.storage.tables import attachments, conversations, instant_text, items

_WRITTEN = Insert(
    items,
    (
        "organization_id", "profile_id", "conversation_id", "contact_point_id", "kind", "direction", "channel",
        "agent_id", "subject", "body", "occurred_at", "recorded_at", "verified",
    ),
)  # fmt: skip


class ConversationRow(NamedTuple):
    """A conversation. `profile_id` is the profile it was opened for; its owner today is that profile's survivor."""

    id: str
    profile_id: str
    inbox_id: str
    assignee_id: str | None
    state: str
    opened_at: datetime
    closed_at: datetime | None


class ItemRow(NamedTuple):
    """An entry of a timeline; `seq` orders it."""

    seq: int
    profile_id: str
    conversation_id: str
    contact_point_id: str | None
    kind: str
    direction: str | None
    channel: str | None
    message_id: str | None
    agent_id: str | None
    subject: str | None
    body: str | None
    data: Any
    verified: bool
    occurred_at: datetime
    recorded_at: datetime


_CONVERSATION = [conversations.c[name] for name in ConversationRow._fields]
_ITEM = [items.c[name] for name in ItemRow._fields]


def read_conversation(unit: Unit, conversation_id: str) -> ConversationRow:
    """The conversation with this id; raises NotFound."""
    row = None
    if is_id(conversation_id):
        c = conversations.c
        mine = (c.organization_id == unit.organization_id, c.id == conversation_id)
        row = unit.execute(sa.select(*_CONVERSATION).where(*mine)).one_or_none()
    if row is None:
        raise NotFound("There is no conversation with this id.", code="conversation_not_found")
    return ConversationRow._make(row)


def conversations_of(unit: Unit, profile_ids: Sequence[str], before: str | None, limit: int) -> list[ConversationRow]:
    """The conversations of a profile and of those merged into it, newest first."""
    c = conversations.c
    select = sa.select(*_CONVERSATION).where(c.organization_id == unit.organization_id, c.profile_id.in_(profile_ids))
    if before is not None:
        select = select.where(c.id < before)
    return [ConversationRow._make(row) for row in unit.execute(select.order_by(c.id.desc()).limit(limit))]


def open_conversations(unit: Unit, inbox_id: str, before: str | None, limit: int) -> list[ConversationRow]:
    """The open conversations of an inbox, newest first."""
    c = conversations.c
    mine = (c.organization_id == unit.organization_id, c.inbox_id == inbox_id, c.state == "open")
    select = sa.select(*_CONVERSATION).where(*mine)
    if before is not None:
        select = select.where(c.id < before)
    return [ConversationRow._make(row) for row in unit.execute(select.order_by(c.id.desc()).limit(limit))]


def open_conversation_of(unit: Unit, profile_id: str) -> ConversationRow | None:
    """The one open conversation of a profile."""
    c = conversations.c
    mine = (c.organization_id == unit.organization_id, c.profile_id == profile_id, c.state == "open")
    row = unit.execute(sa.select(*_CONVERSATION).where(*mine)).one_or_none()
    return None if row is None else ConversationRow._make(row)


def add_conversation(unit: Unit, conversation_id: str, profile_id: str, inbox_id: str, now: datetime) -> None:
    """A new open conversation."""
    unit.execute(
        conversations.insert().values(
            organization_id=unit.organization_id, id=conversation_id, profile_id=profile_id, inbox_id=inbox_id,
            state="open", opened_at=now,
        )
    )  # fmt: skip


def change_conversation(unit: Unit, conversation_id: str, **values: object) -> None:
    """Sets fields of a conversation."""
    c = conversations.c
    mine = (c.organization_id == unit.organization_id, c.id == conversation_id)
    unit.execute(conversations.update().where(*mine).values(**values))


def timeline(
    unit: Unit, profile_ids: Sequence[str], before: int | None, limit: int, conversation_id: str | None = None
) -> list[ItemRow]:
    """The newest items of a profile and those merged into it, in the order of the database's sequence, newest first."""
    i = items.c
    found: list[ItemRow] = []
    for profile_id in profile_ids:
        if conversation_id is None:
            of = (i.organization_id == unit.organization_id, i.profile_id == profile_id)
        else:
            of = (i.organization_id == unit.organization_id, i.conversation_id == conversation_id)
        select = sa.select(*_ITEM).where(*of)
        if before is not None:
            select = select.where(i.seq < before)
        found += [ItemRow._make(row) for row in unit.execute(select.order_by(i.seq.desc()).limit(limit))]
    return sorted(found, key=lambda item: item.seq, reverse=True)[:limit]


def add_item(unit: Unit, now: datetime, **values: Any) -> int:
    """Appends an item written here (a note, an outgoing message); returns its number."""
    row = {"organization_id": unit.organization_id, "recorded_at": now, "occurred_at": now, "verified": True, **values}
    texts = {"recorded_at": instant_text(row["recorded_at"]), "occurred_at": instant_text(row["occurred_at"])}
    return unit.append(_WRITTEN, [tuple({**row, **texts}.get(column) for column in _WRITTEN.columns)])[0]


def attachments_of(unit: Unit, seqs: Sequence[int]) -> dict[int, list[tuple[int, str, str, int]]]:
    """(position, file name, content type, bytes) of what came with each item."""
    a = attachments.c
    rows = unit.execute(
        sa.select(a.item_seq, a.position, a.filename, a.content_type, sa.func.length(a.content).label("size"))
        .where(a.organization_id == unit.organization_id, a.item_seq.in_(seqs))
        .order_by(a.item_seq, a.position)
    )
    found: dict[int, list[tuple[int, str, str, int]]] = {}
    for row in rows:
        found.setdefault(row.item_seq, []).append((row.position, row.filename, row.content_type, row.size))
    return found


def read_attachment(unit: Unit, conversation_id: str, seq: int, position: int) -> bytes:
    """The content of a file; raises NotFound."""
    conversation = read_conversation(unit, conversation_id)
    a = attachments.c
    content = unit.execute(
        sa.select(a.content)
        .join(items, sa.and_(items.c.organization_id == a.organization_id, items.c.seq == a.item_seq))
        .where(
            a.organization_id == unit.organization_id,
            a.item_seq == seq,
            a.position == position,
            items.c.conversation_id == conversation.id,
        )
    ).scalar_one_or_none()
    if content is None:
        raise NotFound("There is no such attachment.", code="attachment_not_found")
    return bytes(content)
