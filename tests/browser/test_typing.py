"""Whoever is typing while somebody else merges loses no letter, and no letter decides anything (MRG-1, MRG-9, UI-3)."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Page, Request, expect

from onefold.audit import service as audit
from onefold.conversations import drafts
from onefold.conversations.drafts import Composed
from onefold.profiles.service import PointInput
from tests.api.conftest import fresh
from tests.browser.conftest import Desk, SitDown
from tests.console.conftest import Console
from tests.dsl import words

WORDS = (
    "vm",
    "nn",
    "van",
    "cm",
    "jk",
    "g c",
    "x/?",
    "swq",
    "n",
    "mvn",
    "g m",
    "m",
    "v",
    "no match",
    "/",
    "given",
    "?c",
)
"""Every letter that is a key somewhere, alone, in pairs and in a row."""
DECISIONS = ("profile.merged", "profile.unmerged", "profile.detached", "suggestion.dismissed", "suggestion.reopened")
STILL_MS = 1_500
"""Longer than a page must have been still before a key decides something."""
REFRESHED_SECONDS = 4.0
"""A page has followed a change by then: it waits a second and a half at most before it asks."""


def decisions(console: Console) -> list[tuple[str, str | None, str | None]]:
    """Everything that was decided about customers, newest first: what, and about whom."""
    with console.database.read(console.organization_id) as unit:
        return [(e.action, e.profile_id, e.other_id) for e in audit.page(unit, limit=200) if e.action in DECISIONS]


def undecided(console: Console, name: str, number: int = 2) -> list[str]:
    """That many customers, each of whom is suggested with each other one, the oldest first."""
    word = fresh(name.lower().replace(" ", "-"))
    domains = ("gmail.com", "gmial.com", "gmail.con", "gmai.com")[:number]
    return [console.customer(name, PointInput("email", f"{word}@{domain}")) for domain in domains]


# Where somebody types -------------------------------------------------------------------------------------------------


class Place(NamedTuple):
    """Somewhere to type: how somebody gets there from a customer's page, and what must have come of it at the end."""

    go: Callable[[Desk, str], None]
    end: Callable[[Desk, Console, str, str], None]
    longest: int = 1_000
    extra: tuple[str, ...] = ()


def now_at(page: Page, profile_id: str) -> bool:
    """Whether the page is this customer's."""
    return page.url.split("?")[0].endswith(f"/customers/{profile_id}")


def moves_on(page: Page, profile_id: str) -> None:
    """The page is the survivor's, in the end."""
    page.wait_for_url(lambda url: url.split("?")[0].endswith(f"/customers/{profile_id}"))


def to_the_composer(desk: Desk, profile_id: str) -> None:
    desk.open(f"/customers/{profile_id}")
    desk.page.get_by_role("radio", name="Note").check()
    desk.page.get_by_placeholder("Write here.").focus()


def kept_as_a_draft(desk: Desk, console: Console, survivor_id: str, typed: str) -> None:
    moves_on(desk.page, survivor_id)
    expect(desk.page.get_by_placeholder("Write here.")).to_have_value(typed)
    expect(desk.page.get_by_role("radio", name="Note")).to_be_checked()
    expect(desk.page.get_by_text("Draft saved")).to_be_visible()

    def bodies() -> list[str]:
        with console.database.read(console.organization_id) as unit:
            rows = drafts.of_profile(unit, survivor_id, desk.seat.agent_id, None, 50)
        return [draft.body.replace("\r\n", "\n").strip() for draft in rows if draft.body != EARLIER]

    eventually(lambda: bodies() == [typed.strip()], bodies)


def to_the_subject(desk: Desk, profile_id: str) -> None:
    desk.open(f"/customers/{profile_id}")
    desk.page.get_by_role("radio", name="Task").check()
    desk.page.get_by_placeholder("Subject").focus()


def kept_in_the_subject(desk: Desk, _console: Console, survivor_id: str, typed: str) -> None:
    moves_on(desk.page, survivor_id)
    expect(desk.page.get_by_placeholder("Subject")).to_have_value(typed)


def to_a_new_customer(desk: Desk, _profile_id: str) -> None:
    desk.open("/customers/new")
    expect(desk.page.get_by_label("Name", exact=True)).to_be_focused()


