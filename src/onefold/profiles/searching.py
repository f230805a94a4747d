"""Finds customers by what is typed: makes the lookups of a query and ranks the hits (MRG-1, UI-6)."""

from __future__ import annotations

from collections.abc import Sequence

from onefold.core.text import validate_text
from onefold.database.dialects import Row
from onefold.database.engine import UnitOfWork
from onefold.profiles import store
from onefold.profiles.search import INNER, SLIP_RANK, WORDS_RANK, Hit, rank_hits, read_query
from onefold.profiles.service import ProfileSummary, summaries

_SEARCH_DEPTH, _WORDS_DEPTH, _SLIP_DEPTH = 100, 500, 200
_WORDS_TRIED = 3


def search(unit: UnitOfWork, query: str, limit: int, *, forgiving: bool = True) -> list[ProfileSummary]:
    """Living profiles found by what is typed, the likeliest first (MRG-1, UI-6).

    Finds them by the beginning of anything they are known by, the last digits of a phone, any part of a word, or all of
    several words. If this finds nothing, forgives one typing slip. A caller that acts on what is found sets `forgiving`
    to False: then only beginnings count.
    """
    validate_text(query, "q")
    parsed_query = read_query(query)
    looks = [look for look in parsed_query.looks if forgiving or not look.guess]
    hits = []
    for look in looks:
        hits += [_hit(row, look.rank) for row in store.find_by_beginning(unit, look.beginning, _SEARCH_DEPTH)]
    if forgiving and not hits and parsed_query.words:
        hits = _by_words(unit, parsed_query.words)
    if forgiving and not hits:
        hits = [_hit(row, SLIP_RANK) for row in store.find_by_any_beginning(unit, parsed_query.slips, _SLIP_DEPTH)]
    return summaries(unit, rank_hits(hits, tuple(look.beginning for look in parsed_query.looks))[:limit])


def _by_words(unit: UnitOfWork, words: Sequence[str]) -> list[Hit]:
    """Profiles that have every word, in any order. Looks among the first profiles of each of the longest words, one
    word after another: a word that many profiles have says little, and nobody knows beforehand which word that is."""
    rows: list[Row] = []
    for first in sorted(words, key=len, reverse=True)[:_WORDS_TRIED]:
        others = [word for word in words if word is not first]
        rows += store.find_by_words(unit, first, others, inner=INNER, depth=_WORDS_DEPTH)
    if not rows:
        first, *others = sorted(words, key=len, reverse=True)
        rows = store.find_by_words(unit, INNER + first, others, inner=INNER, depth=_WORDS_DEPTH)
    return [_hit(row, WORDS_RANK) for row in rows]


def _hit(row: Row, rank: int) -> Hit:
    return Hit(str(row[0]), row[1], rank)
