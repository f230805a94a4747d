"""Merges undone in whatever order: each takes back what it brought, and nothing of another's (MRG-13, MRG-19).

Four merges in four shapes, undone in every order. After each undo every living profile has the own fields, the shared
numbers, the details and the relationships, and every open conversation the assignee, that it would have if the merges
undone so far had never been.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from onefold.conversations import drafts
from onefold.conversations.drafts import Composed
from onefold.merging.outcomes import Step, Which
from onefold.organizations.merge_policies import BY_RULE
from onefold.organizations.store import change_settings
from onefold.profiles.service import PointInput
from onefold.receiving.contact import Further
from tests.conftest import Base
from tests.dsl.words import (
    add_detail,
    add_draft,
    agent,
    conversation,
    do,
    edit,
    evidence,
    list_point,
    merge,
    point_of,
    profile,
    receive,
    rows,
    set_conversation,
    show,
    undo,
)
from tests.invariants import check_base

Merges = Sequence[tuple[int, int]]

SHAPES: dict[str, Merges] = {
    "all into one": [(1, 0), (2, 0), (3, 0), (4, 0)],
    "each into the next": [(4, 3), (3, 2), (2, 1), (1, 0)],
    "from the top": [(1, 0), (2, 0), (4, 3), (3, 0)],
    "two pairs, then one": [(1, 0), (3, 2), (2, 0), (4, 0)],
}
ORDERS = list(itertools.permutations(range(4)))
USUAL = [(0, 1, 2, 3), (2, 0, 3, 1), (1, 3, 0, 2)]


class Own(NamedTuple):
    """What a merge decides of a profile by rule."""

    name: str | None
    username: str | None
    image: str | None
    attributes: dict[str, Any]
    assignee: str
    numbers: dict[str, str]
    details: set[str]


SWITCHBOARD, OFFICE = "+442079460001", "+442079460002"
PEOPLE = [
    Own("Al", None, None, {"tier": "0"}, "a0", {OFFICE: "other"}, set()),
    Own("Alexander", "alex", None, {"tier": "1", "since": "1"}, "a1", {SWITCHBOARD: "other"}, {"red"}),
    Own("Alexander", "xander", "2.png", {"since": "2"}, "a2", {SWITCHBOARD: "home", OFFICE: "other"}, {"red"}),
    Own("Alexander the Great", None, "3.png", {"tier": "3", "colour": "3"}, "a3", {SWITCHBOARD: "other"}, {"blue"}),
    Own(None, "great", "4.png", {"colour": "4", "size": "4"}, "a4", {SWITCHBOARD: "home", OFFICE: "home"}, {"red"}),
]


def merged(source: Own, destination: Own, by: str) -> Own:
    """MRG-3 and MRG-7 once more, as plainly as they can be said."""
    longer = len(source.name or "") > len(destination.name or "")
    types = [(number, kind) for side in (destination, source) for number, kind in side.numbers.items()]
    return Own(
        source.name if longer else destination.name,
        destination.username or source.username,
        destination.image or source.image,
        {**source.attributes, **destination.attributes},
        destination.assignee if source.assignee == destination.assignee else by,
        {**dict(types), **{number: kind for number, kind in types if kind != "other"}},
        destination.details | source.details,
    )


def never_merged(merges: Merges, undone: Sequence[int]) -> dict[int, Own]:
    """Everybody who lives, had the undone merges never been."""
    people = dict(enumerate(PEOPLE))
    for number, (source, destination) in enumerate(merges):
        if number not in undone:
            people[destination] = merged(people.pop(source), people[destination], f"m{number}")
    return people


class Cast(NamedTuple):
    """Five customers, the agents they are assigned to, and those who merge."""

    ids: list[str]
    conversations: list[str]
    agents: dict[str, str]


def cast(base: Base) -> Cast:
    names = [*(own.assignee for own in PEOPLE), *(f"m{n}" for n in range(4))]
    agents = {name: agent(base, name) for name in names}
    ids, talks = [], []
    for number, own in enumerate(PEOPLE):
        answer = receive(base, "email", email=f"{number}{len(rows(base, 'SELECT id FROM profiles'))}@kite.example")
        edit(base, answer.profile_id, name=own.name, username=own.username, image=own.image, attributes=own.attributes)
        set_conversation(base, answer.conversation_id, agents[own.assignee])
        for phone, phone_type in own.numbers.items():
            list_point(base, answer.profile_id, PointInput("phone", phone, phone_type=phone_type))
        for value in own.details:
            add_detail(base, answer.profile_id, "colour", value)
        ids.append(answer.profile_id)
        talks.append(answer.conversation_id)
    return Cast(ids, talks, agents)


def as_they_are(base: Base, people: Cast) -> dict[int, Own]:
    names = {agent_id: name for name, agent_id in people.agents.items()}
    living = rows(base, "SELECT id FROM profiles WHERE survivor_id IS NULL")
    own_by_number = {}
    for number, profile_id in enumerate(people.ids):
        if profile_id in {str(row.id) for row in living}:
            row = show(base, profile_id).row
            numbers = [point for point in show(base, profile_id).points if point.kind == "phone"]
            sql = "SELECT assignee_id FROM conversations WHERE profile_id = :id AND state = 'open'"
            (talk,) = rows(base, sql, id=profile_id)
            own_by_number[number] = Own(
                row.name,
                row.username,
                row.image,
                dict(row.attributes or {}),
                names[str(talk.assignee_id)],
                {point.value: str(point.phone_type) for point in numbers},
                {detail["value"] for detail in show(base, profile_id).details},
            )
    return own_by_number


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("order", USUAL)
def test_undone_in_any_order_all_is_as_if_it_had_never_been__MRG_13_MRG_19(
    base: Base, shape: str, order: Sequence[int]
) -> None:
    check_order(base, shape, order)


@pytest.mark.soak
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("order", ORDERS)
def test_undone_in_every_order_all_is_as_if_it_had_never_been__MRG_13_MRG_19(
    base: Base, shape: str, order: Sequence[int]
) -> None:
    check_order(base, shape, order)


def check_order(base: Base, shape: str, order: Sequence[int]) -> None:
    merges, people = SHAPES[shape], cast(base)
    done = [
        merge(base, people.ids[source], people.ids[destination], people.agents[f"m{number}"])
        for number, (source, destination) in enumerate(merges)
    ]
    assert as_they_are(base, people) == never_merged(merges, ())
    for count in range(1, len(order) + 1):
        undo(base, done[order[count - 1]].id)
        assert as_they_are(base, people) == never_merged(merges, order[:count]), order[:count]
    check_base(base.database, base.organization_id)


# What speaks for whom ------------------------------------------------------------------------------------------------


def brought_with(base: Base, email: str, further: str) -> str:
    """A customer who writes by one email and names another one (RES-11)."""
    answer = receive(base, "email", email=email, sender_state="proven", further=Further(emails=(further,)))
    return answer.profile_id


SHARED = "lena@kite.example"


BROUGHT = {"each into the next": [(0, 1), (1, 2), (3, 4)], "two into one": [(0, 1), (2, 1), (3, 4)]}


@pytest.mark.parametrize("shape", BROUGHT)
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_what_a_contact_brought_goes_on_speaking_whatever_is_undone__RES_11_MRG_19(
    base: Base, shape: str, order: Sequence[int]
) -> None:
    """Lena's email is named by Cara and by Sam, who do not hold it."""
    lena = receive(base, "email", email=SHARED, sender_state="proven").profile_id
    sam, cara = (brought_with(base, f"{name}@kite.example", SHARED) for name in ("sam", "cara"))
    people = [lena, profile(base, name="Bo"), cara, sam, profile(base, name="Eve")]
    before = evidence(base)
    done = [merge(base, people[source], people[destination]).id for source, destination in BROUGHT[shape]]
    for number in order:
        undo(base, done[number])
    assert evidence(base) == before


