"""Conversations and the items of a timeline."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from onefold.contact_points.standing import SenderState
from onefold.conversations.timeline import happened_at, timeline_second
from onefold.conversations.timeline_events import TimelineEvent
from onefold.core.errors import NotFound
from onefold.core.ids import is_id
from onefold.database.dialects import Insert
from onefold.database.engine import UnitOfWork, same_organization
from onefold.database.tables import attachments, conversations, instant_text, item_inboxes, items

_WRITTEN = Insert(
    items,
    (
        "organization_id",
        "profile_id",
        "conversation_id",
        "contact_point_id",
        "kind",
        "direction",
        "channel",
        "message_id",
        "sender_key",
        "sender_state",
        "agent_id",
        "subject",
        "body",
        "data",
        "occurred_at",
        "recorded_at",
        "timeline_second",
        "inbox_id",
    ),
)


class ConversationRow(NamedTuple):
    """A conversation. `profile_id` is the profile it was opened for; its owner today is that profile's survivor.

    `merged_into_id` is the conversation that it became one with in a merge (MRG-5).
    """

    id: str
    profile_id: str
    inbox_id: str
    assignee_id: str | None
    state: str
    opened_at: datetime
    closed_at: datetime | None
    merged_into_id: str | None = None


class ItemRow(NamedTuple):
    """An entry of a timeline; `seq` counts arrivals. An event may belong to no conversation."""

    seq: int
    profile_id: str
    conversation_id: str | None
    contact_point_id: str | None
    kind: str
    direction: str | None
    channel: str | None
    message_id: str | None
    agent_id: str | None
    subject: str | None
    body: str | None
    data: Any
    sender_state: SenderState | None
    occurred_at: datetime
    recorded_at: datetime
    inbox_id: str | None
    sender_name: str | None

    @property
    def happened_at(self) -> datetime:
        """When it happened: what a timeline shows, and is ordered by."""
        return happened_at(self.occurred_at, self.recorded_at)

    @property
    def event(self) -> TimelineEvent | None:
        """What an event says was done (MRG-6); None of everything else."""
        return TimelineEvent.from_json(self.data) if self.kind == "event" else None

    @property
    def text(self) -> str | None:
        """What an agent reads: the message, or an event in words."""
        event = self.event
        return self.body if event is None else event.in_words()


_CONVERSATION = [conversations.c[name] for name in ConversationRow._fields]
ITEM = [items.c[name] for name in ItemRow._fields]
# Written out, because a parameter does not let the index of the open ones be used.
IS_OPEN = conversations.c.state == sa.literal_column("'open'")


def read_conversation(unit: UnitOfWork, conversation_id: str) -> ConversationRow:
    """The conversation with this id; raises NotFound."""
    row = None
    if is_id(conversation_id):
        row = unit.execute(unit.select(*_CONVERSATION).where(conversations.c.id == conversation_id)).one_or_none()
    if row is None:
        raise NotFound("There is no conversation with this id.", code="conversation_not_found")
    return ConversationRow._make(row)


def conversations_of(
    unit: UnitOfWork, profile_ids: Sequence[str], before: str | None, limit: int
) -> list[ConversationRow]:
    """The conversations of a profile and of those merged into it, newest first; each that became one with another is
    among them as that other."""
    c = conversations.c
    select = unit.select(*_CONVERSATION).where(c.profile_id.in_(profile_ids), c.merged_into_id.is_(None))
    if before is not None:
        select = select.where(c.id < before)
    return [ConversationRow._make(row) for row in unit.execute(select.order_by(c.id.desc()).limit(limit))]


def count_of(unit: UnitOfWork, profile_ids: Sequence[str]) -> int:
    """How many conversations a profile has, with those of profiles merged into it."""
    c = conversations.c
    counting = unit.select(sa.func.count(), of=conversations)
    counting = counting.where(c.profile_id.in_(profile_ids), c.merged_into_id.is_(None))
    return int(unit.execute(counting).scalar_one())


def last_contact(unit: UnitOfWork, profile_ids: Sequence[str]) -> datetime | None:
    """When the customer of a profile, or of one merged into it, last wrote or called."""
    i = items.c
    times: list[datetime] = []
    for profile_id in profile_ids:
        newest = unit.select(i.occurred_at, i.recorded_at).where(i.profile_id == profile_id, i.direction == "in")
        newest = newest.order_by(i.timeline_second.desc(), i.seq.desc()).limit(1)
        times += [happened_at(row.occurred_at, row.recorded_at) for row in unit.execute(newest)]
    return max(times, default=None)


def open_conversations(
    unit: UnitOfWork, inbox_id: str, before: str | None, limit: int, *, oldest: bool = False
) -> list[ConversationRow]:
    """The open conversations of an inbox, newest first, or the oldest of them."""
    c = conversations.c
    select = unit.select(*_CONVERSATION).where(c.inbox_id == inbox_id, IS_OPEN)
    if before is not None:
        select = select.where(c.id < before)
    ordered = select.order_by(c.id if oldest else c.id.desc())
    return [ConversationRow._make(row) for row in unit.execute(ordered.limit(limit))]


def open_conversation_of(unit: UnitOfWork, profile_id: str) -> ConversationRow | None:
    """The one open conversation of a profile."""
    return open_conversations_of(unit, [profile_id]).get(profile_id)


def open_conversations_of(unit: UnitOfWork, profile_ids: Sequence[str]) -> dict[str, ConversationRow]:
    """The open conversations of profiles, each of which has at most one, by profile."""
    select = unit.select(*_CONVERSATION).where(conversations.c.profile_id.in_(profile_ids), IS_OPEN)
    return {row.profile_id: ConversationRow._make(row) for row in unit.execute(select)}


def add_conversation(unit: UnitOfWork, conversation_id: str, profile_id: str, inbox_id: str, now: datetime) -> None:
    """A new open conversation."""
    unit.execute(
        conversations.insert().values(
            organization_id=unit.organization_id,
            id=conversation_id,
            profile_id=profile_id,
            inbox_id=inbox_id,
            state="open",
            opened_at=now,
        )
    )


def change_conversation(unit: UnitOfWork, conversation_id: str, **values: object) -> None:
    """Sets fields of a conversation."""
    unit.execute(unit.update(conversations).where(conversations.c.id == conversation_id).values(**values))


def merged_into(unit: UnitOfWork, conversation_id: str) -> list[str]:
    """The conversations that became one with this one (MRG-5)."""
    d = unit.dialect
    led = d.join("conversations", "c", "c.organization_id = ? AND c.merged_into_id = k.value", one=False)
    rows = unit.lookup(f"SELECT c.id FROM {d.id_keys}{led}", (unit.organization_id,), [conversation_id])
    return [str(row[0]) for row in rows]


def ids_of(unit: UnitOfWork, profile_id: str) -> list[str]:
    """The conversations opened for a profile itself, those that became one with another among them."""
    c = conversations.c
    return list(unit.execute(unit.select(c.id).where(c.profile_id == profile_id).order_by(c.id)).scalars())


def read_item(unit: UnitOfWork, seq: int) -> ItemRow:
    """The item with this number, as it was written."""
    return ItemRow._make(unit.execute(unit.select(*ITEM).where(items.c.seq == seq)).one())


def read_text(unit: UnitOfWork, conversation_id: str, seq: int) -> str:
    """What was said in an item of a conversation. Raises NotFound."""
    i = items.c
    select = unit.select(i.body).where(i.seq == seq, i.conversation_id == conversation_id, i.body.is_not(None))
    text = unit.execute(select).scalar_one_or_none()
    if text is None:
        raise NotFound("There is no such message.", code="item_not_found")
    return str(text)


def first_item(unit: UnitOfWork, conversation_id: str, before: int) -> ItemRow | None:
    """What a conversation began with: of what arrived before an item's number, what happened first; of a conversation
    that has nothing of that, what arrived first."""
    i = items.c
    select = unit.select(*ITEM).where(i.conversation_id == conversation_id).limit(1)
    happened = select.where(i.seq < before).order_by(i.timeline_second, i.seq)
    arrived = select.order_by(i.seq)
    row = unit.execute(happened).one_or_none() or unit.execute(arrived).one_or_none()
    return None if row is None else ItemRow._make(row)


def recent_through(unit: UnitOfWork, profile_ids: Sequence[str], point_ids: Sequence[str], limit: int) -> list[ItemRow]:
    """What came in last through some contact points of a profile, or of those merged into it, the newest first."""
    i = items.c
    rows: list[Any] = []
    for profile_id in profile_ids:
        select = unit.select(*ITEM, i.timeline_second).where(i.profile_id == profile_id, i.direction == "in")
        select = select.where(i.contact_point_id.in_(point_ids))
        rows += unit.execute(select.order_by(i.timeline_second.desc(), i.seq.desc()).limit(limit))
    rows.sort(key=lambda row: (row.timeline_second, row.seq), reverse=True)
    return [ItemRow._make(row[:-1]) for row in rows[:limit]]


def add_item(unit: UnitOfWork, now: datetime, **values: Any) -> int:
    """Appends an item written here (a note, an outgoing message); returns its number."""
    row = {"organization_id": unit.organization_id, "recorded_at": now, "occurred_at": now, **values}
    stored = {
        "recorded_at": instant_text(row["recorded_at"]),
        "occurred_at": instant_text(row["occurred_at"]),
        "timeline_second": timeline_second(row["occurred_at"], row["recorded_at"]),
    }
    return unit.append(_WRITTEN, [tuple({**row, **stored}.get(column) for column in _WRITTEN.columns)])[0]


def add_events(
    unit: UnitOfWork, profile_id: str, events: Sequence[TimelineEvent], agent_id: str | None, now: datetime
) -> int:
    """Events in the profile's open conversation, where it has one, in order; returns the number of the first."""
    conversation = open_conversation_of(unit, profile_id)
    conversation_id = None if conversation is None else conversation.id
    numbers = [
        add_item(
            unit,
            now,
            profile_id=profile_id,
            conversation_id=conversation_id,
            kind="event",
            agent_id=agent_id,
            data=json.dumps(event.to_json()),
        )
        for event in events
    ]
    return numbers[0]


