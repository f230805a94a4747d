"""Suggestions as people work with them: a profile's, the organization's queue, "why", "No Match" (SUG)."""

from __future__ import annotations

import math
from collections import Counter
from datetime import datetime
from typing import NamedTuple

from onefold.audit import service as audit
from onefold.core.actor import Actor
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import Conflict
from onefold.database.engine import UnitOfWork
from onefold.matching import comparing, store
from onefold.matching import service as matching
from onefold.matching.evidence import Pair, pair_of
from onefold.matching.scoring import Comparison
from onefold.matching.store import SuggestionRow, VerdictRow
from onefold.organizations.policy import Policy
from onefold.organizations.store import load_policy
from onefold.outbox.store import emit
from onefold.profiles.service import ProfileSummary, resolve_redirect, summaries
from onefold.suggestions import store as queue_store
from onefold.suggestions.store import QueueFilter

_LINE_HOLDERS, _LINES_SHOWN = 1_000, 50


class SuggestionView(NamedTuple):
    """A suggestion with both profiles, why, and, where it was dismissed before, the kinds that are new (SUG-4)."""

    row: SuggestionRow
    one: ProfileSummary
    other: ProfileSummary
    comparison: Comparison
    new_kinds: tuple[str, ...]
    dismissed_kinds: tuple[str, ...]


def of_profile(unit: UnitOfWork, profile_id: str, *, dismissed: bool = False) -> list[SuggestionView]:
    """A profile's suggestions, the likeliest first (SUG-7); those dismissed by "No Match" only if asked for."""
    rows = store.suggestions_of(unit, resolve_redirect(unit, profile_id))
    return _views(unit, [row for row in rows if dismissed or row.state == "open"])


def queue(
    unit: UnitOfWork, filters: QueueFilter, after: tuple[float, str, str] | None, limit: int
) -> list[SuggestionView]:
    """The organization's suggestions, the likeliest first (SUG-7)."""
    return _views(unit, queue_store.page(unit, filters, after, limit))


class Tally(NamedTuple):
    """How many suggestions a queue holds: in all, of each kind of evidence, of each band of ratings.

    Where `more` is set the queue is longer than was counted, and every number is of its likeliest part.
    """

    total: int
    kinds: dict[str, int]
    bands: dict[str, int]
    more: bool


BANDS = {"very-likely": (0.9, 1.0), "likely": (0.6, math.nextafter(0.9, 0)), "possible": (0.0, math.nextafter(0.6, 0))}
"""The ratings that a queue is read by, lowest and highest, the likeliest first (SUG-7)."""
MOST_COUNTED = 2_000


def tally(unit: UnitOfWork, filters: QueueFilter) -> Tally:
    """SUG-7: how much there is to work through: kinds within the wanted ratings, bands within the wanted kind."""
    rows = queue_store.tally(unit, filters.state, MOST_COUNTED + 1)
    counted = rows[:MOST_COUNTED]
    rated = [kinds for rating, kinds in counted if filters.lowest <= rating <= filters.highest]
    of_kind = [rating for rating, kinds in counted if filters.kind is None or filters.kind in kinds]
    return Tally(
        sum(filters.kind is None or filters.kind in kinds for kinds in rated),
        Counter(kind for kinds in rated for kind in kinds),
        {band: sum(low <= rating <= high for rating in of_kind) for band, (low, high) in BANDS.items()},
        len(rows) > MOST_COUNTED,
    )


def _views(unit: UnitOfWork, rows: list[SuggestionRow]) -> list[SuggestionView]:
    pairs = [row.pair for row in rows]
    compared = comparing.explain(unit, pairs, load_policy(unit))
    verdicts = store.verdicts_between(unit, pairs)
    ids = sorted({profile_id for pair in pairs for profile_id in pair})
    summary_by_id = {summary.row.id: summary for summary in summaries(unit, ids)}
    views = []
    for row in rows:
        dismissed = {kind for verdict in verdicts[row.pair] for kind in verdict.kinds}
        new = tuple(kind for kind in row.kinds if verdicts[row.pair] and kind not in dismissed)
        one, other = (summary_by_id[profile_id] for profile_id in row.pair)
        views.append(
            SuggestionView(
                row, one, other, comparison=compared[row.pair], new_kinds=new, dismissed_kinds=tuple(sorted(dismissed))
            )
        )
    return views


