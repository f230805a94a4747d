"""Values that everybody shares (SUG-6): contacts that all bring them, and what grows with their number."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Any

import sqlalchemy as sa

from benchmarks.bases import Pair
from benchmarks.report import Effort, Line, percentile
from benchmarks.resolve import BATCH, receive
from benchmarks.workload import Workload
from onefold.core.actor import Actor
from onefold.database.engine import Database
from onefold.database.transactions import run_in_transaction
from onefold.receiving.contact import Contact, Further, Sender
from onefold.receiving.service import Receiver
from onefold.settings import blocklist
from onefold.settings import service as settings

_PLACEHOLDERS = ("kunde@shop.example", "keine.angabe@shop.example", "noemail@shop.example")
_SWITCHBOARD = "+442079460000"
_SOURCES = ("placeholder emails", "one switchboard", "withheld numbers")
"""What is flooded with; the last of the placeholders and the withheld numbers are on the blocklist by default."""


def measure(pair: Pair, workload: Workload, effort: Effort) -> list[Line]:
    """In turns a batch of each, first where a listed value opens a profile, then where only a used one does (RES-9)."""
    database = pair.ours.open()
    receiver = Receiver(database)
    try:
        receive(receiver, pair.organization_id, workload.batches(4, BATCH))
        lines: list[Line] = []
        for mode in ("listed", "contacted"):
            run_in_transaction(
                database,
                pair.organization_id,
                partial(settings.change, changes={"matching_mode": mode}, actor=Actor(None, None, "benchmark")),
                exclusive=True,
            )
            lines += _flood(database, receiver, pair.organization_id, mode, effort.flood // 2)
        return lines
    finally:
        database.dispose()


def _flood(database: Database, receiver: Receiver, organization_id: int, mode: str, count: int) -> list[Line]:
    streams = {source: _contacts(source, mode) for source in _SOURCES}
    times: dict[str, list[float]] = {source: [] for source in _SOURCES}
    rounds = max(10, count // BATCH // len(_SOURCES))
    before = early = _counted(database, organization_id)
    for number in range(rounds):
        if number == rounds // 10:
            early = _counted(database, organization_id)
        for source, stream in streams.items():
            batch = list(islice(stream, BATCH))
            begun = time.perf_counter()
            receive(receiver, organization_id, [batch])
            times[source].append((time.perf_counter() - begun) / BATCH * 1e6)
    after = _counted(database, organization_id)
    return [
        *(_growth(f"{mode}: {source}, {rounds * BATCH:,} contacts", times[source]) for source in _SOURCES),
        Line(f"{mode}: suggestions raised", after - before, early - before, None, "after the first tenth"),
        _candidates(database, organization_id, mode),
    ]


def _growth(what: str, times: list[float]) -> Line:
    tenth = len(times) // 10
    last, first = percentile(times[-tenth:], 0.5), percentile(times[:tenth], 0.5)
    return Line(f"{what}: µs each", last, first, last / first, "the first tenth; ours is the last tenth")


def _counted(database: Database, organization_id: int) -> int:
    with database.read(organization_id) as unit:
        unit.allow_whole_base()
        mine = {"org": organization_id}
        counted = sa.text("SELECT count(*) FROM suggestions WHERE organization_id = :org")
        return int(unit.execute(counted, mine).scalar_one())


def _candidates(database: Database, organization_id: int, mode: str) -> Line:
    begun = time.perf_counter()
    with database.read(organization_id) as unit:
        found = blocklist.candidates(unit)
    values = ", ".join(f"{c.value} ({c.profiles:,})" for c in found[:5])
    return Line(f"{mode}: candidates for the blocklist: ms", (time.perf_counter() - begun) * 1000, None, None, values)


def _contacts(source: str, mode: str) -> Iterator[Contact]:
    number = 0
    while True:
        number += 1
        message_id = f"flood-{mode}-{source}-{number}@mail.example"
        given: dict[str, Any] = {"subject": "Where is my order?", "body": "Hello"}
        if source == "placeholder emails":
            listed = Further(emails=(_PLACEHOLDERS[number % len(_PLACEHOLDERS)],))
            sender = Sender(email=f"{mode}{number}@flood{number}.example")
            yield Contact("email", message_id, sender, further=listed, **given)
        else:
            yield Contact("voice", message_id, Sender(phone=_SWITCHBOARD if "switch" in source else "anonymous"))
