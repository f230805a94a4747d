"""A merge that takes longer than a second says so, goes on by itself, and is lost by nobody who leaves (MRG-10)."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from onefold.database.engine import Database
from onefold.database.migrate import upgrade
from onefold.profiles import service as profiles
from onefold.profiles.service import PointInput
from tests.api.conftest import Served
from tests.browser.conftest import Desk, SitDown
from tests.console.conftest import Console
from tests.dsl import words
from tests.races.server import Server, serving

STOPPED_SECONDS = 4.0
MERGE = "The merge is in process. It continues by itself, even if you leave this page."

WATCH = """() => {
  window.waited = [];
  const place = document.querySelector("#in-process");
  document.addEventListener("htmx:beforeSend", () => { window.sent = performance.now(); });
  const seen = () => { if (place.textContent) window.waited.push(performance.now() - window.sent); };
  new MutationObserver(seen).observe(place, { childList: true });
}"""
"""Notes after how many milliseconds something was shown to be in process, by the browser's own clock."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The application in a process of its own, which can be stopped."""
    folder = tmp_path_factory.mktemp("in-process")
    url = f"sqlite:///{folder}/base.db"
    database = Database(url)
    upgrade(database)
    database.dispose()
    with serving(url, "", folder) as process:
        yield process


@pytest.fixture
def served(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """That process and its database."""
    database = Database(f"sqlite:///{server.log.parent}/base.db")
    yield Served(str(database.url), server.url, database)
    database.dispose()


@contextmanager
def stopped(server: Server) -> Iterator[Callable[[], None]]:
    """The process does nothing until it is told to go on, at the latest at the end."""
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield lambda: server.process.send_signal(signal.SIGCONT)
    finally:
        server.process.send_signal(signal.SIGCONT)


def living(console: Console, profile_id: str) -> str:
    with console.database.read(console.organization_id) as unit:
        return profiles.resolve_redirect(unit, profile_id)


def becomes(console: Console, profile_id: str, survivor_id: str) -> None:
    """The id leads to the survivor, within seconds."""
    end = time.monotonic() + 15
    while living(console, profile_id) != survivor_id:
        assert time.monotonic() < end, "the merge was lost"
        time.sleep(0.05)


def status(page: Page, text: str = MERGE) -> Locator:
    """Where a screen reader is told that something is in process."""
    return page.get_by_role("status").filter(has_text=text)


# A server that does not answer for four seconds -----------------------------------------------------------------------


def test_a_merge_in_process_says_so_after_a_second_and_goes_on_by_itself__MRG_10(
    mara: Desk, console: Console, server: Server
) -> None:
    ada_id, bo_id = console.customer("Ada"), console.customer("Bo")
    page = mara.open(f"/customers/{ada_id}/merge/{bo_id}")
    page.evaluate(WATCH)
    with stopped(server) as go_on:
        begun = time.monotonic()
        mara.button("Merge into Ada").click()
        expect(status(page)).to_be_visible()
        [waited] = page.evaluate("window.waited")
        assert 950 < waited < 2_000, waited
        time.sleep(max(0.0, begun + STOPPED_SECONDS - time.monotonic()))
        expect(status(page)).to_be_in_viewport(ratio=1)
        assert living(console, bo_id) == bo_id
        go_on()
        mara.says("Merged.")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ada")
    expect(page).to_have_url(re.compile(f"/customers/{ada_id}"))
    expect(status(page)).to_have_count(0)
    assert living(console, bo_id) == ada_id


@pytest.mark.parametrize("way_out", ["about:blank", "close"])
def test_leaving_a_page_while_its_merge_is_in_process_loses_nothing__MRG_10(
    mara: Desk, console: Console, server: Server, way_out: str
) -> None:
    """The browser has closed the connection before the server has read what was sent."""
    ada_id, bo_id = console.customer("Ada"), console.customer("Bo")
    page = mara.open(f"/customers/{ada_id}/merge/{bo_id}")
    with stopped(server) as go_on:
        mara.button("Merge into Ada").click()
        expect(status(page)).to_be_visible()
        if way_out == "close":
            page.close()
        else:
            page.goto(way_out)
        time.sleep(0.5)
        assert living(console, bo_id) == bo_id
        go_on()
        becomes(console, bo_id, ada_id)
    other = mara.context.new_page()
    other.goto(f"/customers/{bo_id}")
    expect(other.get_by_role("heading", level=1)).to_have_text("Ada")


# Every way to merge, its answer held ----------------------------------------------------------------------------------


class Way(NamedTuple):
    """A way to merge: what it is sent to, what is said meanwhile, and what is said at its end."""

    sent_to: str
    begin: Callable[[Desk, Console], None]
    done: str
    text: str = MERGE


def two_alike(console: Console) -> tuple[str, str]:
    """Two customers who are suggested with each other, the older first."""
    points = [PointInput("email", f"ada.lovelace@{domain}") for domain in ("gmail.com", "gmial.com")]
    one, other = (console.customer("Ada Lovelace", point) for point in points)
    return one, other


def from_the_preview(desk: Desk, console: Console) -> None:
    one, other = console.customer("Ada"), console.customer("Bo")
    desk.open(f"/customers/{one}/merge/{other}")
    desk.button("Merge into Ada").click()


def from_the_matches(desk: Desk, console: Console) -> None:
    one, _ = two_alike(console)
    desk.open(f"/customers/{one}/matches")
    desk.button("Match").click()


def from_the_matches_by_key(desk: Desk, console: Console) -> None:
    one, _ = two_alike(console)
    desk.open(f"/customers/{one}/matches")
    desk.decide("m")


def from_the_queue(desk: Desk, console: Console) -> None:
    two_alike(console)
    desk.open("/queue").locator(".q-match").click()


def from_the_queue_by_key(desk: Desk, console: Console) -> None:
    two_alike(console)
    desk.open("/queue")
    desk.decide("m")


def from_the_queue_side_by_side(desk: Desk, console: Console) -> None:
    one, other = two_alike(console)
    desk.open(f"/queue/{one}/{other}")
    desk.button("Match").click()


def by_filing_a_call(desk: Desk, console: Console) -> None:
    line = "+12125550123"
    for name in ("Ada", "Bo"):
        console.customer(name, PointInput("phone", line, phone_type="office"))
    desk.open(f"/customers/{console.contact('voice', phone=line)}")
    desk.button("File the call with Ada").click()


def many_at_once(desk: Desk, console: Console) -> None:
    two_alike(console)
    desk.open("/queue").locator(".q-tick input").check()
    desk.button("Match selected").click()


def undoing(desk: Desk, console: Console) -> None:
    merge = words.merge(console.base, console.customer("Bo"), console.customer("Ada"))
    desk.open(f"/merges/{merge.id}")
    desk.button("Undo this merge").click()


def detaching(desk: Desk, console: Console) -> None:
    ada_id = console.customer("Ada", *(PointInput("email", f"{name}@kite.example") for name in ("a", "b")))
    desk.open(f"/customers/{ada_id}")
    menu = desk.menu("More for b@kite.example")
    menu.get_by_text("Detach …").click()
    desk.button("Detach", menu).click()


WAYS = {
    "the preview": Way("**/merge/*", from_the_preview, "Merged."),
    "the matches": Way("**/match", from_the_matches, "Merged."),
    "the matches, by key": Way("**/match", from_the_matches_by_key, "Merged."),
    "the queue": Way("**/queue/match", from_the_queue, "Merged."),
    "the queue, by key": Way("**/queue/match", from_the_queue_by_key, "Merged."),
    "side by side": Way("**/queue/match", from_the_queue_side_by_side, "Merged."),
    "a call": Way("**/file-call", by_filing_a_call, "Call filed with this customer."),
    "many at once": Way(
        "**/queue/bulk",
        many_at_once,
        "Started",
        "The bulk merge is being started. It continues by itself, even if you leave this page.",
    ),
    "an undo": Way(
        "**/undo",
        undoing,
        "Merge undone",
        "Undoing the merge is in process. It continues by itself, even if you leave this page.",
    ),
    "a detach": Way(
        "**/detach",
        detaching,
        "Detached",
        "Detaching is in process. It continues by itself, even if you leave this page.",
    ),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_every_way_to_merge_says_that_it_is_in_process__MRG_10(sit: SitDown, console: Console, way: Way) -> None:
    lena, routes = sit(console.lead), list[Route]()
    page = lena.page
    page.route(way.sent_to, lambda route: routes.append(route) if route.request.method == "POST" else route.continue_())
    way.begin(lena, console)
    expect(status(page, way.text)).to_be_visible()
    [route] = routes
    route.continue_()
    lena.says(way.done)
    expect(status(page, way.text)).to_have_count(0)


def test_what_is_answered_within_a_second_shows_nothing__MRG_10(mara: Desk, console: Console) -> None:
    ada_id, bo_id = console.customer("Ada"), console.customer("Bo")
    page = mara.open(f"/customers/{ada_id}/merge/{bo_id}")
    page.evaluate(WATCH)
    answer = "<main id='main'><h1>Ada</h1></main><div id='said'><p class='said'>Merged.</p></div>"
    page.route("**/merge/*", lambda route: route.fulfill(body=answer, content_type="text/html"))
    mara.button("Merge into Ada").click()
    mara.says("Merged.")
    page.wait_for_timeout(1_300)
    assert page.evaluate("window.waited") == []


# Going on with something else meanwhile -------------------------------------------------------------------------------


def test_who_goes_on_elsewhere_is_not_brought_back_and_is_told_the_end__MRG_10(mara: Desk, console: Console) -> None:
    """The page somebody has gone to stays, with its address and what is typed there."""
    ada_id, bo_id, cy_id = (console.customer(name) for name in ("Ada", "Bo", "Cy"))
    page, routes = mara.page, list[Route]()
    mara.open(f"/customers/{ada_id}/merge/{bo_id}")
    page.route("**/merge/*", lambda r: routes.append(r) if r.request.method == "POST" else r.continue_())
    mara.button("Merge into Ada").click()
    expect(status(page)).to_be_visible()
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill("Cy")
    page.get_by_role("option", name="Cy").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Cy")
    expect(status(page)).to_be_visible()
    page.get_by_placeholder("Write here.").fill("Meanwhile")
    [route] = routes
    route.continue_()
    mara.says("Merged.")
    expect(status(page)).to_have_count(0)
    expect(page).to_have_url(re.compile(f"/customers/{cy_id}"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Cy")
    expect(page.get_by_placeholder("Write here.")).to_have_value("Meanwhile")
    assert living(console, bo_id) == ada_id
    words.add_detail(console.base, cy_id, "Likes", "kites")  # and the page still follows what others do
    expect(mara.card("Details")).to_contain_text("kites")


def test_who_goes_on_elsewhere_is_told_that_a_merge_was_not_done__MRG_10__MRG_12(mara: Desk, console: Console) -> None:
    ada_id, bo_id = console.customer("Ada"), console.customer("Bo")
    page, routes = mara.page, list[Route]()
    mara.expects("412")
    mara.open(f"/customers/{ada_id}/merge/{bo_id}")
    words.add_detail(console.base, bo_id, "nickname", "Bobby")
    page.route("**/merge/*", lambda r: routes.append(r) if r.request.method == "POST" else r.continue_())
    mara.button("Merge into Ada").click()
    expect(status(page)).to_be_visible()
    page.locator("#side").get_by_role("link", name="My Customers").click()
    expect(page).to_have_url(re.compile("/customers$"))
    [route] = routes
    route.continue_()
    mara.says("What you started on the page before was not done. Go back to it to see why.")
    expect(page).to_have_url(re.compile("/customers$"))
    assert living(console, bo_id) == bo_id


@pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])
def test_a_merge_whose_connection_breaks_is_done_once__MRG_10__UI_4(mara: Desk, console: Console, done: bool) -> None:
    """Nobody knows then whether it was done: it is asked for again, and a form is one deed however often it is sent."""
    ada_id, bo_id = console.customer("Ada"), console.customer("Bo")
    page, routes = mara.page, list[Route]()
    for complaint in ("ERR_CONNECTION_RESET", "htmx:afterRequest", "htmx:sendError"):
        mara.expects(complaint)
    mara.open(f"/customers/{ada_id}/merge/{bo_id}")

    def hold(route: Route) -> None:
        if route.request.method == "POST" and not routes:
            routes.append(route)
        else:
            route.continue_()

    page.route("**/merge/*", hold)
    mara.button("Merge into Ada").click()
    expect(status(page)).to_be_visible()
    [route] = routes
    if done:
        route.fetch(max_redirects=0)
    route.abort("connectionreset")
    page.wait_for_url(f"**/customers/{ada_id}?*")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ada")
    expect(status(page)).to_have_count(0)
    assert len([one for one in words.events(console.base, ada_id) if "merge" in one.lower()]) == 1
