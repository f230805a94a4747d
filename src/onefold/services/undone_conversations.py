"""Whose conversations are whose again, when a merge is undone (MRG-5, MRG-13)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from onefold.domain.undoing import UndoPlan
from onefold.services.clock import new_id, utc_now
from onefold.storage import conversations, profiles
from onefold.storage import merges as store
from onefold.storage.database import Unit
from onefold.storage.merges import MergeRow


class Undo(NamedTuple):
    """What undoing a merge does, or would do. `profile_id` is where the source has led to; `version` is that one's.

    `returning` are the ids that come back to life under the source. `arrived` counts the items that came since on the
    source's contact points and go with them.
    """

    merge: MergeRow
    profile_id: str
    version: int
    plan: UndoPlan
    returning: tuple[str, ...]
    drafts: tuple[str, ...]
    arrived: int


def point_ids_of(unit: Unit, plan: UndoPlan, record: dict[str, Any]) -> list[str]:
    """The contact points that return, and what had become one with them before the merge."""
    own = [p.contact_point_id for p in plan.source.points if p.kind != "customer_id"]
    # What both sides held cannot be told apart since: it stays where it arrived.
    alone = [point_id for point_id in own if point_id not in record["absorbed"]]
    return [*alone, *store.absorbed_by(unit, alone)]


def share_conversations(unit: Unit, found: Undo, record: dict[str, Any], now: datetime) -> None:
    """Each conversation goes to whom it began with; what the other has said in it since goes to one of the other's."""
    source_id, point_ids = found.plan.source.profile_id, point_ids_of(unit, found.plan, record)
    partners, since = _part_conversations(unit, found, record), found.merge.event_seq
    there = profiles.merged_into(unit, found.profile_id)
    for conversation_id in (one for profile_id in there for one in conversations.ids_of(unit, profile_id)):
        first = conversations.first_item(unit, conversation_id)
        begun_by_source = first is not None and (
            first.profile_id in found.returning or (first.seq >= since and first.contact_point_id in point_ids)
        )
        if begun_by_source:
            _give_back(unit, found, conversation_id, point_ids, there)
        elif any(conversations.has_through(unit, conversation_id, one, point_ids, since) for one in there):
            to = partners.get(conversation_id) or _beside(unit, conversation_id, source_id)
            conversations.move_items(unit, conversation_id, point_ids, to, source_id, since)


def _part_conversations(unit: Unit, found: Undo, record: dict[str, Any]) -> dict[str, str]:
    """The two that became one are two again; returns which of the source's stands beside which."""
    source, after = record["source"]["conversation"], record["after"]["conversation"]
    destination = record["destination"]["conversation"]
    if source is None or destination is None:
        return {}
    gone = conversations.read_conversation(unit, source["conversation_id"])
    if gone.merged_into_id is None or gone.profile_id != found.plan.source.profile_id:
        return {}  # parted already, or detached since with the whole of it
    into = conversations.read_conversation(unit, gone.merged_into_id)
    conversations.change_conversation(
        unit, gone.id, merged_into_id=None, state=into.state, closed_at=into.closed_at,
        profile_id=found.plan.source.profile_id,
    )  # fmt: skip
    led_on = set(record.get("led_on_conversations", ())) & set(conversations.merged_into(unit, into.id))
    for earlier in sorted(led_on):  # what an earlier merge brought may have been taken out, and merged in by itself
        if conversations.read_conversation(unit, earlier).profile_id in found.returning:
            conversations.change_conversation(unit, earlier, merged_into_id=gone.id)
    if (into.assignee_id, into.inbox_id) == (after["assignee_id"], after["inbox_id"]):
        conversations.change_conversation(
            unit, into.id, assignee_id=destination["assignee_id"], inbox_id=destination["inbox_id"]
        )
    return {into.id: gone.id}


def _give_back(unit: Unit, found: Undo, conversation_id: str, point_ids: Collection[str], there: Sequence[str]) -> None:
    """A conversation of the source; what was said since through others' contact points stays with them (`there`)."""
    source_id, since = found.plan.source.profile_id, found.merge.event_seq
    others: set[str] = set()
    for one in there:
        conversations.release_events(unit, conversation_id, one)
        others |= conversations.points_in(unit, conversation_id, one, since) - set(point_ids)
    is_open = _take_out(unit, conversation_id, source_id)
    beside = _let_guests_out(unit, found, conversation_id)
    if others:
        if beside is None:
            beside = new_id()
            free = is_open and conversations.open_conversation_of(unit, found.profile_id) is None
            conversations.copy_conversation(unit, conversation_id, beside, found.profile_id, may_be_open=free)
        conversations.move_items(unit, conversation_id, sorted(others), beside, found.profile_id, since)
    for one in there:
        conversations.give_items(unit, conversation_id, one, source_id)


def _take_out(unit: Unit, conversation_id: str, source_id: str) -> bool:
    """The conversation is the source's, and nobody else's that it became one with since; whether it is open."""
    row = conversations.read_conversation(unit, conversation_id)
    head = row if row.merged_into_id is None else conversations.read_conversation(unit, row.merged_into_id)
    values: dict[str, Any] = {"profile_id": source_id, "merged_into_id": None}
    beside = conversations.open_conversation_of(unit, source_id)
    if row.merged_into_id is not None and beside is None:
        values |= {"state": head.state, "closed_at": head.closed_at}
    if row.state == "open" and beside is not None and beside.id != row.id:
        values |= {"state": "closed", "closed_at": utc_now()}  # the source has its own open one again
    conversations.change_conversation(unit, conversation_id, **values)
    return conversations.read_conversation(unit, conversation_id).state == "open"


def _let_guests_out(unit: Unit, found: Undo, conversation_id: str) -> str | None:
    """What later merges made one with a conversation of the source goes on as one of the living profile's."""
    head, guest = conversations.read_conversation(unit, conversation_id), None
    for one in conversations.merged_into(unit, conversation_id):
        if conversations.read_conversation(unit, one).profile_id not in found.returning:
            led: dict[str, Any] = {"merged_into_id": guest}
            if guest is None:
                led |= {"profile_id": found.profile_id, "state": head.state, "closed_at": head.closed_at}
                guest = one
            conversations.change_conversation(unit, one, **led)
    return guest


def _beside(unit: Unit, conversation_id: str, profile_id: str) -> str:
    beside = new_id()
    free = conversations.open_conversation_of(unit, profile_id) is None
    conversations.copy_conversation(unit, conversation_id, beside, profile_id, may_be_open=free)
    return beside
