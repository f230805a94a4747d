"""A field that both sides of a merge fill: the table of MRG-3, every cell of it, under both presets of MRG-4."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from onefold.contact_points.standing import Standing
from onefold.merging.outcomes import BOTH_SIDES
from onefold.merging.plan import MergePlan
from onefold.merging.snapshot import ProfileSnapshot
from tests.dsl.cases import DESTINATION, POLICIES, SOURCE, held, merge, obstacles_of, outcome_of, side

CHOICES = (None, *BOTH_SIDES)


# Fields of one value: what fills them, where they are seen afterwards, and the rule -----------------------------------


class Field(NamedTuple):
    """`rule` is the `why` of the table's choice, or the code of its refusal."""

    longer: Any
    shorter: Any
    fill: Callable[[Any], dict[str, Any]]
    seen: Callable[[ProfileSnapshot], Any]
    rule: str
    refuses: bool = False


def _filled(field: Field, profile_id: str, value: Any) -> ProfileSnapshot:
    given = {} if value is None else field.fill(value)
    return side(profile_id, *given.pop("held", ()), **given)


def _value(point: Any) -> Any:
    return None if point is None else point.value


FIELDS = {
    "customer_id": Field(
        "C-100",
        "C-2",
        lambda v: {"held": [held("customer_id", v)]},
        lambda s: _value(s.customer_id),
        "customer_ids_differ",
        True,
    ),
    "main_phone": Field(
        "+442079460001",
        "+4930901820",
        lambda v: {"held": [held("phone", v, main=True)]},
        lambda s: _value(s.main("phone")),
        "main_phones_differ",
        True,
    ),
    "main_email": Field(
        "ada.lovelace@example.com",
        "a@example.com",
        lambda v: {"held": [held("email", v, main=True)]},
        lambda s: _value(s.main("email")),
        "current_profile",
    ),
    "name": Field("Ada Lovelace", "Ada", lambda v: {"name": v}, lambda s: s.name, "longer_name"),
    "image": Field("/i/long.png", "/i/s.png", lambda v: {"image": v}, lambda s: s.image, "current_profile"),
    "username": Field("ada.lovelace", "ada", lambda v: {"username": v}, lambda s: s.username, "current_profile"),
    "attributes.tier": Field(
        "platinum", "gold", lambda v: {"attributes": {"tier": v}}, lambda s: s.attributes.get("tier"), "current_profile"
    ),
}


class Cell(NamedTuple):
    """`kept_side` None is a merge that waits for the agent or is refused."""

    source: Any
    destination: Any
    choice: str | None
    kept_side: str | None
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
            ("by_rule", None): (None, "refused", (), None, field.rule),
            ("by_rule", "source"): (None, "refused", (), None, field.rule),
            ("by_rule", "destination"): (None, "refused", (), None, field.rule),
            ("ask", None): (None, "asked", BOTH_SIDES, None, "choice_missing"),
            ("ask", "source"): ("source", "chosen", BOTH_SIDES, None, None),
            ("ask", "destination"): ("destination", "chosen", BOTH_SIDES, None, None),
        }
        for choice in CHOICES:
            yield f"different-{longer}_longer-choice_{choice}", Cell(*values, choice, *of_choice[policy, choice])


def _cells() -> Iterator[Any]:
    for name, field in FIELDS.items():
        for policy in POLICIES:
            different = _refused(field, policy) if field.refuses else _ruled(field, policy)
            for case, cell in (*_without_mismatch(field), *different):
                yield pytest.param(name, policy, cell, id=f"{name}-{case}-{policy}")


@pytest.mark.parametrize(("name", "policy", "cell"), list(_cells()))
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
    if cell.kept_side is not None:
        assert field.seen(plan.after) == (cell.source if cell.kept_side == "source" else cell.destination)


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


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        ("main_email", "by_rule"),
        ("main_email", "ask"),
        ("main_phone", "ask"),
        ("customer_id", "ask"),
    ],
)
@pytest.mark.parametrize("choice", BOTH_SIDES)
def test_the_loser_stays_as_an_ordinary_or_former_one__MRG_3_MRG_4(name: str, policy: str, choice: str) -> None:
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
    ("李小龙", "Anna", "destination"),
    ("Anna", "李小龙", "source"),
]


