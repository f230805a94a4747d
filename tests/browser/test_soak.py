"""Two agents at work for ten minutes: no letter that was typed is lost, no merge was not meant (MRG-1, MRG-9, UI-3)."""

from __future__ import annotations

import os
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from typing import NamedTuple

import pytest
from playwright.sync_api import Error, Locator, Page

from onefold.audit import service as audit
from onefold.profiles.service import PointInput
from tests.browser.conftest import Desk, SitDown
from tests.console.conftest import Console
from tests.dsl import words

pytestmark = pytest.mark.soak

SECONDS = float(os.environ.get("ONEFOLD_SOAK_SECONDS", "600"))
SEED = int(os.environ.get("ONEFOLD_SOAK_SEED", "0")) or random.SystemRandom().randrange(1, 10_000)
CUSTOMERS = 50
LETTERS = ("vm", "nn", "van", "cm", "jk", "g c", "x/?", "swq", "n", "mvn", "g m", "m", "v", "no match", "/", "given")
STILL_MS = 1_200
"""How long somebody looks before a key that decides."""
PATIENCE_MS = 4_000
"""How long somebody tries for what another may have taken away."""
LINE = "+12125550123"
DECIDED = {
    "profile.merged": "merge",
    "profile.unmerged": "undo",
    "suggestion.dismissed": "no match",
}
Steps = Iterator[None]


class Confirmed(NamedTuple):
    """A click or a key that was meant: by whom, to do what, about which two."""

    agent_id: str
    what: str
    pair: frozenset[str]
    how: str


class Typed(NamedTuple):
    """A use of a field: by whom, which, and every letter typed there."""

    agent_id: str
    field: str
    text: str


class Ledger:
    """What the agents did, as they know it themselves."""

    def __init__(self) -> None:
        self.typed: list[Typed] = []
        self.confirmed: list[Confirmed] = []
        self.wrong: list[str] = []
        self.done: Counter[str] = Counter()


