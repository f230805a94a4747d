"""The composer says what its button does, before one writes, with a script and without (SND-1)."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from onefold.profiles.service import PointInput
from tests.browser.conftest import SitDown
from tests.console.conftest import Console
from tests.dsl import words


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_the_button_says_what_it_does__SND_1(sit: SitDown, console: Console, script: bool) -> None:
    phone = PointInput("phone", "+442079460001", phone_type="mobile", sms=True)
    ada_id = console.customer("Ada", PointInput("email", "ada@kite.example"), phone)
    mara = sit(console.agent, java_script_enabled=script)
    page = mara.open(f"/customers/{ada_id}")
    last = page.locator(".composer-foot").get_by_role("button").last
    notice = page.get_by_text("What you write is recorded on the timeline, not sent.").locator("visible=true")
    for kind, label, messages in (
        ("SMS", "Record", "SMS"),
        ("WhatsApp", "Record", "WhatsApp messages"),
        ("Note", "Add note", ""),
        ("Task", "Add task", ""),
        ("Email", "Record", "emails"),
    ):
        page.get_by_role("radio", name=kind).check()
        expect(last).to_have_accessible_name(label)
        expect(last).to_be_visible()
        expect(notice).to_have_count(1 if messages else 0)
        if messages:
            expect(notice).to_contain_text(f"Onefold can't send {messages} yet.")
    page.get_by_placeholder("Write here.").fill("Hello")
    mara.button("Record").click()
    mara.says("Recorded, not sent.")
    item = page.get_by_role("region", name="Timeline").get_by_role("article")
    expect(item).to_contain_text("Email to ada@kite.example")
    expect(item.get_by_text("not sent", exact=True)).to_be_visible()
    assert words.said(console.base, ada_id) == ["Hello"]
