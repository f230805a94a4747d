"""One request, one transaction: who asks, what was asked before (Idempotency-Key), and the answer after the commit."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, NamedTuple, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from onefold.accounts import sessions
from onefold.accounts.service import Principal
from onefold.api.auth import Authenticator, allow
from onefold.api.idempotency_store import keep_answer as remember
from onefold.api.idempotency_store import read_answer as remembered
from onefold.core.actor import Actor
from onefold.core.clock import utc_now
from onefold.core.errors import Conflict, InvalidValue, MergedAway
from onefold.core.text import validate_text
from onefold.database.engine import Database, UnitOfWork
from onefold.database.transactions import run_in_transaction

T = TypeVar("T")


class Result(NamedTuple):
    """What a use case answers: a body (None: no content), and the version that becomes its ETag."""

    body: BaseModel | None
    version: int | None = None


class Call:
    """A request on its way to a service. `read` and `write` check the scope and translate the outcome."""

    def __init__(self, request: Request, principal: Principal, database: Database, body: bytes) -> None:
        self.principal = principal
        self._request = request
        self._database = database
        self._key = request.headers.get("idempotency-key")
        request_line = (
            f"{request.method} {request.url.path}?{request.url.query} {principal.key_id or principal.agent_id} "
        )
        self._fingerprint = hashlib.sha256(request_line.encode() + body).hexdigest()

    @property
    def actor(self) -> Actor:
        """Who asks, and from which address, as the audit log keeps it (MRG-14)."""
        client = self._request.client
        return Actor(self.principal.agent_id, self.principal.key_id, f"api {client.host if client else 'unknown'}")

    def require_proof(self) -> None:
        """Raises NotAllowed `proof_needed` where an agent's session asks, and its last proof is too old."""
        if self.principal.session is not None:
            sessions.require_proof(self.principal.session)

    @property
    def version(self) -> int | None:
        """The version of `If-Match`; None where the caller does not mind."""
        etag = self._request.headers.get("if-match")
        if etag is None or etag.strip() == "*":
            return None
        text = etag.strip().removeprefix("W/").strip('"')
        if not (text.isascii() and text.isdigit() and len(text) < 18):
            raise InvalidValue("If-Match is not an ETag of this service.", code="invalid_etag", field="If-Match")
        return int(text)

    def read(self, scope: str, work: Callable[[UnitOfWork], Result]) -> Response:
        """Answers from a reading transaction; a profile merged away leads to its survivor (308, EVT-2)."""
        allow(self.principal, scope)
        try:
            with self._database.read(self.principal.organization_id) as unit:
                return _response(work(unit), 200)
        except MergedAway as gone:
            return self._redirect_to_survivor(str(gone.facts["survivor_id"]))

    def fetch(self, scope: str, work: Callable[[UnitOfWork], T]) -> T:
        """What `work` returns from a reading transaction, for answers that are not JSON."""
        allow(self.principal, scope)
        with self._database.read(self.principal.organization_id) as unit:
            return work(unit)

    def take_out(self, scope: str, work: Callable[[UnitOfWork], T]) -> T:
        """The same from a transaction that writes down what is taken, once it is committed."""
        allow(self.principal, scope)
        return run_in_transaction(self._database, self.principal.organization_id, work)

    def _redirect_to_survivor(self, survivor_id: str) -> Response:
        path_params = self._request.path_params
        old = str(path_params.get("profile_id") or path_params.get("conversation_id"))
        location = self._request.url.path.replace(old, survivor_id)
        query = f"?{self._request.url.query}" if self._request.url.query else ""
        return Response(status_code=308, headers={"Location": location + query})

    def write(
        self,
        scope: str,
        work: Callable[[UnitOfWork], Result],
        *,
        status: int = 200,
        exclusive: bool = False,
        store_answer: bool = True,
    ) -> Response:
        """Does the work in one transaction and answers after its commit.

        With an Idempotency-Key the answer is kept in that transaction: the same request again gets it without doing
        anything, another request under the same key is refused. `store_answer` is off for answers that hold a secret.
        """
        allow(self.principal, scope)
        key = self._checked_key() if store_answer else None

        def once(unit: UnitOfWork) -> Response:
            if key is not None and (before := self._before(unit, key)) is not None:
                return before
            response = _response(work(unit), status)
            if key is not None and len(response.body) <= _LONGEST_KEPT:
                headers = {k: v for k, v in response.headers.items() if k in ("etag", "content-type")}
                remember(
                    unit,
                    key,
                    fingerprint=self._fingerprint,
                    status=response.status_code,
                    headers=headers,
                    body=bytes(response.body),
                    now=utc_now(),
                )
            return response

        return run_in_transaction(self._database, self.principal.organization_id, once, exclusive=exclusive)

    async def once(self, answer: Callable[[], Awaitable[Response]]) -> Response:
        """Idempotency-Key for routes whose work has a transaction of its own: contacts on their way to a group."""
        key = self._checked_key()
        if key is None:
            return await answer()
        return await answered_once(
            self._database, self.principal.organization_id, key, fingerprint=self._fingerprint, answer=answer
        )

    def _checked_key(self) -> str | None:
        return None if self._key is None else key_of(self.principal, self._key)

    def _before(self, unit: UnitOfWork, key: str) -> Response | None:
        return _stored_answer(unit, key, self._fingerprint)


