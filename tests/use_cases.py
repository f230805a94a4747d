"""All that anybody does, as cases that can be run: each use case, each page of the console, each address that reads.

What is counted of them is in tests/test_growth.py, what is timed in benchmarks/growth.py. They can be run again: what
they make has new names each time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial

import httpx
import pytest

from onefold.app import create_app
from onefold.conversations import drafts, worklists
from onefold.conversations import service as conversations
from onefold.conversations.drafts import Composed
from onefold.conversations.service import Written
from onefold.core.clock import utc_now
from onefold.core.process_settings import Settings
from onefold.database.engine import UnitOfWork
from onefold.database.migrate import upgrade
from onefold.insights import service as insights
from onefold.jobs import feed_store as feed
from onefold.jobs.expiry_store import delete_expired as forget
from onefold.jobs.webhooks import Sender
from onefold.jobs.worker import Counting, run_jobs
from onefold.merging import bulk as many_merges
from onefold.merging import service as merging
from onefold.merging.service import MergeRequest
from onefold.privacy import erasure as erasing
from onefold.privacy import export as exporting
from onefold.profiles import service as profiles
from onefold.profiles.service import PointInput
from onefold.receiving.contact import Further, ListedPhone
from onefold.suggestions import service as suggestions
from onefold.suggestions.store import QueueFilter
from tests import crowd
from tests.api.conftest import document, fresh
from tests.console.cast import Cast
from tests.console.conftest import Console
from tests.console.places import PLACES
from tests.dsl import words
from tests.dsl.cases import contact

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
        "email": {"email": f"ada{number}@growth.example", "name": "Ada"},
        "voice": {"phone": f"+44207946{number % 10_000:04}"},
        "sms": {"phone": f"+447911{number % 10**6:06}"},
        "whatsapp": {"phone": f"+447912{number % 10**6:06}"},
        "social": {"network": "facebook", "user_id": f"77{number}"},
        "chat": {"visitor": f"token-{number}"},
    }.items():
        for order in ("first", "next"):
            yield f"{order} contact by {channel}", partial(console.contact, channel, **given)
    mails = (f"ada{number}@growth.example", f"adda{number}@growth.example")
    further = Further(emails=mails[:1], phones=(ListedPhone(f"+44207946{number % 10_000:04}", "home"),))
    yield "contact with further values", partial(console.contact, "email", email=mails[1], further=further)
    yield "contact from a line of many", partial(console.contact, "voice", phone=crowd.COMMON_LINE)
    batch = [contact("email", email=f"b{number}.{n % 40}@growth.example", name=f"B {n}") for n in range(100)]
    yield "batch", partial(console.base.receiver.receive, console.organization_id, batch)
    yield "the same batch again", partial(console.base.receiver.receive, console.organization_id, batch)


def edits(console: Console, ids: Cast) -> Iterator[Case]:
    """What agents do on a customer's page."""
    base, one, agent_id = console.base, ids["profile_id"], console.agent.agent_id
    do = partial(partial, words.do, base)
    new = fresh("new")
    yield (
        "create",
        partial(console.customer, "Bo", PointInput("email", f"bo-{new}@growth.example"), username=f"bo-{new}"),
    )
    yield "edit", partial(words.edit, base, one, name="Ada B", username=f"ada-{new}", customer_id=f"C-{new}")
    point = PointInput("phone", "+442079460177", phone_type="home")
    yield "add a point", partial(words.list_point, base, one, point)
    point_id = words.list_point(base, one, PointInput("email", f"ada.b-{new}@growth.example"))
    changed = PointInput("email", f"ada.c-{new}@growth.example", main=True)
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
    line, word = f"+44203{int(fresh('l').rpartition('-')[2]):07}", fresh("kay")
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
            filters = QueueFilter(state=state, kind=kind)
            yield f"queue {state} {kind} {after}", do(partial(_queue, filters=filters, after=after))
    yield "tally", do(lambda unit: suggestions.tally(unit, QueueFilter()))
    yield "merge preview", do(lambda unit: merging.preview(unit, request, words.COMMAND))
    yield "merge", partial(words.merge, base, one, other)
    merged = words.merge(base, *alike(console))
    yield "undo", partial(words.undo, base, merged.id)
    profile_id, _ = alike(console)
    line = next(point for point in words.show(base, profile_id).points if point.kind == "phone")
    yield "detach", partial(words.detach, base, profile_id, line.contact_point_id)
    pairs = [alike(console)]
    words.do(base, lambda unit: many_merges.begin(unit, pairs, words.COMMAND))
    yield "a run of merges", partial(run_jobs, base.database)


def _queue(unit: UnitOfWork, filters: QueueFilter, after: tuple[float, str, str] | None) -> object:
    ids = None if after is None else (after[0], *("ffffffff-0000-7000-8000-000000000000",) * 2)
    return suggestions.queue(unit, filters, ids, 50)


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
        partial(words.do, console.base, lambda unit: erasing.erase(unit, one, one, words.COMMAND), exclusive=True),
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
    handshakes = ("/v1/channels/meta",)  # which look at nothing
    path_values = {**ids, "seq": "1", "position": "0", "mode": "contacted"}
    for path, operations in document()["paths"].items():
        name = f"GET {path}"
        if "get" in operations and path.startswith("/v1/") and path not in handshakes and name not in MEANT:
            yield name, partial(edge.get, path.format(**path_values), True, **needed.get(path, {}))
