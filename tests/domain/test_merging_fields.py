"""A field that both sides of a merge fill: the table of MRG-3, every cell of it, under both presets of MRG-4."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from onefold.domain.merge_outcomes import BOTH_SIDES
from onefold.domain.merging import MergePlan
from onefold.domain.sides import Address, Detail, Relation, Side
from tests.domain.cases import DESTINATION, POLICIES, SOURCE, held, merge, obstacles_of, outcome_of, side

CHOICES = (None, *BOTH_SIDES)


# Fields of one value: what fills them, where they are seen afterwards, and the rule -----------------------------------


class Field(NamedTuple):
    """`rule` is the `why` of the table's choice, or the code of its refusal."""

    longer: Any
    shorter: Any
    fill: Callable[[Any], dict[str, Any]]
    seen: Callable[[Side], Any]
    rule: str
    refuses: bool = False


def _filled(field: Field, profile_id: str, value: Any) -> Side:
    given = {} if value is None else field.fill(value)
    return side(profile_id, *given.pop("held", ()), **given)


def _value(point: Any) -> Any:
    return None if point is None else point.value


FIELDS = {
    "customer_id": Field(
        "C-100", "C-2", lambda v: {"held": [held("customer_id", v)]}, lambda s: _value(s.customer_id),
        "customer_ids_differ", True,
    ),
    "main_phone": Field(
        "+442079460001", "+4930901820", lambda v: {"held": [held("phone", v, main=True)]},
        lambda s: _value(s.main("phone")), "main_phones_differ", True,
    ),
    "main_email": Field(
        "ada.lovelace@example.com", "a@example.com", lambda v: {"held": [held("email", v, main=True)]},
        lambda s: _value(s.main("email")), "current_profile",
    ),
    "name": Field("Ada Lovelace", "Ada", lambda v: {"name": v}, lambda s: s.name, "longer_name"),
    "image": Field("/i/long.png", "/i/s.png", lambda v: {"image": v}, lambda s: s.image, "current_profile"),
    "username": Field("ada.lovelace", "ada", lambda v: {"username": v}, lambda s: s.username, "current_profile"),
    "attributes.tier": Field(
        "platinum", "gold", lambda v: {"attributes": {"tier": v}}, lambda s: s.attributes.get("tier"), "current_profile"
    ),
}  # fmt: skip


class Cell(NamedTuple):
    """`kept` None is a merge that waits for the agent or is refused."""

    source: Any
    destination: Any
    choice: str | None
    kept: str | None
    why: str
    options: tuple[str, ...] = ()
    preselected: str | None = None
    obstacle: str | None = None


def _without_mismatch(field: Field) -> Iterator[tuple[str, Cell]]:
    value = field.longer
    for choice in CHOICES:
        yield f"neither-choice_{choice}", Cell(None, None, choice, "destination", "only_one")
        yield f"source_only-choice_{choice}", Cell(value, None, choice, "source", "only_one")
        yield f"destination_only-choice_{choice}", Cell(None, value, choice, "destination", "only_one")
        yield f"equal-choice_{choice}", Cell(value, value, choice, "destination", "equal")


def _ruled(field: Field, policy: str) -> Iterator[tuple[str, Cell]]:
    for longer in BOTH_SIDES:
        values = (field.longer, field.shorter) if longer == "source" else (field.shorter, field.longer)
        rule = longer if field.rule == "longer_name" else "destination"
        of_choice = {
            ("by_rule", None): (rule, field.rule, BOTH_SIDES, rule, None),
            ("by_rule", "source"): ("source", "chosen", BOTH_SIDES, rule, None),
            ("by_rule", "destination"): ("destination", "chosen", BOTH_SIDES, rule, None),
            ("ask", None): (None, "asked", BOTH_SIDES, rule, "choice_missing"),
            ("ask", "source"): ("source", "chosen", BOTH_SIDES, rule, None),
            ("ask", "destination"): ("destination", "chosen", BOTH_SIDES, rule, None),
        }
        for choice in CHOICES:
            yield f"different-{longer}_longer-choice_{choice}", Cell(*values, choice, *of_choice[policy, choice])


def _refused(field: Field, policy: str) -> Iterator[tuple[str, Cell]]:
    for longer in BOTH_SIDES:
        values = (field.longer, field.shorter) if longer == "source" else (field.shorter, field.longer)
        of_choice = {
            ("by_rule", None): (None, "refused", BOTH_SIDES, None, field.rule),
            ("ask", None): (None, "asked", BOTH_SIDES, None, "choice_missing"),
            ("ask", "source"): ("source", "chosen", BOTH_SIDES, None, None),
            ("ask", "destination"): ("destination", "chosen", BOTH_SIDES, None, None),
        }
        for choice in CHOICES:
            if (policy, choice) in of_choice:
                yield f"different-{longer}_longer-choice_{choice}", Cell(*values, choice, *of_choice[policy, choice])


