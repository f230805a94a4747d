"""Replies into threads: message ids are one space; a newcomer in somebody's thread is a hint, not a match (RES-13)."""

from __future__ import annotations

import itertools

import pytest

from onefold.matching.scoring import UNPROVEN_RATING
from onefold.suggestions import service as suggestions
from tests.conftest import Base
from tests.dsl.cases import contact
from tests.dsl.words import events, merge, receive, said, set_conversation, show, suggested

OWNER, STRANGER = "owner@kite.example", "colleague@kite.example"
SPELLINGS = ["order-1@shop.example", "<order-1@shop.example>", " <order-1@shop.example> "]


@pytest.mark.parametrize(("first", "answered"), list(itertools.product(SPELLINGS, SPELLINGS)))
def test_a_message_id_is_one_with_and_without_its_brackets__RES_13(base: Base, first: str, answered: str) -> None:
    """What names no customer (a withheld sender) shows where the thread leads."""
    owner = receive(base, "email", first, email=OWNER)
    reply = receive(base, "email", reply_to=(answered,))
    assert (reply.profile_id, reply.conversation_id) == (owner.profile_id, owner.conversation_id)


@pytest.mark.parametrize(("first", "again"), list(itertools.product(SPELLINGS, SPELLINGS)))
def test_a_delivery_is_the_same_with_and_without_brackets__RES_12(base: Base, first: str, again: str) -> None:
    owner = receive(base, "email", first, email=OWNER)
    assert receive(base, "email", again, email=OWNER) == owner._replace(repeated=True)


def test_brackets_belong_to_the_ids_of_other_channels__RES_13(base: Base) -> None:
    first = receive(base, "sms", "<1>", phone="+447911123456")
    assert receive(base, "sms", "1", phone="+447911123456").item_id != first.item_id


def test_a_strangers_reply_into_a_thread_is_suggested_and_told_on_both_timelines__RES_13(base: Base) -> None:
    owner = receive(base, "email", "m-1", email=OWNER)
    stranger = receive(base, "email", email=STRANGER, reply_to=("<m-1>",))
    assert stranger.outcome == "created"
    assert stranger.profile_id != owner.profile_id
    assert suggested(base, stranger.profile_id) == {owner.profile_id: ("thread",)}
    assert events(base, stranger.profile_id) == ["Replied into a conversation of another customer"]
    assert events(base, owner.profile_id) == ["Another sender replied into this conversation"]


def test_a_thread_alone_never_rates_high_whatever_supports_it__RES_13(base: Base) -> None:
    owner = receive(base, "email", "m-1", email=OWNER, name="Ada Byron")
    stranger = receive(base, "email", email=STRANGER, name="Ada Byron", reply_to=("m-1",))
    with base.database.read(base.organization_id) as unit:
        (view,) = suggestions.of_profile(unit, stranger.profile_id)
    assert 0 < view.row.rating <= UNPROVEN_RATING
    assert owner.profile_id in (view.row.profile_id, view.row.other_id)


def test_a_known_sender_in_anothers_thread_is_that_sender__RES_13_RES_10(base: Base) -> None:
    receive(base, "email", "m-1", email=OWNER)
    known = receive(base, "email", email=STRANGER)
    reply = receive(base, "email", email=STRANGER, reply_to=("m-1",))
    assert reply.profile_id == known.profile_id
    assert suggested(base, known.profile_id) == {}


def test_the_thread_of_a_profile_merged_away_leads_to_its_survivor__RES_13(base: Base) -> None:
    owner = receive(base, "email", "m-1", email=OWNER).profile_id
    survivor = receive(base, "email", email="survivor@kite.example").profile_id
    merge(base, owner, survivor)
    stranger = receive(base, "email", email=STRANGER, reply_to=("m-1",)).profile_id
    assert suggested(base, stranger) == {survivor: ("thread",)}
    assert events(base, survivor)[-1] == "Another sender replied into this conversation"


def test_a_closed_thread_stays_closed__RES_13(base: Base) -> None:
    owner = receive(base, "email", "m-1", email=OWNER)
    set_conversation(base, owner.conversation_id, state="closed")
    receive(base, "email", email=STRANGER, reply_to=("m-1",))
    assert show(base, owner.profile_id).row.survivor_id is None
    assert events(base, owner.profile_id) == ["Another sender replied into this conversation"]
    assert said(base, owner.profile_id) == [""]


def test_newcomers_of_one_batch_see_each_others_threads__RES_13(base: Base) -> None:
    batch = [contact("email", "<m-1>", email=OWNER), contact("email", "<m-2>", email=STRANGER, reply_to=("m-1",))]
    owner, stranger = base.receiver.receive(base.organization_id, batch)
    assert suggested(base, stranger.profile_id) == {owner.profile_id: ("thread",)}  # type: ignore[union-attr]


def test_a_thread_that_too_many_join_suggests_no_more__RES_13_SUG_6(base: Base) -> None:
    owner = receive(base, "email", "m-1", email=OWNER).profile_id
    for number in range(30):
        receive(base, "email", email=f"reader{number}@list{number}.example", reply_to=("m-1",))
    assert len(suggested(base, owner)) <= 20