@pytest.mark.parametrize(("source", "destination", "kept_side"), NAMES)
def test_the_longer_name_stays_after_trimming_and_folding_spaces__MRG_3(
    source: str, destination: str, kept_side: str
) -> None:
    plan = merge(side(SOURCE, name=source), side(DESTINATION, name=destination))
    assert plan.after.name == (source if kept_side == "source" else destination)
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
    kept_side = "source" if destination == "other" != source else "destination"
    why = "equal" if source == destination else "specific_type"
    assert outcome_of(plan, field) == (field, source, destination, kept_side, why, (), None)
    assert not plan.obstacles
    after = _number_after(plan)
    assert after.phone_type == (source if kept_side == "source" else destination)
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


@pytest.mark.parametrize(("policy", "choice", "kept_side", "why", "code"), TWO_SPECIFIC)
@pytest.mark.parametrize(("source", "destination"), [(a, b) for a in SPECIFIC for b in SPECIFIC if a != b])
def test_the_same_number_with_two_specific_types_is_refused__MRG_3_MRG_4(
    source: str, destination: str, policy: str, choice: str | None, kept_side: str | None, why: str, code: str | None
) -> None:
    field, plan = _same_number(source, destination, policy, choice=choice)
    assert obstacles_of(plan, field) == ([code] if code else [])
    options = BOTH_SIDES if policy == "ask" else ()  # what the policy refuses is nobody's choice
    assert outcome_of(plan, field) == (field, source, destination, kept_side, why, options, None)
    if kept_side:
        after = _number_after(plan)
        assert after.phone_type == (source if kept_side == "source" else destination)
        assert after.identifying is (after.phone_type == "mobile")


@pytest.mark.parametrize(
    ("source", "destination", "after"),
    [
        ("contacted", "claimed", "contacted"),
        ("claimed", "contacted", "contacted"),
        ("entered", "claimed", "entered"),
        ("claimed", "entered", "entered"),
        ("entered", "contacted", "contacted"),
        ("claimed", "claimed", "claimed"),
    ],
)
def test_what_both_hold_is_known_as_the_better_side_knows_it__MRG_3_PRO_13(
    source: Standing, destination: Standing, after: Standing
) -> None:
    points = [held("phone", NUMBER, standing=standing) for standing in (source, destination)]
    plan = merge(side(SOURCE, points[0]), side(DESTINATION, points[1]))
    assert _number_after(plan).standing == after


def test_the_type_of_a_claimed_number_stands_in_nobodys_way__MRG_3_PRO_13() -> None:
    claimed, own = (
        held("phone", NUMBER, phone_type="home", standing="claimed"),
        held("phone", NUMBER, phone_type="mobile"),
    )
    for points in ((claimed, own), (own, claimed)):
        plan = merge(side(SOURCE, points[0]), side(DESTINATION, points[1]))
        assert (plan.obstacles, _number_after(plan).phone_type) == ((), "mobile")


@pytest.mark.parametrize("tagged", BOTH_SIDES)
@pytest.mark.parametrize("tag", ["sms", "contacted", "main"])
def test_a_contact_point_of_both_sides_has_the_tags_of_either__MRG_3_RES_14(tag: str, tagged: str) -> None:
    points = {side_name: held("phone", NUMBER, **{tag: side_name == tagged}) for side_name in BOTH_SIDES}
    plan = merge(side(SOURCE, points["source"]), side(DESTINATION, points["destination"]))
    assert getattr(_number_after(plan), tag)
    assert plan.absorbed == {f"{SOURCE}:phone={NUMBER}": f"{DESTINATION}:phone={NUMBER}"}