@pytest.mark.parametrize("limit", [2, 20])
@pytest.mark.parametrize("kept", list(itertools.product(("source", "destination"), repeat=2)), ids="-".join)
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_two_of_one_username_suggest_each_other_again_whatever_is_undone__SUG_1_MRG_19(
    base: Base, order: Sequence[int], kept: Sequence[Which], limit: int
) -> None:
    """Of four, the first and the last have one username; a merge between them may let another one win."""
    do(base, lambda unit: change_settings(unit, merge_policies={**BY_RULE, "username": "ask"}, shared_limit=limit))
    people = [profile(base, name="Lena", username=username) for username in ("lena.h", None, "hofer", "lena.h")]
    before = evidence(base)
    done = [merge(base, people[0], people[1]).id]
    for number, choice in enumerate(kept, start=1):
        done.append(merge(base, people[number], people[number + 1], choices={"username": choice}).id)
    for number in order:
        undo(base, done[number])
    assert {row[2:] for row in before} == {("handle", "lena.h", "lena.h")}
    assert before <= evidence(base)


# What people change in between ----------------------------------------------------------------------------------------


def test_what_was_changed_by_hand_between_two_merges_stays__MRG_19(base: Base) -> None:
    zero, one, two = (profile(base, name=name) for name in ("Al", "Alexander", "Alexander the Great"))
    first = merge(base, one, zero)
    edit(base, zero, name="Alec")
    second = merge(base, two, zero)
    undo(base, first.id)
    assert show(base, zero).row.name == "Alexander the Great"
    undo(base, second.id)
    assert show(base, zero).row.name == "Alec"


