"""Timelines, a stretch at a time: by when things happened, at a cost that does not grow with the history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import sqlalchemy as sa

from onefold.domain.errors import InvalidValue
from onefold.storage.conversations import ITEM, ItemRow, merged_into
from onefold.storage.database import Unit
from onefold.storage.dialects import BACKWARD, FORWARD, Direction
from onefold.storage.tables import items

Column = Literal["profile_id", "conversation_id"]
_i = items.c


class Position(NamedTuple):
    """A place on a timeline: the second in which something happened, and its number among arrivals."""

    second: int
    seq: int


START, END = Position(0, 0), Position(2**62, 2**62)


def timeline(unit: Unit, profile_ids: Sequence[str], before: int | None, limit: int) -> list[ItemRow]:
    """The newest items of a profile and those merged into it, what happened last first; `before` is an item's number.

    Raises InvalidValue where there is no such item.
    """
    return _newest(unit, "profile_id", profile_ids, before, limit)


def conversation_items(unit: Unit, conversation_id: str, before: int | None, limit: int) -> list[ItemRow]:
    """The newest items of a conversation and of those that became one with it; as `timeline`."""
    return _newest(unit, "conversation_id", [conversation_id, *merged_into(unit, conversation_id)], before, limit)


def newest_seconds(unit: Unit, profile_ids: Sequence[str]) -> dict[str, int]:
    """The second of what happened last to each profile, where anything has; not of those merged into it."""
    return dict(_next_of_each(unit, "profile_id", profile_ids, BACKWARD, END))


def _newest(unit: Unit, column: Column, ids: Sequence[str], before: int | None, limit: int) -> list[ItemRow]:
    end = END if before is None else _position(unit, before)
    sources = _with_next(unit, column, ids, BACKWARD, end, limit)
    which: sa.ColumnElement[bool]
    if len(sources) > 1:
        which = _i.seq.in_(_next_numbers(unit, column, sources, BACKWARD, end, limit))
    else:
        which = sa.and_(_i[column].in_(sources), sa.tuple_(_i.timeline_second, _i.seq) < sa.tuple_(*end))
    select = sa.select(*ITEM).where(_i.organization_id == unit.organization_id, which)
    newest = unit.execute(select.order_by(_i.timeline_second.desc(), _i.seq.desc()).limit(limit))
    return _in_living_conversations(unit, [ItemRow._make(row) for row in newest])


def _position(unit: Unit, seq: int) -> Position:
    mine = (_i.organization_id == unit.organization_id, _i.seq == seq)
    second = unit.execute(sa.select(_i.timeline_second).where(*mine)).scalar_one_or_none()
    if second is None:
        raise InvalidValue(
            "There is no such place on the timeline; begin again.", code="invalid_cursor", field="cursor"
        )
    return Position(second, seq)


def oldest_numbers(unit: Unit, profile_ids: Sequence[str], after: Position, limit: int) -> list[int]:
    """The numbers of the items of the profiles that happened next after a position."""
    sources = _with_next(unit, "profile_id", profile_ids, FORWARD, after, limit)
    return _next_numbers(unit, "profile_id", sources, FORWARD, after, limit)


def _with_next(
    unit: Unit, column: Column, ids: Sequence[str], way: Direction, start: Position, limit: int
) -> list[str]:
    """Of many sources of a timeline, the few that its next items can come from."""
    if len(ids) <= 1:
        return list(ids)
    back = way is BACKWARD
    ranked = sorted(((second, one) for one, second in _next_of_each(unit, column, ids, way, start)), reverse=back)
    if len(ranked) <= limit:
        return [one for _, one in ranked]
    last = ranked[limit - 1][0]  # which several may share
    return [one for second, one in ranked if (second >= last if back else second <= last)]


def _next_of_each(
    unit: Unit, column: Column, ids: Sequence[str], way: Direction, start: Position
) -> list[tuple[str, int]]:
    d = unit.dialect
    nearest = (
        f"SELECT timeline_second FROM items WHERE organization_id = ? AND {column} = keys.value "
        f"AND {way.beyond} ORDER BY {way.order} LIMIT 1"
    )
    sql = f"WITH keys AS (SELECT k.value FROM {d.id_keys}) SELECT keys.value, ({nearest}) FROM keys"
    found = unit.lookup(sql, (unit.organization_id, *start), ids)
    return [(str(one), second) for one, second in found if second is not None]


def _next_numbers(
    unit: Unit, column: Column, ids: Sequence[str], way: Direction, start: Position, limit: int
) -> list[int]:
    """The numbers of the next items that several sources of a timeline have together."""
    d = unit.dialect
    parameters = d.first_parameters((unit.organization_id, *start), limit)
    sql = f"SELECT i.timeline_second, i.seq FROM {d.id_keys}{d.next_items('i', column, way)}"
    found = sorted((Position(*row) for row in unit.lookup(sql, parameters, ids)), reverse=way is BACKWARD)
    return [position.seq for position in found[:limit]]


def _in_living_conversations(unit: Unit, rows: Sequence[ItemRow]) -> list[ItemRow]:
    """The items, each in the conversation that its own became one with (MRG-5)."""
    ids = sorted({row.conversation_id for row in rows if row.conversation_id is not None})
    if not ids:
        return list(rows)
    d = unit.dialect
    merged = d.join("conversations", "c", "c.organization_id = ? AND c.id = k.value AND c.merged_into_id IS NOT NULL")
    found = unit.lookup(f"SELECT c.id, c.merged_into_id FROM {d.id_keys} {merged}", (unit.organization_id,), ids)
    living = {str(gone): str(into) for gone, into in found}
    return [row._replace(conversation_id=living.get(str(row.conversation_id), row.conversation_id)) for row in rows]
