"""A change made elsewhere shows without reloading (MRG-11): who listens is told all, once, and of nobody else's."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import httpx
import pytest

from onefold import app
from onefold.accounts import service as accounts
from onefold.accounts import session_store, signing_in
from onefold.console import events
from onefold.console.events import MOST_STREAMS
from onefold.contact_points.blocklist import DEFAULT_ENTRIES
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import Unavailable
from onefold.database.engine import Database, UnitOfWork
from onefold.jobs import feed as feeds
from onefold.jobs.feed import MOST_AT_ONCE, RESYNC, Feed, Listener, Message, Window
from onefold.jobs.feed_store import Look
from onefold.organizations.store import add_organization
from onefold.outbox import store as outbox
from tests.api.conftest import serving as served_in_a_thread
from tests.conftest import Base
from tests.dsl.words import COMMAND, do
from tests.races.processes import Job, at_once
from tests.races.server import Server, serving
from tests.races.workers import bring, contact

T = TypeVar("T")
ADA = "00000000-0000-7000-8000-000000000001"
STREAMS = 500
PATIENCE_SECONDS = 20
only_postgresql = pytest.mark.parametrize("make_url", ["postgresql"], indirect=True)


def emit(unit: UnitOfWork, *words: object) -> None:
    """Events that can be told by their words."""
    for word in words:
        outbox.emit(unit, new_id(), "profile.updated", ADA, {"word": str(word)}, utc_now())


def happens(base: Base, *words: object) -> None:
    """Events of one transaction."""
    do(base, lambda unit: emit(unit, *words))


def word(message: Message) -> str:
    """What an event is told by."""
    return "resync" if message is RESYNC else str(json.loads(message.data)["word"])


# In one process ------------------------------------------------------------------------------------------------------


def listening(database: Database, organization_id: int, story: Callable[[Listener], Awaitable[T]], **more: Any) -> T:
    """What becomes of a listener, whom nobody lets wait for ever."""

    async def tell() -> T:
        feed = Feed(database, seconds=0.01, **more)
        feed.start()
        try:
            async with feed.listen(organization_id) as listener:
                return await asyncio.wait_for(story(listener), PATIENCE_SECONDS)
        finally:
            feed.stop()

    return asyncio.run(tell())


async def until(listener: Listener, last: str) -> list[str]:
    """What is told, to this word."""
    texts: list[str] = []
    while last not in texts:
        texts += [word(message) for message in await listener.next()]
    return texts


def test_events_are_told_once_and_in_order__MRG_11(base: Base) -> None:
    happens(base, "before anybody listened")

    async def story(listener: Listener) -> list[str]:
        texts = []
        for n in range(0, 40, 2):
            happens(base, n, n + 1)
            texts += await until(listener, str(n + 1))
        return texts

    assert listening(base.database, base.organization_id, story) == [str(n) for n in range(40)]


@only_postgresql
def test_an_event_that_is_committed_after_later_ones_is_not_lost__MRG_11(base: Base) -> None:
    """However long its transaction takes, and however much happens in the meantime."""
    hours = 0

    async def story(listener: Listener) -> list[str]:
        nonlocal hours
        texts = []
        with base.database.write(base.organization_id) as slow:
            emit(slow, "slow")
            for n in range(30):
                hours += 1
                happens(base, n)
                texts += await until(listener, str(n))
        texts += await until(listener, "slow")
        happens(base, "last")
        return texts + await until(listener, "last")

    texts = listening(base.database, base.organization_id, story, clock=lambda: hours * 3600.0)
    assert texts == [*(str(n) for n in range(30)), "slow", "last"]


@only_postgresql
def test_what_began_before_somebody_listened_is_told_when_it_is_committed__MRG_11(base: Base) -> None:
    with ExitStack() as under_way:
        slow = under_way.enter_context(base.database.write(base.organization_id))
        emit(slow, "slow")
        happens(base, "quick, before anybody listened")

        async def story(listener: Listener) -> list[str]:
            under_way.close()
            return await until(listener, "slow")

        assert listening(base.database, base.organization_id, story) == ["slow"]


@only_postgresql
def test_more_than_is_looked_at_again_is_owed_a_word_when_all_of_it_can_be_seen__MRG_11(
    base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "_WINDOW", 20)
    hours = 0

    async def story(listener: Listener) -> list[str]:
        nonlocal hours
        with base.database.write(base.organization_id) as slow:
            emit(slow, "slow")
            happens(base, *range(30))
            assert await until(listener, "resync") == ["resync"], "too many to look at them again"
            hours += 1
            happens(base, "quick")
            assert await until(listener, "quick") == ["quick"], "nothing is owed while the slow one is under way"
        return [word(message) for message in await listener.next()]

    assert listening(base.database, base.organization_id, story, clock=lambda: hours * 3600.0) == ["resync"]


def test_a_window_forgets_what_is_settled__MRG_11() -> None:
    """Else every look would read all that ever happened."""
    window, now = Window(), 0.0
    assert window.fresh(Look([3, 2, 1], 10, 10)) == []
    window.advance(Look([3, 2, 1], 10, 10), now)
    assert window.fresh(Look([5, 4, 3, 2, 1], 10, 12)) == [4, 5]
    window.advance(Look([5, 4, 3, 2, 1], 10, 12), now + 1)
    window.advance(Look([5, 4, 3, 2, 1], 11, 13), now + 5)
    assert window.after == 3, "what was under way when 3 was seen has ended since; not so with 5"
    window.advance(Look([5, 4], 13, 13), now + 5.9)
    assert window.after == 3, "a transaction may still draw its own number"
    window.advance(Look([5, 4], 13, 13), now + 6)
    assert window.after == 5


def test_too_much_at_once_is_one_word__MRG_11(base: Base) -> None:
    async def story(listener: Listener) -> list[str]:
        happens(base, *range(MOST_AT_ONCE + 1))
        texts = [word(message) for message in await listener.next()]
        happens(base, "afterwards")
        return texts + await until(listener, "afterwards")

    assert listening(base.database, base.organization_id, story) == ["resync", "afterwards"]


def test_who_lags_is_told_to_look_again__MRG_11(base: Base) -> None:
    """And nobody else: another listener of the same organization gets every event."""

    async def tell() -> tuple[list[str], list[str]]:
        feed = Feed(base.database, seconds=0.01)
        feed.start()
        async with feed.listen(base.organization_id) as slow, feed.listen(base.organization_id) as quick:
            followed = []
            for n in range(MOST_AT_ONCE // 100 + 1):  # one more than may wait
                happens(base, *range(n * 100, n * 100 + 100))
                followed += await until(quick, str(n * 100 + 99))
            happens(base, "afterwards")
            await until(quick, "afterwards")
            lagged = await until(slow, "afterwards")
        feed.stop()
        return followed, lagged

    followed, lagged = asyncio.run(asyncio.wait_for(tell(), PATIENCE_SECONDS))
    assert followed == [str(n) for n in range(MOST_AT_ONCE + 100)]
    assert lagged == ["resync", "afterwards"]


class Fitful(Database):
    """A database that is away when it is told to be."""

    away, refusals = False, 0

    @contextmanager
    def read(self, organization_id: int) -> Iterator[UnitOfWork]:
        if self.away:
            self.refusals += 1
            raise Unavailable("The database cannot be reached.")
        with super().read(organization_id) as unit:
            yield unit

    async def refuses(self, times: int) -> None:
        """Until it has refused so often more."""
        refusals = self.refusals + times
        while self.refusals < refusals:
            await asyncio.sleep(0.01)


def test_listeners_outlast_a_database_that_is_away__MRG_11(base: Base) -> None:
    fitful = Fitful(base.url)

    async def story(listener: Listener) -> list[str]:
        fitful.away = True
        happens(base, "in the meantime")
        await fitful.refuses(3)
        fitful.away = False
        return await until(listener, "in the meantime")

    assert listening(fitful, base.organization_id, story) == ["in the meantime"]
    fitful.dispose()


def test_who_comes_while_the_database_is_away_looks_again_when_it_is_back__MRG_11(
    base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "_PATIENCE_SECONDS", 0.05)
    fitful = Fitful(base.url)
    fitful.away = True

    async def story(listener: Listener) -> list[str]:
        happens(base, "in the meantime")
        fitful.away = False
        texts = [word(message) for message in await listener.next()]
        happens(base, "afterwards")
        return texts + await until(listener, "afterwards")

    assert listening(fitful, base.organization_id, story) == ["resync", "afterwards"]
    fitful.dispose()


def test_a_feed_that_is_closed_ends_all_and_whoever_comes_later__MRG_11(base: Base) -> None:
    async def tell() -> None:
        feed = Feed(base.database)
        feed.start()
        async with feed.listen(base.organization_id) as one, feed.listen(base.organization_id) as other:
            feed.close()
            assert await one.next() == await other.next() == []
        async with feed.listen(base.organization_id) as late:
            assert await late.next() == []
        feed.stop()

    asyncio.run(asyncio.wait_for(tell(), PATIENCE_SECONDS))


# Over HTTP -----------------------------------------------------------------------------------------------------------


def session(base: Base, organization_id: int | None = None) -> str:
    """The token of a new agent's session."""

    def begin(unit: UnitOfWork) -> str:
        agent = accounts.add_agent(unit, f"{new_id()}@kite.example", "Mara", "agent", COMMAND)
        return signing_in.begin_again(unit, agent.id, "console 192.0.2.1").token

    return do(base._replace(organization_id=organization_id or base.organization_id), begin)


