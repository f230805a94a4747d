"""What merging, detaching and undoing do with conversations: join them, give them away, split them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from onefold.conversations.store import ItemRow, change_conversation, merged_into, read_conversation
from onefold.conversations.timeline import timeline_second
from onefold.conversations.timeline_events import OF_CONVERSATION
from onefold.database.engine import UnitOfWork, same_organization
from onefold.database.tables import conversations, items


class Share(NamedTuple):
    """How much of a conversation came through some contact points: messages and calls, both ways."""

    conversation_id: str
    state: str
    through: int
    others: int


def join_conversations(unit: UnitOfWork, gone_id: str, into_id: str, now: datetime) -> list[str]:
    """One conversation becomes one with another; returns those that led to it before and now lead on."""
    repointed = merged_into(unit, gone_id)
    for conversation_id in repointed:
        change_conversation(unit, conversation_id, merged_into_id=into_id)
    change_conversation(unit, gone_id, state="closed", closed_at=now, merged_into_id=into_id)
    return repointed


def led_to_others(unit: UnitOfWork, profile_ids: Sequence[str]) -> list[tuple[str, str]]:
    """The conversations of some profiles that became one with one of somebody else, oldest first, each with that."""
    d = unit.dialect
    own = "c.organization_id = ? AND c.profile_id = k.value AND c.merged_into_id IS NOT NULL"
    led = d.join("conversations", "o", "o.organization_id = ? AND o.id = c.merged_into_id")
    joined = f"{d.join('conversations', 'c', own, one=False)}{led}"
    parameters = (unit.organization_id, unit.organization_id)
    sql = f"SELECT c.id, o.id, o.profile_id FROM {d.id_keys}{joined}"
    rows = unit.lookup(sql, parameters, sorted(profile_ids)) if profile_ids else []
    return sorted((str(one), str(into)) for one, into, owner in rows if str(owner) not in profile_ids)


def shares_of(unit: UnitOfWork, profile_ids: Sequence[str], point_ids: Sequence[str]) -> list[Share]:
    """The conversations that carry anything of some contact points, and how much of each."""
    i, c = items.c, conversations.c
    head = sa.func.coalesce(c.merged_into_id, c.id)
    spoken = i.kind.in_(("message", "call"))
    through = sa.func.sum(sa.case((sa.and_(spoken, i.contact_point_id.in_(point_ids)), 1), else_=0))
    others = sa.func.sum(
        sa.case(
            (sa.and_(spoken, sa.or_(i.contact_point_id.is_(None), i.contact_point_id.not_in(point_ids))), 1), else_=0
        )
    )
    by_head: dict[str, list[int]] = {}
    for profile_id in profile_ids:
        rows = unit.execute(
            unit.select(head.label("head"), through.label("through"), others.label("others"), of=items)
            .select_from(
                items.join(conversations, sa.and_(same_organization(conversations, items), c.id == i.conversation_id))
            )
            .where(i.profile_id == profile_id)
            .group_by(head)
        )
        for row in rows:
            counted = by_head.setdefault(row.head, [0, 0])
            counted[0] += int(row.through)
            counted[1] += int(row.others)
    return [
        Share(head_id, read_conversation(unit, head_id).state, through, others)
        for head_id, (through, others) in sorted(by_head.items())
        if through
    ]


def move_conversation(unit: UnitOfWork, conversation_id: str, to: str) -> None:
    """A conversation goes to another profile with everything in it."""
    i = items.c
    group = [conversation_id, *merged_into(unit, conversation_id)]
    for one in group:
        change_conversation(unit, one, profile_id=to)
        unit.execute(unit.update(items).where(i.conversation_id == one).values(profile_id=to))


def copy_conversation(
    unit: UnitOfWork, conversation_id: str, copy_id: str, profile_id: str, *, may_be_open: bool
) -> None:
    """A conversation beside another, for the part of it that goes to another profile."""
    row = read_conversation(unit, conversation_id)
    is_open = row.state == "open" and may_be_open
    closed_at = None if is_open else row.closed_at or row.opened_at
    values = row._replace(
        id=copy_id,
        profile_id=profile_id,
        state="open" if is_open else "closed",
        closed_at=closed_at,
        merged_into_id=None,
    )
    unit.execute(conversations.insert().values(organization_id=unit.organization_id, **values._asdict()))


def move_items(
    unit: UnitOfWork,
    conversation_id: str,
    point_ids: Sequence[str],
    to_conversation: str,
    to_profile: str,
    since: int = 0,
) -> int:
    """What came through some contact points, and what answers it, goes to another conversation; returns how many."""
    i = items.c
    moved = 0
    for one in [conversation_id, *merged_into(unit, conversation_id)]:
        unit_moved = unit.execute(
            unit.update(items)
            .where(i.conversation_id == one, i.seq >= since, i.contact_point_id.in_(point_ids))
            .values(profile_id=to_profile, conversation_id=to_conversation)
        )
        moved += int(unit_moved.rowcount)
    return moved


def count_through(unit: UnitOfWork, profile_id: str, point_ids: Sequence[str], since: int) -> int:
    """How many items came to a profile through some contact points, from an item's number on."""
    counting = unit.select(sa.func.count(), of=items).where(_came_through(profile_id, point_ids, since))
    return int(unit.execute(counting).scalar_one())


