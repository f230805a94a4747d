"""How likely two profiles are one customer, and why (SUG-1, SUG-5): typical pairs, then what holds for any two."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.contact_points.blocklist import DEFAULT_ENTRIES, Blocklist, Entry
from onefold.contact_points.points import HeldPoint
from onefold.matching.scoring import (
    EVIDENCE_KINDS,
    HIGH_RATING,
    UNPROVEN_RATING,
    Comparison,
    MatchFeatures,
    compare,
    handle_key,
    keys_of_point,
    opens,
)
from onefold.organizations.match_weights import DEFAULT_WEIGHTS
from tests.dsl.cases import compared, facts, held, shared

BLOCKLIST = Blocklist(DEFAULT_ENTRIES)
EMAIL, OTHER_EMAIL = "ada.lovelace@example.com", "countess@example.org"
MOBILE, LANDLINE = "+447911123456", "+442079460000"


# Typical pairs, and the band each must fall into ----------------------------------------------------------------------

BANDS = {"low": (0.0, 0.5), "medium": (0.5, HIGH_RATING), "high": (HIGH_RATING, 1.0)}


NOTHING: Mapping[str, Any] = MappingProxyType({})


class Pair(NamedTuple):
    """Two profiles: contact points as words, the rest of each by field."""

    what: str
    band: str
    one: list[str]
    other: list[str]
    of_one: Mapping[str, Any] = NOTHING
    of_other: Mapping[str, Any] = NOTHING
    holders: int = 2


def _point(word: str) -> HeldPoint:
    kind, _, value = word.partition(" ")
    if kind in ("mobile", "home", "office"):
        return held("phone", value, phone_type=kind)
    if kind == "handle":
        network, _, handle = value.partition(" ")
        return held("social", f"{network}:{handle}-on-{network}", handle=handle)
    return held(kind, value)


ADA, BEN = {"name": "Ada Lovelace"}, {"name": "Ben Lovelace"}
HOUSE = {"addresses": frozenset(("1 elm rd",))}
BORN, BORN_LATER = {"birth_date": "1815-12-10"}, {"birth_date": "1843-02-21"}
PAIRS = [
    Pair("one email, equal names", "high", [f"email {EMAIL}"], [f"email {EMAIL}"], ADA, ADA),
    Pair("one email", "high", [f"email {EMAIL}"], [f"email {EMAIL}"]),
    Pair("one email, different names: a family's", "medium", [f"email {EMAIL}"], [f"email {EMAIL}"], ADA, BEN),
    Pair("one email of 15", "medium", [f"email {EMAIL}"], [f"email {EMAIL}"], holders=15),
    Pair("one customer ID", "high", ["customer_id C1"], ["customer_id C1"]),
    Pair("one account", "high", ["social x:1"], ["social x:1"]),
    Pair("one mobile", "high", [f"mobile {MOBILE}"], [f"mobile {MOBILE}"]),
    Pair("one mobile, equal names", "high", [f"mobile {MOBILE}"], [f"mobile {MOBILE}"], ADA, ADA),
    Pair("one mobile, different names", "medium", [f"mobile {MOBILE}"], [f"mobile {MOBILE}"], ADA, BEN),
    Pair("one home phone", "medium", [f"home {LANDLINE}"], [f"home {LANDLINE}"]),
    Pair("one home phone, equal names", "high", [f"home {LANDLINE}"], [f"home {LANDLINE}"], ADA, ADA),
    Pair("one home phone, different names", "low", [f"home {LANDLINE}"], [f"home {LANDLINE}"], ADA, BEN),
    Pair("an office phone of 15", "low", [f"office {LANDLINE}"], [f"office {LANDLINE}"], holders=15),
    Pair("an office phone of 15, equal names", "medium", [f"office {LANDLINE}"], [f"office {LANDLINE}"], ADA, ADA, 15),
    Pair("an office phone of 15, different names", "low", [f"office {LANDLINE}"], [f"office {LANDLINE}"], ADA, BEN, 15),
    Pair(
        "a household: home phone, address, different names",
        "medium",
        [f"home {LANDLINE}"],
        [f"home {LANDLINE}"],
        {**ADA, **HOUSE},
        {**BEN, **HOUSE},
    ),
    Pair(
        "a household with birth dates",
        "low",
        [f"home {LANDLINE}"],
        [f"home {LANDLINE}"],
        {**ADA, **HOUSE, **BORN},
        {**BEN, **HOUSE, **BORN_LATER},
    ),
    Pair("one mailbox, written with a tag", "high", [f"email {EMAIL}"], ["email ada.lovelace+shop@example.com"]),
    Pair("one mailbox, equal names", "high", [f"email {EMAIL}"], ["email ada.lovelace+shop@example.com"], ADA, ADA),
    Pair("a mistyped domain", "medium", ["email ada@gmail.com"], ["email ada@gmial.com"]),
    Pair("a mistyped domain, equal names", "high", ["email ada@gmail.com"], ["email ada@gmial.com"], ADA, ADA),
    Pair("a typing slip", "low", [f"email {EMAIL}"], ["email ada.lovelac@example.com"]),
    Pair("a typing slip, different names", "low", [f"email {EMAIL}"], ["email ada.lovelac@example.com"], ADA, BEN),
    Pair("a handle on two networks, equal names", "medium", ["handle x @ada"], ["handle fb ada"], ADA, ADA),
    Pair("a handle on two networks, different names", "low", ["handle x @ada"], ["handle fb ada"], ADA, BEN),
    Pair(
        "one email, different customer IDs",
        "low",
        [f"email {EMAIL}", "customer_id 1"],
        [f"email {EMAIL}", "customer_id 2"],
    ),
    Pair(
        "one email and home phone",
        "high",
        [f"email {EMAIL}", f"home {LANDLINE}"],
        [f"email {EMAIL}", f"home {LANDLINE}"],
    ),
    Pair("nothing", "low", [], []),
]


@pytest.mark.parametrize("pair", [pytest.param(p, id=p.what) for p in PAIRS])
def test_typical_pairs_are_rated_as_a_person_would__SUG_5(pair: Pair) -> None:
    one = facts("one", *map(_point, pair.one), **pair.of_one)
    other = facts("other", *map(_point, pair.other), **pair.of_other)
    holders: Any = {(p.kind, p.value): pair.holders for p in one.points}
    rating = compared(one, other, holders).rating
    low, high = BANDS[pair.band]
    assert low <= rating < high or rating == high == 1.0, f"{rating:.3f} is not {pair.band}"


# What is evidence (SUG-1, PRO-12) -------------------------------------------------------------------------------------

EVIDENCE = [
    ("email", held("email", EMAIL), held("email", EMAIL), EMAIL),
    ("phone", held("phone", MOBILE), held("phone", MOBILE, phone_type="home"), MOBILE),
    ("social", held("social", "x:1"), held("social", "x:1"), "x:1"),
    ("customer_id", held("customer_id", "C1"), held("customer_id", "C1", current=False), "C1"),
    ("handle", held("social", "x:1", handle="@Ada"), held("social", "fb:2", handle="ada"), "ada"),
]


@pytest.mark.parametrize(("kind", "one_point", "other_point", "value"), EVIDENCE)
def test_each_kind_of_evidence_is_found_and_explained__SUG_1_SUG_5(
    kind: str, one_point: HeldPoint, other_point: HeldPoint, value: str
) -> None:
    one, other = facts("one", one_point), facts("other", other_point)
    assert shared(one, other, BLOCKLIST) == [(kind, value, value)]
    comparison = compared(one, other, {(kind, value): 3})  # type: ignore[dict-item]
    assert comparison.kinds == (kind,)
    (reason,) = comparison.reasons
    assert (reason.value, reason.other_value, reason.holders, reason.proven) == (value, value, 3, True)


def test_a_username_is_a_handle__SUG_1() -> None:
    named = facts("one", username=" @ADA ")
    assert shared(named, facts("other", username="ada"), BLOCKLIST) == [("handle", "ada", "ada")]
    assert shared(named, facts("other", held("social", "x:1", handle="Ada")), BLOCKLIST)
    assert not shared(facts("one", username="@"), facts("other", username=""), BLOCKLIST)


def test_similar_emails_are_explained_with_both_values__SUG_1_SUG_2_SUG_5() -> None:
    one, other = facts("one", held("email", EMAIL)), facts("other", held("email", "ada.lovelace+x@example.com"))
    comparison = compared(one, other)
    assert comparison.kinds == ("similar_email",)
    assert [r[:3] for r in comparison.reasons] == [("same_mailbox", EMAIL, "ada.lovelace+x@example.com")]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("email", "test@test.com"),
        ("email", "noemail@shop.example"),
        ("phone", "+266696687"),
        ("customer_id", "null"),
        ("customer_id", "0000"),
        ("social", "x:blocked"),
        ("visitor", "v1"),
    ],
)
def test_blocked_values_and_visitors_are_no_evidence__PRO_12(kind: str, value: str) -> None:
    blocklist = Blocklist((*DEFAULT_ENTRIES, Entry("social", "x:blocked")))
    one, other = (facts(who, held(kind, value, handle="@h" if kind == "social" else None)) for who in ("one", "other"))
    assert shared(one, other, blocklist) == []


def test_a_blocked_email_is_similar_to_none__PRO_12() -> None:
    blocklist = Blocklist([Entry("email", "ada.shop@gmail.com")])
    one, other = facts("one", held("email", "ada.shop@gmail.com")), facts("other", held("email", "adashop@gmail.com"))
    assert shared(one, other, BLOCKLIST) == [("similar_email", "ada.shop@gmail.com", "adashop@gmail.com")]
    assert shared(one, other, blocklist) == []


def test_a_blocked_customer_id_does_not_speak_against_a_match__PRO_12() -> None:
    email = held("email", EMAIL)
    blocked = facts("one", email, held("customer_id", "guest", identifying=False))
    plain = facts("one", email)
    other = facts("other", email, held("customer_id", "C1"))
    assert compared(blocked, other).rating == compared(plain, other).rating


@pytest.mark.parametrize("fields", [ADA, HOUSE, BORN, {**ADA, **HOUSE, **BORN}])
def test_name_address_and_birth_date_alone_raise_nothing__SUG_5(fields: dict[str, Any]) -> None:
    one, other = facts("one", **fields), facts("other", **fields)
    comparison = compared(one, other)
    assert comparison.kinds == ()
    assert not opens(comparison.kinds, ())
    assert len(comparison.reasons) == len(fields)


FEATURES = [
    ({"name": "Ada Lovelace"}, {"name": "LOVELACE, Ada"}, "name"),
    ({"name": "Zoë Müller"}, {"name": "zoe  muller"}, "name"),
    ({"name": "A. Lovelace"}, {"name": "Ada Lovelace"}, "name_similar"),
    ({"name": "Ada Lovelace"}, {"name": "Ada King Lovelace"}, "name_similar"),
    ({"name": "Ada"}, {"name": "Ada Lovelace"}, "name_similar"),
    ({"name": "Ada Lovelace"}, {"name": "Ben Lovelace"}, "name_differs"),
    ({"name": "A. L."}, {"name": "Ada Lovelace"}, "name_similar"),
    ({"name": "J. John"}, {"name": "John James"}, "name_similar"),
    ({"name": "J. John"}, {"name": "James John"}, "name_similar"),
    ({"name": "Ada Lovelace"}, {"name": None}, None),
    ({"name": "."}, {"name": ","}, None),
    ({"addresses": frozenset("ab")}, {"addresses": frozenset("bc")}, "address"),
    ({"addresses": frozenset("a")}, {"addresses": frozenset("c")}, "address_differs"),
    ({"addresses": frozenset("a")}, {}, None),
    (BORN, BORN, "birth_date"),
    (BORN, BORN_LATER, "birth_date_differs"),
    (BORN, {}, None),
]


@pytest.mark.parametrize(("of_one", "of_other", "feature"), FEATURES)
def test_what_supports_or_weakens__SUG_5(of_one: dict[str, Any], of_other: dict[str, Any], feature: str | None) -> None:
    for sides in ((of_one, of_other), (of_other, of_one)):
        comparison = compared(facts("one", **sides[0]), facts("other", **sides[1]))
        assert [r.feature for r in comparison.reasons] == ([feature] if feature else [])


@pytest.mark.parametrize(
    ("ids", "other_ids", "differ"),
    [
        (["1"], ["2"], True),
        (["1"], ["1"], False),
        (["1"], [], False),
        (["1", "2-"], ["2"], False),
    ],
)
def test_different_customer_ids_weaken__SUG_5(ids: list[str], other_ids: list[str], differ: bool) -> None:
    one, other = (
        facts(who, held("email", EMAIL), *(held("customer_id", i[0], current=len(i) == 1) for i in of))
        for who, of in (("one", ids), ("other", other_ids))
    )
    comparison = compared(one, other)
    assert ("customer_id_differs" in [r.feature for r in comparison.reasons]) is differ
    without = compared(facts("one", held("email", EMAIL)), facts("other", held("email", EMAIL)))
    assert (comparison.rating < without.rating) is differ


# Keys by which a match is found ---------------------------------------------------------------------------------------


def test_the_keys_of_a_contact_point__SUG_1() -> None:
    assert keys_of_point("social", "x:1", "@Ada") == ("h:ada",)
    assert keys_of_point("email", "a+x@x.org", None) == ("e:a@x.org",)
    for kind in ("phone", "customer_id", "visitor", "social"):
        assert keys_of_point(kind, "1", None) == ()


@pytest.mark.parametrize("handle", ["@", "@@", " ", " @ ", "\u0301"])
def test_a_handle_without_letters_is_found_by_nobody__SUG_1(handle: str) -> None:
    assert handle_key(handle) == ""
    assert keys_of_point("social", "x:1", handle) == ()


# "No Match" (SUG-4) ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kinds", "dismissed", "opened"),
    [
        ((), (), False),
        (("email",), (), True),
        (("email",), ("email",), False),
        (("email", "phone"), ("email",), True),
        (("email",), ("email", "phone"), False),
        (("phone",), ("email",), True),
        ((), ("email",), False),
    ],
)
def test_no_match_holds_until_there_is_evidence_of_another_kind__SUG_4(
    kinds: tuple[str, ...], dismissed: tuple[str, ...], opened: bool
) -> None:
    assert opens(kinds, dismissed) is opened


# Senders that are not proven (RES-14) ---------------------------------------------------------------------------------

UNPROVEN = [
    held("email", EMAIL, standing="claimed"),
    held("phone", MOBILE, standing="claimed"),
    held("customer_id", "C1", standing="claimed"),
    held("social", "x:1", standing="claimed"),
]


@pytest.mark.parametrize("point", UNPROVEN, ids=lambda p: p.kind)
def test_unproven_senders_alone_give_no_high_rating__RES_14(point: HeldPoint) -> None:
    strong = {**ADA, **BORN, **HOUSE}
    proven = point._replace(standing="entered")
    for one_point, other_point in ((point, point), (point, proven), (proven, point)):
        comparison = compared(facts("one", one_point, **strong), facts("other", other_point, **strong))
        assert comparison.rating == UNPROVEN_RATING
        assert comparison.bits > 5
    assert compared(facts("one", proven, **strong), facts("other", proven, **strong)).rating > HIGH_RATING


def test_one_proven_piece_lifts_the_cap__RES_14() -> None:
    email, phone = held("email", EMAIL, standing="claimed"), held("phone", LANDLINE, phone_type="home")
    assert compared(facts("one", email, phone), facts("other", email, phone)).rating > HIGH_RATING


def test_the_handle_and_the_like_of_an_unproven_sender_are_not_proven__RES_14() -> None:
    slip = held("email", "ada.lovelace+x@example.com", standing="claimed")
    assert compared(facts("one", held("email", EMAIL)), facts("other", slip, **ADA)).rating <= UNPROVEN_RATING
    handle = held("social", "x:1", handle="ada", standing="claimed")
    other = held("social", "fb:1", handle="ada")
    assert compared(facts("one", handle), facts("other", other)).rating <= UNPROVEN_RATING


# What holds for any two -----------------------------------------------------------------------------------------------

POINTS = st.one_of(
    st.sampled_from(
        [
            EMAIL,
            "ada.lovelace+x@example.com",
            "ada.lovelac@example.com",
            "ada.lovelace@exampel.com",
            "ada@gmail.com",
            "a.da@gmail.com",
            "ada@gmial.com",
            "countess1@gmail.com",
            "countesss1@gmail.com",
            "countess1+a@gmail.com",
            "test@test.com",
            OTHER_EMAIL,
        ]
    ).map(lambda v: held("email", v)),
    st.sampled_from([held("phone", LANDLINE, phone_type=t) for t in ("mobile", "home", "other")]),
    st.sampled_from([held("social", f"{n}:{i}", handle=h) for n in ("x", "fb") for i in "12" for h in ("@a", "b")]),
    st.sampled_from([held("customer_id", i, current=c) for i in "12" for c in (True, False)]),
)
NAMES = st.sampled_from(
    [None, "Ada", "Ada Lovelace", "A L", "A. Lovelace", "Lovelace A", "J John", "John James", ".", "é"]
)


@st.composite
def _facts(draw: st.DrawFn, who: str) -> MatchFeatures:
    points = draw(st.lists(POINTS, max_size=5, unique_by=lambda p: (p.kind, p.value)))
    unproven = draw(st.sampled_from([(), ("email",), ("email", "phone", "social", "customer_id")]))
    return facts(
        who,
        *(p._replace(standing="claimed" if p.kind in unproven else "entered") for p in points),
        name=draw(NAMES),
        username=draw(st.sampled_from([None, "A", "@b"])),
        addresses=draw(st.frozensets(st.sampled_from("pq"), max_size=2)),
        birth_date=draw(st.sampled_from([None, "1", "2"])),
    )


HOLDERS = st.dictionaries(
    st.sampled_from([("email", EMAIL), ("phone", LANDLINE), ("social", "x:1"), ("handle", "a"), ("handle", "b")]),
    st.integers(2, 20),
)


@given(_facts("one"), _facts("other"), HOLDERS)
def test_the_reasons_add_up_to_the_rating__SUG_5(one: MatchFeatures, other: MatchFeatures, holders: Any) -> None:
    comparison = compared(one, other, holders)
    assert math.isclose(comparison.bits, comparison.prior + sum(r.bits for r in comparison.reasons), abs_tol=1e-9)
    probability = 1 / (1 + 2**-comparison.bits)
    assert comparison.rating in (round(probability, 4), UNPROVEN_RATING)
    assert comparison.rating <= round(probability, 4)
    assert set(comparison.kinds) <= {p.kind for p in shared(one, other, BLOCKLIST)}
    assert list(comparison.kinds) == sorted(comparison.kinds, key=EVIDENCE_KINDS.index)


@given(_facts("one"), _facts("other"), HOLDERS)
def test_a_pair_is_rated_the_same_either_way_round__SUG_5(
    one: MatchFeatures, other: MatchFeatures, holders: Any
) -> None:
    there, back = compared(one, other, holders), compared(other, one, holders)
    assert (there.rating, there.kinds) == (back.rating, back.kinds)
    assert sorted(r.feature for r in there.reasons) == sorted(r.feature for r in back.reasons)


@given(_facts("one"), _facts("other"), HOLDERS)
def test_more_evidence_never_lowers_the_rating__SUG_5(one: MatchFeatures, other: MatchFeatures, holders: Any) -> None:
    evidence = sorted(shared(one, other, BLOCKLIST))
    ratings = [compare(one, other, evidence[:n], holders, DEFAULT_WEIGHTS).rating for n in range(len(evidence) + 1)]
    assert ratings == sorted(ratings)


def test_the_strongest_of_several_similar_emails_counts__SUG_5() -> None:
    one = facts("one", held("email", "ada.lovelace@gmail.com"), held("email", "zz.lovelace@gmail.com"))
    slip, tagged = held("email", "ada.lovelac@gmail.com"), held("email", "zz.lovelace+x@gmail.com")
    with_both = compared(one, facts("other", slip, tagged))
    assert with_both.rating == compared(one, facts("other", tagged)).rating
    assert [r.feature for r in with_both.reasons] == ["same_mailbox"]


def test_an_email_that_many_share_does_not_hide_one_that_is_similar__SUG_5() -> None:
    plain, tagged = held("email", EMAIL), held("email", "ada.lovelace+x@example.com")
    shared = held("email", "family@example.org")
    alone = compared(facts("one", plain), facts("other", tagged))
    both = compared(facts("one", plain, shared), facts("other", tagged, shared), {("email", "family@example.org"): 15})
    assert both.rating >= alone.rating


def _shared_by(kind: str, counts: list[int]) -> list[Comparison]:
    """Two profiles compared that share one value of a kind, as many profiles hold it."""
    word = {
        "email": f"email {EMAIL}",
        "phone": f"home {LANDLINE}",
        "social": "social x:1",
        "customer_id": "customer_id C1",
        "handle": "handle x a",
    }[kind]
    point = _point(word)
    other = held("social", "fb:9", handle="a") if kind == "handle" else point
    key: Any = (kind, "a" if kind == "handle" else point.value)
    return [compared(facts("one", point), facts("other", other), {key: n}) for n in counts]


SHARED_KINDS = ["email", "phone", "social", "customer_id", "handle"]


@pytest.mark.parametrize("kind", SHARED_KINDS)
def test_a_commoner_value_never_raises_the_rating__SUG_5(kind: str) -> None:
    comparisons = _shared_by(kind, [2, 3, 5, 9, 20, 21, 100, 5000])
    assert all(rarer.rating >= commoner.rating for rarer, commoner in pairwise(comparisons))


@pytest.mark.parametrize("kind", SHARED_KINDS)
def test_a_shared_value_never_speaks_against_a_match_however_common__SUG_5(kind: str) -> None:
    # An organization may raise the shared limit of SUG-6 to 1,000.
    reasons = [reason for comparison in _shared_by(kind, [2, 21, 100, 1001]) for reason in comparison.reasons]
    assert [reason.holders for reason in reasons] == [2, 21, 100, 1001]
    assert all(reason.bits >= 0 for reason in reasons)


@pytest.mark.parametrize("kind", ["email", "social", "phone"])
def test_each_doubling_of_the_other_holders_takes_one_bit_away__SUG_5(kind: str) -> None:
    bits = [comparison.bits for comparison in _shared_by(kind, [2, 3, 5, 9, 17])]
    assert [round(a - b, 9) for a, b in pairwise(bits)] == [1, 1, 1, 1]


def test_weights_are_data__SUG_5() -> None:
    email = held("email", EMAIL)
    heavier = DEFAULT_WEIGHTS["email"]._replace(u=0.25, m=0.5)
    comparison = compared(facts("one", email), facts("other", email), email=heavier)
    assert [r.bits for r in comparison.reasons] == [1.0]
    assert comparison.rating < 0.05
