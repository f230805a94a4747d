"""Health, readiness and metrics: for load balancers and Prometheus, without a key, without customer data."""

from __future__ import annotations

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from onefold.api.problems import MEDIA_TYPE
from onefold.core.errors import Unavailable
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


@router.get("/metrics", responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}})
def metrics() -> Response:
    """Figures in Prometheus' text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
