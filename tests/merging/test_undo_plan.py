"""Undoing as a plan: merges lie on a profile as layers, and one is taken out of the midst of them (MRG-13, MRG-19).

B and then C are merged into A; everybody may hold one switchboard, each by a row of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from onefold.contact_points.points import HeldPoint
from onefold.matching.evidence import Evidence
from onefold.merging.layers import Layer, take_out
from onefold.merging.record import MergeRecord
from onefold.merging.snapshot import Address, Detail, ProfileSnapshot
from onefold.merging.undo_plan import Relationships, UndoPlan, plan_undo
from onefold.profiles.relationships import Relationship
from tests.dsl.cases import AGENT, held, merge, policy, side

SWITCHBOARD = "+442079460001"
DAY = datetime(2026, 11, 1, tzinfo=UTC)
Edit = Callable[[ProfileSnapshot], ProfileSnapshot]


def unchanged(profile: ProfileSnapshot) -> ProfileSnapshot:
    return profile


def person(name: str, phone_type: str | None) -> ProfileSnapshot:
    """Somebody with an email of their own who holds the switchboard, or not (None)."""
    numbers = [] if phone_type is None else [held("phone", SWITCHBOARD, "line", phone_type=phone_type)]
    return side(name, held("email", f"{name.lower()}@kite.example", "mail"), *numbers, name=name)


def layer(number: int, source: ProfileSnapshot, destination: ProfileSnapshot) -> Layer:
    plan = merge(source, destination)
    at = DAY + timedelta(hours=number)
    return Layer(f"merge-{number}", source, destination, plan.after, plan.absorbed, {}, (), AGENT, None, at)


def undo(
    people: list[ProfileSnapshot], *, between: Edit = unchanged, since: Edit = unchanged, number: int = 0
) -> UndoPlan:
    """B into A, then C into A, with what somebody edits between the two and after them; the first or second undone."""
    a, b, c = people
    first = layer(0, b, a)
    second = layer(1, c, between(first.after))
    taken = take_out([first, second], f"merge-{number}")
    return plan_undo(taken, since(second.after), policy(), Relationships([], {}, set()))


def lines(profile: ProfileSnapshot) -> dict[str, str | None]:
    """The rows of the switchboard on a profile, with their types."""
    return {p.contact_point_id: p.phone_type for p in profile.points if p.value == SWITCHBOARD}


def with_lines(edit: Callable[[HeldPoint], HeldPoint | None]) -> Edit:
    """An edit by hand of what stands for the switchboard."""

    def edited(profile: ProfileSnapshot) -> ProfileSnapshot:
        points = [edit(p) if p.value == SWITCHBOARD else p for p in profile.points]
        return profile._replace(points=tuple(p for p in points if p is not None))

    return edited


# Who holds the switchboard, by type             → undone   A's rows after it                B's or C's rows
HELD: list[tuple[tuple[str | None, str | None, str | None], int, dict[str, str], dict[str, str]]] = [
    ((None, "home", "home"), 0, {"C:line": "home"}, {"B:line": "home"}),
    ((None, "other", "home"), 0, {"C:line": "home"}, {"B:line": "other"}),
    ((None, "home", "other"), 0, {"C:line": "other"}, {"B:line": "home"}),
    ((None, "home", "home"), 1, {"B:line": "home"}, {"C:line": "home"}),
    ((None, "other", "home"), 1, {"B:line": "other"}, {"C:line": "home"}),
    (("other", "home", "home"), 0, {"A:line": "home"}, {"B:line": "home"}),
    (("other", "home", None), 0, {"A:line": "other"}, {"B:line": "home"}),
    ((None, "home", None), 0, {}, {"B:line": "home"}),
]


@pytest.mark.parametrize(("types", "number", "of_destination", "of_source"), HELD)
def test_each_takes_back_its_own_row_of_a_number_that_several_held__MRG_19(
    types: tuple[str | None, str | None, str | None],
    number: int,
    of_destination: dict[str, str],
    of_source: dict[str, str],
) -> None:
    plan = undo([person(name, held_as) for name, held_as in zip("ABC", types, strict=True)], number=number)
    assert (lines(plan.destination), lines(plan.source)) == (of_destination, of_source)
    assert plan.gone == ()


def test_what_had_become_one_with_a_row_that_goes_back_leads_to_its_heir__MRG_19() -> None:
    plan = undo([person("A", None), person("B", "home"), person("C", "home")])
    assert plan.heirs == {"B:line": "C:line"}
    assert plan.released == {"C:line": None}


# What somebody has done by hand                 when        A's rows after it        B's rows
EDITED: list[tuple[Edit, str, dict[str, str], dict[str, str]]] = [
    (with_lines(lambda p: None), "since", {}, {}),
    (with_lines(lambda p: None), "between", {"C:line": "home"}, {}),
    (with_lines(lambda p: p._replace(phone_type="fax")), "since", {"C:line": "fax"}, {"B:line": "fax"}),
]


@pytest.mark.parametrize(("edit", "when", "of_destination", "of_source"), EDITED)
def test_what_was_done_by_hand_stays_done__MRG_13_MRG_19(
    edit: Edit, when: str, of_destination: dict[str, str], of_source: dict[str, str]
) -> None:
    plan = undo([person("A", None), person("B", "home"), person("C", "home")], **{when: edit})  # type: ignore[arg-type]
    assert (lines(plan.destination), lines(plan.source)) == (of_destination, of_source)


def test_a_detail_that_was_taken_away_between_two_merges_does_not_come_back__MRG_13() -> None:
    b = person("B", None)._replace(details=(Detail("d1", "Colour", "red", None),))
    plan = undo([person("A", None), b, person("C", None)], between=lambda profile: profile._replace(details=()))
    assert (plan.source.details, plan.destination.details) == ((), ())
    assert plan.gone == (("detail", "d1"),)


def test_a_relationship_between_two_who_were_both_merged_away_is_there_again__MRG_19() -> None:
    """C lives in A still: until it comes back, B's is one with A."""
    spouse = Relationship("r1", "B", "C", "spouse")
    a, b, c = person("A", None), *(person(name, None)._replace(relations=(spouse,)) for name in "BC")
    first = layer(0, b, a)
    second = layer(1, c._replace(relations=first.after.relations), first.after)
    taken = take_out([first, second], "merge-0")
    plan = plan_undo(taken, second.after, policy(), Relationships([spouse], {"B": "B", "C": "A"}, {"r1"}))
    assert plan.source.relations == plan.destination.relations == (Relationship("r1", "B", "A", "spouse"),)
    assert plan.gone == ()


def test_a_record_is_read_as_it_was_written__MRG_14() -> None:
    source = person("B", "home")._replace(
        details=(Detail("d1", "Colour", "red", None),),
        addresses=(Address("a1", None, "1 Main St", "York", None, None, None, 0),),
        relations=(Relationship("r1", "B", "C", "spouse"),),
    )
    destination = person("A", "home")
    plan = merge(source, destination)
    evidence = Evidence("A", "B", "phone", SWITCHBOARD, SWITCHBOARD, DAY)
    other = evidence._replace(other_id="C")
    rest: dict[str, Any] = {"choices": {"name": "source"}, "created": {"d1": DAY}, "suggested": {("A", "B"): DAY}}
    record = MergeRecord(
        source,
        destination,
        plan.after,
        plan.absorbed,
        evidence=(evidence, other),
        former_ids=("D",),
        drafts=("draft",),
        **rest,
    )
    assert MergeRecord.from_json(json.loads(json.dumps(record.to_json()))) == record
    assert record.evidence_between == (evidence,)
