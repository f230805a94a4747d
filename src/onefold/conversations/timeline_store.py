"""Reads timelines, a stretch at a time, in the order in which things happened. The cost does not grow with history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Literal, NamedTuple

import sqlalchemy as sa

from onefold.conversations.store import ITEM, ItemRow, merged_into
from onefold.database.dialects import BACKWARD, FORWARD, Direction, Row
from onefold.database.engine import UnitOfWork
from onefold.database.tables import items

Column = Literal["profile_id", "conversation_id"]
_i = items.c


class Position(NamedTuple):
    """A place on a timeline: the second in which something happened, and its number in the order of arrival."""

    second: int
    seq: int


_POSITION = itemgetter(1, 2)
START, END = Position(-(2**62), 0), Position(2**62, 2**62)
_SECOND_OF = "SELECT timeline_second FROM items WHERE organization_id = ? AND seq <= ? ORDER BY seq DESC LIMIT 1"


def timeline(unit: UnitOfWork, profile_ids: Sequence[str], before: int | None, limit: int) -> list[ItemRow]:
    """The newest items of a profile and of the profiles merged into it, what happened last first. With `before`, only
    items that stand before the item with this number."""
    return _newest(unit, "profile_id", profile_ids, before=before, limit=limit)


def conversation_items(unit: UnitOfWork, conversation_id: str, before: int | None, limit: int) -> list[ItemRow]:
    """The newest items of a conversation and of those that became part of it, in the same way as `timeline`."""
    return _newest(
        unit, "conversation_id", [conversation_id, *merged_into(unit, conversation_id)], before=before, limit=limit
    )


def oldest_items(unit: UnitOfWork, profile_id: str, limit: int) -> list[ItemRow]:
    """The items that happened first to a profile, without those of profiles merged into it."""
    select = unit.select(*ITEM).where(_i.profile_id == profile_id)
    return [ItemRow._make(row) for row in unit.execute(select.order_by(_i.timeline_second, _i.seq).limit(limit))]


def newest_positions(unit: UnitOfWork, profile_ids: Sequence[str]) -> dict[str, Position]:
    """The position of each profile's last item, if it has any. Items of profiles merged into it do not count."""
    rows = _next_of_each(unit, "profile_id", profile_ids, way=BACKWARD, start=END)
    return {str(source): Position(second, seq) for source, second, seq in rows}


def _newest(unit: UnitOfWork, column: Column, ids: Sequence[str], before: int | None, limit: int) -> list[ItemRow]:
    end = END if before is None else _position(unit, before)
    which: sa.ColumnElement[bool]
    if len(ids) > 1:
        which = _i.seq.in_(_next_numbers(unit, column, ids, way=BACKWARD, start=end, limit=limit))
    else:
        which = sa.and_(_i[column].in_(ids), sa.tuple_(_i.timeline_second, _i.seq) < sa.tuple_(*end))
    select = unit.select(*ITEM).where(which)
    newest = unit.execute(select.order_by(_i.timeline_second.desc(), _i.seq.desc()).limit(limit))
    return _as_of_today(unit, [ItemRow._make(row) for row in newest])


def _position(unit: UnitOfWork, number: int) -> Position:
    """The position of the item with this number. If it is gone, the item that arrived before it gives the second."""
    row = unit.one(_SECOND_OF, (unit.organization_id, number))
    return START if row is None else Position(row[0], number)


def oldest_numbers(unit: UnitOfWork, profile_ids: Sequence[str], after: Position, limit: int) -> list[int]:
    """The numbers of the items of these profiles that come next after a position, the oldest first."""
    return _next_numbers(unit, "profile_id", profile_ids, way=FORWARD, start=after, limit=limit)


def _next_numbers(
    unit: UnitOfWork, column: Column, ids: Sequence[str], way: Direction, start: Position, limit: int
) -> list[int]:
    """The numbers of the next `limit` items among all sources (profiles or conversations) of a timeline.

    First reads the next item of each source, and keeps the `limit` nearest of these. That many items are enough: no
    item beyond the last of them is wanted, and no other source has one that is.
    """
    backward = way is BACKWARD
    nearest = sorted(_next_of_each(unit, column, ids, way=way, start=start), key=_POSITION, reverse=backward)[:limit]
    furthest = START if backward else END
    until = Position(*_POSITION(nearest[-1])) if len(nearest) == limit else furthest
    rows = _next_items(
        unit, column, [str(source) for source, *_ in nearest], way=way, stretch=(start, until), limit=limit
    )
    return [seq for *_, seq in sorted(rows, key=_POSITION, reverse=backward)[:limit]]


def _next_of_each(unit: UnitOfWork, column: Column, ids: Sequence[str], way: Direction, start: Position) -> list[Row]:
    return _next_items(unit, column, ids, way=way, stretch=(start, START if way is BACKWARD else END), limit=1)


def _next_items(
    unit: UnitOfWork,
    column: Column,
    ids: Sequence[str],
    way: Direction,
    stretch: tuple[Position, Position],
    limit: int,
) -> list[Row]:
    """At most `limit` of the next items of each source in a stretch: (source, second, number), as the driver gives
    them."""
    d = unit.dialect
    (start, until), sql = stretch, f"SELECT k.value, i.timeline_second, i.seq FROM {d.id_keys}"
    parameters = d.first_parameters((unit.organization_id, *start, *until), limit)
    return unit.lookup(f"{sql}{d.next_items('i', column, way)}", parameters, ids) if ids else []


def _as_of_today(unit: UnitOfWork, rows: Sequence[ItemRow]) -> list[ItemRow]:
    """The items as of today: if an item's conversation or contact point became part of another one, the item names that
    one (MRG-3, MRG-5). So a filed call keeps its number (RES-16)."""
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
        if row.conversation_id in talks or row.contact_point_id in points
        else row
        for row in rows
    ]


def _leading_on(unit: UnitOfWork, sql: str, ids: Iterable[str | None]) -> dict[str | None, str]:
    wanted = sorted({one for one in ids if one is not None})
    return {str(gone): str(into) for gone, into in unit.lookup(sql, (unit.organization_id,), wanted)} if wanted else {}
