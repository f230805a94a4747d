"""One page's form is one deed, however often it is sent: a double click, a page sent again, a line that broke (UI-4).

Every form carries the id of the page it was made for. What is sent is claimed by that id and all its fields, in the
transaction of the deed; the same again leads to where the first led. Other fields are another deed: nothing that was
typed meanwhile is taken for what was sent before.
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
_LONGEST_WAIT = 2.0  # seconds, for the first to have been answered
_UNDER_WAY, _DONE = 0, 303


class AlreadyDone(Exception):
    """This was sent before. `location` is where that led; None if nobody can tell any more."""

    def __init__(self, location: str | None) -> None:
        super().__init__()
        self.location = location


class Claim:
    """What was sent by one page's form. Made by the edge, taken by the transaction of the deed."""

    def __init__(self, organization_id: int, agent_id: str, path: str, form: Form) -> None:
        said = json.dumps([agent_id, path, *form.fields])
        self.organization_id = organization_id
        self.key = f"form {hashlib.sha256(said.encode()).hexdigest()}"
        self.taken = False

    def take(self, unit: UnitOfWork) -> None:
        """Claims what was sent for this transaction; raises AlreadyDone where another has done it."""
        if self.taken:
            return
        unit.lock_values([self.key])
        before = store.read_answer(unit, self.key)
        if before is not None:
            raise AlreadyDone(_location(before))
        store.keep_answer(unit, self.key, "", status=_UNDER_WAY, headers={}, body=b"", now=utc_now())

    def first_answer(self, database: Database) -> str | None:
        """Where the first led, once it has been answered."""
        end = time.monotonic() + _LONGEST_WAIT
        while True:
            with database.read(self.organization_id) as unit:
                before = store.read_answer(unit, self.key)
            if before is None or before[1] == _DONE or time.monotonic() > end:
                return None if before is None else _location(before)
            time.sleep(0.05)


def claim_of(form: Form, organization_id: int, agent_id: str, path: str) -> Claim | None:
    """The claim of a form that one of our pages has made."""
    return Claim(organization_id, agent_id, path, form) if is_id(form.text(FIELD)) else None


def with_page_id(page: str) -> str:
    """A page whose forms carry its id."""
    field = f'<input type="hidden" name="{FIELD}" value="{new_id()}">'
    return _POST_FORM.sub(lambda form: form[0] + field, page)


def _location(answer: tuple[str, int, dict[str, str], bytes]) -> str | None:
    return answer[2].get("location")


class KeepsAnswers:
    """Keeps where a claimed form led, for the same form sent again."""

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
