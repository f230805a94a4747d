"""Comparing pairs of profiles: everything that speaks for each, and how likely it makes them one customer (SUG-5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onefold.contact_points.points import Key
from onefold.contact_points.store import who_holds
from onefold.database.engine import RetryTransaction, UnitOfWork
from onefold.matching import store
from onefold.matching.evidence import Evidence, Pair
from onefold.matching.feature_store import features_of
from onefold.matching.scoring import (
    Comparison,
    MatchFeatures,
    Shared,
    compare,
    shared_values,
)
from onefold.organizations.policy import Policy

_COUNTED_KINDS = frozenset(("email", "phone", "social", "customer_id"))


def explain(unit: UnitOfWork, pairs: Sequence[Pair], policy: Policy) -> dict[Pair, Comparison]:
    """SUG-5: why the two of each pair of living profiles may be one customer, also where nothing is suggested."""
    facts = facts_of(unit, pairs, policy)
    evidence = evidence_of(pairs, facts, store.evidence_between(unit, pairs))
    holders = count_holders(unit, evidence, policy)
    return compare_pairs(evidence, facts, holders, policy)


def facts_of(unit: UnitOfWork, pairs: Sequence[Pair], policy: Policy) -> dict[str, MatchFeatures]:
    """What is evident of the profiles of some pairs; raises RetryTransaction where one is not living any more."""
    ids = sorted({profile_id for pair in pairs for profile_id in pair})
    facts = {one: features.evident(policy.blocklist) for one, features in features_of(unit, ids).items()}
    if len(facts) != len(ids):
        raise RetryTransaction
    return facts


def evidence_of(
    pairs: Sequence[Pair], facts: Mapping[str, MatchFeatures], recorded: Mapping[Pair, Sequence[Evidence]]
) -> dict[Pair, set[Shared]]:
    """Everything that speaks for each pair: what is recorded, and what the two share besides."""
    return {
        (low, high): {*(row.shared_value for row in recorded[low, high]), *shared_values(facts[low], facts[high])}
        for low, high in pairs
    }


def compare_pairs(
    evidence: Mapping[Pair, set[Shared]],
    facts: Mapping[str, MatchFeatures],
    holders: Mapping[tuple[str, str], int],
    policy: Policy,
) -> dict[Pair, Comparison]:
    """The rating of each pair, with its reasons."""
    return {
        (low, high): compare(facts[low], facts[high], pieces, holders=holders, weights=policy.match_weights)
        for (low, high), pieces in evidence.items()
    }


def count_holders(unit: UnitOfWork, evidence: Mapping[Pair, set[Shared]], policy: Policy) -> dict[tuple[str, str], int]:
    """How many profiles hold each value, counted no further than decides anything (SUG-6)."""
    most = policy.shared_limit + 1
    keys = {(piece.kind, piece.value) for pieces in evidence.values() for piece in pieces}
    counted: list[Key] = sorted(key for key in keys if key[0] in _COUNTED_KINDS)  # type: ignore[misc]
    holder_counts: dict[tuple[str, str], int] = {key: len(ids) for key, ids in who_holds(unit, counted, most).items()}
    handles = ["h:" + value for kind, value in sorted(keys) if kind == "handle"]
    named: dict[str, set[str]] = {}
    for holder in store.holders_of_keys(unit, handles, most):
        named.setdefault(holder.key, set()).add(holder.profile_id)
    return holder_counts | {("handle", key[2:]): len(ids) for key, ids in named.items()}
