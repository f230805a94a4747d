"""What an agent works through: My Customers, inboxes, and what is unread in them (UI-1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

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
_MOST_LOOKED_AT = 1_000
View = Literal["all", "untaken", "mine", "unread"]


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


def inbox(unit: UnitOfWork, inbox_id: str, agent_id: str, view: View = "all", *, oldest: bool = False) -> list[Entry]:
    """The open conversations of an inbox, first those that nobody has taken, then what happened last first; at most
    200, of more the newest or the oldest. All of them, only what nobody has taken, one's own, or unread ones (UI-5)."""
    if view == "mine":
        rows = _within(inbox_id, store.open_of_assignee(unit, agent_id, _MOST_LOOKED_AT), oldest=oldest)
    else:
        rows = _within(inbox_id, store.open_of_nobody(unit, _MOST_LOOKED_AT), oldest=oldest)
    if view in ("all", "unread"):
        rows = _filled_up(unit, inbox_id, rows, oldest=oldest)
    shown = [entry for entry in _entries(unit, agent_id, rows) if view != "unread" or entry.unread]
    return sorted(shown[::-1] if oldest else shown, key=lambda entry: entry.conversation.assignee_id is not None)


def _within(inbox_id: str, newest_first: Sequence[ConversationRow], *, oldest: bool) -> list[ConversationRow]:
    rows = [row for row in newest_first if row.inbox_id == inbox_id]
    return rows[-MOST_SHOWN:] if oldest else rows[:MOST_SHOWN]


def _filled_up(
    unit: UnitOfWork, inbox_id: str, untaken: Sequence[ConversationRow], *, oldest: bool
) -> list[ConversationRow]:
    """What nobody has taken, which is never left out for what somebody has; then the rest of the inbox; then those of
    other inboxes that hold something delivered to this one as well (RES-12)."""
    every = [*untaken, *conversations.in_inbox(unit, inbox_id, None, MOST_SHOWN, oldest=oldest)]
    own = list({row.id: row for row in every}.values())[:MOST_SHOWN]
    return [*own, *store.delivered_to(unit, inbox_id, MOST_SHOWN - len(own))]


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
    conversation_and_seq = newest_unread(unit, agent_id, conversation_store.open_conversation_of(unit, living_id))
    if conversation_and_seq is not None:
        store.note_read(unit, agent_id, *conversation_and_seq)
