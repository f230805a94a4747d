"""Errors as problem+json (RFC 9457): the one place that turns a refusal into HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from onefold.channels.contact_json import Malformed
from onefold.core import errors
from onefold.core.errors import DomainError


class TooLarge(DomainError):
    """The body is larger than this service reads."""

    code = "body_too_large"


_STATUSES: dict[type[DomainError], int] = {
    Malformed: 400,
    TooLarge: 413,
    errors.InvalidValue: 422,
    errors.NotSignedIn: 401,
    errors.NotAllowed: 403,
    errors.NotFound: 404,
    errors.AlreadyInUse: 409,
    errors.Conflict: 409,
    errors.VersionConflict: 412,
    errors.MergedAway: 308,
    errors.TooMany: 429,
    errors.Unavailable: 503,
}
_TITLES = {
    400: "The request cannot be read",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Not possible here",
    409: "There is a conflict",
    412: "Changed since it was read",
    413: "Too large",
    415: "Not a type this address takes",
    422: "Something in the request is wrong",
    429: "Too fast",
    500: "Something went wrong here",
    503: "Not available now",
}
MEDIA_TYPE = "application/problem+json"
_FIELD_LENGTH = 200
_log = structlog.get_logger("onefold.http")

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "What was wrong, where, and what to do (RFC 9457). `code` is stable and meant for programs.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "field": {"type": "string", "description": "The input it speaks of."},
        "profile_id": {"type": "string", "description": "The profile that holds it."},
        "survivor_id": {"type": "string", "description": "The profile that one merged away leads to (EVT-2)."},
        "obstacles": {
            "type": "array",
            "description": "What refuses a merge; any of its steps, sent with the merge, clears it (MRG-17).",
            "items": {
                "type": "object",
                "required": ["code", "field", "steps"],
                "properties": {
                    "code": {"type": "string"},
                    "field": {"type": "string"},
                    "steps": {"type": "array", "items": {"$ref": "#/components/schemas/Step"}},
                },
            },
        },
    },
}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documented problems of a route: these, and those every route may answer with."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": _TITLES[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in (400, 401, 403, 413, 422, 503, *statuses)
    }


def status_of(refusal: DomainError) -> int:
    """The HTTP status of a refusal."""
    return _STATUSES.get(type(refusal), 400)


def problem_of(refusal: DomainError) -> dict[str, Any]:
    """A refusal as the members of a problem."""
    status = status_of(refusal)
    members = {
        "type": "about:blank",
        "title": _TITLES.get(status, "Refused"),
        "status": status,
        "detail": refusal.detail,
        "code": refusal.code,
        **refusal.facts,
    }
    return members if refusal.field is None else {**members, "field": refusal.field}


def problem_response(refusal: DomainError) -> Response:
    """A refusal as an HTTP answer."""
    status = status_of(refusal)
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="onefold"'
    if status in (429, 503):
        headers["Retry-After"] = str(refusal.facts.get("retry_after", 1))
    return Response(msgspec.json.encode(problem_of(refusal)), status, headers, MEDIA_TYPE)


def _plain(status: int, detail: str, code: str, field: str | None = None) -> Response:
    members = {"type": "about:blank", "title": _TITLES.get(status, "Refused"), "status": status, "detail": detail}
    more = {"code": code} if field is None else {"code": code, "field": field}
    return Response(msgspec.json.encode(members | more), status, media_type=MEDIA_TYPE)


def answer_unexpected(error: Exception) -> Response:
    """What no handler knows. The error's text may quote a customer's values; its type is enough to find it by."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, DomainError):
        return problem_response(error)
    _log.error("request failed", error=type(error).__name__)
    return _plain(500, "Something went wrong here; it was noted.", "internal_error")


class LastResort:
    """Answers what the handlers let through, before the server would write its text and values to the log."""

    def __init__(self, app: ASGIApp, answer: Callable[[Scope, Exception], Response]) -> None:
        self._app, self._answer = app, answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def note_started(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, note_started)
        except ClientDisconnect:
            return  # nobody is left to be told
        except Exception as error:
            response = self._answer(scope, error)
            if not begun:
                await response(scope, receive, send)


def install(app: FastAPI) -> None:
    """Registers the handlers."""
    app.add_middleware(LastResort, answer=lambda _scope, error: answer_unexpected(error))

    @app.exception_handler(DomainError)
    async def answer_refusal(_request: Request, refusal: DomainError) -> Response:
        return problem_response(refusal)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))[:_FIELD_LENGTH]
        if first["type"] == "json_invalid":
            return _plain(400, "The body is not JSON.", "malformed_json")
        # Pydantic's message may quote the input; its type of error does not.
        return _plain(422, f"{field or 'body'}: {first['type'].replace('_', ' ')}.", "invalid_request", field or "body")

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        codes = {404: "no_such_address", 405: "method_not_allowed", 400: "malformed_json"}
        response = _plain(error.status_code, str(error.detail), codes.get(error.status_code, "refused"))
        response.headers.update(error.headers or {})
        if error.status_code == 405:
            # The framework names the methods of one route; an address with several has as many routes.
            route = getattr(request.scope.get("route"), "path", "")
            if methods := app.openapi()["paths"].get(route):
                response.headers["Allow"] = ", ".join(sorted(map(str.upper, methods)))
        return response

    @app.exception_handler(RecursionError)
    async def too_deep(_request: Request, _error: RecursionError) -> Response:
        return _plain(400, "The body is nested too deeply.", "malformed_json")
