"""How likely two profiles are one customer, as a sum of reasons (SUG-1, SUG-5).

The model is Fellegi and Sunter's ("A Theory for Record Linkage", 1969). A feature that agrees, or differs, adds
log2(m / u) bits: `m` is how often that happens between two profiles of one customer, `u` how often between those of
two. A shared value is weighed by how rare it is here: each doubling of its other holders takes one bit away. The
rating is the probability that the sum stands for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from onefold.domain.blocklist import Blocklist
from onefold.domain.book import Key
from onefold.domain.profile import HeldPoint
from onefold.domain.similar_emails import match_keys, similarity
from onefold.domain.text import fold
from onefold.domain.weights import Weight

EvidenceKind = Literal["customer_id", "email", "social", "phone", "handle", "similar_email"]
EVIDENCE_KINDS: tuple[EvidenceKind, ...] = ("customer_id", "email", "social", "phone", "handle", "similar_email")
"""What raises a suggestion (SUG-1); everything else only supports or weakens its rating (SUG-5)."""

HIGH_RATING = 0.9
UNPROVEN_RATING = 0.5
"""RES-14: no higher, where nothing but unproven senders speaks for it."""


class Facts(NamedTuple):
    """What matching looks at of a profile. Addresses and the birth date are folded texts."""

    profile_id: str
    name: str | None
    username: str | None
    points: tuple[HeldPoint, ...]
    addresses: frozenset[str] = frozenset()
    birth_date: str | None = None


class Shared(NamedTuple):
    """A piece of evidence: a value of the one profile and the value of the other that it equals or is like."""

    kind: EvidenceKind
    value: str
    other_value: str


class Reason(NamedTuple):
    """One line of "why": the feature, both values, how many profiles hold it (None: not a value that is counted)."""

    feature: str
    value: str
    other_value: str
    bits: float
    holders: int | None = None
    proven: bool = True


class Comparison(NamedTuple):
    """Two profiles compared: the reasons add up, with the prior, to `bits`, and `rating` is their probability."""

    reasons: tuple[Reason, ...]
    prior: float
    bits: float
    rating: float
    kinds: tuple[EvidenceKind, ...]

    @property
    def turned(self) -> Comparison:
        """The same with the other of the two first."""
        return self._replace(reasons=tuple(r._replace(value=r.other_value, other_value=r.value) for r in self.reasons))


def handle_key(handle: str) -> str:
    """A username or social handle as it is matched: folded, without a leading @."""
    return fold(handle).lstrip("@")


def keys_of_point(kind: str, value: str, handle: str | None) -> tuple[str, ...]:
    """The stored keys by which other profiles with a like value are found (SUG-1): one look at an index each."""
    if kind == "email":
        return match_keys(value)
    if kind == "social" and handle:
        return ("h:" + handle_key(handle),)
    return ()


def shared_values(one: Facts, other: Facts, blocklist: Blocklist) -> list[Shared]:
    """Every value that the two share by what they hold now; values of the blocklist are no evidence (PRO-12)."""
    mine, theirs = _evident(one.points, blocklist), _evident(other.points, blocklist)
    both = {(p.kind, p.value) for p in mine} & {(p.kind, p.value) for p in theirs}
    found = [Shared(kind, value, value) for kind, value in sorted(both) if kind != "visitor"]
    found += [Shared("handle", key, key) for key in sorted(_handles(one, mine) & _handles(other, theirs))]
    emails = ([p.value for p in mine if p.kind == "email"], [p.value for p in theirs if p.kind == "email"])
    found += [Shared("similar_email", a, b) for a in emails[0] for b in emails[1] if similarity(a, b) is not None]
    return found


def evidence_of_point(point: HeldPoint) -> list[Shared]:
    """What no longer speaks for a profile that loses a contact point."""
    if point.kind == "visitor":
        return []
    lost = [Shared(point.kind, point.value, point.value)]
    if point.kind == "email":
        lost.append(Shared("similar_email", point.value, point.value))
    if point.handle:
        lost.append(Shared("handle", handle_key(point.handle), handle_key(point.handle)))
    return lost


def _evident(points: Iterable[HeldPoint], blocklist: Blocklist) -> list[HeldPoint]:
    return [p for p in points if not blocklist.holds(p.kind, p.value)]


def _handles(facts: Facts, points: Iterable[HeldPoint]) -> set[str]:
    named = [p.handle for p in points if p.kind == "social" and p.handle]
    return {key for handle in [*named, facts.username] if handle and (key := handle_key(handle))}


def compare(
    one: Facts,
    other: Facts,
    evidence: Iterable[Shared],
    holders: Mapping[Key, int],
    weights: Mapping[str, Weight],
) -> Comparison:
    """Why two profiles may be one customer, and how likely they are (SUG-5)."""
    pieces = _strongest(evidence)
    reasons = [_reason(piece, one, other, holders, weights) for piece in pieces]
    reasons += [Reason(f, a, b, weights[f].bits) for f, a, b in _supporting(one, other)]
    prior = weights["prior"].bits
    bits = prior + sum(reason.bits for reason in reasons)
    rating = 1 / (1 + 2 ** -max(-60.0, min(bits, 60.0)))
    if not any(reason.proven for reason in reasons[: len(pieces)]):
        rating = min(rating, UNPROVEN_RATING)
    kinds = tuple(kind for kind in EVIDENCE_KINDS if any(piece.kind == kind for piece in pieces))
    return Comparison(tuple(reasons), prior, bits, round(rating, 4), kinds)


def _strongest(evidence: Iterable[Shared]) -> list[Shared]:
    """Each piece once; of handles and of similar emails one, and none where the account or the email itself is shared:
    they would say the same thing twice."""
    found = sorted(set(evidence), key=lambda piece: (EVIDENCE_KINDS.index(piece.kind), piece))
    kinds = {piece.kind for piece in found}
    for weaker, stronger in (("handle", "social"), ("similar_email", "email")):
        same = [piece for piece in found if piece.kind == weaker]
        for piece in same if stronger in kinds else same[1:]:
            found.remove(piece)
    return found


def _reason(
    piece: Shared, one: Facts, other: Facts, holders: Mapping[Key, int], weights: Mapping[str, Weight]
) -> Reason:
    feature = _feature(piece, one, other)
    held = holders.get((piece.kind, piece.value))  # type: ignore[arg-type]
    bits = weights[feature].bits - (math.log2(held - 1) if held is not None and held > 2 else 0.0)
    proven = _proven(one, piece.kind, piece.value) and _proven(other, piece.kind, piece.other_value)
    return Reason(feature, piece.value, piece.other_value, bits, held, proven)


def _feature(piece: Shared, one: Facts, other: Facts) -> str:
    if piece.kind == "similar_email":
        return similarity(piece.value, piece.other_value) or "typing_slip"
    if piece.kind == "phone":
        points = [*one.points, *other.points]
        types = {p.phone_type for p in points if (p.kind, p.value) == ("phone", piece.value)}
        return "mobile" if "mobile" in types else "phone"
    return piece.kind


def _proven(facts: Facts, kind: EvidenceKind, value: str) -> bool:
    of_kind = "email" if kind == "similar_email" else kind
    return all(p.proven for p in facts.points if (p.kind, p.value) == (of_kind, value))


def _supporting(one: Facts, other: Facts) -> Iterator[tuple[str, str, str]]:
    """What supports or weakens, and raises nothing alone: name, address, birth date, customer IDs that differ."""
    if one.name and other.name:
        yield _names(one.name, other.name), one.name, other.name
    if one.addresses and other.addresses:
        both = one.addresses & other.addresses
        feature = "address" if both else "address_differs"
        yield feature, min(both or one.addresses), min(both or other.addresses)
    if one.birth_date and other.birth_date:
        feature = "birth_date" if one.birth_date == other.birth_date else "birth_date_differs"
        yield feature, one.birth_date, other.birth_date
    mine, theirs = _customer_ids(one), _customer_ids(other)
    if mine and theirs and not mine & theirs:
        yield "customer_id_differs", min(mine), min(theirs)


def _customer_ids(facts: Facts) -> set[str]:
    return {p.value for p in facts.points if p.kind == "customer_id"}


def _names(one: str, other: str) -> str:
    """Names agree where their words do, in any order; they are similar where one abbreviates or lacks words of the
    other."""
    mine, theirs = _words(one), _words(other)
    if sorted(mine) == sorted(theirs):
        return "name"
    few, many = sorted((mine, theirs), key=len)
    rest = list(many)
    for word in few:
        match = next((w for w in rest if w == word or (min(len(w), len(word)) == 1 and w[0] == word[0])), None)
        if match is None:
            return "name_differs"
        rest.remove(match)
    return "name_similar" if any(len(word) > 1 for word in few) else "name_differs"


def _words(name: str) -> Sequence[str]:
    return fold(name).replace(",", " ").replace(".", " ").split()


def opens(kinds: Iterable[str], dismissed: Iterable[str]) -> bool:
    """SUG-4: whether a pair with evidence of these kinds is suggested, after "No Match" on evidence of those."""
    return bool(set(kinds) - set(dismissed))
