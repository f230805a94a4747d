"""Whatever anybody does makes a database do as much in a large base as in a small one: each use case, page and address.

What it does is counted (tests/counting.py), not timed. A B-tree may have become a level higher.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import httpx
import pytest

from onefold.app import create_app
from onefold.domain.contact import Further, ListedPhone
from onefold.jobs.webhooks import Sender
from onefold.jobs.worker import Counting, run_jobs
from onefold.services import (
    conversations,
    drafts,
    erasing,
    exporting,
    insights,
    many_merges,
    merging,
    profiles,
    suggestions,
    worklists,
)
from onefold.services.clock import utc_now
from onefold.services.conversations import Written
from onefold.services.drafts import Composed
from onefold.services.merging import MergeRequest
from onefold.services.profiles import PointInput
from onefold.settings import Settings
from onefold.storage import feed, tables
from onefold.storage.database import Database, Unit
from onefold.storage.matching import QueueFilter
from onefold.storage.migrate import upgrade
from onefold.storage.outbox import forget
from tests import crowd
from tests.api.conftest import Served, document, fresh
from tests.conftest import MakeUrl
from tests.console.cast import Cast, cast, settings_cast
from tests.console.conftest import Console
from tests.console.places import PLACES
from tests.counting import Tally, counted
from tests.domain.cases import contact
from tests.services import words

FEW, MANY, VERY_MANY = 1_000, 10_000, 100_000
RATIO, SPARE = 1.5, 40
"""How much more may be done in the large base, and how much more in any case: pages of higher trees, lists not full."""

Case = tuple[str, Callable[[], object]]

MEANT = {
    "GET /v1/blocklist/candidates": "counts every value that opens no profile, and all evidence; an admin asks for it",
    "GET /v1/settings/matching-mode/{mode}/preview": "counts what a change of the whole base would change",
}
"""Addresses that read the whole base, and why."""


def contacts(console: Console) -> Iterator[Case]:
    """New customers and known ones, on each channel; what it shares with others; many at once."""
    number = int(fresh("1").rpartition("-")[2])
    for channel, given in {
        "email": {"email": "ada@growth.example", "name": "Ada"},
        "voice": {"phone": "+442079460123"},
        "sms": {"phone": f"+4477009001{number % 100:02}"},
        "whatsapp": {"phone": "+447700900177"},
        "social": {"network": "facebook", "user_id": "77"},
        "chat": {"visitor": "token-7"},
    }.items():
        for what in ("first", "next"):
            yield f"{what} contact by {channel}", partial(console.contact, channel, **given)
    further = Further(emails=("ada@growth.example",), phones=(ListedPhone("+442079460123", "home"),))
    yield "contact with further values", partial(console.contact, "email", email="adda@growth.example", further=further)
    yield "contact from a line of many", partial(console.contact, "voice", phone=crowd.COMMON_LINE)
    batch = [contact("email", email=f"b{n % 40}@growth.example", name=f"B {n}") for n in range(100)]
    yield "batch", partial(console.base.receiver.receive, console.organization_id, batch)
    yield "the same batch again", partial(console.base.receiver.receive, console.organization_id, batch)


def edits(console: Console, ids: Cast) -> Iterator[Case]:
    """What agents do on a customer's page."""
    base, one, agent_id = console.base, ids["profile_id"], console.agent.agent_id
    do = partial(partial, words.do, base)
    yield "create", partial(console.customer, "Bo", PointInput("email", "bo@growth.example"), username="bo")
    yield "edit", partial(words.edit, base, one, name="Ada B", username="ada.b", customer_id="C-1")
    point = PointInput("phone", "+442079460177", phone_type="home")
    yield "add a point", partial(words.list_point, base, one, point)
    point_id = words.list_point(base, one, PointInput("email", "ada.b@growth.example"))
    changed = PointInput("email", "ada.c@growth.example", main=True)
    yield "change a point", do(lambda unit: profiles.edit_point(unit, one, point_id, changed, None))
    yield "remove a point", do(lambda unit: profiles.remove_point(unit, one, point_id, None))
    yield "add a detail", partial(words.add_detail, base, one, "Size", "M")
    yield "add an address", partial(words.add_address, base, one, "1 Main St")
    yield "relate", partial(words.relate, base, one, ids["caller_id"], "friend")
    yield "note", do(lambda unit: conversations.write(unit, one, Written("Hello"), agent_id))
    yield "assign", partial(words.set_conversation, base, ids["conversation_id"], agent_id)
    yield "close", partial(words.set_conversation, base, ids["conversation_id"], state="closed")
    yield "begin a draft", partial(words.add_draft, base, one, agent_id, Composed("note", "Begun"))
    draft = words.add_draft(base, one, agent_id, Composed("note", "Begun"))
    yield "save a draft", do(lambda unit: drafts.save(unit, draft.id, agent_id, Composed("note", "More")))
    yield "send a draft", do(lambda unit: drafts.send(unit, draft.id, agent_id))
    yield "note what was read", do(lambda unit: worklists.note_read(unit, agent_id, one))
    yield "search", partial(words.found_by, base, "Ada growth")
    yield "search for what many have", partial(words.found_by, base, "crowd")


