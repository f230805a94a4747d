"""What a profile's own fields are without one of its merges (MRG-13, MRG-19).

Each merge lies on its destination like a layer: the fields before it, those of its source, the fields after it. Taking
a layer out folds those above it again, by the rules of merging, as if it had never been there:

    before   source       after                before   source       after
    Al     + Alexander  → Alexander     ─┐
    Alexander + Alex    → Alexander      └─►   Al     + Alex       → Alex

A field that is not as the layer below left it was changed by hand in between, and stays as it was made. A destination
that was merged away itself is the source of a layer of another profile, which is folded again as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from onefold.domain.merge_outcomes import Which
from onefold.domain.merge_policies import BY_RULE
from onefold.domain.merging import Merger, plan_merge
from onefold.domain.sides import OpenConversation, ProfileSnapshot

_WHOLE = ("username", "image")
Fold = Callable[[ProfileSnapshot, ProfileSnapshot], ProfileSnapshot]


class Layer(NamedTuple):
    """One merge, as it was recorded. Of its sides only their own fields and the open conversation count."""

    merge_id: str
    source: ProfileSnapshot
    before: ProfileSnapshot
    after: ProfileSnapshot
    choices: Mapping[str, Which]
    merger: Merger
    undone_at: datetime | None
    created_at: datetime

    @property
    def destination_id(self) -> str:
        """On which profile it lies."""
        return self.before.profile_id


class Change(NamedTuple):
    """The own fields of a profile as its layers left them, and as they leave them now."""

    old: ProfileSnapshot
    new: ProfileSnapshot

    def applied_to(self, now: ProfileSnapshot) -> ProfileSnapshot:
        """The profile with every field changed that is as its layers left it; what was changed by hand since stays."""
        return _rebase(now, self.old, self.new)


def take_out(layers: Iterable[Layer], merge_id: str) -> dict[str, Change]:
    """What taking a merge out changes, by profile: its destination first, then those that one was merged into.

    `layers` are all merges, standing or undone, on any of these profiles and on those ever merged into them.
    """
    lines = _Lines()
    events = [(layer.created_at, 0, layer) for layer in layers]
    events += [(layer.undone_at, 1, layer) for *_, layer in events if layer.undone_at is not None]
    this: Layer | None = None
    for _, undone, layer in sorted(events, key=lambda event: (event[0], event[1], event[2].merge_id)):
        this = layer if layer.merge_id == merge_id else this
        if undone:
            lines.remove(layer)
        else:
            lines.add(layer)
    return {} if this is None else lines.remove(this)


class _Lines:
    """The layers of each profile, lowest first."""

    def __init__(self) -> None:
        self._layers: dict[str, list[Layer]] = {}

    def add(self, layer: Layer) -> None:
        self._layers.setdefault(layer.destination_id, []).append(layer)

    def remove(self, layer: Layer) -> dict[str, Change]:
        line = self._layers.get(layer.destination_id, [])
        at = next((n for n, one in enumerate(line) if one.merge_id == layer.merge_id), None)
        if at is None:
            return {}
        taken = line.pop(at)
        return self._fold_from(layer.destination_id, at, Change(taken.after, taken.before))

    def _fold_from(self, profile_id: str, at: int, change: Change) -> dict[str, Change]:
        """Folds a profile's layers again, from one on, whose lower neighbour has changed; and so on upwards."""
        line = self._layers[profile_id]
        for number in range(at, len(line)):
            layer = line[number]
            line[number] = _fold(layer, layer.source, change.applied_to(layer.before))
            change = Change(layer.after, line[number].after)
        changes = {profile_id: change}
        for other_id, above in self._layers.items():
            for number, layer in enumerate(above):
                if layer.source.profile_id == profile_id and other_id not in changes:
                    above[number] = _fold(layer, change.applied_to(layer.source), layer.before)
                    return changes | self._fold_from(other_id, number + 1, Change(layer.after, above[number].after))
        return changes


def _fold(layer: Layer, source: ProfileSnapshot, before: ProfileSnapshot) -> Layer:
    """The merge done again with other fields before it; what the change does not touch stays as it was recorded."""
    was, now = (_merge(layer, *sides) for sides in ((layer.source, layer.before), (source, before)))
    return layer._replace(source=source, before=before, after=_rebase(layer.after, was, now))


def _merge(layer: Layer, source: ProfileSnapshot, before: ProfileSnapshot) -> ProfileSnapshot:
    mine, theirs = (side._replace(points=(), details=(), addresses=(), relations=()) for side in (before, source))
    return plan_merge(theirs, mine, BY_RULE, layer.choices, (), layer.merger).after


def _rebase(side: ProfileSnapshot, old: ProfileSnapshot, new: ProfileSnapshot) -> ProfileSnapshot:
    """The side with `new`'s value of each field in which it has `old`'s."""
    changes: dict[str, Any] = {f: getattr(new, f) for f in _WHOLE if getattr(side, f) == getattr(old, f)}
    if (side.name, side.name_confirmed) == (old.name, old.name_confirmed):
        changes |= {"name": new.name, "name_confirmed": new.name_confirmed}
    if side.conversation is not None and _assignment(side.conversation) == _assignment(old.conversation):
        changes["conversation"] = _reassign(side.conversation, new.conversation)
    return side._replace(attributes=_rebased_attributes(side.attributes, old.attributes, new.attributes), **changes)


def _rebased_attributes(
    attributes: Mapping[str, Any], old: Mapping[str, Any], new: Mapping[str, Any]
) -> dict[str, Any]:
    missing = object()
    found = dict(attributes)
    for key in {*old, *new}:
        if found.get(key, missing) == old.get(key, missing):
            found.pop(key, None)
            if key in new:
                found[key] = new[key]
    return found


def _assignment(conversation: OpenConversation | None) -> tuple[str, str, str | None] | None:
    if conversation is None:
        return None
    return conversation.conversation_id, conversation.inbox_id, conversation.assignee_id


def _reassign(conversation: OpenConversation, new: OpenConversation | None) -> OpenConversation:
    """Only the same conversation is assigned anew: whose conversation it is, is not decided here."""
    return new if new is not None and new.conversation_id == conversation.conversation_id else conversation
