"""The one place that wires everything together."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from types import FrameType
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from prometheus_client import Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from onefold import __version__
from onefold.api import problems
from onefold.api.answers import RateLimit, SafeAnswers
from onefold.api.auth import Authenticator
from onefold.api.group_commit import GroupCommit
from onefold.api.limits import BodyLimit
from onefold.api.routes import (
    audit,
    channels,
    contacts,
    conversations,
    drafts,
    merging,
    organization,
    privacy,
    profiles,
    set_aside,
    suggestions,
    system,
    webhooks,
)
from onefold.channels.oidc import Provider
from onefold.console.app import create_console
from onefold.console.events import Streams
from onefold.core.memory import return_large_blocks
from onefold.core.process_settings import Settings
from onefold.database.engine import Database
from onefold.jobs import audit_heads
from onefold.jobs.audit_heads import HeadPublisher
from onefold.jobs.feed import Feed
from onefold.jobs.webhook_post import Poster
from onefold.jobs.webhooks import Sender
from onefold.jobs.worker import Counting, Job, Worker, checkpoint, forget_old, run_jobs, seal_stored_secrets
from onefold.webhooks.addresses import Addresses
from onefold.wiring import database_of, receiver_of, refuse_powerful_role

_DURATIONS = Histogram("onefold_request_seconds", "Time to answer, by route.", ["method", "route", "status"])
_log = structlog.get_logger("onefold.http")


def create_app(settings: Settings | None = None) -> Any:
    """The ASGI application of one process. `uvicorn --factory onefold.app:create_app` serves it."""
    settings = settings or Settings()  # type: ignore[call-arg]
    set_up_logging(settings.log_level)
    return_large_blocks()
    database = database_of(settings)
    refuse_powerful_role(database, settings)
    gate, feed = Authenticator(database), Feed(database)
    # SQLite has one writer at a time; a second thread would only wait for the first.
    workers = 1 if database.is_sqlite else 2
    group = GroupCommit(receiver_of(settings, database), workers=workers, largest=settings.group_largest)
    addresses = Addresses(allow_private=settings.webhooks_allow_private)
    publisher = HeadPublisher(database, settings.audit_heads_file, settings.audit_signing_key)
    sender = Sender(database, Poster(addresses))
    background = _Background(database, gate, sender, feed=feed, group=group, publisher=publisher)

    app = _api(background)
    app.state.database, app.state.gate, app.state.group, app.state.settings = database, gate, group, settings
    app.state.addresses, app.state.feed = addresses, feed
    console = create_console(
        database,
        settings=settings,
        feed=feed,
        streams=Streams(),
        addresses=addresses,
        provider=_provider(settings),
    )
    console.add_middleware(_Observed)
    api = RateLimit(contacts.ContactRoutes(app, gate, group, database), settings.requests_a_minute)
    served: Any = BodyLimit(_Edges(api, console), partial(_largest_at, settings.largest_body))
    served = SafeAnswers(served, https=settings.is_https)
    return ProxyHeadersMiddleware(served, settings.proxies) if settings.proxies else served


_ROUTES = (
    profiles,
    set_aside,
    privacy,
    conversations,
    drafts,
    suggestions,
    merging,
    organization,
    audit,
    webhooks,
    channels,
    system,
)


def _api(background: _Background) -> FastAPI:
    """The API with all its addresses but those of contacts."""
    # The framework's own pages for the document come from a CDN; /openapi.json is read by any tool.
    app = FastAPI(
        title="Onefold",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=background.lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    problems.install(app)
    app.add_middleware(_Observed)
    for routes in _ROUTES:
        app.include_router(routes.router)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


_API = ("/v1", "/openapi.json", "/health", "/ready", "/metrics")


_SIGNING_IN = ("/sign-in", "/sign-out", "/invitation")
_WRITTEN = ("/write", "/drafts", "/items")
_FORM_BYTES, _SIGN_IN_BYTES = 2_000_000, 16_000
_WRITTEN_BYTES = 12_000_000
"""A text of a million characters, each written as JSON or a form may write it."""


def _largest_at(largest: int, path: str) -> int:
    """How many bytes a request may have at an address: batches and mails as many as the setting says, a text that
    somebody wrote a tenth of that, other forms less, and hardly any before anybody has signed in."""
    if path.startswith(_SIGNING_IN):
        return min(largest, _SIGN_IN_BYTES)
    if path.startswith(("/v1/contacts", "/v1/channels/email", "/v1/merges")):
        return largest
    return min(largest, _WRITTEN_BYTES if any(one in path for one in _WRITTEN) else _FORM_BYTES)


def _provider(settings: Settings) -> Provider | None:
    """The single sign-on provider, where one is set up."""
    if not settings.oidc_issuer:
        return None
    return Provider(settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret)


class _Edges:
    """The API at its addresses, the console at every other: each with answers, and errors, of its own kind. Whoever
    sends a key is a program, and is told by the API that an address is none."""

    def __init__(self, api: ASGIApp, console: ASGIApp) -> None:
        self._api, self._console = api, console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        console = scope["type"] == "http" and not _of_api(scope["path"], scope["headers"])
        await (self._console if console else self._api)(scope, receive, send)


def _of_api(path: str, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    named = any(path == one or path.startswith(f"{one}/") for one in _API)
    return named or any(name == b"authorization" and value[:7].lower() == b"bearer " for name, value in headers)


class _Background:
    """What works beside the requests of a process, from its first to its last."""

    def __init__(
        self,
        database: Database,
        gate: Authenticator,
        sender: Sender,
        *,
        feed: Feed,
        group: GroupCommit,
        publisher: HeadPublisher,
    ) -> None:
        self._database, self._sender, self._feed, self._group = database, sender, feed, group
        self._worker = Worker(
            [
                Job("runs", 1.0, lambda: run_jobs(database)),
                Job("key uses", 30.0, gate.note_uses),
                Job("checkpoint", 1.0, lambda: checkpoint(database)),
                Job("forget", 60.0, lambda: forget_old(database)),
                Job("insights", 30.0, Counting(database).work),
                Job("secrets", 3600.0, lambda: seal_stored_secrets(database)),
                Job("audit heads", audit_heads.SECONDS, publisher.publish),
            ]
        )
        # Of its own: receivers that are slow must not hold up the other jobs.
        self._telling = Worker([Job("webhooks", 0.5, sender.work)])

    @asynccontextmanager
    async def lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        """Starts it all, and stops it all."""
        self._worker.start()
        self._telling.start()
        self._feed.start()
        with _before_the_server(self._feed.close):
            yield
        self._feed.stop()
        self._sender.stop()
        self._telling.stop()
        self._worker.stop()
        self._group.close()
        self._database.dispose()


@contextmanager
def _before_the_server(act: Callable[[], None]) -> Iterator[None]:
    """Acts when the process is told to end (SIGTERM, SIGINT), before the server does.

    The server waits for answers under way before it ends the lifespan, and an event stream is an answer without end.
    Only a process's main thread can hear signals; a server in another one cuts streams off when its patience ends.
    """
    servers: dict[int, Any] = {}

    def send_noting_status(number: int, frame: FrameType | None) -> None:
        act()
        servers[number](number, frame)

    if threading.current_thread() is threading.main_thread():
        servers = {n: handler for n in (signal.SIGTERM, signal.SIGINT) if callable(handler := signal.getsignal(n))}
    for number in servers:
        signal.signal(number, send_noting_status)
    try:
        yield
    finally:
        for number, handler in servers.items():
            if signal.getsignal(number) is send_noting_status:
                signal.signal(number, handler)


_DESCRIPTION = (
    "One customer, one profile. Every incoming contact is brought to its one Customer Profile; the rules are in "
    "docs/rules.md. Send an API key as `Authorization: Bearer <key>`. Errors are problem+json (RFC 9457) with a stable "
    "`code`."
)


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        contacts.document(document)
        document["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        for path, operations in document["paths"].items():
            if path.startswith("/v1/"):
                for operation in operations.values():
                    operation["security"] = [{"bearer": []}]
        app.openapi_schema = document
    return app.openapi_schema


class _Observed:
    """Logs and counts requests by their routes: paths and queries may hold customer data, routes do not.

    An answer is complete or `cut_off`. Event streams last as long as somebody looks: they are logged, not counted.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        status, complete, stream = 500, False, False

        async def send_noting_end(message: Message) -> None:
            nonlocal status, complete, stream
            if message["type"] == "http.response.start":
                status, stream = message["status"], _is_event_stream(message)
            await send(message)
            complete = message["type"] == "http.response.body" and not message.get("more_body", False)

        try:
            await self._app(scope, receive, send_noting_end)
        finally:
            seconds = time.perf_counter() - begun
            _note(scope, status, seconds, complete=complete, stream=stream)


def _is_event_stream(message: Message) -> bool:
    return any(name == b"content-type" and b"event-stream" in value for name, value in message["headers"])


def _note(scope: Scope, status: int, seconds: float, *, complete: bool, stream: bool) -> None:
    method, route = scope["method"], getattr(scope.get("route"), "path", "none")
    if not stream:
        _DURATIONS.labels(method, route, str(status)).observe(seconds)
    more = {**scope.get("state", {}).get("asker", {}), **({} if complete else {"cut_off": True})}
    _log.info("request", method=method, route=route, status=status, seconds=round(seconds, 4), **more)


def set_up_logging(level: str) -> None:
    """Structured logs, a JSON object a line, to standard error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
