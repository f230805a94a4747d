"""Insights: how often things happened, by day; and what is written down in order, to be counted once.

Three sources are counted, each by its own numbers: `items`, `audit` and `outbox`. Each has a position, behind which
nothing has been counted yet.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

import sqlalchemy as sa

from onefold.database.dialects import Insert
from onefold.database.engine import UnitOfWork
from onefold.database.tables import audit, counted_until, daily_counts, instant, verdicts
from onefold.matching.evidence import Pair

SOURCES = ("items", "audit", "outbox")
RAISED = "suggestion.raised"

_POSITIONS = Insert(counted_until, ("organization_id", "source", "seq"), skip_taken=True)
# Every writer of an organization holds its lock, shared or alone, from before it takes a number until it has ended.
_WRITERS = (
    "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND classid::bigint = ? AND objid::bigint = ?"
)


class Mark(NamedTuple):
    """What was newest in each source at an instant, and who was writing then.

    PostgreSQL gives out numbers before a transaction commits: a lower one may become visible after a higher one, and
    would be missed by whoever had counted past it. Once none of the writers is at work any more, everything up to the
    mark is there or never will be. No clock tells that as surely: a transaction may take its number long after it
    has looked at the time, and nothing bounds how long it then takes. SQLite has one writer, and no such gaps.
    """

    newest: Mapping[str, int]
    writers: frozenset[str]


def mark(unit: UnitOfWork) -> Mark:
    """A mark of this instant."""
    # In this order: whoever holds a number below the newest, and cannot be seen, is still among the writers.
    newest = {source: unit.newest(source) or 0 for source in SOURCES}
    return Mark(newest, _writers(unit))


def is_complete(unit: UnitOfWork, mark: Mark) -> bool:
    """Whether everything up to the mark can be seen from now on."""
    return not mark.writers or not mark.writers & _writers(unit)


def _writers(unit: UnitOfWork) -> frozenset[str]:
    if unit.dialect.name == "sqlite":
        return frozenset()
    halves = (unit.organization_id >> 32 & 0xFFFFFFFF, unit.organization_id & 0xFFFFFFFF)
    return frozenset(writer for (writer,) in unit.rows(_WRITERS, halves))


# What is counted -----------------------------------------------------------------------------------------------------


class ContactRow(NamedTuple):
    """An item that is a contact."""

    at: datetime
    channel: str
    outcome: str


class EntryRow(NamedTuple):
    """An entry of the audit log on two profiles."""

    seq: int
    at: datetime
    action: str
    profile_id: str
    other_id: str
    details: dict[str, Any]


class RaisedRow(NamedTuple):
    """A suggestion that was raised, and its kinds of evidence."""

    at: datetime
    kinds: tuple[str, ...]


R = TypeVar("R")


class Part(NamedTuple, Generic[R]):
    """What is of interest among the next rows of a source. `end` is the number that those reach to, and `more` whether
    others follow."""

    rows: list[R]
    end: int
    more: bool


_BEHIND = "WHERE organization_id = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?"


def contacts(unit: UnitOfWork, after: int, until: int, limit: int) -> Part[ContactRow]:
    """Of the next items behind a number, up to another, the contacts: nothing else has an outcome."""
    sql = f"SELECT seq, recorded_at, channel, outcome FROM items {_BEHIND}"
    items = unit.rows(sql, (unit.organization_id, after, until, limit))
    rows = [ContactRow(instant(at), channel, outcome) for _, at, channel, outcome in items if outcome is not None]
    return _part(items, rows, until, limit)


def entries(unit: UnitOfWork, after: int, until: int, limit: int, actions: Collection[str]) -> Part[EntryRow]:
    """Of the next entries of the audit log those of some actions, each on two profiles."""
    sql = f"SELECT seq, at, action, profile_id, other_id, details FROM audit {_BEHIND}"
    of_any_action = unit.rows(sql, (unit.organization_id, after, until, limit))
    rows = [
        EntryRow(
            seq=seq,
            at=instant(at),
            action=action,
            profile_id=profile_id,
            other_id=other_id,
            details=json.loads(details),
        )
        for seq, at, action, profile_id, other_id, details in of_any_action
        if action in actions
    ]
    return _part(of_any_action, rows, until, limit)


def raised_suggestions(unit: UnitOfWork, after: int, until: int, limit: int) -> Part[RaisedRow]:
    """Of the next events of the outbox the suggestions that were raised."""
    sql = f"SELECT seq, created_at, CASE WHEN type = '{RAISED}' THEN data END FROM outbox {_BEHIND}"
    events = unit.rows(sql, (unit.organization_id, after, until, limit))
    rows = [RaisedRow(instant(at), _kinds_in(data)) for _, at, data in events if data is not None]
    return _part(events, rows, until, limit)


def _kinds_in(data: Any) -> tuple[str, ...]:
    decoded = json.loads(data) if isinstance(data, str) else data  # as the driver gives it
    return tuple(decoded["kinds"])


def _part(read: Sequence[Any], rows: list[R], until: int, limit: int) -> Part[R]:
    more = len(read) == limit
    return Part(rows, int(read[-1][0]) if more else until, more)


# What a decision was made on -----------------------------------------------------------------------------------------


class Decided(NamedTuple):
    """An earlier decision: when it was made, and on which kinds of evidence."""

    at: datetime
    kinds: tuple[str, ...]


def merge_undone(unit: UnitOfWork, source_id: str, before: int) -> Decided | None:
    """The merge that an entry of the audit log has undone: the source's newest until then, for nobody is merged away
    twice without having come back. Read from the log, which keeps it also when the customer has been erased."""
    a = audit.c
    merged = unit.select(a.at, a.details).where(a.other_id == source_id, a.action == "profile.merged", a.seq < before)
    row = unit.execute(merged.order_by(a.seq.desc()).limit(1)).one_or_none()
    return None if row is None else Decided(row.at, tuple(json.loads(row.details)["evidence"]))


def no_matches(unit: UnitOfWork, ids: Sequence[str]) -> list[Decided]:
    """What was decided by "No Match"; nothing of what an erasure has taken away."""
    return _verdicts(unit, verdicts.c.id.in_(ids))


def first_no_match(unit: UnitOfWork, pair: Pair) -> Decided | None:
    """What was first decided on two profiles, as they were then: on one that a detach made, by the detach (DET-3)."""
    v = verdicts.c
    return next(iter(_verdicts(unit, sa.and_(v.profile_id == pair[0], v.other_id == pair[1]))), None)


def _verdicts(unit: UnitOfWork, which: sa.ColumnElement[bool]) -> list[Decided]:
    v = verdicts.c
    rows = unit.execute(unit.select(v.created_at, v.kinds).where(which).order_by(v.created_at, v.id))
    return [Decided(row.created_at, tuple(row.kinds.split())) for row in rows]


# Counts --------------------------------------------------------------------------------------------------------------


def positions(unit: UnitOfWork) -> dict[str, int]:
    """Up to which number each source has been counted."""
    rows = unit.execute(unit.select(counted_until.c.source, counted_until.c.seq))
    return dict.fromkeys(SOURCES, 0) | {row.source: row.seq for row in rows}


def advance(unit: UnitOfWork, source: str, after: int, to: int) -> bool:
    """Moves a source's position on, if it is still where it was; False: somebody else has counted what follows it."""
    unit.insert(_POSITIONS, [(unit.organization_id, source, 0)])
    c = counted_until.c
    changing = unit.update(counted_until).where(c.source == source, c.seq == after)
    return bool(unit.execute(changing.values(seq=to)).rowcount)


_ADD = sa.text(
    "INSERT INTO daily_counts (organization_id, day, name, number) VALUES (:org, :day, :name, :number) "
    "ON CONFLICT (organization_id, day, name) DO UPDATE SET number = daily_counts.number + excluded.number"
)


def add(unit: UnitOfWork, counts: Mapping[tuple[str, str], int]) -> None:
    """Adds to the counts by day (as in 2026-11-22, UTC) and name."""
    org = unit.organization_id
    rows = [{"org": org, "day": day, "name": name, "number": counts[day, name]} for day, name in sorted(counts)]
    if rows:
        unit.execute(_ADD, rows)


def counts_between(unit: UnitOfWork, first: str, last: str) -> dict[tuple[str, str], int]:
    """The counts of some days, both included, by day and name; what never happened is missing."""
    c = daily_counts.c
    rows = unit.execute(unit.select(c.day, c.name, c.number).where(c.day >= first, c.day <= last))
    return {(row.day, row.name): row.number for row in rows}
