"""Several profiles merged into one in one step: one preview, one confirmation, one undo (MRG-18).

The rules apply pair by pair: the oldest source first, each into what the ones before it have left.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from onefold.accounts.service import merger_of
from onefold.core.actor import Actor
from onefold.core.errors import Conflict, InvalidValue, NotFound, VersionConflict
from onefold.database.engine import UnitOfWork
from onefold.merging import previews, store
from onefold.merging import service as merging
from onefold.merging import undo as undoing
from onefold.merging.outcomes import Step, Which
from onefold.merging.plan import MergePlan, plan_merge
from onefold.merging.previews import Preview, Side
from onefold.merging.service import MergeRequest
from onefold.merging.snapshot import ProfileSnapshot
from onefold.merging.store import MergeRow
from onefold.merging.undo import Undo
from onefold.organizations.store import load_policy
from onefold.profiles import store as profiles
from onefold.profiles.relationships import visible_relationships

MOST_SOURCES = 20


class TogetherRequest(NamedTuple):
    """What is asked for; choices and steps are by source. `digest` is that of the preview that was confirmed."""

    source_ids: Sequence[str]
    destination_id: str
    choices: Mapping[str, Mapping[str, Which]] = {}
    steps: Mapping[str, Sequence[Step]] = {}
    digest: str | None = None
    agent_id: str | None = None
    despite_no_match: bool = False

    def of(self, source_id: str) -> MergeRequest:
        """The merge of one of them."""
        return MergeRequest(
            source_id,
            self.destination_id,
            self.choices.get(source_id, {}),
            steps=self.steps.get(source_id, ()),
            agent_id=self.agent_id,
            despite_no_match=self.despite_no_match,
        )


class TogetherPreview(NamedTuple):
    """Each merge as it will be, in order; `digest` is of all of them."""

    previews: tuple[Preview, ...]
    digest: str

    @property
    def is_obstructed(self) -> bool:
        """Whether something stands in the way of one of them."""
        return any(preview.plan.obstacles for preview in self.previews)


def preview(unit: UnitOfWork, request: TogetherRequest, actor: Actor) -> TogetherPreview:
    """What merging them would do; nothing is changed. Raises what `merge` raises for profiles that cannot be merged."""
    sides = previews.read(unit, _all_of(request))
    since = profiles.since(unit, [side.row for side in sides])
    plans = _plan(unit, request, actor, [side.snapshot for side in sides], since)
    by_id = {side.row.id: side._replace(row=side.row._replace(created_at=since[side.row.id])) for side in sides}
    return TogetherPreview(tuple(_with_counts(unit, plans, by_id)), _digest(plans))


def _with_counts(unit: UnitOfWork, plans: Sequence[MergePlan], sides: Mapping[str, Side]) -> Iterator[Preview]:
    into = [sides[plans[0].destination_id]]
    for plan in plans:
        yield previews.with_counts(unit, plan, sides[plan.source_id], into)
        into.append(sides[plan.source_id])


def merge(unit: UnitOfWork, request: TogetherRequest, actor: Actor) -> list[MergeRow]:
    """Merges all of them or none. Raises what merging any of them raises, and VersionConflict where they are not what
    was confirmed (MRG-12)."""
    unit.lock_merging()
    rows = merging.lock(unit, _all_of(request))
    plans = _plan(unit, request, actor, store.read_sides(unit, rows), profiles.since(unit, rows))
    if request.digest not in (None, _digest(plans)):
        raise VersionConflict("The merge is not what was shown any more; look at the new preview.", code="plan_changed")
    merges = [merging.merge(unit, request.of(plan.source_id), actor)[0] for plan in plans]
    store.mark_together(unit, [row.id for row in merges], merges[0].id)
    return [row._replace(together_id=merges[0].id) for row in merges]


def standing(unit: UnitOfWork, together_id: str | None) -> list[MergeRow]:
    """The merges of one step that are not undone, the last first."""
    rows = [] if together_id is None else store.merges_together(unit, together_id)
    return sorted((row for row in rows if row.undone_at is None), key=lambda row: row.id, reverse=True)


def undo(unit: UnitOfWork, together_id: str, actor: Actor) -> list[Undo]:
    """Undoes what was merged in one step and is not undone yet, the last first; all or none. Raises NotFound, and what
    undoing one of them raises."""
    unit.lock_merging()
    if not store.merges_together(unit, together_id):
        raise NotFound("No profiles were merged in one step under this id.", code="merge_not_found")
    rows = standing(unit, together_id)
    if not rows:
        raise Conflict("The merges have been undone.", code="undone")
    return [undoing.undo(unit, row.id, None, actor) for row in rows]


def _all_of(request: TogetherRequest) -> list[str]:
    """The sources, each once, and the destination; raises InvalidValue, and Conflict `same_profile`."""
    source_ids = list(dict.fromkeys(request.source_ids))
    if not 1 <= len(source_ids) <= MOST_SOURCES:
        raise InvalidValue(f"From 1 to {MOST_SOURCES} profiles are merged in one step.", field="source_ids")
    if request.destination_id in source_ids:
        raise Conflict("A profile cannot be merged with itself.", code="same_profile")
    if any(step.step == "detach" for steps in request.steps.values() for step in steps):
        # What it leaves behind is known only once it is done, and the next ones' previews would not be true.
        raise InvalidValue("Detach the contact point first; several merges in one step cannot do it.", field="steps")
    return [*source_ids, request.destination_id]


def _plan(
    unit: UnitOfWork,
    request: TogetherRequest,
    actor: Actor,
    sides: Sequence[ProfileSnapshot],
    since: Mapping[str, datetime],
) -> list[MergePlan]:
    """The merges of `_all_of`, the source first that is known since longest."""
    merger, policy = merger_of(unit, actor, request.agent_id), load_policy(unit)
    snapshots = {side.profile_id: side for side in sides}
    destination = snapshots.pop(request.destination_id)
    plans: list[MergePlan] = []
    for source_id in sorted(snapshots, key=lambda one: (since[one], one)):
        source = _led_on(snapshots[source_id], [plan.source_id for plan in plans], destination)
        merge_request = request.of(source_id)
        plan = plan_merge(
            source,
            destination,
            policy.merge_policies,
            choices=merge_request.choices,
            steps=merge_request.steps,
            merger=merger,
        )
        plans.append(plan)
        destination = plan.after._replace(conversation=store.with_assignee(unit, plan.after.conversation))
    return plans


def _led_on(source: ProfileSnapshot, gone: Sequence[str], destination: ProfileSnapshot) -> ProfileSnapshot:
    """A source whose relationships name one that was merged before it: they name the destination then."""
    survivors = dict.fromkeys(gone, destination.profile_id)
    return source._replace(
        relations=visible_relationships(source.profile_id, (r.follow_redirects(survivors) for r in source.relations))
    )


def _digest(plans: Sequence[MergePlan]) -> str:
    return hashlib.sha256("".join(plan.digest for plan in plans).encode()).hexdigest()[:32]
