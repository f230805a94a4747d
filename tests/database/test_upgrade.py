"""A database of version 0.3.0 is upgraded, and everything in it goes on: on SQLite and on PostgreSQL.

`tests/data/base-0.3.0.json` holds the rows of a SQLite file made by the last commit of 0.3.0 (a1a217f) through its own
services: two customers whose mails alternate, merged; a younger merge; one undone; a detach, a draft, message ids with
angle brackets, a mail of 1970. `relationships-0.3.0.json`, made likewise, has those of five customers, two of them
merged away.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command

from onefold.conversations import drafts
from onefold.conversations import store as conversations
from onefold.conversations.timeline_events import EVENT_KINDS, TimelineEvent
from onefold.core.clock import utc_now
from onefold.database import tables
from onefold.database.engine import Database
from onefold.database.migrate import _config, current, newest, upgrade
from onefold.jobs.worker import run_jobs
from onefold.merging import undo as undoing
from onefold.profiles import service as profiles
from onefold.receiving.service import Receiver
from tests import postgres
from tests.conftest import Base
from tests.dsl.words import found_by, merge, point_of, receive, rows, said, show, timeline, undo
from tests.invariants import check_base

_DATA = Path(__file__).parents[1] / "data"
MADE: dict[str, Any] = json.loads((_DATA / "base-0.3.0.json").read_text())
RELATED: dict[str, Any] = json.loads((_DATA / "relationships-0.3.0.json").read_text())
IDS = MADE["ids"]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a new database is to be."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'made.db'}"
    name = f"upgrade_{abs(hash(request.node.name))}"
    return postgres.fresh_database(request.getfixturevalue("postgres_server"), name)


@pytest.fixture
def base(url: str) -> Iterator[Base]:
    """The database of 0.3.0, upgraded."""
    yield from _upgraded(url, MADE)


@pytest.fixture
def related(url: str) -> Iterator[Base]:
    """The one with relationships, upgraded."""
    yield from _upgraded(url, RELATED)


def _upgraded(url: str, made: dict[str, Any]) -> Iterator[Base]:
    database = Database(url)
    with database.raw() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, made["revision"])
        _fill(connection, made["tables"])
        connection.commit()
    assert upgrade(database) == newest() != made["revision"]
    while run_jobs(database):  # as the worker of whoever serves it next does
        pass
    yield Base(url, database, made["ids"]["organization"], Receiver(database))
    database.dispose()


def _fill(connection: sa.Connection, made_tables: dict[str, Any]) -> None:
    sqlite = connection.dialect.name == "sqlite"
    if not sqlite:
        connection.execute(sa.text("SELECT set_config('onefold.organization_id', :org, false)"), {"org": "1"})
    for name, made in made_tables.items():
        columns = ", ".join(made["columns"])
        if sqlite:
            marks = ", ".join("?" * len(made["columns"]))
            for row in made["rows"]:
                connection.exec_driver_sql(f"INSERT INTO {name} ({columns}) VALUES ({marks})", tuple(row))
        else:
            sql = f"INSERT INTO {name} ({columns}) SELECT {columns} FROM json_populate_recordset(NULL::{name}, :rows)"
            connection.execute(
                sa.text(sql), {"rows": json.dumps([_as_json(name, made["columns"], r) for r in made["rows"]])}
            )
    for name in ("items", "outbox") if not sqlite else ():
        connection.execute(sa.text(f"SELECT setval(pg_get_serial_sequence('{name}', 'seq'), max(seq)) FROM {name}"))


def _as_json(table: str, columns: list[str], row: list[Any]) -> dict[str, Any]:
    json_columns = {c.name for c in tables.metadata.tables[table].c if isinstance(c.type, sa.JSON)}
    return {
        column: json.loads(value) if column in json_columns and isinstance(value, str) else value
        for column, value in zip(columns, row, strict=True)
    }


def test_it_keeps_every_rule(base: Base) -> None:
    assert current(base.database) == newest()
    check_base(base.database, base.organization_id)


def test_a_history_merged_before_reads_as_it_happened__MRG_5(base: Base) -> None:
    texts = [text for text in said(base, IDS["ann"]) if text != "hello"]
    assert texts == ["0", "1", "2", "3", "4", "5"]


def test_a_clock_that_lied_is_not_believed__MRG_5(base: Base) -> None:
    sql = "SELECT occurred_at, recorded_at, timeline_second FROM items WHERE body = '1970'"
    (item,) = rows(base, sql)
    assert abs(item.timeline_second - tables.instant(item.recorded_at).timestamp()) < 1


def test_events_are_data_and_read_as_before__MRG_6(base: Base) -> None:
    columns, stored = MADE["tables"]["items"]["columns"], MADE["tables"]["items"]["rows"]
    old = [dict(zip(columns, row, strict=True)) for row in stored]
    sentences = {row["seq"]: row["body"] for row in old if row["kind"] == "event"}
    with base.database.read(base.organization_id) as unit:
        events = {seq: conversations.read_item(unit, seq) for seq in sentences}
    assert {seq: item.text for seq, item in events.items()} == sentences
    assert {item.body for item in events.values()} == {None}
    assert "other" not in {item.event.kind for item in events.values() if item.event}


EVENTS = [
    TimelineEvent("merged", "Ann", "Ada"),
    TimelineEvent("merged", "Ann\nBea", "merged a customer into Ada\nLovelace"),
    TimelineEvent("conversations_merged"),
    TimelineEvent("routed", routed_from="Ann from Sales", routed_to="Bob to Support"),
    TimelineEvent("detached", "Ann", contact_point="@ada from here"),
    TimelineEvent("detached_from", "Ann", "Ada", "+442079460001"),
    TimelineEvent("unmerged", "Ann", "Ada"),
    TimelineEvent("unmerged_from", "Ann", "Ada"),
    TimelineEvent("replied_elsewhere"),
    TimelineEvent("other_replied"),
    TimelineEvent("other", text="What no version wrote"),
]


NEW_SINCE = {"moved_to", "moved_from", "number_given", "number_taken"}


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_of_before_is_read_from_its_sentence__MRG_6(event: TimelineEvent) -> None:
    migration: Any = import_module("onefold.database.migrations.versions.v0007_events_as_data")
    for one in (event, event.without_names()):
        read = TimelineEvent.from_json(migration._event(one.in_words()))
        assert (read.kind, read.in_words()) == (one.kind, one.in_words())
    assert {one.kind for one in EVENTS} == set(EVENT_KINDS) - NEW_SINCE


def test_message_ids_with_brackets_meet_those_without__RES_13(base: Base) -> None:
    reply = receive(base, "email", "new-1", reply_to=("bracketed@shop.example",))
    assert reply.profile_id == IDS["ann"]  # whom its customer was merged into
    message_ids = {
        row.message_id for row in rows(base, "SELECT message_id FROM items WHERE message_id LIKE '%twice@%'")
    }
    assert message_ids == {"<twice@shop.example>", "twice@shop.example"}  # two deliveries that were told apart stay two


def test_every_old_merge_can_still_be_undone_the_older_first__MRG_13_MRG_19(
    base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    with base.database.read(base.organization_id) as unit:
        merged_at = undoing.history(unit, None, None, 10)[0].created_at
    monkeypatch.setattr(undoing, "utc_now", lambda: max(merged_at + timedelta(hours=1), min(utc_now(), merged_at)))
    undo(base, IDS["first"])
    assert show(base, IDS["ann"]).row.name == "Cyrus the Great"
    undo(base, IDS["second"])
    assert [show(base, IDS[who]).row.name for who in ("ann", "ben", "cy")] == ["Ann", "Benjamin", "Cyrus the Great"]
    assert [show(base, IDS[who]).row.username for who in ("ann", "ben", "cy")] == [None, "ben", "cy"]
    assert said(base, IDS["ben"]) == ["1", "3", "5"]
    with base.database.read(base.organization_id) as unit:
        (draft,) = drafts.of_profile(unit, IDS["ben"], IDS["agent"], None, 10)
    assert draft.contact_point_id == point_of(base, IDS["ben"], "ben@kite.example").contact_point_id


def test_its_customers_are_found_by_any_part_of_a_word__UI_6(base: Base) -> None:
    """Their terms are of 0.3.0 until the run that the upgrade has begun is at its end."""
    with base.database.read(base.organization_id) as unit:
        named = [summary for summary in profiles.page(unit, None, 50) if len(summary.row.name or "") > 5]
    assert named
    for summary in named:
        longest = max((summary.row.name or "").split(), key=len)
        assert summary.row.id in found_by(base, longest[1:])


def test_it_is_worked_with_as_any_other(base: Base) -> None:
    answer = receive(base, "email", "new-1", email="ann@kite.example", body="6")
    assert answer.profile_id == IDS["ann"]
    assert timeline(base, IDS["ann"])[-1].body == "6"
    merge(base, IDS["dan"], IDS["ann"])
    check_base(base.database, base.organization_id)


def test_relationships_are_what_they_were_entered_as_and_come_back_with_their_own__PRO_8_MRG_13(related: Base) -> None:
    """0.3.0 had moved one to whom its two had become, left out one there was already and one between the two; and one
    was taken away by hand, for which a merge had left out the like."""
    ids = RELATED["ids"]
    names = {ids[name]: name for name in ("ada", "bob", "eve", "fay", "gus")}

    def seen() -> set[tuple[str, str, str]]:
        living = {names[row.id]: row.id for row in rows(related, "SELECT id FROM profiles WHERE survivor_id IS NULL")}
        views = {name: show(related, profile_id) for name, profile_id in living.items()}
        return {(name, r.kind, names[r.profile_id]) for name, view in views.items() for r in view.relationships}

    friends = {("ada", "friend", "eve"), ("eve", "friend", "ada")}
    assert seen() == friends | {("ada", "parent", "eve"), ("eve", "child", "ada")}
    check_base(related.database, related.organization_id)
    undo(related, ids["merges"]["bob"])
    spouses = {("ada", "spouse", "bob"), ("bob", "spouse", "ada")}
    bobs = {("bob", "friend", "eve"), ("eve", "friend", "bob")}
    assert seen() == friends | spouses | bobs | {("bob", "parent", "eve"), ("eve", "child", "bob")}
    undo(related, ids["merges"]["fay"])
    assert seen() == friends | spouses | bobs | {("bob", "parent", "fay"), ("fay", "child", "bob")}
