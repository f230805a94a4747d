"""Undoes a merge (MRG-13). The source returns with its own id, what it brought, and what has arrived for it since."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from onefold.accounts.service import merger_of
from onefold.audit import service as audit
from onefold.contact_points import store as contact_points
from onefold.conversations import store as conversations
from onefold.conversations.timeline_events import TimelineEvent
from onefold.core.actor import Actor, Merger
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import Conflict, VersionConflict
from onefold.database.engine import UnitOfWork
from onefold.merging import conversation_store as conversation_moves
from onefold.merging import service as merging
from onefold.merging import store
from onefold.merging.layers import Change, Layer, TakenOut, take_out
from onefold.merging.record import MergeRecord
from onefold.merging.snapshot import OpenConversation
from onefold.merging.store import MergeRow
from onefold.merging.undo_conversations import Parting, point_ids_of, share_conversations
from onefold.merging.undo_evidence import share_evidence
from onefold.merging.undo_plan import Relationships, UndoPlan, plan_undo
from onefold.organizations.policy import Policy
from onefold.organizations.store import load_policy
from onefold.outbox.store import emit
from onefold.profiles import store as profiles
from onefold.profiles.display_name import display_name
from onefold.profiles.service import resolve_redirect


class Undo(NamedTuple):
    """What undoing a merge does, or would do.

    `profile_id` is the living profile that the source leads to before the undo; `version` is the version of that
    profile. `returning` are the ids that lead to the source again. `arrived` counts the items that have arrived on the
    source's contact points since the merge; they go back too.
    """

    merge: MergeRow
    profile_id: str
    version: int
    plan: UndoPlan
    returning: tuple[str, ...]
    drafts: tuple[str, ...]
    arrived: int


class _Look(NamedTuple):
    """What undoing would do, and what decides it: the record of the merge, and the merge taken out of its layers
    (MRG-19, see `layers.py`). `created` has the creation time of each row that may be put back."""

    found: Undo
    record: MergeRecord
    taken: TakenOut
    created: Mapping[str, datetime]
    policy: Policy


def preview(unit: UnitOfWork, merge_id: str) -> Undo:
    """What undoing would do; nothing is changed. Raises what `undo` raises."""
    return _look(unit, merge_id, lock=False).found


def undo(unit: UnitOfWork, merge_id: str, version: int | None, actor: Actor) -> Undo:
    """Undoes a merge. Raises NotFound; VersionConflict if the profile is not what the preview showed; Conflict
    `undone`, `undo_window_over`, `record_erased`."""
    look = _look(unit, merge_id, lock=True)
    effect, record = look.found, look.record
    if version not in (None, effect.version):
        raise VersionConflict(
            "The profile has changed since it was read; look at the new preview.", profile_id=effect.profile_id
        )
    now = utc_now()
    before = {"profile": store.read_side(unit, profiles.read_profile(unit, effect.profile_id)).as_record()}
    _share_rows(unit, look)
    parting = Parting(
        effect.plan.source.profile_id,
        effect.profile_id,
        effect.returning,
        point_ids=point_ids_of(effect.plan, look.taken),
        since=effect.merge.event_seq,
    )
    share_conversations(unit, parting, record)
    store.mark_undone(unit, merge_id, now)  # search no longer finds anybody by its former name
    share_evidence(unit, effect.plan, look.taken, record, policy=look.policy, now=now)
    _write_events(unit, effect, actor, now)
    source_id = effect.plan.source.profile_id
    data = {"merge_id": merge_id, "unmerged": dict.fromkeys(effect.returning, source_id)}
    emit(unit, new_id(), "profile.unmerged", profile_id=effect.profile_id, data=data, now=now)
    details = {**data, "gone": effect.plan.gone, "kept": effect.plan.kept}
    audit.record(
        unit,
        actor,
        "profile.unmerged",
        profile_id=effect.profile_id,
        other_id=source_id,
        details=details,
        before=before,
    )
    return effect


def _look(unit: UnitOfWork, merge_id: str, *, lock: bool) -> _Look:
    merge = merging.read_merge(unit, merge_id)
    policy = load_policy(unit)
    _refuse_undone(merge)
    _refuse_late(merge, policy)
    row = _lock_both(unit, merge) if lock else _living(unit, merge)
    record = merging.read_record(unit, merge)
    if record is None:
        raise Conflict("What the merge kept of the two profiles has been erased.", code="record_erased")
    returning = _returning(unit, merge, row.id)
    layers, created = _layers(unit, row.id)
    taken, now = take_out(layers, merge.id), store.read_side(unit, row)
    ids = profiles.merged_into(unit, row.id)
    plan = plan_undo(taken, now, policy, _relationships(unit, taken, ids, returning))
    brought_since = _drafts_brought_since(unit, merge, row.id, returning)
    drafts = store.drafts_on(unit, row.id, [one for one in record.drafts if one not in brought_since])
    point_ids = point_ids_of(plan, taken)
    there = [one for one in ids if one not in returning]
    arrived = sum(conversation_moves.count_through(unit, one, point_ids, merge.event_seq) for one in there)
    effect = Undo(merge, row.id, row.version, plan=plan, returning=returning, drafts=tuple(drafts), arrived=arrived)
    return _Look(effect, record, taken, created=created, policy=policy)


def _refuse_undone(merge: MergeRow | None) -> None:
    if merge is None or merge.undone_at is not None:
        raise Conflict("The merge has been undone.", code="undone")


def _refuse_late(merge: MergeRow, policy: Policy) -> None:
    if utc_now() - merge.created_at > timedelta(days=policy.undo_days):
        raise Conflict("The time in which this merge could be undone is over.", code="undo_window_over")


def _living(unit: UnitOfWork, merge: MergeRow) -> profiles.ProfileRow:
    survivor_id = profiles.read_profile(unit, merge.source_id).survivor_id
    if survivor_id is None:
        raise Conflict("The merge has been undone.", code="undone")
    return profiles.read_profile(unit, survivor_id)


def _lock_both(unit: UnitOfWork, merge: MergeRow) -> profiles.ProfileRow:
    """The living profile that the source leads to. Locks it and the merge against all other writers."""
    unit.lock_merging()
    row = profiles.lock_profile(unit, merge.source_id, against_contacts=True)
    _refuse_undone(store.read_merge(unit, merge.id, lock=True))
    return row


def _layers(unit: UnitOfWork, living_id: str) -> tuple[list[Layer], dict[str, datetime]]:
    """Every merge, standing or undone, that may have left something on a profile or on one merged into it; and the
    creation time of each row that they recorded."""
    merges_by_id: dict[str, MergeRow] = {}
    above = set(profiles.merged_into(unit, living_id))
    while above:
        rows = store.merges_into(unit, sorted(above))
        merges_by_id |= {row.id: row for row in rows}
        above = {row.source_id for row in rows} - {row.destination_id for row in merges_by_id.values()}
    records = ((row, merging.read_record(unit, row)) for row in merges_by_id.values())
    recorded_merges = [(row, record) for row, record in records if record is not None]
    created = {row_id: at for _, record in recorded_merges for row_id, at in record.created.items()}
    return [_layer(row, record) for row, record in recorded_merges], created


def _layer(row: MergeRow, record: MergeRecord) -> Layer:
    return Layer(
        merge_id=row.id,
        source=record.source,
        before=record.destination,
        after=record.after,
        absorbed=record.absorbed,
        choices=record.choices,
        evidence=record.evidence,
        merger=Merger(row.agent_id, ""),
        undone_at=row.undone_at,
        created_at=row.created_at,
    )


def _relationships(unit: UnitOfWork, taken: TakenOut, ids: Sequence[str], returning: Collection[str]) -> Relationships:
    entered = profiles.entered_relationships(unit, ids)
    named = {one for row in entered for one in (row.profile_id, row.other_id)}
    survivors = profiles.read_survivors(unit, sorted(named)) | dict.fromkeys(returning, taken.layer.source.profile_id)
    existing = store.existing_relationships(unit, [row.id for row in taken.layer.source.relations])
    return Relationships(entered, survivors, existing)


def _returning(unit: UnitOfWork, merge: MergeRow, profile_id: str) -> tuple[str, ...]:
    """The source, and every profile that leads to the living one through the source."""
    merged = profiles.merged_into(unit, profile_id)
    standing = store.standing_merges(unit, merged)
    profile_ids = []
    for one in merged:
        at = one
        while at in standing and at != merge.source_id:
            at = standing[at].destination_id
        if at == merge.source_id:
            profile_ids.append(one)
    return tuple(sorted(profile_ids))


def _drafts_brought_since(unit: UnitOfWork, merge: MergeRow, profile_id: str, returning: Collection[str]) -> set[str]:
    """The drafts that came with later merges which are not undone. Such a draft may have been the source's at the time
    of this merge, left it in an undo, and come to the living profile in another way."""
    standing = store.standing_merges(unit, profiles.merged_into(unit, profile_id))
    way, at = set(), merge.destination_id  # the profiles through which this merge's own rows came
    while at in standing:
        way.add(at)
        at = standing[at].destination_id
    later = [m for one, m in standing.items() if m.id > merge.id and one not in way and one not in returning]
    records = (merging.read_record(unit, m) for m in later)
    return {draft_id for record in records if record is not None for draft_id in record.drafts}


def _share_rows(unit: UnitOfWork, look: _Look) -> None:
    effect, plan = look.found, look.found.plan
    now = store.read_side(unit, profiles.read_profile(unit, effect.profile_id))
    store.set_redirect(unit, effect.returning, None)
    store.set_redirect(unit, [one for one in effect.returning if one != plan.source.profile_id], plan.source.profile_id)
    store.write_side(unit, [now], [plan.source, plan.destination], look.created)
    contact_points.release_points(unit, plan.released)
    profiles.change_profile(unit, effect.profile_id, **plan.destination.own_changes(now))
    _restore_lines(unit, effect.profile_id, look.taken.changes)
    store.move_drafts(unit, effect.profile_id, plan.source.profile_id, effect.drafts)
    back = {p.contact_point_id for p in plan.source.points}
    store.repoint_drafts(unit, effect.drafts, {by: gone for gone, by in look.taken.absorbed.items() if gone in back})
    since = store.drafts_through(unit, effect.profile_id, list(plan.heirs))
    store.repoint_drafts(unit, since, plan.heirs)


def _restore_lines(unit: UnitOfWork, living_id: str, changes: Mapping[str, Change]) -> None:
    """Brings each changed destination to what it would be without the merge: the own fields of those that were merged
    away since, for the day they return; and the assignee of each one's open conversation."""
    for profile_id, change in changes.items():
        row = profiles.read_profile(unit, profile_id)
        before = _as_assigned(unit, change.old.conversation)
        now = store.own_fields(row)._replace(conversation=before)
        after = change.applied_to(now)
        if own := after.own_changes(now) if profile_id != living_id else {}:
            profiles.change_profile(unit, profile_id, **own)
        if after.conversation is not None and after.conversation != before:
            assigned = {"inbox_id": after.conversation.inbox_id, "assignee_id": after.conversation.assignee_id}
            conversations.change_conversation(unit, after.conversation.conversation_id, **assigned)


def _as_assigned(unit: UnitOfWork, then: OpenConversation | None) -> OpenConversation | None:
    """The conversation with the inbox and assignee that it has now, open or not."""
    if then is None:
        return None
    row = conversations.read_conversation(unit, then.conversation_id)
    return OpenConversation(row.id, row.inbox_id, row.assignee_id, "")


def _write_events(unit: UnitOfWork, effect: Undo, actor: Actor, now: datetime) -> None:
    merger = merger_of(unit, actor, None)
    source, destination = effect.plan.source, effect.plan.destination
    for profile_id, event in (
        (effect.profile_id, TimelineEvent("unmerged", merger.name, display_name(source.name, source.points))),
        (
            source.profile_id,
            TimelineEvent("unmerged_from", merger.name, display_name(destination.name, destination.points)),
        ),
    ):
        conversations.add_events(unit, profile_id, [event], agent_id=merger.agent_id, now=now)


def history(unit: UnitOfWork, profile_id: str | None, before: str | None, limit: int) -> list[MergeRow]:
    """Merges, newest first: those of a profile and of the profiles merged into it, or all of the organization."""
    ids = None if profile_id is None else profiles.merged_into(unit, resolve_redirect(unit, profile_id))
    return store.list_merges(unit, ids, before, limit)
