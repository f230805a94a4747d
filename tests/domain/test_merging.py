"""What both sides of a merge bring: all of it stays (MRG-2, MRG-3), for these cases and for any two profiles."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.domain.merge_outcomes import Step
from onefold.domain.merging import MergePlan
from onefold.domain.profile import HeldPoint
from onefold.domain.sides import Address, Detail, OpenConversation, Relation, Side
from tests.domain.cases import DESTINATION, POLICIES, SOURCE, held, merge, obstacles_of, side

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


def _emails(who: str, written: list[str]) -> Side:
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
    mine = [held("phone", "+442079460001", phone_type="home"), held("phone", "+447911123456", sms=True)]
    theirs = [held("phone", "+442079460002", phone_type="office"), held("phone", "+442079460003", phone_type="other")]
    source, destination = side(SOURCE, *theirs), side(DESTINATION, *mine)
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


def _accounts(who: str, written: list[str]) -> Side:
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


def _addresses(who: str, *streets: str) -> Side:
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


def _details(who: str, given: dict[str, str]) -> Side:
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
        ("dog", "profile-before"), ("cat", DESTINATION), ("owl", SOURCE),
    }  # fmt: skip


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


def _relations(who: str, given: list[tuple[str, str, str]]) -> Side:
    rows = (Relation(f"{who}:{n}", of, other, kind) for n, (other, kind, of) in enumerate(given))
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


@pytest.mark.parametrize(("source", "destination"), [
    (True, 1), (0, False), ([1], [True]), ({"a": 0}, {"a": False}), ("1", 1), ([], {}), (0, 2), (False, True),
])  # fmt: skip
def test_values_of_another_type_are_a_mismatch__MRG_3_MRG_4(source: Any, destination: Any) -> None:
    sides = side(SOURCE, attributes={"a": source}), side(DESTINATION, attributes={"a": destination})
    assert obstacles_of(merge(*sides, "ask"), "attributes.a") == ["choice_missing"]
    turned = merge(*sides, choices={"attributes.a": "source"}).after.attributes["a"]
    assert (turned, type(turned)) == (source, type(source))


def test_attributes_of_one_side_stay__MRG_3() -> None:
    plan = merge(side(SOURCE, attributes={"a": 0, "n": None}), side(DESTINATION, attributes={"b": False, "n": ""}))
    assert plan.after.attributes == {"a": 0, "b": False, "n": ""}
    assert not plan.mismatches


# Any two profiles -----------------------------------------------------------------------------------------------------

# What `storable` lets in: no NUL, no lone surrogate.
WORDS = st.sampled_from(
    ["", "ada", "ADA", "Ada Lovelace", "e", "é", "か", "が", "\u0301", "\u202e", "\x7f", '{"', "🏳️‍🌈"]
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=6)
NAMES = st.one_of(st.none(), WORDS, TEXTS)
VALUES = st.sampled_from([None, True, 1, 0, False, 1.5, "", "1", [], [1], {}, {"b": None, "a": "é"}])
KINDS = ("email", "phone", "social", "customer_id", "visitor")
KEYS = [(kind, end) for kind in KINDS for end in "123"]
TYPES = st.sampled_from(("mobile", "home", "office", "other"))
BITS = st.integers(0, 31)


@st.composite
def _points(draw: st.DrawFn, who: str) -> tuple[HeldPoint, ...]:
    """Contact points as a profile may hold them: each value once, one Main of a kind, one current customer ID."""
    keys = draw(st.lists(st.sampled_from(KEYS), unique=True, max_size=5))
    main, shown = draw(st.sampled_from("1234")), draw(st.sampled_from("1234"))
    points = []
    for kind, end in keys:
        phone_type = draw(TYPES) if kind == "phone" else None
        flags = draw(BITS)
        sms, handle, opens, contacted, proven = (flags >> bit & 1 == 1 for bit in range(5))
        points.append(
            HeldPoint(
                f"{who}:{kind}:{end}", kind, f"fb:{end}" if kind == "social" else end, None, phone_type,
                kind in ("email", "phone") and end == main, kind == "phone" and sms, "@ada" if handle else None,
                phone_type in (None, "mobile") and opens, contacted,
                kind not in ("social", "customer_id") or end == shown, proven,
            )
        )  # fmt: skip
    return tuple(points)


@st.composite
def _sides(draw: st.DrawFn, who: str, other: str) -> Side:
    details = draw(st.lists(st.tuples(st.sampled_from(["pet", "Pet", "car"]), WORDS), max_size=3))
    streets = draw(st.lists(WORDS, max_size=2))
    third = st.sampled_from(["profile-3", "profile-4", other])
    kinds = st.sampled_from(["parent", "child", "spouse", "captain", "captain of"])
    relations = draw(st.lists(st.tuples(third, kinds, st.booleans()), max_size=3))
    inbox, agent = draw(st.sampled_from(["", "i", "o"])), draw(st.sampled_from([None, "x", "y"]))
    return Side(
        who, draw(st.integers(1, 2)), draw(NAMES), draw(st.booleans()), draw(NAMES), draw(st.none() | WORDS),
        draw(st.dictionaries(WORDS, VALUES, max_size=2)), draw(_points(who)),
        tuple(Detail(f"{who}:d{n}", key, value, None) for n, (key, value) in enumerate(details)),
        tuple(Address(f"{who}:a{n}", None, street, None, None, None, "GB", n) for n, street in enumerate(streets)),
        tuple(
            Relation(f"{who}:r{n}", *((who, them) if turned else (them, who)), kind)
            for n, (them, kind, turned) in enumerate(relations)
        ),
        OpenConversation(f"{who}:c", inbox, agent, agent or inbox) if inbox else None,
    )  # fmt: skip


class Attempt(NamedTuple):
    """A merge as somebody may ask for it."""

    source: Side
    destination: Side
    policies: str
    choices: dict[str, Any]
    steps: list[Step]

    def plan(self) -> MergePlan:
        return merge(*self[:3], choices=self.choices, steps=self.steps)

    @property
    def points(self) -> tuple[HeldPoint, ...]:
        return self.source.points + self.destination.points


@st.composite
def _attempts(draw: st.DrawFn) -> Attempt:
    """Any two profiles; for about half of what differs, a choice; sometimes steps."""
    sides = draw(_sides(SOURCE, DESTINATION)), draw(_sides(DESTINATION, SOURCE))
    first = merge(*sides)
    choices = {o.field: draw(st.sampled_from(o.options)) for o in first.mismatches if draw(st.booleans())}
    offered = [step for obstacle in first.obstacles for step in obstacle.steps]
    steps = draw(st.lists(st.sampled_from(offered), max_size=3)) if offered else []
    return Attempt(*sides, draw(st.sampled_from(list(POLICIES))), choices, steps)


@given(_attempts())
def test_the_same_merge_is_planned_the_same_with_one_digest__MRG_12(attempt: Attempt) -> None:
    plan, again = attempt.plan(), attempt.plan()
    assert plan == again
    assert plan.digest == again.digest
    json.dumps(plan)


@given(_attempts(), st.sampled_from(["name", "username", "image"]))
def test_another_plan_has_another_digest__MRG_12(attempt: Attempt, field: str) -> None:
    changed = attempt._replace(source=attempt.source._replace(**{field: "something else than before"}))
    plan, other = attempt.plan(), changed.plan()
    assert (plan == other) == (plan.digest == other.digest)


@given(_attempts())
def test_every_contact_point_stays_once_or_is_detached__MRG_2_MRG_3(attempt: Attempt) -> None:
    plan = attempt.plan()
    after = {p.contact_point_id for p in plan.after.points}
    gone = after | set(plan.absorbed) | set(plan.detached)
    assert gone == {p.contact_point_id for p in attempt.points}
    assert len(after) + len(plan.absorbed) + len(plan.detached) == len(attempt.points)
    assert len({(p.kind, p.value) for p in plan.after.points}) == len(after)
    values = {p.contact_point_id: (p.kind, p.value) for p in attempt.points}
    assert all(values[old] == values[new] and new in after for old, new in plan.absorbed.items())
    assert all(values[p.contact_point_id] == (p.kind, p.value) for p in plan.after.points)


@given(_attempts())
def test_at_most_one_main_and_one_current_of_each__PRO_1_PRO_2(attempt: Attempt) -> None:
    after = attempt.plan().after.points
    for kind in ("email", "phone"):
        assert sum(p.main for p in after if p.kind == kind) <= 1
    assert sum(p.current for p in after if p.kind == "customer_id") <= 1
    assert sum(p.current for p in after if p.kind == "social") <= 1
    assert not any(p.main for p in after if p.kind not in ("email", "phone"))


@given(_attempts())
def test_who_had_a_main_or_a_customer_id_still_has_one__MRG_3(attempt: Attempt) -> None:
    plan = attempt.plan()
    left = [p for p in attempt.points if p.contact_point_id not in plan.detached]
    for kind in ("email", "phone"):
        assert any(p.main for p in plan.after.points if p.kind == kind) == any(p.main for p in left if p.kind == kind)
    current = [p for p in left if p.kind == "customer_id" and p.current]
    assert (plan.after.customer_id is not None) == bool(current)


@given(_attempts())
def test_only_mobile_phones_open_a_profile_afterwards__PRO_3(attempt: Attempt) -> None:
    before = {(p.kind, p.value) for p in attempt.points if p.identifying}
    for point in attempt.plan().after.points:
        if point.identifying:
            assert (point.kind, point.value) in before
            assert point.kind != "phone" or point.phone_type == "mobile"


def _plain(text: str) -> str:
    """Alike but for case, spaces and ways of encoding."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