def test_what_was_changed_by_hand_after_the_last_merge_stays__MRG_19(base: Base) -> None:
    zero, one, two = (profile(base, name=name) for name in ("Al", "Alexander", "Alexander the Great"))
    done = [merge(base, one, zero), merge(base, two, zero)]
    edit(base, zero, name="Alec")
    for merged_row in done:
        undo(base, merged_row.id)
        assert show(base, zero).row.name == "Alec"


def test_a_choice_that_was_made_counts_when_the_merge_below_is_undone__MRG_4_MRG_19(base: Base) -> None:
    """The agent kept the source's username; whose came before makes no difference to that."""
    zero = profile(base, name="Al")
    one, two = (profile(base, name="Al", username=name) for name in ("one", "two"))
    first = merge(base, one, zero)
    second = merge(base, two, zero, choices={"username": "source"})
    undo(base, first.id)
    assert show(base, zero).row.username == "two"
    undo(base, second.id)
    assert show(base, zero).row.username is None


@pytest.mark.parametrize("by_step", [True, False], ids=["by a step", "by choice"])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_type_that_was_kept_against_another_goes_back_with_its_number__MRG_4_MRG_19(
    base: Base, by_step: bool, order: Sequence[int]
) -> None:
    """One's mobile went into two, and by that into zero, who held the number as home; the agent kept mobile."""
    if not by_step:
        do(base, lambda unit: change_settings(unit, merge_policies={**BY_RULE, "phone_type": "choose"}))
    one = receive(base, "sms", phone=OFFICE).profile_id
    zero = profile(base, PointInput("phone", OFFICE, phone_type="home"), PointInput("email", "z@kite.example"))
    two = profile(base, PointInput("email", "t@kite.example"))
    number, before = point_of(base, one, OFFICE), held(base)
    done = [merge(base, one, two).id]
    steps = [Step("keep_type", "source", number.contact_point_id)] if by_step else []
    choices = {} if by_step else {f"phone_type.{number.contact_point_id}": "source"}
    done.append(merge(base, two, zero, steps=steps, choices=choices).id)
    assert point_of(base, zero, OFFICE).phone_type == "mobile"
    for at in order:
        undo(base, done[at])
    assert held(base) == before


