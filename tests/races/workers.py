"""What runs in other processes: workers that bring contacts in and edit profiles, each with connections of its own.

Workers are real processes. They are forked from a clean process (Python's `forkserver`) that has imported the code and
opened nothing, so that sixty-four of them stand at the starting line within a second or two.
"""

from __future__ import annotations

import multiprocessing
import random
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa

from onefold.domain.contact import Answer, Channel, Contact, Sender
from onefold.domain.errors import Conflict, NotFound, Refused, Stale, Unavailable
from onefold.services import conversations, profiles
from onefold.services.profiles import PointInput
from onefold.services.receive import Receiver
from onefold.services.transact import transact
from onefold.storage.database import Database, Unit

T = TypeVar("T")
_PATIENCE_SECONDS = 100.0

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["pytest", "tests.races.workers"])


class Job(NamedTuple):
    """A function of this module and its arguments, for one worker process."""

    work: Callable[..., Any]
    arguments: tuple[Any, ...]


def at_once(jobs: Sequence[Job]) -> list[Any]:
    """Runs each job in a process of its own, all let go at the same instant; returns what they return, in order."""
    line = _context.Barrier(len(jobs))
    workers = []
    for job in jobs:
        ours, theirs = _context.Pipe(duplex=False)
        process = _context.Process(target=_run, args=(job, line, theirs), daemon=True)
        process.start()
        theirs.close()
        workers.append((process, ours))
    try:
        outcomes = [_received(ours) for _, ours in workers]
    finally:
        for process, ours in workers:
            ours.close()
            process.join(10)
            process.kill()
    failures = Counter(text for done, text in outcomes if not done)
    assert not failures, "\n".join(f"{number} workers:\n{text}" for text, number in failures.items())
    return [value for _, value in outcomes]


def _received(pipe: Any) -> tuple[bool, Any]:
    try:
        found: tuple[bool, Any] = pipe.recv()
    except EOFError:
        return False, "The worker died without a word."
    return found


def _run(job: Job, line: Any, pipe: Any) -> None:
    try:
        line.wait(60)
        outcome = (True, job.work(*job.arguments))
    except BaseException:
        outcome = (False, traceback.format_exc())
    pipe.send(outcome)
    pipe.close()


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """A worker's own database."""
    database = Database(url, pool_size=2)
    try:
        yield database
    finally:
        database.dispose()


def until_taken(work: Callable[[], T]) -> T:
    """Does it again while storage is too busy, as whoever sends a contact does; any other error is the worker's."""
    begun = time.monotonic()
    while True:
        try:
            return work()
        except Unavailable as refusal:
            if refusal.code not in ("database_busy", "contended") or time.monotonic() - begun > _PATIENCE_SECONDS:
                raise
            time.sleep(random.uniform(0, 0.05))


def bring(url: str, organization_id: int, contacts: Sequence[Contact], batch: int) -> list[Answer]:
    """Brings contacts in, `batch` in a transaction; each one's answer."""
    answers: list[Answer] = []
    with opened(url) as database:
        receiver = Receiver(database)
        for first in range(0, len(contacts), batch):
            for answer in until_taken(lambda: receiver.receive(organization_id, contacts[first : first + batch])):  # noqa: B023
                if isinstance(answer, Refused):
                    raise answer
                answers.append(answer)
    return answers


SENDERS: dict[Channel, Callable[[int], Sender]] = {
    "email": lambda n: Sender(email=f"customer.{n}@example.com", name=f"Customer {n}"),
    "sms": lambda n: Sender(phone=mobile(n)),
    "whatsapp": lambda n: Sender(phone=mobile(n)),
    "voice": lambda n: Sender(phone=mobile(n)),
    "social": lambda n: Sender(network="instagram", user_id=f"1784{n}", handle=f"customer_{n}"),
    "chat": lambda n: Sender(visitor=f"visitor-{n}"),
}


def mobile(n: int) -> str:
    """The number of customer n."""
    return f"+4477009{n:05}"


def contact(channel: Channel, n: int, message_id: str) -> Contact:
    """A message of customer n on a channel."""
    return Contact(channel, message_id, SENDERS[channel](n), body="Where is my order?")


EXPECTED = (Conflict, Stale, NotFound)
"""What an editor meets when others edit the same profiles. Taken is a Conflict; NotFound: a point just removed."""


def edit_at_random(url: str, organization_id: int, seed: int, customers: int, rounds: int) -> Counter[str]:
    """Edits profiles as hasty agents do; returns how often each edit was done, and how often which refusal met."""
    chance, seen = random.Random(seed), Counter[str]()
    with opened(url) as database:
        for _ in range(rounds):
            edit = chance.choice((_create, _add, _retype, _remove))
            decided = (chance.random(), chance.random(), chance.randrange(customers))
            try:
                # Decided before: a transaction that is done again must be the same transaction.
                until_taken(lambda: transact(database, organization_id, lambda unit: edit(unit, *decided)))  # noqa: B023
                seen[edit.__name__] += 1
            except EXPECTED as refusal:
                seen[refusal.code] += 1
    return seen


def _create(unit: Unit, _which: float, what: float, customer: int) -> None:
    profiles.create(unit, name=f"Made {customer}", points=[_point(what, customer)])


def _add(unit: Unit, which: float, what: float, customer: int) -> None:
    profile_id, _ = _anyone(unit, which)
    profiles.add_point(unit, profile_id, _point(what, customer), None)


def _retype(unit: Unit, which: float, what: float, _customer: int) -> None:
    profile_id, points = _anyone(unit, which)
    phones = [p for p in points if p.kind == "phone"]
    if phones:
        wanted = ("mobile", "mobile", "home", "other")[int(what * 4)]
        profiles.edit_point(unit, profile_id, phones[0].contact_point_id, {"phone_type": wanted, "main": True}, None)


def _remove(unit: Unit, which: float, what: float, _customer: int) -> None:
    profile_id, points = _anyone(unit, which)
    if points and what < 0.5:
        profiles.remove_point(unit, profile_id, points[int(what * 2 * len(points))].contact_point_id, None)


def _point(what: float, customer: int) -> PointInput:
    if what < 0.3:
        return PointInput("email", f"customer.{customer}@example.com", main=True)
    return PointInput("phone", mobile(customer), phone_type="mobile" if what < 0.7 else "home")


def _anyone(unit: Unit, which: float) -> tuple[str, list[Any]]:
    ids = sorted(unit.execute(sa.text("SELECT id FROM profiles WHERE survivor_id IS NULL")).scalars())
    profile_id = ids[int(which * len(ids))]
    return profile_id, profiles.read(unit, profile_id).points


def close_and_reopen(url: str, organization_id: int, seed: int, rounds: int) -> Counter[str]:
    """Closes and reopens any conversation there is; returns how often."""
    chance, seen = random.Random(seed), Counter[str]()
    with opened(url) as database:
        for _ in range(rounds):
            with database.read(organization_id) as unit:
                ids = sorted(unit.execute(sa.text("SELECT id FROM conversations")).scalars())
            state = chance.choice(("closed", "open"))
            conversation_id = chance.choice(ids)
            try:
                until_taken(lambda: _set_state(database, organization_id, conversation_id, state))  # noqa: B023
                seen[state] += 1
            except Conflict as refusal:
                seen[refusal.code] += 1
    return seen


def _set_state(database: Database, organization_id: int, conversation_id: str, state: str) -> None:
    transact(
        database,
        organization_id,
        lambda unit: conversations.change(
            unit, conversation_id, inbox_id=None, assignee_id=None, unassign=False, state=state
        ),
    )
