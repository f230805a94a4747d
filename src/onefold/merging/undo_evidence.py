"""Whose evidence is whose again, when a merge is undone (MRG-13): keys to be found by, evidence, suggestions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from typing import NamedTuple

from onefold.conversations import store as conversations
from onefold.database.engine import UnitOfWork
from onefold.matching import service as matching
from onefold.matching import store
from onefold.matching.evidence import Evidence, pair_of
from onefold.matching.scoring import ALIKE_KINDS, evidence_values, handle_key
from onefold.merging import service as merging
from onefold.merging import store as merges
from onefold.merging.layers import Layer, Passage, TakenOut
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
    of_others: Set[Side]
    """Of whom later merges joined the destination with: it is theirs, whoever else had the like (MRG-19)."""
    destination_id: str
    spoke: Collection[tuple[str, str]]
    """(kind, value) of what the destination held."""


def share_evidence(
    unit: UnitOfWork, plan: UndoPlan, taken: TakenOut, record: MergeRecord, policy: Policy, now: datetime
) -> None:
    """Evidence goes back to whom it spoke for; what came since goes with the values it rests on."""
    source, destination, layer = plan.source, plan.destination, taken.layer
    _index(unit, (source, destination), policy)
    then, became = _evidence_then(unit, layer, (source.profile_id, layer.destination_id))
    of_source, of_destination = (_by_side(then, side.profile_id, became) for side in (layer.source, layer.before))
    of_others = {side for passage in taken.way for side in _of_other(unit, passage)}
    spoke = _Then(
        of_source=of_source,
        of_destination=of_destination,
        of_others=of_others,
        destination_id=layer.destination_id,
        spoke=_speaking(layer.before),
    )
    pairs = _part(unit, spoke, source, destination)
    back = _between(unit, then, layer, plan=plan, became=became)
    store.insert_evidence(unit, back)
    pairs |= {pair_of(source.profile_id, destination.profile_id), *(row.pair for row in back)}
    matching.rate(unit, pairs, policy, now, created=record.suggested)
    # What the source shares with whom its destination has joined, and what the destination, with a value that had given
    # way, shares with whom has come out of it meanwhile.
    regained = _speaking(destination) - _speaking(taken.change_of(destination.profile_id).old)
    for side in (source, destination) if regained else (source,):
        matching.refresh_matches(unit, side.profile_id, policy, now)


def _of_other(unit: UnitOfWork, passage: Passage) -> Set[Side]:
    other_id = passage.other.profile_id
    then, became = _evidence_then(unit, passage.layer, (other_id,))
    return _by_side(then, other_id, became).keys()


def _index(unit: UnitOfWork, sides: Sequence[ProfileSnapshot], policy: Policy) -> None:
    names = {handle_key(side.username) for side in sides if side.username}
    store.remove_keys(unit, ["h:" + name for name in names], sides[1].profile_id)
    for side in sides:
        profiles.reindex(unit, side.profile_id)
        matching.index_keys(unit, side.profile_id, policy)


def _evidence_then(
    unit: UnitOfWork, layer: Layer, side_ids: Sequence[str]
) -> tuple[list[Evidence], dict[str, set[str]]]:
    """What would have spoken for sides of a merge then, without those that have come out of them since; and who each
    profile of that time is by now.

    What spoke for one that has left, and for nobody else in there, has left with it; what spoke for it being one with
    whom it was in speaks again.
    """
    stood = _stood(unit, layer, side_ids)
    records = _records(unit, stood)
    known = [layer.evidence, *(record.evidence for record in records.values())]
    became = _became(unit, layer, {one for evidence in known for piece in evidence for one in piece.pair})
    rows = list(layer.evidence)
    for one in (one for one in records if stood[one].undone_at is not None):
        root_id = _way_up(stood, one)[-1]
        of_others = (_by_side(records[of].evidence, side_id, became) for of, side_id in _without(stood, one, records))
        left_with_it = _by_side(records[one].evidence, one, became).keys() - set().union(*of_others)
        gone = [row for row in rows if left_with_it & _by_side([row], root_id, became).keys()]
        rows = [row for row in rows if row not in gone]
        rows += [row.replace_profile(root_id, one) for row in gone if {*row.pair} == {*side_ids}]
        rows += [row.replace_profile(stood[one].destination_id, root_id) for row in records[one].evidence_between]
    return rows, became


def _records(unit: UnitOfWork, stood: Mapping[str, MergeRow]) -> dict[str, MergeRecord]:
    """What was kept of merges, by source; nothing where all of them stand still."""
    if all(row.undone_at is None for row in stood.values()):
        return {}
    records = {one: merging.read_record(unit, row) for one, row in stood.items()}
    return {one: record for one, record in records.items() if record is not None}


def _without(stood: Mapping[str, MergeRow], left_id: str, among: Collection[str]) -> Iterator[tuple[str, str]]:
    """The sides of merges, as (source of the merge, side), that have nothing of one that has left."""
    for one in among:
        earlier = {source_id: row for source_id, row in stood.items() if row.id < stood[one].id}
        for side_id in (one, stood[one].destination_id):
            if side_id not in _way_up(earlier, left_id) and left_id not in _way_up(stood, side_id):
                yield one, side_id


def _became(unit: UnitOfWork, layer: Layer, ids: Collection[str]) -> dict[str, set[str]]:
    """Who each profile of a merge's time is by now: the one it leads to, and whom undoing has taken out of it since."""
    stood = _stood(unit, layer, ids)
    members = {one: {one} for one in ids}
    for source_id in stood:
        for one in _way_up(stood, source_id):
            members.setdefault(one, {one}).add(source_id)
    survivors = profiles.read_survivors(unit, sorted(set().union(*members.values())))
    return {one: {survivors[other] for other in others if other in survivors} for one, others in members.items()}


