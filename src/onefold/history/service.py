"""How a profile came to be, read from the merges, what they kept of both sides, and the audit log (MRG-13, MRG-14)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from onefold.contact_points import store as contact_points
from onefold.contact_points.points import HeldPoint
from onefold.core.clock import utc_now
from onefold.database.engine import UnitOfWork
from onefold.history import store
from onefold.history.history import Arrival, Departure, History, Join, Origin
from onefold.history.store import ToldRow
from onefold.merging import store as merging
from onefold.merging.record import MergeRecord
from onefold.merging.snapshot import ProfileSnapshot, network_of
from onefold.merging.store import MergeRow
from onefold.profiles import store as profiles
from onefold.profiles.display_name import display_name
from onefold.profiles.store import ProfileRow

MOST_PROFILES, MOST_POINTS, MOST_OTHERS = 60, 200, 20
"""Told of at most: profiles merged into this one, contact points, and undone merges and detaches, of each."""


class _HistoryData(NamedTuple):
    """The rows that the history is made of. `records` are of merges, by the merge's id; erased ones are missing."""

    living: ProfileRow
    standing: list[MergeRow]
    undone: list[MergeRow]
    detached: list[ToldRow]
    entries: dict[int, ToldRow]
    records: dict[str, MergeRecord]
    rows: dict[str, ProfileRow]
    names: dict[str, str]
    unmerged_by: dict[str, ToldRow]


def read(unit: UnitOfWork, profile_id: str) -> History:
    """The history of the living profile behind the id (EVT-2), as far as it is known: what a merge kept of its two
    sides may have been erased since. Raises NotFound."""
    row = profiles.read_profile(unit, profile_id)
    living = row if row.survivor_id is None else profiles.read_profile(unit, row.survivor_id)
    standing, merged = store.standing_merges(unit, living.id, MOST_PROFILES)
    ids = [living.id, *(m.source_id for m in standing)]
    undone, all_undone = store.undone_merges(unit, ids, MOST_OTHERS)
    detached, all_detached = store.told_of(unit, ids, "profile.detached", MOST_OTHERS)
    data = _rows(unit, living, standing, undone=undone, detached=detached)
    points = contact_points.points_of(unit, [living.id])[living.id]
    arrivals = _arrivals(data, points, merging.created_times(unit, [living.id]), merged > len(standing))
    visible_arrivals = sorted(
        sorted(arrivals, key=lambda a: (not a.contacted, a.at, a.id))[:MOST_POINTS], key=lambda a: (a.at, a.id)
    )
    return History(
        living.id,
        utc_now(),
        tuple(_origins(data, points)),
        arrivals=tuple(visible_arrivals),
        joins=tuple(_join(data, merge) for merge in sorted([*standing, *undone])),
        departures=tuple(
            _departure(data, entry) for entry in detached if {entry.profile_id, entry.other_id} <= set(data.rows)
        ),
        more_profiles=merged - len(standing),
        more_arrivals=len(arrivals) - len(visible_arrivals),
        more_departures=all_undone - len(undone) + all_detached - len(detached),
    )


def _rows(
    unit: UnitOfWork, living: ProfileRow, standing: list[MergeRow], undone: list[MergeRow], detached: list[ToldRow]
) -> _HistoryData:
    known = [*standing, *undone]
    entries = store.entries_by_number(unit, [merge.audit_seq for merge in known])
    records = {
        m.id: MergeRecord.from_json(json.loads(record_json))
        for m in known
        if (record_json := entries[m.audit_seq].record) is not None
    }
    ids = {living.id, *(one for m in known for one in (m.source_id, m.destination_id))}
    ids |= {one for entry in detached for one in (entry.profile_id, entry.other_id)}
    rows = store.profiles_by_id(unit, sorted(ids))
    unmerged = _undo_entries(unit, undone)
    audit_rows = [*entries.values(), *detached, *unmerged.values()]
    agents = {t.agent_id for t in audit_rows} | {m.agent_id for m in known} | {row.created_by for row in rows.values()}
    keys = {t.key_id for t in audit_rows}
    names = store.names_of(unit, sorted(one for one in agents if one), sorted(one for one in keys if one))
    return _HistoryData(
        living,
        standing,
        undone,
        detached=detached,
        entries=entries,
        records=records,
        rows=rows,
        names=names,
        unmerged_by=unmerged,
    )


def _undo_entries(unit: UnitOfWork, undone: Sequence[MergeRow]) -> dict[str, ToldRow]:
    """Who undid each merge: the entry that names it."""
    sources = sorted({merge.source_id for merge in undone})
    audit_rows = store.told_of(unit, sources, "profile.unmerged", 4 * MOST_OTHERS)[0] if sources else []
    return {json.loads(entry.details)["merge_id"]: entry for entry in audit_rows}


