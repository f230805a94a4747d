"""Raising and rating suggestions in the transaction that gives cause to (SUG-1 … SUG-6)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from onefold.contact_points.points import Key
from onefold.contact_points.store import who_holds
from onefold.core.clock import new_id
from onefold.database.engine import RetryTransaction, UnitOfWork
from onefold.matching import store
from onefold.matching.comparing import compare_pairs, count_holders, evidence_of, facts_of
from onefold.matching.evidence import Evidence, Pair, pair_of
from onefold.matching.feature_store import features_of
from onefold.matching.scoring import (
    ALIKE_KINDS,
    MatchFeatures,
    Shared,
    evidence_values,
    handle_key,
    keys_of_point,
    opens,
)
from onefold.matching.similar_emails import similarity
from onefold.matching.store import SuggestionRow
from onefold.organizations.policy import Policy
from onefold.outbox.store import Event, emit_all


class Arisen(NamedTuple):
    """A value that a profile has begun to hold, or is looked at again for."""

    profile_id: str
    kind: str
    value: str
    handle: str | None
    holder_id: str
    """The contact point; for a username, the profile."""


class MatchState(NamedTuple):
    """What speaks for some profiles being one with each other or with others, and what is suggested by it."""

    evidence: tuple[Evidence, ...]
    suggestions: tuple[SuggestionRow, ...]

    @property
    def pairs(self) -> set[Pair]:
        """All pairs that either is about."""
        return {row.pair for row in self.evidence} | {row.pair for row in self.suggestions}


class SharedBetween(NamedTuple):
    """What two profiles share, or hold alike."""

    one: str
    other: str
    shared: Shared


Common = dict[tuple[str, str], set[str]]
"""Values that too many share, by kind and value, and some of those who do (SUG-6)."""


def suggest(
    unit: UnitOfWork,
    exact: Sequence[SharedBetween],
    arisen: Sequence[Arisen],
    policy: Policy,
    now: datetime,
    common: Mapping[Key, set[str]],
) -> None:
    """Raises what a batch of changes gives cause to: what is shared exactly, and what has arisen and may be alike.
    `common` are the values that the batch has made common."""
    became: Common = {(kind, value): set(ids) for (kind, value), ids in common.items()}
    pieces = [*_not_common(unit, exact, policy, became), *_found_by_keys(unit, arisen, policy, became)]
    _record(unit, pieces, policy, now, also=_forget_common(unit, became))


def _forget_common(unit: UnitOfWork, common: Common) -> set[Pair]:
    """SUG-6: once too many share a value, what rests on it alone is taken back; returns the pairs, to be rated again.

    Evidence of what is shared stays recorded, and gives no cause: rating counts who holds it. Of similar emails nothing
    counts that, so their evidence goes.
    """
    evidence_by_profile = {one: store.evidence_of(unit, one) for one in set().union(*common.values())}
    rows = {
        row
        for (kind, value), ids in common.items()
        for profile_id in ids
        for row in evidence_by_profile[profile_id]
        if row.kind == kind and value in _crowded_by(row)
    }
    store.remove_evidence(unit, [row for row in rows if row.kind == "similar_email"])
    return {row.pair for row in rows}


def _crowded_by(row: Evidence) -> set[str]:
    """What of a piece of evidence too many can share: the value or, of what is alike, a key that both are found by."""
    if row.kind != "similar_email":
        return {row.value, row.other_value}
    both = (set(keys_of_point("email", value, None)) for value in (row.value, row.other_value))
    return set.intersection(*both)


def take_back(unit: UnitOfWork, pieces: Sequence[SharedBetween], policy: Policy, now: datetime) -> None:
    """What has turned out to be no evidence; pairs that rest on nothing else are suggested no more."""
    pairs = {pair_of(piece.one, piece.other) for piece in pieces}
    keep_living(unit, sorted({one for pair in pairs for one in pair}))
    gone = {(pair_of(piece.one, piece.other), piece.shared.kind, piece.shared.value) for piece in pieces}
    between = store.evidence_between(unit, pairs)
    store.remove_evidence(unit, [row for pair in pairs for row in between[pair] if (pair, row.kind, row.value) in gone])
    rate(unit, pairs, policy, now)


def _not_common(
    unit: UnitOfWork, pieces: Sequence[SharedBetween], policy: Policy, common: Common
) -> list[SharedBetween]:
    """SUG-6, counting also who brought a value that only one profile may hold (RES-11): its evidence names them. Enters
    what is `common`."""
    if not pieces:
        return []
    sharing = store.sharing(unit, sorted({one for piece in pieces for one in (piece.one, piece.other)}))
    uncommon: list[SharedBetween] = []
    for (one, kind, value), group in groupby(pieces, lambda p: (p.one, p.shared.kind, p.shared.value)):
        of_value = list(group)
        everybody = sharing.get((kind, value), set()) | {one} | {piece.other for piece in of_value}
        if len(everybody) <= policy.shared_limit:
            sharing[kind, value] = everybody
            uncommon += of_value
        else:
            common.setdefault((kind, value), set()).update(everybody)
    return uncommon


def refresh_matches(
    unit: UnitOfWork, profile_id: str, policy: Policy, now: datetime, *, gone: Collection[Shared] = ()
) -> None:
    """Looks at everything a profile holds after an edit by hand. `gone` are values it no longer holds."""
    facts = index_keys(unit, profile_id, policy)
    points = facts.points
    arisen = [Arisen(profile_id, p.kind, p.value, handle=p.handle, holder_id=p.contact_point_id) for p in points]
    if facts.username:
        arisen.append(Arisen(profile_id, "social", "", handle=handle_key(facts.username), holder_id=profile_id))
    _forget(unit, profile_id, gone)
    common: Common = {}
    keys = [(p.kind, p.value) for p in points]
    shared = _shared_exactly(unit, profile_id, keys, policy=policy, common=common)
    pieces = [*_not_common(unit, shared, policy, common), *_found_by_keys(unit, arisen, policy, common)]
    also = match_state(unit, [profile_id]).pairs
    _record(unit, pieces, policy, now, also=also | _forget_common(unit, common))


def index_keys(unit: UnitOfWork, profile_id: str, policy: Policy) -> MatchFeatures:
    """Sees to it that a profile is found by all its match keys; returns what is evident of it."""
    facts = features_of(unit, [profile_id])[profile_id].evident(policy.blocklist)
    keys = [(key, p.contact_point_id) for p in facts.points for key in keys_of_point(p.kind, p.value, p.handle)]
    if facts.username and handle_key(facts.username):
        keys.append(("h:" + handle_key(facts.username), profile_id))
    store.add_keys(unit, keys)
    return facts


def match_state(unit: UnitOfWork, ids: Sequence[str]) -> MatchState:
    """What speaks for these profiles, each with whomever; what two of them share is told once."""
    evidence = dict.fromkeys(row for one in ids for row in store.evidence_of(unit, one))
    suggested = dict.fromkeys(row for one in ids for row in store.suggestions_of(unit, one))
    return MatchState(tuple(evidence), tuple(suggested))


def move_evidence(unit: UnitOfWork, source_id: str, destination_id: str, before: MatchState) -> set[Pair]:
    """MRG-2: what spoke for the source speaks for the destination; returns the pairs to be rated again.

    `before` is the match state of the two, read since both were locked: whoever else would change them waits for that.
    Raises RetryTransaction where one of the others is merged away at this instant.
    """
    rows = [row for row in before.evidence if source_id in row.pair]
    keep_living(unit, {profile_id for row in rows for profile_id in row.pair} - {source_id, destination_id})
    store.remove_evidence(unit, rows)
    moved = [row.replace_profile(source_id, destination_id) for row in rows if destination_id not in row.pair]
    store.insert_evidence(unit, moved)
    return before.pairs | {row.pair for row in moved}


def keep_living(unit: UnitOfWork, ids: Iterable[str]) -> None:
    """Nobody of these may be merged away before the unit ends; raises RetryTransaction where one is."""
    profile_ids = sorted(set(ids))
    locked = unit.lock_profiles(profile_ids, against_edits=False) if profile_ids else None
    if locked is not None and len(locked) != len(profile_ids):
        raise RetryTransaction


def forget_value(unit: UnitOfWork, kind: str, is_blocked: Callable[[str], bool], policy: Policy, now: datetime) -> None:
    """PRO-12: a value that has been blocked is no evidence any more."""
    kinds = (kind, "similar_email") if kind == "email" else (kind,)
    rows = [row for row in store.evidence_of_kinds(unit, kinds) if is_blocked(row.value) or is_blocked(row.other_value)]
    store.remove_evidence(unit, rows)
    rate(unit, {row.pair for row in rows}, policy, now)


def rematch_value(unit: UnitOfWork, kind: str, value: str, policy: Policy, now: datetime) -> None:
    """A value that is blocked no longer speaks again, unless too many share it (SUG-6)."""
    holders = who_holds(unit, [(kind, value)], policy.shared_limit + 1)[kind, value]  # type: ignore[list-item, index]
    if len(holders) <= policy.shared_limit:
        for profile_id in sorted(holders):
            refresh_matches(unit, profile_id, policy, now)


def rate_again(unit: UnitOfWork, profile_id: str, policy: Policy, now: datetime) -> None:
    """Rates a profile's suggestions anew, after a change that only supports or weakens them (SUG-5)."""
    rate(unit, match_state(unit, [profile_id]).pairs, policy, now)


