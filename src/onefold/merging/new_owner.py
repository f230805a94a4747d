"""A number that was silent for long and now writes under another name may have a new owner (RES-21)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from onefold.accounts.service import merger_of
from onefold.audit import service as audit
from onefold.contact_points import store as contact_points
from onefold.contact_points.points import HeldPoint
from onefold.conversations import store as conversation_store
from onefold.conversations.store import ItemRow
from onefold.conversations.timeline_events import TimelineEvent
from onefold.core.actor import Actor
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import Conflict
from onefold.core.text import fold
from onefold.database.engine import UnitOfWork
from onefold.matching import service as matching
from onefold.matching.scoring import evidence_of_point, names_differ
from onefold.merging import conversation_store as conversation_moves
from onefold.merging import store
from onefold.merging.snapshot import network_of
from onefold.organizations.store import load_policy
from onefold.outbox.store import emit
from onefold.profiles import store as profiles
from onefold.profiles.display_name import display_name
from onefold.suggestions import service as suggestions

_LOOKED_AT = 200


class NewOwner(NamedTuple):
    """Who may have a profile's number by now: the name its channel gives, and the first item of theirs. `silent_since`
    is when the number was last heard of before; None where it never was."""

    contact_point_id: str
    value: str
    name: str
    first: ItemRow
    silent_since: datetime | None


class Given(NamedTuple):
    """A number that was given to a new profile."""

    profile_id: str
    new_profile_id: str
    contact_point_id: str


def find(unit: UnitOfWork, profile_id: str) -> NewOwner | None:
    """Whether something came from one of a profile's numbers under another name, after a long silence."""
    row, silence = profiles.read_profile(unit, profile_id), timedelta(load_policy(unit).silent_days)
    if row.name is None or row.survivor_id is not None or not silence:
        return None
    known = [row.name, *profiles.former_names(unit, profile_id)]
    ids = profiles.merged_into(unit, profile_id)
    for point in contact_points.points_of(unit, [profile_id])[profile_id]:
        if point.kind == "phone" and point.phone_type == "mobile" and point.standing != "claimed":
            through = [point.contact_point_id, *contact_points.absorbed_by(unit, [point.contact_point_id])]
            items = conversation_store.recent_through(unit, ids, through, _LOOKED_AT)
            if (owner := _owner_of(unit, point, items=items, known=known, silence=silence)) is not None:
                return owner
    return None


def _owner_of(
    unit: UnitOfWork, point: HeldPoint, items: Sequence[ItemRow], known: Sequence[str], silence: timedelta
) -> NewOwner | None:
    """`items` came through the number, the newest first. As far back as none of them is of the customer by name, the
    first after a silence under a name that was not seen before is the new owner's first."""
    for number, item in enumerate(items):
        name, earlier = item.sender_name, items[number + 1 :]
        if name is not None and not all(_differ(name, one) for one in known):
            return None
        if not earlier and len(items) == _LOOKED_AT:
            return None  # what came before is further back than is looked
        before = earlier[0].happened_at if earlier else None
        heard = before or contact_points.created_at(unit, point.contact_point_id)
        is_new = name is not None and all(fold(name) != fold(one.sender_name or "") for one in earlier)
        if name is not None and is_new and item.happened_at - heard >= silence:
            return NewOwner(point.contact_point_id, point.value, name, first=item, silent_since=before)
    return None


def _differ(name: str, known: str) -> bool:
    """Whether two names have no word in common, nor abbreviates one the other."""
    return names_differ(name, known) and not set(fold(name).split()) & set(fold(known).split())


def give(unit: UnitOfWork, profile_id: str, contact_point_id: str, version: int | None, actor: Actor) -> Given:
    """ "This is someone else": a new profile gets the number and what came from it since the silence; the old one keeps
    it as former, which opens nothing. The two count as "No Match". Raises NotFound, VersionConflict, and Conflict
    `no_new_owner` where nothing speaks for a new owner."""
    unit.lock_merging()
    row = profiles.lock_profile(unit, profile_id, version, against_contacts=True)
    owner = find(unit, row.id)
    if owner is None or owner.contact_point_id != contact_point_id:
        raise Conflict("Nothing speaks for a new owner of this number.", code="no_new_owner")
    now, policy, given = utc_now(), load_policy(unit), Given(row.id, new_id(), new_id())
    profiles.add_profile(unit, given.new_profile_id, now, name=owner.name)
    point, accounts = _share_number(unit, given, owner)
    _share_conversations(unit, given, owner, accounts)
    pair = (given.profile_id, given.new_profile_id)
    for one in pair:
        profiles.reindex(unit, one)
    matching.refresh_matches(unit, given.profile_id, policy, now, gone=evidence_of_point(point))
    matching.refresh_matches(unit, given.new_profile_id, policy, now)
    suggestions.remember_no_match(unit, *pair, agent_id=actor.agent_id, policy=policy, now=now)
    _say_so(unit, row.name or "", given, owner, actor=actor)
    return given


