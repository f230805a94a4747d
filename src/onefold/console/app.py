"""The console as an application of its own, beside the API: pages, their headers, their errors."""

from __future__ import annotations

import re
from functools import cache
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from onefold.accounts import store as accounts
from onefold.api.problems import LastResort, status_of
from onefold.console import events, labels
from onefold.console.forms import same_origin, taken_in
from onefold.console.meanwhile import ChangedMeanwhile
from onefold.console.one_deed import AlreadyDone, KeepsAnswers
from onefold.console.pages import HEADERS, STATIC, page, render, static, with_said
from onefold.console.proof import ProofNeeded, ask
from onefold.console.routes import (
    account,
    audit,
    composer,
    customer,
    customers,
    history,
    insights,
    matches,
    merging,
    passkeys,
    privacy,
    provider,
    queue,
    runs,
    set_aside,
    settings_agents,
    settings_blocklist,
    settings_channels,
    settings_inboxes,
    settings_keys,
    settings_mail,
    settings_matching,
    settings_merging,
    settings_organization,
    settings_webhooks,
    sign_in,
    together,
)
from onefold.console.visitor import SignInNeeded, Visitor, maybe_signed_in, page_before
from onefold.core.errors import DomainError, InvalidValue, MergedAway, NotFound
from onefold.database.engine import Database
from onefold.profiles.service import ProfileSummary, summaries

_ROUTES = (
    customers,
    customer,
    composer,
    matches,
    merging,
    privacy,
    together,
    sign_in,
    passkeys,
    provider,
    account,
    insights,
    set_aside,
    settings_agents,
    settings_blocklist,
    settings_channels,
    settings_inboxes,
    settings_keys,
    settings_mail,
    settings_matching,
    settings_merging,
    settings_organization,
    settings_webhooks,
    queue,
    history,
    audit,
    runs,
)
_TITLES = {
    403: "You don't have access",
    404: "Not found",
    429: "Too many attempts",
    500: "Something went wrong",
    503: "Not available right now",
}
_BESIDE = {"HX-Retarget": "#said", "HX-Reswap": "innerHTML", "HX-Reselect": "#refusal", "HX-Push-Url": "false"}
_OF_A_FIELD = re.compile(r"^(?:contact_points\[\d+\]\.)?value (?=is )")
"""What services call a field; a page shows which one it is by where it says so."""
_FOREVER = "public, max-age=31536000, immutable"
_log = structlog.get_logger("onefold.http")


def create_console(database: Database, **state: Any) -> FastAPI:
    """The console over a database; `state` is what its routes ask the application for (settings, feed, addresses)."""
    app = FastAPI(openapi_url=None, redirect_slashes=False, dependencies=[Depends(taken_in), Depends(same_origin)])
    app.state.database = database
    for name, value in state.items():
        setattr(app.state, name, value)
    for routes in _ROUTES:
        app.include_router(routes.router)
    app.include_router(events.router)
    app.mount("/static", _Static(directory=STATIC))
    app.add_middleware(KeepsAnswers, database=database)
    app.add_middleware(GZipMiddleware, minimum_size=600)
    app.add_middleware(LastResort, answer=_answer_unexpected)
    _answer_errors(app, database)
    return app


class _Static(StaticFiles):
    """Files of ours, which browsers keep for ever: their addresses change when they do."""

    def file_response(self, *file: Any, **given: Any) -> Response:
        response = super().file_response(*file, **given)
        if response.headers.get("content-type") == "image/svg+xml":  # a text, and Starlette names no charset for it
            response.headers["content-type"] += "; charset=utf-8"
        return response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start" and message["status"] in (200, 304):
                # Only by the address that a page of ours has now: a stranger's, or an older page's, is not to be kept.
                fixed = f"{scope['path']}?{scope.get('query_string', b'').decode('latin-1')}" in _addresses()
                value = _FOREVER if fixed else "no-cache"
                message["headers"] += [(b"cache-control", value.encode()), (b"x-content-type-options", b"nosniff")]
            await send(message)

        await super().__call__(scope, receive, send_with_headers)


@cache
def _addresses() -> frozenset[str]:
    return frozenset(static(path.relative_to(STATIC).as_posix()) for path in STATIC.rglob("*") if path.is_file())


