"""What tells how a profile came to be: the merges it stands on, those that were undone, and what was detached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from onefold.database.engine import UnitOfWork
from onefold.database.tables import agents, api_keys, audit, audit_records, merges, profiles
from onefold.merging.store import MergeRow
from onefold.profiles.store import ProfileRow


class ToldRow(NamedTuple):
    """An entry of the audit log: `details` and, where it is still there, the `record` are JSON."""

    seq: int
    action: str
    agent_id: str | None
    key_id: str | None
    profile_id: str
    other_id: str
    at: Any
    details: str
    record: str | None


_MERGE = [merges.c[field] for field in MergeRow._fields]
_PROFILE = [profiles.c[field] for field in ProfileRow._fields]


def standing_merges(unit: UnitOfWork, living_id: str, limit: int) -> tuple[list[MergeRow], int]:
    """The newest merges by which profiles are in this one, however deep, oldest first; and how many there are.

    A merge is newer than those of its source's own sources, so none of these stands without the one it leads through.
    """
    m, p = merges.c, profiles.c
    sources = sa.select(p.id).where(p.organization_id == unit.organization_id, p.survivor_id == living_id)
    scope = (m.organization_id == unit.organization_id, m.source_id.in_(sources), m.undone_at.is_(None))
    total = int(unit.execute(sa.select(sa.func.count()).select_from(merges).where(*scope)).scalar_one())
    rows = unit.execute(sa.select(*_MERGE).where(*scope).order_by(m.id.desc()).limit(limit))
    return [MergeRow._make(row) for row in rows][::-1], total


def undone_merges(unit: UnitOfWork, profile_ids: Sequence[str], limit: int) -> tuple[list[MergeRow], int]:
    """The newest undone merges of some profiles on either side, oldest first; and how many there are."""
    m = merges.c
    found = _on_either_side(unit, m.id, (m.source_id, m.destination_id), profile_ids, m.undone_at.is_not(None))
    scope = (m.organization_id == unit.organization_id, m.id.in_(found[-limit:]))
    rows = unit.execute(sa.select(*_MERGE).where(*scope).order_by(m.id)) if found else ()
    return [MergeRow._make(row) for row in rows], len(found)


def _on_either_side(
    unit: UnitOfWork,
    key: sa.Column[Any],
    sides: Sequence[sa.Column[Any]],
    ids: Sequence[str],
    which: sa.ColumnElement[bool],
) -> list[Any]:
    """The keys of rows that name one of the profiles on either side, in order: each side by its own index, for of a
    condition on one or the other PostgreSQL may make a walk of the whole organization."""
    scope = (key.table.c.organization_id == unit.organization_id, which)
    return sorted(
        {found for side in sides for found in unit.execute(sa.select(key).where(*scope, side.in_(ids))).scalars()}
    )


def entries_by_number(unit: UnitOfWork, seqs: Sequence[int]) -> dict[int, ToldRow]:
    """Entries of the audit log, by number."""
    a, r = audit.c, audit_records.c
    joined = audit.outerjoin(audit_records, sa.and_(r.organization_id == a.organization_id, r.seq == a.seq))
    wanted = [r.record if field == "record" else a[field] for field in ToldRow._fields]
    select = sa.select(*wanted).select_from(joined)
    rows = unit.execute(select.where(a.organization_id == unit.organization_id, a.seq.in_(seqs))) if seqs else ()
    return {row.seq: ToldRow._make(row) for row in rows}


def told_of(unit: UnitOfWork, profile_ids: Sequence[str], action: str, limit: int) -> tuple[list[ToldRow], int]:
    """The newest entries of an action that name one of the profiles, oldest first; and how many there are."""
    a = audit.c
    found = _on_either_side(unit, a.seq, (a.profile_id, a.other_id), profile_ids, a.action == action)
    entries = entries_by_number(unit, found[-limit:])
    return [entries[seq] for seq in sorted(entries)], len(found)


def profiles_by_id(unit: UnitOfWork, ids: Sequence[str]) -> dict[str, ProfileRow]:
    """Profiles, merged away or not, that are there; by id."""
    scope = (profiles.c.organization_id == unit.organization_id, profiles.c.id.in_(ids))
    rows = unit.execute(sa.select(*_PROFILE).where(*scope)) if ids else ()
    return {row.id: ProfileRow._make(row) for row in rows}


def names_of(unit: UnitOfWork, agent_ids: Sequence[str], key_ids: Sequence[str]) -> dict[str, str]:
    """The names of agents and API keys, by id."""
    found: dict[str, str] = {}
    for table, ids in ((agents, agent_ids), (api_keys, key_ids)):
        scope = (table.c.organization_id == unit.organization_id, table.c.id.in_(ids))
        if ids:
            found.update(tuple(row) for row in unit.execute(sa.select(table.c.id, table.c.name).where(*scope)))
    return found