def _forget(unit: UnitOfWork, profile_id: str, gone: Collection[Shared]) -> None:
    """Evidence that rested on values the profile has lost."""
    if not gone:
        return
    lost = {(piece.kind, piece.value) for piece in gone}
    rows = [
        row
        for row in store.evidence_of(unit, profile_id)
        if (row.kind, row.value if row.profile_id == profile_id else row.other_value) in lost
    ]
    store.remove_evidence(unit, rows)


def _shared_exactly(
    unit: UnitOfWork, profile_id: str, keys: Sequence[Key], policy: Policy, common: Common
) -> list[SharedBetween]:
    """SUG-1, silent for a value that too many share (SUG-6), which is entered as `common`."""
    pieces = []
    for (kind, value), holders in who_holds(unit, keys, policy.shared_limit + 1).items():
        if len(holders | {profile_id}) <= policy.shared_limit:
            shared = Shared(kind, value, value)  # type: ignore[arg-type]
            pieces += [SharedBetween(profile_id, other, shared) for other in sorted(holders - {profile_id})]
        else:
            common.setdefault((kind, value), set()).update(holders | {profile_id})
    return pieces


def _found_by_keys(unit: UnitOfWork, arisen: Iterable[Arisen], policy: Policy, common: Common) -> list[SharedBetween]:
    """Similar emails (SUG-2) and handles, through the stored match keys. Enters what is `common`."""
    lookers_by_key: dict[str, list[Arisen]] = {}
    for a in arisen:
        for key in keys_of_point(a.kind, a.value, a.handle):
            lookers_by_key.setdefault(key, []).append(a)
    # Each profile counts once, but a profile may hold several addresses of one key.
    holders_by_key: dict[str, list[store.KeyHolder]] = {}
    own = {key: {a.holder_id for a in lookers} for key, lookers in lookers_by_key.items()}
    for holder in store.holders_of_keys(unit, lookers_by_key, 2 * policy.shared_limit, own):
        holders_by_key.setdefault(holder.key, []).append(holder)
    pieces: list[SharedBetween] = []
    for key, everybody in holders_by_key.items():
        kind = "social" if key.startswith("h:") else "email"
        holders = [h for h in everybody if not (h.value and policy.blocklist.holds(kind, h.value))]
        sharing = {h.profile_id for h in holders} | {a.profile_id for a in lookers_by_key[key]}
        if len(sharing) <= policy.shared_limit:
            pieces += [p for a in lookers_by_key[key] for h in holders if (p := _piece(key, a, h)) is not None]
        elif kind == "social":
            common.setdefault(("handle", key[2:]), set()).update(sharing)
        else:
            common.setdefault(("similar_email", key), set()).update(sharing)
    return pieces


