"""What a profile is without one of its merges (MRG-13, MRG-19).

Each merge lies on its destination like a layer: the destination before it, its source, the destination after it. Taking
a layer out folds those above it again, by the rules of merging, as if it had never been there:

    before   source       after                before   source       after
    Al     + Alexander  → Alexander     ─┐
    Alexander + Alex    → Alexander      └─►   Al     + Alex       → Alex

What is not as the layer below left it was changed by hand in between, and stays as it was made. A destination that was
merged away itself is the source of a layer of another profile, which is folded again as well.
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
"""What was chosen counts again, whatever let it be chosen then; what nobody chose is as the rules have it."""


class Layer(NamedTuple):
    """One merge, as it was recorded. `absorbed` maps contact points of the source to those they became one with;
    `evidence` is what spoke for either side then."""

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
        """On which profile it lies."""
        return self.before.profile_id

    def side(self, profile_id: str) -> ProfileSnapshot:
        """One of the two that were merged, as this merge found it."""
        return self.source if profile_id == self.source.profile_id else self.before


class Change(NamedTuple):
    """A profile as its layers left it, and as they leave it now."""

    old: ProfileSnapshot
    new: ProfileSnapshot

    def applied_to(self, now: ProfileSnapshot) -> ProfileSnapshot:
        """The profile with everything changed that is as its layers left it; what was changed by hand since stays."""
        return rebase(now, self.old, self.new)


class Passage(NamedTuple):
    """A later merge that what a merge brought has come through; `found` is the profile it came on, as it was then."""

    found: ProfileSnapshot
    layer: Layer

    @property
    def other(self) -> ProfileSnapshot:
        """Whom that merge joined it with, as it was then."""
        return self.layer.before if self.found is self.layer.source else self.layer.source


class TakenOut(NamedTuple):
    """A merge taken out of the layers. `layer` is the merge itself, its sides without what has been undone since.

    `way` are the merges above it, lowest first. `changes` are by profile: its destination first, then those that one
    was merged into. `absorbed` and `absorbing` map contact points to those they were one with, and are now.
    """

    layer: Layer
    way: tuple[Passage, ...]
    changes: dict[str, Change]
    absorbed: Mapping[str, str]
    absorbing: Mapping[str, str]

    def change_of(self, profile_id: str) -> Change:
        """What changes on the profile that all this leads to today.

        Where what was kept of a later merge has been erased, the way to it is not known to its end: its rows change as
        those of the last one known, and its own fields stay.
        """
        if profile_id in self.changes:
            return self.changes[profile_id]
        old, new = list(self.changes.values())[-1]
        rows = {part: getattr(new, part) for part in ("points", "details", "addresses")}
        return Change(old, old._replace(**rows))


def take_out(layers: Iterable[Layer], merge_id: str) -> TakenOut:
    """What taking a merge out changes.

    `layers` are all merges, standing or undone, on any of these profiles and on those ever merged into them.
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
        """The layers above one: on its profile, and on those that one was merged into."""
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
        """The contact point that each one which is gone leads to."""
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
        """Where a profile that was merged away is the source: whose layer, and which."""
        for other_id, line in self._layers.items():
            for number, layer in enumerate(line):
                if layer.source.profile_id == profile_id:
                    return other_id, number
        return None

    def _fold_from(self, profile_id: str, at: int, change: Change) -> dict[str, Change]:
        """Folds a profile's layers again, from one on, whose lower neighbour has changed; and so on upwards."""
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
    """The merge done again with other sides; what the change does not touch stays as it was recorded."""
    was, now = (_merge(layer, *sides) for sides in ((layer.source, layer.before), (source, before)))
    after = rebase(layer.after, was.after, now.after)
    return layer._replace(source=source, before=before, after=after, absorbed=now.absorbed)


def _merge(layer: Layer, source: ProfileSnapshot, before: ProfileSnapshot) -> MergePlan:
    return plan_merge(source, before, _AS_CHOSEN, choices=layer.choices, steps=(), merger=layer.merger)
