"""Counting for Insights in the background: each thing once, whoever counts, whatever is interrupted, in any order."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from onefold.core.clock import new_id, utc_now
from onefold.core.errors import DomainError
from onefold.database.engine import Database, UnitOfWork
from onefold.database.tables import instant_text
from onefold.insights import store
from onefold.jobs.worker import Counting
from onefold.organizations.store import add_organization
from onefold.outbox.store import emit
from onefold.receiving.service import Receiver
from onefold.receiving.store import ITEMS
from onefold.suggestions import service as suggestions
from tests.conftest import Base
from tests.dsl.cases import contact
from tests.dsl.words import COMMAND, do, merge, profile, receive, rows, undo
from tests.races.processes import Job, at_once
from tests.races.workers import bring, opened, until_taken

NOW = utc_now()


def counts(base: Base) -> Counter[str]:
    """What has been counted, over all days."""
    totals = rows(base, "SELECT name, sum(number) AS number FROM daily_counts GROUP BY name")
    return Counter({row.name: int(row.number) for row in totals})


def contacts(base: Base) -> Counter[str]:
    """What there is to be counted of contacts."""
    sql = "SELECT channel, outcome, count(*) AS number FROM items WHERE outcome IS NOT NULL GROUP BY channel, outcome"
    return Counter({f"contact.{row.channel}.{row.outcome}": row.number for row in rows(base, sql)})


def happen(unit: UnitOfWork) -> None:
    """A contact by email and a suggestion, as a transaction writes them down."""
    org, profile_id, moment = unit.organization_id, new_id(), instant_text(NOW)
    row = {"profile_id": profile_id, "kind": "message", "channel": "email", "outcome": "opened"}
    values = {"organization_id": org, "recorded_at": moment, "occurred_at": moment, "timeline_second": 0, **row}
    unit.append(ITEMS, [tuple(values.get(column) for column in ITEMS.columns)])
    emit(unit, new_id(), "suggestion.raised", profile_id, {"other_id": new_id(), "kinds": ["phone"]}, NOW)


HAPPENED_ONCE = {"contact.email.opened": 1, "suggestion.raised": 1, "suggestion.raised.phone": 1}


# Once ----------------------------------------------------------------------------------------------------------------


def test_each_thing_is_counted_once_however_often_the_job_runs(base: Base) -> None:
    for n in range(3):
        receive(base, "email", email=f"customer.{n}@example.com")
        Counting(base.database).work()
        Counting(base.database).work()
    assert counts(base) == contacts(base) == {"contact.email.created": 3}


def test_what_is_there_already_is_counted_a_bounded_part_at_a_time(base: Base) -> None:
    for n in range(10):
        receive(base, "email", email=f"customer.{n}@example.com")
    counting, seen = Counting(base.database, chunk=4), []
    while counting.work():
        seen.append(counts(base).total())
    assert seen[:3] == [4, 8, 10]
    assert counts(base) == contacts(base)


def test_nothing_is_written_where_nothing_happened(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    receive(base, "email", email="ada@example.com")
    counting = Counting(base.database)
    counting.work()

    def write(*_given: Any, **_more: Any) -> None:
        raise AssertionError("Whoever has nothing to count must not keep others from writing.")

    monkeypatch.setattr(base.database, "write", write)
    assert not counting.work()
    assert counting._marks == {}, "it did not end by the error above"


@pytest.mark.parametrize("interrupted", ["advance", "add"])
def test_counting_that_is_interrupted_loses_nothing_and_counts_nothing_twice(
    base: Base, monkeypatch: pytest.MonkeyPatch, interrupted: str
) -> None:
    for n in range(5):
        receive(base, "email", email=f"customer.{n}@example.com")
    whole = getattr(store, interrupted)

    def die(*given: Any) -> None:
        whole(*given)
        raise KeyboardInterrupt

    for _ in range(3):
        monkeypatch.setattr(store, interrupted, die)
        with pytest.raises(KeyboardInterrupt):
            Counting(base.database, chunk=2).work()
        monkeypatch.setattr(store, interrupted, whole)
        Counting(base.database, chunk=2).work()
    while Counting(base.database, chunk=2).work():
        pass
    assert counts(base) == contacts(base)


def test_the_audit_log_is_counted_once_as_well__MRG_14(base: Base) -> None:
    one, other, third = (profile(base, name=name) for name in ("Ada", "Ada L.", "Bob"))
    counting = Counting(base.database, chunk=1)
    undo(base, merge(base, one, other).id)
    do(base, lambda unit: suggestions.no_match(unit, one, third, COMMAND))
    while counting.work():
        pass
    do(base, lambda unit: suggestions.withdraw(unit, one, third, COMMAND))
    while counting.work():
        pass
    counted = {name: n for name, n in counts(base).items() if name.count(".") == 1}
    actions = ("profile.merged", "profile.unmerged", "suggestion.dismissed", "suggestion.reopened")
    assert counted == dict.fromkeys(actions, 1)


def test_organizations_are_counted_apart(base: Base) -> None:
    receive(base, "email", email="ada@example.com")
    other = base._replace(
        organization_id=add_organization(base.database, "Other", "US", new_id(), "General", (), utc_now())
    )
    for n in range(2):
        receive(other, "email", email=f"customer.{n}@example.com")
    Counting(base.database).work()
    sql = "SELECT sum(number) AS number FROM daily_counts WHERE organization_id = :org"
    assert [rows(one, sql, org=one.organization_id)[0].number for one in (base, other)] == [1, 2]


def test_an_organization_that_cannot_be_counted_holds_up_no_other(base: Base) -> None:
    do(base, lambda unit: emit(unit, new_id(), "suggestion.raised", new_id(), {"no": "kinds"}, NOW))
    other = base._replace(
        organization_id=add_organization(base.database, "Other", "US", new_id(), "General", (), utc_now())
    )
    receive(other, "email", email="ada@example.com")
    assert not Counting(base.database).work()
    sql = "SELECT sum(number) AS number FROM daily_counts WHERE organization_id = :org"
    assert rows(other, sql, org=other.organization_id)[0].number == 1


# At once -------------------------------------------------------------------------------------------------------------


def count_until(url: str, organization_id: int, number: int) -> int:
    """Counts small parts until so many contacts have been counted by whomever, or for a minute; how often it tried."""
    tries, end = 0, time.monotonic() + 60
    with opened(url) as database:
        counting = Counting(database, chunk=3)
        while _counted(database, organization_id) < number and time.monotonic() < end:
            until_taken(counting.work)
            tries += 1
    return tries


def _counted(database: Database, organization_id: int) -> int:
    with database.read(organization_id) as unit:
        total = unit.execute(sa.text("SELECT sum(number) FROM daily_counts WHERE name LIKE 'contact.%'")).scalar()
    return int(total or 0)


def test_processes_that_count_at_once_while_others_write_count_each_thing_once(base: Base) -> None:
    batches = [[contact("email", email=f"customer.{n}.{m}@example.com") for n in range(60)] for m in range(2)]
    org = base.organization_id
    at_once([Job(count_until, (base.url, org, 120))] * 3 + [Job(bring, (base.url, org, batch, 2)) for batch in batches])
    assert not Counting(base.database).work()
    assert counts(base) == contacts(base) == {"contact.email.created": 120}


# In any order (PostgreSQL gives out numbers before a transaction commits) ---------------------------------------------

postgresql = pytest.mark.parametrize("make_url", ["postgresql"], indirect=True)


@contextmanager
def under_way(base: Base) -> Any:
    """A transaction that has written something down, and is committed when the block ends."""
    with base.database.write(base.organization_id) as unit:
        happen(unit)
        yield


@postgresql
def test_what_becomes_visible_after_something_newer_is_counted(base: Base) -> None:
    counting = Counting(base.database)
    with under_way(base):
        do(base, happen)
        assert not counting.work()
        assert not Counting(base.database).work()
        assert counts(base) == {}, "what is older than the newest, and not to be seen yet, would be passed over"
    counting.work()
    counting.work()
    assert counts(base) == {name: 2 * number for name, number in HAPPENED_ONCE.items()}


@postgresql
def test_writers_that_come_after_the_mark_are_not_waited_for(base: Base) -> None:
    """Else a busy organization, where somebody always writes, would never be counted."""
    counting = Counting(base.database)
    with under_way(base):
        do(base, happen)
        counting.work()
        later = under_way(base)
        later.__enter__()
    counting.work()
    assert counts(base) == {name: 2 * number for name, number in HAPPENED_ONCE.items()}
    later.__exit__(None, None, None)
    counting.work()
    assert counts(base) == {name: 3 * number for name, number in HAPPENED_ONCE.items()}


@postgresql
def test_what_was_rolled_back_is_not_waited_for(base: Base) -> None:
    counting = Counting(base.database)
    with pytest.raises(DomainError), under_way(base):
        do(base, happen)
        counting.work()
        raise DomainError("no")
    counting.work()
    assert counts(base) == HAPPENED_ONCE


@postgresql
def test_writers_of_another_organization_are_not_waited_for(base: Base) -> None:
    do(base, happen)
    other = add_organization(base.database, "Other", "US", new_id(), "General", (), utc_now())
    with base.database.write(other):
        Counting(base.database).work()
    assert counts(base) == HAPPENED_ONCE


@postgresql
def test_counting_keeps_nobody_from_writing(base: Base) -> None:
    counting = Counting(base.database)
    with under_way(base):
        counting.work()
        ended = threading.Event()
        thread = threading.Thread(target=lambda: (do(base, happen), ended.set()), daemon=True)
        thread.start()
        assert ended.wait(20), "a writer waits for whoever counts, who waits for another writer"
        thread.join()


def test_receiving_at_once_is_counted_whole(base: Base) -> None:
    """Contacts by several threads, counted all the while."""
    receivers = [Receiver(base.database) for _ in range(3)]
    given = [[contact("sms", phone=f"+4477009{n}{m:04}") for m in range(20)] for n in range(3)]
    threads = [
        threading.Thread(target=lambda r=r, some=some: [r.receive(base.organization_id, [one]) for one in some])
        for r, some in zip(receivers, given, strict=True)
    ]
    counting = Counting(base.database, chunk=5)
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        counting.work()
    for _ in range(2):
        while counting.work():
            pass
    assert counts(base) == contacts(base)
    assert counts(base).total() == 60


# By index ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make_url", ["sqlite"], indirect=True)
def test_what_was_counted_is_not_read_again(base: Base) -> None:
    """Ten million items are read by their number, each once."""
    receive(base, "email", email="ada@example.com")
    asked: list[str] = []
    with base.database.read(base.organization_id) as unit:
        driver: Any = unit.connection.connection.driver_connection
        driver.set_trace_callback(asked.append)
        store.mark(unit)
        for part in (store.contacts, store.raised_suggestions):
            part(unit, 0, 100, 10)
        store.entries(unit, 0, 100, 10, ("profile.merged",))
        store.merge_undone(unit, new_id(), 5)
        store.first_no_match(unit, (new_id(), new_id()))
        store.no_matches(unit, [new_id()])
        store.counts_between(unit, "2026-11-01", "2026-11-30")
        driver.set_trace_callback(None)
        for sql in asked:
            plan = [row.detail for row in unit.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")]
            assert plan[0].startswith("SEARCH "), (sql, plan)
            newest = sql.endswith("ORDER BY seq DESC LIMIT 1")
            assert newest or not plan[0].endswith("(organization_id=?)"), (sql, plan)
            assert not any("TEMP B-TREE" in line for line in plan if "verdicts" not in sql), (sql, plan)
    assert len(asked) == 10
