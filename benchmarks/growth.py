"""`python -m benchmarks.growth`: how long everything takes in a large base, beside the same in a small one.

Every use case, page and address (tests/use_cases.py), at the two sizes in turns; each ratio is of the medians. What is
quicker than a millisecond wanders more than it grows, so a hundredth of one is added to both.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests import crowd, postgres
from tests.api.conftest import Served
from tests.console.cast import cast, settings_cast
from tests.console.conftest import Console
from tests.use_cases import Case, Edge, addresses, background, contacts, decisions, edits, pages

from benchmarks.bases import FOLDER, NAMES, Name, remove, server
from benchmarks.report import Line, machine, show
from onefold.database.engine import Database
from onefold.database.migrate import upgrade

SPARE_MS = 0.01
Times = dict[str, list[float]]


def main() -> None:
    """Measures what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--profiles", type=int, nargs=2, default=[10_000, 1_000_000], help="the two sizes")
    parser.add_argument("--database", nargs="+", choices=NAMES, default=["sqlite-full", "postgresql"])
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    small, large = asked.profiles
    print(machine())
    for name in asked.database:
        lines = _measured(name, (small, large), asked.rounds)
        show(f"{name}: {large:,} profiles beside {small:,}", sorted(lines, key=lambda line: -(line.ratio or 0)))


def _measured(name: Name, sizes: tuple[int, int], rounds: int) -> list[Line]:
    times: list[Times] = [defaultdict(list), defaultdict(list)]
    with ExitStack() as stack:
        consoles = [stack.enter_context(_crowd(name, size)) for size in sizes]
        edges = [Edge(console) for console in consoles]
        for number in range(rounds + 1):
            for console, edge, into in zip(consoles, edges, times, strict=True):
                found = dict(_timed(_cases(console, edge)))
                for case, milliseconds in found.items() if number else ():  # the first round warms up
                    into[case].append(milliseconds)
    return [_line(case, times[1][case], times[0][case]) for case in times[1]]


def _cases(console: Console, edge: Edge) -> Iterator[Case]:
    yield from contacts(console)
    ids = {**cast(console, console.admin.agent_id), **settings_cast(console)}
    yield from pages(edge, ids)
    yield from addresses(edge, ids)
    yield from edits(console, ids)
    yield from decisions(console)
    yield from background(console, ids)


def _timed(cases: Iterator[Case]) -> Iterator[tuple[str, float]]:
    for name, work in cases:
        begun = time.perf_counter()
        work()
        yield name, (time.perf_counter() - begun) * 1000


def _line(case: str, large: list[float], small: list[float]) -> Line:
    ours, baseline = statistics.median(large), statistics.median(small)
    return Line(f"{case}: ms", ours, baseline, (ours + SPARE_MS) / (baseline + SPARE_MS), "the same in the small base")


@contextmanager
def _crowd(name: Name, size: int) -> Iterator[Console]:
    """A console on a base of so many customers, gone afterwards."""
    with _database(name, size) as (database, superuser):
        upgrade(database)
        console = Console(Served(database.url, "http://growth.example", database))
        crowd.fill(database, console.organization_id, console.general_id, size, superuser)
        try:
            yield console
        finally:
            console.close()
            database.dispose()


@contextmanager
def _database(name: Name, size: int) -> Iterator[tuple[Database, str]]:
    if name == "postgresql":
        with server() as superuser:
            yield Database(postgres.fresh_database(superuser, f"crowd_{size}")), superuser
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"crowd-{size}.db"
    remove(path)
    try:
        yield Database(f"sqlite:///{path.resolve()}", synchronous=name.rpartition("-")[2].upper()), ""
    finally:
        remove(path)


if __name__ == "__main__":
    main()
