"""Moving one conversation to the customer it belongs to (DET-4): a shared phone, a colleague's mailbox."""

from __future__ import annotations

from typing import NamedTuple

from onefold.accounts.service import merger_of
from onefold.audit import service as audit
from onefold.contact_points import store as contact_points
from onefold.conversations import store as conversations
from onefold.conversations.timeline_events import TimelineEvent
from onefold.core.actor import Actor
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import Conflict
from onefold.database.engine import UnitOfWork
from onefold.merging import conversation_store as conversation_moves
from onefold.outbox.store import emit
from onefold.profiles import store as profiles
from onefold.profiles.display_name import display_name
from onefold.profiles.service import resolve_redirect
from onefold.profiles.store import ProfileRow


class Moved(NamedTuple):
    """Where a conversation was, and where it is; `created` where its customer is new."""

    conversation_id: str
    from_profile_id: str
    profile_id: str
    created: bool


def move_conversation(unit: UnitOfWork, conversation_id: str, to: str | None, actor: Actor) -> Moved:
    """Moves a conversation whole to another profile, or to a new one where `to` is None; moving it back takes it back.

    The contact points stay with whom they are. It is closed where its new customer has an open one already. Raises
    NotFound, and Conflict where it is that profile's already.
    """
    unit.lock_merging()
    conversation = conversations.read_conversation(unit, conversation_id)
    if conversation.merged_into_id is not None:
        conversation = conversations.read_conversation(unit, conversation.merged_into_id)
    owner_id, target_id = resolve_redirect(unit, conversation.profile_id), new_id() if to is None else to
    now, created = utc_now(), to is None
    if created:
        profiles.add_profile(unit, target_id, now)
    else:
        target_id = resolve_redirect(unit, target_id)
    if owner_id == target_id:
        raise Conflict("The conversation is this customer's already.", code="same_profile")
    locked = {one: profiles.lock_profile(unit, one, against_contacts=True) for one in sorted((owner_id, target_id))}
    for one in profiles.merged_into(unit, owner_id):
        conversation_moves.release_events(unit, conversation.id, one)
    if conversation.state == "open" and conversations.open_conversation_of(unit, target_id) is not None:
        conversations.change_conversation(unit, conversation.id, state="closed", closed_at=now)
    conversation_moves.move_conversation(unit, conversation.id, target_id)
    for one in locked:
        profiles.change_profile(unit, one)
    _say_so(unit, locked[owner_id], locked[target_id], actor)
    data = {"conversation_id": conversation.id, "from": owner_id, "to": target_id}
    emit(unit, new_id(), "conversation.updated", profile_id=target_id, data=data, now=now)
    audit.record(unit, actor, "conversation.moved", profile_id=target_id, other_id=owner_id, details=data)
    return Moved(conversation.id, owner_id, target_id, created)


def _say_so(unit: UnitOfWork, owner: ProfileRow, target: ProfileRow, actor: Actor) -> None:
    who, points = merger_of(unit, actor, None), contact_points.points_of(unit, [owner.id, target.id])
    for one, kind, other in ((owner, "moved_to", target), (target, "moved_from", owner)):
        event = TimelineEvent(kind, who.name, display_name(other.name, points[other.id]))  # type: ignore[arg-type]
        conversations.add_events(unit, one.id, [event], agent_id=who.agent_id, now=utc_now())
