"""Merges as a whole: what stands in the way and what clears it (MRG-17), and what holds for any two (MRG-2)."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.contact_points.points import HeldPoint
from onefold.merging.outcomes import BOTH_SIDES, Step
from onefold.merging.plan import MergePlan, can_detach
from onefold.merging.snapshot import Address, Detail, OpenConversation, ProfileSnapshot
from onefold.profiles.relationships import Relationship
from tests.dsl.cases import DESTINATION, POLICIES, SOURCE, held, merge, side

NUMBER = "+442079460000"


# What stands in the way, and what clears it (MRG-17) ------------------------------------------------------------------


def _refusals() -> list[Any]:
    """Pairs that the rules refuse, as source and destination."""
    email = held("email", "x@x.org")
    ids = [side(who, held("customer_id", who)) for who in (SOURCE, DESTINATION)]
    mains = [side(who, held("phone", f"+4420794600{n:02}", main=True)) for n, who in enumerate((SOURCE, DESTINATION))]
    two = [(SOURCE, "home"), (DESTINATION, "office")]
    types = [side(who, held("phone", NUMBER, phone_type=kind), held("visitor", who)) for who, kind in two]
    tagged = [side(w, held("phone", NUMBER, phone_type=k, main=True), held("visitor", w)) for w, k in two]
    both = [
        side(who, held("customer_id", who), held("phone", f"+4420794600{n:02}", main=True), email)
        for n, who in enumerate((SOURCE, DESTINATION))
    ]
    return [
        pytest.param(*ids, id="customer IDs"),
        pytest.param(*mains, id="Main phones"),
        pytest.param(*types, id="types"),
        pytest.param(*tagged, id="types of Main phones"),
        pytest.param(*both, id="customer IDs and Main phones"),
    ]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("source", "destination"), _refusals())
def test_each_step_that_is_offered_clears_its_obstacle__MRG_17(
    source: ProfileSnapshot, destination: ProfileSnapshot, policy: str
) -> None:
    refused = merge(source, destination, policy)
    assert refused.obstacles
    for obstacle in refused.obstacles:
        assert len(obstacle.steps) == (4 if obstacle.field.startswith("phone_type") else 2)
        for step in obstacle.steps:
            cleared = merge(source, destination, policy, steps=[step])
            assert obstacle.field not in [o.field for o in cleared.obstacles]
            assert set(cleared.obstacles) <= set(refused.obstacles)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("ordinary", BOTH_SIDES)
def test_a_main_phone_made_ordinary_stays_as_a_phone__MRG_17(ordinary: str, policy: str) -> None:
    source = side(SOURCE, held("phone", "+442079460001", main=True))
    destination = side(DESTINATION, held("phone", "+442079460002", main=True))
    after = merge(source, destination, policy, steps=[Step("make_ordinary", ordinary)]).after  # type: ignore[arg-type]
    main = {p.value: p.main for p in after.points}
    assert main == {"+442079460001": ordinary == "destination", "+442079460002": ordinary == "source"}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("former", BOTH_SIDES)
def test_a_customer_id_kept_as_a_former_one_is_not_lost__MRG_17(former: str, policy: str) -> None:
    source, destination = side(SOURCE, held("customer_id", "1")), side(DESTINATION, held("customer_id", "2"))
    after = merge(source, destination, policy, steps=[Step("keep_former", former)]).after  # type: ignore[arg-type]
    assert {p.value: p.current for p in after.points} == {"1": former == "destination", "2": former == "source"}


@pytest.mark.parametrize("detached", [SOURCE, DESTINATION])
def test_a_detached_contact_point_is_in_the_plan_by_itself__MRG_17(detached: str) -> None:
    source, destination = (
        side(who, held("phone", NUMBER, phone_type=kind), held("email", f"{who}@x.org"))
        for who, kind in ((SOURCE, "home"), (DESTINATION, "office"))
    )
    gone = f"{detached}:phone={NUMBER}"
    plan = merge(source, destination, steps=[Step("detach", contact_point_id=gone)])
    stays = next(p for p in (*source.points, *destination.points) if p.value == NUMBER and p.contact_point_id != gone)
    assert (plan.detached, plan.obstacles, plan.absorbed) == ((gone,), (), {})
    assert [p for p in plan.after.points if p.kind == "phone"] == [stays]


ONLY = [
    # what else the source and the destination hold → whose number may be detached
    ("email", "email", [SOURCE, DESTINATION]),
    (None, "email", [DESTINATION]),
    ("email", None, [SOURCE]),
    (None, None, []),
    ("customer_id", "email", [DESTINATION]),
    ("visitor", "customer_id", [SOURCE]),
]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("of_source", "of_destination", "offered"), ONLY)
def test_the_only_contact_point_is_not_offered_to_be_detached__DET_3_MRG_17(
    of_source: str | None, of_destination: str | None, offered: list[str], policy: str
) -> None:
    sides = []
    for who, more, kind in ((SOURCE, of_source, "home"), (DESTINATION, of_destination, "office")):
        sides.append(side(who, held("phone", NUMBER, phone_type=kind), *([held(more, who)] if more else [])))
    (obstacle,) = merge(sides[0], sides[1], policy).obstacles
    detaching = [step.contact_point_id for step in obstacle.steps if step.step == "detach"]
    assert detaching == [f"{who}:phone={NUMBER}" for who in offered]


def test_a_plan_never_detaches_the_only_contact_point_of_a_profile__DET_3() -> None:
    source, destination = side(SOURCE, held("phone", NUMBER, phone_type="home")), side(DESTINATION)
    only = source.points[0].contact_point_id
    assert not can_detach(source.points, only)
    plan = merge(source, destination, steps=[Step("detach", contact_point_id=only)])
    assert plan.detached == ()
    assert plan.after.points == source.points


def test_two_steps_do_not_detach_all_that_a_profile_has__DET_3() -> None:
    numbers = NUMBER, "+442079460009"
    source, destination = (
        side(who, *(held("phone", number, phone_type=kind) for number in numbers))
        for who, kind in ((SOURCE, "home"), (DESTINATION, "office"))
    )
    steps = [step for o in merge(source, destination).obstacles for step in o.steps if step.step == "detach"]
    assert len(steps) == 4
    plan = merge(source, destination, steps=[step for step in steps if SOURCE in str(step.contact_point_id)])
    assert len(plan.detached) == 1


def test_steps_for_points_that_neither_side_holds_do_nothing__MRG_17() -> None:
    source, destination = side(SOURCE, held("customer_id", "1"), held("email", "a@x.org")), side(DESTINATION)
    steps = [Step("detach", contact_point_id=i) for i in ("elsewhere", source.points[0].contact_point_id)]
    assert merge(source, destination, steps=steps) == merge(source, destination)


# Any two profiles -----------------------------------------------------------------------------------------------------

# What `validate_text` lets in: no NUL, no lone surrogate.
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
    main, current = draw(st.sampled_from("1234")), draw(st.sampled_from("1234"))
    points = []
    for kind, end in keys:
        phone_type = draw(TYPES) if kind == "phone" else None
        flags = draw(BITS)
        sms, handle, opens, contacted, known = (flags >> bit & 1 == 1 for bit in range(5))
        points.append(
            HeldPoint(
                f"{who}:{kind}:{end}",
                kind,
                f"fb:{end}" if kind == "social" else end,
                None,
                phone_type,
                kind in ("email", "phone") and end == main,
                kind == "phone" and sms,
                "@ada" if handle else None,
                phone_type in (None, "mobile") and opens,
                contacted,
                kind not in ("social", "customer_id") or end == current,
                "entered" if known else "contacted" if contacted else "claimed",
            )
        )
    return tuple(points)


@st.composite
def _sides(draw: st.DrawFn, who: str, other: str) -> ProfileSnapshot:
    details = draw(st.lists(st.tuples(st.sampled_from(["pet", "Pet", "car"]), WORDS), max_size=3))
    streets = draw(st.lists(WORDS, max_size=2))
    third = st.sampled_from(["profile-3", "profile-4", other])
    kinds = st.sampled_from(["parent", "child", "spouse", "captain", "captain of"])
    relations = draw(st.lists(st.tuples(third, kinds, st.booleans()), max_size=3))
    inbox, agent = draw(st.sampled_from(["", "i", "o"])), draw(st.sampled_from([None, "x", "y"]))
    return ProfileSnapshot(
        who,
        draw(st.integers(1, 2)),
        draw(NAMES),
        draw(st.booleans()),
        draw(NAMES),
        draw(st.none() | WORDS),
        draw(st.dictionaries(WORDS, VALUES, max_size=2)),
        draw(_points(who)),
        tuple(Detail(f"{who}:d{n}", key, value, None) for n, (key, value) in enumerate(details)),
        tuple(Address(f"{who}:a{n}", None, street, None, None, None, "GB", n) for n, street in enumerate(streets)),
        tuple(
            Relationship(f"{who}:r{n}", *((who, them) if turned else (them, who)), kind)
            for n, (them, kind, turned) in enumerate(relations)
        ),
        OpenConversation(f"{who}:c", inbox, agent, agent or inbox) if inbox else None,
    )


class Attempt(NamedTuple):
    """A merge as somebody may ask for it."""

    source: ProfileSnapshot
    destination: ProfileSnapshot
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
    expected = {r.seen_from(of.profile_id) for of, r in before if {r.profile_id, r.other_id} != pair}
    assert {r.seen_from(DESTINATION) for r in after} == expected


@given(_attempts())
def test_either_way_round_the_same_values_stay__MRG_1(attempt: Attempt) -> None:
    there = merge(attempt.source, attempt.destination).after
    back = merge(attempt.destination, attempt.source).after
    assert {(p.kind, p.value) for p in there.points} == {(p.kind, p.value) for p in back.points}
    assert {a.place for a in there.addresses} == {a.place for a in back.addresses}
    assert set(there.attributes) == set(back.attributes)
    assert {r.seen_from(DESTINATION) for r in there.relations} == {r.seen_from(SOURCE) for r in back.relations}


def _ids(sides: Sequence[ProfileSnapshot]) -> set[str]:
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
