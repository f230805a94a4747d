"""What tells how a profile came to be: the merges it stands on, those that were undone, and what was detached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from onefold.database.engine import UnitOfWork, same_organization
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
    sources = unit.select(p.id).where(p.survivor_id == living_id)
    scope = (m.source_id.in_(sources), m.undone_at.is_(None))
    total = int(unit.execute(unit.select(sa.func.count(), of=merges).where(*scope)).scalar_one())
    rows = unit.execute(unit.select(*_MERGE).where(*scope).order_by(m.id.desc()).limit(limit))
    return [MergeRow._make(row) for row in rows][::-1], total


def undone_merges(unit: UnitOfWork, profile_ids: Sequence[str], limit: int) -> tuple[list[MergeRow], int]:
    """The newest undone merges of some profiles on either side, oldest first; and how many there are."""
    m = merges.c
    ids = _on_either_side(unit, m.id, (m.source_id, m.destination_id), ids=profile_ids, which=m.undone_at.is_not(None))
    rows = unit.execute(unit.select(*_MERGE).where(m.id.in_(ids[-limit:])).order_by(m.id)) if ids else ()
    return [MergeRow._make(row) for row in rows], len(ids)


def _on_either_side(
    unit: UnitOfWork,
    key: sa.Column[Any],
    sides: Sequence[sa.Column[Any]],
    ids: Sequence[str],
    which: sa.ColumnElement[bool],
) -> list[Any]:
    """The keys of rows that name one of the profiles on either side, in order: each side by its own index, for of a
    condition on one or the other PostgreSQL may make a walk of the whole organization."""
    rows = unit.select(key).where(which)
    return sorted({one for side in sides for one in unit.execute(rows.where(side.in_(ids))).scalars()})


def entries_by_number(unit: UnitOfWork, seqs: Sequence[int]) -> dict[int, ToldRow]:
    """Entries of the audit log, by number."""
    a, r = audit.c, audit_records.c
    joined = audit.outerjoin(audit_records, sa.and_(same_organization(audit_records, audit), r.seq == a.seq))
    wanted = [r.record if field == "record" else a[field] for field in ToldRow._fields]
    select = unit.select(*wanted, of=audit).select_from(joined)
    rows = unit.execute(select.where(a.seq.in_(seqs))) if seqs else ()
    return {row.seq: ToldRow._make(row) for row in rows}


def told_of(unit: UnitOfWork, profile_ids: Sequence[str], action: str, limit: int) -> tuple[list[ToldRow], int]:
    """The newest entries of an action that name one of the profiles, oldest first; and how many there are."""
    a = audit.c
    seqs = _on_either_side(unit, a.seq, (a.profile_id, a.other_id), ids=profile_ids, which=a.action == action)
    entries = entries_by_number(unit, seqs[-limit:])
    return [entries[seq] for seq in sorted(entries)], len(seqs)


def profiles_by_id(unit: UnitOfWork, ids: Sequence[str]) -> dict[str, ProfileRow]:
    """Profiles, merged away or not, that are there; by id."""
    rows = unit.execute(unit.select(*_PROFILE).where(profiles.c.id.in_(ids))) if ids else ()
    return {row.id: ProfileRow._make(row) for row in rows}


def names_of(unit: UnitOfWork, agent_ids: Sequence[str], key_ids: Sequence[str]) -> dict[str, str]:
    """The names of agents and API keys, by id."""
    names: dict[str, str] = {}
    for table, ids in ((agents, agent_ids), (api_keys, key_ids)):
        if ids:
            select = unit.select(table.c.id, table.c.name).where(table.c.id.in_(ids))
            names.update(tuple(row) for row in unit.execute(select))
    return names
