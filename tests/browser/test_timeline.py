"""Long timelines: they load as one scrolls, and open quickly however long they are."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Desk
from tests.console.conftest import Console
from tests.dsl.cases import contact

LONGEST_OPENING_MS = 2_500
"""Until a page with 2,000 entries of history is there, on a machine that is busy with other tests."""


def history(console: Console, length: int) -> str:
    """A customer with so many messages; the id."""
    some = [contact("email", email="ada@kite.example", name="Ada", body=f"Message {n}.") for n in range(length)]
    answers = console.base.receiver.receive(console.organization_id, some)
    profile_id: str = answers[0].profile_id  # type: ignore[union-attr]
    return profile_id


def test_older_entries_load_as_one_scrolls(mara: Desk, console: Console) -> None:
    """All 200, each once, newest first, under one heading for the day."""
    page = mara.open(f"/customers/{history(console, 200)}")
    articles = page.get_by_role("region", name="Timeline").get_by_role("article")
    expect(articles).to_have_count(40)
    for loaded in (80, 120, 160, 200):
        articles.last.scroll_into_view_if_needed()
        page.mouse.wheel(0, 4_000)
        expect(articles.nth(loaded - 1)).to_be_attached()
    expect(articles).to_have_count(200)
    texts = page.locator(".item-body").all_inner_texts()
    assert [text.strip() for text in texts] == [f"Message {n}." for n in reversed(range(200))]
    expect(page.locator(".day")).to_have_count(1)
    expect(page.get_by_role("link", name="Older")).to_have_count(0)


def test_a_history_of_two_thousand_entries_opens_quickly(mara: Desk, console: Console) -> None:
    page = mara.open(f"/customers/{history(console, 2_000)}")
    expect(page.get_by_role("region", name="Timeline").get_by_role("article")).to_have_count(40)
    took = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    assert took < LONGEST_OPENING_MS


def test_a_page_does_not_jump_when_something_arrives(mara: Desk, console: Console) -> None:
    """Whoever reads further down goes on reading there."""
    page = mara.open(f"/customers/{history(console, 40)}")
    read = page.get_by_role("article").filter(has_text="Message 10.")
    read.scroll_into_view_if_needed()
    before = read.bounding_box()
    history(console, 1)  # one more of the same customer
    expect(page.get_by_role("article")).to_have_count(41)
    after = read.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(after["y"] - before["y"]) < 2
