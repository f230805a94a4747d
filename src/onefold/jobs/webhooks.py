"""Webhooks in the background (EVT-1): hands events over, sends what is due, several at a time, enters the outcome."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import structlog

from onefold.core.clock import Clock, utc_now
from onefold.core.errors import NotFound, Unavailable
from onefold.database.engine import Database, UnitOfWork
from onefold.database.transactions import run_in_transaction
from onefold.jobs.webhook_post import Post
from onefold.webhooks import endpoint_store as endpoints
from onefold.webhooks import sending, store
from onefold.webhooks.rules import Outcome
from onefold.webhooks.sending import PendingDelivery, Room

T = TypeVar("T")
_AT_ONCE = 16
_OF_AN_ENDPOINT = 4
_TURN_SECONDS = 5.0
_ENTERING_SECONDS = 60.0
_log = structlog.get_logger("onefold.webhooks")


class Sender:
    """Sends for every organization of a database; as many processes as like to may do so at once.

    At least once: what was sent and not entered, because the process ended in between, is sent again when its claim
    has run out. `work` is a job of a Worker, which should have no other jobs.
    """

    def __init__(
        self,
        database: Database,
        post: Post,
        *,
        clock: Clock = utc_now,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database, self._post, self._clock, self._chance = database, post, clock, chance
        self._busy: Counter[str] = Counter()
        self._ended = threading.Condition()
        self._stopping = False

    def work(self) -> bool:
        """Does what is due now, for a few seconds at the most; True while there is more."""
        until = time.monotonic() + _TURN_SECONDS
        while not self._stopping and time.monotonic() < until:
            busy = self._busy.total()  # before looking: what ends meanwhile may have made the next one due
            if not self._round() and busy == 0:
                return False
            with self._ended:
                if self._busy.total():
                    self._ended.wait(0.05)
        return True

    def stop(self, seconds: float = 2.0) -> None:
        """Begins nothing more, and waits a little for what is under way."""
        self._stopping = True
        with self._ended:
            self._ended.wait_for(lambda: self._busy.total() == 0, seconds)

    def _round(self) -> bool:
        """Hands over and begins to send what is due and has room; whether there was anything."""
        any_served = False
        organizations = endpoints.organizations_with_webhooks(self._database)
        random.shuffle(organizations)  # so that no organization is always the last to get a free place
        for organization_id in organizations:
            any_served = self._serve(organization_id) or any_served
        return any_served

    def _serve(self, organization_id: int) -> bool:
        """A look first: whoever has nothing to do must not keep others from writing."""
        with self._database.read(organization_id) as unit:
            waiting, due = store.events_wait(unit), sending.due(unit, self._room(), self._clock())
        if waiting:
            run_in_transaction(self._database, organization_id, lambda unit: sending.enqueue(unit, self._clock()))
        if due:
            claim = partial(sending.claim, room=self._room(), now=self._clock())
            for parcel in run_in_transaction(self._database, organization_id, claim):
                self._begin(parcel)
        return waiting or due

    def _room(self) -> Room:
        with self._ended:
            return Room(_AT_ONCE - self._busy.total(), _OF_AN_ENDPOINT, dict(self._busy))

    def _begin(self, parcel: PendingDelivery) -> None:
        with self._ended:
            self._busy[parcel.endpoint_id] += 1
        # A thread of its own that dies with the process: what a slow receiver holds up is sent again by its claim.
        threading.Thread(target=self._send, args=(parcel,), name="onefold-webhook", daemon=True).start()

    def _send(self, parcel: PendingDelivery) -> None:
        try:
            self._enter(parcel, None if self._stopping else self._try_to_post(parcel))
        except NotFound:
            pass  # the webhook was removed in the meantime
        except Exception as error:  # its claim runs out, and it is sent again
            _log.error("webhook failed", endpoint=parcel.endpoint_id, error=type(error).__name__)
        finally:
            with self._ended:
                self._busy[parcel.endpoint_id] -= 1
                self._ended.notify_all()

    def _try_to_post(self, parcel: PendingDelivery) -> Outcome:
        try:
            return self._post(parcel.url, parcel.headers, parcel.body)
        except Exception as error:  # a try that cannot be made counts like one that failed, else it would never end
            _log.error("webhook not sent", endpoint=parcel.endpoint_id, error=type(error).__name__)
            return Outcome(error="connection_failed")

    def _enter(self, parcel: PendingDelivery, outcome: Outcome | None) -> None:
        """Enters the outcome; None: it was not sent, because the process is stopping."""

        def enter(unit: UnitOfWork) -> None:
            if outcome is None:
                sending.release(unit, parcel, self._clock())
            else:
                sending.finish(unit, parcel, outcome, now=self._clock(), chance=self._chance())

        self._patiently(partial(run_in_transaction, self._database, parcel.organization_id, enter))
        if outcome is not None and not outcome.is_delivered:
            _log.warning(
                "webhook not taken",
                endpoint=parcel.endpoint_id,
                event_id=parcel.claimed.event.id,
                attempt=parcel.claimed.attempts,
                status=outcome.status,
                error=outcome.error,
            )

    def _patiently(self, work: Callable[[], T]) -> T:
        """Storage that is busy for a moment is no reason to send something twice."""
        until = time.monotonic() + _ENTERING_SECONDS
        while True:
            try:
                return work()
            except Unavailable:
                if self._stopping or time.monotonic() > until:
                    raise
                time.sleep(0.5)