def _cells() -> Iterator[Any]:
    for name, field in FIELDS.items():
        for policy in POLICIES:
            different = _refused(field, policy) if field.refuses else _ruled(field, policy)
            for case, cell in (*_without_mismatch(field), *different):
                yield pytest.param(name, policy, cell, id=f"{name}-{case}-{policy}")


@pytest.mark.parametrize(("name", "policy", "cell"), _cells())
def test_a_field_of_one_value__MRG_3_MRG_4(name: str, policy: str, cell: Cell) -> None:
    field = FIELDS[name]
    source, destination = _filled(field, SOURCE, cell.source), _filled(field, DESTINATION, cell.destination)
    plan = merge(source, destination, policy, choices={} if cell.choice is None else {name: cell.choice})
    outcome = outcome_of(plan, name)
    if outcome is not None or not name.startswith("attributes"):
        assert outcome == (name, cell.source, cell.destination, *cell[3:7])
    else:
        assert cell.why == "only_one"
    assert obstacles_of(plan, name) == ([cell.obstacle] if cell.obstacle else [])
    assert [o.field for o in plan.obstacles] == ([name] if cell.obstacle else [])
    if cell.kept is not None:
        assert field.seen(plan.after) == (cell.source if cell.kept == "source" else cell.destination)


@pytest.mark.parametrize("choice", BOTH_SIDES)
@pytest.mark.parametrize("name", [name for name, field in FIELDS.items() if field.refuses])
def test_where_the_policy_is_to_refuse_a_choice_alone_does_not_help__MRG_4(name: str, choice: str) -> None:
    field = FIELDS[name]
    source, destination = _filled(field, SOURCE, field.longer), _filled(field, DESTINATION, field.shorter)
    assert obstacles_of(merge(source, destination, choices={name: choice}), name) == [field.rule]


@pytest.mark.parametrize("name", [name for name, field in FIELDS.items() if not field.refuses])
def test_what_waits_for_a_choice_is_previewed_as_the_rule_preselects_it__MRG_4(name: str) -> None:
    field = FIELDS[name]
    plan = merge(_filled(field, SOURCE, field.longer), _filled(field, DESTINATION, field.shorter), "ask")
    outcome = outcome_of(plan, name)
    assert outcome is not None
    assert field.seen(plan.after) == (outcome.source if outcome.preselected == "source" else outcome.destination)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", ["customer_id", "main_phone", "main_email"])
@pytest.mark.parametrize("choice", BOTH_SIDES)
def test_the_loser_stays_as_an_ordinary_or_former_one__MRG_3_MRG_4(name: str, policy: str, choice: str) -> None:
    if policy == "by_rule" and FIELDS[name].refuses:
        pytest.skip("no choice here")
    field = FIELDS[name]
    source, destination = _filled(field, SOURCE, field.longer), _filled(field, DESTINATION, field.shorter)
    after = merge(source, destination, policy, choices={name: choice}).after
    loser = field.shorter if choice == "source" else field.longer
    assert {p.value for p in after.points} == {field.longer, field.shorter}
    lost = next(p for p in after.points if p.value == loser)
    before = next(p for p in (*source.points, *destination.points) if p.value == loser)
    assert lost == (before._replace(current=False) if name == "customer_id" else before._replace(main=False))


# Names ----------------------------------------------------------------------------------------------------------------

NAMES = [
    ("Ada Lovelace", "Ada", "source"),
    ("Ada", "Ada Lovelace", "destination"),
    ("Ada", "Bob", "destination"),
    ("  Ada   L  ", "Ada Lo", "destination"),
    ("Ada Lo", "  Ada   L  ", "source"),
    ("Ada  L", "Ada L", "destination"),
    ("Zoë", "Zoe", "destination"),
    ("李小龙先生", "Anna", "source"),
    ("Anna", "李小龙", "destination"),
]


@pytest.mark.parametrize(("source", "destination", "kept"), NAMES)
def test_the_longer_name_stays_after_trimming_and_folding_spaces__MRG_3(
    source: str, destination: str, kept: str
) -> None:
    plan = merge(side(SOURCE, name=source), side(DESTINATION, name=destination))
    assert plan.after.name == (source if kept == "source" else destination)
    assert not plan.obstacles


