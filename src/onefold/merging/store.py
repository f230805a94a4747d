"""Merging, detaching and undoing, as rows: both sides read whole, and brought to what was planned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from onefold.contact_points.store import points_of
from onefold.conversations.store import open_conversations_of
from onefold.core.ids import is_id
from onefold.database.engine import UnitOfWork
from onefold.database.tables import (
    addresses,
    agents,
    contact_points,
    details,
    drafts,
    inboxes,
    merges,
    profiles,
    relationships,
)
from onefold.merging.snapshot import Address, Detail, OpenConversation, ProfileSnapshot
from onefold.profiles.store import ProfileRow, merged_into_each, relationships_of_each


class MergeRow(NamedTuple):
    """A merge. Items numbered from `event_seq` on came with or after it; both sides before are in the audit record.
    `former_name` is the name that lost, if one did (MRG-19); `together_id` is the same of those merged in one step."""

    id: str
    source_id: str
    destination_id: str
    agent_id: str | None
    event_seq: int
    audit_seq: int
    created_at: datetime
    undone_at: datetime | None
    former_name: str | None = None
    together_id: str | None = None


# Reading a side ------------------------------------------------------------------------------------------------------


def read_side(unit: UnitOfWork, row: ProfileRow) -> ProfileSnapshot:
    """A living profile with everything a merge decides on."""
    return read_sides(unit, [row])[0]


def read_sides(
    unit: UnitOfWork, rows: Sequence[ProfileRow], merged: Sequence[Sequence[str]] | None = None
) -> list[ProfileSnapshot]:
    """The same for several profiles at a time; `merged` is what `merged_into_each` says of them, where it was asked."""
    ids = [row.id for row in rows]
    points = points_of(unit, ids)
    relations = relationships_of_each(unit, merged_into_each(unit, ids) if merged is None else merged)
    parts = {of: _parts(unit, table, of, ids) for table, of in ((details, Detail), (addresses, Address))}
    open_conversations = _open_conversations(unit, ids)
    return [
        own_fields(row)._replace(
            points=tuple(points[row.id]),
            details=tuple(parts[Detail][row.id]),
            addresses=tuple(parts[Address][row.id]),
            relations=of_row,
            conversation=open_conversations.get(row.id),
        )
        for row, of_row in zip(rows, relations, strict=True)
    ]


def own_fields(row: ProfileRow) -> ProfileSnapshot:
    """A profile's own fields, and nothing of what hangs on it."""
    return ProfileSnapshot(
        row.id,
        row.version,
        row.name,
        name_confirmed=row.name_confirmed,
        username=row.username,
        image=row.image,
        attributes=row.attributes,
    )


def _parts(unit: UnitOfWork, table: sa.Table, of: type[Any], profile_ids: Sequence[str]) -> dict[str, list[Any]]:
    select = unit.select(table.c.profile_id, *(table.c[f] for f in of._fields))
    parts: dict[str, list[Any]] = {profile_id: [] for profile_id in profile_ids}
    for row in unit.execute(select.where(table.c.profile_id.in_(profile_ids)).order_by(table.c.id)):
        parts[row.profile_id].append(of._make(row[1:]))
    return parts


def _open_conversations(unit: UnitOfWork, profile_ids: Sequence[str]) -> dict[str, OpenConversation]:
    rows = open_conversations_of(unit, profile_ids)
    bare = [OpenConversation(row.id, row.inbox_id, row.assignee_id, "") for row in rows.values()]
    return dict(zip(rows, _with_assignees(unit, bare), strict=True))


def with_assignee(unit: UnitOfWork, conversation: OpenConversation | None) -> OpenConversation | None:
    """An open conversation with the name that events show of its assignee: an agent's, or the inbox's."""
    return None if conversation is None else _with_assignees(unit, [conversation])[0]


def _with_assignees(unit: UnitOfWork, conversations: Sequence[OpenConversation]) -> list[OpenConversation]:
    agent_ids = [one.assignee_id for one in conversations if one.assignee_id is not None]
    names: dict[str, str] = {}
    for table, ids in (
        (agents, agent_ids),
        (inboxes, [one.inbox_id for one in conversations if one.assignee_id is None]),
    ):
        select = unit.select(table.c.id, table.c.name).where(table.c.id.in_(ids))
        names.update(tuple(row) for row in (unit.execute(select) if ids else ()))
    return [one._replace(assignee=names[one.assignee_id or one.inbox_id]) for one in conversations]


def created_times(unit: UnitOfWork, profile_ids: Sequence[str]) -> dict[str, datetime]:
    """When each contact point, detail and address of the profiles was written, by its id."""
    times: dict[str, datetime] = {}
    for table in (contact_points, details, addresses):
        select = unit.select(table.c.id, table.c.created_at).where(table.c.profile_id.in_(profile_ids))
        times.update(tuple(row) for row in unit.execute(select))
    return times


