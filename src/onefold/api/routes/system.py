"""Health, readiness and metrics: for load balancers and Prometheus, without customer data."""

from __future__ import annotations

import secrets

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from onefold.api.problems import MEDIA_TYPE, responses
from onefold.core.errors import NotFound, NotSignedIn, Unavailable
from onefold.core.process_settings import Settings
from onefold.database.engine import Database
from onefold.database.migrate import current, newest

router = APIRouter(tags=["system"])
_OK = {"content": {"application/json": {"schema": {"type": "object"}}}}
_PROBLEM = {"description": "Not ready.", "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


@router.get("/health", responses={200: _OK})
async def health() -> dict[str, str]:
    """The process is alive."""
    return {"status": "alive"}


@router.get("/ready", responses={200: _OK, 503: _PROBLEM})
def ready(request: Request) -> dict[str, str]:
    """The database answers and has this version's schema."""
    database: Database = request.app.state.database
    if current(database) != newest():
        raise Unavailable("The database's schema is not this version's; run `onefold db upgrade`.", code="schema_old")
    return {"status": "ready"}


@router.get(
    "/metrics", responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **responses(401, 404)}
)
def metrics(request: Request) -> Response:
    """Figures in Prometheus' text format, for whoever sends ONEFOLD_METRICS_TOKEN as a bearer token."""
    settings: Settings = request.app.state.settings
    if not settings.metrics_token:
        raise NotFound("Set ONEFOLD_METRICS_TOKEN to have figures here.", code="no_metrics")
    token = request.headers.get("authorization", "").partition(" ")[2].strip()
    if not secrets.compare_digest(token.encode(), settings.metrics_token.encode()):
        raise NotSignedIn("Send the metrics token: Authorization: Bearer <token>.", code="metrics_token_wrong")
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
