"""The background thread of a serving process: runs, checkpoints, counting, and deleting expired rows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import NamedTuple

import structlog

from onefold.accounts import sign_in_store
from onefold.contact_points.phones import LineTypes, line_type
from onefold.core.clock import utc_now
from onefold.core.errors import Unavailable
from onefold.database.engine import Database, UnitOfWork
from onefold.database.transactions import run_in_transaction
from onefold.insights import service as insights
from onefold.insights.store import Mark, is_complete, mark
from onefold.jobs.expiry_store import delete_expired as forget
from onefold.matching import rebuild as rebuilding
from onefold.merging import bulk as many_merges
from onefold.organizations.store import organization_ids, organizations_with_runs
from onefold.profiles import rebuild_search
from onefold.runs import service as runs
from onefold.runs.store import RunRow
from onefold.settings import mobile_identification
from onefold.webhooks import endpoint_store

EVENTS_KEPT = timedelta(days=7)
_PAIRS = 25
KEYS_KEPT = timedelta(days=2)
_log = structlog.get_logger("onefold.jobs")


class Job(NamedTuple):
    """Something done every so many seconds; it returns whether there is more to do at once."""

    name: str
    seconds: float
    work: Callable[[], bool]


def run_jobs(database: Database, line_types: LineTypes = line_type) -> bool:
    """Advances every running run of every organization by one chunk; True while there is more."""
    more = False
    for organization_id in organizations_with_runs(database):
        for run in run_in_transaction(database, organization_id, runs.under_way, exclusive=True):
            more = _advance_or_fail(database, organization_id, run, line_types) == "running" or more
    return more


def _advance_or_fail(database: Database, organization_id: int, run: RunRow, line_types: LineTypes) -> str:
    """The state of the run after its next part. One that cannot go on ends as failed, and holds up no other."""
    try:
        return _advance(database, organization_id, run, line_types).state
    except Unavailable:
        raise
    except Exception as error:  # whatever it was will be again
        _log.error("run failed", run=run.id, kind=run.kind, error=type(error).__name__)
        run_in_transaction(database, organization_id, partial(runs.fail, run_id=run.id))
        return "failed"


def _advance(database: Database, organization_id: int, run: RunRow, line_types: LineTypes) -> RunRow:
    if run.kind == runs.MERGE_PAIRS:
        return many_merges.advance(database, organization_id, run.id, _PAIRS)
    if run.kind == runs.REBUILD_SEARCH:
        return run_in_transaction(database, organization_id, partial(rebuild_search.advance, run_id=run.id))
    if run.kind == runs.REBUILD_MATCHES:
        return run_in_transaction(database, organization_id, partial(rebuilding.advance, run_id=run.id))
    advance = partial(mobile_identification.advance, run_id=run.id, line_types=line_types)
    return run_in_transaction(database, organization_id, advance, exclusive=True)


def forget_old(database: Database) -> bool:
    """Deletes old events, idempotency keys and sessions, a bounded number at a time."""
    now, limit, more = utc_now(), 5_000, False
    for organization_id, _ in organization_ids(database):
        gone = run_in_transaction(
            database,
            organization_id,
            lambda unit: forget(
                unit, events_before=now - EVENTS_KEPT, keys_before=now - KEYS_KEPT, now=now, limit=limit
            ),
        )
        more = more or gone >= limit
    return more


def seal_stored_secrets(database: Database) -> bool:
    """Seals secrets of a database that was used before there was a key; there is never more to do at once."""
    for organization_id, _ in organization_ids(database) if database.secrets.seals else ():
        run_in_transaction(database, organization_id, _seal)
    return False


def _seal(unit: UnitOfWork) -> None:
    endpoint_store.seal_secrets(unit)
    sign_in_store.seal_secrets(unit)


class Counting:
    """Counts for Insights what was written down since it last did; as many processes as like to may do so at once.

    Up to a mark, once everything below it can be seen: then no transaction that was under way at the mark is any more.
    `work` is a job; it counts at most `chunk` things of each source of each organization, and returns whether there are
    more.
    """

    def __init__(self, database: Database, *, chunk: int = 5_000) -> None:
        self._database, self._chunk = database, chunk
        self._marks: dict[int, Mark] = {}

    def work(self) -> bool:
        """Counts the next ones of every organization; True while there are more that can be counted."""
        more = False
        for organization_id, _ in organization_ids(self._database):
            more = self._count(organization_id) or more
        return more

    def _count(self, organization_id: int) -> bool:
        """The same for one organization. One that cannot be counted holds up no other."""
        try:
            with self._database.read(organization_id) as unit:
                until = self._marks.get(organization_id) or mark(unit)
                self._marks[organization_id] = until
                if not is_complete(unit, until):
                    return False
            if insights.count(self._database, organization_id, until, self._chunk):
                return True
        except Unavailable:
            raise
        except Exception as error:  # the next try counts it, if what is wrong can be mended
            _log.error("not counted", organization=organization_id, error=type(error).__name__)
        self._marks.pop(organization_id, None)
        return False


def checkpoint(database: Database) -> bool:
    """Keeps SQLite's write-ahead log short without making a writer wait for it."""
    database.checkpoint()
    return False


class Worker:
    """Does the jobs one after another in a thread of its own, until it is stopped."""

    def __init__(self, jobs: list[Job]) -> None:
        self._jobs = jobs
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="onefold-jobs", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the job under way."""
        self._stop.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        due = {job.name: time.monotonic() + job.seconds for job in self._jobs}
        while not self._stop.wait(0.2):
            for job in self._jobs:
                if time.monotonic() >= due[job.name] and not self._stop.is_set():
                    more = self._do(job)
                    due[job.name] = time.monotonic() + (0.0 if more else job.seconds)

    def _do(self, job: Job) -> bool:
        try:
            return job.work()
        except Unavailable as refusal:
            _log.warning("job put off", job=job.name, code=refusal.code)
        except Exception as error:  # a job that fails must not end the others
            _log.error("job failed", job=job.name, error=type(error).__name__)
        return False
