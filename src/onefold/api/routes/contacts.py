"""/v1/contacts: the hot path. Plain ASGI in front of the FastAPI application, in its OpenAPI document all the same.

A request costs a look-up of its key in memory, one decode, one group commit and one encode.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import msgspec
from prometheus_client import Counter
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from onefold.accounts.service import Principal
from onefold.api.auth import Authenticator, allow
from onefold.api.call import answered_once, key_of
from onefold.api.group_commit import GroupCommit
from onefold.api.problems import PROBLEM_SCHEMA, answer_unexpected, problem_of, problem_response, responses
from onefold.channels.contact_json import ContactJson, contact_of_json, decode
from onefold.core.errors import DomainError, InvalidValue
from onefold.database.engine import Database
from onefold.receiving.contact import Answer, Contact

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

SINGLE, BATCH = "/v1/contacts", "/v1/contacts/batch"
MOST_IN_A_BATCH = 1_000

CONTACTS = Counter("onefold_contacts", "Contacts by channel and outcome.", ["channel", "outcome"])


class WarningJson(msgspec.Struct):
    """A value of a contact that could not be read; the contact was received without it (RES-11)."""

    field: str
    code: str
    detail: str


class AnswerJson(msgspec.Struct):
    """Where a contact has landed: `created` a profile or `opened` one. `warnings` name what could not be read.

    Mail that is nobody's yet is `set_aside`: it has neither profile nor conversation, and `item_id` names it there.
    """

    outcome: str
    profile_id: str | None
    conversation_id: str | None
    item_id: str
    warnings: list[WarningJson] = []


class ResultJson(msgspec.Struct, omit_defaults=True):
    """One contact of a batch: its answer, or the problem why it was refused; the others are not touched by it."""

    status: str
    answer: AnswerJson | None = None
    problem: dict[str, Any] | None = None


class BatchJson(msgspec.Struct, forbid_unknown_fields=True):
    """Contacts to be received together."""

    contacts: list[msgspec.Raw]


class ResultsJson(msgspec.Struct):
    """The results of a batch, in the order of its contacts."""

    results: list[ResultJson]


_batches = msgspec.json.Decoder(BatchJson)
_encode = msgspec.json.Encoder().encode


class ContactRoutes:
    """Answers the two addresses, and hands every other request on."""

    def __init__(self, application: Any, gate: Authenticator, group: GroupCommit, database: Database) -> None:
        self._application = application
        self._gate = gate
        self._group = group
        self._database = database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in (SINGLE, BATCH):
            await self._application(scope, receive, send)
            return
        if scope["method"] != "POST":
            await _wrong_method()(scope, receive, send)
            return
        try:
            response = await self._respond(scope, receive)
        except DomainError as refusal:
            response = problem_response(refusal)
        except Exception as error:
            response = answer_unexpected(error)
        await response(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        headers = dict(scope["headers"])
        authorization = headers.get(b"authorization", b"").decode("latin-1")
        principal = self._gate.known_principal(authorization)
        if principal is None:
            principal = await run_in_threadpool(self._gate.principal, authorization)
        allow(principal, "contacts:write")
        if not headers.get(b"content-type", b"application/json").lower().startswith(b"application/json"):
            return _refuse_media_type()
        body = await _read_body(receive)
        answer = self._single if scope["path"] == SINGLE else self._batch
        key = headers.get(b"idempotency-key")
        if key is None:
            return await answer(principal, body)
        return await self._once(scope, principal, key.decode("latin-1"), body=body, answer=answer)

    async def _single(self, principal: Principal, body: bytes) -> Response:
        contact = contact_of_json(body)
        answer = await self._group.receive(principal.organization_id, contact)
        _count(contact, answer)
        if isinstance(answer, DomainError):
            raise answer
        headers = {"Onefold-Repeated": "true"} if answer.repeated else None
        return Response(_encode(answer_json(answer)), 200, headers, "application/json")

    async def _batch(self, principal: Principal, body: bytes) -> Response:
        raw_contacts = decode(_batches, body).contacts
        if len(raw_contacts) > MOST_IN_A_BATCH:
            raise InvalidValue(
                f"A batch holds at most {MOST_IN_A_BATCH:,} contacts.", code="batch_too_large", field="contacts"
            )
        read = [_contact(raw) for raw in raw_contacts]
        contacts = [c for c in read if isinstance(c, Contact)]
        answers = iter(await self._group.receive_many(principal.organization_id, contacts) if contacts else [])
        results = []
        for contact in read:
            answer = contact if isinstance(contact, DomainError) else next(answers)
            if isinstance(contact, Contact):
                _count(contact, answer)
            results.append(_result(answer))
        return Response(_encode(ResultsJson(results)), 200, None, "application/json")

    async def _once(
        self,
        scope: Scope,
        principal: Principal,
        key: str,
        body: bytes,
        answer: Callable[[Principal, bytes], Awaitable[Response]],
    ) -> Response:
        """Idempotency-Key. A contact is received once by its message id already (RES-12); the key keeps the answer."""
        key = key_of(principal, key)
        request_line = f"POST {scope['path']} {principal.key_id or principal.agent_id} ".encode()
        fingerprint = hashlib.sha256(request_line + body).hexdigest()
        return await answered_once(
            self._database,
            principal.organization_id,
            key,
            fingerprint=fingerprint,
            answer=lambda: answer(principal, body),
        )


async def _read_body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body


def _contact(raw: msgspec.Raw) -> Contact | DomainError:
    try:
        return contact_of_json(raw)
    except DomainError as refusal:
        return refusal


def answer_json(answer: Answer) -> AnswerJson:
    """The answer as it is sent."""
    warnings = [WarningJson(unread.field, unread.code, unread.detail) for unread in answer.warnings]
    return AnswerJson(
        outcome=answer.outcome,
        profile_id=answer.profile_id or None,
        conversation_id=answer.conversation_id or None,
        item_id=answer.item_id,
        warnings=warnings,
    )


def _result(answer: Answer | DomainError) -> ResultJson:
    if isinstance(answer, DomainError):
        return ResultJson("refused", problem=problem_of(answer))
    return ResultJson("repeated" if answer.repeated else "received", answer_json(answer))


def _count(contact: Contact, answer: Answer | DomainError) -> None:
    CONTACTS.labels(contact.channel, _outcome(answer)).inc()


def _outcome(answer: Answer | DomainError) -> str:
    if isinstance(answer, DomainError):
        return "refused"
    return "repeated" if answer.repeated else answer.outcome


def _wrong_method() -> Response:
    response = _as(DomainError("Contacts are sent by POST.", code="method_not_allowed"), 405)
    response.headers["Allow"] = "POST"
    return response


def _refuse_media_type() -> Response:
    return _as(DomainError("Send application/json.", code="unsupported_media_type"), 415)


def _as(refusal: DomainError, status: int) -> Response:
    members = {**problem_of(refusal), "status": status, "title": refusal.detail.partition(";")[0].rstrip(".")}
    return Response(_encode(members), status, None, "application/problem+json")


_EXAMPLES: Mapping[str, Any] = {
    "email": {
        "summary": "An email",
        "value": {
            "channel": "email",
            "message_id": "<1@mail.example.com>",
            "subject": "My order",
            "sender": {"email": "Ada@Example.com", "name": "Ada Lovelace"},
            "body": "Where is it?",
        },
    },
    "voice": {
        "summary": "A call",
        "value": {"channel": "voice", "message_id": "CA0001", "sender": {"phone": "+442079460000"}},
    },
    "sms": {
        "summary": "An SMS",
        "value": {"channel": "sms", "message_id": "SM0001", "sender": {"phone": "+447700900123"}, "body": "Hello"},
    },
    "chat": {
        "summary": "A chat of a signed-in customer",
        "value": {
            "channel": "chat",
            "message_id": "c-17",
            "body": "Hi",
            "sender": {"visitor": "b7f3", "customer_id": "C-1815", "proven": True},
        },
    },
}


def document(openapi: dict[str, Any]) -> None:
    """Adds the two addresses to the OpenAPI document."""
    _, components = msgspec.json.schema_components(
        [ContactJson, AnswerJson, ResultsJson], ref_template="#/components/schemas/{name}"
    )
    schemas = openapi.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(components, Problem=PROBLEM_SCHEMA)
    schemas["BatchJson"] = {
        "title": "BatchJson",
        "type": "object",
        "required": ["contacts"],
        "additionalProperties": False,
        "description": BatchJson.__doc__,
        "properties": {
            "contacts": {
                "type": "array",
                "maxItems": MOST_IN_A_BATCH,
                "items": {"$ref": "#/components/schemas/ContactJson"},
            }
        },
    }
    openapi["paths"][SINGLE] = {
        "post": _operation("receive_contact", "Receive a contact", _ONE, body="ContactJson", answer="AnswerJson")
    }
    openapi["paths"][BATCH] = {
        "post": _operation("receive_contacts", "Receive contacts", _MANY, body="BatchJson", answer="ResultsJson")
    }
    openapi["paths"][SINGLE]["post"]["requestBody"]["content"]["application/json"]["examples"] = _EXAMPLES


_ONE = (
    "Brings an incoming contact to its profile: the one that holds its identifier, or a new one (RES). "
    "The same message id again changes nothing and is answered as the first time, with the header `Onefold-Repeated`."
)
_MANY = "The same for many contacts, in one transaction; each has its own result."


def _operation(name: str, summary: str, description: str, body: str, answer: str) -> dict[str, Any]:
    return {
        "tags": ["contacts"],
        "operationId": name,
        "summary": summary,
        "description": description,
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "schema": {"type": "string", "maxLength": 200},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{body}"}}},
        },
        "responses": {
            "200": {
                "description": "After the commit.",
                "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{answer}"}}},
            },
            **{str(status): response for status, response in responses(409, 415, 429).items()},
        },
        "security": [{"bearer": []}],
    }
