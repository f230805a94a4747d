"""Computes how likely two profiles are one customer, as a sum of reasons (SUG-1, SUG-5).

The model is Fellegi and Sunter's ("A Theory for Record Linkage", 1969). Each feature, such as equal names or different
names, has two numbers: `m` is how often it is seen between two profiles of one customer, `u` how often between profiles
of two customers. A feature that is seen adds log2(m / u) bits. A shared value counts more if it is rare: each doubling
of its other holders takes one bit away. The rating is the probability that the sum stands for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from onefold.contact_points.blocklist import Blocklist
from onefold.contact_points.points import HeldPoint
from onefold.core.text import fold
from onefold.matching.similar_emails import is_role_address, match_keys, similarity
from onefold.organizations.match_weights import Weight

EvidenceKind = Literal["customer_id", "email", "social", "phone", "handle", "similar_email", "thread", "browser"]
EVIDENCE_KINDS: tuple[EvidenceKind, ...] = (
    "customer_id",
    "email",
    "social",
    "phone",
    "handle",
    "similar_email",
    "thread",
    "browser",
)
"""The evidence that raises a suggestion (SUG-1). Everything else only supports or weakens its rating (SUG-5)."""
ALIKE_KINDS: tuple[EvidenceKind, ...] = ("handle", "similar_email")
"""Evidence of values that are only alike, not equal. Each of the two profiles has to hold its value."""

HIGH_RATING = 0.9
_MOST_WORDS = 5
UNPROVEN_RATING = 0.5
"""RES-13, RES-14, PRO-13: the highest rating of a pair that has only a thread or claims as evidence."""


class MatchFeatures(NamedTuple):
    """The part of a profile that matching looks at. Addresses and the birth date are folded texts."""

    profile_id: str
    name: str | None
    username: str | None
    points: tuple[HeldPoint, ...]
    addresses: frozenset[str] = frozenset()
    birth_date: str | None = None

    def evident(self, blocklist: Blocklist) -> MatchFeatures:
        """The same features without values that are no evidence: those on the blocklist (PRO-12), browsers' tokens, and
        numbers that have a new owner (RES-21)."""
        speaking = (p for p in self.points if p.kind != "visitor" and not p.is_anothers)
        points = (p for p in speaking if not blocklist.holds(p.kind, p.value))
        return self._replace(points=tuple(points))


class Shared(NamedTuple):
    """A piece of evidence: a value of one profile, and the equal or similar value of the other."""

    kind: EvidenceKind
    value: str
    other_value: str


class Reason(NamedTuple):
    """One line of "why": the feature, both values, and how many profiles hold the value (None: it is not counted)."""

    feature: str
    value: str
    other_value: str
    bits: float
    holders: int | None = None
    proven: bool = True


class Comparison(NamedTuple):
    """Two profiles compared. `bits` is the sum of the prior and the reasons; `rating` is the probability that they are
    one customer."""

    reasons: tuple[Reason, ...]
    prior: float
    bits: float
    rating: float
    kinds: tuple[EvidenceKind, ...]

    @property
    def with_sides_swapped(self) -> Comparison:
        """The same comparison with the other profile first."""
        return self._replace(reasons=tuple(r._replace(value=r.other_value, other_value=r.value) for r in self.reasons))


def handle_key(handle: str) -> str:
    """A username or social handle in the form that is matched: folded, without a leading @."""
    return fold(handle).lstrip("@")


def keys_of_point(kind: str, value: str, handle: str | None) -> tuple[str, ...]:
    """The stored keys by which other profiles with a similar value are found (SUG-1). Each costs one index lookup."""
    if kind == "email":
        return match_keys(value)
    if kind == "social" and handle and handle_key(handle):
        return ("h:" + handle_key(handle),)
    return ()


def shared_values(one: MatchFeatures, other: MatchFeatures) -> list[Shared]:
    """Every value that the two profiles share, from what they hold now. Call it with features that are `evident`."""
    both = {(p.kind, p.value) for p in one.points} & {(p.kind, p.value) for p in other.points}
    values = [Shared(kind, value, value) for kind, value in sorted(both) if kind != "visitor"]
    values += [Shared("handle", key, key) for key in sorted(_handles(one) & _handles(other))]
    emails = [[p.value for p in facts.points if p.kind == "email"] for facts in (one, other)]
    values += [Shared("similar_email", a, b) for a in emails[0] for b in emails[1] if similarity(a, b) is not None]
    return values


def _handles(facts: MatchFeatures) -> set[str]:
    named = [p.handle for p in facts.points if p.kind == "social" and p.handle]
    return {key for handle in [*named, facts.username] if handle and (key := handle_key(handle))}


def evidence_of_point(point: HeldPoint) -> list[Shared]:
    """The evidence that a profile no longer has once it loses this contact point."""
    if point.kind == "visitor":
        return []
    lost = [Shared(point.kind, point.value, point.value)]
    if point.kind == "email":
        lost.append(Shared("similar_email", point.value, point.value))
    if point.handle:
        lost.append(Shared("handle", handle_key(point.handle), handle_key(point.handle)))
    return lost


def evidence_values(username: str | None, points: Iterable[HeldPoint]) -> set[tuple[str, str]]:
    """(kind of evidence, value) of everything by which a profile with this username and these points may be matched."""
    names = {("handle", handle_key(username))} if username else set()
    return names | {(piece.kind, piece.value) for point in points for piece in evidence_of_point(point)}


def compare(
    one: MatchFeatures,
    other: MatchFeatures,
    evidence: Iterable[Shared],
    holders: Mapping[tuple[str, str], int],
    weights: Mapping[str, Weight],
) -> Comparison:
    """Why two profiles may be one customer, and how likely they are (SUG-5)."""
    pieces = sorted(set(evidence), key=lambda piece: (EVIDENCE_KINDS.index(piece.kind), piece))
    reason_by_piece = {piece: _reason(piece, one, other, holders=holders, weights=weights) for piece in pieces}
    reasons = [reason_by_piece[piece] for piece in _deduplicate_overlapping(reason_by_piece)]
    reasons += [Reason(f, a, b, weights[f].bits) for f, a, b in _supporting(one, other)]
    prior = weights["prior"].bits
    bits = prior + sum(reason.bits for reason in reasons)
    rating = 1 / (1 + 2 ** -max(-60.0, min(bits, 60.0)))
    if not any(reason.proven and piece.kind != "thread" for piece, reason in reason_by_piece.items()):
        rating = min(rating, UNPROVEN_RATING)
    kinds = tuple(kind for kind in EVIDENCE_KINDS if any(piece.kind == kind for piece in pieces))
    return Comparison(tuple(reasons), prior, bits, rating=round(rating, 4), kinds=kinds)


def _deduplicate_overlapping(reasons: Mapping[Shared, Reason]) -> list[Shared]:
    """The pieces of evidence that count. A similar email says nothing new next to a shared email, and a handle nothing
    new next to its account: only the one with more bits counts. Of several that are only alike, the best one counts."""
    pieces = list(reasons)
    for weaker, stronger in (("handle", "social"), ("similar_email", "email")):
        alike = [piece for piece in pieces if piece.kind == weaker]
        equal = [piece for piece in pieces if piece.kind == stronger]
        if not alike:
            continue
        best = max(alike, key=lambda piece: (reasons[piece].bits, min(piece[1:])))
        drop = alike if equal and sum(reasons[p].bits for p in equal) >= reasons[best].bits else [*equal, *alike]
        pieces = [piece for piece in pieces if piece not in drop or (piece == best and drop is not alike)]
    return pieces


def _reason(
    piece: Shared,
    one: MatchFeatures,
    other: MatchFeatures,
    holders: Mapping[tuple[str, str], int],
    weights: Mapping[str, Weight],
) -> Reason:
    feature = _feature(piece, one, other)
    holder_count = holders.get((piece.kind, piece.value))
    full = weights[feature].bits
    common = math.log2(holder_count - 1) if holder_count is not None and holder_count > 2 else 0.0
    bits = max(full - common, min(full, 0.0))  # a shared value never counts against a pair
    proven = _proven(one, piece.kind, piece.value) and _proven(other, piece.kind, piece.other_value)
    return Reason(feature, piece.value, piece.other_value, bits=bits, holders=holder_count, proven=proven)


def _feature(piece: Shared, one: MatchFeatures, other: MatchFeatures) -> str:
    if piece.kind == "similar_email":
        return similarity(piece.value, piece.other_value) or "typing_slip"
    if piece.kind == "phone":
        points = [*one.points, *other.points]
        types = {p.phone_type for p in points if (p.kind, p.value) == ("phone", piece.value)}
        return "mobile" if "mobile" in types else "phone"
    if piece.kind == "email" and is_role_address(piece.value):
        return "role_email"
    return piece.kind


def _proven(facts: MatchFeatures, kind: EvidenceKind, value: str) -> bool:
    """PRO-13, RES-14: whether the profile holds the value as more than a claim. A value that a contact brought, but
    that the profile did not get, counts as a claim. The site vouches for a browser."""
    if kind == "browser":
        return True
    if kind == "handle":
        if facts.username and handle_key(facts.username) == value:
            return True
        holding = [p for p in facts.points if p.kind == "social" and p.handle and handle_key(p.handle) == value]
    else:
        of_kind = "email" if kind == "similar_email" else kind
        holding = [p for p in facts.points if (p.kind, p.value) == (of_kind, value)]
    return any(p.standing != "claimed" for p in holding)


def _supporting(one: MatchFeatures, other: MatchFeatures) -> Iterator[tuple[str, str, str]]:
    """The features that support or weaken a rating, but raise no suggestion: name, address, birth date, and different
    customer IDs. Each with the values of both."""
    if one.name and other.name and _words(one.name) and _words(other.name):
        yield _names(one.name, other.name), one.name, other.name
    if one.addresses and other.addresses:
        both = one.addresses & other.addresses
        feature = "address" if both else "address_differs"
        yield feature, min(both or one.addresses), min(both or other.addresses)
    if one.birth_date and other.birth_date:
        feature = "birth_date" if one.birth_date == other.birth_date else "birth_date_differs"
        yield feature, one.birth_date, other.birth_date
    one_ids, other_ids = _customer_ids(one), _customer_ids(other)
    if one_ids and other_ids and not one_ids & other_ids:
        yield "customer_id_differs", min(one_ids), min(other_ids)


def _customer_ids(facts: MatchFeatures) -> set[str]:
    return {p.value for p in facts.points if p.kind == "customer_id"}


def names_differ(one: str, other: str) -> bool:
    """Whether two names cannot belong to one person. A text without letters is no name."""
    written = all(any(char.isalpha() for char in name) for name in (one, other))
    return written and _names(one, other) == "name_differs"


def _names(one: str, other: str) -> str:
    """The feature of two names. They agree if they have the same words, in any order. They are similar if one
    abbreviates or lacks words of the other."""
    one_words, other_words = _words(one), _words(other)
    if sorted(one_words) == sorted(other_words):
        return "name"
    few, many = sorted((one_words, other_words), key=len)
    written_out = any(len(word) > 1 for word in (*one_words, *other_words))
    return "name_similar" if written_out and _fits(few[:_MOST_WORDS], many[: 2 * _MOST_WORDS]) else "name_differs"


def _fits(few: Sequence[str], many: Sequence[str]) -> bool:
    """Whether each word of the shorter name equals or abbreviates a word of the longer one, each a different word."""
    if not few:
        return True
    word, rest = few[0], few[1:]
    fitting = {other for other in many if word == other or (min(len(word), len(other)) == 1 and word[0] == other[0])}
    return any(_fits(rest, [*many[: (n := many.index(other))], *many[n + 1 :]]) for other in fitting)


def _words(name: str) -> Sequence[str]:
    return fold(name).replace(",", " ").replace(".", " ").split()


def opens(kinds: Iterable[str], dismissed: Iterable[str]) -> bool:
    """SUG-4: whether a pair with evidence of these kinds is suggested. `dismissed` are the kinds of evidence that it
    had when somebody said "No Match"."""
    return bool(set(kinds) - set(dismissed))
