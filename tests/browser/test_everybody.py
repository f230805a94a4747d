"""Every page for everybody: readers by ear, by keyboard, at 200 %, in the dark, without motion (WCAG 2.2 AA)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from onefold.profiles.service import PointInput
from tests.api.conftest import Served
from tests.browser.conftest import Desk, SitDown
from tests.console.cast import Cast, cast, settings_cast
from tests.console.conftest import Console
from tests.console.places import NOBODY, PLACES

PARTS = ("/palette", "/customers/{profile_id}/items")
PAGES = sorted(
    path
    for (method, path), place in PLACES.items()
    if method == "GET" and place.page and place.answers == 200 and path not in PARTS
)
LONG = "Wolfeschlegelsteinhausenbergerdorff-" * 6
RIGHT_TO_LEFT = "مكتبة الإسكندرية"
# Every part and every colour of both schemes is on these; `make soak` looks at all the others as well.
IN_THE_DARK = (
    "/account",
    "/audit",
    "/customers",
    "/customers/{profile_id}",
    "/customers/{profile_id}/matches",
    "/customers/{profile_id}/merge/{source_id}",
    "/customers/{profile_id}/origins",
    "/insights",
    "/queue",
    "/settings/matching",
    "/settings/webhooks",
    "/sign-in",
)
every_page = pytest.mark.parametrize(
    "path", [path if path in IN_THE_DARK else pytest.param(path, marks=pytest.mark.soak) for path in PAGES]
)


@pytest.fixture(scope="module")
def office(sqlite_served: Served) -> Iterator[tuple[Console, Cast]]:
    """An organization whose lists are filled, long names and other scripts among them."""
    console = Console(sqlite_served)
    for name in (LONG, RIGHT_TO_LEFT):
        console.customer(name, PointInput("email", f"{'x' * 60}{len(name)}@kite.example"))
    ids = {**settings_cast(console), **cast(console, console.admin.agent_id)}
    console.contact("email", email=ids["email"], subject=LONG, body=LONG * 9, name=LONG)
    yield console, ids
    console.close()


@pytest.fixture(scope="module")
def desks(browser: Browser, office: tuple[Console, Cast]) -> Iterator[dict[str, Desk]]:
    """Somebody signed in and somebody who is not; their pages take scripts from tests."""
    console, _ = office
    options: dict[str, Any] = {"bypass_csp": True, "viewport": {"width": 1440, "height": 900}}
    seats = {"somebody": console.admin, NOBODY: console.nobody}
    made = {name: Desk(browser, console, seat, options) for name, seat in seats.items()}
    yield made
    for desk in made.values():
        desk.context.close()


def address(path: str, ids: Cast) -> str:
    """The address of a page of the table, with the ids that it names."""
    place = PLACES["GET", path]
    query = "&".join(f"{name}={value.format(**ids)}" for name, value in place.fields.items())
    named = path.format(**{**ids, **{key: value.format(**ids) for key, value in place.values.items()}})
    return f"{named}?{query}" if query else named


def findings(page: Page, *rules: str) -> list[str]:
    """What axe-core finds serious or critical: the rule, and where."""
    options: dict[str, Any] = {"resultTypes": ["violations"], "elementRef": False}
    if rules:
        options["runOnly"] = {"type": "rule", "values": list(rules)}
    violations = Axe().run(page, options=options).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {node['target']} {node['html'][:160]} {node.get('failureSummary', '')[:240]}"
        for one in violations
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the window."""
    wider: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wider


@every_page
def test_a_page_is_for_everybody(desks: dict[str, Desk], office: tuple[Console, Cast], path: str) -> None:
    """No serious finding of axe-core, in both schemes; at 200 % and on a phone nothing is off to the side."""
    _, ids = office
    page = desks[NOBODY if PLACES["GET", path].least == NOBODY else "somebody"].page
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="light")
    answer = page.goto(address(path, ids), wait_until="domcontentloaded")
    assert answer is not None
    assert answer.status == 200
    assert findings(page) == []
    if path in IN_THE_DARK:
        page.emulate_media(color_scheme="dark")
        assert findings(page, "color-contrast", "link-in-text-block") == []
    for width, height in ((1440, 900), (720, 450), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        assert overflow(page) <= 0, f"{overflow(page)} px too wide at {width}"


def test_what_opens_over_a_page_is_for_everybody(desks: dict[str, Desk], office: tuple[Console, Cast]) -> None:
    """Menus with their forms, the palette, the keys."""
    _, ids = office
    desk = desks["somebody"]
    page = desk.page
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"/customers/{ids['profile_id']}")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert findings(page) == []
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = false; })")
        page.keyboard.press("/")
        page.keyboard.type("ada")
        expect(page.get_by_role("dialog").get_by_role("option").first).to_be_visible()
        assert findings(page) == []
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        assert findings(page) == []
        page.keyboard.press("Escape")