def why(unit: UnitOfWork, one_id: str, other_id: str) -> Comparison:
    """SUG-5: what speaks for and against two profiles being one customer, also where nothing is suggested; the values
    in the order in which the two are asked for."""
    one, other = _two(unit, one_id, other_id)
    pair = pair_of(one, other)
    comparison = comparing.explain(unit, [pair], load_policy(unit))[pair]
    return comparison if pair[0] == one else comparison.with_sides_swapped


def no_match(unit: UnitOfWork, one_id: str, other_id: str, actor: Actor) -> SuggestionRow | None:
    """ "No Match": remembered with the evidence it was given on (SUG-4); returns the suggestion as it stands then."""
    pair = _pair(unit, one_id, other_id)
    matching.keep_living(unit, pair)
    now, policy = utc_now(), load_policy(unit)
    verdict = remember_no_match(unit, *pair, actor.agent_id, policy, now)
    emit(unit, new_id(), "suggestion.dismissed", profile_id=pair[0], data={"other_id": pair[1]}, now=now)
    audit.record(
        unit,
        actor,
        "suggestion.dismissed",
        profile_id=pair[0],
        other_id=pair[1],
        details={"verdict_id": verdict.id, "kinds": verdict.kinds},
    )
    return store.suggestions_between(unit, [pair]).get(pair)


def remember_no_match(
    unit: UnitOfWork, one_id: str, other_id: str, agent_id: str | None, policy: Policy, now: datetime
) -> VerdictRow:
    """The verdict alone, for what counts as a "No Match" (DET-3)."""
    pair = pair_of(one_id, other_id)
    kinds = tuple(sorted({row.kind for row in store.evidence_between(unit, [pair])[pair]}))
    verdict = VerdictRow(
        id=new_id(),
        profile_id=pair[0],
        other_id=pair[1],
        kinds=kinds,
        agent_id=agent_id,
        created_at=now,
        withdrawn_at=None,
    )
    store.add_verdict(unit, verdict)
    matching.rate(unit, [pair], policy, now)
    return verdict


def newest_verdict(unit: UnitOfWork, one_id: str, other_id: str) -> VerdictRow | None:
    """The last "No Match" of a pair that was not taken back."""
    pair = _pair(unit, one_id, other_id)
    return max(store.verdicts_between(unit, [pair])[pair], key=lambda verdict: verdict.id, default=None)


def withdraw(
    unit: UnitOfWork, one_id: str, other_id: str, actor: Actor, verdict_id: str | None = None
) -> SuggestionRow | None:
    """Takes every "No Match" of a pair back, or this one; raises Conflict where there is none."""
    pair = _pair(unit, one_id, other_id)
    matching.keep_living(unit, pair)
    verdicts = [v for v in store.verdicts_between(unit, [pair])[pair] if verdict_id in (None, v.id)]
    if not verdicts:
        raise Conflict('There is no "No Match" between the two profiles.', code="no_verdict")
    now = utc_now()
    store.withdraw_verdicts(unit, [verdict.id for verdict in verdicts], now)
    matching.rate(unit, [pair], load_policy(unit), now)
    emit(unit, new_id(), "suggestion.reopened", profile_id=pair[0], data={"other_id": pair[1]}, now=now)
    audit.record(
        unit,
        actor,
        "suggestion.reopened",
        profile_id=pair[0],
        other_id=pair[1],
        details={"verdict_ids": [verdict.id for verdict in verdicts]},
    )
    return store.suggestions_between(unit, [pair]).get(pair)


def sides_of_match(unit: UnitOfWork, one_id: str, other_id: str, *, swapped: bool) -> Pair:
    """SUG-3: (source, destination) of a "Match": the newer goes into the older, unless turned round."""
    older, newer = _pair(unit, one_id, other_id)  # ids sort by the time they were made
    return (older, newer) if swapped else (newer, older)


def _pair(unit: UnitOfWork, one_id: str, other_id: str) -> Pair:
    """The two living profiles behind the ids, in the order in which pairs are kept."""
    return pair_of(*_two(unit, one_id, other_id))


def _two(unit: UnitOfWork, one_id: str, other_id: str) -> tuple[str, str]:
    """The two living profiles behind the ids (EVT-2)."""
    one, other = (resolve_redirect(unit, profile_id) for profile_id in (one_id, other_id))
    if one == other:
        raise Conflict("Both ids lead to the same profile.", code="same_profile")
    return one, other
