"""What is shown of a merge before it is confirmed: its plan, both profiles, and what comes along (MRG-1, MRG-4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from onefold.contact_points.points import HeldPoint
from onefold.conversations import store as conversations
from onefold.core.actor import Actor
from onefold.database.engine import UnitOfWork
from onefold.merging import service as merging
from onefold.merging import store
from onefold.merging.no_match import NoMatch, no_match_said
from onefold.merging.plan import MergePlan
from onefold.merging.service import MergeRequest
from onefold.merging.snapshot import Address, Detail, ProfileSnapshot
from onefold.profiles.display_name import display_name
from onefold.profiles.service import ProfileSummary, RelationshipView, relationship_views
from onefold.profiles.store import ProfileRow, merged_into_each


class Side(NamedTuple):
    """One of the two as it is today; its relationships with the names of whom they name.

    `merged_ids` are its own id and those of the profiles that have been merged into it.
    """

    row: ProfileRow
    snapshot: ProfileSnapshot
    merged_ids: list[str]
    relationships: list[RelationshipView]

    @property
    def display_name(self) -> str:
        """What it is called (PRO-7)."""
        return display_name(self.row.name, self.snapshot.points)

    @property
    def customer_id(self) -> str | None:
        """Its customer ID; former ones aside."""
        point = self.snapshot.customer_id
        return None if point is None else point.value

    @property
    def points(self) -> list[HeldPoint]:
        """Its contact points, without customer IDs."""
        return [point for point in self.snapshot.points if point.kind != "customer_id"]

    @property
    def details(self) -> tuple[Detail, ...]:
        """In the order they came."""
        return self.snapshot.details

    @property
    def addresses(self) -> list[Address]:
        """In the order that a merge gives them (MRG-3)."""
        return sorted(self.snapshot.addresses, key=lambda address: (address.position, address.id))

    @property
    def summary(self) -> ProfileSummary:
        """The same as lists show it."""
        return ProfileSummary(self.row, self.display_name, list(self.snapshot.points))


class Preview(NamedTuple):
    """The plan, both profiles, every "No Match" about them, and how many conversations and drafts come along."""

    plan: MergePlan
    source: Side
    destination: Side
    conversations: int
    drafts: int
    no_match: tuple[NoMatch, ...]


def look(unit: UnitOfWork, request: MergeRequest, actor: Actor) -> Preview:
    """The plan of a merge with both profiles, and how much comes along; nothing is changed. Raises what merging them
    raises if the two cannot be merged."""
    source, destination = read(unit, merging.two_of(request))
    plan = merging.plan_of(unit, source.snapshot, destination.snapshot, request=request, actor=actor)
    return with_counts(unit, plan, source, others=[destination])


def read(unit: UnitOfWork, ids: Sequence[str]) -> list[Side]:
    """Profiles that can be merged; raises what `merging.living` raises."""
    rows = merging.living(unit, ids)
    merged = merged_into_each(unit, ids)
    snapshots = store.read_sides(unit, rows, merged)
    relationships = relationship_views(unit, [(one.profile_id, one.relations) for one in snapshots])
    return [Side(*side) for side in zip(rows, snapshots, merged, relationships, strict=True)]


def with_counts(unit: UnitOfWork, plan: MergePlan, source: Side, others: Sequence[Side]) -> Preview:
    """A plan with both profiles, and how much comes along. `others` are the destination, and the profiles that the same
    step merges into it before this one (MRG-18)."""
    leads = {merged_id: side.row.id for side in (source, *others) for merged_id in side.merged_ids}
    return Preview(
        plan,
        source,
        others[0],
        conversations=conversations.count_of(unit, source.merged_ids),
        drafts=store.count_drafts(unit, plan.source_id),
        no_match=no_match_said(unit, plan.source_id, [side.row.id for side in others], leads),
    )


def needs_a_look(unit: UnitOfWork, request: MergeRequest, actor: Actor) -> bool:
    """Whether a merge cannot be done at one click: it has obstacles, or somebody said "No Match" (SUG-4)."""
    obstacles = merging.preview(unit, request, actor).obstacles
    return bool(obstacles or no_match_said(unit, request.source_id, [request.destination_id]))
