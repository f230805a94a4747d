"""Undoing a merge (MRG-13): what goes back to the source, what returns to as it was, what stays; a pure plan.

A value that nobody has touched since the merge becomes what it was; what somebody has changed since stays as it is now.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar, cast

from onefold.domain.policy import Policy
from onefold.domain.profile import HeldPoint
from onefold.domain.sides import ProfileSnapshot, Relation


class Record(NamedTuple):
    """What was kept of a merge: both sides before and the destination after. `absorbed` maps contact points of the
    source to those they are one with now."""

    source: ProfileSnapshot
    destination: ProfileSnapshot
    after: ProfileSnapshot
    absorbed: Mapping[str, str]


class UndoPlan(NamedTuple):
    """Both profiles as they will be. `gone` are rows the source brought that are not there any more; `kept` those of
    the destination that were changed since and stay as they are now (kinds and ids)."""

    source: ProfileSnapshot
    destination: ProfileSnapshot
    gone: tuple[tuple[str, str], ...]
    kept: tuple[tuple[str, str], ...]


R = TypeVar("R")


class _Split(NamedTuple):
    source: list[Any]
    destination: list[Any]
    gone: list[str]
    kept: list[str]


def plan_undo(record: Record, now: ProfileSnapshot, policy: Policy, living: Collection[str]) -> UndoPlan:
    """`now` is the profile that the source leads to today, its own fields as they are without the merge (layers.py);
    `living` are the profiles that relationships may name."""
    points = _split_points(record, now, policy)
    details = _split(record.source.details, record.destination.details, record.after.details, now.details, _id)
    addresses = _split(
        record.source.addresses, record.destination.addresses, record.after.addresses, now.addresses, _id
    )
    relations = _split_relations(record, now, living)
    parts = {"contact point": points, "detail": details, "address": addresses, "relationship": relations}
    source = record.source._replace(
        points=tuple(points.source),
        details=tuple(details.source),
        addresses=tuple(addresses.source),
        relations=tuple(relations.source),
    )
    destination = now._replace(
        points=tuple(points.destination),
        details=tuple(details.destination),
        addresses=tuple(addresses.destination),
        relations=tuple(relations.destination),
    )
    return UndoPlan(
        source,
        destination,
        tuple((kind, row_id) for kind, part in parts.items() for row_id in part.gone),
        tuple((kind, row_id) for kind, part in parts.items() for row_id in part.kept),
    )


def _id(row: Any) -> str:
    return cast(str, row.id)


def _split(
    of_source: Sequence[R], of_destination: Sequence[R], after: Sequence[R], now: Sequence[R], key: Callable[[Any], str]
) -> _Split:
    """Shares the rows out again. What came to the destination since stays there."""
    mine, theirs = {key(r): r for r in of_source}, {key(r): r for r in of_destination}
    merged, there = {key(r): r for r in after}, {key(r): r for r in now}
    found = _Split([], [], [], [])
    for row_id, row in there.items():
        before = mine.get(row_id) or theirs.get(row_id)
        restored = row if before is None else _restore_fields(before, merged.get(row_id, before), row)
        (found.source if row_id in mine else found.destination).append(restored)
        if row_id in theirs and restored != theirs[row_id]:
            found.kept.append(row_id)
    for row_id, before in mine.items():
        if row_id not in there:
            if row_id in merged:
                found.gone.append(row_id)  # brought by the merge, taken away since
            else:
                found.source.append(before)  # the merge itself took it away
    found.destination.extend(
        before for row_id, before in theirs.items() if row_id not in there and row_id not in merged
    )
    return found


def _restore_fields(before: R, after: R, now: R) -> R:
    """Field by field: as it was before, where it is as the merge left it."""
    was, left, is_now = (cast(Any, row)._asdict() for row in (before, after, now))
    untouched = {field: was[field] for field in was if is_now[field] == left[field]}
    return cast(R, cast(Any, now)._replace(**untouched))


def _split_points(record: Record, now: ProfileSnapshot, policy: Policy) -> _Split:
    brought = [p for p in record.source.points if p.contact_point_id not in record.absorbed]
    after = [*brought, *(p for p in record.after.points if p.contact_point_id not in record.absorbed)]
    found = _split(
        record.source.points,
        record.destination.points,
        after,
        now.points,
        lambda point: cast(str, point.contact_point_id),
    )
    held = {p.contact_point_id: p.value for p in now.points}
    # A later merge may have taken the Main tag; nobody did so by hand.
    merged_on = now.profile_id != record.destination.profile_id
    was_main = {p.contact_point_id: p.main for p in record.source.points}
    opening = {(p.kind, p.value) for p in found.destination if p.identifying}
    source = []
    for point in found.source:
        twin = record.absorbed.get(point.contact_point_id)
        opens = policy.identifying(point.kind, point.value, point.phone_type, point.contacted)
        taken = (point.kind, point.value) in opening
        alone = opens and policy.matching_mode == "listed" and point.kind != "customer_id"
        if (twin is not None and held.get(twin) != point.value) or (taken and alone):
            # Its value has been taken away, detached or changed since, or opens the destination alone by now (PRO-3).
            found.gone.append(point.contact_point_id)
            continue
        main = point.main or (merged_on and was_main.get(point.contact_point_id, False))
        source.append(point._replace(identifying=point.identifying and opens and not taken, main=main))
    return found._replace(source=_once_tagged(source), destination=_once_tagged(found.destination))


def _once_tagged(points: Sequence[HeldPoint]) -> list[HeldPoint]:
    """One Main of each kind and one current customer ID, the oldest first, where edits since would leave two."""
    seen: set[tuple[str, str]] = set()
    kept = []
    for point in sorted(points, key=lambda p: p.contact_point_id):
        tags = {"main": point.main, "current": point.current and point.kind == "customer_id"}
        for tag, is_set in tags.items():
            if is_set and (tag, point.kind) in seen:
                point = point._replace(main=False) if tag == "main" else point._replace(current=False)
            elif is_set:
                seen.add((tag, point.kind))
        kept.append(point)
    return kept


def _split_relations(record: Record, now: ProfileSnapshot, living: Collection[str]) -> _Split:
    """As the other rows, but each names a profile that may have gone, or be another one, since."""
    source_id, old_id, now_id = record.source.profile_id, record.destination.profile_id, now.profile_id

    def of_now(relation: Relation) -> Relation:
        return relation.moved(old_id, now_id) if source_id in (relation.profile_id, relation.other_id) else relation

    brought = {r.id for r in record.source.relations}
    back = [r.moved(now_id, source_id) if r.id in brought else r for r in now.relations]
    mine = [of_now(r) for r in record.source.relations]
    theirs = [r.moved(old_id, now_id) for r in record.destination.relations if r.id not in brought]
    after = [r.moved(old_id, source_id) if r.id in brought else r.moved(old_id, now_id) for r in record.after.relations]
    found = _split(mine, theirs, after, back, _id)
    known = {*living, source_id, now_id}
    return found._replace(
        source=[r for r in found.source if {r.profile_id, r.other_id} <= known and r.profile_id != r.other_id],
        destination=[r for r in found.destination if r.profile_id != r.other_id],
    )
