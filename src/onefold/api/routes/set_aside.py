"""/v1/set-aside: mail that is nobody's yet, and saying whose it is (RES-18, RES-19)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from onefold.api.call import AnyCall, Result, header_parameters
from onefold.api.problems import responses
from onefold.api.routes.conversations import Cursor, Limit
from onefold.api.routes.profiles import READ, WRITE
from onefold.api.schemas import Input, Page, cursor_of, id_of
from onefold.contact_points.standing import SenderState
from onefold.database.engine import UnitOfWork
from onefold.receiving import set_aside, set_aside_store
from onefold.receiving.contact import SetAsideReason
from onefold.receiving.set_aside_store import SetAsideRow

router = APIRouter(prefix="/v1/set-aside", tags=["set aside"])


class SetAside(BaseModel):
    """A contact on no profile: what a machine wrote about nobody known, or one of the organization's own addresses."""

    id: str
    inbox_id: str
    further_inbox_ids: list[str] = Field(description="Where it was delivered as well.")
    reason: SetAsideReason
    channel: str
    message_id: str
    sender: str | None = Field(description="Who it says it is from.")
    sender_state: SenderState
    subject: str | None
    body: str | None
    occurred_at: datetime
    recorded_at: datetime


class FilingInput(Input):
    """Whose it is."""

    profile_id: Annotated[str, Field(max_length=100)]


class Filed(BaseModel):
    """The item that it has become."""

    item_id: str


@router.get("", response_model=Page[SetAside], responses=responses())
def list_set_aside(
    call: AnyCall,
    inbox_id: Annotated[str | None, Query(max_length=100)] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """What is set aside, newest first."""
    before = id_of(cursor)

    def work(unit: UnitOfWork) -> Result:
        rows = set_aside_store.page(unit, inbox_id, before, limit + 1)
        more = cursor_of(rows[limit - 1].id) if len(rows) > limit else None
        inboxes = set_aside_store.inboxes_of(unit, [row.id for row in rows[:limit]])
        data = [_view(row, inboxes[row.id]) for row in rows[:limit]]
        return Result(Page[SetAside](data=data, next_cursor=more))

    return call.read(READ, work)


def _view(row: SetAsideRow, inbox_ids: Sequence[str]) -> SetAside:
    fields = {field: value for field, value in row._asdict().items() if field in SetAside.model_fields}
    return SetAside(**fields, further_inbox_ids=[one for one in inbox_ids if one != row.inbox_id])


@router.post(
    "/{set_aside_id}/file",
    status_code=201,
    response_model=Filed,
    responses=responses(404, 409),
    openapi_extra=header_parameters(),
)
def file(call: AnyCall, set_aside_id: str, body: FilingInput) -> Response:
    """Files it with a customer: it becomes an item of the conversation. No contact point comes of it."""

    def work(unit: UnitOfWork) -> Result:
        return Result(Filed(item_id=str(set_aside.file(unit, set_aside_id, body.profile_id, call.actor))))

    return call.write(WRITE, work, status=201)


@router.delete(
    "/{set_aside_id}",
    status_code=204,
    response_class=Response,
    responses=responses(404, 409),
    openapi_extra=header_parameters(),
)
def remove(call: AnyCall, set_aside_id: str) -> Response:
    """Takes it away for good."""

    def work(unit: UnitOfWork) -> Result:
        set_aside.remove(unit, set_aside_id, call.actor)
        return Result(None)

    return call.write(WRITE, work, status=204)
