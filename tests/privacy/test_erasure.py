"""Erasing and exporting a customer, past the API: at the instant of a contact, of a long history, and on the disk."""

from __future__ import annotations

import sqlite3
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from onefold.conversations.drafts import Composed
from onefold.conversations.store import _WRITTEN
from onefold.conversations.timeline_events import TimelineEvent
from onefold.core.actor import Actor
from onefold.core.clock import utc_now
from onefold.core.errors import NotFound
from onefold.database.engine import UnitOfWork
from onefold.database.tables import instant_text
from onefold.database.transactions import run_in_transaction
from onefold.privacy import erasure as erasing
from onefold.privacy import export as exporting
from onefold.privacy.erasure import Erased
from onefold.profiles import parts
from onefold.profiles import service as profiles
from onefold.profiles.service import PointInput
from onefold.receiving.contact import Attachment
from tests.conftest import Base
from tests.dsl.words import (
    add_address,
    add_detail,
    add_draft,
    agent,
    detach,
    do,
    edit,
    list_point,
    merge,
    point_of,
    profile,
    receive,
    rows,
    undo,
)
from tests.invariants import check_base

ADMIN = Actor(None, None, "a test")
ADA = "ada@example.org"
T = TypeVar("T")


def erase(base: Base, profile_id: str) -> Erased:
    """As the API does it."""
    return do(base, lambda unit: erasing.erase(unit, profile_id, profile_id, ADMIN), exclusive=True)


def exported(base: Base, profile_id: str, taken: Callable[[bytes], object]) -> None:
    """Hands an export on, piece by piece."""

    def read(work: Callable[[UnitOfWork], T]) -> T:
        with base.database.read(base.organization_id) as unit:
            return work(unit)

    whose = read(lambda unit: exporting.subject(unit, profile_id))
    for piece in exporting.document(read, whose):
        taken(piece)


