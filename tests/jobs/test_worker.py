"""Background work: what has had its day is forgotten, and a job that fails does not end the others."""

from __future__ import annotations

import threading
from datetime import timedelta

import sqlalchemy as sa

from onefold.api.idempotency_store import keep_answer as remember
from onefold.core.clock import utc_now
from onefold.core.errors import Unavailable
from onefold.database.tables import idempotency_keys, outbox
from onefold.jobs.worker import EVENTS_KEPT, KEYS_KEPT, Job, Worker, checkpoint, forget_old
from tests.conftest import Base
from tests.dsl.words import do, receive, rows


def test_old_events_and_keys_are_forgotten_and_new_ones_kept__EVT_1(base: Base) -> None:
    receive(base, "email", email="ada@example.com")
    receive(base, "email", email="bob@example.com")
    for key in ("old", "new"):
        do(base, lambda unit, key=key: remember(unit, key, "f", 200, {}, b"", utc_now()))  # type: ignore[misc]
    long_ago = utc_now() - EVENTS_KEPT - timedelta(minutes=1)
    do(base, lambda unit: unit.execute(outbox.update().where(outbox.c.seq <= 2).values(created_at=long_ago)))
    old_key = idempotency_keys.c.key == "old"
    too_old = utc_now() - KEYS_KEPT - timedelta(minutes=1)
    do(base, lambda unit: unit.execute(idempotency_keys.update().where(old_key).values(created_at=too_old)))
    assert not forget_old(base.database)
    assert rows(base, "SELECT count(*) FROM outbox")[0][0] == 2
    assert [row.key for row in rows(base, "SELECT key FROM idempotency_keys")] == ["new"]


def test_a_checkpoint_does_no_harm(base: Base) -> None:
    receive(base, "email", email="ada@example.com")
    assert not checkpoint(base.database)
    assert rows(base, "SELECT count(*) FROM items")[0][0] == 1


def test_a_failing_job_does_not_end_the_others() -> None:
    done = threading.Event()
    failures = iter([Unavailable("away"), ValueError("broken"), None])

    def fails() -> bool:
        failure = next(failures, None)
        if failure is not None:
            raise failure
        done.set()
        return False

    worker = Worker([Job("fails", 0.0, fails)])
    worker.start()
    assert done.wait(5)
    worker.stop()


def test_events_are_written_with_what_they_speak_of__EVT_1(base: Base) -> None:
    answer = receive(base, "email", email="ada@example.com")
    written = rows(base, sa.text("SELECT type, profile_id, data FROM outbox ORDER BY seq").text)
    assert [row.type for row in written] == ["profile.created", "contact.received"]
    assert {str(row.profile_id) for row in written} == {answer.profile_id}
    assert "ada@example.com" not in str(written)