def adds_a_customer(desk: Desk, _console: Console, _survivor_id: str, typed: str) -> None:
    desk.page.keyboard.press("Enter")
    desk.says("Customer added.")
    expect(desk.page.get_by_role("heading", level=1)).to_have_text(" ".join(typed.split()))


def to_a_card(desk: Desk, profile_id: str) -> None:
    desk.open(f"/customers/{profile_id}")
    menu = desk.menu("Add a detail")
    menu.get_by_label("What").fill("Said")
    menu.get_by_label("Value").focus()


def saves_a_detail(desk: Desk, console: Console, survivor_id: str, typed: str) -> None:
    desk.page.keyboard.press("Enter")

    def details() -> list[tuple[str, str]]:
        return [(detail["key"], detail["value"]) for detail in words.show(console.base, survivor_id).details]

    eventually(lambda: details() == [("Said", typed.strip())], details)
    moves_on(desk.page, survivor_id)


def to_the_palette(desk: Desk, profile_id: str) -> None:
    for complaint in (
        "htmx:afterRequest",
        "htmx:sendAbort",
    ):  # a request that the next letter replaces, on a slow machine
        desk.expects(complaint)
    desk.open(f"/customers/{profile_id}").keyboard.press("Control+k")
    expect(desk.page.locator("#palette-input")).to_be_focused()


def closes_the_palette(desk: Desk, _console: Console, survivor_id: str, _typed: str) -> None:
    desk.page.keyboard.press("Escape")
    desk.page.keyboard.press("Escape")  # a search field is emptied by the first one
    moves_on(desk.page, survivor_id)


PLACES = {
    "composer": Place(to_the_composer, kept_as_a_draft, extra=("m\nn", "v\nm")),
    "subject": Place(to_the_subject, kept_in_the_subject),
    "new customer": Place(to_a_new_customer, adds_a_customer, longest=240),
    "card": Place(to_a_card, saves_a_detail),
    "palette": Place(to_the_palette, closes_the_palette, longest=170),
}
EARLIER = "Begun before, on the other customer"


def eventually(holds: Callable[[], bool], seen: Callable[[], object]) -> None:
    """It is so within seconds."""
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end, seen()
        time.sleep(0.05)


# Typing through a merge -----------------------------------------------------------------------------------------------

FOCUS = """() => {
  const at = document.activeElement;
  const [start, end] = [at.selectionStart ?? null, at.selectionEnd ?? null];
  return { name: at.name || at.id || at.tagName, value: at.value ?? "", start, end, direction: at.selectionDirection };
}"""


class Typist:
    """Somebody at a keyboard who looks at the customer on the phone, not at the screen: never clicks, never looks."""

    def __init__(self, page: Page, delay: int, place: Place) -> None:
        self.page, self.delay, self.longest, self.typed = page, delay, place.longest, ""
        self.words: Iterator[str] = itertools.cycle((*WORDS, *place.extra))

    def types(self, number: int = 1) -> None:
        """The next words, key by key."""
        for _ in range(number):
            word = f"{next(self.words)} "
            if len(self.typed) + len(word) > self.longest:
                self.page.wait_for_timeout(100)
                continue
            self.page.keyboard.type(word, delay=self.delay)
            self.typed += word


