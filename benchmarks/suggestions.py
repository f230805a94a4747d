"""What suggestions add to receiving contacts: the same contacts with matching as it is, and without any, in turns."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from unittest import mock

from benchmarks.bases import Pair
from benchmarks.people import person
from benchmarks.recorder import recorded
from benchmarks.report import Effort, Line, rate
from benchmarks.resolve import BATCH, receive, record
from benchmarks.workload import Workload
from onefold.receiving import service as receiving
from onefold.receiving import store as contacts
from onefold.receiving.contact import Contact, Sender
from onefold.receiving.service import Receiver

_LIKE_OTHERS = 100


def measure(pair: Pair, workload: Workload, effort: Effort) -> list[Line]:
    """The workload in batches and singly; then contacts that each raise a suggestion; then statements."""
    ours, plain = pair.ours.open(), pair.baseline.open()
    sides = Receiver(ours), Receiver(plain)
    try:
        return [
            _compare(f"resolve, batches of {BATCH}: contacts/s", pair, workload, effort, sides, BATCH),
            _compare("resolve, one contact a transaction: contacts/s", pair, workload, effort, sides, 1),
            _raising(pair, effort, sides),
            *_statements(pair),
        ]
    finally:
        ours.dispose()
        plain.dispose()


@contextmanager
def without_matching() -> Iterator[None]:
    """Nothing is looked for, and no key is written to be found by."""
    with (
        mock.patch.object(receiving, "after_contacts", lambda *_: None),
        mock.patch.object(contacts, "_match_key_rows", lambda *_: []),
    ):
        yield


def _compare(
    what: str, pair: Pair, workload: Workload, effort: Effort, sides: tuple[Receiver, Receiver], size: int
) -> Line:
    count = effort.batches if size > 1 else effort.singles
    rounds = []
    for number in range(2 * effort.rounds + 1):
        rates = _both(pair, workload.batches(count, size), sides, swapped=number % 2 == 1)
        if number:  # the first round warms both up
            rounds.append(rates)
    return _line(what, rounds)


def _both(
    pair: Pair, batches: Sequence[Sequence[Contact]], sides: tuple[Receiver, Receiver], *, swapped: bool
) -> tuple[float, float]:
    """Contacts a second with and without; who comes first changes from round to round."""
    count = sum(map(len, batches))
    rates: dict[bool, float] = {}
    for suggests in (False, True) if swapped else (True, False):
        if suggests:
            rates[suggests] = rate(lambda: receive(sides[0], pair.organization_id, batches), count)
        else:
            with without_matching():
                rates[suggests] = rate(lambda: receive(sides[1], pair.organization_id, batches), count)
    return rates[True], rates[False]


def _line(what: str, rounds: Sequence[tuple[float, float]]) -> Line:
    ours, plain = ([rates[side] for rates in rounds] for side in (0, 1))
    ratio = statistics.median(one / other for one, other in rounds)
    return Line(
        what, statistics.median(ours), statistics.median(plain), ratio, f"no matching: it adds {1 / ratio - 1:.0%}"
    )


def _raising(pair: Pair, effort: Effort, sides: tuple[Receiver, Receiver]) -> Line:
    rounds = []
    for number in range(effort.rounds):
        batches = [[contact] for contact in _like_others(pair.profiles, number, _LIKE_OTHERS)]
        rounds.append(_both(pair, batches, sides, swapped=number % 2 == 1))
    return _line("each raises a suggestion, one a transaction: contacts/s", rounds)


def _like_others(profiles: int, round_number: int, count: int) -> list[Contact]:
    """New senders whose address is that of somebody known but for a tag (SUG-2)."""
    # Whoever's number ends in 0 or 5 has an email; each is asked for once.
    first = profiles // 10 * 5 + 5 * round_number * count
    people = [person(number) for number in range(first, first + 5 * count, 5)]
    return [_email(_tagged(str(who.email)), who.name) for who in people]


def _tagged(email: str) -> str:
    local, _, domain = email.partition("@")
    return f"{local}+shop@{domain}"


def _email(address: str, name: str) -> Contact:
    return Contact("email", f"to-match-{address}", Sender(email=address, name=name), "Where is my order?", "Hello")


def _statements(pair: Pair) -> list[Line]:
    """Calls on the driver that one contact costs, by what becomes of it; BEGIN and COMMIT are two of them."""
    known, new = person(0), person(2 * 10**8)  # nobody the workload will ever come to
    contacts_of = {
        "opens a profile": _email(str(known.email), known.name),
        "makes a new one": _email(str(new.email), new.name),
        "raises a suggestion": _email(_tagged(str(known.email)), known.name),
    }
    counts: list[list[int]] = []
    for base, suggests in ((pair.ours, True), (pair.baseline, False)):
        database = base.open()
        tape, receiver = recorded(database), Receiver(database)
        receiver.policy(pair.organization_id)
        with nullcontext() if suggests else without_matching():
            counts.append([len(record(receiver, tape, pair.organization_id, [[one]])) for one in contacts_of.values()])
        database.dispose()
    return [
        Line(f"a contact that {what}: calls on the driver", ours, plain, ours / plain, "no matching")
        for what, ours, plain in zip(contacts_of, *counts, strict=True)
    ]
