"""Timelines, a stretch at a time: by when things happened, at a cost that does not grow with the history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import sqlalchemy as sa

from onefold.storage.conversations import ITEM, ItemRow, merged_into
from onefold.storage.database import UnitOfWork
from onefold.storage.dialects import BACKWARD, FORWARD, Direction
from onefold.storage.tables import items

Column = Literal["profile_id", "conversation_id"]
_i = items.c


class Position(NamedTuple):
    """A place on a timeline: the second in which something happened, and its number among arrivals."""

    second: int
    seq: int


START, END = Position(0, 0), Position(2**62, 2**62)


def timeline(unit: UnitOfWork, profile_ids: Sequence[str], before: int | None, limit: int) -> list[ItemRow]:
    """The newest items of a profile and those merged into it, what happened last first, before an item's number."""
    return _newest(unit, "profile_id", profile_ids, before, limit)


def conversation_items(unit: UnitOfWork, conversation_id: str, before: int | None, limit: int) -> list[ItemRow]:
    """The newest items of a conversation and of those that became one with it; as `timeline`."""
    return _newest(unit, "conversation_id", [conversation_id, *merged_into(unit, conversation_id)], before, limit)


def oldest_items(unit: UnitOfWork, profile_id: str, limit: int) -> list[ItemRow]:
    """What happened first to a profile; not to those merged into it."""
    mine = (_i.organization_id == unit.organization_id, _i.profile_id == profile_id)
    select = sa.select(*ITEM).where(*mine).order_by(_i.timeline_second, _i.seq).limit(limit)
    return [ItemRow._make(row) for row in unit.execute(select)]


def newest_positions(unit: UnitOfWork, profile_ids: Sequence[str]) -> dict[str, Position]:
    """Where what happened last to each profile stands, where anything has; not to those merged into it."""
    return dict(_next_of_each(unit, "profile_id", profile_ids, BACKWARD, END))


def _newest(unit: UnitOfWork, column: Column, ids: Sequence[str], before: int | None, limit: int) -> list[ItemRow]:
    end = END if before is None else _position(unit, before)
    sources = _with_next(unit, column, ids, BACKWARD, end, limit)
    which: sa.ColumnElement[bool]
    if len(sources) > 1:
        which = _i.seq.in_(_next_numbers(unit, column, sources, BACKWARD, end, limit))
    else:
        which = sa.and_(_i[column].in_(sources), sa.tuple_(_i.timeline_second, _i.seq) < sa.tuple_(*end))
    select = sa.select(*ITEM).where(_i.organization_id == unit.organization_id, which)
    newest = unit.execute(select.order_by(_i.timeline_second.desc(), _i.seq.desc()).limit(limit))
    return _as_of_today(unit, [ItemRow._make(row) for row in newest])


def _position(unit: UnitOfWork, number: int) -> Position:
    """Where the item of this number stands; of one that is gone, where the one that arrived before it does."""
    mine = (_i.organization_id == unit.organization_id, _i.seq <= number)
    second = unit.execute(sa.select(_i.timeline_second).where(*mine).order_by(_i.seq.desc()).limit(1)).scalar()
    return START if second is None else Position(second, number)


def oldest_numbers(unit: UnitOfWork, profile_ids: Sequence[str], after: Position, limit: int) -> list[int]:
    """The numbers of the items of the profiles that happened next after a position."""
    sources = _with_next(unit, "profile_id", profile_ids, FORWARD, after, limit)
    return _next_numbers(unit, "profile_id", sources, FORWARD, after, limit)


def _with_next(
    unit: UnitOfWork, column: Column, ids: Sequence[str], way: Direction, start: Position, limit: int
) -> list[str]:
    """Of many sources of a timeline, the few that its next items can come from."""
    if len(ids) <= 1:
        return list(ids)
    nearest = _next_of_each(unit, column, ids, way, start)
    return [one for one, _ in sorted(nearest, key=lambda each: each[1], reverse=way is BACKWARD)[:limit]]


def _next_of_each(
    unit: UnitOfWork, column: Column, ids: Sequence[str], way: Direction, start: Position
) -> list[tuple[str, Position]]:
    d = unit.dialect
    sql = f"SELECT k.value, i.timeline_second, i.seq FROM {d.id_keys}{d.next_items('i', column, way)}"
    found = unit.lookup(sql, d.first_parameters((unit.organization_id, *start), 1), ids)
    return [(str(one), Position(second, seq)) for one, second, seq in found]


def _next_numbers(
    unit: UnitOfWork, column: Column, ids: Sequence[str], way: Direction, start: Position, limit: int
) -> list[int]:
    """The numbers of the next items that several sources of a timeline have together."""
    d = unit.dialect
    parameters = d.first_parameters((unit.organization_id, *start), limit)
    sql = f"SELECT i.timeline_second, i.seq FROM {d.id_keys}{d.next_items('i', column, way)}"
    found = sorted((Position(*row) for row in unit.lookup(sql, parameters, ids)), reverse=way is BACKWARD)
    return [position.seq for position in found[:limit]]


def _as_of_today(unit: UnitOfWork, rows: Sequence[ItemRow]) -> list[ItemRow]:
    """The items, each in the conversation that its own became one with, and through the contact point that its own
    became one with (MRG-3, MRG-5): a filed call keeps its number (RES-16)."""
    d = unit.dialect
    merged = d.join("conversations", "c", "c.organization_id = ? AND c.id = k.value AND c.merged_into_id IS NOT NULL")
    absorbed = d.join("absorbed_points", "a", "a.organization_id = ? AND a.id = k.value")
    talks = _leading_on(
        unit, f"SELECT c.id, c.merged_into_id FROM {d.id_keys}{merged}", [r.conversation_id for r in rows]
    )
    points = _leading_on(
        unit, f"SELECT a.id, a.contact_point_id FROM {d.id_keys}{absorbed}", [r.contact_point_id for r in rows]
    )
    return [
        row._replace(
            conversation_id=talks.get(row.conversation_id, row.conversation_id),
            contact_point_id=points.get(row.contact_point_id, row.contact_point_id),
        )
        for row in rows
    ]


def _leading_on(unit: UnitOfWork, sql: str, ids: Iterable[str | None]) -> dict[str | None, str]:
    wanted = sorted({one for one in ids if one is not None})
    return {str(gone): str(into) for gone, into in unit.lookup(sql, (unit.organization_id,), wanted)} if wanted else {}
