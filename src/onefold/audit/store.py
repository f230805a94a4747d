"""The audit log (MRG-14): entries that nothing changes, and the personal records that an erasure takes away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from onefold.database.dialects import Insert, Row
from onefold.database.engine import UnitOfWork, same_organization
from onefold.database.tables import audit, audit_records, instant_text

_ERASED_AT_ONCE = 500
_CLOCKS_APART = timedelta(days=1)


class EntryRow(NamedTuple):
    """An entry. `at` and `details`, an instant and JSON, are the text that was hashed; no record, no `record_hash`."""

    seq: int
    at: str
    action: str
    agent_id: str | None
    key_id: str | None
    origin: str
    profile_id: str | None
    other_id: str | None
    details: str
    record_hash: str | None
    hash: str


class RecordRow(NamedTuple):
    """Both sides before, as JSON, and the salt it was hashed with."""

    salt: str
    record: str


class Filters(NamedTuple):
    """Which entries are wanted; None: any. `profile_id` is either of the two that an entry names."""

    profile_id: str | None = None
    action: str | None = None
    agent_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


# As the driver gives it: an instant that somebody spoiled must be found, not stumbled over.
_AT = sa.type_coerce(audit.c.at, sa.types.NullType()).label("at")
_ENTRY = [_AT if name == "at" else audit.c[name] for name in EntryRow._fields]
_ENTRIES = Insert(audit, ("organization_id", *EntryRow._fields))
_RECORDS = Insert(audit_records, ("organization_id", "seq", *RecordRow._fields))
_RECORD = [audit_records.c[name] for name in RecordRow._fields]


def _entry(row: Sequence[Any]) -> EntryRow:
    entry = EntryRow._make(row)
    return entry if isinstance(entry.at, str) else entry._replace(at=instant_text(entry.at))


def last(unit: UnitOfWork) -> tuple[int, str] | None:
    """(seq, hash) of the newest entry; none follows before the unit ends."""
    unit.lock_audit()
    along = unit.dialect.by_key("audit")
    sql = f"SELECT seq, hash FROM {along} WHERE organization_id = ? ORDER BY seq DESC LIMIT 1"
    row = unit.one(sql, (unit.organization_id,))
    return None if row is None else (row[0], row[1])


def append(unit: UnitOfWork, entry: EntryRow, record: RecordRow | None) -> None:
    """Adds an entry, and the personal record that belongs to it."""
    inserts: dict[Insert, list[Row]] = {_ENTRIES: [(unit.organization_id, *entry)]}
    if record is not None:
        inserts[_RECORDS] = [(unit.organization_id, entry.seq, *record)]
    unit.insert_all(inserts)


def read(unit: UnitOfWork, seq: int) -> tuple[EntryRow, RecordRow | None] | None:
    """One entry with its record, if the record is still there."""
    entries = _with_records(unit, audit.c.seq == seq, 1)
    return entries[0] if entries else None


def following(unit: UnitOfWork, after: int | None, limit: int) -> list[tuple[EntryRow, RecordRow | None]]:
    """The oldest entries behind a number, with their records."""
    return _with_records(unit, sa.true() if after is None else audit.c.seq > after, limit)


def _with_records(
    unit: UnitOfWork, which: sa.ColumnElement[bool], limit: int
) -> list[tuple[EntryRow, RecordRow | None]]:
    a, r = audit.c, audit_records.c
    joined = audit.outerjoin(audit_records, sa.and_(same_organization(audit_records, audit), r.seq == a.seq))
    select = unit.select(*_ENTRY, *_RECORD, of=audit).select_from(joined).where(which)
    rows = unit.execute(select.order_by(a.seq).limit(limit))
    width = len(_ENTRY)
    return [(_entry(row[:width]), None if row.salt is None else RecordRow(*row[width:])) for row in rows]


def newest_record(unit: UnitOfWork) -> int | None:
    """The number of the newest record."""
    return unit.newest("audit_records")


def page(unit: UnitOfWork, filters: Filters, before: int | None, limit: int) -> list[EntryRow]:
    """Entries, newest first, before a number."""
    within = _within(unit, filters)
    rows = {
        row.seq: row
        for side in _sides(filters)
        for row in unit.execute(_page(unit, filters, side, before=before, limit=limit).where(*within))
    }
    return [_entry(rows[seq]) for seq in sorted(rows, reverse=True)[:limit]]


def _within(unit: UnitOfWork, filters: Filters) -> list[sa.ColumnElement[bool]]:
    """Between which numbers the entries of the wanted time are, so that few others are read.

    Entries are numbered as they are written, by clocks that are not a day apart: what is a day older came before.
    """
    a = audit.c
    some = unit.select(a.seq).limit(1)
    within: list[sa.ColumnElement[bool]] = []
    if filters.since is not None:
        older = some.where(a.at < _shift(filters.since, -_CLOCKS_APART)).order_by(a.at.desc(), a.seq.desc())
        within += [a.seq > seq for seq in unit.execute(older).scalars()]
    if filters.until is not None:
        newer = some.where(a.at >= _shift(filters.until, _CLOCKS_APART)).order_by(a.at, a.seq)
        within += [a.seq < seq for seq in unit.execute(newer).scalars()]
    return within


def _shift(moment: datetime, by: timedelta) -> datetime:
    """The moment, so much later; the end of time stays what it is."""
    try:
        return moment.astimezone(UTC) + by
    except OverflowError:
        return moment


def _sides(filters: Filters) -> Iterable[sa.Column[Any] | None]:
    """A profile's entries are read by the index of either side in turn; others by their number."""
    return (None,) if filters.profile_id is None else (audit.c.profile_id, audit.c.other_id)


def _page(
    unit: UnitOfWork, filters: Filters, side: sa.Column[Any] | None, before: int | None, limit: int
) -> sa.Select[Any]:
    a = audit.c
    select = unit.select(*_ENTRY)
    if side is not None:
        select = select.where(side == filters.profile_id)
    for column, wanted in ((a.action, filters.action), (a.agent_id, filters.agent_id)):
        if wanted is not None:
            select = select.where(column == wanted)
    at = sa.func.coalesce(a.at, a.at)  # past the index of times: they are wanted in the order of their numbers
    if filters.since is not None:
        select = select.where(at >= filters.since)
    if filters.until is not None:
        select = select.where(at < filters.until)
    if before is not None:
        select = select.where(a.seq < before)
    return select.order_by(a.seq.desc()).limit(limit)


def erase_records(unit: UnitOfWork, profile_ids: Sequence[str]) -> int:
    """Deletes the records of entries that name one of the profiles; returns how many were there."""
    seqs = sorted({seq for profile_id in profile_ids for seq in _naming(unit, profile_id)})
    parts = [seqs[n : n + _ERASED_AT_ONCE] for n in range(0, len(seqs), _ERASED_AT_ONCE)]
    r = audit_records.c
    return sum(int(unit.execute(unit.delete(audit_records).where(r.seq.in_(part))).rowcount) for part in parts)


def _naming(unit: UnitOfWork, profile_id: str) -> list[int]:
    sides = (audit.c.profile_id, audit.c.other_id)
    seqs = unit.select(audit.c.seq)
    return [seq for side in sides for seq in unit.execute(seqs.where(side == profile_id)).scalars()]
