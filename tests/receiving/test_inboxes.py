"""One mail to two inboxes is one item that both see; mails without an id are known by what they say (RES-12)."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.channels.email import contact_of_email
from onefold.conversations import store, worklists
from onefold.core.errors import DomainError
from onefold.receiving.contact import Answer
from onefold.receiving.service import Receiver
from tests.conftest import Base
from tests.dsl.cases import contact
from tests.dsl.words import agent, do, inbox, merge, receive, rows, set_conversation

ADA = "ada@kite.example"


def further_inboxes(base: Base, answer: Answer) -> list[str]:
    seq = int(answer.item_id)
    return do(base, lambda unit: store.further_inboxes_of(unit, [seq])).get(seq, [])


def listed_in(base: Base, inbox_id: str) -> list[str]:
    agent_id = agent(base, "Mara")
    return [entry.conversation.id for entry in do(base, lambda unit: worklists.inbox(unit, inbox_id, agent_id))]


def test_a_mail_to_two_inboxes_is_one_item_that_both_see(base: Base) -> None:
    sales, help_desk = inbox(base, "Sales"), inbox(base, "Help")
    first = receive(base, "email", "m-1", email=ADA, inbox_id=sales)
    again = receive(base, "email", "m-1", email=ADA, inbox_id=help_desk)
    assert again == first._replace(repeated=True)
    assert rows(base, "SELECT count(*) FROM items") == [(1,)]
    assert further_inboxes(base, first) == [help_desk]
    assert listed_in(base, sales) == listed_in(base, help_desk) == [first.conversation_id]
    assert [str(row[0]) for row in rows(base, "SELECT inbox_id FROM conversations")] == [sales]


def test_the_same_delivery_resent_adds_no_inbox(base: Base) -> None:
    sales = inbox(base, "Sales")
    first = receive(base, "email", "m-1", email=ADA, inbox_id=sales)
    for _ in range(2):
        receive(base, "email", "m-1", email=ADA, inbox_id=sales)
    assert further_inboxes(base, first) == []


def test_a_resent_second_delivery_adds_its_inbox_once(base: Base) -> None:
    sales, help_desk = inbox(base, "Sales"), inbox(base, "Help")
    first = receive(base, "email", "m-1", email=ADA, inbox_id=sales)
    for _ in range(3):
        receive(base, "email", "m-1", email=ADA, inbox_id=help_desk)
    assert further_inboxes(base, first) == [help_desk]


def test_both_deliveries_may_come_in_one_batch(base: Base) -> None:
    sales, help_desk = inbox(base, "Sales"), inbox(base, "Help")
    given = [contact("email", "m-1", email=ADA, inbox_id=one) for one in (sales, help_desk, sales, help_desk)]
    first, *others = base.receiver.receive(base.organization_id, given)
    assert isinstance(first, Answer)
    assert others == 3 * [first._replace(repeated=True)]
    assert further_inboxes(base, first) == [help_desk]


def test_it_stays_listed_once_the_conversation_has_become_one_with_another(base: Base) -> None:
    sales, help_desk = inbox(base, "Sales"), inbox(base, "Help")
    first = receive(base, "email", "m-1", email=ADA, inbox_id=sales)
    receive(base, "email", "m-1", email=ADA, inbox_id=help_desk)
    other = receive(base, "email", email="bob@kite.example", inbox_id=sales)
    merge(base, first.profile_id, other.profile_id)
    assert listed_in(base, help_desk) == [other.conversation_id]
    set_conversation(base, other.conversation_id, state="closed")
    assert listed_in(base, help_desk) == []


# Mails without an id

MAIL = b"From: ada@kite.example\r\nDate: Mon, 2 Nov 2026 10:00:00 +0000\r\nSubject: Broken\r\n\r\nIt broke.\r\n"


def deliver(base: Base, raw: bytes, **more: Any) -> Answer:
    answer = Receiver(base.database).receive(base.organization_id, [contact_of_email(raw, **more)])[0]
    if isinstance(answer, DomainError):
        raise answer
    return answer


@pytest.mark.parametrize(
    "again",
    [
        MAIL,
        b"Received: from a by b; Mon, 2 Nov 2026 10:00:05 +0000\r\nDelivered-To: help@shop.example\r\n" + MAIL,
        MAIL.replace(b"\r\n", b"\n"),
        MAIL + b"\r\n",
    ],
    ids=["byte for byte", "by another way", "with other line ends", "with a line more at its end"],
)
def test_a_mail_without_an_id_is_the_same_by_whatever_way_it_comes(base: Base, again: bytes) -> None:
    first = deliver(base, MAIL)
    assert deliver(base, again) == first._replace(repeated=True)


@pytest.mark.parametrize(
    "other",
    [
        MAIL.replace(b"broke", b"burst"),
        MAIL.replace(b"10:00:00", b"10:00:01"),
        MAIL.replace(b"Broken", b"Burst"),
        MAIL.replace(b"ada@", b"bob@"),
    ],
    ids=["text", "date", "subject", "sender"],
)
def test_what_differs_is_another_mail(base: Base, other: bytes) -> None:
    deliver(base, MAIL)
    assert not deliver(base, other).repeated


def test_two_mails_with_neither_id_nor_date_are_one_only_byte_for_byte(base: Base) -> None:
    raw = b"From: ada@kite.example\r\n\r\nBackup done.\r\n"
    first = deliver(base, raw)
    assert deliver(base, raw) == first._replace(repeated=True)
    assert not deliver(base, b"Received: from a by b\r\n" + raw).repeated
