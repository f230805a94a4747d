"""What an agent works through: My Customers, inboxes, and what is unread in them (UI-1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from onefold.conversations import service as conversations
from onefold.conversations import store as conversation_store
from onefold.conversations import worklist_store as store
from onefold.conversations.store import ConversationRow
from onefold.conversations.worklist_store import NewestRow
from onefold.database.engine import UnitOfWork
from onefold.profiles import store as profiles
from onefold.profiles.service import ProfileSummary, summaries

MOST_SHOWN = 200
MOST_COUNTED = 500


class Entry(NamedTuple):
    """An open conversation in a list: whose, its newest item, and whether that is news to the agent."""

    conversation: ConversationRow
    profile: ProfileSummary
    newest: NewestRow | None
    unread: bool


def my_customers(unit: UnitOfWork, agent_id: str) -> list[Entry]:
    """The agent's open conversations, what happened last first; at most 200."""
    return _entries(unit, agent_id, store.open_of_assignee(unit, agent_id, MOST_SHOWN))


def untaken(unit: UnitOfWork, agent_id: str, limit: int) -> list[Entry]:
    """The open conversations of all inboxes that nobody has taken, what happened last first (UI-5)."""
    return _entries(unit, agent_id, store.open_of_nobody(unit, limit))


def count_untaken(unit: UnitOfWork) -> dict[str, int]:
    """How many open conversations of each inbox nobody has taken; at most 500 are counted (UI-5)."""
    return store.count_of_nobody(unit, MOST_COUNTED)


def inbox(unit: UnitOfWork, inbox_id: str, agent_id: str) -> list[Entry]:
    """The open conversations of an inbox, whoever's, what happened last first; of more than 200 the newest ones. With
    those of other inboxes that hold something delivered to this one as well (RES-12)."""
    own = conversations.in_inbox(unit, inbox_id, None, MOST_SHOWN)
    return _entries(unit, agent_id, [*own, *store.delivered_to(unit, inbox_id, MOST_SHOWN - len(own))])


def _entries(unit: UnitOfWork, agent_id: str, rows: Sequence[ConversationRow]) -> list[Entry]:
    ids = [row.id for row in rows]
    newest, reads = store.newest_of_conversations(unit, ids), store.reads_of(unit, agent_id, ids)
    owners = {summary.row.id: summary for summary in summaries(unit, sorted({row.profile_id for row in rows}))}
    entries = []
    for row in rows:
        last = newest.get(row.id)
        news = last is not None and last.agent_id != agent_id and last.seq > reads.get(row.id, 0)
        if row.profile_id in owners:
            entries.append(Entry(row, owners[row.profile_id], last, news))
    return sorted(entries, key=lambda e: (e.newest.seq if e.newest else 0, e.conversation.id), reverse=True)


def newest_unread(unit: UnitOfWork, agent_id: str, row: ConversationRow | None) -> tuple[str, int] | None:
    """The open conversation of a profile and what was said last in it, where the agent has not read that yet."""
    newest = store.newest_of_conversations(unit, [row.id]) if row else {}
    if row is None or not newest:
        return None
    seq = newest[row.id].seq
    return (row.id, seq) if seq > store.reads_of(unit, agent_id, [row.id]).get(row.id, 0) else None


def note_read(unit: UnitOfWork, agent_id: str, profile_id: str) -> None:
    """The agent has seen what there is of a profile's open conversation; of one merged away its survivor's."""
    living_id = profiles.read_profile(unit, profile_id).living_id
    found = newest_unread(unit, agent_id, conversation_store.open_conversation_of(unit, living_id))
    if found is not None:
        store.note_read(unit, agent_id, *found)
