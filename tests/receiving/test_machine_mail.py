"""Bounces land on whom they name and make nobody; what machines write reopens and names nothing (RES-19); what agents
write makes no customer (RES-18)."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.core.actor import Actor
from onefold.core.errors import NotFound
from onefold.receiving import set_aside, set_aside_store
from onefold.receiving.contact import Answer, Attachment, Machine
from onefold.receiving.set_aside_store import SetAsideRow
from tests.conftest import Base
from tests.dsl.words import agent, do, point_of, receive, rows, said, set_conversation, show

ADA, ACTOR = "ada@kite.example", Actor(None, None, "a test")
BOUNCE = Machine("bounce", (ADA,), permanent=True)


def bounce(base: Base, machine: Machine = BOUNCE, **more: Any) -> Answer:
    return receive(base, "email", email="mailer-daemon@mx.example", machine=machine, body="not delivered", **more)


def aside(base: Base) -> list[SetAsideRow]:
    return do(base, lambda unit: set_aside_store.page(unit, None, None, 50))


def test_a_bounce_lands_on_whom_it_names_and_marks_the_address(base: Base) -> None:
    ada = receive(base, "email", email=ADA, body="hello")
    answer = bounce(base)
    assert (answer.outcome, answer.profile_id, answer.conversation_id) == (
        "opened",
        ada.profile_id,
        ada.conversation_id,
    )
    assert point_of(base, ada.profile_id, ADA).undeliverable
    assert rows(base, "SELECT sender_state FROM items WHERE body = 'not delivered'")[0][0] == "unchecked"
    assert len(show(base, ada.profile_id).points) == 1


@pytest.mark.parametrize(
    "machine", [BOUNCE._replace(permanent=False), Machine("delay", (ADA,))], ids=["not for good", "late"]
)
def test_what_may_arrive_later_marks_nothing(base: Base, machine: Machine) -> None:
    ada = receive(base, "email", email=ADA)
    assert bounce(base, machine).profile_id == ada.profile_id
    assert not point_of(base, ada.profile_id, ADA).undeliverable


def test_a_bounce_that_names_nobody_known_makes_nobody(base: Base) -> None:
    first, again = bounce(base, message_id="b-1"), bounce(base, message_id="b-1")
    assert (first.outcome, first.profile_id, first.conversation_id) == ("set_aside", "", "")
    assert (again.item_id, again.repeated) == (first.item_id, True)
    assert bounce(base, Machine("bounce")).outcome == "set_aside"
    assert rows(base, "SELECT id FROM profiles") == []
    assert [(row.reason, row.sender, row.body) for row in aside(base)] == 2 * [
        ("machine", "mailer-daemon@mx.example", "not delivered")
    ]


def test_a_bounce_of_a_message_of_a_known_customer_lands_there(base: Base) -> None:
    ada = receive(base, "email", "m-1", email=ADA)
    assert bounce(base, Machine("bounce", ("old@kite.example",)), reply_to=("m-1",)).profile_id == ada.profile_id


@pytest.mark.parametrize("kind", ["auto_reply", "receipt", "list", "other"])
def test_what_a_machine_writes_reopens_nothing_and_names_nobody(base: Base, kind: Any) -> None:
    ada = receive(base, "email", email=ADA, body="hello")
    set_conversation(base, ada.conversation_id, state="closed")
    answer = receive(base, "email", email=ADA, name="Out of office", machine=Machine(kind), body="away")
    assert (answer.profile_id, answer.conversation_id) == (ada.profile_id, ada.conversation_id)
    assert rows(base, "SELECT state FROM conversations") == [("closed",)]
    stranger = receive(base, "email", email="new@kite.example", name="Out of office", machine=Machine(kind))
    assert show(base, stranger.profile_id).row.name is None


def test_an_agents_own_mail_makes_no_customer(base: Base) -> None:
    agent_id = agent(base, "Mara")
    (address,) = rows(base, f"SELECT email FROM agents WHERE id = '{agent_id}'")[0]
    answer = receive(base, "email", email=address, name="Mara", body="FYI")
    assert answer.outcome == "set_aside"
    assert rows(base, "SELECT id FROM profiles") == []
    assert receive(base, "chat", email=address, proven=True).outcome == "created"  # it is mail that is an agent's
    ada = receive(base, "email", "m-1", email=ADA)
    assert receive(base, "email", email=address, reply_to=("m-1",)).profile_id == ada.profile_id
    assert [p.value for p in show(base, ada.profile_id).points] == [ADA]


def test_what_is_set_aside_is_filed_with_a_customer_files_and_all(base: Base) -> None:
    ada = receive(base, "email", email=ADA, body="hello")
    bounce(base, Machine("bounce"), attachments=(Attachment("report.txt", "text/plain", b"report"),))
    (row,) = aside(base)
    do(base, lambda unit: set_aside.file(unit, row.id, ada.profile_id, ACTOR))
    assert said(base, ada.profile_id) == ["hello", "not delivered"]
    assert rows(base, "SELECT filename FROM attachments") == [("report.txt",)]
    assert aside(base) == []
    with pytest.raises(NotFound):
        do(base, lambda unit: set_aside.file(unit, row.id, ada.profile_id, ACTOR))


def test_what_is_set_aside_is_taken_away(base: Base) -> None:
    bounce(base, Machine("bounce"))
    (row,) = aside(base)
    do(base, lambda unit: set_aside.remove(unit, row.id, ACTOR))
    assert aside(base) == []


def test_an_address_is_deliverable_again_once_its_customer_writes_from_it(base: Base) -> None:
    ada = receive(base, "email", email=ADA)
    bounce(base)
    receive(base, "email", email=ADA, sender_state="failed")
    assert point_of(base, ada.profile_id, ADA).undeliverable
    receive(base, "email", email=ADA)
    assert not point_of(base, ada.profile_id, ADA).undeliverable
