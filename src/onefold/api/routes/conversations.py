"""/v1/conversations, and what is written on a profile's timeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from onefold.api import schemas, views
from onefold.api.call import AnyCall, Result, header_parameters
from onefold.api.problems import responses
from onefold.api.routes.profiles import MOVED, READ, WRITE
from onefold.conversations import service as conversations
from onefold.conversations import store
from onefold.conversations.service import Written
from onefold.conversations.store import ConversationRow, ItemRow
from onefold.database.engine import UnitOfWork

router = APIRouter(prefix="/v1", tags=["conversations"])
Cursor = Annotated[str | None, Query(max_length=200)]
Limit = Annotated[int, Query(ge=1, le=200)]


def _conversations(unit: UnitOfWork, rows: Sequence[ConversationRow], limit: int) -> Result:
    more = schemas.cursor_of(rows[limit - 1].id) if len(rows) > limit else None
    data = [views.conversation(row, conversations.owner(unit, row)) for row in rows[:limit]]
    return Result(schemas.Page[schemas.Conversation](data=data, next_cursor=more))


def _items(unit: UnitOfWork, rows: Sequence[ItemRow], limit: int) -> Result:
    more = schemas.cursor_of(str(rows[limit - 1].seq)) if len(rows) > limit else None
    seqs = [row.seq for row in rows[:limit]]
    files, inboxes = store.attachments_of(unit, seqs), store.further_inboxes_of(unit, seqs)
    data = [views.item(row, files.get(row.seq, ()), inboxes.get(row.seq, ())) for row in rows[:limit]]
    return Result(schemas.Page[schemas.Item](data=data, next_cursor=more))


@router.get(
    "/profiles/{profile_id}/conversations",
    response_model=schemas.Page[schemas.Conversation],
    responses=responses(404),
)
def list_conversations(call: AnyCall, profile_id: str, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """A profile's conversations, newest first; at most one is open."""
    before = schemas.id_of(cursor)
    return call.read(
        READ,
        lambda unit: _conversations(unit, conversations.of_profile(unit, profile_id, before, limit + 1), limit),
    )


@router.get("/profiles/{profile_id}/items", response_model=schemas.Page[schemas.Item], responses=responses(404))
def read_timeline(call: AnyCall, profile_id: str, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """A profile's timeline, newest first."""
    before = schemas.number_of(cursor)
    return call.read(
        READ, lambda unit: _items(unit, conversations.timeline(unit, profile_id, before, limit + 1), limit)
    )


@router.post(
    "/profiles/{profile_id}/items",
    status_code=201,
    response_model=schemas.Item,
    responses=responses(404, 409),
    openapi_extra=header_parameters(),
)
def write_item(call: AnyCall, profile_id: str, body: schemas.NewItem) -> Response:
    """Adds a note, a task or an outgoing message to the open conversation, or to a new one (PRO-9). An SMS needs a
    phone with the SMS tag (PRO-11). A message is recorded, not sent: its `state` says so, and the event
    `message.written` tells other systems, such as a gateway that sends it (SND-1)."""
    written = Written(body.body, body.channel, body.contact_point_id, subject=body.subject, kind=body.kind)
    agent_id = call.principal.agent_id or body.agent_id

    def work(unit: UnitOfWork) -> Result:
        return Result(views.item(conversations.write(unit, profile_id, written, agent_id), ()))

    return call.write(WRITE, work, status=201)


@router.get(
    "/inboxes/{inbox_id}/conversations",
    response_model=schemas.Page[schemas.Conversation],
    responses=responses(404),
)
def list_inbox(call: AnyCall, inbox_id: str, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """The open conversations of an inbox, newest first."""
    before = schemas.id_of(cursor)
    return call.read(
        READ, lambda unit: _conversations(unit, conversations.in_inbox(unit, inbox_id, before, limit + 1), limit)
    )


@router.get(
    "/conversations/{conversation_id}",
    response_model=schemas.Conversation,
    responses={**responses(404), **MOVED},
)
def read_conversation(call: AnyCall, conversation_id: str) -> Response:
    """One conversation, and the profile it belongs to today."""

    def work(unit: UnitOfWork) -> Result:
        row = conversations.read(unit, conversation_id)
        return Result(views.conversation(row, conversations.owner(unit, row)))

    return call.read(READ, work)


@router.patch("/conversations/{conversation_id}", response_model=schemas.Conversation, responses=responses(404, 409))
def change_conversation(call: AnyCall, conversation_id: str, body: schemas.ConversationChange) -> Response:
    """Routes, assigns, closes or reopens a conversation."""

    def work(unit: UnitOfWork) -> Result:
        row = conversations.change(
            unit,
            conversation_id,
            inbox_id=body.inbox_id or None,
            assignee_id=body.assignee_id,
            unassign="assignee_id" in body.model_fields_set and body.assignee_id is None,
            state=body.state,
        )
        return Result(views.conversation(row, conversations.owner(unit, row)))

    return call.write(WRITE, work)


@router.get(
    "/conversations/{conversation_id}/items", response_model=schemas.Page[schemas.Item], responses=responses(404)
)
def read_conversation_items(call: AnyCall, conversation_id: str, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """A conversation's items, newest first."""
    before = schemas.number_of(cursor)
    return call.read(
        READ, lambda unit: _items(unit, conversations.items(unit, conversation_id, before, limit + 1), limit)
    )


@router.get(
    "/conversations/{conversation_id}/items/{item_id}/attachments/{position}",
    response_class=Response,
    responses={
        200: {"description": "The file.", "content": {"application/octet-stream": {"schema": {"type": "string"}}}},
        **responses(404),
    },
)
def read_attachment(
    call: AnyCall,
    conversation_id: str,
    item_id: Annotated[int, Path(ge=0, lt=2**62)],
    position: Annotated[int, Path(ge=0, lt=2**31)],
) -> Response:
    """A file that came with a message. Always to be saved, never to be shown by a browser on its own."""

    file = call.take_out(
        READ,
        lambda unit: conversations.download(
            unit, conversation_id, item_id=item_id, position=position, actor=call.actor
        ),
    )
    headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
    return Response(file.content, 200, headers, "application/octet-stream")