@pytest.fixture
def address(base: Base) -> Iterator[str]:
    """The application, serving the base."""
    with served_in_a_thread(base.url) as url:
        yield url


Blocks = Iterator[dict[str, str]]


@contextmanager
def following(address: str, token: str, **headers: str) -> Iterator[Blocks]:
    """A stream that is open, block by block as a browser reads it; comments are under an empty name."""
    cookie = {"Cookie": f"onefold={token}", **headers}
    with httpx.stream("GET", f"{address}/events", headers=cookie, timeout=PATIENCE_SECONDS, trust_env=False) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        yield _blocks(answer)


def _blocks(answer: httpx.Response) -> Blocks:
    fields: dict[str, str] = {}
    for line in answer.iter_lines():
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.strip()
        else:
            yield fields
            fields = {}


def told(blocks: Blocks) -> dict[str, Any]:
    """The next change."""
    block = next(b for b in blocks if "data" in b)
    assert block["event"] == "change"
    change: dict[str, Any] = json.loads(block["data"])
    assert block.get("id") == change.get("id")
    return change


def test_what_another_process_does_is_told__MRG_11(base: Base, address: str) -> None:
    with following(address, session(base)) as blocks:
        assert next(blocks) == {"retry": "2000", "id": "0"}, "an id, so that whoever is cut off now names one"
        [[answer]] = at_once([Job(bring, (base.url, base.organization_id, [contact("email", 1, "m-1")], 1))])
        created, received = told(blocks), told(blocks)
    assert (created["type"], created["profile_id"]) == ("profile.created", answer.profile_id)
    assert (received["type"], received["profile_id"]) == ("contact.received", answer.profile_id)
    assert set(received) == {"id", "type", "profile_id", "data"}
    assert received["data"]["conversation_id"] == answer.conversation_id
    assert "@" not in json.dumps([created, received]), "ids only"


