"""A profile as it is, with what has changed in what it rests on: what was changed by hand stays as it was made.

`old` is how merges left a profile, `new` how they leave it now that one of them is gone. What of the profile is still
as in `old` becomes as in `new`, field by field and row by row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

from onefold.contact_points.points import HeldPoint
from onefold.merging.snapshot import OpenConversation, ProfileSnapshot

_WHOLE = ("username", "image")
_ROWS = ("details", "addresses")
R = TypeVar("R")


def rebase(side: ProfileSnapshot, old: ProfileSnapshot, new: ProfileSnapshot) -> ProfileSnapshot:
    """The side with `new`'s value of everything in which it has `old`'s."""
    changes: dict[str, Any] = {f: getattr(new, f) for f in _WHOLE if getattr(side, f) == getattr(old, f)}
    if (side.name, side.name_confirmed) == (old.name, old.name_confirmed):
        changes |= {"name": new.name, "name_confirmed": new.name_confirmed}
    if side.conversation is not None and _assignment(side.conversation) == _assignment(old.conversation):
        changes["conversation"] = _reassign(side.conversation, new.conversation)
    for part in _ROWS:
        changes[part] = _rebased_rows(getattr(side, part), getattr(old, part), getattr(new, part))
    return side._replace(
        attributes=_rebased_attributes(side.attributes, old.attributes, new.attributes),
        points=_rebased_points(side.points, old.points, new.points),
        **changes,
    )


def restore_fields(before: R, after: R, now: R) -> R:
    """A row, field by field: as it was before, where it is as it was left."""
    was, left, is_now = (cast(Any, row)._asdict() for row in (before, after, now))
    untouched = {field: was[field] for field in was if is_now[field] == left[field]}
    return cast(R, cast(Any, now)._replace(**untouched))


def heirs(old: Sequence[HeldPoint], new: Sequence[HeldPoint]) -> dict[str, HeldPoint]:
    """What stands in `new` for contact points of `old` that are not there: those of the same value, by the old id."""
    old_ids, new_ids = {p.contact_point_id for p in old}, {p.contact_point_id for p in new}
    fresh = {(p.kind, p.value): p for p in new if p.contact_point_id not in old_ids}
    gone = {p.contact_point_id: fresh.get((p.kind, p.value)) for p in old if p.contact_point_id not in new_ids}
    return {point_id: heir for point_id, heir in gone.items() if heir is not None}


def _rebased_points(
    side: Sequence[HeldPoint], old: Sequence[HeldPoint], new: Sequence[HeldPoint]
) -> tuple[HeldPoint, ...]:
    before, after = ({p.contact_point_id: p for p in points} for points in (old, new))
    inheriting = heirs(old, new)
    remaining_points = []
    for point in side:
        left = before.get(point.contact_point_id)
        if left is None:
            remaining_points.append(point)
        elif (heir := inheriting.get(point.contact_point_id)) is not None:
            remaining_points.append(_inherit_edits(heir, left, point))
        elif (becomes := after.get(point.contact_point_id)) is not None:
            remaining_points.append(_restore_point(becomes, left, point))
    return tuple(remaining_points)


def _restore_point(before: HeldPoint, after: HeldPoint, now: HeldPoint) -> HeldPoint:
    """As `restore_fields`. If the contact point has begun to open its profile since, somebody has contacted from it:
    then that stays known as well, and it does not become a claim again (PRO-13)."""
    restored = restore_fields(before, after, now)
    begun = now.identifying and not after.identifying
    return restored._replace(standing=now.standing, contacted=now.contacted) if begun else restored


def _inherit_edits(heir: HeldPoint, left: HeldPoint, now: HeldPoint) -> HeldPoint:
    """What was edited since counts for the heir as well; whatever came from there came from the one that has gone."""
    edited = restore_fields(heir, left, now)
    return edited._replace(standing=heir.standing, contacted=heir.contacted, identifying=heir.identifying)


def _rebased_rows(side: Sequence[Any], old: Sequence[Any], new: Sequence[Any]) -> tuple[Any, ...]:
    before, after, there = ({row.id: row for row in rows} for rows in (old, new, side))
    remaining_rows = [
        restore_fields(after[row.id], before[row.id], row) if row.id in before else row
        for row in side
        if row.id not in before or row.id in after
    ]
    return (*remaining_rows, *(row for row in new if row.id not in before and row.id not in there))


def _rebased_attributes(
    attributes: Mapping[str, Any], old: Mapping[str, Any], new: Mapping[str, Any]
) -> dict[str, Any]:
    missing = object()
    values = dict(attributes)
    for key in {*old, *new}:
        if values.get(key, missing) == old.get(key, missing):
            values.pop(key, None)
            if key in new:
                values[key] = new[key]
    return values


def _assignment(conversation: OpenConversation | None) -> tuple[str, str, str | None] | None:
    if conversation is None:
        return None
    return conversation.conversation_id, conversation.inbox_id, conversation.assignee_id


def _reassign(conversation: OpenConversation, new: OpenConversation | None) -> OpenConversation:
    """Only the same conversation is assigned anew: whose conversation it is, is not decided here."""
    return new if new is not None and new.conversation_id == conversation.conversation_id else conversation