def _piece(key: str, arisen: Arisen, holder: store.KeyHolder) -> SharedBetween | None:
    if holder.profile_id == arisen.profile_id:
        return None
    if key.startswith("h:"):
        if arisen.kind == "social" and arisen.value and arisen.value == holder.value:
            return None  # the same account: shared exactly
        return SharedBetween(arisen.profile_id, holder.profile_id, Shared("handle", key[2:], key[2:]))
    if similarity(arisen.value, holder.value) is None:
        return None
    return SharedBetween(arisen.profile_id, holder.profile_id, Shared("similar_email", arisen.value, holder.value))


def _record(
    unit: UnitOfWork, pieces: Sequence[SharedBetween], policy: Policy, now: datetime, also: Iterable[Pair] = ()
) -> None:
    pairs = {pair_of(piece.one, piece.other) for piece in pieces} | set(also)
    if not pairs:
        return
    # Nobody may be merged away between being found and being suggested.
    keep_living(unit, (profile_id for pair in pairs for profile_id in pair))
    unit.lock_suggesting()
    store.add_evidence(unit, pieces, now)
    _rate(unit, sorted(pairs), policy, now=now, created={})


def rate(
    unit: UnitOfWork,
    pairs: Iterable[Pair],
    policy: Policy,
    now: datetime,
    created: Mapping[Pair, datetime] | None = None,
) -> None:
    """Brings the suggestions of these pairs up to their evidence: rating, kinds, open or dismissed (SUG-4).

    `created` are the times of suggestions that are there again.
    """
    unique_pairs = sorted(set(pairs))
    supported_pairs = [pair for pair, rows in store.evidence_between(unit, unique_pairs).items() if rows]
    keep_living(unit, (profile_id for pair in supported_pairs for profile_id in pair))
    unit.lock_suggesting()
    _rate(unit, unique_pairs, policy, now=now, created=created or {})