def alike(console: Console) -> tuple[str, str]:
    """Two new customers who are suggested to each other."""
    line, word = f"+44207947{int(fresh('l').rpartition('-')[2]):04}", fresh("kay")
    further = Further(phones=(ListedPhone(line, "home"),))
    mails = (f"{word}@growth.example", f"{word}{word}@growth.example")
    one, other = (console.contact("email", email=mail, further=further) for mail in mails)
    return one, other


def decisions(console: Console) -> Iterator[Case]:
    """Merging, and all that is about suggestions."""
    base = console.base
    do = partial(partial, words.do, base)
    one, other = alike(console)
    request = MergeRequest(one, other)
    yield "suggestions", do(lambda unit: suggestions.of_profile(unit, one))
    yield "why", do(lambda unit: suggestions.why(unit, one, other))
    yield "no match", do(lambda unit: suggestions.no_match(unit, one, other, words.COMMAND))
    yield "withdraw it", do(lambda unit: suggestions.withdraw(unit, one, other, words.COMMAND))
    for state in ("open", "dismissed"):
        for kind, after in ((None, None), ("phone", None), (None, (0.6, "f", "f"))):
            wanted = QueueFilter(state=state, kind=kind)
            yield f"queue {state} {kind} {after}", do(partial(_queue, wanted=wanted, after=after))
    yield "tally", do(lambda unit: suggestions.tally(unit, QueueFilter()))
    yield "merge preview", do(lambda unit: merging.preview(unit, request, words.COMMAND))
    yield "merge", partial(words.merge, base, one, other)
    merged = words.merge(base, *alike(console))
    yield "undo", partial(words.undo, base, merged.id)
    held, _ = alike(console)
    line = next(point for point in words.show(base, held).points if point.kind == "phone")
    yield "detach", partial(words.detach, base, held, line.contact_point_id)
    pairs = [alike(console)]
    words.do(base, lambda unit: many_merges.begin(unit, pairs, words.COMMAND))
    yield "a run of merges", partial(run_jobs, base.database)


def _queue(unit: Unit, wanted: QueueFilter, after: tuple[float, str, str] | None) -> object:
    ids = None if after is None else (after[0], *("ffffffff-0000-7000-8000-000000000000",) * 2)
    return suggestions.queue(unit, wanted, ids, 50)


def background(console: Console, ids: Cast) -> Iterator[Case]:
    """Jobs, exports, and starting."""
    base, organization_id = console.base, console.organization_id
    do = partial(partial, words.do, base)
    yield "starting", partial(upgrade, base.database)
    yield "looking for events", do(lambda unit: feed.look(unit, 0, 100))
    counting = Counting(base.database, chunk=50)
    yield "counting", counting.work
    yield "counting on", counting.work
    yield "reading counts", do(lambda unit: insights.read(unit, 30))
    yield "forgetting", do(partial(forget, events_before=utc_now(), keys_before=utc_now(), now=utc_now(), limit=20))
    long_ago = utc_now().replace(year=2020)
    yield "nothing to forget", do(partial(forget, events_before=long_ago, keys_before=long_ago, now=long_ago, limit=20))
    yield "webhooks", Sender(base.database, lambda parcel: None).work  # type: ignore[arg-type, return-value]

    def export() -> list[bytes]:
        with base.database.read(organization_id) as unit:
            whose = exporting.subject(unit, ids["profile_id"])
        return list(exporting.document(lambda work: words.do(base, work), whose))

    yield "export", export


def erasures(console: Console, ids: Cast) -> Iterator[Case]:
    """Last, because nobody is there afterwards. The texts that an erasure looks through are many; they are left out."""
    patch = pytest.MonkeyPatch()
    patch.setattr(erasing.store, "delete_texts", lambda unit, traces: {"audit_records": 0, "idempotency_keys": 0})
    one = ids["profile_id"]
    yield (
        "erase",
        partial(words.do, console.base, lambda unit: erasing.erase(unit, one, one, words.COMMAND), alone=True),
    )
    patch.undo()