def test_another_organizations_events_are_not_told__MRG_11(base: Base, address: str) -> None:
    other = add_organization(base.database, "Other", "US", new_id(), "General", DEFAULT_ENTRIES, utc_now())
    theirs = base._replace(organization_id=other)
    with following(address, session(base)) as ours, following(address, session(base, other)) as others:
        for n in range(3):
            happens(theirs, f"theirs {n}")
            happens(base, f"ours {n}")
            assert told(ours)["data"] == {"word": f"ours {n}"}
            assert told(others)["data"] == {"word": f"theirs {n}"}


def test_who_was_cut_off_looks_again__MRG_11(base: Base, address: str) -> None:
    with following(address, session(base), **{"Last-Event-ID": "0"}) as blocks:
        assert told(blocks) == {"type": "resync"}
        happens(base, "afterwards")
        assert told(blocks)["data"] == {"word": "afterwards"}


def test_a_quiet_stream_gives_signs_of_life__MRG_11(base: Base, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.05)
    with following(address, session(base)) as blocks:
        assert [next(blocks) for _ in range(3)][1:] == [{"": ""}, {"": ""}]
        happens(base, "afterwards")
        assert told(blocks)["data"] == {"word": "afterwards"}


def test_a_stream_ends_with_its_session__MRG_11(base: Base, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "SESSION_SECONDS", (0.05, 0.1))
    ended, lasting = session(base), session(base)
    with following(address, ended) as blocks, following(address, lasting) as others:
        happens(base, "before")
        assert told(blocks) == told(others)
        do(base, lambda unit: session_store.end_sessions(unit, token_hash=accounts.token_hash(ended)))
        assert [b for b in blocks if "data" in b] == [], "and the answer is complete"
        happens(base, "afterwards")
        assert told(others)["data"] == {"word": "afterwards"}


def test_of_a_sessions_streams_the_oldest_gives_way_to_a_seventh__MRG_11(base: Base, address: str) -> None:
    token, other = session(base), session(base)
    with ExitStack() as stack:
        first, *others = (stack.enter_context(following(address, token)) for _ in range(MOST_STREAMS))
        stack.enter_context(following(address, other))
        for blocks in (first, *others):
            next(blocks)
        with following(address, token) as newest:
            next(newest)
            assert [block.get("event") for block in first] == ["gives-way"], "and that is its end"
            happens(base, "still told")
            assert [told(blocks)["type"] for blocks in (*others, newest)] == ["profile.updated"] * MOST_STREAMS