class Agent:
    """One of the two: does one thing after another, a step at a time, so that the other is always in the midst."""

    def __init__(self, desk: Desk, console: Console, chance: random.Random, ledger: Ledger, *, leads: bool) -> None:
        self.desk, self.page, self.console, self.chance, self.ledger = desk, desk.page, console, chance, ledger
        self.id, self.serial = desk.seat.agent_id, 0
        self.activities: list[Callable[[], Steps]] = [
            self.writes,
            self.writes,
            self.writes,
            self.adds_a_detail,
            self.adds_a_customer,
            self.looks_for_somebody,
            self.merges,
            self.matches,
            self.matches,
            self.files_a_call,
            *([self.undoes] if leads else []),
        ]
        self.steps = self._works()

    def _works(self) -> Steps:
        while True:
            activity = self.chance.choice(self.activities)
            try:
                yield from activity()
                self.ledger.done[activity.__name__] += 1
            except Error as error:  # somebody else was faster: what is lost by it is found at the end
                self.ledger.done[f"{activity.__name__}, not finished"] += 1
                self.ledger.done[str(error).splitlines()[0][:60]] += 1
            yield

    def somebody(self) -> str:
        """A customer who is there."""
        ids = words.rows(
            self.console.base,
            "SELECT id FROM profiles WHERE organization_id = :o AND survivor_id IS NULL",
            o=self.console.organization_id,
        )
        chosen: str = self.chance.choice(sorted(row[0] for row in ids))
        return chosen

    def types(self, field: str) -> Generator[None, None, Typed]:
        """A text that nobody else types, key by key, to wherever the focus is; as somebody who does not look."""
        self.serial += 1
        chosen = self.chance.choices(LETTERS, k=self.chance.randint(3, 14))
        typed = Typed(self.id, field, " ".join([f"u{self.id[-4:]}.{self.serial}", *chosen]))
        delay = self.chance.choice((30, 60, 150))
        self.ledger.typed.append(typed)
        for part in re.findall(r".{1,5}", typed.text):
            self.page.keyboard.type(part, delay=delay)
            yield
        return typed

    def confirms(self, button: Locator, what: str, pair: set[str], how: str = "click") -> None:
        """Clicks what decides. What is not there any more is not clicked, and counts as meant all the same."""
        self.ledger.confirmed.append(Confirmed(self.id, what, frozenset(pair), how))
        button.click(timeout=PATIENCE_MS)
        self.page.wait_for_timeout(200)

    # What an agent does

    def writes(self) -> Steps:
        """A note, which is added or left as a draft."""
        page = self.page
        self.desk.open(f"/customers/{self.somebody()}")
        yield
        if page.get_by_placeholder("Write here.").input_value():
            self.desk.open(page.url.split("?")[0] + "?draft=new")
        page.locator(f"#composer [name=kind][value={self.chance.choice(('note', 'task'))}]").check()
        page.get_by_placeholder("Write here.").focus()
        yield from self.types("composer")
        way = self.chance.randrange(4)
        if way == 0:
            page.locator("#composer [value=send]").click(timeout=PATIENCE_MS)
        elif way == 1:
            page.keyboard.press("Control+Enter")
        elif way == 2:
            page.get_by_text("Draft saved").wait_for(timeout=PATIENCE_MS)
        else:
            page.locator("#side").get_by_role("link", name="My Customers").click(timeout=PATIENCE_MS)
        page.wait_for_timeout(400)

    def adds_a_detail(self) -> Steps:
        """By the form of a card."""
        self.desk.open(f"/customers/{self.somebody()}")
        yield
        menu = self.desk.menu("Add a detail")
        menu.get_by_label("What").fill("Said")
        menu.get_by_label("Value").focus()
        yield from self.types("detail")
        self.page.keyboard.press("Enter")
        self.page.wait_for_timeout(800)

    def adds_a_customer(self) -> Steps:
        """By Add New Customer."""
        self.desk.open("/customers/new")
        self.page.get_by_label("Name", exact=True).focus()
        yield
        yield from self.types("name")
        self.page.keyboard.press("Enter")
        self.page.wait_for_timeout(800)

    def looks_for_somebody(self) -> Steps:
        """By the palette, which is left again: what was typed is in it until then."""
        self.desk.open(f"/customers/{self.somebody()}").keyboard.press("Control+k")
        yield
        typed = yield from self.types("palette")
        self.ledger.typed.remove(typed)
        if (value := self.page.locator("#palette-input").input_value()) != typed.text:
            self.ledger.wrong.append(f"palette: {typed.text!r} is {value!r} at {self.page.url}")
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("Escape")

    def merges(self) -> Steps:
        """By the preview of a merge."""
        into, away = self.somebody(), self.somebody()
        if into == away:
            return
        self.desk.open(f"/customers/{into}/merge/{away}")
        yield
        button = self.page.locator(f'form[action="/customers/{into}/merge/{away}"] button.primary')
        if button.is_enabled(timeout=PATIENCE_MS):
            self.confirms(button, "merge", {into, away})

    def matches(self) -> Steps:
        """Match or No Match, by click or by key."""
        page = self.page
        rows = words.rows(
            self.console.base,
            "SELECT profile_id, other_id FROM suggestions WHERE organization_id = :o AND state = 'open'",
            o=self.console.organization_id,
        )
        if not rows:
            return
        shown, _ = self.chance.choice(sorted(tuple(row) for row in rows))
        self.desk.open(f"/customers/{shown}/matches")
        yield
        what = self.chance.choice(("match", "no-match"))
        form = page.locator(f'form[action$="/{what}"]').first
        pair = self._pair(form)
        meant = "merge" if what == "match" else "no match"
        if self.chance.random() < 0.5:
            shown_id, other_id = pair
            exact = f'form[action="/customers/{shown_id}/{what}"]:has(input[name=other_id][value="{other_id}"]) button'
            self.confirms(page.locator(exact), meant, {*pair})
            return
        page.wait_for_timeout(STILL_MS)
        pair = self._pair(form)  # what is looked at when the key is pressed
        self.ledger.confirmed.append(Confirmed(self.id, meant, frozenset(pair), "key"))
        page.keyboard.press(what[0])
        page.wait_for_timeout(400)

    def _pair(self, form: Locator) -> tuple[str, str]:
        ids = form.evaluate(
            "(form) => [form.getAttribute('action').split('/')[2], form.elements.other_id.value]", timeout=PATIENCE_MS
        )
        return ids[0], ids[1]

    def files_a_call(self) -> Steps:
        """A call from the shared line, with one of those who hold it."""
        caller = words.receive(self.console.base, "voice", phone=LINE).profile_id
        self.desk.open(f"/customers/{caller}")
        yield
        form = self.page.locator('form[action$="/file-call"]').first
        if form.count():
            self.confirms(form.get_by_role("button"), "merge", {*self._pair(form)}, "call")

    def undoes(self) -> Steps:
        """A merge that was made, by the page of it."""
        rows = words.rows(
            self.console.base,
            "SELECT id, source_id, destination_id FROM merges WHERE organization_id = :o AND undone_at IS NULL",
            o=self.console.organization_id,
        )
        if not rows:
            return
        merge_id, source_id, destination_id = self.chance.choice(sorted(tuple(row) for row in rows))
        self.desk.open(f"/merges/{merge_id}")
        yield
        button = self.page.get_by_role("button", name="Undo this merge")
        if button.count():
            self.confirms(button, "undo", {source_id, destination_id})


def contacts(console: Console, chance: random.Random) -> Steps:
    """Customers go on writing and calling: old ones, and one now and then who is new."""
    while True:
        n = chance.randrange(CUSTOMERS + 10)
        domain = chance.choice(("gmail.com", "gmial.com"))
        words.receive(console.base, "email", email=f"customer-{n}@{domain}", name=f"Customer {n}", body="Hello")
        yield