def _answer_errors(app: FastAPI, database: Database) -> None:
    @app.exception_handler(SignInNeeded)
    async def sign_in(request: Request, needed: SignInNeeded) -> Response:
        to = f"/sign-in?then={needed.then}" if needed.then != "/" else "/sign-in"
        if request.headers.get("hx-request") == "true" and request.method == "POST":
            return Response(status_code=401, headers=HEADERS)  # what was typed stays on its page: typed.js says it
        if request.headers.get("hx-request") == "true":
            return Response(status_code=204, headers={"HX-Redirect": to, **HEADERS})
        return RedirectResponse(to, 303, HEADERS)

    @app.exception_handler(ProofNeeded)
    async def prove(request: Request, needed: ProofNeeded) -> Response:
        return await run_in_threadpool(ask, request, needed)

    @app.exception_handler(AlreadyDone)
    async def lead_on(request: Request, done: AlreadyDone) -> Response:
        location = done.location or await run_in_threadpool(request.state.claim.first_answer, database)
        return RedirectResponse(location or with_said(page_before(request), "already-done"), 303, HEADERS)

    @app.exception_handler(ChangedMeanwhile)
    async def show_both(request: Request, clash: ChangedMeanwhile) -> Response:
        return await run_in_threadpool(_clash, request, clash)

    @app.exception_handler(DomainError)
    async def answer_refusal(request: Request, refusal: DomainError) -> Response:
        return await run_in_threadpool(_refusal, request, refusal)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, _error: RequestValidationError) -> Response:
        wrong = InvalidValue("Something in this address cannot be read.", code="invalid_address")
        return await run_in_threadpool(_refusal, request, wrong)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        here = "to read here" if error.status_code == 405 else "at this address"
        await maybe_signed_in(request)
        refusal = NotFound(f"There is no page {here}.", code="no_such_page")
        return await run_in_threadpool(_page, request, refusal, error.status_code, {}, None)


def _answer_unexpected(scope: Scope, error: Exception) -> Response:
    """The error's text may quote a customer's values; its type is enough to find it by."""
    _log.error("page failed", error=type(error).__name__)
    wrong = DomainError("Something went wrong on our side. It has been logged. Try again.", code="internal_error")
    return render(Request(scope), "refusal.html", 500, refusal=wrong, title=_TITLES[500], holder=None)


def _page(
    request: Request, refusal: DomainError, status: int, headers: dict[str, str], holder: ProfileSummary | None
) -> Response:
    """A refusal as a page, in the console's frame for whoever is signed in."""
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    values: dict[str, Any] = {"refusal": refusal, "title": _title(request, refusal, status), "holder": holder}
    if visitor is None or status == 503:  # the frame would ask the database that cannot answer
        return render(request, "refusal.html", status, headers, **values)
    response = page(request, visitor, "refusal_framed.html", status=status, **values)
    response.headers.update(headers)
    return response


def _title(request: Request, refusal: DomainError, status: int) -> str:
    if refusal.code == "no_such_page":
        return "Page not found"
    untitled = "Couldn't open this page" if request.method == "GET" else "Couldn't save your change"
    return _TITLES.get(status, untitled)


def _refusal(request: Request, refusal: DomainError) -> Response:
    """A refusal as a page; to a script of ours, as a notice beside what was typed, which stays."""
    if isinstance(refusal, MergedAway) and request.method == "GET":
        survivor_id = str(refusal.facts["survivor_id"])
        old = str(request.path_params.get("profile_id", ""))
        path = request.url.path.replace(old, quote(survivor_id)) if old else "/customers"
        return RedirectResponse(f"{path}?said=moved-on", 303, HEADERS)
    refusal.detail = _OF_A_FIELD.sub("This ", refusal.detail)
    status = status_of(refusal)
    again = {"Retry-After": str(refusal.facts.get("retry_after", 1))} if status in (429, 503) else {}
    holder = _holder(request, refusal)
    if request.headers.get("hx-request") == "true":
        values = {"refusal": refusal, "title": _title(request, refusal, status), "holder": holder}
        return render(request, "refusal_notice.html", status, again | _BESIDE, **values)
    return _page(request, refusal, status=status, headers=again, holder=holder)


def _clash(request: Request, clash: ChangedMeanwhile) -> Response:
    """What is there now beside what was typed; whoever came second decides (UI-4)."""
    names = {"1": "yes", "open": "open", "closed": "closed", "nobody": "Nobody"}
    values: dict[str, Any] = {"clashes": clash.clashes, "fields": clash.fields, "back": page_before(request)}
    visitor: Visitor = request.state.visitor
    names |= visitor.read(lambda unit: {agent.id: agent.name for agent in accounts.list_agents(unit)})
    names |= visitor.read(lambda unit: dict(accounts.list_inboxes(unit)))
    if request.headers.get("hx-request") == "true":
        return render(request, "meanwhile.html", 409, _BESIDE, names=names | labels.PHONE_TYPES, **values)
    return page(request, visitor, "meanwhile_page.html", status=409, names=names | labels.PHONE_TYPES, **values)


def _holder(request: Request, refusal: DomainError) -> ProfileSummary | None:
    """Who holds what was refused because it is taken (PRO-4)."""
    visitor = getattr(request.state, "visitor", None)
    holder_id = refusal.facts.get("profile_id")
    if visitor is None or refusal.code not in ("contact_point_taken", "contact_point_listed") or holder_id is None:
        return None
    holders = visitor.read(lambda unit: summaries(unit, [str(holder_id)]))
    return holders[0] if holders else None