def key_of(principal: Principal, given: str) -> str:
    """An Idempotency-Key as it is kept: everybody's keys are their own. Raises InvalidValue."""
    return f"{principal.key_id or principal.agent_id} {validate_text(given, 'Idempotency-Key', 200)}"


async def answered_once(
    database: Database, organization_id: int, key: str, fingerprint: str, answer: Callable[[], Awaitable[Response]]
) -> Response:
    """The answer kept for the key, or a new one, which is kept. Raises Conflict if the key had another request.

    The answer is kept after its commit: contacts are received once by their message ids already (RES-12).
    """
    before = await run_in_threadpool(
        run_in_transaction, database, organization_id, partial(_stored_answer, key=key, fingerprint=fingerprint)
    )
    if before is not None:
        return before
    response = await answer()

    def keep(unit: UnitOfWork) -> None:
        if remembered(unit, key) is None and len(response.body) <= _LONGEST_KEPT:
            remember(
                unit,
                key,
                fingerprint=fingerprint,
                status=response.status_code,
                headers=dict(response.headers),
                body=bytes(response.body),
                now=utc_now(),
            )

    await run_in_threadpool(run_in_transaction, database, organization_id, keep)
    return response


def _stored_answer(unit: UnitOfWork, key: str, fingerprint: str) -> Response | None:
    stored = remembered(unit, key)
    if stored is None:
        return None
    stored_fingerprint, status, headers, body = stored
    if stored_fingerprint != fingerprint:
        raise Conflict("This Idempotency-Key was used for another request.", code="idempotency_key_reused")
    return Response(body, status, {**headers, "Idempotent-Replayed": "true"})


def _response(result: Result, status: int) -> Response:
    headers = {} if result.version is None else {"ETag": f'"{result.version}"'}
    if result.body is None:
        return Response(status_code=204, headers=headers)
    return Response(result.body.model_dump_json(), status, headers, "application/json")


async def _call(request: Request) -> Call:
    gate: Authenticator = request.app.state.gate
    authorization = request.headers.get("authorization")
    principal = gate.known_principal(authorization)
    if principal is None:
        principal = await run_in_threadpool(gate.principal, authorization)
    request.state.asker = {"key_id": principal.key_id} if principal.key_id else {"agent_id": principal.agent_id}
    return Call(request, principal, request.app.state.database, await request.body())


AnyCall = Annotated[Call, Depends(_call)]
"""The parameter of every route that needs a caller."""


_LONGEST_KEPT = 1_000_000
"""Bytes of an answer that is kept for its key; a longer one is made anew."""

_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "maxLength": 200},
    "description": "The same request under the same key is done once and answered alike.",
}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "The ETag the profile was read with: the change is made only if nobody was faster (412).",
}


def header_parameters(*, post: bool = True, edits: bool = False) -> dict[str, Any]:
    """The OpenAPI text of the headers that a route takes: every POST one, whatever edits a profile another."""
    return {"parameters": [_IDEMPOTENCY_KEY] * post + [_IF_MATCH] * edits}
