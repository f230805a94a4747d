"""What somebody else does shows without reloading, and takes nothing from whoever is typing (MRG-9, MRG-11, SUG-3)."""

from __future__ import annotations

from playwright.sync_api import expect

from onefold.profiles.service import PointInput
from tests.api.conftest import Api, fresh
from tests.browser.conftest import Desk, SitDown
from tests.console.conftest import Console
from tests.dsl import words


def brings(console: Console, channel: str, **contact: object) -> dict[str, str]:
    """A contact arrives at the API."""
    with Api(console.served, console.organization_id, console.key()) as api:
        sender = {key: contact.pop(key) for key in ("email", "phone", "name") if key in contact}
        answer: dict[str, str] = api.contact(channel, sender, message_id=fresh("m"), **contact)
        return answer


def test_a_draft_survives_a_reload__MRG_9(mara: Desk, console: Console) -> None:
    ada_id = console.customer("Ada")
    page = mara.open(f"/customers/{ada_id}")
    page.get_by_placeholder("Write here.").fill("Called about the")
    expect(page.get_by_text("Draft saved")).to_be_visible()
    page.reload()
    expect(page.get_by_placeholder("Write here.")).to_have_value("Called about the")
    page.get_by_placeholder("Write here.").fill("Called about the order.")
    mara.button("Add note").click()
    mara.says("Note added.")
    assert words.said(console.base, ada_id) == ["Called about the order."]
    page.reload()
    expect(page.get_by_placeholder("Write here.")).to_have_value("")  # it is no draft any more


def test_a_draft_survives_a_merge_while_it_is_being_typed__MRG_9__MRG_11(sit: SitDown, console: Console) -> None:
    """The page moves to the customer who is left, and what was typed up to then is there."""
    ada_id = console.customer("Ada Lovelace")
    twin_id = console.customer("A. Lovelace", PointInput("email", "twin@kite.example"))
    mara, lena = sit(console.agent), sit(console.lead)
    page = mara.open(f"/customers/{twin_id}")
    page.get_by_role("radio", name="Note").check()
    page.get_by_placeholder("Write here.").press_sequentially("She asked whether")

    other = lena.open(f"/customers/{ada_id}/merge/{twin_id}")
    page.get_by_placeholder("Write here.").press_sequentially(" the parcel")
    lena.button("Merge into Ada Lovelace").click()
    lena.says("Merged.")
    expect(other.get_by_role("heading", level=1)).to_have_text("Ada Lovelace")

    page.wait_for_url(f"**/customers/{ada_id}*")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ada Lovelace")
    expect(page.get_by_placeholder("Write here.")).to_have_value("She asked whether the parcel")
    expect(page.get_by_role("radio", name="Note")).to_be_checked()
    mara.button("Add note").click()
    mara.says("Note added.")
    assert words.said(console.base, ada_id) == ["She asked whether the parcel"]


def test_matching_customers_found_appears_without_reloading__SUG_3(mara: Desk, console: Console) -> None:
    ada_id = brings(console, "email", email="ada.lovelace@gmail.com", name="Ada Lovelace", body="Hello")["profile_id"]
    page = mara.open(f"/customers/{ada_id}")
    page.evaluate("window.stayed = true")
    expect(page.get_by_text("Matching customers found!")).to_have_count(0)
    brings(console, "email", email="ada.lovelace@gmial.com", name="Ada Lovelace", body="Hello again")
    expect(page.get_by_text("Matching customers found!")).to_be_visible()
    assert page.evaluate("window.stayed"), "the page was loaded anew"
    mara.link("View matches").click()
    expect(page.get_by_role("table", name="Both customers side by side")).to_be_visible()


def test_a_message_that_arrives_appears_above_the_others__MRG_11(mara: Desk, console: Console) -> None:
    ada_id = brings(console, "email", email="ada@kite.example", name="Ada", body="The first")["profile_id"]
    page = mara.open(f"/customers/{ada_id}")
    composer = page.get_by_placeholder("Write here.")
    composer.fill("I am typing")
    brings(console, "email", email="ada@kite.example", body="The second")
    articles = page.get_by_role("region", name="Timeline").get_by_role("article")
    expect(articles).to_have_count(2)
    expect(articles.first).to_contain_text("The second")
    expect(composer).to_have_value("I am typing")
    expect(composer).to_be_focused()


def test_every_list_shows_the_one_name_at_once__MRG_11(sit: SitDown, console: Console) -> None:
    ada_id = console.customer("Ada Lovelace")
    twin_id = console.contact("email", email="a.lovelace@kite.example", name="A. L.", body="Hello")
    with console.database.read(console.organization_id) as unit:
        conversation = next(iter(words.conversations.of_profile(unit, twin_id, None, 1)))
    words.set_conversation(console.base, conversation.id, console.agent.agent_id)
    mara, second, lena = sit(console.agent), sit(console.agent), sit(console.lead)
    page = mara.open("/customers")
    inbox = second.open(f"/inboxes/{console.general_id}")
    my_customers = page.get_by_role("complementary", name="My Customers")
    expect(my_customers.get_by_role("link", name="A. L.")).to_be_visible()
    expect(inbox.locator("#inbox-table")).to_contain_text("A. L.")
    lena.open(f"/customers/{ada_id}/merge/{twin_id}")
    lena.button("Merge into Ada Lovelace").click()
    lena.says("Merged.")
    expect(my_customers.get_by_role("link", name="Ada Lovelace")).to_be_visible()
    expect(my_customers.get_by_role("link", name="A. L.")).to_have_count(0)
    expect(inbox.locator("#inbox-table")).to_contain_text("Ada Lovelace")
    expect(inbox.locator("#inbox-table")).not_to_contain_text("A. L.")


def test_a_preview_of_a_merge_that_somebody_else_has_made_moves_to_the_survivor__MRG_11(
    sit: SitDown, console: Console
) -> None:
    ada_id, bo_id = console.customer("Ada"), console.customer("Bo")
    page = sit(console.agent).open(f"/customers/{ada_id}/merge/{bo_id}")
    expect(page.get_by_role("heading", name="Merge Customers")).to_be_visible()
    words.merge(console.base, bo_id, ada_id)
    page.wait_for_url(f"**/customers/{ada_id}?said=moved-on")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ada")


def test_what_is_read_is_not_new_any_more__UI_1(mara: Desk, console: Console) -> None:
    """A message makes the customer unread in My Customers; opening the customer ends it."""
    ada_id = console.contact("email", email="ada@kite.example", name="Ada", body="Hello")
    with console.database.read(console.organization_id) as unit:
        conversation = next(iter(words.conversations.of_profile(unit, ada_id, None, 1)))
    words.set_conversation(console.base, conversation.id, console.agent.agent_id)
    page = mara.open("/customers")
    my_customers = page.get_by_role("complementary", name="My Customers")
    expect(my_customers.get_by_title("1 unread")).to_be_visible()
    mara.link("Ada", my_customers).click()
    expect(my_customers.get_by_title("1 unread")).to_have_count(0)
    page.goto("/customers")
    expect(my_customers.get_by_role("link", name="Ada")).not_to_contain_text("unread")
