"""What merging, detaching, undoing and suggesting ask the database for: everything by an index, nothing by a scan."""

from __future__ import annotations

import itertools
import re
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from onefold.domain.contact import Further, ListedPhone
from onefold.services import detaching, merging, profiles, suggestions, undoing
from onefold.services.clock import new_id, utc_now
from onefold.services.merging import MergeRequest
from onefold.services.profiles import PointInput
from onefold.storage import audit, feed, insights, tables, webhooks
from onefold.storage.database import Unit
from onefold.storage.erasing import delete_items
from onefold.storage.matching import QueueFilter
from onefold.storage.migrate import upgrade
from onefold.storage.organizations import add_organization
from tests.conftest import Base
from tests.domain.cases import contact
from tests.services.words import COMMAND, do, merge, point_of, receive

HOME = "+442079460001"
SMALL = {"organizations", "inboxes", "blocklist"}
"""Tables of settings, which are read whole."""

Work = Callable[[Unit], object]


def pair(base: Base) -> tuple[str, str]:
    """Two who share a phone, have similar emails and an open conversation each."""
    further = Further(phones=(ListedPhone(HOME, "home"),))
    emails = ("ada.lovelace@kite.example", "ada.lovelacee@kite.example")
    one, other = (receive(base, "email", email=email, further=further).profile_id for email in emails)
    return one, other


def merging_two(base: Base) -> Work:
    one, other = pair(base)
    return lambda unit: merging.merge(unit, MergeRequest(one, other), COMMAND)


def undoing_it(base: Base) -> Work:
    merged = merge(base, *pair(base))
    return lambda unit: undoing.undo(unit, merged.id, None, COMMAND)


def detaching_one(base: Base) -> Work:
    one, _ = pair(base)
    point = point_of(base, one, HOME).contact_point_id
    return lambda unit: detaching.detach(unit, one, point, None, COMMAND, None)


def deciding(base: Base) -> Work:
    one, other = pair(base)

    def work(unit: Unit) -> None:
        suggestions.no_match(unit, one, other, COMMAND)
        suggestions.withdraw(unit, one, other, COMMAND)

    return work


def explaining(base: Base) -> Work:
    one, other = pair(base)
    return lambda unit: (suggestions.of_profile(unit, one), suggestions.why(unit, one, other))


def editing(base: Base) -> Work:
    one, _ = pair(base)
    added = PointInput("email", "ada.lovelac@kite.example")
    return lambda unit: profiles.add_point(unit, one, added, None)


def queueing(base: Base) -> Work:
    pair(base)
    wanted = QueueFilter(kind="phone", lowest=0.1)
    return lambda unit: suggestions.queue(unit, wanted, (0.9999, "f", "f"), 10)


def looking_back(base: Base) -> Work:
    one, other = pair(base)
    merge(base, one, other)
    return lambda unit: (undoing.history(unit, other, None, 10), undoing.history(unit, None, None, 10))


CASES = [merging_two, undoing_it, detaching_one, deciding, explaining, editing, queueing, looking_back]


def asked(base: Base, work: Work) -> list[str]:
    """The statements that a unit sends, with their values."""
    found: list[str] = []

    def listen(unit: Unit) -> None:
        driver: Any = unit.connection.connection.driver_connection
        driver.set_trace_callback(found.append)
        try:
            work(unit)
        finally:
            driver.set_trace_callback(None)

    do(base, listen)
    return [sql for sql in found if re.match(r"\s*(SELECT|UPDATE|DELETE|WITH)\b", sql)]


@pytest.mark.parametrize("make_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("case", CASES)
def test_every_statement_finds_its_rows_by_an_index(base: Base, case: Callable[[Base], Work]) -> None:
    statements = asked(base, case(base))
    assert statements
    big = {table.name for table in tables.OWNED} - SMALL
    with base.database.read(base.organization_id) as unit:
        for sql in statements:
            plan = [
                row.detail for row in unit.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql.replace('%', '%%')}")
            ]
            scanned = [line for line in plan if line.startswith("SCAN ") and line.split()[1] in big | _aliases(sql)]
            assert scanned == [], (sql, plan)
            # By the organization alone is a scan as well, unless nothing else is asked (the newest, cut by a limit).
            wide = [line for line in plan if line.endswith("(organization_id=?)") and " AND " in sql]
            assert [line for line in wide if not set(line.split()) & SMALL] == [], (sql, plan)


def _aliases(sql: str) -> set[str]:
    """The names that big tables go by in a statement."""
    names = "|".join(table.name for table in tables.OWNED if table.name not in SMALL)
    return set(re.findall(rf"\b(?:{names}) AS (\w+)", sql))


@pytest.mark.parametrize("make_url", ["sqlite"], indirect=True)
def test_the_cases_touch_every_table_of_merging(base: Base) -> None:
    """So that a new table is not left out of the plans above."""
    seen = ""
    for case in CASES:
        organization_id = add_organization(base.database, "X", "US", new_id(), "General", (), utc_now())
        own = base._replace(organization_id=organization_id)
        seen += " ".join(asked(own, case(own)))
    wanted = {"evidence", "suggestions", "verdicts", "match_keys", "merges", "absorbed_points", "drafts", "audit"}
    assert {name for name in wanted if not re.search(rf"\b{name}\b", seen)} == set()


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
            wanted = {(table.name, table.name if origin == "pk" else name) for _, name, _, origin, _ in indexes}
            assert wanted - known == set()


STATISTICS = {
    "as the service writes them": (),
    "none": ("DELETE FROM sqlite_stat1",),
    "of primary keys alone": ("DELETE FROM sqlite_stat1 WHERE idx <> tbl",),  # where every other index was made anew
    "of the base as it was": ("ANALYZE",),
}


def newest(unit: Unit) -> None:
    """Whatever asks for the newest of something that an organization numbers."""
    audit.last(unit)
    audit.newest_record(unit)
    feed.look(unit, 0, 1)
    insights.mark(unit)
    webhooks.newest_seq(unit)
    delete_items(unit, [])


def appending(base: Base) -> Work:
    one, other = pair(base)

    def work(unit: Unit) -> None:
        newest(unit)
        merging.merge(unit, MergeRequest(one, other), COMMAND)  # an entry, events and items

    return work


def steps(driver: sqlite3.Connection, sql: str) -> int:
    """How many instructions of SQLite's machine a statement takes."""
    found = itertools.count()
    driver.set_progress_handler(lambda: next(found) and 0, 1)
    driver.execute(sql).fetchall()
    driver.set_progress_handler(None, 0)
    return next(found)


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
