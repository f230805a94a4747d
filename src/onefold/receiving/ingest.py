"""Bringing whole files of contacts in: in batches, counted, and taken up again where an interruption left off."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from onefold.core.clock import new_id, utc_now
from onefold.core.errors import DomainError
from onefold.database.engine import Database
from onefold.database.transactions import run_in_transaction
from onefold.receiving.contact import Contact
from onefold.receiving.service import Receiver
from onefold.runs import store
from onefold.runs.store import RunRow

BATCH = 500
KIND = "ingest"
OUTCOMES = ("created", "opened", "set_aside", "repeated", "refused")


class Refusal(NamedTuple):
    """An entry that was refused: its position, why, and its text where it has one."""

    position: int
    reason: DomainError
    text: str | None


class Progress(NamedTuple):
    """After each batch: how far the file is, the counts so far, and what the batch refused."""

    position: int
    counts: Counter[str]
    refusals: list[Refusal]


def earlier(database: Database, organization_id: int, fingerprint: str) -> RunRow | None:
    """The run that brought in, or began to bring in, the same file."""
    with database.read(organization_id) as unit:
        runs = store.list_runs(unit, kind=KIND, name=fingerprint)
    return runs[0] if runs else None


def begin(database: Database, organization_id: int, fingerprint: str, total: int) -> RunRow:
    """A new run for a file."""
    now = utc_now()
    counts = dict.fromkeys(OUTCOMES, 0)
    run = RunRow(new_id(), KIND, fingerprint, "running", "0", 0, total, counts, now, now)
    run_in_transaction(database, organization_id, lambda unit: store.add_run(unit, run))
    return run


def ingest(
    database: Database,
    receiver: Receiver,
    organization_id: int,
    run: RunRow,
    entries: Iterable[tuple[int, Contact | DomainError, str | None]],
) -> Iterator[Progress]:
    """Receives the entries batch by batch. Positions are noted after each commit, so an interruption repeats at most
    one batch, which changes nothing (RES-12)."""
    counts, stream = Counter(run.counts), iter(entries)
    position = int(run.position or 0)
    while batch := list(islice(stream, BATCH)):
        refusals = _receive(receiver, organization_id, batch, counts)
        position = batch[-1][0]
        _note(database, organization_id, run.id, position=str(position), done=position, counts=dict(counts))
        yield Progress(position, counts, refusals)
    _note(database, organization_id, run.id, state="finished", done=position, total=position, counts=dict(counts))


def _receive(
    receiver: Receiver,
    organization_id: int,
    batch: list[tuple[int, Contact | DomainError, str | None]],
    counts: Counter[str],
) -> list[Refusal]:
    contacts = [contact for _, contact, _ in batch if isinstance(contact, Contact)]
    answers = iter(receiver.receive(organization_id, contacts) if contacts else [])
    refusals = []
    for position, contact, text in batch:
        answer = contact if isinstance(contact, DomainError) else next(answers)
        if isinstance(answer, DomainError):
            refusals.append(Refusal(position, answer, text))
            counts["refused"] += 1
        else:
            counts["repeated" if answer.repeated else answer.outcome] += 1
    return refusals


def _note(database: Database, organization_id: int, run_id: str, **values: Any) -> None:
    run_in_transaction(database, organization_id, lambda unit: store.change_run(unit, run_id, utc_now(), **values))
