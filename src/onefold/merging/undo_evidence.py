"""Whose evidence is whose again, when a merge is undone (MRG-13): keys to be found by, evidence, suggestions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from onefold.database.engine import UnitOfWork
from onefold.matching import service as matching
from onefold.matching import store
from onefold.matching.evidence import Evidence, pair_of
from onefold.matching.scoring import ALIKE_KINDS, evidence_values, handle_key
from onefold.merging import service as merging
from onefold.merging import store as merges
from onefold.merging.layers import Layer
from onefold.merging.record import MergeRecord
from onefold.merging.snapshot import ProfileSnapshot
from onefold.merging.store import MergeRow
from onefold.merging.undo_plan import UndoPlan
from onefold.organizations.policy import Policy
from onefold.profiles import store as profiles

Side = tuple[str, str, str, str]
"""A piece of evidence as seen from one profile: the other one, the kind, its own value and the other's."""


class _Then(NamedTuple):
    """What spoke for the two at the time of the merge, with whom it would be by now."""

    of_source: Mapping[Side, Evidence]
    of_destination: Mapping[Side, Evidence]
    destination_id: str
    spoke: Collection[tuple[str, str]]
    """(kind, value) of what the destination held."""


def share_evidence(
    unit: UnitOfWork,
    merge: MergeRow,
    plan: UndoPlan,
    record: MergeRecord,
    layer: Layer,
    policy: Policy,
    now: datetime,
) -> None:
    """Evidence goes back to whom it spoke for; what came since goes with the values it rests on. `layer` is the merge,
    its sides without what has been undone since."""
    source, destination = plan.source, plan.destination
    _index(unit, (source, destination), policy)
    came_out = _came_out(unit, merge, (source.profile_id, record.destination.profile_id))
    known = [record, *came_out.values()]
    became = _became(unit, merge, {one for kept in known for piece in kept.evidence for one in piece.pair})
    then = _evidence_then(record, came_out, became)
    of_source, of_destination = (_by_side(then, side.profile_id, became) for side in (layer.source, layer.before))
    spoke = _Then(of_source, of_destination, layer.destination_id, _speaking(layer.before))
    pairs = _part(unit, spoke, source, destination)
    back = _between(unit, then, layer, plan=plan, became=became)
    store.insert_evidence(unit, back)
    pairs |= {pair_of(source.profile_id, destination.profile_id), *(row.pair for row in back)}
    matching.rate(unit, pairs, policy, now, created=record.suggested)
    # What it shares with whom its destination has joined.
    matching.refresh_matches(unit, source.profile_id, policy, now)


def _index(unit: UnitOfWork, sides: Sequence[ProfileSnapshot], policy: Policy) -> None:
    names = {handle_key(side.username) for side in sides if side.username}
    store.remove_keys(unit, ["h:" + name for name in names], sides[1].profile_id)
    for side in sides:
        profiles.reindex(unit, side.profile_id)
        matching.index_keys(unit, side.profile_id, policy)


def _undone_since(unit: UnitOfWork, merge: MergeRow, ids: Sequence[str]) -> list[MergeRow]:
    """The merges into some profiles that stood at the time of a merge and have been undone since."""
    rows = merges.merges_into(unit, ids)
    return [row for row in rows if row.id < merge.id and row.undone_at is not None and row.undone_at > merge.created_at]


def _came_out(unit: UnitOfWork, merge: MergeRow, ids: Sequence[str]) -> dict[tuple[str, str], MergeRecord]:
    """What was kept of those that undoing has taken out of the two since, by (source, destination)."""
    records = {
        (row.source_id, row.destination_id): merging.read_record(unit, row) for row in _undone_since(unit, merge, ids)
    }
    return {pair: record for pair, record in records.items() if record is not None}


def _became(unit: UnitOfWork, merge: MergeRow, ids: Collection[str]) -> dict[str, set[str]]:
    """Who each profile of that time is by now: the one it leads to, and whom undoing has taken out of it since."""
    found = {one: {one} for one in ids}
    of = {one: {one} for one in ids}
    while of:
        came_out: dict[str, set[str]] = {}
        for row in _undone_since(unit, merge, sorted(of)):
            came_out.setdefault(row.source_id, set()).update(of[row.destination_id])
        of = {one: roots for one, roots in came_out.items() if any(one not in found[root] for root in roots)}
        for one, roots in of.items():
            for root in roots:
                found[root].add(one)
    survivors = profiles.read_survivors(unit, sorted(set().union(*found.values())))
    return {one: {survivors[other] for other in others if other in survivors} for one, others in found.items()}