class Edge:
    """The application at its addresses, in this thread; nothing works beside it."""

    def __init__(self, console: Console) -> None:
        settings = Settings(database_url=console.served.url, log_level="error", webhooks_allow_private=True)
        self._app = create_app(settings)
        token = console.session(console.admin.agent_id)
        self._seat = {"Cookie": f"onefold={token}", "Sec-Fetch-Site": "same-origin"}
        self._key = {"Authorization": f"Bearer {token}"}

    def get(self, path: str, api: bool, **query: str) -> None:
        """Asks for an address, which must answer."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            headers = self._key if api else self._seat
            async with httpx.AsyncClient(
                transport=transport, base_url="http://growth.example", headers=headers
            ) as client:
                return await client.get(path, params=query)

        answer = asyncio.run(ask())
        assert answer.status_code == 200, (path, answer.status_code, answer.text[-1500:])


def pages(edge: Edge, ids: Cast) -> Iterator[Case]:
    """Every page of the console."""
    for (method, template), place in PLACES.items():
        if method == "GET" and place.page and place.answers == 200 and place.least != "nobody":
            named = {**ids, **{key: value.format(**ids) for key, value in place.values.items()}}
            query = {key: value.format(**ids) for key, value in place.fields.items()}
            yield f"{method} {template}", partial(edge.get, template.format(**named), False, **query)
    for query in ({"action": "profile.erased"}, {"since": "2026-02-01"}, {"until": "2025-01-01"}):
        yield f"GET /audit {query}", partial(edge.get, "/audit", False, **query)


def addresses(edge: Edge, ids: Cast) -> Iterator[Case]:
    """Every address of the API that reads."""
    needed = {"/v1/profiles/search": {"q": "Ada"}}
    found = {**ids, "seq": "1", "position": "0", "mode": "contacted"}
    for path, operations in document()["paths"].items():
        name = f"GET {path}"
        if "get" in operations and path.startswith("/v1/") and name not in MEANT:
            yield name, partial(edge.get, path.format(**found), True, **needed.get(path, {}))


def everything(database: Database, url: str, many: int, server: str) -> dict[str, Counter[str]]:
    """What each case makes a database of so many customers do."""
    console = Console(Served(url, "http://growth.example", database))
    crowd.fill(database, console.organization_id, console.general_id, many, server)
    found: dict[str, Counter[str]] = {}
    with counted() as tally:
        database.dispose()
        _count(tally, contacts(console), found)
        ids = {**cast(console, console.admin.agent_id), **settings_cast(console)}
        edge = Edge(console)
        _count(tally, pages(edge, ids), found)
        _count(tally, addresses(edge, ids), found)
        _count(tally, edits(console, ids), found)
        _count(tally, decisions(console), found)
        _count(tally, background(console, ids), found)
        _count(tally, erasures(console, ids), found)
        database.dispose()
    console.close()
    return found


def _count(tally: Tally, cases: Iterator[Case], found: dict[str, Counter[str]]) -> None:
    for name, work in cases:
        with tally.running() as counts:
            work()
        found[name] = counts


def grown(few: dict[str, Counter[str]], many: dict[str, Counter[str]]) -> list[str]:
    """The cases that have grown, each with the statements that have grown most."""
    said = []
    for name, counts in many.items():
        before, after = few[name].total(), counts.total()
        if after > RATIO * before + SPARE:
            worst = sorted(counts, key=lambda sql: few[name][sql] - counts[sql])[:3]
            lines = [f"  {few[name][sql]} -> {counts[sql]}: {sql[:300]}" for sql in worst]
            said.append("\n".join([f"{name}: {before} -> {after}", *lines]))
    return said


@pytest.mark.parametrize("many", [MANY, pytest.param(VERY_MANY, marks=pytest.mark.soak)])
def test_nothing_grows_with_the_base(make_url: MakeUrl, request: pytest.FixtureRequest, many: int) -> None:
    counts = []
    for size in (FEW, many):
        url = make_url()
        server = "" if url.startswith("sqlite") else request.getfixturevalue("postgres_server")
        database = Database(url, synchronous="OFF")
        counts.append(everything(database, url, size, server))
        database.dispose()
    few, large = counts
    assert few.keys() == large.keys()
    found = grown(few, large)
    if found:
        pytest.fail(f"From {FEW} to {many} customers:\n" + "\n".join(found), pytrace=False)


def test_the_crowd_is_in_every_table_that_grows(make_url: MakeUrl, request: pytest.FixtureRequest) -> None:
    url = make_url()
    database = Database(url)
    console = Console(Served(url, "http://growth.example", database))
    server = "" if url.startswith("sqlite") else request.getfixturevalue("postgres_server")
    crowd.fill(database, console.organization_id, console.general_id, 100, server)
    rows = console.everything() | {name: ["left out"] for name in crowd.NOT_CROWDED}
    assert [table.name for table in tables.OWNED if rows.get(table.name) == []] == []
    console.close()
    database.dispose()


def test_what_may_grow_is_there() -> None:
    there = document()["paths"]
    for name in MEANT:
        assert "get" in there[name.removeprefix("GET ")], re.sub(r"\s", " ", name)
