"""Whose conversations are whose again, when a merge is undone (MRG-5, MRG-13)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from onefold.conversations import store as conversations
from onefold.core.clock import new_id, utc_now
from onefold.database.engine import UnitOfWork
from onefold.merging import conversation_store as conversation_moves
from onefold.merging import store
from onefold.merging.layers import TakenOut
from onefold.merging.record import MergeRecord
from onefold.merging.undo_plan import UndoPlan
from onefold.profiles import store as profiles


class Parting(NamedTuple):
    """Two whose conversations are told apart: the source, and the profile it has led to. `returning` are the ids that
    come back to life under the source, `point_ids` its contact points; `since` is the number of the merge's first
    event."""

    source_id: str
    profile_id: str
    returning: tuple[str, ...]
    point_ids: list[str]
    since: int


def point_ids_of(plan: UndoPlan, taken: TakenOut) -> list[str]:
    """The contact points that return, and what had become one with them before the merge."""
    own = [p.contact_point_id for p in plan.source.points if p.kind != "customer_id"]
    # What both sides held cannot be told apart since: it stays where it arrived.
    alone = [point_id for point_id in own if point_id not in taken.layer.absorbed]
    return [*alone, *(point_id for point_id, by in taken.absorbing.items() if by in alone)]


def share_conversations(unit: UnitOfWork, parting: Parting, record: MergeRecord) -> None:
    """Each conversation goes to whom it began with; what the other has said in it since goes to one of the other's."""
    source_id, point_ids, since = parting.source_id, parting.point_ids, parting.since
    there = profiles.merged_into(unit, parting.profile_id)
    conversation_moves.give_back_told(unit, there, parting.returning, to=source_id, since=since)
    partners = _part_conversations(unit, parting, record)
    of_others = []
    for conversation_id in [one for profile_id in there for one in conversations.ids_of(unit, profile_id)]:
        first = conversations.first_item(unit, conversation_id, since)
        begun_by_source = first is not None and (
            first.profile_id in parting.returning or (first.seq >= since and first.contact_point_id in point_ids)
        )
        if begun_by_source:
            led_to = conversations.read_conversation(unit, conversation_id).merged_into_id
            if led_to is not None:
                partners.setdefault(led_to, conversation_id)
            _give_back(unit, parting, conversation_id, there)
        else:
            of_others.append(conversation_id)
    carrying = {talk for one in there for talk in conversation_moves.carrying(unit, one, point_ids, since)}
    for conversation_id in of_others:
        if conversation_id in carrying:
            if conversation_id not in partners:
                partners[conversation_id] = _beside(unit, conversation_id, source_id)
            to = partners[conversation_id]
            conversation_moves.move_items(
                unit, conversation_id, point_ids, to_conversation=to, to_profile=source_id, since=since
            )
            carrying -= {conversation_id, *conversations.merged_into(unit, conversation_id)}  # moved with it
    _lead_back(unit, parting, partners)


def _part_conversations(unit: UnitOfWork, parting: Parting, record: MergeRecord) -> dict[str, str]:
    """The two that became one are two again; returns which of the source's stands beside which."""
    source, destination = record.source.conversation, record.destination.conversation
    if source is None or destination is None:
        return {}
    gone = conversations.read_conversation(unit, source.conversation_id)
    if gone.merged_into_id is None or gone.profile_id != parting.source_id:
        return {}  # parted already, or detached since with the whole of it
    into = conversations.read_conversation(unit, gone.merged_into_id)
    conversations.change_conversation(
        unit,
        gone.id,
        merged_into_id=None,
        state=into.state,
        closed_at=into.closed_at,
        profile_id=parting.source_id,
    )
    return {into.id: gone.id}


def _give_back(unit: UnitOfWork, parting: Parting, conversation_id: str, there: Sequence[str]) -> None:
    """A conversation of the source; what was said since through others' contact points stays with them (`there`)."""
    source_id, since = parting.source_id, parting.since
    others: set[str] = set()
    for one in there:
        conversation_moves.release_events(unit, conversation_id, one)
        others |= conversation_moves.points_in(unit, conversation_id, one, since) - set(parting.point_ids)
    is_open = _take_out(unit, conversation_id, source_id)
    beside = _let_guests_out(unit, parting, conversation_id)
    if others:
        if beside is None:
            beside = new_id()
            free = is_open and conversations.open_conversation_of(unit, parting.profile_id) is None
            conversation_moves.copy_conversation(unit, conversation_id, beside, parting.profile_id, may_be_open=free)
        conversation_moves.move_items(
            unit, conversation_id, sorted(others), to_conversation=beside, to_profile=parting.profile_id, since=since
        )
    for one in there:
        conversation_moves.give_items(unit, conversation_id, one, source_id)


def _take_out(unit: UnitOfWork, conversation_id: str, source_id: str) -> bool:
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


def _let_guests_out(unit: UnitOfWork, parting: Parting, conversation_id: str) -> str | None:
    """What later merges made one with a conversation of the source goes on as one of the living profile's: as the one
    that came first on the shortest way, to which the others led before."""
    head, guest = conversations.read_conversation(unit, conversation_id), None
    led_here = (conversations.read_conversation(unit, one) for one in conversations.merged_into(unit, conversation_id))
    others = [row for row in led_here if row.profile_id not in parting.returning]
    ways = _ways(unit, parting.profile_id, [row.profile_id for row in others])
    for row in sorted(others, key=lambda row: ways[row.profile_id]):
        led: dict[str, Any] = {"merged_into_id": guest}
        if guest is None:
            led |= {"profile_id": parting.profile_id, "state": head.state, "closed_at": head.closed_at}
            guest = row.id
        conversations.change_conversation(unit, row.id, **led)
    return guest


def _ways(unit: UnitOfWork, profile_id: str, ids: Sequence[str]) -> dict[str, tuple[int, str]]:
    """How many merges lead from each profile to the living one, and the last of them."""
    standing = store.standing_merges(unit, profiles.merged_into(unit, profile_id))
    ways = {}
    for one in ids:
        steps, last, at = 0, "", one
        while at in standing:
            steps, last, at = steps + 1, standing[at].id, standing[at].destination_id
        ways[one] = steps, last
    return ways


def _lead_back(unit: UnitOfWork, parting: Parting, partners: dict[str, str]) -> None:
    """What else returns and still leads to a conversation of others leads to the source's that stands beside it, or
    goes on as that one: what it was one with may have been taken out by itself."""
    for conversation_id, others_id in conversation_moves.led_to_others(unit, parting.returning):
        led: dict[str, Any] = {"merged_into_id": partners.get(others_id)}
        if others_id not in partners:
            partners[others_id] = conversation_id
            led |= {"profile_id": parting.source_id}
            others = conversations.read_conversation(unit, others_id)
            if conversations.open_conversation_of(unit, parting.source_id) is None:
                led |= {"state": others.state, "closed_at": others.closed_at}
        conversations.change_conversation(unit, conversation_id, **led)


def _beside(unit: UnitOfWork, conversation_id: str, profile_id: str) -> str:
    beside = new_id()
    free = conversations.open_conversation_of(unit, profile_id) is None
    conversation_moves.copy_conversation(unit, conversation_id, beside, profile_id, may_be_open=free)
    return beside