@given(_attempts())
def test_no_detail_is_lost_unless_a_choice_dropped_it__MRG_3(attempt: Attempt) -> None:
    plan = attempt.plan()
    after = {(_plain(d.key), _plain(d.value)) for d in plan.after.details}
    dropped = {o.field: o.kept for o in plan.outcomes if o.field.startswith("details.") and o.kept != "both"}
    for of in (attempt.source, attempt.destination):
        for detail in of.details:
            if dropped.get(f"details.{_plain(detail.key)}") is None:
                assert (_plain(detail.key), _plain(detail.value)) in after


@given(_attempts())
def test_no_address_is_lost__MRG_3(attempt: Attempt) -> None:
    after = attempt.plan().after.addresses
    assert after[: len(attempt.destination.addresses)] == attempt.destination.addresses
    places = {tuple(_plain(line or "") for line in a[2:7]) for a in after}
    for address in attempt.source.addresses:
        assert tuple(_plain(line or "") for line in address[2:7]) in places


@given(_attempts())
def test_every_relationship_stays_but_those_between_the_two__MRG_3(attempt: Attempt) -> None:
    pair = {SOURCE, DESTINATION}
    after = attempt.plan().after.relations
    assert all(SOURCE not in (r.profile_id, r.other_id) for r in after)
    assert all(r.profile_id != r.other_id for r in after)
    before = [(of, r) for of in (attempt.source, attempt.destination) for r in of.relations]
    wanted = {r.seen_from(of.profile_id) for of, r in before if {r.profile_id, r.other_id} != pair}
    assert {r.seen_from(DESTINATION) for r in after} == wanted


