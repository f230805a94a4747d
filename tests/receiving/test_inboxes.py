"""One mail to two inboxes is one item that both see; mails without an id are known by what they say (RES-12)."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.channels.email import contact_of_email
from onefold.conversations import store, worklists
from onefold.core.errors import DomainError
from onefold.receiving import set_aside, set_aside_store
from onefold.receiving.contact import Answer, Machine
from onefold.receiving.service import Receiver
from tests.conftest import Base
from tests.dsl.cases import contact
from tests.dsl.words import COMMAND, agent, do, inbox, merge, receive, rows, set_conversation

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


NOTICE = {"email": "mailer-daemon@mx.example", "machine": Machine("bounce")}


def waiting_in(base: Base, inbox_id: str | None) -> list[str]:
    return [row.id for row in do(base, lambda unit: set_aside_store.page(unit, inbox_id, None, 10))]


@pytest.mark.parametrize("at_once", [True, False], ids=["in one batch", "one by one"])
def test_what_is_set_aside_waits_in_every_inbox_it_was_delivered_to__RES_12_RES_19(base: Base, at_once: bool) -> None:
    sales, help_desk, third = inbox(base, "Sales"), inbox(base, "Help"), inbox(base, "Third")
    given = [contact("email", "m-1", inbox_id=one, **NOTICE) for one in (sales, help_desk, sales, help_desk)]
    batches = [given] if at_once else [[one] for one in given]
    answers = [answer for batch in batches for answer in base.receiver.receive(base.organization_id, batch)]
    first = answers[0]
    assert isinstance(first, Answer)
    assert [answer.item_id for answer in answers if isinstance(answer, Answer)] == 4 * [first.item_id]
    assert waiting_in(base, sales) == waiting_in(base, help_desk) == waiting_in(base, None) == [first.item_id]
    assert waiting_in(base, third) == []
    ada = receive(base, "email", "m-2", email=ADA)
    seq = do(base, lambda unit: set_aside.file(unit, first.item_id, ada.profile_id, COMMAND))
    assert do(base, lambda unit: store.further_inboxes_of(unit, [seq])) == {seq: [help_desk]}
    assert waiting_in(base, help_desk) == []
    assert rows(base, "SELECT count(*) FROM set_aside_inboxes") == [(0,)]


def test_a_page_of_an_inbox_is_in_order_whichever_way_its_mail_came__RES_12(base: Base) -> None:
    sales, help_desk = inbox(base, "Sales"), inbox(base, "Help")
    for number in range(6):
        to = [sales, help_desk] if number % 2 else [help_desk]
        for one in to:
            receive(base, "email", f"m-{number}", inbox_id=one, **NOTICE)
    newest_first = waiting_in(base, help_desk)
    assert newest_first == sorted(newest_first, reverse=True) == waiting_in(base, None)
    pages = [do(base, lambda unit: set_aside_store.page(unit, help_desk, None, 4))]
    pages.append(do(base, lambda unit: set_aside_store.page(unit, help_desk, pages[0][-1].id, 4)))
    assert [row.id for page in pages for row in page] == newest_first