def _by(data: _HistoryData, entry: ToldRow | None, agent_id: str | None = None) -> str:
    """Whose name stands for what was done, as in the events of a timeline."""
    agent_id = agent_id or (entry.agent_id if entry else None)
    key_id = entry.key_id if entry else None
    return data.names.get(agent_id or key_id or "", "Onefold")


# Profiles and merges -------------------------------------------------------------------------------------------------


def _origins(data: _HistoryData, points: Sequence[HeldPoint]) -> Iterable[Origin]:
    parts = {data.living.id, *(merge.source_id for merge in data.standing)}
    names = _names_then(data) | {data.living.id: display_name(data.living.name, points)}
    for row in sorted(data.rows.values(), key=lambda row: (row.created_at, row.id)):
        by = data.names.get(row.created_by or "")
        yield Origin(row.id, names.get(row.id) or row.name, row.created_at, created_by=by, part=row.id in parts)


def _names_then(data: _HistoryData) -> dict[str, str]:
    """What each source was called when it was merged, for good or last."""
    of = [*data.undone, *data.standing]
    return {m.source_id: _name(data.records[m.id].source) for m in of if m.id in data.records}


def _name(side: ProfileSnapshot) -> str:
    return display_name(side.name, side.points)


def _join(data: _HistoryData, merge: MergeRow) -> Join:
    record = data.records.get(merge.id)
    into = None if record is None else _name(record.destination)
    by = _by(data, data.entries[merge.audit_seq], merge.agent_id)
    undone_by = None if merge.undone_at is None else _by(data, data.unmerged_by.get(merge.id))
    return Join(
        merge.id,
        merge.source_id,
        merge.destination_id,
        into=into,
        at=merge.created_at,
        by=by,
        undone_at=merge.undone_at,
        undone_by=undone_by,
    )


def _departure(data: _HistoryData, entry: ToldRow) -> Departure:
    point_id = json.loads(entry.details)["contact_point_id"]
    before = () if entry.record is None else ProfileSnapshot.from_record(json.loads(entry.record)["profile"]).points
    text = next((point_label(point) for point in before if point.contact_point_id == point_id), None)
    return Departure(entry.profile_id, entry.other_id, text, at=entry.at, by=_by(data, entry))


# Contact points ------------------------------------------------------------------------------------------------------


def _arrivals(
    data: _HistoryData, living_points: Sequence[HeldPoint], created: Mapping[str, datetime], more: bool
) -> list[Arrival]:
    """Each contact point on the profile it came on: the source of the first merge that brought it, if one did.

    What two sides of a merge held is there twice. Where the record of a merge is gone, or the merge itself is left out,
    what its destination held before may have come by it.
    """
    arrivals: dict[str, Arrival] = {}
    doubtful: dict[str, list[MergeRow]] = {}
    until = data.standing[0].created_at if more else None

    def place(profile_id: str, points: Iterable[HeldPoint], times: Mapping[str, datetime]) -> None:
        for point in points:
            if point.contact_point_id in times and point.contact_point_id not in arrivals:
                at = times[point.contact_point_id]
                arrivals[point.contact_point_id] = _arrival(
                    data, profile_id, point, at=at, doubtful=doubtful, until=until
                )

    for merge in data.standing:
        record = data.records.get(merge.id)
        if record is None:
            doubtful.setdefault(merge.destination_id, []).append(merge)
            continue
        for side in (record.source, record.destination):
            place(side.profile_id, side.points, record.created)
    place(data.living.id, living_points, created)
    return list(arrivals.values())


def _arrival(
    data: _HistoryData,
    profile_id: str,
    point: HeldPoint,
    at: datetime,
    doubtful: Mapping[str, Sequence[MergeRow]],
    until: datetime | None,
) -> Arrival:
    """Not on a profile that was not there yet: then on one of those whose records are gone, if one was."""
    perhaps = [merge for merge in doubtful.get(profile_id, ()) if at < merge.created_at]
    known = not perhaps and (until is None or at >= until)
    made = data.rows[profile_id].created_at
    if at < made:
        there = [m.source_id for m in perhaps if data.rows[m.source_id].created_at <= at]
        profile_id, at = (there[0], at) if there else (profile_id, made)
    return Arrival(
        point.contact_point_id, profile_id, point_label(point), at=at, contacted=point.contacted, known=known
    )


def point_label(point: HeldPoint) -> str:
    """A contact point in the words of the picture."""
    if point.kind == "visitor":
        return "website visitor"
    if point.kind == "customer_id":
        return f"customer ID {point.value}"
    if point.kind == "social":
        network, _, own = point.value.partition(":")
        return f"{network_of(point)}: {point.handle or own or network}"
    return point.value
