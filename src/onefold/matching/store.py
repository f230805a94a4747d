"""Suggestions, their evidence, the keys they are found by, and what was decided on them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from onefold.core.ids import is_id
from onefold.database import tables
from onefold.database.dialects import Dialect, Insert
from onefold.database.engine import UnitOfWork
from onefold.database.tables import evidence, instant, instant_text, match_keys, suggestions, verdicts
from onefold.matching.evidence import Evidence, Pair, pair_of
from onefold.matching.scoring import Shared

MATCH_KEYS = Insert(match_keys, ("organization_id", "key", "holder_id"), skip_taken=True)
EVIDENCE = Insert(
    evidence,
    ("organization_id", "profile_id", "other_id", "kind", "value", "other_value", "created_at"),
    skip_taken=True,
)
SUGGESTIONS = Insert(
    suggestions,
    ("organization_id", "profile_id", "other_id", "state", "rating", "kinds", "created_at"),
)


class SuggestionRow(NamedTuple):
    """Two profiles that may be one customer; `kinds` are those of the evidence."""

    profile_id: str
    other_id: str
    state: str
    rating: float
    kinds: tuple[str, ...]
    created_at: datetime

    @property
    def pair(self) -> Pair:
        """The two profiles."""
        return self.profile_id, self.other_id


class VerdictRow(NamedTuple):
    """ "No Match": who said so, when, and on which kinds of evidence (SUG-4)."""

    id: str
    profile_id: str
    other_id: str
    kinds: tuple[str, ...]
    agent_id: str | None
    created_at: datetime
    withdrawn_at: datetime | None


def kinds_text(kinds: Iterable[str]) -> str:
    """Kinds of evidence as a column keeps them: each between spaces."""
    return " ".join(["", *kinds, ""])


# Match keys ----------------------------------------------------------------------------------------------------------


class KeyHolder(NamedTuple):
    """Somebody found by a match key: a contact point, or (kind and value empty) a username."""

    key: str
    profile_id: str
    value: str


@cache
def _holder_ids(d: Dialect) -> str:
    return f"SELECT k.value, mk.holder_id FROM {d.keys} {d.first_of_key('match_keys', 'mk', 'holder_id')}"


@cache
def _holders(d: Dialect) -> str:
    point = d.left_join("contact_points", "cp", "cp.organization_id = ? AND cp.id = k.value")
    named = d.left_join("profiles", "p", "p.organization_id = ? AND p.id = k.value")
    return f"SELECT k.value, coalesce(cp.profile_id, p.id), cp.value FROM {d.id_keys} {point} {named}"


def holders_of_keys(
    unit: UnitOfWork, keys: Collection[str], limit: int, own: Mapping[str, Collection[str]] | None = None
) -> list[KeyHolder]:
    """Who is found by each key, at most `limit` of each.

    `own` are, by key, the holders that look by it: one that looks alone is not told of itself. New addresses mostly
    find nobody else, and then this is a single look at one index.
    """
    if not keys:
        return []
    org, d = unit.organization_id, unit.dialect
    alone = {key: holder_id for key, (holder_id, *others) in (own or {}).items() if not others}
    rows = unit.lookup(_holder_ids(d), d.first_parameters((org,), limit), sorted(keys))
    rows = [(key, holder_id) for key, holder_id in rows if alone.get(key) != holder_id]
    ids = sorted({holder_id for _, holder_id in rows})
    known = {row[0]: row[1:] for row in unit.lookup(_holders(d), (org, org), ids)} if ids else {}
    holders = [KeyHolder(key, *known[holder_id]) for key, holder_id in rows]
    return [holder._replace(value=holder.value or "") for holder in holders if holder.profile_id is not None]


def add_keys(unit: UnitOfWork, rows: Iterable[tuple[str, str]]) -> None:
    """(key, contact point or, for a username's, profile) to be found by."""
    key_rows = [(unit.organization_id, key, holder_id) for key, holder_id in rows]
    if key_rows:
        unit.insert(MATCH_KEYS, key_rows)


def remove_keys(unit: UnitOfWork, keys: Iterable[str], holder_id: str) -> None:
    """What a contact point or username was found by, and no longer is."""
    k = match_keys.c
    unit.execute(unit.delete(match_keys).where(k.holder_id == holder_id, k.key.in_(list(keys))))


# Evidence and suggestions --------------------------------------------------------------------------------------------

_EVIDENCE = ", ".join(f"e.{field}" for field in Evidence._fields)
_SUGGESTION = ", ".join(f"s.{field}" for field in SuggestionRow._fields)


def add_evidence(unit: UnitOfWork, pieces: Iterable[tuple[str, str, Shared]], now: datetime) -> None:
    """Records (profile, other profile, what they share); what is recorded already stays as it is."""
    rows = set()
    for one, other, piece in pieces:
        values = (piece.value, piece.other_value) if one < other else (piece.other_value, piece.value)
        rows.add((unit.organization_id, *pair_of(one, other), piece.kind, *values, instant_text(now)))
    if rows:
        unit.insert(EVIDENCE, sorted(rows))


def insert_evidence(unit: UnitOfWork, rows: Sequence[Evidence]) -> None:
    """Puts evidence back with the time it is from."""
    evidence_rows = [(unit.organization_id, *row[:-1], instant_text(row.created_at)) for row in rows]
    if evidence_rows:
        unit.insert(EVIDENCE, evidence_rows)


def evidence_between(unit: UnitOfWork, pairs: Iterable[Pair]) -> dict[Pair, list[Evidence]]:
    """The evidence of each pair."""
    wanted: dict[Pair, list[Evidence]] = {pair: [] for pair in pairs}
    if wanted:
        d = unit.dialect
        joined = d.join("evidence", "e", "e.organization_id = ? AND e.profile_id = k.value", one=False)
        lows = sorted({low for low, _ in wanted})
        for row in unit.lookup(f"SELECT {_EVIDENCE} FROM {d.id_keys} {joined}", (unit.organization_id,), lows):
            piece = _evidence(row)
            if piece.pair in wanted:
                wanted[piece.pair].append(piece)
    return wanted


def _evidence(row: Sequence[Any]) -> Evidence:
    return Evidence._make((*row[:-1], instant(row[-1])))


def evidence_of(unit: UnitOfWork, profile_id: str) -> list[Evidence]:
    """Every piece of evidence that a profile is on either side of."""
    return sorted(Evidence._make(row) for row in _on_either_side(unit, evidence, Evidence._fields, profile_id))


def _on_either_side(unit: UnitOfWork, table: sa.Table, fields: Sequence[str], profile_id: str) -> Iterator[sa.Row[Any]]:
    columns = [table.c[field] for field in fields]
    for side in (table.c.profile_id, table.c.other_id):
        yield from unit.execute(unit.select(*columns).where(side == profile_id))


def evidence_of_kinds(unit: UnitOfWork, kinds: Sequence[str]) -> list[Evidence]:
    """All evidence of some kinds, for a change of the blocklist."""
    unit.allow_whole_base()
    e = evidence.c
    columns = [e[field] for field in Evidence._fields]
    return [Evidence._make(row) for row in unit.execute(unit.select(*columns).where(e.kind.in_(kinds)))]


def sharing(unit: UnitOfWork, ids: Sequence[str]) -> dict[tuple[str, str], set[str]]:
    """Who shares each value with one of some profiles, and those themselves, as far as evidence tells."""
    d = unit.dialect
    profile_ids: dict[tuple[str, str], set[str]] = {}
    for side, value in (("profile_id", "value"), ("other_id", "other_value")):
        joined = d.join("evidence", "e", f"e.organization_id = ? AND e.{side} = k.value", one=False)
        sql = f"SELECT e.kind, e.{value}, e.profile_id, e.other_id FROM {d.id_keys} {joined}"
        for kind, text, one, other in unit.lookup(sql, (unit.organization_id,), ids):
            profile_ids.setdefault((kind, text), set()).update((one, other))
    return profile_ids


def remove_evidence(unit: UnitOfWork, rows: Iterable[Evidence]) -> None:
    """Takes evidence away."""
    e = evidence.c
    keys = ("profile_id", "other_id", "kind", "value", "other_value")
    parameters = [{f"the_{key}": getattr(row, key) for key in keys} for row in rows]
    if parameters:
        unit.execute(unit.delete(evidence).where(*(e[key] == sa.bindparam(f"the_{key}") for key in keys)), parameters)


def suggestions_between(unit: UnitOfWork, pairs: Iterable[Pair]) -> dict[Pair, SuggestionRow]:
    """The suggestions of these pairs, by pair."""
    wanted = set(pairs)
    if not wanted:
        return {}
    d = unit.dialect
    joined = d.join("suggestions", "s", "s.organization_id = ? AND s.profile_id = k.value", one=False)
    lows = sorted({low for low, _ in wanted})
    rows = unit.lookup(f"SELECT {_SUGGESTION} FROM {d.id_keys} {joined}", (unit.organization_id,), lows)
    of_lows = (suggestion_of(row) for row in rows)
    return {row.pair: row for row in of_lows if row.pair in wanted}


def suggestion_of(row: Sequence[Any]) -> SuggestionRow:
    """A suggestion, of its row in the database."""
    low, high, state, rating, kinds, created_at = row
    return SuggestionRow(low, high, state, rating=rating, kinds=tuple(kinds.split()), created_at=instant(created_at))


def suggestions_of(unit: UnitOfWork, profile_id: str) -> list[SuggestionRow]:
    """Every suggestion of a profile, the likeliest first (SUG-7)."""
    rows = _on_either_side(unit, suggestions, SuggestionRow._fields, profile_id)
    return sorted(map(suggestion_of, rows), key=lambda row: (-row.rating, row.pair))


def replace_suggestions(unit: UnitOfWork, gone: Iterable[Pair], rows: Sequence[SuggestionRow]) -> None:
    """Takes the suggestions of some pairs away and writes others."""
    s = suggestions.c
    pairs = [{"low": low, "high": high} for low, high in gone]
    if pairs:
        of_pair = (s.profile_id == sa.bindparam("low"), s.other_id == sa.bindparam("high"))
        unit.execute(unit.delete(suggestions).where(*of_pair), pairs)
    if rows:
        suggestion_rows = [
            (
                unit.organization_id,
                *row.pair,
                row.state,
                row.rating,
                kinds_text(row.kinds),
                instant_text(row.created_at),
            )
            for row in rows
        ]
        unit.insert(SUGGESTIONS, suggestion_rows)


def versions_of(unit: UnitOfWork, ids: Collection[str]) -> dict[str, int]:
    """The versions of living profiles: what is decided on a pair is decided on these (MRG-12)."""
    d = unit.dialect
    living = d.join("profiles", "p", "p.organization_id = ? AND p.id = k.value AND p.survivor_id IS NULL")
    rows = unit.lookup(f"SELECT p.id, p.version FROM {d.id_keys} {living}", (unit.organization_id,), sorted(ids))
    return {row[0]: row[1] for row in rows}


# Verdicts ------------------------------------------------------------------------------------------------------------


def origins(unit: UnitOfWork, ids: Sequence[str]) -> dict[str, str]:
    """Every profile that leads to one of the living profiles, and those themselves, with the one it leads to."""
    leads = {profile_id: profile_id for profile_id in ids}
    if ids:
        d = unit.dialect
        merged = d.join("profiles", "p", "p.organization_id = ? AND p.survivor_id = k.value", one=False)
        sql = f"SELECT p.id, p.survivor_id FROM {d.id_keys} {merged}"
        leads.update((gone, living) for gone, living in unit.lookup(sql, (unit.organization_id,), ids))
    return leads


_VERDICT = ", ".join(f"v.{field}" for field in VerdictRow._fields)


def verdicts_between(
    unit: UnitOfWork, pairs: Iterable[Pair], leads: Mapping[str, str] | None = None
) -> dict[Pair, list[VerdictRow]]:
    """What was decided on each pair of living profiles, or on profiles that have been merged into them; not what was
    taken back. `leads` are the `origins` of them all, where these have been read."""
    wanted: dict[Pair, list[VerdictRow]] = {pair: [] for pair in pairs}
    if leads is None:
        leads = origins(unit, sorted({profile_id for pair in wanted for profile_id in pair}))
    if leads:
        d = unit.dialect
        condition = "v.organization_id = ? AND v.profile_id = k.value AND v.withdrawn_at IS NULL"
        sql = f"SELECT {_VERDICT} FROM {d.id_keys} {d.join('verdicts', 'v', condition, one=False)}"
        for row in unit.lookup(sql, (unit.organization_id,), sorted(leads)):
            verdict = _verdict(row)
            pair = pair_of(leads[verdict.profile_id], leads.get(verdict.other_id, ""))
            if pair in wanted:
                wanted[pair].append(verdict)
    return wanted


def _verdict(row: Sequence[Any]) -> VerdictRow:
    *head, kinds, agent_id, created_at, withdrawn_at = row
    withdrawn = None if withdrawn_at is None else instant(withdrawn_at)
    return VerdictRow._make((*head, tuple(kinds.split()), agent_id, instant(created_at), withdrawn))


def add_verdict(unit: UnitOfWork, row: VerdictRow) -> None:
    """Remembers a "No Match"."""
    values = {**row._asdict(), "kinds": kinds_text(row.kinds)}
    unit.execute(verdicts.insert().values(organization_id=unit.organization_id, **values))


def withdraw_verdicts(unit: UnitOfWork, ids: Sequence[str], now: datetime) -> None:
    """Takes "No Match" back; that it was said stays."""
    v = verdicts.c
    unit.execute(unit.update(verdicts).where(v.id.in_(ids)).values(withdrawn_at=now))


def profile_ids_after(unit: UnitOfWork, after: str, limit: int) -> list[str]:
    """Living profiles in the order of their ids, for runs over the whole base."""
    p = tables.profiles.c
    select = unit.select(p.id).where(p.survivor_id.is_(None))
    if is_id(after):
        select = select.where(p.id > after)
    return list(unit.execute(select.order_by(p.id).limit(limit)).scalars())