def type_through_a_merge(desk: Desk, console: Console, place: Place, delay: int, turn: int) -> tuple[int, list[str]]:
    """Types before, while and after the customer is merged away; how many letters were lost, and what else is wrong."""
    page, faults = desk.page, list[str]()
    a_id = console.customer("Ada Byron", PointInput("email", f"{fresh('byron')}@kite.example"))
    b_id, _ = undecided(console, "Ada Lovelace")
    if turn % 2:
        words.add_draft(console.base, b_id, desk.seat.agent_id, Composed("email", EARLIER))
    before = decisions(console)
    place.go(desk, a_id)
    [field] = [page.evaluate(FOCUS)["name"]]
    typist, asked = Typist(page, delay, place), list[float]()

    def notes(request: Request) -> None:
        if "x-refresh" in request.headers:
            asked.append(time.monotonic())

    page.on("request", notes)
    typist.types(1 + turn % 3)
    words.merge(console.base, a_id, b_id)
    merged = time.monotonic()

    def followed() -> bool:
        late = time.monotonic() - merged > REFRESHED_SECONDS
        return late or now_at(page, b_id) or (place.go is to_a_new_customer and any(at > merged for at in asked))

    while not followed():
        typist.types()
    typist.types(max(2, 450 // delay // 3))
    page.remove_listener("request", notes)
    page.wait_for_timeout(200)  # for an answer that is under way
    at = page.evaluate(FOCUS)
    if at["name"] != field:
        faults.append(f"the focus is in {at['name']}, not in {field}")
    if (at["start"], at["end"]) != (len(typist.typed), len(typist.typed)):
        faults.append(f"the caret is at {at['start']}-{at['end']} of {len(typist.typed)}")
    lost = 0
    if at["value"] != typist.typed:
        matched = SequenceMatcher(None, typist.typed, at["value"], autojunk=False).get_matching_blocks()
        lost = len(typist.typed) - sum(block.size for block in matched)
        faults.append(f"{typist.typed!r} is {at['value']!r} at {page.url}")
    expected = [("profile.merged", b_id, a_id)]
    if (made := decisions(console)[: -len(before) or None]) != expected:
        faults.append(f"decided by letters: {[one for one in made if one not in expected]}")
    if not faults:
        place.end(desk, console, b_id, typist.typed)
    return lost, faults


CASES = [(place, delay) for place in PLACES for delay in (30, 60, 150) if place != "subject" or delay == 60]


@pytest.mark.parametrize("merges", [pytest.param(2, id="2"), pytest.param(20, marks=pytest.mark.soak, id="20")])
@pytest.mark.parametrize(
    ("name", "delay"),
    # A usual run has each place once; the soak has every pace.
    [pytest.param(p, ms, marks=() if ms == 60 else pytest.mark.soak, id=f"{p}-{ms}ms") for p, ms in CASES],
)
def test_no_letter_is_lost_or_decides_while_somebody_else_merges__MRG_9__UI_3(
    mara: Desk, console: Console, name: str, delay: int, merges: int
) -> None:
    results = [type_through_a_merge(mara, console, PLACES[name], delay, turn) for turn in range(merges)]
    spoiled = [faults for _, faults in results if faults]
    letters_lost = sum(lost for lost, _ in results)
    print(f"{name} at {delay} ms: {merges} merges, {len(spoiled)} spoiled, {letters_lost} letters lost")
    assert spoiled == [], f"{len(spoiled)} of {merges} merges spoiled, {letters_lost} letters lost"


def test_a_customer_merged_twice_while_somebody_types__MRG_9(mara: Desk, console: Console) -> None:
    """On to the survivor, and on to the survivor's survivor."""
    a_id, b_id, c_id = (console.customer(name) for name in ("Ada", "Bea", "Cy"))
    to_the_composer(mara, a_id)
    typist = Typist(mara.page, 40, PLACES["composer"])
    for source_id, destination_id in ((a_id, b_id), (b_id, c_id)):
        typist.types(2)
        words.merge(console.base, source_id, destination_id)
        end = time.monotonic() + REFRESHED_SECONDS
        while not now_at(mara.page, destination_id) and time.monotonic() < end:
            typist.types()
    typist.types(4)
    kept_as_a_draft(mara, console, c_id, typist.typed)
    assert [action for action, *_ in decisions(console)] == ["profile.merged"] * 2


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_what_is_selected_stays_selected__MRG_9(mara: Desk, console: Console, direction: str) -> None:
    a_id, (b_id, _) = console.customer("Ada Byron"), undecided(console, "Ada Lovelace")
    to_the_composer(mara, a_id)
    page, text = mara.page, "She asked whether the parcel has come, and when"
    page.keyboard.type(text)
    at = text.index("whether")
    composer = page.get_by_placeholder("Write here.")
    composer.evaluate("(field, [start, end, way]) => field.setSelectionRange(start, end, way)", [at, at + 7, direction])
    words.merge(console.base, a_id, b_id)
    moves_on(page, b_id)
    expect(page.get_by_role("heading", level=1)).to_have_text("Ada Lovelace")
    expect(composer).to_be_focused()
    focus: dict[str, Any] = page.evaluate(FOCUS)
    assert (focus["value"][focus["start"] : focus["end"]], focus["direction"]) == ("whether", direction)
    page.keyboard.type("if")
    kept_as_a_draft(mara, console, b_id, text.replace("whether", "if"))
    assert len(decisions(console)) == 1


# Keys that decide -----------------------------------------------------------------------------------------------------

PRESS = """([keys, selector]) => new Promise((done) => {
  const press = (key) => (document.activeElement ?? document.body)
    .dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  const old = document.querySelector(selector);
  const seen = new MutationObserver(() => {
    if (old.isConnected || !document.querySelector(selector)) return;
    seen.disconnect();
    for (const key of keys) press(key);
    setTimeout(() => { for (const key of keys) press(key); done(); }, 60);
  });
  seen.observe(document.documentElement, { childList: true, subtree: true });
})"""
"""Keys in the very moment in which a refresh has put something in another's place, and again 60 ms later: by the
browser, for a test that reached across processes would be too late on a slow machine."""


def test_keys_of_whoever_looks_at_a_page_that_moves_on_decide_nothing__MRG_1__UI_3(
    mara: Desk, console: Console
) -> None:
    """No field has the focus: the customer's page becomes the survivor's, and the next letters are for nobody."""
    a_id, (b_id, _) = console.customer("Ada Byron"), undecided(console, "Ada Lovelace")
    page = mara.open(f"/customers/{a_id}")
    page.evaluate(f"void (window.pressed = ({PRESS})([['v', 'm', 'n'], '#who']))")
    words.merge(console.base, a_id, b_id)
    page.evaluate("window.pressed")
    page.wait_for_timeout(STILL_MS)  # `v` may show something, but what follows at once is not meant for it
    assert [action for action, *_ in decisions(console)] == ["profile.merged"]


@pytest.mark.parametrize("key", ["m", "n"])
def test_keys_do_not_decide_on_matches_that_have_only_just_come__SUG_3(mara: Desk, console: Console, key: str) -> None:
    """Somebody else merges the candidate that is looked at; the next one must have been seen before a key decides."""
    ada_id, one_id, other_id = undecided(console, "Ada Lovelace", 3)
    page = mara.open(f"/customers/{ada_id}/matches")
    page.wait_for_timeout(STILL_MS)
    page.evaluate(f"void (window.pressed = ({PRESS})([['{key}'], '#matches-sheet']))")
    words.merge(console.base, other_id, one_id)
    page.evaluate("window.pressed")
    page.wait_for_timeout(STILL_MS)
    assert [action for action, *_ in decisions(console)] == ["profile.merged"]
    page.keyboard.press(key)  # whoever has looked at it may
    mara.says("Merged." if key == "m" else "No Match.")
    assert len(decisions(console)) == 2


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/queue", "m"),
        ("/queue", "n"),
        ("/queue/{}/{}", "m"),
        ("/customers/{}/matches", "m"),
        ("/customers/{}/matches", "n"),
        ("/customers/{}", "v"),
        ("/customers/{}", "m"),
    ],
)
def test_a_key_that_is_held_down_decides_once__UI_3(sit: SitDown, console: Console, path: str, key: str) -> None:
    ada_id, one_id, _ = undecided(console, "Ada Lovelace", 3)
    for name in ("Bo", "Cy"):
        undecided(console, name)
    desk = sit(console.lead)
    page = desk.open(path.format(ada_id, one_id))
    page.wait_for_timeout(STILL_MS)
    for _ in range(45):  # longer than a page must have been still, at the rate of a keyboard's repeat
        page.keyboard.down(key)
        page.wait_for_timeout(50)
    page.keyboard.up(key)
    page.wait_for_timeout(300)
    made = decisions(console)
    opens = path == "/customers/{}"  # here the key shows something, and decides nothing
    assert len(made) <= (0 if opens else 1), made


MORE_PATHS = ("/queue/{}/{}", "/customers/{}/matches")


@pytest.mark.parametrize(("key", "said"), [("m", "Merged."), ("n", "No Match.")])
@pytest.mark.parametrize("path", ["/queue", *(pytest.param(p, marks=pytest.mark.soak) for p in MORE_PATHS)])
def test_keys_decide_for_whoever_waits__UI_3(sit: SitDown, console: Console, path: str, key: str, said: str) -> None:
    ada_id, one_id = undecided(console, "Ada Lovelace")
    desk = sit(console.lead)
    page = desk.open(path.format(ada_id, one_id))
    page.wait_for_timeout(STILL_MS)
    page.keyboard.press(key)
    desk.says(said)
    assert [action for action, *_ in decisions(console)] == ["profile.merged" if key == "m" else "suggestion.dismissed"]