def add_history(base: Base, profile_id: str, number: int) -> None:
    """So many items of a kilobyte."""
    (conversation,) = rows(base, f"SELECT id FROM conversations WHERE profile_id = '{profile_id}'")
    at = instant_text(utc_now())
    values = {
        "organization_id": base.organization_id,
        "profile_id": profile_id,
        "conversation_id": str(conversation.id),
        "kind": "note",
        "body": "x" * 1_000,
        "occurred_at": at,
        "recorded_at": at,
        "timeline_second": 0,
    }
    row = tuple(values.get(column) for column in _WRITTEN.columns)
    for _ in range(number // 1_000):
        do(base, lambda unit: unit.append(_WRITTEN, [row] * 1_000))


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_contact_at_the_instant_is_erased_or_opens_a_new_profile__RES_12(base: Base, exclusive: bool) -> None:
    def vanish(profile_id: str) -> Erased:
        return run_in_transaction(
            base.database,
            base.organization_id,
            lambda unit: erasing.erase(unit, profile_id, profile_id, ADMIN),
            exclusive=exclusive,
        )

    with ThreadPoolExecutor(4) as threads:
        for _ in range(15):
            profile_id = receive(base, "email", email=ADA).profile_id
            arriving = [threads.submit(receive, base, "email", email=ADA) for _ in range(3)]
            erased = threads.submit(vanish, profile_id).result()
            answers = [future.result() for future in arriving]
            assert erased.ids == (profile_id,)
            with pytest.raises(NotFound):
                do(base, partial(profiles.read, profile_id=profile_id))
            living = {str(row.id) for row in rows(base, "SELECT id FROM profiles")}
            assert len(living) <= 1
            assert living == {answer.profile_id for answer in answers} - {profile_id}
            check_base(base.database, base.organization_id)
            for one in living:
                erase(base, one)
    assert not [row for row in rows(base, "SELECT kind FROM items") if row.kind != "erased"]


def test_relationships_written_at_the_instant_lead_nowhere(base: Base) -> None:
    with ThreadPoolExecutor(4) as threads:
        for _ in range(10):
            ada, bob = (do(base, lambda unit: profiles.create(unit, name=None)).id for _ in range(2))
            linking = [
                threads.submit(do, base, lambda unit, n=n, a=ada, b=bob: parts.relate(unit, b, a, f"kin {n}", None))
                for n in range(3)
            ]
            erase(base, ada)
            assert {type(f.exception()) for f in linking} <= {type(None), NotFound}
            assert rows(base, "SELECT id FROM relationships") == []


def test_a_long_history_is_erased_at_once_and_exported_in_little_memory(base: Base) -> None:
    ada = receive(base, "email", email=ADA).profile_id
    exported(base, ada, lambda _: None)  # what is loaded once is not counted
    add_history(base, ada, 6_000)
    size = 0

    def count(piece: bytes) -> None:
        nonlocal size
        size += len(piece)

    tracemalloc.start()
    exported(base, ada, count)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 6_000_000
    assert most < 2_000_000
    assert erase(base, ada).counts["items"] == 6_001


MARK = "kanarienvogel"
FILE = Attachment(f"{MARK}.txt", "text/plain", MARK.encode())


def lives(base: Base, deed: str) -> str:
    """Somebody with the mark in whatever there is of a customer, to whom something is done; the id."""
    address = f"{MARK}@{deed}.example"
    text = f"{MARK} " * 300
    ada = receive(
        base, "email", email=address, name=f"{MARK} A", subject=MARK, body=text, attachments=(FILE,)
    ).profile_id
    add_detail(base, ada, MARK, MARK)
    add_address(base, ada, f"{MARK} 1")
    add_draft(base, ada, agent(base, "Mara"), Composed("note", text))
    edit(base, ada, attributes={MARK: MARK}, username=f"{MARK}-{deed}")
    if deed == "edited":
        edit(base, ada, name="Ada", username=None, attributes=None)
    elif deed == "taken-off":
        point = point_of(base, ada, address).contact_point_id
        do(base, lambda unit: profiles.remove_point(unit, ada, point, None))
    elif deed == "detached":
        other = list_point(base, ada, PointInput("email", f"{MARK}-2@detached.example"))
        erase(base, detach(base, ada, other).new_profile_id)
    elif deed == "merged":
        return merge(base, ada, profile(base, name=f"{MARK} B")).destination_id
    elif deed == "undone":
        made = merge(base, ada, profile(base, name=f"{MARK} B"))
        undo(base, made.id)
        erase(base, made.destination_id)
    return ada


DEEDS = ["received", "edited", "taken-off", "detached", "merged", "undone"]


@pytest.mark.parametrize("make_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("deed", DEEDS)
def test_on_sqlite_no_file_holds_anything_any_more_while_it_is_served(base: Base, deed: str) -> None:
    """Neither the database, nor its write-ahead log, nor whatever else stands beside it."""
    stays = receive(base, "email", email="stays@example.org", body="stays").profile_id
    gone = lives(base, deed)
    assert MARK.encode() in everything_beside(base)
    erase(base, gone)
    assert base.database.empty_log()
    assert MARK.encode() not in everything_beside(base)
    assert do(base, lambda unit: profiles.read(unit, stays)).row.id == stays


def everything_beside(base: Base) -> bytes:
    """The bytes of every file in the database's folder."""
    folder = Path(base.url.removeprefix("sqlite:///")).parent
    return b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file())


@pytest.mark.parametrize("make_url", ["sqlite"], indirect=True)
def test_a_log_that_is_being_read_is_emptied_later(base: Base) -> None:
    ada = receive(base, "email", email=f"{MARK}@example.org").profile_id
    with base.database.read(base.organization_id) as unit:
        unit.rows("SELECT count(*) FROM profiles", ())
        erase(base, ada)
        short = sqlite3.connect(base.url.removeprefix("sqlite:///"), timeout=0)
        assert short.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 1  # busy
        short.close()
        base.database._log_to_empty = True  # as `empty_log` leaves it, which would wait its ten seconds here
    base.database.checkpoint()
    assert MARK.encode() not in everything_beside(base)
    assert not base.database._log_to_empty


def test_whoever_is_related_sees_a_new_version(base: Base) -> None:
    ada, bob = (do(base, lambda unit: profiles.create(unit, name=None)).id for _ in range(2))
    do(base, lambda unit: parts.relate(unit, ada, bob, "spouse", None))
    before = do(base, lambda unit: profiles.read(unit, bob)).row.version
    erase(base, ada)
    view = do(base, lambda unit: profiles.read(unit, bob))
    assert (view.relationships, view.row.version > before) == ([], True)


@pytest.mark.parametrize(
    ("event", "without"),
    [
        (TimelineEvent("merged", "Lin", "Ada"), "Lin merged a customer into this customer"),
        (TimelineEvent("unmerged", "Lin", "Ada"), "Lin undid the merge of another into this customer"),
        (TimelineEvent("unmerged_from", "Lin", "Ada"), "Lin undid the merge of this customer into another"),
        (
            TimelineEvent("detached", "Lin", contact_point="a@x.org"),
            "Lin detached a contact point into a new customer",
        ),
        (
            TimelineEvent("detached_from", "Lin", "Ada", "a@x.org"),
            "Lin detached a contact point from another customer",
        ),
        (TimelineEvent("moved_to", "Lin", "Ada"), "Lin moved a conversation to another customer"),
        (TimelineEvent("moved_from", "Lin", "Ada"), "Lin moved a conversation here from another customer"),
        (
            TimelineEvent("routed", routed_from="Lin", routed_to="Bea"),
            "Routed from Lin to Bea due to customer merge",
        ),
        (TimelineEvent("conversations_merged"), "Conversations were merged during the customer merge"),
    ],
)
def test_events_say_what_happened_without_saying_to_whom(event: TimelineEvent, without: str) -> None:
    assert event.without_names().in_words() == without
