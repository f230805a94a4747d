"""Agents at real browsers: one Chromium for all tests, and a context of its own for whoever sits down.

On SQLite alone: which database is beneath makes no difference to a page, and tests/console/ asks both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Error, Locator, Page, expect

from onefold.conversations import service as conversations
from tests.api.conftest import Served
from tests.browser.chromium import NoBrowser, chromium
from tests.conftest import NOT_TESTED
from tests.console.conftest import Console, Seat, console, other_console, sqlite_served
from tests.dsl import words

__all__ = ["Desk", "console", "other_console", "sqlite_served"]

PATIENCE_MS = 15_000
expect.set_options(timeout=PATIENCE_MS)


# Of the package: while Playwright runs, no other test of the process can run an event loop of its own.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The one Chromium of this run."""
    try:
        with chromium() as process:
            yield process
    except NoBrowser as missing:
        pytest.skip(f"{NOT_TESTED} IN A BROWSER: {missing}")


@pytest.fixture
def served(sqlite_served: Served) -> Served:
    """The application."""
    return sqlite_served


COMPLAIN_OF_LOST_CHANGES = """addEventListener("htmx:sendAbort", ({ detail: { requestConfig } }) => {
  if (requestConfig.verb !== "get") console.error(`given up before it was answered: ${requestConfig.path}`);
})"""


class Desk:
    """An agent at a browser. Whatever it complains of fails the test, unless the test `expects` it."""

    def __init__(self, browser: Browser, console: Console, seat: Seat, options: dict[str, Any]) -> None:
        self.context: BrowserContext = browser.new_context(base_url=console.served.address, **options)
        self.context.set_default_timeout(PATIENCE_MS)
        if seat.token:
            self.context.add_cookies([{"name": "onefold", "value": seat.token, "url": console.served.address}])
        self.console, self.seat = console, seat
        self.complaints: list[str] = []
        # htmx complains of a search that the next letter's has replaced; of anything but a search so do we.
        self.expected: list[str] = ["htmx:sendAbort", "htmx:afterRequest"]
        self.context.add_init_script(COMPLAIN_OF_LOST_CHANGES)
        self.context.on("console", self._said)
        self.context.on("weberror", lambda error: self.complaints.append(f"error: {error.error}"))
        self.context.on("dialog", self._asked)
        self.page: Page = self.context.new_page()

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def _asked(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def decide(self, key: str) -> None:
        """Presses a key that decides something, as one does who has seen on what: the page has been still."""
        self.page.wait_for_timeout(600)
        self.page.keyboard.press(key)

    def expects(self, complaint: str) -> None:
        """The browser may complain of something that has this text in it: a refusal's status, say."""
        self.expected.append(complaint)

    def open(self, path: str) -> Page:
        """The page at an address, loaded, and the script of ours at work."""
        self.page.goto(path, wait_until="domcontentloaded")
        return self.page

    def link(self, name: str, within: Locator | None = None) -> Locator:
        """The link of this name."""
        return (within or self.page.locator("main")).get_by_role("link", name=name)

    def button(self, name: str, within: Locator | None = None) -> Locator:
        """The button of this name."""
        return (within or self.page.locator("main")).get_by_role("button", name=name, exact=True)

    def card(self, name: str) -> Locator:
        """A card of the customer page."""
        return self.page.get_by_role("region", name=name, exact=True)

    def menu(self, name: str) -> Locator:
        """The menu of this name, opened."""
        opener = self.page.locator("summary").and_(self.page.get_by_label(name, exact=True))
        opener.click()
        return self.page.locator("details.menu[open]").last

    def says(self, text: str) -> None:
        """What was just done is said at the foot of the page."""
        expect(self.page.locator("#said")).to_contain_text(text)

    def seat_takes(self, profile_id: str) -> None:
        """Assigns a customer's conversation to the agent, past the pages."""
        with self.console.database.read(self.console.organization_id) as unit:
            conversation = conversations.of_profile(unit, profile_id, None, 1)[0]
        words.set_conversation(self.console.base, conversation.id, self.seat.agent_id)

    def unexpected(self) -> list[str]:
        """What the browser complained of that the test does not expect."""
        return [one for one in self.complaints if not any(some in one for some in self.expected)]


SitDown = Callable[..., Desk]


@pytest.fixture
def sit(browser: Browser, console: Console) -> Iterator[SitDown]:
    """Sits somebody down at a browser of their own: `sit(console.agent, color_scheme="dark")`."""
    desks: list[Desk] = []

    def sat(seat: Seat, **options: Any) -> Desk:
        desks.append(Desk(browser, console, seat, {"viewport": {"width": 1440, "height": 900}, **options}))
        return desks[-1]

    yield sat
    complaints = [complaint for desk in desks for complaint in desk.unexpected()]
    for desk in desks:
        try:
            desk.context.close()
        except Error:  # a test may have closed it itself
            continue
    assert complaints == []


@pytest.fixture
def mara(sit: SitDown, console: Console) -> Desk:
    """An agent at a browser."""
    return sit(console.agent)
