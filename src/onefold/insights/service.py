"""Insights: how many contacts came, how many duplicates were found, merged, dismissed, undone; docs/insights.md says
what each number means.

Numbers are counted in the background, each thing once, a part at a time: reading them never reads what they count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import NamedTuple

from onefold.contact_points.kinds import CHANNELS, Channel
from onefold.core.clock import Clock, utc_now
from onefold.core.errors import InvalidValue
from onefold.database.engine import Database, UnitOfWork
from onefold.database.transactions import run_in_transaction
from onefold.insights import store
from onefold.insights.store import EntryRow, Mark
from onefold.matching.evidence import pair_of
from onefold.matching.scoring import EVIDENCE_KINDS, EvidenceKind

LONGEST_DAYS = 366

_MERGED, _UNMERGED, _DETACHED = "profile.merged", "profile.unmerged", "profile.detached"
_DISMISSED, _REOPENED = "suggestion.dismissed", "suggestion.reopened"
_ACTIONS = frozenset((_MERGED, _UNMERGED, _DETACHED, _DISMISSED, _REOPENED))
# These two are of the day of what was taken back: what was decided in some days and still stands is one difference.
_MERGE_UNDONE, _NO_MATCH_WITHDRAWN = "merge_undone", "no_match_withdrawn"

Counted = tuple[str, str]
"""A day (as in 2026-11-22, UTC) and the name of something that happened on it."""


# Reading -------------------------------------------------------------------------------------------------------------


class Day(NamedTuple):
    """What happened on a day (UTC). `opened` and `created` are contacts by outcome; `found` are duplicates."""

    day: date
    opened: int
    created: int
    found: int
    merged: int
    dismissed: int
    undone: int
    detached: int


class ChannelContacts(NamedTuple):
    """Contacts of a channel: those that opened a profile, and those that created one."""

    channel: Channel
    opened: int
    created: int


class Precision(NamedTuple):
    """How often evidence of a kind was right, by what was decided on it: `(merged - undone) / (merged + dismissed)`.

    `undone` are merges out of `merged`, whenever they were undone; `dismissed` is "No Match", also by a detach (DET-3),
    that was not taken back. `precision` is None where nothing was decided.
    """

    kind: EvidenceKind
    merged: int
    undone: int
    dismissed: int
    precision: float | None


class Insights(NamedTuple):
    """The days from the oldest to today; contacts and precision over all of them."""

    days: tuple[Day, ...]
    contacts: tuple[ChannelContacts, ...]
    precision: tuple[Precision, ...]


def read(unit: UnitOfWork, days: int, *, clock: Clock = utc_now) -> Insights:
    """What has been counted of the last days, today (UTC) among them; a day without anything is there with zeros.

    Raises InvalidValue `invalid_days` for less than one or more than 366 days.
    """
    if not 1 <= days <= LONGEST_DAYS:
        raise InvalidValue(f"days is a number from 1 to {LONGEST_DAYS}.", code="invalid_days", field="days")
    today = clock().astimezone(UTC).date()
    dates = [today - timedelta(days=back) for back in reversed(range(days))]
    counts = Counter(store.counts_between(unit, dates[0].isoformat(), today.isoformat()))
    totals = Counter[str]()
    for (_, name), number in counts.items():
        totals[name] += number
    return Insights(
        tuple(_day(counts, day) for day in dates),
        tuple(ChannelContacts(c, totals[_contact(c, "opened")], totals[_contact(c, "created")]) for c in CHANNELS),
        tuple(_precision(totals, kind) for kind in EVIDENCE_KINDS),
    )


def _day(counts: Counter[Counted], day: date) -> Day:
    text = day.isoformat()
    opened, created = (sum(counts[text, _contact(c, outcome)] for c in CHANNELS) for outcome in ("opened", "created"))
    names = (store.RAISED, _MERGED, _DISMISSED, _UNMERGED, _DETACHED)
    return Day(day, opened, created, *(counts[text, name] for name in names))


def _precision(totals: Counter[str], kind: EvidenceKind) -> Precision:
    merged, undone = totals[_of(_MERGED, kind)], totals[_of(_MERGE_UNDONE, kind)]
    said = totals[_of(_DISMISSED, kind)] + totals[_of(_DETACHED, kind)]
    dismissed = max(0, said - totals[_of(_NO_MATCH_WITHDRAWN, kind)])
    decided = merged + dismissed
    return Precision(
        kind, merged, undone, dismissed=dismissed, precision=(merged - undone) / decided if decided else None
    )


def _contact(channel: str, outcome: str) -> str:
    return f"contact.{channel}.{outcome}"


def _of(name: str, kind: str) -> str:
    return f"{name}.{kind}"


# Counting ------------------------------------------------------------------------------------------------------------


def count(database: Database, organization_id: int, mark: Mark, limit: int) -> bool:
    """Counts the next `limit` things of each source up to a complete mark; True while there are more.

    Looked at without keeping anybody from writing; counts and position are then entered in one transaction, unless
    somebody else was faster: whatever is interrupted, and however many count at once, each thing is counted once.
    """
    with database.read(organization_id) as unit:
        positions = store.positions(unit)
    more = False
    for source, newest in mark.newest.items():
        after = positions[source]
        if after < newest:
            more = _count_part(database, organization_id, source, after=after, until=newest, limit=limit) or more
    return more


def _count_part(database: Database, organization_id: int, source: str, after: int, until: int, limit: int) -> bool:
    with database.read(organization_id) as unit:
        counted, end, more = _LOOKED_AT[source](unit, after, until, limit)
    run_in_transaction(database, organization_id, partial(_enter, source=source, after=after, to=end, counted=counted))
    return more


def _enter(unit: UnitOfWork, source: str, after: int, to: int, counted: Mapping[Counted, int]) -> None:
    if store.advance(unit, source, after, to):
        store.add(unit, counted)


_Looked = tuple[Counter[Counted], int, bool]
"""What was counted, up to which number, and whether more follows."""


def _contacts(unit: UnitOfWork, after: int, until: int, limit: int) -> _Looked:
    part = store.contacts(unit, after, until, limit)
    return _count((row.at, _contact(row.channel, row.outcome)) for row in part.rows), part.end, part.more


def _look_at_raised(unit: UnitOfWork, after: int, until: int, limit: int) -> _Looked:
    part = store.raised_suggestions(unit, after, until, limit)
    return _count(n for row in part.rows for n in _names(row.at, store.RAISED, row.kinds)), part.end, part.more


def _entries(unit: UnitOfWork, after: int, until: int, limit: int) -> _Looked:
    part = store.entries(unit, after, until, limit=limit, actions=_ACTIONS)
    return _count(n for entry in part.rows for n in _of_entry(unit, entry)), part.end, part.more


_LOOKED_AT: dict[str, Callable[[UnitOfWork, int, int, int], _Looked]] = {
    "items": _contacts,
    "audit": _entries,
    "outbox": _look_at_raised,
}


def _count(happened: Iterable[tuple[datetime, str]]) -> Counter[Counted]:
    return Counter((at.astimezone(UTC).date().isoformat(), name) for at, name in happened)


def _names(at: datetime, name: str, kinds: Iterable[str]) -> Iterator[tuple[datetime, str]]:
    """Something that happened, once by itself and once for each kind of evidence."""
    yield at, name
    yield from _by_kind(at, name, kinds)


def _by_kind(at: datetime, name: str, kinds: Iterable[str]) -> Iterator[tuple[datetime, str]]:
    return ((at, _of(name, kind)) for kind in kinds)


def _of_entry(unit: UnitOfWork, entry: EntryRow) -> Iterator[tuple[datetime, str]]:
    """What an entry of the audit log counts as, also on the day of a decision that it takes back."""
    details = entry.details
    if entry.action == _UNMERGED:
        merge = store.merge_undone(unit, entry.other_id, entry.seq)
        yield from _names(entry.at, _UNMERGED, merge.kinds if merge else ())
        if merge is not None:
            yield from _by_kind(merge.at, _MERGE_UNDONE, merge.kinds)
    elif entry.action == _REOPENED:
        withdrawn = store.no_matches(unit, details.get("verdict_ids") or ())
        yield from _names(entry.at, _REOPENED, {kind for verdict in withdrawn for kind in verdict.kinds})
        for verdict in withdrawn:
            yield from _by_kind(verdict.at, _NO_MATCH_WITHDRAWN, verdict.kinds)
    elif entry.action == _DETACHED:
        both = entry.profile_id and entry.other_id
        decided = store.first_no_match(unit, pair_of(entry.profile_id, entry.other_id)) if both else None
        yield from _names(entry.at, _DETACHED, decided.kinds if decided else ())
    else:
        yield from _names(entry.at, entry.action, details.get("evidence" if entry.action == _MERGED else "kinds") or ())