def _way_up(stood: Mapping[str, MergeRow], profile_id: str) -> list[str]:
    """A profile, and all that it led to, to the last."""
    way = [profile_id]
    while way[-1] in stood:
        way.append(stood[way[-1]].destination_id)
    return way


def _stood(unit: UnitOfWork, layer: Layer, ids: Collection[str]) -> dict[str, MergeRow]:
    """The merges into some profiles, and into those merged into them, that stood at the time of a merge; by source."""
    merges_by_source: dict[str, MergeRow] = {}
    into = set(ids)
    while into:
        rows = {
            row.source_id: row
            for row in merges.merges_into(unit, sorted(into))
            if row.id < layer.merge_id and (row.undone_at is None or row.undone_at > layer.created_at)
        }
        into = rows.keys() - merges_by_source.keys()
        merges_by_source |= rows
    return merges_by_source


def _by_side(before: Sequence[Evidence], profile_id: str, became: Mapping[str, Iterable[str]]) -> dict[Side, Evidence]:
    evidence_by_side: dict[Side, Evidence] = {}
    for row in before:
        if profile_id in row.pair:
            then, kind, value, other_value = _seen_from(row, profile_id)
            evidence_by_side |= {(other_id, kind, value, other_value): row for other_id in became[then]}
    return evidence_by_side


def _part(unit: UnitOfWork, then: _Then, source: ProfileSnapshot, destination: ProfileSnapshot) -> set[tuple[str, str]]:
    """Shares out what speaks for the destination now; returns the pairs it is about."""
    rows = store.evidence_of(unit, destination.profile_id)
    threads = conversations.ids_of(unit, source.profile_id)
    values = {*((p.kind, p.value) for p in source.points), *(("thread", one) for one in threads)}
    speaks = _speaking(destination)
    pairs = {row.pair for row in rows}
    for row in rows:
        key = _seen_from(row, destination.profile_id)
        row_then, known_other = then.of_source.get(key), key in then.of_destination or key in then.of_others
        since = not known_other and row_then is None and (_kind_of_point(row.kind), key[2]) in values
        if row_then is not None or since:
            returned = row.replace_profile(destination.profile_id, source.profile_id)
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
    rows = []
    for row in then:
        one = source_id if source_id in row.pair else old_id
        other = _seen_from(row, one)[0]
        if row.kind in ALIKE_KINDS:
            of_one = row if one == source_id else row.replace_profile(old_id, living_id)
            rows += [of_one.replace_profile(other, other_id) for other_id in became[other]]
        elif one == source_id and living_id in became[other] and (other != old_id or _still_shared(row, layer, plan)):
            rows.append(row.replace_profile(other, living_id))
    there = set(profiles.read_heads(unit, sorted({one for row in rows for one in row.pair})))
    return [row for row in rows if {*row.pair} <= there and row.profile_id != row.other_id]


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
