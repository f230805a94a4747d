"""Whatever anybody does makes a database do as much in a large base as in a small one: each use case, page and address.

What it does is counted (tests/counting.py), not timed. A B-tree may have become a level higher.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest

from onefold.database import tables
from onefold.database.engine import Database
from tests import crowd
from tests.api.conftest import Served, document
from tests.conftest import MakeUrl
from tests.console.cast import cast, settings_cast
from tests.console.conftest import Console
from tests.counting import Tally, counted
from tests.use_cases import MEANT, Case, Edge, addresses, background, contacts, decisions, edits, erasures, pages

FEW, MANY, VERY_MANY = 1_000, 10_000, 100_000
RATIO, SPARE = 1.5, 40
"""How much more may be done in the large base, and how much more in any case: pages of higher trees, lists not full."""


def everything(database: Database, url: str, many: int, server: str) -> dict[str, Counter[str]]:
    """What each case makes a database of so many customers do."""
    console = Console(Served(url, "http://growth.example", database))
    crowd.fill(database, console.organization_id, console.general_id, many, server)
    counts_by_case: dict[str, Counter[str]] = {}
    with counted() as tally:
        database.dispose()
        _count(tally, contacts(console), counts_by_case)
        ids = {**cast(console, console.admin.agent_id), **settings_cast(console)}
        edge = Edge(console)
        _count(tally, pages(edge, ids), counts_by_case)
        _count(tally, addresses(edge, ids), counts_by_case)
        _count(tally, edits(console, ids), counts_by_case)
        _count(tally, decisions(console), counts_by_case)
        _count(tally, background(console, ids), counts_by_case)
        _count(tally, erasures(console, ids), counts_by_case)
        database.dispose()
    console.close()
    return counts_by_case


def _count(tally: Tally, cases: Iterator[Case], counts_by_case: dict[str, Counter[str]]) -> None:
    for name, work in cases:
        with tally.running() as counts:
            work()
        counts_by_case[name] = counts


def grown(few: dict[str, Counter[str]], many: dict[str, Counter[str]]) -> list[str]:
    """The cases that have grown, each with the statements that have grown most."""
    said = []
    for name, counts in many.items():
        before, after = few[name].total(), counts.total()
        if after > RATIO * before + SPARE:
            worst = sorted(counts, key=lambda sql: few[name][sql] - counts[sql])[:3]
            lines = [f"  {few[name][sql]} -> {counts[sql]}: {sql[:300]}" for sql in worst]
            said.append("\n".join([f"{name}: {before} -> {after}", *lines]))
    return said


@pytest.mark.parametrize("many", [MANY, pytest.param(VERY_MANY, marks=pytest.mark.soak)])
def test_nothing_grows_with_the_base(make_url: MakeUrl, request: pytest.FixtureRequest, many: int) -> None:
    counts = []
    for size in (FEW, many):
        url = make_url()
        server = "" if url.startswith("sqlite") else request.getfixturevalue("postgres_server")
        database = Database(url, synchronous="OFF")
        counts.append(everything(database, url, size, server))
        database.dispose()
    few, large = counts
    assert few.keys() == large.keys()
    lines = grown(few, large)
    if lines:
        pytest.fail(f"From {FEW} to {many} customers:\n" + "\n".join(lines), pytrace=False)


def test_the_crowd_is_in_every_table_that_grows(make_url: MakeUrl, request: pytest.FixtureRequest) -> None:
    url = make_url()
    database = Database(url)
    console = Console(Served(url, "http://growth.example", database))
    server = "" if url.startswith("sqlite") else request.getfixturevalue("postgres_server")
    crowd.fill(database, console.organization_id, console.general_id, 100, server)
    rows = console.everything() | {name: ["left out"] for name in crowd.NOT_CROWDED}
    assert [table.name for table in tables.OWNED if rows.get(table.name) == []] == []
    console.close()
    database.dispose()


def test_what_may_grow_is_there() -> None:
    there = document()["paths"]
    for name in MEANT:
        assert "get" in there[name.removeprefix("GET ")], re.sub(r"\s", " ", name)
