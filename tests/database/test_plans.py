"""Everything is found by an index that leads to it, and nothing by a walk along the organization.

That is asked of every statement any test has sent (tests/conftest.py); here, that it is asked rightly.
"""

from __future__ import annotations

import importlib
import itertools
import re
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from onefold.audit import store as audit
from onefold.database import tables
from onefold.database.engine import UnitOfWork
from onefold.database.migrate import upgrade
from onefold.insights import store as insights
from onefold.jobs import feed_store as feed
from onefold.merging import service as merging
from onefold.merging.service import MergeRequest
from onefold.privacy.erasure_store import delete_items
from onefold.receiving.contact import Further, ListedPhone
from onefold.webhooks import store as webhooks
from tests import statements
from tests.conftest import Base
from tests.dsl.cases import contact
from tests.dsl.words import COMMAND, do, merge, receive
from tests.plans import MEANT, Judges
from tests.statements import Sent

HOME = "+442079460001"

Work = Callable[[UnitOfWork], object]

# What a judge must refuse and let pass: each asks about an organization, and about another value or two.
WALKS = (
    "SELECT count(*) FROM items WHERE organization_id = ?",
    "SELECT seq FROM items WHERE organization_id = ? AND body = ? ORDER BY seq LIMIT 5",
    "SELECT seq FROM items WHERE organization_id = ? ORDER BY body LIMIT 5",
    "SELECT id FROM contact_points WHERE organization_id = ? AND kind = ? AND identifying",
    "UPDATE outbox SET pending = false WHERE organization_id = ? AND seq > 5",
    "DELETE FROM profiles WHERE organization_id = ? AND id IN (SELECT id FROM profiles AS p WHERE p.name = ?)",
    "SELECT p.id FROM profiles AS p JOIN details AS t ON t.organization_id = p.organization_id AND t.value = p.name "
    "WHERE p.organization_id = ?",
)
LOOKS = (
    "SELECT seq FROM items WHERE organization_id = ? ORDER BY seq DESC LIMIT 1",
    "SELECT seq FROM outbox WHERE organization_id = ? AND seq > 5 ORDER BY seq LIMIT 10",
    "SELECT seq FROM outbox WHERE organization_id = ? AND pending ORDER BY seq LIMIT 10",
    "SELECT value FROM contact_points WHERE organization_id = ? AND kind = ? AND value = ? AND identifying",
    "SELECT name FROM inboxes WHERE organization_id = ?",
)


@pytest.mark.parametrize("name", ["sqlite", "postgresql"])
def test_walks_are_told_from_looks(judges: Judges, request: pytest.FixtureRequest, name: str) -> None:
    if name == "postgresql":
        request.getfixturevalue("postgres_server")
    sqlite = name == "sqlite"

    def refused(sql: str) -> bool:
        text = sql if sqlite else sql.replace("?", "%s")
        return bool(judges.found([Sent(sqlite, text, [1, *"xy"][: sql.count("?")], ("a.function",))]))

    assert [sql for sql in WALKS if not refused(sql)] == []
    assert [sql for sql in LOOKS if refused(sql)] == []


