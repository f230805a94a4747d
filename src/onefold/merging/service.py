"""Merges two profiles (MRG): the preview, and the confirmed merge, which is applied in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from onefold.accounts.service import merger_of
from onefold.audit import service as audit
from onefold.contact_points import store as contact_points
from onefold.conversations import store as conversations
from onefold.core.actor import Actor, Merger
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import Conflict, NotFound, VersionConflict
from onefold.database.engine import RetryTransaction, UnitOfWork
from onefold.matching import service as matching
from onefold.matching import store as matches
from onefold.matching.evidence import pair_of
from onefold.matching.scoring import handle_key, keys_of_point
from onefold.matching.service import MatchState
from onefold.merging import conversation_store as conversation_moves
from onefold.merging import detach as detaching
from onefold.merging import store
from onefold.merging.no_match import no_match_said
from onefold.merging.outcomes import Step, Which
from onefold.merging.plan import MergePlan, plan_merge
from onefold.merging.record import MergeRecord
from onefold.merging.snapshot import ProfileSnapshot
from onefold.merging.store import MergeRow
from onefold.organizations.policy import Policy
from onefold.organizations.store import load_policy
from onefold.outbox.store import emit
from onefold.profiles import store as profiles
from onefold.profiles.store import ProfileRow


class MergeRequest(NamedTuple):
    """A merge that is asked for.

    `versions` (source, destination) and `digest` are those of the preview that was confirmed (MRG-12), or None if there
    was no preview. `agent_id` is the agent on whose behalf an API key merges. `despite_no_match` says that the merge is
    meant although somebody said "No Match" about the two (SUG-4).
    """

    source_id: str
    destination_id: str
    choices: Mapping[str, Which] = {}
    steps: Sequence[Step] = ()
    versions: tuple[int | None, int | None] = (None, None)
    digest: str | None = None
    agent_id: str | None = None
    despite_no_match: bool = False


def _refuse_no_match(unit: UnitOfWork, request: MergeRequest) -> None:
    if request.despite_no_match or not (said := no_match_said(unit, request.source_id, [request.destination_id])):
        return
    raise Conflict(
        f'{said[0].agent or "Somebody"} said on {said[0].at:%Y-%m-%d} that these two are not one customer ("No '
        'Match"). Merge them only if you mean it.',
        code="no_match_said",
        no_match=[{"agent_id": one.agent_id, "agent": one.agent, "at": one.at.isoformat()} for one in said],
    )


def preview(unit: UnitOfWork, request: MergeRequest, actor: Actor) -> MergePlan:
    """MRG-1, MRG-4: the plan of a merge; nothing is changed. Raises what `merge` raises if the two cannot be merged."""
    source, destination = store.read_sides(unit, living(unit, two_of(request)))
    return plan_of(unit, source, destination, request=request, actor=actor)


def plan_of(
    unit: UnitOfWork, source: ProfileSnapshot, destination: ProfileSnapshot, *, request: MergeRequest, actor: Actor
) -> MergePlan:
    """The plan of a merge of two profiles that have been read."""
    merger, policy = merger_of(unit, actor, request.agent_id), load_policy(unit)
    return _plan(source, destination, request, merger=merger, policy=policy)


def merge(unit: UnitOfWork, request: MergeRequest, actor: Actor) -> tuple[MergeRow, MergePlan]:
    """Merges the source into the destination, all or nothing (MRG-10).

    Raises NotFound; Conflict `same_profile`, `merged_away` (MRG-15), `no_match_said` (SUG-4), or `merge_refused` with
    the obstacles (MRG-17); VersionConflict if a profile or the plan is not what was confirmed (MRG-12).
    """
    unit.lock_merging()
    source, destination = store.read_sides(unit, lock(unit, two_of(request)))
    merger, policy = merger_of(unit, actor, request.agent_id), load_policy(unit)
    plan = _plan(source, destination, request, merger=merger, policy=policy)
    _refuse_changed(plan, request)
    _refuse_no_match(unit, request)
    _refuse_obstructed(plan)
    if plan.detached:
        owners = {p.contact_point_id: side.profile_id for side in (source, destination) for p in side.points}
        for point_id in plan.detached:
            detaching.detach(unit, owners[point_id], point_id, version=None, actor=actor, agent_id=request.agent_id)
        source, destination = store.read_sides(unit, lock(unit, two_of(request)))
        plan = _plan(source, destination, request, merger=merger, policy=policy)
        _refuse_obstructed(plan)
    return _apply(
        unit,
        source,
        destination,
        plan=plan,
        request=request,
        actor=actor._replace(agent_id=merger.agent_id),
        policy=policy,
    ), plan


def two_of(request: MergeRequest) -> tuple[str, str]:
    """The source and the destination, who are two; raises Conflict `same_profile`."""
    if request.source_id == request.destination_id:
        raise Conflict("A profile cannot be merged with itself.", code="same_profile")
    return request.source_id, request.destination_id


def living(unit: UnitOfWork, ids: Sequence[str]) -> list[ProfileRow]:
    """Profiles that can be merged, in the order of the ids; raises NotFound, and Conflict `merged_away`."""
    rows = profiles.read_profiles(unit, ids)
    for profile_id in ids:
        if rows[profile_id].survivor_id is not None:
            raise Conflict(
                "One of the two profiles was merged into another; merge with that one.",
                code="merged_away",
                profile_id=profile_id,
                survivor_id=rows[profile_id].survivor_id,
            )
    return [rows[profile_id] for profile_id in ids]


def lock(unit: UnitOfWork, ids: Sequence[str]) -> list[ProfileRow]:
    """Like `living`, and locks the profiles against all other writers until the unit ends: one after the other as their
    ids go, so that two who lock the same profiles never wait for each other."""
    locked = {profile_id: _lock_one(unit, profile_id) for profile_id in sorted(ids)}
    return [locked[profile_id] for profile_id in ids]


def _lock_one(unit: UnitOfWork, profile_id: str) -> ProfileRow:
    row = profiles.lock_living(unit, profile_id, against_contacts=True)
    if row is None:
        living(unit, [profile_id])  # raises the reason why there was nothing to lock
        raise RetryTransaction  # no reason: somebody has just undone its merge
    return row


def _plan(
    source: ProfileSnapshot, destination: ProfileSnapshot, request: MergeRequest, merger: Merger, policy: Policy
) -> MergePlan:
    return plan_merge(
        source, destination, policy.merge_policies, choices=request.choices, steps=request.steps, merger=merger
    )


def _refuse_changed(plan: MergePlan, request: MergeRequest) -> None:
    """MRG-12: refuses a merge that is not what was confirmed."""
    seen_anew = any(seen not in (None, now) for seen, now in zip(request.versions, plan.versions, strict=True))
    if seen_anew or request.digest not in (None, plan.digest):
        raise VersionConflict("The merge is not what was shown any more; look at the new preview.", code="plan_changed")


def _refuse_obstructed(plan: MergePlan) -> None:
    """MRG-17: refuses a merge with obstacles; names all of them, and the steps that would clear them."""
    if plan.obstacles:
        named = ", ".join(sorted({obstacle.code for obstacle in plan.obstacles}))
        raise Conflict(
            f"The merge is refused: {named}. The preview lists the steps that would clear this.",
            code="merge_refused",
            obstacles=[
                {"code": o.code, "field": o.field.partition(".")[0], "steps": [step._asdict() for step in o.steps]}
                for o in plan.obstacles
            ],
        )


def _apply(
    unit: UnitOfWork,
    source: ProfileSnapshot,
    destination: ProfileSnapshot,
    plan: MergePlan,
    request: MergeRequest,
    actor: Actor,
    policy: Policy,
) -> MergeRow:
    now, merge_id = utc_now(), new_id()
    match_state = matching.match_state(unit, [source.profile_id, destination.profile_id])
    record = _record(unit, source, destination, plan=plan, match_state=match_state)
    led_on = _move(unit, source, destination, plan=plan, former_ids=record.former_ids, now=now)
    record = record._replace(drafts=tuple(store.move_drafts(unit, plan.source_id, plan.destination_id)))
    _find_by(unit, source, destination, plan=plan, before=match_state, policy=policy, now=now)
    event_seq = conversations.add_events(unit, plan.destination_id, plan.events, agent_id=actor.agent_id, now=now)
    _emit(unit, merge_id, plan, former_ids=record.former_ids, led_on=led_on, now=now)
    seq = audit.record(
        unit,
        actor,
        "profile.merged",
        profile_id=plan.destination_id,
        other_id=plan.source_id,
        details=_details(unit, merge_id, plan, request=request, record=record),
        before=record.to_json(),
    )
    lost = (name for name in (destination.name, source.name) if name and name != plan.after.name)
    row = MergeRow(
        merge_id,
        plan.source_id,
        plan.destination_id,
        agent_id=actor.agent_id,
        event_seq=event_seq,
        audit_seq=seq,
        created_at=now,
        undone_at=None,
        former_name=next(lost, None),
    )
    store.add_merge(unit, row)
    profiles.reindex(unit, plan.destination_id)
    return row


def _details(
    unit: UnitOfWork, merge_id: str, plan: MergePlan, *, request: MergeRequest, record: MergeRecord
) -> dict[str, object]:
    """The details of a merge in the audit log (MRG-14), also whether it was made despite a "No Match" (SUG-4)."""
    details: dict[str, object] = {
        "merge_id": merge_id,
        "steps": [s._asdict() for s in request.steps],
        "choices": {o.field: o.kept for o in plan.outcomes if o.why == "chosen" and "." not in o.field},
        "versions": plan.versions,
        "evidence": sorted({piece.kind for piece in record.evidence_between}),
        "outcomes": {o.field: o.kept for o in plan.outcomes if "." not in o.field},
    }
    if request.despite_no_match and no_match_said(unit, request.source_id, [request.destination_id]):
        details["despite_no_match"] = True
    return details


def _record(
    unit: UnitOfWork, source: ProfileSnapshot, destination: ProfileSnapshot, plan: MergePlan, match_state: MatchState
) -> MergeRecord:
    return MergeRecord(
        source=source,
        destination=destination,
        after=plan.after,
        absorbed=plan.absorbed,
        choices={o.field: o.kept for o in plan.outcomes if o.why in ("chosen", "step") and o.kept is not None},
        created=store.created_times(unit, [source.profile_id, destination.profile_id]),
        evidence=match_state.evidence,
        suggested={row.pair: row.created_at for row in match_state.suggestions},
        former_ids=tuple(profiles.merged_into(unit, source.profile_id)[1:]),
        drafts=(),
    )


def _move(
    unit: UnitOfWork,
    source: ProfileSnapshot,
    destination: ProfileSnapshot,
    plan: MergePlan,
    former_ids: Sequence[str],
    now: datetime,
) -> list[str]:
    """Moves everything of the source except its history, which is found through the source's redirect.

    Returns the conversations that led to the source's open one and now lead to the destination's.
    """
    store.write_side(unit, [source, destination], [plan.after], {})
    contact_points.absorb_points(unit, plan.absorbed)
    led_on = _move_conversation(unit, source, plan, now)
    store.set_redirect(unit, [plan.source_id, *former_ids], plan.destination_id)
    profiles.change_profile(unit, plan.destination_id, **plan.after.own_changes(destination))
    return led_on


def _move_conversation(unit: UnitOfWork, source: ProfileSnapshot, plan: MergePlan, now: datetime) -> list[str]:
    """MRG-5: two open conversations become one. If only the source has an open one, it stays open."""
    joined = plan.joined
    if joined is not None:
        led_on = conversation_moves.join_conversations(unit, joined.gone_id, joined.conversation_id, now)
        conversations.change_conversation(
            unit, joined.conversation_id, assignee_id=joined.assignee_id, inbox_id=joined.inbox_id
        )
        return led_on
    if source.conversation is not None:
        conversations.change_conversation(unit, source.conversation.conversation_id, profile_id=plan.destination_id)
    return []


def _find_by(
    unit: UnitOfWork,
    source: ProfileSnapshot,
    destination: ProfileSnapshot,
    plan: MergePlan,
    before: MatchState,
    policy: Policy,
    now: datetime,
) -> None:
    """MRG-2: search and suggestions find the destination by all values of both, and no longer find the source."""
    profiles.forget_terms(unit, plan.source_id)
    for point in source.points:
        if point.contact_point_id in plan.absorbed:
            matches.remove_keys(unit, keys_of_point(point.kind, point.value, point.handle), point.contact_point_id)
    for side in (source, destination):
        if side.username:
            matches.remove_keys(unit, ["h:" + handle_key(side.username)], side.profile_id)
    matching.index_keys(unit, plan.destination_id, policy)
    pairs = matching.move_evidence(unit, plan.source_id, plan.destination_id, before)
    # The source's suggestions become the destination's, and keep the time at which they were raised.
    gone = {plan.source_id, plan.destination_id}
    others = {(set(row.pair) - gone).pop(): row.created_at for row in before.suggestions if set(row.pair) != gone}
    since = {pair_of(plan.destination_id, one): at for one, at in others.items()}
    matching.rate(unit, pairs, policy, now, created=since)


def _emit(
    unit: UnitOfWork,
    merge_id: str,
    plan: MergePlan,
    former_ids: Sequence[str],
    led_on: Sequence[str],
    now: datetime,
) -> None:
    """EVT-1: one event, with the map from old ids to new."""
    old = [plan.source_id, *former_ids]
    data: dict[str, Any] = {"merge_id": merge_id, "merged": dict.fromkeys(old, plan.destination_id)}
    if plan.joined is not None:
        data["conversations"] = dict.fromkeys([plan.joined.gone_id, *led_on], plan.joined.conversation_id)
    emit(unit, new_id(), "profile.merged", profile_id=plan.destination_id, data=data, now=now)


def read_merge(unit: UnitOfWork, merge_id: str) -> MergeRow:
    """The merge with this id; raises NotFound."""
    row = store.read_merge(unit, merge_id)
    if row is None:
        raise NotFound("There is no merge with this id.", code="merge_not_found")
    return row


def read_record(unit: UnitOfWork, row: MergeRow) -> MergeRecord | None:
    """The record that was kept of a merge; None if it has been erased."""
    values = audit.read(unit, row.audit_seq).before
    return None if values is None else MergeRecord.from_json(values)