def existing_relationships(unit: UnitOfWork, ids: Sequence[str]) -> set[str]:
    """Which of these relationships are there, whoever's."""
    r = relationships.c
    return set(unit.execute(unit.select(r.id).where(r.id.in_(ids))).scalars()) if ids else set()


# Bringing rows to what was planned -----------------------------------------------------------------------------------


def write_side(
    unit: UnitOfWork,
    before: Iterable[ProfileSnapshot],
    after: Iterable[ProfileSnapshot],
    created: Mapping[str, datetime],
) -> None:
    """Makes the rows of some profiles, as they are before, those of `after`: moved, changed, taken away, put back.

    `created` are the times of rows that are put back.
    """
    before, after = list(before), list(after)
    _write_points(unit, _rows_of_points(before, "points"), _rows_of_points(after, "points"), created)
    for table, name in ((details, "details"), (addresses, "addresses")):
        _write_rows(unit, table, _values(before, name), new=_values(after, name), created=created)


def _values(sides: Iterable[ProfileSnapshot], name: str) -> dict[str, dict[str, Any]]:
    return {row.id: {**row._asdict(), "profile_id": side.profile_id} for side in sides for row in getattr(side, name)}


def _rows_of_points(sides: Iterable[ProfileSnapshot], name: str) -> dict[str, dict[str, Any]]:
    rows = {}
    for side in sides:
        for point in getattr(side, name):
            values = {**point._asdict(), "profile_id": side.profile_id}
            point_id = values.pop("contact_point_id")
            rows[point_id] = values
    return rows


def _write_points(
    unit: UnitOfWork,
    old: Mapping[str, dict[str, Any]],
    new: Mapping[str, dict[str, Any]],
    created: Mapping[str, datetime],
) -> None:
    """Tags that may be there once are taken away everywhere before they are given anew."""
    bare = {"main": False, "identifying": False, "current": False}
    changed = [key for key in old if key in new and old[key] != new[key]]
    _delete(unit, contact_points, [key for key in old if key not in new])
    for key in changed:
        if any(old[key][tag] for tag in bare):
            _update(unit, contact_points, key, bare)
    for key in changed:
        _update(unit, contact_points, key, new[key])
    _insert(unit, contact_points, {key: new[key] for key in new if key not in old}, created)


def _write_rows(
    unit: UnitOfWork,
    table: sa.Table,
    old: Mapping[str, dict[str, Any]],
    new: Mapping[str, dict[str, Any]],
    created: Mapping[str, datetime],
) -> None:
    _delete(unit, table, [key for key in old if key not in new])
    for key in old:
        if key in new and old[key] != new[key]:
            _update(unit, table, key, new[key])
    _insert(unit, table, {key: new[key] for key in new if key not in old}, created)


def _delete(unit: UnitOfWork, table: sa.Table, ids: Sequence[str]) -> None:
    if ids:
        unit.execute(unit.delete(table).where(table.c.id.in_(ids)))


def _update(unit: UnitOfWork, table: sa.Table, row_id: str, values: Mapping[str, Any]) -> None:
    changing = unit.update(table).where(table.c.id == row_id)
    unit.execute(changing.values({k: v for k, v in values.items() if k != "id"}))


def _insert(
    unit: UnitOfWork, table: sa.Table, rows: Mapping[str, dict[str, Any]], created: Mapping[str, datetime]
) -> None:
    for key, values in rows.items():
        row = {**values, "organization_id": unit.organization_id, "id": key, "created_at": created[key]}
        unit.execute(table.insert().values(row))


# Redirects -----------------------------------------------------------------------------------------------------------


def set_redirect(unit: UnitOfWork, ids: Sequence[str], survivor_id: str | None) -> None:
    """Profiles that from now on lead to a living one; None: they live themselves. Their versions move on."""
    p = profiles.c
    if ids:
        changing = unit.update(profiles).where(p.id.in_(ids))
        unit.execute(changing.values(survivor_id=survivor_id, version=p.version + 1))


def move_drafts(unit: UnitOfWork, profile_id: str, to: str, only: Sequence[str] | None = None) -> list[str]:
    """Drafts go with the profile they were written on (MRG-9); returns their ids."""
    d = drafts.c
    scope = [d.profile_id == profile_id]
    if only is not None:
        scope.append(d.id.in_(only))
    moved = list(unit.execute(unit.select(d.id).where(*scope)).scalars())
    if moved:
        unit.execute(unit.update(drafts).where(*scope).values(profile_id=to))
    return moved


def repoint_drafts(unit: UnitOfWork, ids: Sequence[str], points: Mapping[str, str]) -> None:
    """Drafts to one of these contact points go to the other one from now on."""
    d = drafts.c
    for before, after in points.items() if ids else ():
        changing = unit.update(drafts).where(d.id.in_(ids), d.contact_point_id == before)
        unit.execute(changing.values(contact_point_id=after))


