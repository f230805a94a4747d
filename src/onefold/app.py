"""The one place that wires everything together."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from prometheus_client import Histogram
from starlette.responses import Response

from onefold import __version__
from onefold.api import problems
from onefold.api.auth import Gate
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
    suggestions,
    system,
    webhooks,
)
from onefold.jobs.webhook_post import Poster
from onefold.jobs.webhooks import Sender
from onefold.jobs.worker import Job, Worker, checkpoint, forget_old, run_jobs
from onefold.services.webhook_addresses import Addresses
from onefold.settings import Settings
from onefold.wiring import database_of, receiver_of

_DURATIONS = Histogram("onefold_request_seconds", "Time to answer, by route.", ["method", "route", "status"])
_log = structlog.get_logger("onefold.http")


def create_app(settings: Settings | None = None) -> Any:
    """The ASGI application of one process. `uvicorn --factory onefold.app:create_app` serves it."""
    settings = settings or Settings()  # type: ignore[call-arg]
    set_up_logging(settings.log_level)
    database = database_of(settings)
    gate = Gate(database)
    # SQLite has one writer at a time; a second thread would only wait for the first.
    workers = 1 if database.is_sqlite else 2
    group = GroupCommit(receiver_of(settings, database), workers=workers, largest=settings.group_largest)
    worker = Worker(
        [
            Job("runs", 1.0, lambda: run_jobs(database)),
            Job("key uses", 30.0, gate.note_uses),
            Job("checkpoint", 1.0, lambda: checkpoint(database)),
            Job("forget", 60.0, lambda: forget_old(database)),
        ]
    )

    addresses = Addresses(allow_private=settings.webhooks_allow_private)
    sender = Sender(database, Poster(addresses))
    # Of its own: receivers that are slow must not hold up the other jobs.
    telling = Worker([Job("webhooks", 0.5, sender.work)])

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        worker.start()
        telling.start()
        yield
        sender.stop()
        telling.stop()
        worker.stop()
        group.close()
        database.dispose()

    # The framework's own pages for the document come from a CDN; /openapi.json is read by any tool.
    app = FastAPI(
        title="Onefold",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.database, app.state.gate, app.state.group, app.state.settings = database, gate, group, settings
    app.state.addresses = addresses
    problems.install(app)
    app.middleware("http")(_observed)
    for routes in (
        profiles, privacy, conversations, drafts, suggestions, merging, organization, audit, webhooks, channels, system,
    ):  # fmt: skip
        app.include_router(routes.router)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return BodyLimit(contacts.ContactRoutes(app, gate, group, database), settings.largest_body)


_DESCRIPTION = (
    "One customer, one profile. Every incoming contact is brought to its one Customer Profile; the rules are in "
    "docs/rules.md. Send an API key as `Authorization: Bearer <key>`. Errors are problem+json (RFC 9457) with a stable "
    "`code`."
)


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        contacts.document(found)
        found["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        for path, operations in found["paths"].items():
            if path.startswith("/v1/"):
                for operation in operations.values():
                    operation["security"] = [{"bearer": []}]
        app.openapi_schema = found
    return app.openapi_schema


async def _observed(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Logs and counts a request by its route: paths and queries may hold customer data, routes do not."""
    begun = time.perf_counter()
    response = await call_next(request)
    route = getattr(request.scope.get("route"), "path", "none")
    seconds = time.perf_counter() - begun
    _DURATIONS.labels(request.method, route, str(response.status_code)).observe(seconds)
    _log.info("request", method=request.method, route=route, status=response.status_code, seconds=round(seconds, 4))
    return response


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