def test_every_statement_of_storage_is_looked_at(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = statements.Statements()
    monkeypatch.setattr(statements, "STATEMENTS", fresh)
    merge(base, *pair(base))
    names = {name for sent in fresh.take() for name in sent.by}
    assert {
        "merging.store.add_merge",
        "audit.store.append",
        "receiving.store.apply_decisions",
        "matching.store.add_evidence",
    } <= names


def test_those_that_are_meant_to_walk_are_there_and_say_why() -> None:
    for name, why in MEANT.items():
        module, _, function = name.rpartition(".")
        assert callable(getattr(importlib.import_module(f"onefold.{module}"), function)), name
        assert why


@pytest.mark.parametrize("make_url", ["postgresql"], indirect=True)
def test_parallel_helpers_are_for_what_reads_the_whole_base(base: Base) -> None:
    """They take milliseconds to start, and in a large base even an empty list started them."""

    def helpers(unit: UnitOfWork) -> str:
        return str(unit.execute(sa.text("SHOW max_parallel_workers_per_gather")).scalar_one())

    def helpers_for_the_whole_base(unit: UnitOfWork) -> str:
        unit.allow_whole_base()
        return helpers(unit)

    assert (do(base, helpers), do(base, helpers_for_the_whole_base)) == ("0", "2")


def pair(base: Base) -> tuple[str, str]:
    """Two who share a phone, have similar emails and an open conversation each."""
    further = Further(phones=(ListedPhone(HOME, "home"),))
    emails = ("ada.lovelace@kite.example", "ada.lovelacee@kite.example")
    one, other = (receive(base, "email", email=email, further=further).profile_id for email in emails)
    return one, other


def asked(base: Base, work: Work) -> list[str]:
    """The statements that a unit sends, with their values."""
    sent: list[str] = []

    def listen(unit: UnitOfWork) -> None:
        driver: Any = unit.connection.connection.driver_connection
        driver.set_trace_callback(sent.append)
        try:
            work(unit)
        finally:
            driver.set_trace_callback(None)

    do(base, listen)
    return [sql for sql in sent if re.match(r"\s*(SELECT|UPDATE|DELETE|WITH)\b", sql)]


@pytest.mark.parametrize("make_url", ["sqlite"], indirect=True)
def test_every_index_has_statistics_also_one_that_was_made_anew(base: Base) -> None:
    with base.database.raw() as connection:
        made = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'items_timeline'").scalar_one()
        connection.exec_driver_sql("DROP INDEX items_timeline")
        connection.exec_driver_sql(made)
        connection.commit()
    upgrade(base.database)
    with base.database.raw() as connection:
        known = set(connection.exec_driver_sql("SELECT tbl, idx FROM sqlite_stat1").fetchall())
        for table in tables.OWNED:
            indexes = connection.exec_driver_sql(f"PRAGMA index_list({table.name})").fetchall()
            expected = {(table.name, table.name if origin == "pk" else name) for _, name, _, origin, _ in indexes}
            assert expected - known == set()


STATISTICS = {
    "as the service writes them": (),
    "none": ("DELETE FROM sqlite_stat1",),
    "of primary keys alone": ("DELETE FROM sqlite_stat1 WHERE idx <> tbl",),  # where every other index was made anew
    "of the base as it was": ("ANALYZE",),
}


def newest(unit: UnitOfWork) -> None:
    """Whatever asks for the newest of something that an organization numbers."""
    audit.last(unit)
    audit.newest_record(unit)
    feed.look(unit, 0, 1)
    insights.mark(unit)
    webhooks.newest_seq(unit)
    delete_items(unit, [])


def appending(base: Base) -> Work:
    one, other = pair(base)

    def work(unit: UnitOfWork) -> None:
        newest(unit)
        merging.merge(unit, MergeRequest(one, other), COMMAND)  # an entry, events and items

    return work


def steps(driver: sqlite3.Connection, sql: str) -> int:
    """How many instructions of SQLite's machine a statement takes."""
    counter = itertools.count()
    driver.set_progress_handler(lambda: next(counter) and 0, 1)
    driver.execute(sql).fetchall()
    driver.set_progress_handler(None, 0)
    return next(counter)


@pytest.mark.parametrize("make_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("change", STATISTICS.values(), ids=STATISTICS)
def test_the_newest_is_one_row_whatever_the_statistics_say(base: Base, change: tuple[str, ...]) -> None:
    work = appending(base)
    with base.database.raw() as connection:
        for sql in change:
            connection.exec_driver_sql(sql)
        connection.commit()
    base.database.dispose()  # a connection reads the statistics when it is made
    along = re.compile(
        r"SELECT .*\bseq\b.* WHERE (\w+\.)?organization_id = \d+( AND seq > 0)?(\s+ORDER BY .*)?$", re.DOTALL
    )
    statements = {sql for sql in asked(base, work) if along.match(sql)}
    assert len(statements) > 4  # of items, of the outbox, of the feed, of the audit log and of its records
    base.receiver.receive(base.organization_id, [contact("email", email=f"{n}@kite.example") for n in range(50)])
    with base.database.read(base.organization_id) as unit:
        driver: Any = unit.connection.connection.driver_connection
        assert {sql: steps(driver, sql) for sql in statements if steps(driver, sql) > 40} == {}