def _evidence_then(
    record: MergeRecord, came_out: Mapping[tuple[str, str], MergeRecord], became: Mapping[str, Iterable[str]]
) -> list[Evidence]:
    """What would have spoken for the two then, without those that have come out of them since: what spoke for one that
    has left, and not for the other already, has left with it; what spoke for the two being one speaks again."""
    found = list(record.evidence)
    for (left_id, side_id), left in came_out.items():
        left_with_it = {
            *_by_side(left.evidence, left_id, became).keys() - _by_side(left.evidence, side_id, became).keys()
        }
        found = [row for row in found if not left_with_it & _by_side([row], side_id, became).keys()]
        found += left.evidence_between
    return found


def _by_side(before: Sequence[Evidence], profile_id: str, became: Mapping[str, Iterable[str]]) -> dict[Side, Evidence]:
    found: dict[Side, Evidence] = {}
    for row in before:
        if profile_id in row.pair:
            then, kind, value, other_value = _seen_from(row, profile_id)
            found |= {(other_id, kind, value, other_value): row for other_id in became[then]}
    return found


def _part(unit: UnitOfWork, then: _Then, source: ProfileSnapshot, destination: ProfileSnapshot) -> set[tuple[str, str]]:
    """Shares out what speaks for the destination now; returns the pairs it is about."""
    rows = store.evidence_of(unit, destination.profile_id)
    values, speaks = {(p.kind, p.value) for p in source.points}, _speaking(destination)
    pairs = {row.pair for row in rows}
    for row in rows:
        key = _seen_from(row, destination.profile_id)
        row_then, known_other = then.of_source.get(key), key in then.of_destination
        since = not known_other and row_then is None and (_kind_of_point(row.kind), key[2]) in values
        if row_then is not None or since:
            returned = row.moved(destination.profile_id, source.profile_id)
            created_at = row.created_at if row_then is None else row_then.created_at
            store.insert_evidence(unit, [returned._replace(created_at=created_at)])
            pairs.add(returned.pair)
            # The destination held it before, too common to suggest by.
            silent = row_then is not None and then.destination_id not in row_then.pair and key[1:3] in then.spoke
            if not known_other and (silent or key[1:3] not in speaks):
                store.remove_evidence(unit, [row])
    return pairs


def _between(
    unit: UnitOfWork,
    then: Sequence[Evidence],
    layer: Layer,
    plan: UndoPlan,
    became: Mapping[str, Iterable[str]],
) -> list[Evidence]:
    """What spoke for the source being one with somebody who is the destination by now, and what was alike with anybody.

    A value that gave way ended what was alike; where that does not rest on both any more, rating takes it away again.
    """
    source_id, living_id = plan.source.profile_id, plan.destination.profile_id
    old_id = layer.destination_id
    found = []
    for row in then:
        one = source_id if source_id in row.pair else old_id
        other = _seen_from(row, one)[0]
        if row.kind in ALIKE_KINDS:
            of_one = row if one == source_id else row.moved(old_id, living_id)
            found += [of_one.moved(other, other_id) for other_id in became[other]]
        elif one == source_id and living_id in became[other] and (other != old_id or _still_shared(row, layer, plan)):
            found.append(row.moved(other, living_id))
    there = set(profiles.read_heads(unit, sorted({one for row in found for one in row.pair})))
    return [row for row in found if {*row.pair} <= there and row.profile_id != row.other_id]


def _still_shared(row: Evidence, layer: Layer, plan: UndoPlan) -> bool:
    """Whether whoever of the two held a shared value then holds it now; what a contact brought is one side's only, from
    the beginning (RES-11)."""
    piece = row.pieces[0]
    sides = ((layer.source, plan.source), (layer.before, plan.destination))
    return all(piece in _speaking(now) for then, now in sides if piece in _speaking(then))


def _seen_from(row: Evidence, profile_id: str) -> Side:
    if row.profile_id == profile_id:
        return row.other_id, row.kind, row.value, row.other_value
    return row.profile_id, row.kind, row.other_value, row.value


def _speaking(side: ProfileSnapshot) -> set[tuple[str, str]]:
    return evidence_values(side.username, side.points)


def _kind_of_point(kind: str) -> str:
    return "email" if kind == "similar_email" else kind