_FOCUS = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const box = at.getBoundingClientRect(), name = at.outerHTML.slice(0, 120);
  const ringed = (one) => one.outlineStyle !== "none" && parseFloat(one.outlineWidth) > 0;
  let ring = false;  // around it, or around what holds it
  for (let one = at; one; one = one.parentElement) ring ||= ringed(getComputedStyle(one));
  const seen = box.width > 0 && box.height > 0 && box.top < innerHeight && box.bottom > 0;
  if (!at.dataset.walked) at.dataset.walked = String(++window.walked || (window.walked = 1));
  return {name, ring, seen, number: Number(at.dataset.walked)};
}"""
_REACHABLE = """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary")]
  .filter((one) => !one.disabled && one.type !== "hidden" && one.tabIndex >= 0)
  .filter((one) => one.checkVisibility({visibilityProperty: true})
  && !(one.type === "radio" && !one.checked)).map((one) => one.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize(
    "path",
    [
        "/customers",
        "/customers/new",
        "/customers/{profile_id}",
        "/customers/{profile_id}/matches",
        "/customers/{profile_id}/merge/{other_id}",
        "/inboxes/{general_id}",
    ],
)
def test_tab_reaches_every_control_and_shows_where_it_is(sit: SitDown, office: tuple[Console, Cast], path: str) -> None:
    console, ids = office
    desk = sit(console.agent)
    page = desk.open(path.format(**ids))
    controls = page.evaluate(_REACHABLE)
    reached = []
    page.locator("body").evaluate("() => document.activeElement.blur()")
    for _ in range(len(controls) + 30):
        page.keyboard.press("Tab")
        at = page.evaluate(_FOCUS)
        if at is None:  # past the last control, the first comes again
            continue
        if at["number"] <= len(reached):
            break
        reached.append(at)
    names = [at["name"] for at in reached]
    assert [one for one in controls if one not in names] == [], "not reached"
    assert [at["name"] for at in reached if not at["ring"]] == [], "the focus is not seen"
    assert [at["name"] for at in reached if not at["seen"]] == [], "the focus is out of sight"


def test_escape_closes_what_is_open_and_gives_the_focus_back(mara: Desk, console: Console) -> None:
    page = mara.open(f"/customers/{console.customer('Ada')}")
    opener = page.locator("summary").and_(page.get_by_label("Add a contact point"))
    opener.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Add email").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Add email").first).not_to_be_visible()
    expect(opener).to_be_focused()
    page.keyboard.press("/")
    expect(page.locator("#palette")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).not_to_be_visible()


def test_the_first_tab_skips_to_the_page(mara: Desk) -> None:
    page = mara.open("/customers")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_j_and_k_walk_through_my_customers(mara: Desk, console: Console) -> None:
    ids = [console.contact("email", email=f"{name}@kite.example", name=name, body="Hi") for name in ("Ada", "Bo", "Cy")]
    page = mara.open("/customers")
    for profile_id in ids:
        mara.seat_takes(profile_id)
    page.reload()
    entries = page.get_by_role("complementary", name="My Customers").locator("a.entry")
    expect(entries).to_have_count(3)
    order = [entry.get_attribute("data-profile") for entry in entries.all()]
    page.keyboard.press("j")
    page.wait_for_url(f"**/customers/{order[0]}")
    expect(entries.nth(0)).to_have_attribute("aria-current", "true")
    page.keyboard.press("j")
    page.wait_for_url(f"**/customers/{order[1]}")
    expect(entries.nth(1)).to_have_attribute("aria-current", "true")
    page.keyboard.press("k")
    page.wait_for_url(f"**/customers/{order[0]}")


def test_nothing_moves_for_whoever_asks_for_less_motion(sit: SitDown, console: Console) -> None:
    page = sit(console.agent, reduced_motion="reduce").open(f"/customers/{console.customer('Ada')}?said=saved")
    expect(page.locator(".said")).to_be_visible()
    moving = page.evaluate(
        """() => [...document.querySelectorAll("*")].filter((one) => {
          const style = getComputedStyle(one);
          return `${style.animationDuration},${style.transitionDuration}`.split(",").some((d) => parseFloat(d) > 0.001);
        }).map((one) => one.outerHTML.slice(0, 80))"""
    )
    assert moving == []
