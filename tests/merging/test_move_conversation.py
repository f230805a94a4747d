"""A conversation of the wrong person is moved to the right one (DET-4)."""

from __future__ import annotations

import pytest

from onefold.core.actor import Actor
from onefold.core.clock import new_id
from onefold.core.errors import Conflict, NotFound
from onefold.merging.move_conversation import Moved, move_conversation
from onefold.privacy import erasure as erasing
from onefold.profiles.service import PointInput
from tests.conftest import Base
from tests.dsl.words import do, events, merge, profile, receive, rows, said, set_conversation, show, undo
from tests.invariants import check_base

ACTOR = Actor(None, None, "a test")
PHONE = "+447911123456"


def move(base: Base, conversation_id: str, to: str | None) -> Moved:
    return do(base, lambda unit: move_conversation(unit, conversation_id, to, ACTOR))


def test_the_conversation_goes_and_the_contact_points_stay(base: Base) -> None:
    ada, bob = receive(base, "sms", phone=PHONE, body="It is Bob", name="Ada"), profile(base, name="Bob")
    moved = move(base, ada.conversation_id, bob)
    assert moved == Moved(ada.conversation_id, ada.profile_id, bob, False)
    assert (said(base, ada.profile_id), said(base, bob)) == ([], ["It is Bob"])
    assert [p.value for p in show(base, ada.profile_id).points] == [PHONE]
    assert show(base, bob).points == []
    assert events(base, ada.profile_id) == ["Onefold moved a conversation to Bob"]
    assert events(base, bob) == ["Onefold moved a conversation here from Ada"]
    next_one = receive(base, "sms", phone=PHONE, body="Me again")
    assert (next_one.profile_id, next_one.conversation_id != ada.conversation_id) == (ada.profile_id, True)
    check_base(base.database, base.organization_id)


def test_it_is_taken_back_by_moving_it_back(base: Base) -> None:
    ada, bob = receive(base, "sms", phone=PHONE, body="hello"), profile(base, name="Bob")
    move(base, ada.conversation_id, bob)
    move(base, ada.conversation_id, ada.profile_id)
    assert (said(base, ada.profile_id), said(base, bob)) == (["hello"], [])
    assert receive(base, "sms", phone=PHONE).conversation_id == ada.conversation_id
    check_base(base.database, base.organization_id)


def test_it_goes_to_a_new_customer_where_none_is_named(base: Base) -> None:
    ada = receive(base, "sms", phone=PHONE, body="hello")
    moved = move(base, ada.conversation_id, None)
    assert (moved.created, said(base, moved.profile_id)) == (True, ["hello"])


def test_where_an_open_one_is_there_it_is_closed(base: Base) -> None:
    ada, bob = receive(base, "sms", phone=PHONE), receive(base, "email", email="bob@kite.example")
    move(base, ada.conversation_id, bob.profile_id)
    states = dict(rows(base, "SELECT id, state FROM conversations"))
    assert states == {ada.conversation_id: "closed", bob.conversation_id: "open"}
    check_base(base.database, base.organization_id)


def test_a_closed_one_stays_closed(base: Base) -> None:
    ada, bob = receive(base, "sms", phone=PHONE), profile(base, name="Bob")
    set_conversation(base, ada.conversation_id, state="closed")
    move(base, ada.conversation_id, bob)
    assert rows(base, "SELECT state FROM conversations") == [("closed",)]


def test_it_leads_by_ids_that_were_merged_away_and_stays_through_an_undo(base: Base) -> None:
    ada = receive(base, "email", email="ada@kite.example", body="of ada")
    gus = receive(base, "email", email="gus@kite.example", body="of gus")
    bob, eve = profile(base, PointInput("email", "bob@kite.example")), profile(base, name="Eve")
    set_conversation(base, gus.conversation_id, state="closed")
    merged = merge(base, ada.profile_id, gus.profile_id)
    merge(base, bob, eve)
    moved = move(base, ada.conversation_id, bob)
    assert (moved.from_profile_id, moved.profile_id) == (gus.profile_id, eve)
    undo(base, merged.id)
    assert (said(base, ada.profile_id), said(base, gus.profile_id), said(base, eve)) == ([], ["of gus"], ["of ada"])
    check_base(base.database, base.organization_id)


def test_what_cannot_be_moved_says_why(base: Base) -> None:
    ada = receive(base, "sms", phone=PHONE)
    with pytest.raises(Conflict, match="already"):
        move(base, ada.conversation_id, ada.profile_id)
    for conversation_id, to in ((new_id(), ada.profile_id), (ada.conversation_id, new_id())):
        with pytest.raises(NotFound):
            move(base, conversation_id, to)


@pytest.mark.parametrize("erased", ["who had it", "who has it"])
def test_an_erased_customer_is_named_by_no_event_of_the_move(base: Base, erased: str) -> None:
    ada, bob = receive(base, "sms", phone=PHONE, name="Ada"), profile(base, name="Bob")
    move(base, ada.conversation_id, bob)
    gone, stays = (ada.profile_id, bob) if erased == "who had it" else (bob, ada.profile_id)
    do(base, lambda unit: erasing.erase(unit, gone, gone, ACTOR), exclusive=True)
    assert len(events(base, stays)) == 1
    assert events(base, stays)[0].endswith("another customer")