def count_drafts(unit: UnitOfWork, profile_id: str) -> int:
    """How many drafts there are on a profile."""
    counting = unit.select(sa.func.count(), of=drafts).where(drafts.c.profile_id == profile_id)
    return int(unit.execute(counting).scalar_one())


def drafts_on(unit: UnitOfWork, profile_id: str, ids: Sequence[str]) -> list[str]:
    """Those of the drafts that are on a profile still."""
    d = drafts.c
    select = unit.select(d.id).where(d.profile_id == profile_id, d.id.in_(ids))
    return list(unit.execute(select).scalars()) if ids else []


def drafts_through(
    unit: UnitOfWork, profile_id: str, point_ids: Sequence[str], since: datetime | None = None
) -> list[str]:
    """Drafts on a profile to one of these contact points, begun since then."""
    d = drafts.c
    select = unit.select(d.id).where(d.profile_id == profile_id, d.contact_point_id.in_(point_ids))
    return list(unit.execute(select if since is None else select.where(d.created_at >= since)).scalars())


# The merges themselves -----------------------------------------------------------------------------------------------

_MERGE = [merges.c[field] for field in MergeRow._fields]


def add_merge(unit: UnitOfWork, row: MergeRow) -> None:
    """Remembers a merge."""
    unit.execute(merges.insert().values(organization_id=unit.organization_id, **row._asdict()))


def read_merge(unit: UnitOfWork, merge_id: str, *, lock: bool = False) -> MergeRow | None:
    """The merge with this id."""
    if not is_id(merge_id):
        return None
    select = unit.select(*_MERGE).where(merges.c.id == merge_id)
    row = unit.execute(select.with_for_update() if lock else select).one_or_none()
    return None if row is None else MergeRow._make(row)


def standing_merges(unit: UnitOfWork, source_ids: Sequence[str]) -> dict[str, MergeRow]:
    """The merge by which each of these profiles is merged away, by profile."""
    m = merges.c
    select = unit.select(*_MERGE).where(m.source_id.in_(source_ids), m.undone_at.is_(None))
    rows = unit.execute(select) if source_ids else ()
    return {row.source_id: MergeRow._make(row) for row in rows}


def newest_standing_into(unit: UnitOfWork, destination_id: str, limit: int) -> list[MergeRow]:
    """The newest merges into a profile that are not undone, newest first."""
    m = merges.c
    select = unit.select(*_MERGE).where(m.destination_id == destination_id, m.undone_at.is_(None))
    return [MergeRow._make(row) for row in unit.execute(select.order_by(m.id.desc()).limit(limit))]


def merges_into(unit: UnitOfWork, destination_ids: Sequence[str]) -> list[MergeRow]:
    """Every merge into these profiles, those since undone among them."""
    m = merges.c
    select = unit.select(*_MERGE).where(m.destination_id.in_(destination_ids))
    return [MergeRow._make(row) for row in unit.execute(select)]


def mark_together(unit: UnitOfWork, merge_ids: Sequence[str], together_id: str) -> None:
    """Merges that were done in one step (MRG-18)."""
    m = merges.c
    unit.execute(unit.update(merges).where(m.id.in_(merge_ids)).values(together_id=together_id))


def merges_together(unit: UnitOfWork, together_id: str) -> list[MergeRow]:
    """The merges of one step."""
    if not is_id(together_id):
        return []
    select = unit.select(*_MERGE).where(merges.c.together_id == together_id)
    return [MergeRow._make(row) for row in unit.execute(select)]


def mark_undone(unit: UnitOfWork, merge_id: str, now: datetime) -> None:
    """A merge that was undone."""
    unit.execute(unit.update(merges).where(merges.c.id == merge_id).values(undone_at=now))


def list_merges(unit: UnitOfWork, profile_ids: Sequence[str] | None, before: str | None, limit: int) -> list[MergeRow]:
    """Merges, newest first; of some profiles on either side, or of the whole organization."""
    m = merges.c
    select = unit.select(*_MERGE)
    if profile_ids is None:
        select = select if before is None else select.where(m.id < before)
        return [MergeRow._make(row) for row in unit.execute(select.order_by(m.id.desc()).limit(limit))]
    # In order and with a limit PostgreSQL would walk the whole organization's merges for those of many profiles.
    sides = [unit.select(m.id).where(side.in_(profile_ids)) for side in (m.source_id, m.destination_id)]
    ids = {merge_id for side in sides for merge_id in unit.execute(side).scalars()}
    newest = sorted((one for one in ids if before is None or one < before), reverse=True)[:limit]
    rows = unit.execute(select.where(m.id.in_(newest))) if newest else ()
    return sorted((MergeRow._make(row) for row in rows), key=lambda row: row.id, reverse=True)
