"""What the customer page shows, read in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from onefold.accounts import store as accounts
from onefold.console import labels
from onefold.console.visitor import Visitor
from onefold.conversations import answering, drafts, presence, sending, worklists
from onefold.conversations import service as conversations
from onefold.conversations import store as conversation_store
from onefold.conversations.draft_store import DraftRow
from onefold.conversations.store import ConversationRow
from onefold.core.errors import NotFound
from onefold.database.engine import UnitOfWork
from onefold.merging import new_owner, shared_lines
from onefold.profiles import service as profiles
from onefold.profiles.service import ProfileView

ITEMS_AT_ONCE = 40
_LINES_SHOWN = 5
_DRAFTS_SHOWN = 10
_ORIGINAL = "body.html"  # how the email channel keeps a message as its sender formatted it


def customer_page(
    unit: UnitOfWork, visitor: Visitor, profile_id: str, *, before: int | None, draft_id: str | None
) -> dict[str, Any]:
    """Everything of one customer; raises MergedAway for an id that leads to another."""
    view = profiles.read(unit, profile_id)
    agents = accounts.list_agents(unit)
    timeline = _items(unit, view.row.id, before)
    recent = timeline["items"] if before is None else conversations.timeline(unit, view.row.id, None, ITEMS_AT_ONCE)
    reach = answering.where_to(view.points, recent)
    own_drafts = drafts.of_profile(unit, profile_id, visitor.agent_id, before=None, limit=_DRAFTS_SHOWN)
    draft = _shown_draft(own_drafts, draft_id)
    conversation = conversation_store.open_conversation_of(unit, view.row.id)
    return {
        **timeline,
        "known_name": view.row.name,
        "points": {point.contact_point_id: point for point in view.points},
        "names": {agent.id: agent.name for agent in agents},
        "profile": view,
        "profile_id": view.row.id,
        "agents": [agent for agent in agents if agent.active],
        "inboxes": accounts.list_inboxes(unit),
        "conversation": conversation or _last_conversation(unit, view.row.id),
        "drafts": own_drafts,
        "draft": draft,
        "draft_seen": "" if draft is None else drafts.seen_as(draft),
        "reach": reach,
        "answer_by": answering.kind_of_answer(reach, recent),
        "answer_subject": answering.subject_of_answer(recent),
        "sends": {channel: sending.can_send(channel) for channel in labels.UNSENT},
        "others": _others(unit, view),
        "lines": shared_lines.candidates(unit, view.row.id)[:_LINES_SHOWN] if not view.former_ids else [],
        "new_owner": new_owner.find(unit, view.row.id),
        "own_lines": shared_lines.own_lines(unit, view.row.id) if view.former_ids else [],
        "present": presence.others(unit, view.row.id, visitor.agent_id),
        "before": before,
        "shown_day": "",
        "unread": worklists.newest_unread(unit, visitor.agent_id, conversation),
    }


def older_items(unit: UnitOfWork, profile_id: str, before: int | None) -> dict[str, Any]:
    """A stretch of the timeline, newest first, and what its entries speak of."""
    summaries = profiles.summaries(unit, [profiles.resolve_redirect(unit, profile_id)])
    return {
        **_items(unit, profile_id, before),
        "known_name": next((summary.row.name for summary in summaries), None),
        "points": {point.contact_point_id: point for summary in summaries for point in summary.points},
        "names": {agent.id: agent.name for agent in accounts.list_agents(unit)},
    }


def _items(unit: UnitOfWork, profile_id: str, before: int | None) -> dict[str, Any]:
    rows = conversations.timeline(unit, profile_id, before, ITEMS_AT_ONCE + 1)
    items = rows[:ITEMS_AT_ONCE]
    seqs = [row.seq for row in items]
    files = conversation_store.attachments_of(unit, seqs) if items else {}
    names = dict(accounts.list_inboxes(unit))
    further = conversation_store.further_inboxes_of(unit, seqs)
    return {
        "also_in": {seq: ", ".join(names[inbox_id] for inbox_id in ids) for seq, ids in further.items()},
        "items": items,
        "more": items[-1].seq if len(rows) > ITEMS_AT_ONCE else None,
        "files": {seq: [f for f in some if f[1] != _ORIGINAL] for seq, some in files.items()},
        "originals": {seq: f for seq, some in files.items() for f in some if f[1] == _ORIGINAL},
    }


def _last_conversation(unit: UnitOfWork, profile_id: str) -> ConversationRow | None:
    """The newest one, which can be reopened where none is open."""
    return next(iter(conversations.of_profile(unit, profile_id, None, 1)), None)


def _shown_draft(own: Sequence[DraftRow], draft_id: str | None) -> DraftRow | None:
    """The draft that the composer holds: the one asked for, else the newest; `new` asks for an empty one."""
    if draft_id == "new":
        return None
    if draft_id is None:
        return own[0] if own else None
    draft = next((draft for draft in own if draft.id == draft_id), None)
    if draft is None:
        raise NotFound("You have no draft with this id.", code="draft_not_found")
    return draft


def _others(unit: UnitOfWork, view: ProfileView) -> list[tuple[profiles.ProfileSummary, float]]:
    """Who else this may be, the likeliest first (SUG-3)."""
    rated = {s.other_id if s.profile_id == view.row.id else s.profile_id: s.rating for s in view.suggestions}
    return [(summary, rated[summary.row.id]) for summary in profiles.summaries(unit, list(rated))]
