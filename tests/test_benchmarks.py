"""Every part of `make bench` still measures: what it writes past the service, and what it switches off in it, are what
the service of today has. The figures themselves are nobody's concern here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks import bases, console, events, flood, merging, resolve, suggestions, timeline
from benchmarks.__main__ import _PARTS as PARTS
from benchmarks.bases import Pair
from benchmarks.report import Effort
from benchmarks.workload import Workload

PROFILES = 60
EFFORT = Effort(rounds=1, batches=1, singles=4, requests=40, seconds=0.1, queries=60, flood=300)
SMALL = [
    (merging, "SIZES", (10, 20)),
    (merging, "_REPETITIONS_OF_A_ROUND", 1),
    (timeline, "_CONVERSATIONS", 60),
    (timeline, "_ITEMS", 600),
    (events, "STREAMS", 8),
    (events, "_SESSIONS", 2),
    (suggestions, "_LIKE_OTHERS", 3),
    (console, "_ITEMS", 60),
    (console, "_CONVERSATIONS", 3),
    (resolve, "BATCH", 20),
    (suggestions, "BATCH", 20),
    (flood, "BATCH", 20),
]


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    monkeypatch.setattr(bases, "FOLDER", tmp_path)
    for module, name, value in SMALL:
        monkeypatch.setattr(module, name, value)
    with bases.pair("sqlite-normal", PROFILES) as copies:
        yield copies


SERVED = {"http", "events", "console"}


@pytest.mark.parametrize(
    "part", [pytest.param(part, marks=pytest.mark.soak) if part in SERVED else part for part in PARTS]
)
def test_each_part_measures(pair: Pair, part: str) -> None:
    lines = PARTS[part](pair, Workload(PROFILES), EFFORT)
    assert lines
    assert all(line.ours >= 0 for line in lines)
