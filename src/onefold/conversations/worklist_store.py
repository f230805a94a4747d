"""What agents work through: open conversations by assignee, the newest item of each, and what each agent has read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from onefold.conversations.store import IS_OPEN, ConversationRow
from onefold.database.engine import UnitOfWork
from onefold.database.tables import conversation_reads, conversations, item_inboxes, items


class NewestRow(NamedTuple):
    """What was last said in a conversation, as a list shows it: `body` and `subject` are cut."""

    seq: int
    kind: str
    direction: str | None
    channel: str | None
    agent_id: str | None
    subject: str | None
    body: str | None
    recorded_at: datetime


_SNIPPET = 160
_RECENT = 20
"""So many of what happened last are looked at for what arrived last: a mail that was an hour on its way is news."""


def open_of_assignee(unit: UnitOfWork, agent_id: str, limit: int) -> list[ConversationRow]:
    """The open conversations that an agent is assigned to, newest first."""
    c = conversations.c
    select = unit.select(*(c[name] for name in ConversationRow._fields)).where(c.assignee_id == agent_id, IS_OPEN)
    return [ConversationRow._make(row) for row in unit.execute(select.order_by(c.id.desc()).limit(limit))]


_OF_NOBODY = (conversations.c.assignee_id.is_(None), IS_OPEN)
# In the order of the index by assignee: by ids alone PostgreSQL may walk past all that somebody has taken.
_NEWEST_OF_NOBODY = (conversations.c.assignee_id.desc(), conversations.c.id.desc())


def open_of_nobody(unit: UnitOfWork, limit: int) -> list[ConversationRow]:
    """The open conversations that nobody has taken, newest first."""
    c = conversations.c
    select = unit.select(*(c[name] for name in ConversationRow._fields)).where(*_OF_NOBODY)
    return [ConversationRow._make(row) for row in unit.execute(select.order_by(*_NEWEST_OF_NOBODY).limit(limit))]


def count_of_nobody(unit: UnitOfWork, most: int) -> dict[str, int]:
    """How many conversations of each inbox nobody has taken, among the newest `most` of these."""
    c = conversations.c
    newest = unit.select(c.inbox_id).where(*_OF_NOBODY).order_by(*_NEWEST_OF_NOBODY).limit(most)
    counts = Counter(unit.execute(newest).scalars())
    return {str(inbox_id): number for inbox_id, number in counts.items()}


def delivered_to(unit: UnitOfWork, inbox_id: str, limit: int) -> list[ConversationRow]:
    """The open conversations of other inboxes that hold something delivered to this one as well (RES-12), by the newest
    of it."""
    known, i, c = item_inboxes.c, items.c, conversations.c
    newest = unit.select(known.item_seq).where(known.inbox_id == inbox_id).order_by(known.item_seq.desc()).limit(limit)
    seqs = list(unit.execute(newest).scalars())
    of_items = unit.select(i.conversation_id).where(i.seq.in_(seqs)).distinct()
    ids = list(unit.execute(of_items).scalars()) if seqs else []
    led = unit.select(c.id, c.merged_into_id).where(c.id.in_(ids))
    living = {row.merged_into_id or row.id for row in unit.execute(led)} if ids else set()
    select = unit.select(*(c[name] for name in ConversationRow._fields))
    rows = unit.execute(select.where(c.id.in_(living), c.inbox_id != inbox_id, IS_OPEN)) if living else ()
    return [ConversationRow._make(row) for row in rows]


def newest_of_conversations(unit: UnitOfWork, conversation_ids: Sequence[str]) -> dict[str, NewestRow]:
    """What was last said in each conversation, and in those that became one with it (MRG-5); events are not sayings."""
    if not conversation_ids:
        return {}
    d, org = unit.dialect, unit.organization_id
    joined = d.join("conversations", "c", "c.organization_id = ? AND c.merged_into_id = k.value", one=False)
    led = unit.lookup(f"SELECT c.id, c.merged_into_id FROM {d.id_keys} {joined}", (org,), conversation_ids)
    leads = {one: one for one in conversation_ids} | {str(gone): str(into) for gone, into in led}
    recent = (
        "SELECT seq FROM items WHERE organization_id = ? AND conversation_id = keys.value AND kind <> 'event' "
        f"ORDER BY timeline_second DESC, seq DESC LIMIT {_RECENT}"
    )
    newest = f"SELECT max(recent.seq) FROM ({recent}) AS recent"
    sql = f"WITH keys AS (SELECT k.value FROM {d.id_keys}) SELECT keys.value, ({newest}) FROM keys"
    seqs: dict[str, int] = {}
    for one, seq in unit.lookup(sql, (org,), sorted(leads)):
        if seq is not None:
            seqs[leads[str(one)]] = max(seq, seqs.get(leads[str(one)], 0))
    rows = _items(unit, sorted(seqs.values()))
    return {one: rows[seq] for one, seq in seqs.items() if seq in rows}


def _items(unit: UnitOfWork, seqs: Sequence[int]) -> dict[int, NewestRow]:
    i = items.c
    cut = [sa.func.substr(column, 1, _SNIPPET).label(column.name) for column in (i.subject, i.body)]
    plain = [i.seq, i.kind, i.direction, i.channel, i.agent_id]
    select = unit.select(*plain, *cut, i.recorded_at).where(i.seq.in_(seqs))
    return {row.seq: NewestRow._make(row) for row in unit.execute(select)} if seqs else {}


def reads_of(unit: UnitOfWork, agent_id: str, conversation_ids: Sequence[str]) -> dict[str, int]:
    """Up to which item an agent has read each conversation."""
    if not conversation_ids:
        return {}
    d, condition = unit.dialect, "r.organization_id = ? AND r.agent_id = ? AND r.conversation_id = k.value"
    sql = f"SELECT r.conversation_id, r.seq FROM {d.id_keys} {d.join('conversation_reads', 'r', condition)}"
    rows = unit.lookup(sql, (unit.organization_id, agent_id), conversation_ids)
    return {str(conversation_id): seq for conversation_id, seq in rows}


def note_read(unit: UnitOfWork, agent_id: str, conversation_id: str, seq: int) -> None:
    """Remembers that an agent has read a conversation up to an item."""
    r = conversation_reads.c
    changing = unit.update(conversation_reads).where(r.agent_id == agent_id, r.conversation_id == conversation_id)
    if unit.execute(changing.values(seq=seq)).rowcount == 0:
        values = {"agent_id": agent_id, "conversation_id": conversation_id, "seq": seq}
        unit.execute(conversation_reads.insert().values(organization_id=unit.organization_id, **values))
