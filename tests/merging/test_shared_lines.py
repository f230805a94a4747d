"""Calls from a number that several hold: filed in one step while there is nothing but the call (RES-16)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from onefold.conversations import service as conversations
from onefold.conversations.service import Written
from onefold.core.errors import Conflict, NotFound
from onefold.merging import shared_lines
from onefold.merging.shared_lines import Candidate
from onefold.profiles import service as profiles
from onefold.profiles.service import PointInput
from tests.conftest import Base
from tests.dsl.words import (
    COMMAND,
    add_address,
    add_detail,
    agent,
    do,
    edit,
    holders,
    list_point,
    merge,
    point_of,
    profile,
    receive,
    relate,
    set_conversation,
    show,
    timeline,
    undo,
)

LINE = "+442079460001"


def household(base: Base, *names: str) -> list[str]:
    """Customers who hold the line, each with an email of their own."""
    return [
        profile(base, PointInput("phone", LINE, phone_type="home"), PointInput("email", f"{n}@kite.example"), name=n)
        for n in names
    ]


def call(base: Base) -> str:
    return receive(base, "voice", phone=LINE).profile_id


def offered(base: Base, profile_id: str) -> list[Candidate]:
    with base.database.read(base.organization_id) as unit:
        return shared_lines.candidates(unit, profile_id)


def names(base: Base, profile_id: str) -> set[str]:
    return {candidate.profile.display_name for candidate in offered(base, profile_id)}


def file(base: Base, profile_id: str, other_id: str) -> None:
    assert do(base, lambda unit: shared_lines.file_call(unit, profile_id, other_id, COMMAND)) is None


def test_the_profile_that_a_call_opened_offers_who_holds_its_number__RES_16(base: Base) -> None:
    household(base, "ann", "ben")
    assert names(base, call(base)) == {"ann", "ben"}


def test_filed_it_is_offered_nowhere_any_more__RES_16(base: Base) -> None:
    """The fault: the page of the customer it was filed with offered to file it with the other, and joined the two."""
    ann, ben = household(base, "ann", "ben")
    called = call(base)
    file(base, called, ann)
    for one in (ann, ben, called):
        assert offered(base, one) == []
    with pytest.raises(Conflict) as refusal:
        file(base, ann, ben)
    assert refusal.value.code == "not_only_a_call"
    assert show(base, ben).row.survivor_id is None


MORE: list[Callable[[Base, str], object]] = [
    lambda base, one: list_point(base, one, PointInput("email", "eve@kite.example")),
    lambda base, one: edit(base, one, name="Eve"),
    lambda base, one: edit(base, one, username="eve"),
    lambda base, one: edit(base, one, attributes={"tier": "1"}),
    lambda base, one: edit(base, one, customer_id="C-1"),
    lambda base, one: add_detail(base, one, "Likes", "kites"),
    lambda base, one: add_address(base, one, "1 Main St"),
    lambda base, one: relate(base, one, profile(base, name="Kit"), "spouse"),
    lambda base, one: do(base, lambda unit: conversations.write(unit, one, Written("Called about a kite"), None)),
    lambda base, one: merge(base, profile(base, name="Zoe"), one),
]


@pytest.mark.parametrize("more", MORE)
def test_what_holds_more_is_merged_by_preview__RES_16(base: Base, more: Callable[[Base, str], object]) -> None:
    ann, _ = household(base, "ann", "ben")
    called = call(base)
    more(base, called)
    assert offered(base, called) == []
    with pytest.raises(Conflict):
        file(base, called, ann)


def test_who_does_not_hold_the_number_is_not_filed_with__RES_16(base: Base) -> None:
    household(base, "ann")
    stranger = profile(base, name="Eve")
    with pytest.raises(NotFound):
        file(base, call(base), stranger)


def test_a_profile_added_by_hand_with_the_number_offers_nothing__RES_16(base: Base) -> None:
    ann, ben = household(base, "ann", "ben")
    assert offered(base, ann) == offered(base, ben) == []


def test_a_filed_call_that_is_undone_is_offered_again__RES_16_MRG_13(base: Base) -> None:
    ann, _ = household(base, "ann", "ben")
    called = call(base)
    undo(base, merge(base, called, ann).id)
    assert names(base, called) == {"ann", "ben"}


def test_candidates_are_told_apart_by_their_last_conversation__RES_16(base: Base) -> None:
    ann, _ = household(base, "ann", "ben")
    answer = receive(base, "email", email="ann@kite.example", subject="Two kites", body="Hello")
    set_conversation(base, answer.conversation_id, agent(base, "Mara"))
    (first, second) = offered(base, call(base))
    assert (first.profile.row.id, first.last_subject, first.agent, first.inbox) == (ann, "Two kites", "Mara", "General")
    assert (second.last_subject, second.agent, second.inbox, second.last_contact_at) == (None, None, None, None)


def test_a_filed_call_keeps_its_number__RES_16(base: Base) -> None:
    ann, _ = household(base, "ann", "ben")
    file(base, call(base), ann)
    (item,) = (item for item in timeline(base, ann) if item.kind == "call")
    assert item.contact_point_id == point_of(base, ann, LINE).contact_point_id


# A line of one customer's own ----------------------------------------------------------------------------------------


def own(base: Base, profile_id: str) -> list[str]:
    with base.database.read(base.organization_id) as unit:
        return [line.value for line in shared_lines.own_lines(unit, profile_id)]


def test_three_calls_filed_in_a_row_offer_the_number_as_the_customers_own__RES_16(base: Base) -> None:
    ann, ben = household(base, "ann", "ben")
    for expected in ([], [], [LINE]):
        file(base, call(base), ann)
        assert own(base, ann) == expected
    assert own(base, ben) == []


def test_as_a_mobile_it_opens_the_customer_at_every_call__RES_16_PRO_5(base: Base) -> None:
    ann, ben = household(base, "ann", "ben")
    for _ in range(3):
        file(base, call(base), ann)
    point = point_of(base, ann, LINE).contact_point_id
    do(base, lambda unit: profiles.edit_point(unit, ann, point, {"phone_type": "mobile"}, None))
    assert call(base) == ann
    assert holders(base, "phone", LINE)[ben] == "home"
    assert own(base, ann) == []


def test_a_call_filed_with_another_in_between_starts_anew__RES_16(base: Base) -> None:
    ann, ben = household(base, "ann", "ben")
    for whose in (ann, ann, ben, ann):
        file(base, call(base), whose)
    assert own(base, ann) == own(base, ben) == []


def test_a_call_that_is_not_filed_yet_is_waited_for__RES_16(base: Base) -> None:
    ann, _ = household(base, "ann", "ben")
    for _ in range(3):
        file(base, call(base), ann)
    called = call(base)
    assert own(base, ann) == []
    file(base, called, ann)
    assert own(base, ann) == [LINE]


def test_a_filed_call_that_was_undone_does_not_count__RES_16(base: Base) -> None:
    ann, _ = household(base, "ann", "ben")
    for _ in range(2):
        file(base, call(base), ann)
    undo(base, merge(base, call(base), ann).id)
    assert own(base, ann) == []