def add_inboxes(unit: UnitOfWork, deliveries: Iterable[tuple[int, str]]) -> None:
    """Notes of each (item, inbox) that it was delivered there as well, where it was not routed to (RES-12)."""
    inboxes_by_item: dict[int, set[str]] = {}
    for seq, inbox_id in deliveries:
        inboxes_by_item.setdefault(seq, set()).add(inbox_id)
    if not inboxes_by_item:
        return
    i = items.c
    own = unit.select(i.seq, i.inbox_id).where(i.seq.in_(list(inboxes_by_item)), i.inbox_id.is_not(None))
    elsewhere = {row.seq: inboxes_by_item[row.seq] - {row.inbox_id} for row in unit.execute(own)}
    noted = further_inboxes_of(unit, [seq for seq, inbox_ids in elsewhere.items() if inbox_ids])
    rows = [
        {"organization_id": unit.organization_id, "inbox_id": inbox_id, "item_seq": seq}
        for seq, inbox_ids in elsewhere.items()
        for inbox_id in sorted(inbox_ids.difference(noted.get(seq, ())))
    ]
    if rows:
        unit.execute(item_inboxes.insert(), rows)


def further_inboxes_of(unit: UnitOfWork, seqs: Sequence[int]) -> dict[int, list[str]]:
    """The inboxes that items were delivered to besides the one they were routed to."""
    known = item_inboxes.c
    select = unit.select(known.item_seq, known.inbox_id).where(known.item_seq.in_(seqs))
    inboxes: dict[int, list[str]] = {}
    # Sorted here: asked for in the order of inboxes, PostgreSQL reads the organization's whole index of them.
    for row in sorted(unit.execute(select), key=lambda row: row.inbox_id) if seqs else ():
        inboxes.setdefault(row.item_seq, []).append(row.inbox_id)
    return inboxes