def _rate(
    unit: UnitOfWork, pairs: Sequence[Pair], policy: Policy, now: datetime, created: Mapping[Pair, datetime]
) -> None:
    recorded = store.evidence_between(unit, pairs)
    facts = facts_of(unit, [pair for pair in pairs if recorded[pair]], policy)
    recorded = _drop_unsupported(unit, recorded, facts)
    supported_pairs = [pair for pair in pairs if recorded[pair]]
    evidence = evidence_of(supported_pairs, facts, recorded)
    holders = count_holders(unit, evidence, policy)
    compared = compare_pairs(evidence, facts, holders, policy)
    before = store.suggestions_between(unit, pairs)
    verdicts = store.verdicts_between(unit, supported_pairs)
    after = {}
    for pair in supported_pairs:
        # A value too common to suggest by (SUG-6) has its weight in the rating, but gives no cause to suggest.
        of_pair = {r.kind for r in recorded[pair] if holders.get((r.kind, r.value), 0) <= policy.shared_limit}
        kinds = tuple(kind for kind in compared[pair].kinds if kind in of_pair)
        if not kinds:
            continue
        dismissed = {kind for verdict in verdicts[pair] for kind in verdict.kinds}
        state = "open" if opens(kinds, dismissed) else "dismissed"
        created_at = before[pair].created_at if pair in before else created.get(pair, now)
        after[pair] = SuggestionRow(*pair, state, compared[pair].rating, kinds, created_at)
    changed = [pair for pair in pairs if before.get(pair) != after.get(pair)]
    gone = [pair for pair in changed if pair in before]
    store.replace_suggestions(unit, gone, [after[pair] for pair in changed if pair in after])
    raised = [pair for pair in changed if pair not in created and _is_raised(before.get(pair), after.get(pair))]
    events = [
        Event(new_id(), "suggestion.raised", low, {"other_id": high, "kinds": after[low, high].kinds})
        for low, high in raised
    ]
    emit_all(unit, events, now)


def _is_raised(before: SuggestionRow | None, after: SuggestionRow | None) -> bool:
    """Whether a suggestion is new, or has new evidence since "No Match" (SUG-4)."""
    if after is None or after.state != "open":
        return False
    return before is None or (before.state != "open" and before.kinds != after.kinds)


def _drop_unsupported(
    unit: UnitOfWork, recorded: Mapping[Pair, list[Evidence]], facts: Mapping[str, MatchFeatures]
) -> dict[Pair, list[Evidence]]:
    """The evidence that rests on what is held; the rest, which a change of this moment has left behind, is taken away.

    Both have to hold what is only alike; of a shared value one may have brought it without getting it (RES-11).
    """
    speaking = {one: evidence_values(features.username, features.points) for one, features in facts.items()}

    def rests(row: Evidence) -> bool:
        if row.kind in ("thread", "browser"):
            return True  # it has happened, whatever the two hold
        holding = sum(piece in speaking[one] for one, piece in zip(row.pair, row.pieces, strict=True))
        return holding >= (2 if row.kind in ALIKE_KINDS else 1)

    founded = {pair: [row for row in rows if rests(row)] for pair, rows in recorded.items()}
    store.remove_evidence(unit, [row for pair, rows in recorded.items() for row in rows if row not in founded[pair]])
    return founded
