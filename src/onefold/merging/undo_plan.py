"""Plans the undoing of a merge (MRG-13): what goes back to the source, what becomes what it was, what stays. Pure.

A value that nobody has changed since the merge becomes what it was. A value that somebody has changed stays as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from typing import Any, NamedTuple, TypeVar, cast

from onefold.contact_points.points import HeldPoint
from onefold.merging.layers import TakenOut
from onefold.merging.rebasing import heirs, rebase, restore_fields
from onefold.merging.snapshot import ProfileSnapshot
from onefold.organizations.policy import Policy
from onefold.profiles.relationships import Relationship, visible_relationships


class UndoPlan(NamedTuple):
    """Both profiles as they will be, and (kind, id) of rows that do not become what they were.

    - `gone`: rows that the source brought and that no longer exist;
    - `kept`: rows of the destination that were changed since the merge and stay as they are now;
    - `released`: contact points that had become one with another, by id: the one that each leads to now, or None if it
      leads to none;
    - `heirs`: if both profiles hold a value, the destination's contact point that takes the place of the one that goes
      back to the source, by the latter's id.
    """

    source: ProfileSnapshot
    destination: ProfileSnapshot
    gone: tuple[tuple[str, str], ...]
    kept: tuple[tuple[str, str], ...]
    released: Mapping[str, str | None]
    heirs: Mapping[str, str]


class Relationships(NamedTuple):
    """The relationships of all profiles that are one profile now, as they were entered. `survivors` has, for each
    profile that they name, the profile it leads to once the merge is undone. `existing` are the ids of the source's
    relationships that still exist, on any profile."""

    entered: Sequence[Relationship]
    survivors: Mapping[str, str]
    existing: Set[str]

    def of(self, profile_id: str) -> tuple[Relationship, ...]:
        """The relationships of a profile, once the merge is undone."""
        return visible_relationships(profile_id, (row.follow_redirects(self.survivors) for row in self.entered))


R = TypeVar("R")


class _Split(NamedTuple):
    source: list[Any]
    destination: list[Any]
    gone: list[str]


_PARTS = {"points": "contact point", "details": "detail", "addresses": "address"}


def plan_undo(taken: TakenOut, now: ProfileSnapshot, policy: Policy, relationships: Relationships) -> UndoPlan:
    """Plans the undo. `now` is the profile that the source leads to today; `taken` is the merge, taken out of its
    layers."""
    change = taken.change_of(now.profile_id)
    as_left = rebase(now, change.old, change.new)
    splits = {part: _split(taken, part, now, as_left) for part in ("details", "addresses")}
    splits["points"] = _split_points(taken, now, as_left, policy)
    source = _with_rows(taken.layer.source, {part: split.source for part, split in splits.items()}, relationships)
    destination = _with_rows(as_left, {part: split.destination for part, split in splits.items()}, relationships)
    gone = [(word, row_id) for part, word in _PARTS.items() for row_id in splits[part].gone]
    gone += [("relationship", r.id) for r in taken.layer.source.relations if r.id not in relationships.existing]
    held_ids = {p.contact_point_id for side in (source, destination) for p in side.points}
    return UndoPlan(
        source,
        destination,
        gone=tuple(gone),
        kept=tuple(
            (word, row_id)
            for part, word in _PARTS.items()
            for row_id in _changed_rows(getattr(change.new, part), getattr(destination, part))
        ),
        released=_points_to_release(taken, held_ids),
        heirs={
            point_id: heir.contact_point_id for point_id, heir in heirs(change.old.points, change.new.points).items()
        },
    )


def _key(row: Any) -> str:
    return cast(str, row.contact_point_id if isinstance(row, HeldPoint) else row.id)


def _rows(side: ProfileSnapshot, part: str) -> dict[str, Any]:
    return {_key(row): row for row in getattr(side, part)}


def _with_rows(
    side: ProfileSnapshot, rows: Mapping[str, Sequence[Any]], relationships: Relationships
) -> ProfileSnapshot:
    changes: dict[str, Any] = {part: tuple(of_part) for part, of_part in rows.items()}
    return side._replace(relations=relationships.of(side.profile_id), **changes)


def _changed_rows(before: Sequence[Any], now: Sequence[Any]) -> list[str]:
    """The ids of rows that still exist but are not as they were before."""
    there = {_key(row): row for row in now}
    return [_key(row) for row in before if _key(row) in there and there[_key(row)] != row]


def _points_to_release(taken: TakenOut, held_ids: Collection[str]) -> dict[str, str | None]:
    """Contact points that no longer lead where they led: those that a profile holds again, or nobody any more because
    the row has gone since, and those that lead to one of these."""
    redirects: dict[str, str | None] = {}
    for point_id, led_to in taken.absorbed.items():
        leads_to = taken.absorbing.get(point_id)
        if leads_to is None:
            redirects[point_id] = None
        elif leads_to != led_to and leads_to in held_ids:
            redirects[point_id] = leads_to
    return redirects


def _split(taken: TakenOut, part: str, now: ProfileSnapshot, as_left: ProfileSnapshot) -> _Split:
    """Divides the rows of one kind between the two profiles. Rows that came to the destination since stay there."""
    destination_rows, way = _rows(as_left, part), _way(taken, part, now)
    split = _Split([], list(destination_rows.values()), [])
    for row_id, row in _rows(taken.layer.source, part).items():
        if row_id in destination_rows:
            continue  # it has left the source (undo, detach) and come to the destination in another way
        returning = _returning(way, row)
        if returning is None:
            split.gone.append(row_id)
        else:
            split.source.append(returning)
    return split


class _Stretch(NamedTuple):
    """The time from one merge to the next, or to today: the rows as the merge left them (`left`), and as they were at
    the end of that time (`found`)."""

    left: Mapping[str, Any]
    found: Mapping[str, Any]
    absorbed: Mapping[str, str]


def _way(taken: TakenOut, part: str, now: ProfileSnapshot) -> list[_Stretch]:
    layers = [taken.layer, *(passage.layer for passage in taken.way)]
    profiles = [*(passage.found for passage in taken.way), now]
    return [
        _Stretch(_rows(layer.after, part), _rows(profile, part), layer.absorbed)
        for layer, profile in zip(layers, profiles, strict=True)
    ]


def _returning(way: Sequence[_Stretch], row: R) -> R | None:
    """A row of the source as it goes back, with what was changed by hand since; None if somebody took it away.

    If it became one with another row, that row stands for it as long as it has the same value.
    """
    row_id, returning = _key(row), row
    carrier: str | None = row_id
    for stretch in way:
        carrier = carrier if carrier in stretch.left else stretch.absorbed.get(carrier or "")
        if carrier is None:
            return returning  # a merge took it away, not a person
        left, there = stretch.left.get(carrier), stretch.found.get(carrier)
        if left is None or there is None:
            return None
        if carrier == row_id:
            returning = restore_fields(returning, left, there)
        elif there.value != cast(Any, returning).value:
            return None
    return returning


# Contact points ------------------------------------------------------------------------------------------------------


def _split_points(taken: TakenOut, now: ProfileSnapshot, as_left: ProfileSnapshot, policy: Policy) -> _Split:
    split = _split(taken, "points", now, as_left)
    opening = {(p.kind, p.value) for p in split.destination if p.identifying}
    source = []
    for point in split.source:
        opens = policy.identifying(point.kind, point.value, point.phone_type, point.standing)
        taken_by_now = (point.kind, point.value) in opening
        if taken_by_now and opens and policy.matching_mode == "listed" and point.kind != "customer_id":
            split.gone.append(point.contact_point_id)  # it opens the destination by now, and may open only one (PRO-3)
        else:
            source.append(point._replace(identifying=point.identifying and opens and not taken_by_now))
    return _Split(_once_tagged(source), _once_tagged(split.destination), split.gone)


def _once_tagged(points: Sequence[HeldPoint]) -> list[HeldPoint]:
    """The points with at most one Main of each kind and one current customer ID. If edits since the merge have left
    two, the oldest keeps the tag."""
    seen: set[tuple[str, str]] = set()
    retagged_points = []
    for point in sorted(points, key=lambda p: p.contact_point_id):
        tags = {"main": point.main, "current": point.current and point.kind == "customer_id"}
        for tag, is_set in tags.items():
            if is_set and (tag, point.kind) in seen:
                point = point._replace(main=False) if tag == "main" else point._replace(current=False)
            elif is_set:
                seen.add((tag, point.kind))
        retagged_points.append(point)
    return retagged_points
