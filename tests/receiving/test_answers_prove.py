"""Who answers, from an address that was only claimed, a message that we sent there has proven it (PRO-14)."""

from __future__ import annotations

import pytest

from onefold.conversations import service as conversations
from onefold.conversations.service import Written
from onefold.receiving.contact import Further
from tests.conftest import Base
from tests.dsl.words import do, merge, point_of, receive, show, suggested

ADA = "ada@kite.example"


def claimed(base: Base) -> str:
    """The profile of a chat that claims Ada's address."""
    return receive(base, "chat", visitor="v1", further=Further(emails=(ADA,))).profile_id


def write_to(base: Base, profile_id: str) -> str:
    """Sends a mail there; returns its message id."""
    point_id = point_of(base, profile_id, ADA).contact_point_id
    written = Written("Hello", channel="email", contact_point_id=point_id)
    return str(do(base, lambda unit: conversations.write(unit, profile_id, written, None)).message_id)


def test_an_answer_to_our_message_proves_the_claim(base: Base) -> None:
    profile_id = claimed(base)
    message_id = write_to(base, profile_id)
    answer = receive(base, "email", email=ADA, reply_to=(f"<{message_id}>",))
    assert (answer.outcome, answer.profile_id) == ("opened", profile_id)
    point = point_of(base, profile_id, ADA)
    assert (point.standing, point.identifying) == ("contacted", True)
    assert receive(base, "email", email=ADA).profile_id == profile_id


def test_without_the_message_a_claim_opens_nothing(base: Base) -> None:
    profile_id = claimed(base)
    write_to(base, profile_id)
    assert receive(base, "email", email=ADA).profile_id != profile_id


def test_a_failed_sender_proves_nothing(base: Base) -> None:
    profile_id = claimed(base)
    message_id = write_to(base, profile_id)
    receive(base, "email", email=ADA, reply_to=(message_id,), sender_state="failed")
    assert point_of(base, profile_id, ADA).standing == "claimed"


def test_somebody_elses_answer_proves_nothing(base: Base) -> None:
    profile_id = claimed(base)
    message_id = write_to(base, profile_id)
    answer = receive(base, "email", email="bob@kite.example", reply_to=(message_id,))
    assert answer.profile_id != profile_id
    assert point_of(base, profile_id, ADA).standing == "claimed"


def test_an_answer_to_a_message_of_the_customers_own_proves_nothing(base: Base) -> None:
    profile_id = claimed(base)
    receive(base, "email", "m-1", email=ADA, sender_state="failed")
    assert receive(base, "email", email=ADA, reply_to=("m-1",)).profile_id != profile_id
    assert point_of(base, profile_id, ADA).standing == "claimed"


def test_where_another_profile_holds_it_that_one_is_opened_and_the_proof_suggests_the_two(base: Base) -> None:
    profile_id = claimed(base)
    message_id = write_to(base, profile_id)
    ada = receive(base, "email", email=ADA).profile_id
    assert suggested(base, ada) == {profile_id: ("email",)}
    assert receive(base, "email", email=ADA, reply_to=(message_id,)).profile_id == ada
    assert suggested(base, ada) == {profile_id: ("email", "thread")}
    assert point_of(base, profile_id, ADA).standing == "claimed"
    assert len(show(base, ada).points) == 1


def test_a_failed_sender_suggests_nobody_by_an_answer(base: Base) -> None:
    profile_id = claimed(base)
    message_id = write_to(base, profile_id)
    ada = receive(base, "email", email=ADA).profile_id
    receive(base, "email", email=ADA, reply_to=(message_id,), sender_state="failed")
    assert suggested(base, ada) == {profile_id: ("email",)}


@pytest.mark.parametrize("sender", ["mallory@x.example", ADA])
def test_what_comes_under_the_id_of_our_message_is_a_message_of_its_own__RES_12(base: Base, sender: str) -> None:
    message_id = write_to(base, claimed(base))
    assert not receive(base, "email", message_id, email=sender).repeated


@pytest.mark.parametrize("turned", [False, True], ids=["first into second", "second into first"])
def test_a_claim_that_became_one_with_another_in_a_merge_is_proven_as_well(base: Base, turned: bool) -> None:
    first = claimed(base)
    message_id = write_to(base, first)
    second = receive(base, "chat", visitor="v2", further=Further(emails=(ADA,))).profile_id
    pair = (second, first) if turned else (first, second)
    merge(base, *pair)
    answer = receive(base, "email", email=ADA, reply_to=(message_id,))
    assert answer.profile_id == pair[1]
    assert point_of(base, pair[1], ADA).standing == "contacted"
