"""How the entries of a timeline are told: quoted text folded, who sent a mail for whom, where else it was sent."""

from __future__ import annotations

from datetime import timedelta

from onefold.channels.email import contact_of_email
from onefold.channels.twilio import contact_of_twilio
from onefold.core.clock import utc_now
from onefold.organizations.mail_senders import Relay
from onefold.receiving.contact import Answer, NamedInMail
from onefold.settings import service as settings
from tests.console.conftest import Console
from tests.dsl import words

ADA = "ada@kite.example"
REPLY = "It works now.\n\nOn Mon, 2 Nov 2026 at 10:00, Help <help@shop.example> wrote:\n> Does it work?\n"


def entry(console: Console, profile_id: str) -> str:
    return console.agent.page(f"/customers/{profile_id}").one("article", class_="message").text


def test_what_a_mail_repeats_is_folded_away_not_dropped(console: Console) -> None:
    answer = words.receive(console.base, "email", email=ADA, body=REPLY)
    page = console.agent.page(f"/customers/{answer.profile_id}")
    bodies = [body.text for body in page.all("div", class_="item-body")]
    assert bodies == ["It works now.", "On Mon, 2 Nov 2026 at 10:00, Help <help@shop.example> wrote: > Does it work?"]
    assert "Show quoted text" in page.one("details", class_="quoted").text


def test_every_channels_items_are_shown(console: Console) -> None:
    mail = contact_of_email(
        b"From: Ada <ada@kite.example>\r\nTo: help@shop.example\r\nSubject: It\r\n\r\nIt broke.\r\n"
    )
    auto = contact_of_email(
        b"From: ada@kite.example\r\nAuto-Submitted: auto-replied\r\nSubject: Away\r\n\r\nI am away.\r\n"
    )
    sms = contact_of_twilio({"MessageSid": "SM1", "From": "+447911123456", "To": "+442079460000", "Body": "By SMS"})
    for contact in (mail, auto, sms):
        [answer] = console.base.receiver.receive(console.base.organization_id, [contact])
        assert isinstance(answer, Answer)
        assert str(contact.body).strip() in console.agent.page(f"/customers/{answer.profile_id}").one("main").text


def test_a_chat_message_is_shown_as_it_is(console: Console) -> None:
    answer = words.receive(console.base, "chat", visitor="v1", body=REPLY)
    assert console.agent.page(f"/customers/{answer.profile_id}").all("details", class_="quoted") == []


def test_a_mail_that_was_sent_for_its_customer_says_by_whom__RES_18(console: Console) -> None:
    forms = "forms@shop.example"
    relays = [Relay(forms, "reply_to")]
    words.do(console.base, lambda unit: settings.change(unit, {"relays": relays}, words.COMMAND), exclusive=True)
    answer = words.receive(console.base, "email", email=forms, names=NamedInMail(reply_to=ADA), body="Hi")
    assert f"sent for them by {forms}" in entry(console, answer.profile_id)
    assert "sender check failed" not in entry(console, answer.profile_id)


def test_a_forwarded_mail_is_shown_whole_and_by_whom__RES_18(console: Console) -> None:
    (address,) = words.rows(console.base, f"SELECT email FROM agents WHERE id = '{console.agent.agent_id}'")[0]
    body = f"FYI\n\n---------- Forwarded message ---------\nFrom: Ada <{ADA}>\nDate: Monday\n\nIt broke."
    answer = words.receive(console.base, "email", email=address, subject="Fwd: It", body=body)
    assert f"forwarded by {address}" in entry(console, answer.profile_id)
    assert "It broke." in entry(console, answer.profile_id)
    assert console.agent.page(f"/customers/{answer.profile_id}").all("details", class_="quoted") == []


def test_a_mail_says_which_other_inboxes_it_was_sent_to__RES_12(console: Console) -> None:
    returns = words.inbox(console.base, "Returns")
    answer = words.receive(console.base, "email", "m-1", email=ADA)
    words.receive(console.base, "email", "m-1", email=ADA, inbox_id=returns)
    assert "also sent to Returns" in entry(console, answer.profile_id)
    table = console.agent.page(f"/inboxes/{returns}").one("table").text
    assert ADA in table
    assert "in General" in table


def test_a_number_with_a_new_owner_is_given_away_at_one_click__RES_21(console: Console) -> None:
    for name, days_ago in (("Gus", 200), ("Zoe", 0)):
        at = utc_now() - timedelta(days=days_ago)
        gus = words.receive(console.base, "whatsapp", phone="+447911123456", name=name, body=name, occurred_at=at)
    path = f"/customers/{gus.profile_id}"
    callout = console.agent.page(path).one("section", aria_label="A number's new owner")
    assert "Is this still Gus?" in callout.text
    assert "writes as “Zoe” now" in callout.text
    point_id = words.point_of(console.base, gus.profile_id, "+447911123456").contact_point_id
    there, flash = console.agent.sent(f"{path}/new-owner", contact_point_id=point_id)
    assert (there != path, flash) == (True, "number-given")
    assert "Zoe" in console.agent.page(there).one("h1").text
    page = console.agent.page(path)
    assert page.all("section", aria_label="A number's new owner") == []
    assert "former" in page.one("ul", class_="points").text
    console.agent.refused(f"{path}/new-owner", 409, contact_point_id=point_id)


def test_of_a_very_long_message_the_page_shows_the_beginning_and_where_all_of_it_is(console: Console) -> None:
    text = "x" * 19_999 + "yz" + "w" * 979_999
    answer = words.receive(console.base, "sms", phone="+447911123450", body=text)
    page = console.agent.page(f"/customers/{answer.profile_id}")
    assert page.one("div", class_="item-body").text == text[:20_000]
    assert "Show all of it, 1,000,000 characters" in page.one("article", class_="message").text
    whole = console.agent.get(f"/text/{answer.conversation_id}/{answer.item_id}")
    assert (whole.text, whole.headers["content-type"]) == (text, "text/plain; charset=utf-8")
