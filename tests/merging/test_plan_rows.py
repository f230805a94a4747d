"""What both sides of a merge bring: contact points, addresses, details, relationships, attributes (MRG-3)."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.merging.plan import MergePlan
from onefold.merging.snapshot import Address, Detail, ProfileSnapshot
from onefold.profiles.relationships import Relationship
from tests.dsl.cases import DESTINATION, POLICIES, SOURCE, held, merge, obstacles_of, side

# Emails and phones: all of both, one Main of each ---------------------------------------------------------------------

MAINS = [
    # the source's, the destination's (* is Main) → after
    (["a*"], ["b*"], {"a", "b*"}),
    (["a*"], ["b"], {"a*", "b"}),
    (["a"], ["b*"], {"a", "b*"}),
    (["a"], ["b"], {"a", "b"}),
    (["a*"], [], {"a*"}),
    ([], ["b*"], {"b*"}),
    (["a*"], ["a*"], {"a*"}),
    (["a*"], ["a"], {"a*"}),
    (["a"], ["a*"], {"a*"}),
    (["a*", "b"], ["a", "b*"], {"a", "b*"}),
    (["a*", "c"], ["a", "b*"], {"a", "b*", "c"}),
]


def _emails(who: str, written: list[str]) -> ProfileSnapshot:
    return side(who, *(held("email", f"{e.strip('*')}@x.org", main=e.endswith("*")) for e in written))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("source", "destination", "after"), MAINS)
def test_all_emails_stay_and_the_destinations_main_stays_main__MRG_3(
    source: list[str], destination: list[str], after: set[str], policy: str
) -> None:
    choices = {"main_email": "destination"}
    plan = merge(_emails(SOURCE, source), _emails(DESTINATION, destination), policy, choices=choices)
    assert {p.value.removesuffix("@x.org") + "*" * p.main for p in plan.after.points} == after
    assert not plan.obstacles


@pytest.mark.parametrize("policy", POLICIES)
def test_phones_of_both_sides_stay_with_their_types_and_tags__MRG_3(policy: str) -> None:
    destination_phones = [held("phone", "+442079460001", phone_type="home"), held("phone", "+447911123456", sms=True)]
    source_phones = [
        held("phone", "+442079460002", phone_type="office"),
        held("phone", "+442079460003", phone_type="other"),
    ]
    source, destination = side(SOURCE, *source_phones), side(DESTINATION, *destination_phones)
    plan = merge(source, destination, policy)
    assert set(plan.after.points) == {*source.points, *destination.points}
    assert (plan.obstacles, plan.absorbed) == ((), {})


# Social accounts ------------------------------------------------------------------------------------------------------

ACCOUNTS = [
    # the source's, the destination's (- is not shown) → after, networks listed as mismatches
    (["fb:1"], ["fb:2"], {"fb:1-", "fb:2"}, ["fb"]),
    (["fb:2"], ["fb:1"], {"fb:2-", "fb:1"}, ["fb"]),
    (["fb:1"], [], {"fb:1"}, []),
    ([], ["fb:1"], {"fb:1"}, []),
    (["fb:1"], ["fb:1"], {"fb:1"}, []),
    (["fb:1"], ["x:1"], {"fb:1", "x:1"}, []),
    (["fb:1", "x:1"], ["fb:2", "x:2"], {"fb:1-", "fb:2", "x:1-", "x:2"}, ["fb", "x"]),
    (["fb:1", "fb:0-"], ["fb:2"], {"fb:0-", "fb:1-", "fb:2"}, ["fb"]),
    (["fb:1", "fb:0-"], ["x:2"], {"fb:0-", "fb:1", "x:2"}, []),
    (["fb:1"], ["fb:2", "fb:1-"], {"fb:1-", "fb:2"}, ["fb"]),
    (["fb:1", "fb:2-"], ["fb:2"], {"fb:1-", "fb:2"}, ["fb"]),
]


def _accounts(who: str, written: list[str]) -> ProfileSnapshot:
    return side(who, *(held("social", a.strip("-"), current=not a.endswith("-")) for a in written))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(
    ("source", "destination", "after", "networks"), [pytest.param(*a, id=f"{a[0]}-{a[1]}") for a in ACCOUNTS]
)
def test_accounts_of_one_network_both_open_the_profile_and_the_current_one_is_shown__MRG_3(
    source: list[str], destination: list[str], after: set[str], networks: list[str], policy: str
) -> None:
    plan = merge(_accounts(SOURCE, source), _accounts(DESTINATION, destination), policy)
    assert {p.value + "-" * (not p.current) for p in plan.after.points} == after
    assert all(p.identifying for p in plan.after.points)
    listed = [(o.field, o.kept, o.why, o.options) for o in plan.outcomes if o.field.startswith("social.")]
    assert listed == [(f"social.{n}", "destination", "both_open_one_shown", ()) for n in networks]
    assert not plan.obstacles


# Customer IDs that one side has as a former one -----------------------------------------------------------------------

FORMER = [
    # the source's, the destination's (- is a former one), choice → after
    (["1-"], ["1"], None, {"1"}),
    (["1"], ["1-"], None, {"1"}),
    (["1-"], ["2"], None, {"1-", "2"}),
    (["1"], ["1-", "2"], "destination", {"1-", "2"}),
    (["1"], ["1-", "2"], "source", {"1", "2-"}),
    (["1-", "2"], ["1"], "source", {"1-", "2"}),
    (["1-", "2"], ["1"], "destination", {"1", "2-"}),
]


@pytest.mark.parametrize(("source", "destination", "choice", "after"), FORMER)
def test_former_customer_ids_stay_former_and_one_is_current__MRG_4(
    source: list[str], destination: list[str], choice: str | None, after: set[str]
) -> None:
    one, other = (
        side(who, *(held("customer_id", i.strip("-"), current=not i.endswith("-")) for i in ids))
        for who, ids in ((SOURCE, source), (DESTINATION, destination))
    )
    plan = merge(one, other, "ask", choices={"customer_id": choice} if choice else {})
    assert {p.value + "-" * (not p.current) for p in plan.after.points} == after
    assert not plan.obstacles


# Addresses ------------------------------------------------------------------------------------------------------------


def _addresses(who: str, *streets: str) -> ProfileSnapshot:
    rows = (Address(f"{who}:{n}", None, street, "London", None, "N1", "GB", n) for n, street in enumerate(streets))
    return side(who, addresses=tuple(rows))


PLACES = [
    # the source's, the destination's → after, in order
    (["1 Elm Rd"], ["2 Oak Rd"], ["2 Oak Rd", "1 Elm Rd"]),
    (["1 Elm Rd"], [], ["1 Elm Rd"]),
    ([], ["2 Oak Rd"], ["2 Oak Rd"]),
    (["1 Elm Rd"], ["1 Elm Rd"], ["1 Elm Rd"]),
    (["1  ELM rd"], ["1 Elm Rd"], ["1 Elm Rd"]),
    (["1 Elm Rd", "3 Ash Rd"], ["2 Oak Rd", "1 Elm Rd"], ["2 Oak Rd", "1 Elm Rd", "3 Ash Rd"]),
    (["3 Ash Rd", "1 Elm Rd"], ["2 Oak Rd"], ["2 Oak Rd", "3 Ash Rd", "1 Elm Rd"]),
    (["ハート町"], ["バート町"], ["バート町", "ハート町"]),
]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("source", "destination", "after"), PLACES)
def test_addresses_of_both_without_duplicates_the_destinations_first__MRG_3(
    source: list[str], destination: list[str], after: list[str], policy: str
) -> None:
    plan = merge(_addresses(SOURCE, *source), _addresses(DESTINATION, *destination), policy)
    assert [a.street for a in plan.after.addresses] == after
    assert sorted(plan.after.addresses, key=lambda a: a.position) == list(plan.after.addresses)
    assert len({a.position for a in plan.after.addresses}) == len(after)
    assert not plan.obstacles


# Details --------------------------------------------------------------------------------------------------------------

DETAILS = [
    # the source's, the destination's → by the rule, by choosing the source, by choosing the destination
    ({"pet": "cat"}, {"pet": "dog"}, {"cat<s", "dog<d"}, {"cat"}, {"dog"}),
    ({"pet": "cat"}, {"car": "red"}, {"cat", "red"}, None, None),
    ({"pet": "cat"}, {}, {"cat"}, None, None),
    ({}, {"pet": "dog"}, {"dog"}, None, None),
    ({"pet": "cat"}, {"pet": "cat"}, {"cat"}, None, None),
    ({"pet": "Cat "}, {"pet": "cat"}, {"cat"}, None, None),
    ({"Pet": "cat"}, {"pet": "dog"}, {"cat<s", "dog<d"}, {"cat"}, {"dog"}),
    ({"pet": "pêche"}, {"pet": "péché"}, {"pêche<s", "péché<d"}, {"pêche"}, {"péché"}),
    ({"pet": "かき"}, {"pet": "がき"}, {"かき<s", "がき<d"}, {"かき"}, {"がき"}),
]


def _details(who: str, given: dict[str, str]) -> ProfileSnapshot:
    return side(who, details=tuple(Detail(f"{who}:{key}", key, value, None) for key, value in given.items()))


def _marked(plan: MergePlan) -> set[str]:
    marks = {SOURCE: "<s", DESTINATION: "<d", None: ""}
    return {d.value + marks[d.from_profile_id] for d in plan.after.details}


@pytest.mark.parametrize(("source", "destination", "both", "source_s", "destination_s"), DETAILS)
def test_details_of_both_stay_and_two_values_of_a_key_are_marked__MRG_3(
    source: dict[str, str],
    destination: dict[str, str],
    both: set[str],
    source_s: set[str] | None,
    destination_s: set[str] | None,
) -> None:
    sides = _details(SOURCE, source), _details(DESTINATION, destination)
    by_rule = merge(*sides)
    assert _marked(by_rule) == both
    assert not by_rule.obstacles
    asked = merge(*sides, "ask")
    assert obstacles_of(asked, "details.pet") == (["choice_missing"] if source_s else [])
    assert _marked(asked) == both
    chosen = (("both", both), ("source", source_s), ("destination", destination_s))
    for policy in POLICIES:
        for choice, after in chosen if source_s else ():
            plan = merge(*sides, policy, choices={"details.pet": choice})
            assert (choice, _marked(plan), plan.obstacles) == (choice, after, ())


def test_a_mark_of_an_earlier_merge_stays__MRG_3() -> None:
    earlier = [Detail("d1", "pet", "dog", "profile-before"), Detail("d2", "pet", "cat", DESTINATION)]
    source = _details(SOURCE, {"pet": "owl"})
    plan = merge(source, side(DESTINATION, details=tuple(earlier)))
    assert {(d.value, d.from_profile_id) for d in plan.after.details} == {
        ("dog", "profile-before"),
        ("cat", DESTINATION),
        ("owl", SOURCE),
    }


# Relationships --------------------------------------------------------------------------------------------------------

THIRD = "profile-third"
RELATIONS = [
    # (who, is what, of whom), the source's and the destination's → (whom, is what of the merged profile)
    ([(THIRD, "parent", SOURCE)], [], [(THIRD, "parent")]),
    ([(SOURCE, "parent", THIRD)], [], [(THIRD, "child")]),
    ([], [(THIRD, "parent", DESTINATION)], [(THIRD, "parent")]),
    ([(THIRD, "parent", SOURCE)], [(THIRD, "parent", DESTINATION)], [(THIRD, "parent")]),
    ([(THIRD, "parent", SOURCE)], [(DESTINATION, "child", THIRD)], [(THIRD, "parent")]),
    ([(THIRD, "parent", SOURCE)], [(THIRD, "colleague", DESTINATION)], [(THIRD, "colleague"), (THIRD, "parent")]),
    ([(SOURCE, "spouse", DESTINATION)], [(SOURCE, "spouse", DESTINATION)], []),
    ([(DESTINATION, "parent", SOURCE)], [(DESTINATION, "parent", SOURCE)], []),
    ([(SOURCE, "spouse", DESTINATION), (THIRD, "colleague", SOURCE)], [], [(THIRD, "colleague")]),
]


def _relations(who: str, given: list[tuple[str, str, str]]) -> ProfileSnapshot:
    rows = (Relationship(f"{who}:{n}", of, other, kind) for n, (other, kind, of) in enumerate(given))
    return side(who, relations=tuple(rows))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("source", "destination", "after"), RELATIONS)
def test_relationships_of_both_stay_but_one_between_the_two__MRG_3(
    source: Any, destination: Any, after: list[tuple[str, str]], policy: str
) -> None:
    plan = merge(_relations(SOURCE, source), _relations(DESTINATION, destination), policy)
    assert sorted(r.seen_from(DESTINATION) for r in plan.after.relations) == after
    assert not plan.obstacles


# Free attributes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "destination"),
    [
        (True, 1),
        (0, False),
        ([1], [True]),
        ({"a": 0}, {"a": False}),
        ("1", 1),
        ([], {}),
        (0, 2),
        (False, True),
    ],
)
def test_values_of_another_type_are_a_mismatch__MRG_3_MRG_4(source: Any, destination: Any) -> None:
    sides = side(SOURCE, attributes={"a": source}), side(DESTINATION, attributes={"a": destination})
    assert obstacles_of(merge(*sides, "ask"), "attributes.a") == ["choice_missing"]
    turned = merge(*sides, choices={"attributes.a": "source"}).after.attributes["a"]
    assert (turned, type(turned)) == (source, type(source))


def test_attributes_of_one_side_stay__MRG_3() -> None:
    plan = merge(side(SOURCE, attributes={"a": 0, "n": None}), side(DESTINATION, attributes={"b": False, "n": ""}))
    assert plan.after.attributes == {"a": 0, "b": False, "n": ""}
    assert not plan.mismatches
