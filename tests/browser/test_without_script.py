"""Without JavaScript everything still works, by plain links and forms."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from onefold.profiles.service import PointInput
from tests.browser.conftest import Desk, SitDown
from tests.console.conftest import Console
from tests.dsl import words


@pytest.fixture
def plain(sit: SitDown, console: Console) -> Iterator[Desk]:
    """An agent at a browser that runs no scripts."""
    yield sit(console.agent, java_script_enabled=False)


def test_search_and_read(plain: Desk, console: Console) -> None:
    ada_id = console.contact("email", email="ada@kite.example", name="Ada Lovelace", subject="Hi", body="Where is it?")
    page = plain.open("/customers")
    page.get_by_role("searchbox", name="Find a customer by name").fill("lovel")
    page.keyboard.press("Enter")
    plain.link("Ada Lovelace").click()
    expect(page).to_have_url(re.compile(ada_id))
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("Where is it?")


def test_older_entries(plain: Desk, console: Console) -> None:
    for number in range(41):
        ada_id = console.contact("email", email="ada@kite.example", body=f"Message {number}.")
    page = plain.open(f"/customers/{ada_id}")
    expect(page.get_by_role("article")).to_have_count(40)
    plain.link("Older").click()
    expect(page.get_by_role("article")).to_have_count(1)
    expect(page.get_by_role("article")).to_contain_text("Message 0.")
    plain.link("Back to the newest").click()
    expect(page.get_by_role("article")).to_have_count(40)


def test_add_a_customer_and_what_is_on_the_cards(plain: Desk, console: Console) -> None:
    console.customer("Bo Byron", PointInput("email", "bo@kite.example"))
    page = plain.open("/customers")
    plain.link("Add New Customer").click()
    page.get_by_label("Name", exact=True).fill("Ada")
    plain.button("Add customer").click()
    plain.says("Customer added.")

    menu = plain.menu("Add a contact point")
    menu.get_by_text("Add email").first.click()
    menu.get_by_label("Email", exact=True).fill("bo@kite.example")
    plain.expects("409")
    plain.button("Add email", menu).click()
    expect(page.get_by_role("alert")).to_contain_text("Bo Byron holds this contact point.")
    plain.link("Go back").click()

    menu = plain.menu("Add a relationship")
    menu.get_by_label("Customer", exact=True).fill("bo byr")
    menu.get_by_label("is this customer's").fill("sibling")
    plain.button("Add relationship", menu).click()
    expect(plain.card("Relationships")).to_contain_text("Bo Byron")


def test_write_keep_and_send(plain: Desk, console: Console) -> None:
    ada_id = console.contact("email", email="ada@kite.example", name="Ada", body="Hello")
    page = plain.open(f"/customers/{ada_id}")
    page.get_by_role("radio", name="Note").check()
    page.get_by_placeholder("Write here.").fill("She called.")
    plain.button("Save draft").click()
    expect(page.get_by_placeholder("Write here.")).to_have_value("She called.")
    plain.button("Add note").click()
    plain.says("Note added.")
    assert "She called." in words.said(console.base, ada_id)
    page.get_by_label("Assignee").select_option("Mara")
    plain.button("Assign").click()
    plain.says("Conversation assigned.")


def test_match_and_no_match(plain: Desk, console: Console) -> None:
    ada_id = console.contact("email", email="ada.lovelace@gmail.com", name="Ada Lovelace", body="1")
    for domain in ("gmial.com", "gmail.con"):
        console.contact("email", email=f"ada.lovelace@{domain}", name="Ada Lovelace", body="2")
    page = plain.open(f"/customers/{ada_id}")
    plain.link("View matches").click()
    plain.link("Next").click()
    plain.button("No Match").click()
    plain.says("No Match.")
    plain.button("Match").click()
    plain.says("Merged.")
    expect(page).to_have_url(re.compile(ada_id))


def test_merge_with_a_choice_and_a_step__MRG_4__MRG_17(plain: Desk, console: Console) -> None:
    ada_id = console.customer("Ada King", customer_id="A-1")
    console.customer("Ada Lovelace-King", customer_id="B-2")
    page = plain.open(f"/customers/{ada_id}")
    plain.link("Merge Customers").click()
    page.get_by_role("main").get_by_role("searchbox").fill("lovelace")
    plain.button("Find").click()
    page.locator("#merge-found").get_by_role("link", name="Ada Lovelace-King").click()
    page.get_by_role("row", name=re.compile("^Name")).get_by_role("radio").nth(1).check()
    page.get_by_label("Keep Ada Lovelace-King's customer ID B-2 as a former one").check()
    plain.button("Show with these choices").click()
    expect(page.get_by_role("row", name=re.compile("^Name"))).to_contain_text("your choice")
    plain.button("Merge into Ada King").click()
    plain.says("Merged.")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ada King")
    expect(plain.card("Profile")).to_contain_text("B-2")
