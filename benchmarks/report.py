"""The table: each figure beside its baseline, measured in the same run, one after the other in turns."""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import NamedTuple

from tests import postgres


class Effort(NamedTuple):
    """How much is measured."""

    rounds: int
    batches: int
    singles: int
    requests: int
    seconds: float
    queries: int
    flood: int


FULL = Effort(rounds=7, batches=20, singles=2_000, requests=20_000, seconds=4.0, queries=2_000, flood=1_000_000)
QUICK = Effort(rounds=3, batches=4, singles=300, requests=2_400, seconds=1.0, queries=300, flood=50_000)


class Line(NamedTuple):
    """One line of the table."""

    what: str
    ours: float
    baseline: float | None
    ratio: float | None
    baseline_is: str


def rate(work: Callable[[], object], count: int) -> float:
    """How many a second."""
    begun = time.perf_counter()
    work()
    return count / (time.perf_counter() - begun)


def compared(what: str, ours: Sequence[float], baseline: Sequence[float], baseline_is: str) -> Line:
    """Rates of rounds that took turns. The ratio is the median of each round's own: neighbours share the noise."""
    ratios = [one / other for one, other in zip(ours, baseline, strict=True)]
    return Line(what, statistics.median(ours), statistics.median(baseline), statistics.median(ratios), baseline_is)


def percentile(values: Sequence[float], part: float) -> float:
    """The value that this part of the values stays under."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def show(title: str, lines: Sequence[Line]) -> None:
    """Prints a table."""
    print(f"\n{title}")
    print(f"{'figure':<58}{'ours':>10}{'baseline':>10}{'ratio':>7}  the baseline is")
    for line in lines:
        baseline = "" if line.baseline is None else _number(line.baseline)
        ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
        print(f"{line.what:<58}{_number(line.ours):>10}{baseline:>10}{ratio:>7}  {line.baseline_is}")
    sys.stdout.flush()


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def machine() -> str:
    """What it was measured on."""
    parts = [f"{os.cpu_count()} cores", f"Python {platform.python_version()}", f"SQLite {sqlite3.sqlite_version}"]
    parts += [f"{name} {version(name)}" for name in ("sqlalchemy", "psycopg", "uvicorn", "uvloop")]
    try:
        asked = [postgres.binaries() / "postgres", "--version"]
        parts.append(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip())
    except postgres.NoPostgreSQL:
        pass
    return ", ".join(parts)
