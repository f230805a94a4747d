"""The append-only audit log: what it keeps, that it has no gaps, and that whoever tampers with it is found (MRG-14)."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from onefold.audit import service as audit
from onefold.audit.service import Verification
from onefold.core.actor import Actor
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import DomainError, InvalidValue, NotFound
from onefold.database.engine import Database, UnitOfWork
from onefold.database.transactions import run_in_transaction
from onefold.organizations.store import add_organization
from tests.conftest import Base
from tests.dsl.words import do, rows

AGENT, KEY = new_id(), new_id()
MARA = Actor(AGENT, None, "api 203.0.113.7")
ADA, BOB = new_id(), new_id()
BEFORE = {"source": {"name": "Ada Łovelace", "emails": ["ada@example.org"]}, "destination": {"name": "A."}}


def append(base: Base, times: int = 1, actor: Actor = MARA, action: str = "profile.merged", **more: Any) -> int:
    """Entries of their own units; the number of the last."""
    values = {"details": {"evidence": ["email"], "choices": {"name": "source"}}, "profile_id": ADA, "other_id": BOB}
    return [do(base, lambda unit: audit.record(unit, actor, action, **{**values, **more})) for _ in range(times)][-1]


def verify(base: Base, anchor: tuple[int, str] | None = None) -> Verification:
    with base.database.read(base.organization_id) as unit:
        return audit.verify(unit, None if anchor is None else dict([anchor]))


def page(base: Base, **filters: Any) -> list[int]:
    with base.database.read(base.organization_id) as unit:
        return [entry.seq for entry in audit.page(unit, **filters)]


# What an entry says


def test_an_entry_says_who_when_from_where_on_what_evidence_and_what_was_before__MRG_14(base: Base) -> None:
    begun = utc_now()
    seq = append(base, actor=Actor(AGENT, KEY, "api 203.0.113.7"), before=BEFORE)
    with base.database.read(base.organization_id) as unit:
        entry = audit.read(unit, seq)
    assert (entry.seq, entry.action, entry.profile_id, entry.other_id) == (1, "profile.merged", ADA, BOB)
    assert entry.actor == Actor(AGENT, KEY, "api 203.0.113.7")
    assert begun <= entry.at <= utc_now()
    assert entry.details == {"evidence": ["email"], "choices": {"name": "source"}}
    assert (entry.before, entry.erased) == (BEFORE, False)


def test_an_action_that_is_not_named_is_not_recorded__MRG_14(base: Base) -> None:
    with pytest.raises(ValueError, match="no action of the audit log"):
        append(base, action="profile.seen")


def test_what_is_personal_is_not_in_the_entry_itself__MRG_14(base: Base) -> None:
    append(base, before=BEFORE)
    assert "Ada" not in str(rows(base, "SELECT * FROM audit"))
    assert "Ada" in str(rows(base, "SELECT * FROM audit_records"))


def test_equal_records_have_hashes_that_do_not_tell_so__MRG_14(base: Base) -> None:
    append(base, 2, before=BEFORE)
    assert len({row.record_hash for row in rows(base, "SELECT record_hash FROM audit")}) == 2


def test_an_origin_that_is_too_long_is_cut(base: Base) -> None:
    append(base, actor=Actor(None, None, "x" * 300))
    assert verify(base).wrong is None
    assert rows(base, "SELECT origin FROM audit")[0].origin == "x" * 200


def test_a_unit_that_is_rolled_back_leaves_neither_entry_nor_gap__MRG_14(base: Base) -> None:
    append(base)

    def refused(unit: UnitOfWork) -> None:
        audit.record(unit, MARA, "profile.merged", details={})
        raise DomainError("no")

    with pytest.raises(DomainError):
        do(base, refused)
    assert append(base) == 2
    assert verify(base).entries == 2


def test_entries_are_listed_newest_first_by_profile_action_agent_and_time__MRG_14(base: Base) -> None:
    someone = new_id()
    append(base, profile_id=ADA, other_id=BOB)
    append(base, profile_id=someone, other_id=ADA, action="profile.detached")
    between = utc_now()
    append(base, profile_id=someone, other_id=None, actor=Actor(None, KEY, "api"))
    append(base, profile_id=ADA, other_id=ADA)
    assert page(base) == [4, 3, 2, 1]
    assert page(base, profile_id=ADA) == [4, 2, 1]  # on either side
    assert page(base, profile_id=ADA, limit=2) == [4, 2]
    assert page(base, profile_id=ADA, limit=2, before_seq=2) == [1]
    assert page(base, action="profile.detached") == [2]
    assert page(base, agent_id=AGENT) == [4, 2, 1]
    assert page(base, since=between) == [4, 3]
    assert page(base, until=between) == [2, 1]
    assert page(base, since=utc_now() + timedelta(hours=1)) == []
    with pytest.raises(InvalidValue):
        page(base, profile_id="no id")
    with pytest.raises(NotFound), base.database.read(base.organization_id) as unit:
        audit.read(unit, 5)


# The chain


def test_an_empty_log_verifies(base: Base) -> None:
    verification = verify(base)
    assert (verification.entries, verification.last_seq, verification.wrong) == (0, 0, None)


def test_a_log_longer_than_what_is_read_at_a_time_verifies(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_CHUNK", 3)
    append(base, 10, before=BEFORE)
    verification = verify(base)
    assert (verification.entries, verification.last_seq, verification.erased, verification.wrong) == (10, 10, 0, None)
    assert verify(base, (verification.last_seq, verification.last_hash)) == verification


def test_an_erasure_takes_records_away_and_the_log_still_verifies__MRG_14(base: Base) -> None:
    carl = new_id()
    append(base, profile_id=ADA, other_id=BOB, before=BEFORE)
    append(base, profile_id=carl, other_id=ADA, before=BEFORE)
    append(base, profile_id=carl, other_id=BOB, before=BEFORE)
    append(base, profile_id=ADA, other_id=None)  # had no record
    assert do(base, lambda unit: audit.erase_records(unit, [ADA, new_id()])) == 2
    assert do(base, lambda unit: audit.erase_records(unit, [])) == 0
    with base.database.read(base.organization_id) as unit:
        left = [audit.read(unit, seq) for seq in (1, 2, 3, 4)]
    assert [(entry.before, entry.erased) for entry in left] == [
        (None, True),
        (None, True),
        (BEFORE, False),
        (None, False),
    ]
    verification = verify(base)
    assert (verification.entries, verification.erased, verification.wrong) == (4, 2, None)


def _append_many(url: str, organization_id: int, times: int) -> list[int]:
    database = Database(url)
    try:

        def work(unit: UnitOfWork) -> int:
            return audit.record(unit, MARA, "profile.merged", details={}, before=BEFORE)

        return [run_in_transaction(database, organization_id, work) for _ in range(times)]
    finally:
        database.dispose()


def test_appending_from_many_sides_at_once_leaves_no_gap__MRG_14(base: Base) -> None:
    """Databases of their own, each with its connections: to each other as processes are."""
    with ThreadPoolExecutor(6) as sides:
        begun = [sides.submit(_append_many, base.url, base.organization_id, 25) for _ in range(6)]
        given = sorted(seq for side in begun for seq in side.result())
    assert given == list(range(1, 151))
    assert verify(base).entries == 150
    assert verify(base).wrong is None


# Tampering, by somebody who has every right on the database


@pytest.mark.parametrize("statement", ["UPDATE audit SET action = 'x'", "DELETE FROM audit", "TRUNCATE audit"])
def test_entries_cannot_be_changed_or_deleted__MRG_14(base: Base, statement: str) -> None:
    if statement.startswith("TRUNCATE") and base.database.is_sqlite:
        pytest.skip("SQLite has no TRUNCATE")
    append(base)
    with pytest.raises((sa.exc.DBAPIError, InvalidValue)):
        do(base, lambda unit: unit.execute(sa.text(statement)))
    assert verify(base).entries == 1


def tamper(base: Base, *statements: str) -> None:
    """Takes every guard away first, as whoever owns the database may."""
    if base.database.is_sqlite:
        guards = ["DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete"]
    else:
        guards = ["ALTER TABLE audit DISABLE TRIGGER USER", "GRANT ALL ON audit TO CURRENT_USER"]
        guards += [f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY" for table in ("audit", "audit_records")]
    with base.database.raw() as connection:
        for statement in (*guards, *statements):
            connection.execute(sa.text(statement))
        connection.commit()


def moved(seq: int, to: int) -> str:
    return f"UPDATE audit SET seq = {to} WHERE seq = {seq}"


def copied(seq: int, to: int) -> str:
    rest = "at, action, agent_id, key_id, origin, profile_id, other_id, details, record_hash, hash"
    return f"INSERT INTO audit SELECT organization_id, {to}, {rest} FROM audit WHERE seq = {seq}"


ID = "01900000-0000-7000-8000-000000000000"
TAMPERINGS: dict[str, tuple[tuple[str, ...], int, str]] = {
    **{
        f"another {field}": ((f"UPDATE audit SET {field} = '{value}' WHERE seq = 3",), 3, "changed")
        for field, value in {
            "action": "profile.seen",
            "agent_id": ID,
            "key_id": ID,
            "origin": "elsewhere",
            "profile_id": ID,
            "other_id": ID,
            "details": "{}",
            "at": "2001-01-01T00:00:00.000000+00:00",
            "hash": "0" * 64,
            "record_hash": "0" * 64,
        }.items()
    },
    "no agent": (("UPDATE audit SET agent_id = NULL WHERE seq = 3",), 3, "changed"),
    "one deleted in the middle": (("DELETE FROM audit WHERE seq = 3",), 3, "missing"),
    "the first deleted": (("DELETE FROM audit WHERE seq = 1",), 1, "missing"),
    "one deleted, the others moved up": (("DELETE FROM audit WHERE seq = 3", moved(4, 3), moved(5, 4)), 3, "changed"),
    "two swapped": ((moved(2, 99), moved(3, 2), moved(99, 3)), 2, "changed"),
    "one put in before": ((copied(1, 0),), 1, "changed"),
    "one put behind": ((copied(5, 6),), 6, "changed"),
    "another record": (("UPDATE audit_records SET record = '{}' WHERE seq = 4",), 4, "record_changed"),
    "another salt": (("UPDATE audit_records SET salt = 'x' WHERE seq = 4",), 4, "record_changed"),
    "a record where none was": (
        ("DELETE FROM audit_records WHERE seq = 5", "UPDATE audit_records SET seq = 5 WHERE seq = 4"),
        5,
        "record_changed",
    ),
    "cut off, the records left": (("DELETE FROM audit WHERE seq > 3",), 4, "cut_off"),
    "emptied, the records left": (("DELETE FROM audit",), 1, "cut_off"),
}


@pytest.mark.parametrize(("statements", "seq", "wrong"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_every_tampering_is_found__MRG_14(base: Base, statements: tuple[str, ...], seq: int, wrong: str) -> None:
    append(base, 3, before=BEFORE)
    append(base, before=BEFORE)
    append(base, before=BEFORE)
    tamper(base, *statements)
    verification = verify(base)
    assert (verification.first_wrong, verification.wrong, verification.entries) == (seq, wrong, seq - 1)


def test_a_moment_that_is_none_is_found__MRG_14(base: Base) -> None:
    if not base.database.is_sqlite:
        pytest.skip("PostgreSQL keeps moments only")
    append(base)
    tamper(base, "UPDATE audit SET at = 'yesterday'")
    assert verify(base).wrong == "changed"


CUTS: dict[str, tuple[str, ...]] = {
    "cut off with its records": ("DELETE FROM audit WHERE seq > 3", "DELETE FROM audit_records WHERE seq > 3"),
    "emptied": ("DELETE FROM audit", "DELETE FROM audit_records"),
}


@pytest.mark.parametrize("statements", CUTS.values(), ids=CUTS)
def test_an_anchor_finds_a_log_that_was_cut_off__MRG_14(base: Base, statements: tuple[str, ...]) -> None:
    append(base, 5, before=BEFORE)
    anchor = verify(base)
    tamper(base, *statements)
    assert verify(base).wrong is None
    assert verify(base, (anchor.last_seq, anchor.last_hash)).wrong == "cut_off"


def test_an_anchor_finds_a_log_that_was_written_anew__MRG_14(base: Base) -> None:
    """Whoever knows how hashes are made can make another log that follows from itself; not one with the anchor."""
    append(base, 3)
    anchor = verify(base)
    tamper(base, "DELETE FROM audit")
    append(base, 5, action="profile.detached")
    assert verify(base).wrong is None
    verification = verify(base, (anchor.last_seq, anchor.last_hash))
    assert (verification.first_wrong, verification.wrong) == (3, "rewritten")


def test_the_log_of_one_organization_is_no_log_of_another__MRG_14(base: Base) -> None:
    append(base, 2)
    other = add_organization(base.database, "Other", "US", new_id(), "General", (), utc_now())
    tamper(base, f"UPDATE audit SET organization_id = {other}")
    with base.database.read(other) as unit:
        assert audit.verify(unit).wrong == "changed"


def test_details_are_kept_as_they_were_hashed(base: Base) -> None:
    append(base, details={"b": 1, "a": ["\u00e9", None, True, 1.5]})
    (row,) = rows(base, "SELECT details FROM audit")
    assert row.details == '{"a":["\\u00e9",null,true,1.5],"b":1}'
    assert json.loads(row.details)["a"][0] == "é"
