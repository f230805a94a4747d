"""Resolving through the service, in batches of 500 and one contact a transaction, against the bare driver."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.bases import Pair
from benchmarks.recorder import Call, Tape, bare_driver, recorded, replay
from benchmarks.report import Effort, Line, compared, rate
from benchmarks.workload import Workload
from onefold.database.engine import Database
from onefold.receiving.contact import Answer, Contact
from onefold.receiving.service import Receiver

BATCH = 500
_DRIVER = "the same statements and parameters by the bare driver"


def measure(pair: Pair, workload: Workload, effort: Effort) -> list[Line]:
    """Batches, then single contacts."""
    ours, baseline = pair.ours.open(), pair.baseline.open()
    tape = recorded(ours)
    receiver = Receiver(ours)
    try:
        return [
            _compare(
                f"resolve, batches of {BATCH}: contacts/s", pair, workload, effort, (receiver, tape, baseline), BATCH
            ),
            _compare(
                "resolve, one contact a transaction: contacts/s", pair, workload, effort, (receiver, tape, baseline), 1
            ),
        ]
    finally:
        ours.dispose()
        baseline.dispose()


def _compare(
    what: str, pair: Pair, workload: Workload, effort: Effort, sides: tuple[Receiver, Tape, Database], size: int
) -> Line:
    receiver, tape, baseline = sides
    count = effort.batches if size > 1 else effort.singles
    ours_rates, baseline_rates = [], []
    with bare_driver(baseline) as driver:
        for number in range(effort.rounds + 1):
            calls = record(receiver, tape, pair.organization_id, workload.batches(count, size))
            baseline_rate = rate(lambda calls=calls: replay(driver, calls), count * size)  # type: ignore[misc]
            batches = workload.batches(count, size)
            ours_rate = rate(lambda b=batches: receive(receiver, pair.organization_id, b), count * size)  # type: ignore[misc]
            if number:  # the first round warms both up
                ours_rates.append(ours_rate)
                baseline_rates.append(baseline_rate)
    return compared(what, ours_rates, baseline_rates, _DRIVER)


def receive(receiver: Receiver, organization_id: int, batches: Sequence[Sequence[Contact]]) -> None:
    """Has the service receive the batches; nothing may be refused."""
    for batch in batches:
        for answer in receiver.receive(organization_id, batch):
            assert isinstance(answer, Answer), answer


def record(receiver: Receiver, tape: Tape, organization_id: int, batches: Sequence[Sequence[Contact]]) -> list[Call]:
    """The calls on the driver by which the service receives the batches."""
    with tape.recording() as calls:
        receive(receiver, organization_id, batches)
    return calls
