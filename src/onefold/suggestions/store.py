"""The queue of suggestions of an organization, the likeliest first (SUG-7)."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from typing import NamedTuple

import sqlalchemy as sa

from onefold.database.engine import UnitOfWork
from onefold.database.tables import suggestions
from onefold.matching.scoring import EVIDENCE_KINDS
from onefold.matching.store import SuggestionRow, kinds_text, suggestion_of


class QueueFilter(NamedTuple):
    """Which suggestions of the organization are wanted (SUG-7)."""

    state: str = "open"
    kind: str | None = None
    lowest: float = 0.0
    highest: float = 1.0


def page(
    unit: UnitOfWork, wanted: QueueFilter, after: tuple[float, str, str] | None, limit: int
) -> list[SuggestionRow]:
    """Suggestions of the organization, the likeliest first, behind the last one of a page before."""
    s = suggestions.c
    key = (s.rating, s.profile_id, s.other_id)
    select = unit.select(*(s[field] for field in SuggestionRow._fields)).where(
        s.state == sa.literal_column(f"'{'open' if wanted.state == 'open' else 'dismissed'}'"),
        s.rating >= wanted.lowest,
    )
    if wanted.kind is not None:
        select = select.where(s.kinds.in_(_texts_with(wanted.kind)))
    if after is None or after[0] > wanted.highest:
        select = select.where(s.rating <= wanted.highest)
    else:
        # Compared whole and with nothing beside it, so that the index is entered there, not at the top of the queue.
        last = (sa.literal(value, column.type) for value, column in zip(after, key, strict=True))
        select = select.where(sa.tuple_(*key) < sa.tuple_(*last))
    order = (column.desc() for column in key)
    return [suggestion_of(row) for row in unit.execute(select.order_by(*order).limit(limit))]


@cache
def _texts_with(kind: str) -> list[str]:
    """Every `kinds` that names a kind. By LIKE, PostgreSQL may not look into its statistics (row-level security), and
    takes for rare what is not."""
    several = (some for size in range(len(EVIDENCE_KINDS)) for some in combinations(EVIDENCE_KINDS, size + 1))
    return [kinds_text(some) for some in several if kind in some]


def tally(unit: UnitOfWork, state: str, most: int) -> list[tuple[float, tuple[str, ...]]]:
    """The rating and kinds of evidence of a queue's suggestions, the likeliest first, and no more than `most`."""
    s = suggestions.c
    wanted = s.state == sa.literal_column(f"'{'open' if state == 'open' else 'dismissed'}'")
    select = unit.select(s.rating, s.kinds).where(wanted)
    rows = unit.execute(select.order_by(s.rating.desc()).limit(most))
    return [(row.rating, tuple(row.kinds.split())) for row in rows]
