"""Computes what a profile would be without one of its merges (MRG-13, MRG-19).

A merge is a *layer* on its destination: it records the destination before the merge, the source, and the destination
after the merge. To take a layer out, the layers above it are *folded* again: their merges are repeated, by the rules of
merging, as if the layer had never been there:

    before   source       after                before   source       after
    Al     + Alexander  → Alexander     ─┐
    Alexander + Alex    → Alexander      └─►   Al     + Alex       → Alex

A value that is not as the layer below left it was changed by hand in between, and stays as it is. A destination that
was itself merged away is the source of a layer on another profile. That layer is folded again too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from onefold.core.actor import Merger
from onefold.matching.evidence import Evidence
from onefold.merging.outcomes import Which
from onefold.merging.plan import MergePlan, plan_merge
from onefold.merging.rebasing import rebase
from onefold.merging.snapshot import ProfileSnapshot
from onefold.organizations.merge_policies import BY_RULE, REFUSING_FIELDS, Mode

_AS_CHOSEN: Mapping[str, Mode] = {**BY_RULE, **dict.fromkeys(REFUSING_FIELDS, "choose")}
"""A choice that was made counts again, whatever policy allowed it then. Without a choice, the rules decide."""


class Layer(NamedTuple):
    """One merge, as it was recorded. `absorbed` maps contact points of the source to those they became one with.
    `evidence` is the evidence that each side had at that time."""

    merge_id: str
    source: ProfileSnapshot
    before: ProfileSnapshot
    after: ProfileSnapshot
    absorbed: Mapping[str, str]
    choices: Mapping[str, Which]
    evidence: Sequence[Evidence]
    merger: Merger
    undone_at: datetime | None
    created_at: datetime

    @property
    def destination_id(self) -> str:
        """The profile on which the layer lies."""
        return self.before.profile_id

    def side(self, profile_id: str) -> ProfileSnapshot:
        """One of the two merged profiles, as it was before this merge."""
        return self.source if profile_id == self.source.profile_id else self.before


class Change(NamedTuple):
    """A profile as its layers left it, and as they leave it now."""

    old: ProfileSnapshot
    new: ProfileSnapshot

    def applied_to(self, now: ProfileSnapshot) -> ProfileSnapshot:
        """The profile, changed in everything that is still as its layers left it. Changes made by hand since stay."""
        return rebase(now, self.old, self.new)


class Passage(NamedTuple):
    """A later merge, through which the rows of an earlier merge have come. `found` is the side of the later merge that
    had these rows, as it was then."""

    found: ProfileSnapshot
    layer: Layer

    @property
    def other(self) -> ProfileSnapshot:
        """The other side of that merge, as it was then."""
        return self.layer.before if self.found is self.layer.source else self.layer.source


class TakenOut(NamedTuple):
    """A merge taken out of the layers.

    - `layer`: the merge itself; its sides no longer contain what has been undone since;
    - `way`: the merges above it, lowest first;
    - `changes`: by profile; first its destination, then the profiles that the destination was merged into;
    - `absorbed`: the contact point that each one which became part of another led to before the merge was taken out;
    - `absorbing`: the same after it was taken out.
    """

    layer: Layer
    way: tuple[Passage, ...]
    changes: dict[str, Change]
    absorbed: Mapping[str, str]
    absorbing: Mapping[str, str]

    def change_of(self, profile_id: str) -> Change:
        """What changes on the living profile that the layers lead to today.

        If the record of a later merge was erased, the layers do not reach the living profile. Its rows then change like
        those of the last profile that they reach, and its own fields stay.
        """
        if profile_id in self.changes:
            return self.changes[profile_id]
        old, new = list(self.changes.values())[-1]
        rows = {part: getattr(new, part) for part in ("points", "details", "addresses")}
        return Change(old, old._replace(**rows))


def take_out(layers: Iterable[Layer], merge_id: str) -> TakenOut:
    """Computes what changes if a merge is taken out.

    `layers` are all merges, standing or undone, on any of these profiles and on the profiles ever merged into them.
    """
    lines = _Lines()
    events = [(layer.created_at, 0, layer) for layer in layers]
    events += [(layer.undone_at, 1, layer) for *_, layer in events if layer.undone_at is not None]
    for _, undone, layer in sorted(events, key=lambda event: (event[0], event[1], event[2].merge_id)):
        if undone:
            lines.remove(layer.destination_id, layer.merge_id)
        else:
            lines.add(layer)
    (destination_id,) = {layer.destination_id for *_, layer in events if layer.merge_id == merge_id}
    absorbed = lines.resolve_merged_points()
    way = tuple(lines.way(destination_id, merge_id))
    taken_layer, changes = lines.remove(destination_id, merge_id)
    return TakenOut(taken_layer, way, changes, absorbed=absorbed, absorbing=lines.resolve_merged_points())


class _Lines:
    """The layers of each profile, lowest first."""

    def __init__(self) -> None:
        self._layers: dict[str, list[Layer]] = {}

    def add(self, layer: Layer) -> None:
        self._layers.setdefault(layer.destination_id, []).append(layer)

    def remove(self, profile_id: str, merge_id: str) -> tuple[Layer, dict[str, Change]]:
        at = self._number(profile_id, merge_id)
        taken = self._layers[profile_id].pop(at)
        return taken, self._fold_from(profile_id, at, Change(taken.after, taken.before))

    def way(self, profile_id: str, merge_id: str) -> Iterator[Passage]:
        """The layers above a merge: those on its profile, then those on the profiles that this was merged into."""
        at: int | None = self._number(profile_id, merge_id) + 1
        while at is not None:
            for layer in self._layers[profile_id][at:]:
                yield Passage(layer.before, layer)
            above = self._above(profile_id)
            if above is None:
                return
            profile_id, number = above
            layer = self._layers[profile_id][number]
            yield Passage(layer.source, layer)
            at = number + 1

    def resolve_merged_points(self) -> dict[str, str]:
        """For each contact point that became part of another: the one that it leads to."""
        steps = {gone: by for line in self._layers.values() for layer in line for gone, by in layer.absorbed.items()}
        survivors = {}
        for gone, by in steps.items():
            seen = {gone}
            while by in steps and by not in seen:
                seen.add(by)
                by = steps[by]
            survivors[gone] = by
        return survivors

    def _number(self, profile_id: str, merge_id: str) -> int:
        return next(n for n, layer in enumerate(self._layers[profile_id]) if layer.merge_id == merge_id)

    def _above(self, profile_id: str) -> tuple[str, int] | None:
        """The layer whose source is this profile, as (profile it lies on, number); None if there is no such layer."""
        for other_id, line in self._layers.items():
            for number, layer in enumerate(line):
                if layer.source.profile_id == profile_id:
                    return other_id, number
        return None

    def _fold_from(self, profile_id: str, at: int, change: Change) -> dict[str, Change]:
        """Folds a profile's layers again, from number `at` on, because what is below them has changed (`change`). Goes
        on with the profile that it was merged into."""
        line = self._layers[profile_id]
        for number in range(at, len(line)):
            layer = line[number]
            line[number] = _fold(layer, layer.source, change.applied_to(layer.before))
            change = Change(layer.after, line[number].after)
        above = self._above(profile_id)
        if above is None:
            return {profile_id: change}
        other_id, number = above
        layer = self._layers[other_id][number]
        self._layers[other_id][number] = _fold(layer, change.applied_to(layer.source), layer.before)
        higher = Change(layer.after, self._layers[other_id][number].after)
        return {profile_id: change} | self._fold_from(other_id, number + 1, higher)


def _fold(layer: Layer, source: ProfileSnapshot, before: ProfileSnapshot) -> Layer:
    """The merge repeated with other sides. What the change does not affect stays as it was recorded."""
    was, now = (_merge(layer, *sides) for sides in ((layer.source, layer.before), (source, before)))
    after = rebase(layer.after, was.after, now.after)
    return layer._replace(source=source, before=before, after=after, absorbed=now.absorbed)


def _merge(layer: Layer, source: ProfileSnapshot, before: ProfileSnapshot) -> MergePlan:
    return plan_merge(source, before, _AS_CHOSEN, choices=layer.choices, steps=(), merger=layer.merger)