def attachments_of(unit: UnitOfWork, seqs: Sequence[int]) -> dict[int, list[tuple[int, str, str, int]]]:
    """(position, file name, content type, bytes) of what came with each item."""
    a = attachments.c
    rows = unit.execute(
        unit.select(a.item_seq, a.position, a.filename, a.content_type, sa.func.length(a.content).label("size"))
        .where(a.item_seq.in_(seqs))
        .order_by(a.item_seq, a.position)
    )
    files: dict[int, list[tuple[int, str, str, int]]] = {}
    for row in rows:
        files.setdefault(row.item_seq, []).append((row.position, row.filename, row.content_type, row.size))
    return files


class Attachment(NamedTuple):
    """A file that came with an item; `kind` is its media type, as its sender named it."""

    name: str
    kind: str
    content: bytes


def read_attachment(unit: UnitOfWork, conversation_id: str, seq: int, position: int) -> Attachment:
    """A file that came with an item; raises NotFound."""
    conversation = read_conversation(unit, conversation_id)
    a = attachments.c
    file = unit.execute(
        unit.select(a.filename, a.content_type, a.content)
        .join(items, sa.and_(same_organization(items, attachments), items.c.seq == a.item_seq))
        .where(
            a.item_seq == seq,
            a.position == position,
            items.c.conversation_id.in_([conversation.id, *merged_into(unit, conversation.id)]),
        )
    ).one_or_none()
    if file is None:
        raise NotFound("There is no such attachment.", code="attachment_not_found")
    return Attachment(file.filename, file.content_type, bytes(file.content))