def _share_number(unit: UnitOfWork, given: Given, owner: NewOwner) -> tuple[HeldPoint, list[str]]:
    """Returns the number as the old profile had it, and the accounts that the channel has named beside it since: these
    are the new owner's as well (RES-1)."""
    before = store.read_side(unit, profiles.read_profile(unit, given.profile_id))
    point = next(p for p in before.points if p.contact_point_id == owner.contact_point_id)
    accounts = [
        p
        for p in before.points
        if (p.kind, network_of(p)) == ("social", "whatsapp")
        and contact_points.created_at(unit, p.contact_point_id) >= owner.first.recorded_at
    ]
    former = point._replace(
        identifying=False, contacted=False, main=False, sms=False, current=False, standing="claimed"
    )
    points = tuple(former if p is point else p for p in before.points if p not in accounts)
    new = store.read_side(unit, profiles.read_profile(unit, given.new_profile_id))._replace(points=tuple(accounts))
    # First these: of all profiles that hold a number only one may be opened by it.
    store.write_side(unit, [before], [before._replace(points=points), new], {})
    own = point._replace(contact_point_id=given.contact_point_id, main=False)
    contact_points.save_point(unit, given.new_profile_id, own, utc_now())
    profiles.change_profile(unit, given.profile_id)
    return point, [account.contact_point_id for account in accounts]


def _share_conversations(unit: UnitOfWork, given: Given, owner: NewOwner, accounts: Sequence[str]) -> None:
    """What came since the silence goes along: a conversation of nothing else whole, of another its part."""
    own = [owner.contact_point_id, *contact_points.absorbed_by(unit, [owner.contact_point_id])]
    ids = profiles.merged_into(unit, given.profile_id)
    numbers = conversation_moves.numbers_through(unit, ids, [*own, *accounts], owner.first)
    for conversation_id in sorted(numbers):
        if conversation_moves.is_whole(unit, conversation_id, numbers[conversation_id]):
            for profile_id in ids:
                conversation_moves.release_events(unit, conversation_id, profile_id)
            conversation_moves.move_conversation(unit, conversation_id, given.new_profile_id)
            continue
        beside = new_id()
        free = conversation_store.open_conversation_of(unit, given.new_profile_id) is None
        conversation_moves.copy_conversation(unit, conversation_id, beside, given.new_profile_id, may_be_open=free)
        conversation_moves.move_numbers(unit, numbers[conversation_id], beside, given.new_profile_id)
    conversation_moves.repoint_items(unit, given.new_profile_id, own, given.contact_point_id)
    # What was begun since is an answer to the new owner; what was begun before goes to nobody at this number any more.
    drafts = store.drafts_through(unit, given.profile_id, own, since=owner.first.recorded_at)
    store.move_drafts(unit, given.profile_id, given.new_profile_id, drafts)
    store.repoint_drafts(unit, drafts, dict.fromkeys(own, given.contact_point_id))


def _say_so(unit: UnitOfWork, name: str, given: Given, owner: NewOwner, actor: Actor) -> None:
    who, now = merger_of(unit, actor, None), utc_now()
    points = contact_points.points_of(unit, [given.profile_id])[given.profile_id]
    for one, event in (
        (given.profile_id, TimelineEvent("number_given", who.name, owner.name, owner.value)),
        (given.new_profile_id, TimelineEvent("number_taken", who.name, display_name(name, points), owner.value)),
    ):
        conversation_store.add_events(unit, one, [event], agent_id=who.agent_id, now=now)
    data = {"from": given.profile_id, "to": given.new_profile_id, "contact_point_id": given.contact_point_id}
    emit(unit, new_id(), "profile.created", profile_id=given.new_profile_id, data={}, now=now)
    emit(unit, new_id(), "profile.updated", profile_id=given.profile_id, data={}, now=now)
    audit.record(unit, actor, "number.given", profile_id=given.profile_id, other_id=given.new_profile_id, details=data)
