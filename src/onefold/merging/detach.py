"""Taking a contact point, with what came through it, out into a profile of its own (DET)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from onefold.accounts.service import merger_of
from onefold.audit import service as audit
from onefold.contact_points import store as contact_points
from onefold.conversations import store as conversations
from onefold.conversations.timeline_events import TimelineEvent
from onefold.core.actor import Actor, Merger
from onefold.core.clock import new_id, utc_now
from onefold.database.engine import UnitOfWork
from onefold.matching import service as matching
from onefold.matching.scoring import evidence_of_point
from onefold.merging import conversation_store as conversation_moves
from onefold.merging import store
from onefold.merging.detach_plan import DetachPlan, plan_detach
from onefold.organizations.store import load_policy
from onefold.outbox.store import emit
from onefold.profiles import store as profiles
from onefold.profiles.display_name import display_name
from onefold.suggestions import service as suggestions


class Detached(NamedTuple):
    """What a detach has done: conversations that went whole, and those that were split (old id to new)."""

    profile_id: str
    new_profile_id: str
    moved: tuple[str, ...]
    split: dict[str, str]


def detach(
    unit: UnitOfWork, profile_id: str, contact_point_id: str, version: int | None, actor: Actor, agent_id: str | None
) -> Detached:
    """A new profile with the contact point and its conversations (DET-1, DET-2); the pair counts as "No Match" (DET-3).

    Raises NotFound, VersionConflict, and Conflict where it is the profile's only contact point.
    """
    unit.lock_merging()
    row = profiles.lock_profile(unit, profile_id, version, against_contacts=True)
    now = utc_now()
    plan = plan_detach(store.read_side(unit, row), contact_point_id, new_id())
    before = {"profile": plan.before.as_record()}
    profiles.add_profile(unit, plan.new.profile_id, now)
    store.write_side(unit, [plan.before], [plan.after, plan.new], {})
    point_ids = [contact_point_id, *contact_points.absorbed_by(unit, [contact_point_id])]
    moved, split = _share_conversations(unit, row.id, plan.new.profile_id, point_ids)
    store.move_drafts(unit, row.id, plan.new.profile_id, store.drafts_through(unit, row.id, point_ids))
    profiles.change_profile(unit, row.id)
    _write_events(unit, plan, merger_of(unit, actor, agent_id), now)
    _find_by(unit, plan, actor._replace(agent_id=actor.agent_id or agent_id), now)
    result = Detached(row.id, plan.new.profile_id, tuple(moved), split)
    data: dict[str, Any] = {
        "from": row.id,
        "to": plan.new.profile_id,
        "contact_point_id": contact_point_id,
        "moved_conversations": moved,
        "split_conversations": split,
    }
    emit(unit, new_id(), "profile.detached", profile_id=row.id, data=data, now=now)
    audit.record(
        unit,
        actor._replace(agent_id=actor.agent_id or agent_id),
        "profile.detached",
        profile_id=row.id,
        other_id=plan.new.profile_id,
        details=data,
        before=before,
    )
    return result


def _share_conversations(
    unit: UnitOfWork, profile_id: str, new_profile_id: str, point_ids: list[str]
) -> tuple[list[str], dict[str, str]]:
    """A conversation that came through the contact point alone goes whole; of another its messages go (DET-2)."""
    moved, split = [], {}
    for share in conversation_moves.shares_of(unit, profiles.merged_into(unit, profile_id), point_ids):
        if share.others == 0:
            conversation_moves.move_conversation(unit, share.conversation_id, new_profile_id)
            moved.append(share.conversation_id)
        else:
            copy_id = split[share.conversation_id] = new_id()
            conversation_moves.copy_conversation(unit, share.conversation_id, copy_id, new_profile_id, may_be_open=True)
            conversation_moves.move_items(
                unit, share.conversation_id, point_ids, to_conversation=copy_id, to_profile=new_profile_id
            )
    return moved, split


def _write_events(unit: UnitOfWork, plan: DetachPlan, who: Merger, now: datetime) -> None:
    value = plan.point.handle or plan.point.value
    customer = display_name(plan.after.name, plan.after.points)
    for profile_id, event in (
        (plan.after.profile_id, TimelineEvent("detached", agent=who.name, contact_point=value)),
        (plan.new.profile_id, TimelineEvent("detached_from", who.name, customer, value)),
    ):
        conversations.add_events(unit, profile_id, [event], agent_id=who.agent_id, now=now)


def _find_by(unit: UnitOfWork, plan: DetachPlan, actor: Actor, now: datetime) -> None:
    """Search and suggestions follow the contact point; then the pair is no match on all that speaks for it (DET-3)."""
    policy = load_policy(unit)
    for profile_id in (plan.after.profile_id, plan.new.profile_id):
        profiles.reindex(unit, profile_id)
    matching.refresh_matches(unit, plan.after.profile_id, policy, now, gone=evidence_of_point(plan.point))
    matching.refresh_matches(unit, plan.new.profile_id, policy, now)
    suggestions.remember_no_match(
        unit, plan.after.profile_id, plan.new.profile_id, agent_id=actor.agent_id, policy=policy, now=now
    )