def _came_through(profile_id: str, point_ids: Sequence[str], since: int) -> sa.ColumnElement[bool]:
    i = items.c
    return sa.and_(i.profile_id == profile_id, i.seq >= since, i.contact_point_id.in_(point_ids))


def _is_said_in(conversation_id: str, profile_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(items.c.conversation_id == conversation_id, items.c.profile_id == profile_id)


def carrying(unit: UnitOfWork, profile_id: str, point_ids: Sequence[str], since: int) -> set[str]:
    """The conversations in which anything of a profile came through some contact points, from an item's number on."""
    i = items.c
    select = unit.select(i.conversation_id).where(_came_through(profile_id, point_ids, since))
    return set(unit.execute(select.where(i.conversation_id.is_not(None)).distinct()).scalars())


def points_in(unit: UnitOfWork, conversation_id: str, profile_id: str, since: int) -> set[str]:
    """The contact points that a profile's items in a conversation came through since."""
    i = items.c
    select = unit.select(i.contact_point_id).where(_is_said_in(conversation_id, profile_id), i.seq >= since)
    return set(unit.execute(select.where(i.contact_point_id.is_not(None)).distinct()).scalars())


def give_items(unit: UnitOfWork, conversation_id: str, profile_id: str, to: str) -> None:
    """What a profile has in a conversation goes to another profile."""
    unit.execute(unit.update(items).where(_is_said_in(conversation_id, profile_id)).values(profile_id=to))


def numbers_through(
    unit: UnitOfWork, profile_ids: Sequence[str], point_ids: Sequence[str], since: ItemRow
) -> dict[str, list[int]]:
    """The numbers of what came through some contact points of profiles, and answers it, from an item on, by when it
    happened; by conversation."""
    i, second = items.c, timeline_second(since.occurred_at, since.recorded_at)
    later = sa.or_(i.timeline_second > second, sa.and_(i.timeline_second == second, i.seq >= since.seq))
    numbers: dict[str, list[int]] = {}
    for profile_id in profile_ids:
        select = unit.select(i.conversation_id, i.seq).where(i.profile_id == profile_id, i.timeline_second >= second)
        for row in unit.execute(select.where(i.contact_point_id.in_(point_ids), later, i.conversation_id.is_not(None))):
            numbers.setdefault(row.conversation_id, []).append(row.seq)
    return numbers


def is_whole(unit: UnitOfWork, conversation_id: str, numbers: Sequence[int]) -> bool:
    """Whether nothing but these items, and events, is said in a conversation, and no other has become one with it."""
    i = items.c
    if read_conversation(unit, conversation_id).merged_into_id is not None or merged_into(unit, conversation_id):
        return False
    said = unit.select(i.seq).where(i.conversation_id == conversation_id, i.kind != "event")
    return set(unit.execute(said).scalars()) <= set(numbers)


def move_numbers(unit: UnitOfWork, numbers: Sequence[int], to_conversation: str, to_profile: str) -> None:
    """Single items go to another conversation."""
    moving = unit.update(items).where(items.c.seq.in_(numbers))
    unit.execute(moving.values(profile_id=to_profile, conversation_id=to_conversation))


def repoint_items(unit: UnitOfWork, profile_id: str, before: Sequence[str], after: str) -> None:
    """What a profile has of some contact points came through another."""
    i = items.c
    repointing = unit.update(items).where(i.profile_id == profile_id, i.contact_point_id.in_(before))
    unit.execute(repointing.values(contact_point_id=after))


def release_events(unit: UnitOfWork, conversation_id: str, profile_id: str) -> None:
    """What is told of a profile stays on its timeline when a conversation it stands in goes to another profile; what is
    told of the conversation goes along."""
    of_conversation = [json.dumps(event.to_json()) for event in OF_CONVERSATION]
    told_of_profile = sa.and_(items.c.kind == "event", sa.cast(items.c.data, sa.Text).not_in(of_conversation))
    releasing = unit.update(items).where(_is_said_in(conversation_id, profile_id), told_of_profile)
    unit.execute(releasing.values(conversation_id=None))


def give_back_told(unit: UnitOfWork, profile_ids: Sequence[str], owners: Sequence[str], to: str, since: int) -> None:
    """What some profiles were told since of conversations of others, these now have."""
    i, c = items.c, conversations.c
    theirs = unit.select(c.id, of=conversations).where(c.profile_id.in_(owners))
    for profile_id in profile_ids:
        giving = unit.update(items).where(
            i.profile_id == profile_id, i.seq >= since, i.kind == "event", i.conversation_id.in_(theirs)
        )
        unit.execute(giving.values(profile_id=to))
