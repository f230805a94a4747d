"""A page's form takes effect once, however often it is sent: double click, page sent again, lost connection (UI-4).

What a form does is its *deed*. Every form carries the id of the page it was made for. In the transaction of the deed,
the form is *claimed*: that id and all fields are recorded. If the same form is sent again, it is redirected to where
the first one led. A form with other fields is another deed, so text that was typed meanwhile is never taken for the
text that was sent before.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import MutableMapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from onefold.api import idempotency_store as store
from onefold.console.forms import Form
from onefold.core.clock import new_id, utc_now
from onefold.core.ids import is_id
from onefold.database.engine import Database, UnitOfWork
from onefold.database.transactions import run_in_transaction

FIELD = "page_id"
_POST_FORM = re.compile(r'<form\b[^>]*\bmethod="post"[^>]*>')
_LONGEST_WAIT = 2.0  # seconds to wait for the answer to the first
_UNDER_WAY, _DONE = 0, 303


class AlreadyDone(Exception):
    """The form was sent before. `location` is where the first one led; None if that is not known."""

    def __init__(self, location: str | None) -> None:
        super().__init__()
        self.location = location


class Claim:
    """The claim of a form that was sent. The console makes it; the transaction of the deed takes it."""

    def __init__(self, organization_id: int, agent_id: str, path: str, form: Form) -> None:
        said = json.dumps([agent_id, path, *form.fields])
        self.organization_id = organization_id
        self.key = f"form {hashlib.sha256(said.encode()).hexdigest()}"
        self.taken = False

    def take(self, unit: UnitOfWork) -> None:
        """Claims the form for this transaction. Raises AlreadyDone if another transaction has claimed it."""
        if self.taken:
            return
        unit.lock_values([self.key])
        before = store.read_answer(unit, self.key)
        if before is not None:
            raise AlreadyDone(_location(before))
        store.keep_answer(unit, self.key, "", status=_UNDER_WAY, headers={}, body=b"", now=utc_now())

    def first_answer(self, database: Database) -> str | None:
        """Where the first form led. Waits up to `_LONGEST_WAIT` for its answer; None if there is none by then."""
        end = time.monotonic() + _LONGEST_WAIT
        while True:
            with database.read(self.organization_id) as unit:
                before = store.read_answer(unit, self.key)
            if before is None or before[1] == _DONE or time.monotonic() > end:
                return None if before is None else _location(before)
            time.sleep(0.05)


def claim_of(form: Form, organization_id: int, agent_id: str, path: str) -> Claim | None:
    """The claim of a form, if one of our pages has made the form."""
    return Claim(organization_id, agent_id, path, form) if is_id(form.text(FIELD)) else None


def with_page_id(page: str) -> str:
    """The page, with its id in each of its forms."""
    field = f'<input type="hidden" name="{FIELD}" value="{new_id()}">'
    return _POST_FORM.sub(lambda form: form[0] + field, page)


def _location(answer: tuple[str, int, dict[str, str], bytes]) -> str | None:
    return answer[2].get("location")


class KeepsAnswers:
    """Middleware: records where a claimed form led, for the same form sent again."""

    def __init__(self, app: ASGIApp, database: Database) -> None:
        self._app, self._database = app, database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_keeping(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._keep(scope.get("state", {}), message)
            await send(message)

        await self._app(scope, receive, send_keeping)

    async def _keep(self, state: MutableMapping[str, Any], message: Message) -> None:
        claim: Claim | None = state.get("claim")
        if claim is None or not claim.taken:
            return
        location = dict(message["headers"]).get(b"location")
        headers = {} if location is None else {"location": location.decode()}

        def work(unit: UnitOfWork) -> None:
            store.settle_answer(unit, claim.key, _DONE, headers)

        await run_in_threadpool(run_in_transaction, self._database, claim.organization_id, work)
