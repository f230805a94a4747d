"""Live updates: how long after its commit an event arrives at 500 open streams, and what they cost everybody else."""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from urllib.parse import quote

from benchmarks.bases import Pair
from benchmarks.load import load
from benchmarks.over_http import Server, serving
from benchmarks.people import PROFILE, id_of
from benchmarks.report import Effort, Line, percentile
from benchmarks.streams import open_streams
from benchmarks.workload import Workload
from onefold.accounts import service as accounts
from onefold.accounts import signing_in
from onefold.console.events import MOST_STREAMS
from onefold.core.actor import Actor
from onefold.core.clock import new_id, utc_now
from onefold.database.engine import Database, UnitOfWork
from onefold.database.transactions import run_in_transaction
from onefold.jobs.feed import POLL_SECONDS
from onefold.outbox import store as outbox

STREAMS = 500
_SESSIONS = -(-STREAMS // MOST_STREAMS)
_CHANGES_A_SECOND = 5


def measure(pair: Pair, workload: Workload, effort: Effort) -> list[Line]:
    """Delays, then searches in turns with and without the streams, quiet ones and busy ones."""
    database = pair.ours.open()
    key, cookies = run_in_transaction(database, pair.organization_id, lambda unit: credentials(unit, _SESSIONS))
    try:
        with serving(pair.ours) as server:
            _searches(server, workload, key, 50)
            lines = _delays(server, database, pair.organization_id, cookies, 20 * effort.rounds)
            for changing in (False, True):
                lines += _beside(server, database, pair.organization_id, workload, effort, key, cookies, changing)
    finally:
        database.dispose()
    return lines


def credentials(unit: UnitOfWork, sessions: int = 1) -> tuple[str, list[str]]:
    """A key that may search, and the cookies of so many sessions of an agent."""
    _, key = accounts.create_key(unit, "bench", ["profiles:read"], Actor(None, None, "benchmark"))
    agent = accounts.add_agent(unit, f"{new_id()}@bench.example", "Bench", "agent", Actor(None, None, "benchmark"))
    tokens = [signing_in.begin_again(unit, agent.id, "benchmark").token for _ in range(sessions)]
    return key, [f"onefold={token}" for token in tokens]


def _change(database: Database, organization_id: int) -> tuple[str, float]:
    """An event, and when its commit was over."""
    event_id = new_id()
    run_in_transaction(
        database,
        organization_id,
        lambda unit: outbox.emit(unit, event_id, "profile.updated", id_of(1, PROFILE), {}, utc_now()),
    )
    return event_id, time.monotonic()


def _delays(server: Server, database: Database, organization_id: int, cookies: list[str], number: int) -> list[Line]:
    committed: dict[str, float] = {}
    with open_streams(server.port, cookies, STREAMS) as streams:
        for _ in range(number):
            event_id, moment = _change(database, organization_id)
            committed[event_id] = moment
            time.sleep(random.uniform(0.05, 0.35))  # at no fixed moment between two looks
        time.sleep(1)
    delays = [(at - committed[i]) * 1000 for i, arrived in streams.arrivals.items() for at in arrived]
    if len(delays) != number * STREAMS:
        raise RuntimeError(f"{number * STREAMS - len(delays)} events did not arrive.")
    return [
        Line(
            f"{STREAMS} streams, commit to arrival, p{part * 100:.0f}: ms",
            delay,
            baseline,
            delay / baseline,
            f"waiting for the next look, every {POLL_SECONDS} s",
        )
        for part in (0.5, 0.95)
        for delay, baseline in [(percentile(delays, part), part * POLL_SECONDS * 1000)]
    ]


def _beside(
    server: Server,
    database: Database,
    organization_id: int,
    workload: Workload,
    effort: Effort,
    key: str,
    cookies: list[str],
    changing: bool,
) -> list[Line]:
    """Each round without streams and with them; the ratio is the median of the rounds' own."""
    times: dict[int, list[list[float]]] = {0: [], STREAMS: []}
    for _ in range(effort.rounds):
        for number, found in times.items():
            streams = open_streams(server.port, cookies, number) if number else nullcontext()
            changes = _changes(database, organization_id) if changing else nullcontext()
            with streams, changes:
                found.append(_searches(server, workload, key, effort.queries))
    what = f"{_CHANGES_A_SECOND} changes a second" if changing else "quiet"
    return [_line(what, part, times) for part in (0.5, 0.95)]


@contextmanager
def _changes(database: Database, organization_id: int) -> Iterator[None]:
    """Something happens several times a second while the block lasts."""
    over = threading.Event()

    def change() -> None:
        while not over.wait(random.uniform(0.5, 1.5) / _CHANGES_A_SECOND):
            _change(database, organization_id)

    thread = threading.Thread(target=change)
    thread.start()
    yield
    over.set()
    thread.join()


def _searches(server: Server, workload: Workload, key: str, number: int) -> list[float]:
    """Milliseconds of each, one after the other."""
    head = f"Host: localhost\r\nAuthorization: Bearer {key}\r\n\r\n"
    asked = [f"GET /v1/profiles/search?q={quote(q)} HTTP/1.1\r\n{head}".encode() for q in workload.queries(number)]
    found = load(server.port, 1, asked)
    if found.failures or len(found.latencies) != number:
        raise RuntimeError(f"{found.failures} of {number} failed: {found.first_failure}")
    return [latency * 1000 for latency in found.latencies]


def _line(what: str, part: float, times: dict[int, list[list[float]]]) -> Line:
    without, beside = ([percentile(found, part) for found in times[number]] for number in (0, STREAMS))
    ratio = statistics.median(b / w for w, b in zip(without, beside, strict=True))
    return Line(
        f"search over HTTP, {STREAMS} streams, {what}, p{part * 100:.0f}: ms",
        statistics.median(beside),
        statistics.median(without),
        ratio,
        "the same without streams",
    )