@pytest.mark.parametrize("confirmed", BOTH_SIDES)
def test_whether_a_name_was_confirmed_goes_with_the_name__MRG_3_RES_3(confirmed: str) -> None:
    source = side(SOURCE, name="Ada Lovelace", name_confirmed=confirmed == "source")
    destination = side(DESTINATION, name="Ada", name_confirmed=confirmed == "destination")
    assert merge(source, destination).after.name_confirmed is (confirmed == "source")
    assert merge(destination, source).after.name_confirmed is (confirmed == "source")


@pytest.mark.parametrize("confirmed", BOTH_SIDES)
def test_a_name_that_a_person_confirmed_on_either_side_stays_confirmed__RES_3(confirmed: str) -> None:
    source = side(SOURCE, name="Ada", name_confirmed=confirmed == "source")
    destination = side(DESTINATION, name="Ada", name_confirmed=confirmed == "destination")
    assert merge(source, destination).after.name_confirmed


# The same number on both sides ----------------------------------------------------------------------------------------

NUMBER = "+442079460000"
SPECIFIC = ("mobile", "home", "office")
TYPES = (*SPECIFIC, "other")
PAIRS = [(one, other) for one in TYPES for other in TYPES]


def _same_number(source: str, destination: str, policy: str = "by_rule", **given: Any) -> tuple[str, MergePlan]:
    sides = (
        side(who, held("phone", NUMBER, phone_type=kind), held("email", f"{who}@x.org"))
        for who, kind in ((SOURCE, source), (DESTINATION, destination))
    )
    one, other = sides
    field = f"phone_type.{one.points[0].contact_point_id}"
    choice = given.pop("choice", None)
    return field, merge(one, other, policy, choices={field: choice} if choice else {}, **given)


def _number_after(plan: MergePlan) -> Any:
    (after,) = (p for p in plan.after.points if p.kind == "phone")
    return after


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("source", "destination"), [(a, b) for a, b in PAIRS if a == b or "other" in (a, b)])
def test_other_yields_to_a_specific_type_without_asking__MRG_3(
    source: str, destination: str, policy: str, choice: str | None
) -> None:
    field, plan = _same_number(source, destination, policy, choice=choice)
    kept = "source" if destination == "other" != source else "destination"
    why = "equal" if source == destination else "specific_type"
    assert outcome_of(plan, field) == (field, source, destination, kept, why, (), None)
    assert not plan.obstacles
    after = _number_after(plan)
    assert after.phone_type == (source if kept == "source" else destination)
    assert after.identifying is (after.phone_type == "mobile")
    assert after.contact_point_id.startswith(DESTINATION)


TWO_SPECIFIC = [
    ("by_rule", None, None, "refused", "phone_types_differ"),
    ("by_rule", "source", None, "refused", "phone_types_differ"),
    ("by_rule", "destination", None, "refused", "phone_types_differ"),
    ("ask", None, None, "asked", "choice_missing"),
    ("ask", "source", "source", "chosen", None),
    ("ask", "destination", "destination", "chosen", None),
]


@pytest.mark.parametrize(("policy", "choice", "kept", "why", "code"), TWO_SPECIFIC)
@pytest.mark.parametrize(("source", "destination"), [(a, b) for a in SPECIFIC for b in SPECIFIC if a != b])
def test_the_same_number_with_two_specific_types_is_refused__MRG_3_MRG_4(
    source: str, destination: str, policy: str, choice: str | None, kept: str | None, why: str, code: str | None
) -> None:
    field, plan = _same_number(source, destination, policy, choice=choice)
    assert obstacles_of(plan, field) == ([code] if code else [])
    assert outcome_of(plan, field) == (field, source, destination, kept, why, BOTH_SIDES, None)
    if kept:
        after = _number_after(plan)
        assert after.phone_type == (source if kept == "source" else destination)
        assert after.identifying is (after.phone_type == "mobile")


@pytest.mark.parametrize("tagged", BOTH_SIDES)
@pytest.mark.parametrize("tag", ["sms", "contacted", "main", "proven"])
def test_a_contact_point_of_both_sides_has_the_tags_of_either__MRG_3_RES_14(tag: str, tagged: str) -> None:
    points = {which: held("phone", NUMBER, **{tag: which == tagged}) for which in BOTH_SIDES}
    plan = merge(side(SOURCE, points["source"]), side(DESTINATION, points["destination"]))
    assert getattr(_number_after(plan), tag)
    assert plan.absorbed == {f"{SOURCE}:phone={NUMBER}": f"{DESTINATION}:phone={NUMBER}"}


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
    rows = (
        Address(f"{who}:{n}", None, street, "London", None, "N1", "GB", n) for n, street in enumerate(streets)
    )  # fmt: skip
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
