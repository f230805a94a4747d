"""Nothing leaves from here yet, and pages say so: before one writes, on the button, after it, and for good (SND-1)."""

from __future__ import annotations

import re

import pytest

from onefold.console import labels
from onefold.console.pages import environment
from onefold.conversations import sending
from onefold.profiles.service import PointInput
from tests.console.conftest import Console, Html
from tests.dsl import words

CHANNELS = {"email": "emails", "sms": "SMS", "whatsapp": "WhatsApp messages"}


def reachable(console: Console) -> str:
    """A customer who has a contact point for every kind of message."""
    phone = PointInput("phone", "+442079460001", phone_type="mobile", sms=True)
    return console.customer("Ada", PointInput("email", "ada@kite.example"), phone)


def chosen(page: Html, kind: str) -> str:
    """The first contact point that a message of a kind can go to."""
    groups = re.findall(r'<optgroup[^>]*data-kind="(\w+)">(.*?)</optgroup>', page.source, re.DOTALL)
    return re.findall(r'value="([^"]+)"', dict(groups)[kind])[0]


@pytest.mark.parametrize("kind", CHANNELS)
def test_a_message_is_recorded_and_says_that_it_was_not_sent__SND_1(console: Console, kind: str) -> None:
    ada_id = reachable(console)
    page = console.agent.page(f"/customers/{ada_id}")
    assert [e.text for e in page.all("span", data_for=kind)] == ["Record"]
    [notice] = page.all("p", data_for=kind)
    assert (
        notice.text == f"Onefold can't send {CHANNELS[kind]} yet. What you write is recorded on the timeline, not sent."
    )
    fields = {"kind": kind, "body": "Hello", "do": "send", "to": chosen(page, kind)}
    assert console.agent.sent(f"/customers/{ada_id}/write", **fields) == (f"/customers/{ada_id}", "not_sent")
    after = console.agent.page(f"/customers/{ada_id}", said="not_sent")
    assert after.one("div", class_="said").text == "Recorded, not sent."
    [item] = after.all("article")
    assert "not sent" in item.text
    console.agent.sent(f"/customers/{ada_id}/write", kind="note", body="Done", do="send")
    newest = console.agent.page(f"/customers/{ada_id}").all("article")[0]["data-seq"]
    [older] = console.agent.page(f"/customers/{ada_id}/items", before=newest).all("article")
    assert "not sent" in older.text


@pytest.mark.parametrize(
    ("kind", "label", "done"), [("note", "Add note", "Note added."), ("task", "Add task", "Task added.")]
)
def test_notes_and_tasks_are_added_and_nobody_speaks_of_sending__SND_1(
    console: Console, kind: str, label: str, done: str
) -> None:
    ada_id = reachable(console)
    page = console.agent.page(f"/customers/{ada_id}")
    assert [e.text for e in page.all("span", data_for=kind)] == [label]
    assert not page.all("p", data_for=kind)
    path, said = console.agent.sent(f"/customers/{ada_id}/write", kind=kind, body="Hello", do="send")
    after = console.agent.page(path, said=said)
    assert after.one("div", class_="said").text == done
    [item] = after.all("article")
    assert "sent" not in item.text


def test_what_came_in_has_no_state__SND_1(console: Console) -> None:
    ada_id = console.contact("email", email="ada@kite.example", body="Hello")
    [item] = console.agent.page(f"/customers/{ada_id}").all("article")
    assert "not sent" not in item.text


def test_a_draft_is_recorded_as_what_was_written_directly__SND_1(console: Console) -> None:
    ada_id = reachable(console)
    to = chosen(console.agent.page(f"/customers/{ada_id}"), "email")
    draft = {"kind": "email", "body": "Hello", "to": to}
    saved = console.agent.post(f"/customers/{ada_id}/write", data={**draft, "do": "autosave"}).json()
    sent = {**draft, "do": "send", "draft_id": saved["draft_id"]}
    assert console.agent.sent(f"/customers/{ada_id}/write", **sent)[1] == "not_sent"
    assert words.said(console.base, ada_id) == ["Hello"]


def test_no_page_claims_that_something_was_sent__SND_1(console: Console) -> None:
    """No template has a button "Send", and nothing that is said after an act claims that a message went out. What
    webhooks send is sent."""
    for name in set(environment().list_templates(["html"])) - {"settings_webhook.html"}:
        source = environment().loader.get_source(environment(), name)[0]  # type: ignore[union-attr]
        assert not re.search(r">\s*Send\b", source), name
    messages = {key: text for key, text in labels.FLASH_MESSAGES.items() if re.search(r"\bsent\b|\bSend\b", text)}
    assert set(messages) == {"not_sent", "repeated", "repeated-all", "repeated-some"}  # the others are webhooks'


def test_one_place_says_whether_something_can_be_sent__SND_1(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is a way out, the button says "Send" and there is no notice; today there is none anywhere."""
    ada_id = reachable(console)
    assert not any(sending.can_send(channel) for channel in ("email", "sms", "whatsapp", "social", "chat", "voice"))
    monkeypatch.setattr(sending, "can_send", lambda channel: channel == "email")
    page = console.agent.page(f"/customers/{ada_id}")
    assert {kind: page.all("span", data_for=kind)[0].text for kind in CHANNELS} == {
        "email": "Send",
        "sms": "Record",
        "whatsapp": "Record",
    }
    assert [notice["data-for"] for notice in page.all("p", class_="composer-unsent")] == ["sms", "whatsapp"]