@given(_attempts())
def test_either_way_round_the_same_values_stay__MRG_1(attempt: Attempt) -> None:
    there = merge(attempt.source, attempt.destination).after
    back = merge(attempt.destination, attempt.source).after
    assert {(p.kind, p.value) for p in there.points} == {(p.kind, p.value) for p in back.points}
    assert {a.place for a in there.addresses} == {a.place for a in back.addresses}
    assert set(there.attributes) == set(back.attributes)
    assert {r.seen_from(DESTINATION) for r in there.relations} == {r.seen_from(SOURCE) for r in back.relations}


def _ids(sides: Sequence[Side]) -> set[str]:
    return {
        *(p.contact_point_id for s in sides for p in s.points),
        *(row.id for s in sides for rows in (s.details, s.addresses, s.relations) for row in rows),
        *(s.conversation.conversation_id for s in sides if s.conversation),
    }


@given(_attempts())
def test_a_plan_names_rows_of_the_two_sides_only__MRG_2(attempt: Attempt) -> None:
    plan = attempt.plan()
    joined = {plan.joined.conversation_id, plan.joined.gone_id} if plan.joined else set()
    named = {*_ids([plan.after]), *plan.absorbed, *plan.absorbed.values(), *plan.detached, *joined}
    assert named <= _ids([attempt.source, attempt.destination])


@given(_attempts())
def test_a_merge_without_obstacles_has_decided_every_field__MRG_4(attempt: Attempt) -> None:
    plan = attempt.plan()
    assert {o.field for o in plan.obstacles} == {o.field for o in plan.outcomes if o.kept is None}
    assert len({o.field for o in plan.outcomes}) == len(plan.outcomes)
    for outcome in plan.mismatches:
        assert outcome.kept is None or outcome.kept in outcome.options
        assert outcome.preselected is None or outcome.preselected in outcome.options