def stored(console: Console) -> dict[str, Counter[str]]:
    """What is kept, by where: each text, and how often."""
    texts: dict[str, Counter[str]] = {}
    for where, sql in {
        "timelines": "SELECT body FROM items WHERE organization_id = :o AND kind <> 'event'",
        "drafts": "SELECT body FROM drafts WHERE organization_id = :o",
        "details": "SELECT value FROM details WHERE organization_id = :o",
        "names": "SELECT name FROM profiles WHERE organization_id = :o",
        "former names": "SELECT former_name FROM merges WHERE organization_id = :o",  # a merge chose the longer one
    }.items():
        rows = words.rows(console.base, sql, o=console.organization_id)
        texts[where] = Counter((row[0] or "").strip() for row in rows)
    return texts


def not_meant(console: Console, ledger: Ledger) -> tuple[Counter[str], list[str]]:
    """What the audit log says was decided, and what of it nobody has confirmed."""
    left = Counter(ledger.confirmed)
    made, unmeant, before = Counter[str](), list[str](), None
    with console.database.read(console.organization_id) as unit:
        while entries := audit.page(unit, before_seq=before, limit=200):
            before = entries[-1].seq
            for entry in entries:
                if (decision := DECIDED.get(entry.action)) is None:
                    continue
                made[decision] += 1
                pair = frozenset((entry.profile_id or "", entry.other_id or ""))
                by_agent = [c for c in left if left[c] and (c.agent_id, c.what) == (entry.actor.agent_id, decision)]
                meant = [c for c in by_agent if c.pair == pair or _alike(c, pair)]
                meant.sort(key=lambda c: c.pair != pair)
                if meant:
                    left[meant[0]] -= 1
                else:
                    unmeant.append(f"{entry.seq}: {decision} of {sorted(pair)} by {entry.actor.agent_id}")
    return made, unmeant


def _alike(confirmed: Confirmed, pair: frozenset[str]) -> bool:
    """What names a customer by an id that leads to another by now is done with that one: merges by versions never."""
    return (confirmed.what != "merge" or confirmed.how == "call") and bool(confirmed.pair & pair)


def test_two_agents_at_work__MRG_1__MRG_9__UI_3(sit: SitDown, console: Console) -> None:
    print(f"seed {SEED}")
    chance, ledger = random.Random(SEED), Ledger()
    for n in range(CUSTOMERS):  # every other one is suggested with the one before
        domain = "gmail.com" if n % 2 else "gmial.com"
        console.customer(f"Customer {n // 2 * 2}", PointInput("email", f"customer-{n // 2 * 2}@{domain}"))
    for name in ("Ada", "Bo"):
        console.customer(name, PointInput("phone", LINE, phone_type="office"))
    desks = [sit(seat) for seat in (console.agent, console.lead)]
    for desk in desks:  # refusals: somebody else was faster
        for status in ("404", "409", "412", "422", "htmx:"):
            desk.expects(status)
    agents = [
        Agent(desk, console, random.Random(chance.random()), ledger, leads=desk.seat is console.lead) for desk in desks
    ]
    arriving = contacts(console, random.Random(chance.random()))
    begun, arrived = time.monotonic(), 0.0
    while time.monotonic() - begun < SECONDS:
        next(chance.choice(agents).steps)
        if time.monotonic() - arrived > 1.0:
            arrived = time.monotonic()
            next(arriving)
    for agent in agents:  # to the end of what they are at
        count = ledger.done.total()
        while ledger.done.total() == count:
            next(agent.steps)
        agent.page.wait_for_timeout(3_500)  # what is being kept
    texts, (made, unmeant) = stored(console), not_meant(console, ledger)
    open_fields = Counter(field for agent in agents for field in _fields(agent.page))
    places = [*texts.values(), open_fields]
    lost = [typed for typed in ledger.typed if not any(place[typed.text] for place in places)]
    twice = [t for t in ledger.typed if texts["timelines"][t.text] + texts["drafts"][t.text] > 1]
    letters = sum(len(typed.text) for typed in ledger.typed)
    print(f"{len(ledger.typed)} fields, {letters} letters; lost: {sum(len(t.text) for t in lost)}; {dict(made)}")
    print(f"{len(ledger.confirmed)} confirmed: {dict(Counter((c.what, c.how) for c in ledger.confirmed))}")
    print(dict(ledger.done))
    print(*unmeant, *lost, *twice, *ledger.wrong, sep="\n")
    assert (unmeant, lost, twice, ledger.wrong) == ([], [], [], []), f"seed {SEED}"


def _fields(page: Page) -> list[str]:
    values: list[str] = page.evaluate(
        "[...document.querySelectorAll('input, textarea')].map((one) => one.value.trim())"
    )
    return values