def test_what_came_from_an_address_since_came_from_whom_it_goes_back_to__MRG_13_PRO_13(base: Base) -> None:
    """Ann held the address, a failed sender only claimed it; both went into Zoe, and then Ann wrote."""
    failed = receive(base, "email", email=SHARED, sender_state="failed").profile_id
    ann = profile(base, PointInput("email", SHARED), name="Ann")
    zoe = profile(base, name="Zoe")
    first = merge(base, ann, zoe)
    merge(base, failed, zoe)
    receive(base, "email", email=SHARED, sender_state="proven")
    undo(base, first.id)
    stand = {one: (point_of(base, one, SHARED).standing, point_of(base, one, SHARED).identifying) for one in (ann, zoe)}
    assert stand == {ann: ("contacted", True), zoe: ("claimed", False)}
    check_base(base.database, base.organization_id)


def held(base: Base) -> list[Any]:
    """Every contact point, as it is."""
    sql = "SELECT id, profile_id, phone_type, identifying, contacted, standing FROM contact_points ORDER BY id"
    return [tuple(row) for row in rows(base, sql)]


def test_merged_undone_and_merged_again_in_between__MRG_19(base: Base) -> None:
    zero, one, two = (profile(base, name=name) for name in ("Al", "Alexander", "Alexander the Great"))
    first = merge(base, one, zero)
    undo(base, merge(base, two, zero).id)
    third = merge(base, two, zero)
    undo(base, first.id)
    undo(base, third.id)
    assert [show(base, one_id).row.name for one_id in (zero, one, two)] == ["Al", "Alexander", "Alexander the Great"]


def test_a_conversation_that_was_assigned_by_hand_since_stays_so__MRG_19(base: Base) -> None:
    people = cast(base)
    first = merge(base, people.ids[1], people.ids[0], people.agents["m0"])
    second = merge(base, people.ids[2], people.ids[0], people.agents["m1"])
    set_conversation(base, people.conversations[0], people.agents["a4"])
    for done in (first, second):
        undo(base, done.id)
    assert conversation(base, people.conversations[0]).assignee_id == people.agents["a4"]


def test_a_draft_to_a_number_that_goes_back_goes_to_the_row_that_stays__MRG_9_MRG_19(base: Base) -> None:
    """Both sources held the switchboard: the first one's row goes back with it, the second one's takes its place."""
    zero = profile(base, PointInput("email", "zero@kite.example"))
    one, two = (
        profile(base, PointInput("phone", SWITCHBOARD, phone_type="home"), name=name) for name in ("One", "Two")
    )
    first = merge(base, one, zero)
    merge(base, two, zero)
    author = agent(base, "Ada")
    line = point_of(base, zero, SWITCHBOARD).contact_point_id
    add_draft(base, zero, author, Composed("sms", "dear", None, line))
    undo(base, first.id)
    assert point_of(base, one, SWITCHBOARD).contact_point_id == line
    (draft,) = do(base, lambda unit: drafts.of_profile(unit, zero, author, None, 10))
    assert draft.contact_point_id == point_of(base, zero, SWITCHBOARD).contact_point_id != line


def test_a_merge_below_one_whose_record_was_erased_can_still_be_undone__MRG_13_MRG_19(base: Base) -> None:
    """An erasure takes the records that tell of the erased: the way up is not known to its end any more."""
    zero, one, two = (
        profile(base, PointInput("email", f"{name}@kite.example"), name=name.title()) for name in ("zero", "one", "two")
    )
    add_detail(base, one, "colour", "red")
    first = merge(base, one, two)
    second = merge(base, two, zero)
    with base.database.write(base.organization_id) as unit:
        unit.execute(sa.text("DELETE FROM audit_records WHERE seq = :seq"), {"seq": second.audit_seq})
    undo(base, first.id)
    assert [{p.value for p in show(base, profile_id).points} for profile_id in (zero, one)] == [
        {"two@kite.example", "zero@kite.example"},
        {"one@kite.example"},
    ]
    assert [len(show(base, profile_id).details) for profile_id in (zero, one)] == [0, 1]
    assert [show(base, profile_id).row.name for profile_id in (zero, one)] == ["Zero", "One"]
    check_base(base.database, base.organization_id)
