"""What tells how a profile came to be: the merges it stands on, those that were undone, and what was detached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from onefold.storage.database import Unit
from onefold.storage.merges import MergeRow
from onefold.storage.profiles import ProfileRow
from onefold.storage.tables import agents, api_keys, audit, audit_records, merges, profiles


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


def standing_merges(unit: Unit, living_id: str, limit: int) -> tuple[list[MergeRow], int]:
    """The newest merges by which profiles are in this one, however deep, oldest first; and how many there are.

    A merge is newer than those of its source's own sources, so none of these stands without the one it leads through.
    """
    m, p = merges.c, profiles.c
    sources = sa.select(p.id).where(p.organization_id == unit.organization_id, p.survivor_id == living_id)
    mine = (m.organization_id == unit.organization_id, m.source_id.in_(sources), m.undone_at.is_(None))
    return _newest(unit, mine, limit)


def undone_merges(unit: Unit, profile_ids: Sequence[str], limit: int) -> tuple[list[MergeRow], int]:
    """The newest undone merges of some profiles on either side, oldest first; and how many there are."""
    m = merges.c
    either = sa.or_(m.source_id.in_(profile_ids), m.destination_id.in_(profile_ids))
    return _newest(unit, (m.organization_id == unit.organization_id, either, m.undone_at.is_not(None)), limit)


def _newest(unit: Unit, mine: Sequence[sa.ColumnElement[bool]], limit: int) -> tuple[list[MergeRow], int]:
    total = int(unit.execute(sa.select(sa.func.count()).select_from(merges).where(*mine)).scalar_one())
    rows = unit.execute(sa.select(*_MERGE).where(*mine).order_by(merges.c.id.desc()).limit(limit))
    return [MergeRow._make(row) for row in rows][::-1], total


def told(unit: Unit, seqs: Sequence[int]) -> dict[int, ToldRow]:
    """Entries of the audit log, by number."""
    return {row.seq: row for row in _told(unit, audit.c.seq.in_(seqs), len(seqs))} if seqs else {}


def told_of(unit: Unit, profile_ids: Sequence[str], action: str, limit: int) -> tuple[list[ToldRow], int]:
    """The newest entries of an action that name one of the profiles, oldest first; and how many there are."""
    a = audit.c
    which = sa.and_(a.action == action, sa.or_(a.profile_id.in_(profile_ids), a.other_id.in_(profile_ids)))
    mine = (a.organization_id == unit.organization_id, which)
    total = int(unit.execute(sa.select(sa.func.count()).select_from(audit).where(*mine)).scalar_one())
    return _told(unit, which, limit)[::-1], total


def _told(unit: Unit, which: sa.ColumnElement[bool], limit: int) -> list[ToldRow]:
    a, r = audit.c, audit_records.c
    joined = audit.outerjoin(audit_records, sa.and_(r.organization_id == a.organization_id, r.seq == a.seq))
    wanted = [r.record if field == "record" else a[field] for field in ToldRow._fields]
    select = sa.select(*wanted).select_from(joined).where(a.organization_id == unit.organization_id, which)
    return [ToldRow._make(row) for row in unit.execute(select.order_by(a.seq.desc()).limit(limit))]


def profiles_by_id(unit: Unit, ids: Sequence[str]) -> dict[str, ProfileRow]:
    """Profiles, merged away or not, that are there; by id."""
    mine = (profiles.c.organization_id == unit.organization_id, profiles.c.id.in_(ids))
    rows = unit.execute(sa.select(*_PROFILE).where(*mine)) if ids else ()
    return {row.id: ProfileRow._make(row) for row in rows}


def names_of(unit: Unit, agent_ids: Sequence[str], key_ids: Sequence[str]) -> dict[str, str]:
    """The names of agents and API keys, by id."""
    found: dict[str, str] = {}
    for table, ids in ((agents, agent_ids), (api_keys, key_ids)):
        mine = (table.c.organization_id == unit.organization_id, table.c.id.in_(ids))
        if ids:
            found.update(tuple(row) for row in unit.execute(sa.select(table.c.id, table.c.name).where(*mine)))
    return found