def test_nobody_listens_without_a_session__MRG_11(base: Base, address: str) -> None:
    key = do(base, lambda unit: accounts.create_key(unit, "key", accounts.SCOPES, COMMAND))[1]
    for cookie in ("", "onefold=", f"onefold={key}", "onefold=ofs_1_" + "A" * 43):
        answer = httpx.get(f"{address}/events", headers={"Cookie": cookie}, trust_env=False)
        assert answer.status_code == 401, "no page to be led to: a browser gives the stream up"
        assert "event-stream" not in answer.headers["content-type"]


# The end of a process ------------------------------------------------------------------------------------------------


def opened(server: Server, token: str, number: int) -> list[socket.socket]:
    """So many streams, every one begun."""
    port = int(server.url.rpartition(":")[2])
    streams = [socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) for _ in range(number)]
    for one in streams:
        one.sendall(f"GET /events HTTP/1.1\r\nHost: localhost\r\nCookie: onefold={token}\r\n\r\n".encode())
    for one in streams:
        seen = b""
        while b"id: 0\n\n" not in seen:
            more = one.recv(4096)
            assert more, seen
            seen += more
    return streams


def to_the_end(stream: socket.socket) -> bytes:
    """What still comes, until the server has closed the connection."""
    seen = b""
    while more := stream.recv(4096):
        seen += more
    stream.close()
    return seen


FIGURES = {"Authorization": "Bearer figures"}
SIGNALS = {signal.SIGTERM: -signal.SIGTERM, signal.SIGINT: 0}


@pytest.mark.parametrize("make_url", ["sqlite"], indirect=True)
def test_open_streams_do_not_keep_a_process_from_ending(base: Base, tmp_path: Path) -> None:
    ends_with_complete_answers(base, tmp_path, signal.SIGTERM, 50)


@pytest.mark.soak
@pytest.mark.parametrize("how", SIGNALS, ids=lambda how: how.name)
def test_500_open_streams_are_closed_within_3_seconds(base: Base, tmp_path: Path, how: signal.Signals) -> None:
    """Timed, so it is for a machine that does nothing else."""
    assert ends_with_complete_answers(base, tmp_path, how, STREAMS) < 3


def ends_with_complete_answers(base: Base, folder: Path, how: signal.Signals, number: int) -> float:
    """Tells a process with so many open streams to end; the seconds until it had."""
    with serving(base.url, session(base), folder) as server:
        streams: list[socket.socket] = []
        while len(streams) < number:
            streams += opened(server, session(base), min(MOST_STREAMS, number - len(streams)))
        metrics = httpx.get(f"{server.url}/metrics", headers=FIGURES, trust_env=False).text
        assert "onefold_request_seconds" in metrics
        begun = time.monotonic()
        server.process.send_signal(how)
        assert server.process.wait(PATIENCE_SECONDS) == SIGNALS[how]
        seconds = time.monotonic() - begun
        endings = [to_the_end(stream) for stream in streams]
    assert all(ending.endswith(b"0\r\n\r\n") for ending in endings), "complete answers, none cut off"
    ends = [line for line in log_of(server) if line.get("route") == "/events"]
    assert len(ends) == number
    assert not any("cut_off" in line for line in ends)
    assert 'route="/events"' not in metrics, "how long somebody looks is no time to answer"
    return seconds


@pytest.mark.parametrize("make_url", ["sqlite"], indirect=True)
def test_a_reader_who_takes_nothing_does_not_keep_a_process_from_ending(base: Base, tmp_path: Path) -> None:
    with serving(base.url, session(base), tmp_path) as server:
        [stuck] = opened(server, server.key, 1)
        with following(server.url, server.key) as blocks:
            for n in range(5):  # more than the buffers on the way to who takes nothing
                happens(base, *(f"{n} {m} {'x' * 20_000}" for m in range(100)))
                while not told(blocks)["data"]["word"].startswith(f"{n} 99 "):
                    pass
        begun = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE_SECONDS) == -signal.SIGTERM
        seconds = time.monotonic() - begun
        stuck.close()
    assert seconds < PATIENCE_SECONDS / 2, "it was not waited for to the end"
    assert "Cancel 1 running task" in server.log.read_text(), "it was the reader that the server waited for"


def log_of(server: Server) -> list[dict[str, Any]]:
    """What the process has logged of itself."""
    return [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]


def test_an_answer_that_breaks_off_is_logged_as_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[dict[str, Any]] = []
    monkeypatch.setattr(app, "_log", SimpleNamespace(info=lambda _event, **more: log.append(more)))

    async def breaks(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"the first half", "more_body": True})
        raise ValueError("no second half")

    async def nothing(*_given: Any) -> Any:
        return {}

    with pytest.raises(ValueError, match="second half"):
        asyncio.run(app._Observed(breaks)({"type": "http", "method": "GET"}, nothing, nothing))
    [line] = log
    assert (line["status"], line["route"], line["cut_off"]) == (200, "none", True)
