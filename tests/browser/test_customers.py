"""Finding, adding and keeping customers, as an agent does it at a browser (UI-1, PRO)."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from onefold.profiles.service import PointInput
from tests.browser.conftest import Desk
from tests.console.conftest import Console
from tests.dsl import words


def test_add_a_new_customer_from_the_kebab_menu__UI_1__PRO_6(mara: Desk) -> None:
    page = mara.open("/customers")
    menu = mara.menu("More for My Customers")
    mara.link("Add New Customer", menu).click()
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("Ada Lovelace")
    page.get_by_label("Email", exact=True).fill("ada@kite.example")
    page.get_by_label("Main email", exact=True).check()
    page.get_by_label("Phone", exact=True).fill("212 555 0100")
    page.locator("[name=phone_type]").select_option("Mobile")
    page.get_by_label("SMS can be sent to it", exact=True).check()
    page.get_by_label("What", exact=True).fill("allergies")
    page.get_by_label("Value", exact=True).fill("nuts")
    mara.button("Add customer").click()
    mara.says("Customer added.")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ada Lovelace")
    expect(mara.card("Contact")).to_contain_text(re.compile(r"ada@\s*kite.example\s*Main"))
    expect(mara.card("Contact")).to_contain_text(re.compile(r"212.555.0100\s*Mobile\s*SMS"))
    expect(mara.card("Details")).to_contain_text("nuts")


def test_enter_waits_for_what_is_typed_to_be_found__MRG_1(mara: Desk, console: Console) -> None:
    """Whoever types fast must not open what was shown before."""
    lovelace_id = console.customer("Ada Lovelace")
    page = mara.open("/customers")
    page.keyboard.press("/")
    expect(page.get_by_role("dialog", name="Find or do").get_by_role("option").first).to_be_visible()
    page.keyboard.type("ada love")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/customers/{lovelace_id}")


def test_the_palette_finds_and_opens_by_the_keyboard_alone__MRG_1(mara: Desk, console: Console) -> None:
    """`/`, the beginning of a word, arrows, Enter."""
    console.customer("Ada Byron")
    lovelace_id = console.customer("Ada Lovelace", PointInput("email", "lovelace@kite.example"))
    page = mara.open("/customers")
    palette = page.get_by_role("dialog", name="Find or do")
    offers = palette.get_by_role("option")
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Find a customer, or do something")).to_be_focused()
    page.keyboard.type("ada")
    customers = offers.filter(has_text="Ada")
    expect(customers).to_have_count(2)
    expect(palette.get_by_role("option", selected=True)).to_have_count(1)
    while "Lovelace" not in palette.get_by_role("option", selected=True).inner_text():
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/customers/{lovelace_id}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ada Lovelace")
    expect(page.locator("#palette")).not_to_be_visible()

    page.keyboard.press("/")
    page.keyboard.type("add new")
    expect(offers).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url("**/customers/new")

    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.press("Escape")  # out of the field, so that letters are keys again
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).not_to_be_visible()


def test_add_to_the_cards_of_a_customer__PRO(mara: Desk, console: Console) -> None:
    ada_id = console.customer("Ada")
    console.customer("Bo Byron", PointInput("email", "bo@kite.example"))
    page = mara.open(f"/customers/{ada_id}")

    menu = mara.menu("Add a contact point")
    menu.get_by_text("Add email").first.click()
    menu.get_by_label("Email", exact=True).fill("ada@kite.example")
    mara.button("Add email", menu).click()
    mara.says("Saved.")
    expect(mara.card("Contact")).to_contain_text(re.compile(r"ada@\s*kite.example"))

    menu = mara.menu("Add a contact point")
    menu.get_by_text("Add phone").first.click()
    menu.get_by_label("Phone", exact=True).fill("+44 20 7946 0018")
    menu.get_by_label("Type").select_option("Office")
    menu.get_by_label("Main").locator("visible=true").check()
    mara.button("Add phone", menu).click()
    expect(mara.card("Contact")).to_contain_text(re.compile(r"20 7946 0018\s*Office\s*Main"))

    menu = mara.menu("Add a detail")
    menu.get_by_label("What").fill("nickname")
    menu.get_by_label("Value").fill("Countess")
    mara.button("Add detail", menu).click()
    expect(mara.card("Details")).to_contain_text("Countess")

    menu = mara.menu("Add an address")
    menu.get_by_label("Street").fill("12 St James's Square")
    menu.get_by_label("City").fill("London")
    mara.button("Add address", menu).click()
    expect(mara.card("Addresses")).to_contain_text("12 St James's Square, London")

    menu = mara.menu("Add a relationship")
    menu.get_by_label("Customer", exact=True).press_sequentially("bo b")
    expect(page.locator("#relation-found option")).to_have_count(1)
    menu.get_by_label("Customer", exact=True).fill("bo@kite.example")  # what choosing it from the list writes
    menu.get_by_label("is this customer's").fill("sibling")
    mara.button("Add relationship", menu).click()
    expect(mara.card("Relationships")).to_contain_text("Bo Byron")


def test_a_taken_email_names_its_holder_and_offers_the_merge__PRO_4(mara: Desk, console: Console) -> None:
    console.customer("Bo Byron", PointInput("email", "bo@kite.example"))
    ada_id = console.customer("Ada")
    page = mara.open(f"/customers/{ada_id}")
    menu = mara.menu("Add a contact point")
    menu.get_by_text("Add email").first.click()
    menu.get_by_label("Email", exact=True).fill("bo@kite.example")
    mara.expects("409")
    mara.button("Add email", menu).click()
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("Bo Byron holds this contact point.")
    expect(menu.get_by_label("Email", exact=True)).to_have_value("bo@kite.example")  # what was typed stays
    mara.link("Merge the two", notice).click()
    expect(page.get_by_role("heading", name="Merge Customers")).to_be_visible()
    expect(page.locator("main")).to_contain_text("Bo Byron merges into Ada")


def test_detach_from_the_menu_of_a_contact_point__DET_1(mara: Desk, console: Console) -> None:
    points = (PointInput("email", "ada@kite.example"), PointInput("email", "shop@kite.example"))
    ada_id = console.customer("Ada", *points)
    page = mara.open(f"/customers/{ada_id}")
    menu = mara.menu("More for shop@kite.example")
    menu.get_by_text("Detach …").click()
    mara.button("Detach", menu).click()
    mara.says("Detached into a new customer.")
    expect(page.get_by_role("heading", level=1)).to_have_text("shop@kite.example")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ada")
    expect(mara.card("Contact")).not_to_contain_text("shop@")


def test_assign_route_close_and_reopen_a_conversation(mara: Desk, console: Console) -> None:
    ada_id = console.contact("email", email="ada@kite.example", name="Ada", body="Hello")
    page = mara.open(f"/inboxes/{console.general_id}")
    mara.button("Take the conversation with Ada").click()
    mara.says("Conversation assigned.")
    my_customers = page.get_by_role("complementary", name="My Customers")
    expect(mara.link("Ada", my_customers)).to_have_attribute("aria-current", "true")
    expect(page.get_by_label("Assignee")).to_have_value(console.agent.agent_id)
    page.get_by_label("Assignee").select_option("Lena")
    expect(my_customers.get_by_role("link", name="Ada")).to_have_count(0)
    page.get_by_label("Inbox").select_option("Sales")
    mara.says("Conversation routed.")
    mara.button("Close").click()
    mara.says("Conversation closed.")
    mara.button("Reopen the last one").click()
    mara.says("Conversation reopened.")
    expect(page.get_by_label("Inbox")).to_have_value(console.inbox_id)
    assert page.url.split("?")[0].endswith(ada_id)


def test_write_a_note_by_the_keyboard(mara: Desk, console: Console) -> None:
    ada_id = console.customer("Ada", PointInput("email", "ada@kite.example"))
    page = mara.open(f"/customers/{ada_id}")
    page.get_by_role("radio", name="Note").check()
    page.get_by_role("heading", level=1).click()
    page.keyboard.press("c")
    page.keyboard.type("Called back; all is well.")
    page.keyboard.press("Control+Enter")
    mara.says("Note added.")
    expect(page.get_by_role("region", name="Timeline").get_by_role("article")).to_contain_text("all is well.")
    expect(page.get_by_placeholder("Write here.")).to_have_value("")
    assert words.said(console.base, ada_id) == ["Called back; all is well."]
