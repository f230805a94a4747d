"""/v1/webhooks: who is notified of events (EVT-1), and the result of each delivery."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from onefold.api import schemas
from onefold.api import webhook_schemas as shapes
from onefold.api.auth import allow
from onefold.api.call import AnyCall, Call, Result, header_parameters
from onefold.api.problems import responses
from onefold.api.routes.conversations import Cursor, Limit
from onefold.api.routes.organization import READ, WRITE
from onefold.database.engine import UnitOfWork
from onefold.webhooks import endpoint_store as endpoints
from onefold.webhooks import service as webhooks
from onefold.webhooks.addresses import Addresses
from onefold.webhooks.endpoint_store import EndpointRow
from onefold.webhooks.store import DeliveryRow

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])
State = Annotated[shapes.DeliveryState | None, Query()]


def _fields(row: EndpointRow) -> dict[str, Any]:
    names = ("id", "url", "description", "event_types", "state", "reason", "failing_since", "created_at")
    return {**{name: getattr(row, name) for name in names}, "previous_secret_until": row.previous_until}


def _webhook(row: EndpointRow) -> Result:
    return Result(shapes.Webhook(**_fields(row)))


def _endpoint_with_secret(row: EndpointRow) -> Result:
    return Result(shapes.MadeWebhook(secret=row.secret, **_fields(row)))


def _delivery(row: DeliveryRow) -> shapes.Delivery:
    fields = row._asdict()
    return shapes.Delivery(id=str(fields.pop("event_seq")), webhook_id=fields.pop("endpoint_id"), **fields)


def _check_address(call: Call, request: Request, url: str) -> str:
    """Looked up before a transaction begins: names may take their time."""
    allow(call.principal, WRITE)
    addresses: Addresses = request.app.state.addresses
    return addresses.check(url)


@router.get("", response_model=schemas.Listing[shapes.Webhook], responses=responses())
def list_webhooks(call: AnyCall) -> Response:
    """Every webhook, without its secret."""

    def work(unit: UnitOfWork) -> Result:
        data = [shapes.Webhook(**_fields(row)) for row in endpoints.list_endpoints(unit)]
        return Result(schemas.Listing[shapes.Webhook](data=data))

    return call.read(READ, work)


@router.post("", status_code=201, response_model=shapes.MadeWebhook, responses=responses(409))
def create_webhook(call: AnyCall, request: Request, body: shapes.NewWebhook) -> Response:
    """Adds a webhook, notified of every event from now on. Its secret is in this answer and nowhere else, so no
    Idempotency-Key keeps it."""
    url = _check_address(call, request, body.url)

    def work(unit: UnitOfWork) -> Result:
        endpoint = webhooks.create(
            unit, url, actor=call.actor, description=body.description, event_types=body.event_types
        )
        return _endpoint_with_secret(endpoint)

    return call.write(WRITE, work, status=201, exclusive=True, store_answer=False)


@router.get("/{webhook_id}", response_model=shapes.Webhook, responses=responses(404))
def read_webhook(call: AnyCall, webhook_id: str) -> Response:
    """One webhook: whether it is enabled, and since when it fails."""
    return call.read(READ, lambda unit: _webhook(endpoints.read_endpoint(unit, webhook_id)))


@router.patch("/{webhook_id}", response_model=shapes.Webhook, responses=responses(404))
def change_webhook(call: AnyCall, request: Request, webhook_id: str, body: shapes.WebhookChange) -> Response:
    """Changes a webhook. While it is disabled its deliveries wait, for as long as events are kept (seven days)."""
    changes = body.model_dump(exclude_unset=True)
    if "url" in changes:
        changes["url"] = _check_address(call, request, changes["url"])
    return call.write(WRITE, lambda unit: _webhook(webhooks.change(unit, webhook_id, changes, call.actor)))


@router.delete("/{webhook_id}", status_code=204, response_class=Response, responses=responses(404))
def remove_webhook(call: AnyCall, webhook_id: str) -> Response:
    """Removes a webhook; what waited for it is not sent any more."""

    def work(unit: UnitOfWork) -> Result:
        webhooks.remove(unit, webhook_id, call.actor)
        return Result(None)

    return call.write(WRITE, work, exclusive=True)


@router.post("/{webhook_id}/rotate", response_model=shapes.MadeWebhook, responses=responses(404))
def rotate_secret(call: AnyCall, webhook_id: str, body: shapes.Rotation) -> Response:
    """Makes a new secret, which is in this answer and nowhere else; the one so far signs as well for a while."""
    return call.write(
        WRITE,
        lambda unit: _endpoint_with_secret(webhooks.rotate(unit, webhook_id, call.actor, body.previous_valid_hours)),
        store_answer=False,
    )


@router.get("/{webhook_id}/deliveries", response_model=schemas.Page[shapes.Delivery], responses=responses(404))
def list_deliveries(
    call: AnyCall, webhook_id: str, state: State = None, cursor: Cursor = None, limit: Limit = 50
) -> Response:
    """What was, is and could not be delivered, newest first."""
    before = schemas.number_of(cursor)

    def work(unit: UnitOfWork) -> Result:
        rows = webhooks.deliveries(unit, webhook_id, state, before=before, limit=limit + 1)
        more = schemas.cursor_of(str(rows[limit - 1].event_seq)) if len(rows) > limit else None
        data = [_delivery(row) for row in rows[:limit]]
        return Result(schemas.Page[shapes.Delivery](data=data, next_cursor=more))

    return call.read(READ, work)


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/replay",
    response_model=shapes.Delivery,
    responses=responses(404, 409),
    openapi_extra=header_parameters(),
)
def replay(call: AnyCall, webhook_id: str, delivery_id: str) -> Response:
    """Sends one delivery again."""
    return call.write(WRITE, lambda unit: Result(_delivery(webhooks.repeat(unit, webhook_id, delivery_id, call.actor))))


@router.post(
    "/{webhook_id}/replay",
    response_model=shapes.Repeated,
    responses=responses(404, 409),
    openapi_extra=header_parameters(),
)
def replay_failed(call: AnyCall, webhook_id: str, body: shapes.Since) -> Response:
    """Sends again, in order, whatever has failed since a moment."""

    def work(unit: UnitOfWork) -> Result:
        return Result(shapes.Repeated(**webhooks.repeat_failed(unit, webhook_id, body.since, call.actor)._asdict()))

    return call.write(WRITE, work)
