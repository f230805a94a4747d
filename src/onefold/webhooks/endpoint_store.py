"""Where events are sent (EVT-1): endpoints, their secrets, and how they have been taking what they were sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from onefold.core.errors import NotFound
from onefold.core.ids import is_id
from onefold.core.secrets import is_sealed
from onefold.database.engine import Database, UnitOfWork
from onefold.database.tables import organizations, webhook_endpoints


class EndpointRow(NamedTuple):
    """Where events are sent. `event_types` None: all of them. Secrets are for signing, and shown when they are made."""

    id: str
    url: str
    description: str
    event_types: list[str] | None
    state: str
    reason: str | None
    secret: str
    previous_secret: str | None
    previous_until: datetime | None
    after_seq: int
    failures: int
    failing_since: datetime | None
    paused_until: datetime | None
    created_at: datetime


_e = webhook_endpoints.c
_ENDPOINT = [_e[name] for name in EndpointRow._fields]


def organizations_with_webhooks(database: Database) -> list[int]:
    """The organizations that have somebody to tell."""
    with database.raw() as connection:
        rows = connection.execute(sa.select(organizations.c.id).where(organizations.c.has_webhooks))
        return list(rows.scalars())


def add_endpoint(unit: UnitOfWork, endpoint: EndpointRow) -> None:
    """A new endpoint."""
    row = {**endpoint._asdict(), "secret": unit.secrets.seal(endpoint.secret)}
    unit.execute(webhook_endpoints.insert().values(organization_id=unit.organization_id, **row))


def list_endpoints(unit: UnitOfWork) -> list[EndpointRow]:
    """Every endpoint, in the order they came."""
    select = unit.select(*_ENDPOINT).where(_e.state != "removed")
    return [_endpoint(unit, row) for row in unit.execute(select.order_by(_e.id))]


def _endpoint(unit: UnitOfWork, row: sa.Row[Any]) -> EndpointRow:
    endpoint = EndpointRow._make(row)
    previous = None if endpoint.previous_secret is None else unit.secrets.open(endpoint.previous_secret)
    return endpoint._replace(secret=unit.secrets.open(endpoint.secret), previous_secret=previous)


def read_endpoint(unit: UnitOfWork, endpoint_id: str, *, lock: bool = False) -> EndpointRow:
    """The endpoint with this id; raises NotFound."""
    row = None
    if is_id(endpoint_id):
        select = unit.select(*_ENDPOINT).where(_e.id == endpoint_id, _e.state != "removed")
        row = unit.execute(select.with_for_update(key_share=True) if lock else select).one_or_none()
    if row is None:
        raise NotFound("There is no webhook with this id.", code="webhook_not_found")
    return _endpoint(unit, row)


def change_endpoint(unit: UnitOfWork, endpoint_id: str, **values: object) -> None:
    """Sets fields of an endpoint."""
    sealed = {
        field: unit.secrets.seal(str(values[field])) for field in ("secret", "previous_secret") if values.get(field)
    }
    values = {**values, **sealed}
    unit.execute(unit.update(webhook_endpoints).where(_e.id == endpoint_id).values(**values))


def seal_secrets(unit: UnitOfWork) -> None:
    """Seals what was stored before there was a key."""
    for row in unit.execute(unit.select(_e.id, _e.secret, _e.previous_secret)).all():
        plain = {"secret": row.secret, "previous_secret": row.previous_secret}
        sealed = {field: unit.secrets.seal(one) for field, one in plain.items() if one and not is_sealed(one)}
        if sealed:
            unchanged = unit.update(webhook_endpoints).where(_e.id == row.id, _e.secret == row.secret)
            unit.execute(unchanged.values(**sealed))
