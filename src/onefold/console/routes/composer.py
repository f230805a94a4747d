"""Writing to a customer, drafts, conversations, and files that came with messages."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path
from starlette.responses import JSONResponse, Response

from onefold.console.find import only_customer
from onefold.console.forms import AnyForm, Form
from onefold.console.mail_html import clean_html
from onefold.console.meanwhile import changed_fields
from onefold.console.pages import HEADERS, redirect_to
from onefold.console.visitor import AnyVisitor, Visitor
from onefold.conversations import drafts, sending, store, worklists
from onefold.conversations import service as conversations
from onefold.conversations.draft_store import DraftRow
from onefold.conversations.drafts import Composed
from onefold.conversations.service import Written
from onefold.conversations.store import ItemRow
from onefold.core.errors import Conflict, InvalidValue, NotFound
from onefold.database.engine import UnitOfWork
from onefold.merging import move_conversation as moving

router = APIRouter()
_OF_A_CONVERSATION = ("assignee_id", "inbox_id", "state")
_KINDS = ("email", "sms", "whatsapp", "note", "task")
Number = Annotated[int, Path(ge=0, lt=2**62)]


def _to_composed(form: Form) -> Composed:
    kind = form.text("kind")
    if kind not in _KINDS:
        raise InvalidValue(
            "Choose what to write: an email, an SMS, a WhatsApp message, a note or a task.", field="kind"
        )
    spoken = kind in ("email", "sms", "whatsapp")
    subject = form.line("subject") if kind in ("email", "task") else None
    if kind == "task" and subject == form.line("answer_subject"):  # which was filled in for an answer by email
        subject = None
    return Composed(kind, form.text("body"), subject, form.line("to") if spoken else None)  # type: ignore[arg-type]


@router.post("/customers/{profile_id}/write")
def write(visitor: AnyVisitor, profile_id: str, form: AnyForm) -> Response:
    """Writes what was composed on the timeline, or keeps it as a draft; while typing, answers with the draft's id."""
    composed = _to_composed(form)
    if form.text("do") in ("draft", "autosave"):
        draft = visitor.note(lambda unit: _keep(unit, visitor, profile_id, form=form, composed=composed))
        if form.text("do") == "autosave":
            draft_fields = {"draft_id": draft.id, "draft_seen": drafts.seen_as(draft), "profile_id": draft.profile_id}
            return JSONResponse(
                {**draft_fields, "beside": form.line("draft_id") not in (None, draft.id)}, headers=HEADERS
            )
        return redirect_to(f"/customers/{draft.profile_id}?draft={draft.id}", "saved")

    def work(unit: UnitOfWork) -> ItemRow:
        item = _send(unit, visitor, profile_id, form=form, composed=composed)
        worklists.note_read(unit, visitor.agent_id, item.profile_id)
        return item

    item = visitor.write(work)
    return redirect_to(f"/customers/{item.profile_id}", sending.state_of(item) or f"{item.kind}-added")


def _keep(unit: UnitOfWork, visitor: Visitor, profile_id: str, form: Form, composed: Composed) -> DraftRow:
    draft_id, seen = form.line("draft_id"), form.line("draft_seen")
    return drafts.keep(unit, profile_id, author_id=visitor.agent_id, composed=composed, draft_id=draft_id, seen=seen)


def _send(unit: UnitOfWork, visitor: Visitor, profile_id: str, form: Form, composed: Composed) -> ItemRow:
    """What was written. Its customer may be another than the page's: a draft's, by now (DET-1)."""
    if not composed.body.strip():
        raise InvalidValue("Write something first.", code="empty_value", field="body")
    if form.line("draft_id") is not None:
        _refuse_gone(unit, visitor, form.line("draft_id") or "")
        draft = _keep(unit, visitor, profile_id, form=form, composed=composed)
        return drafts.send(unit, draft.id, visitor.agent_id)
    if composed.kind in ("note", "task"):
        written = Written(composed.body, subject=composed.subject, kind=composed.kind)
    elif composed.contact_point_id is None:
        raise InvalidValue("Choose where this goes: the customer has no such contact point yet.", field="to")
    else:
        written = Written(composed.body, composed.kind, composed.contact_point_id, composed.subject)  # type: ignore[arg-type]
    return conversations.write(unit, profile_id, written, visitor.agent_id)


def _refuse_gone(unit: UnitOfWork, visitor: Visitor, draft_id: str) -> None:
    """Two tabs with one draft must not send it twice: whoever sends what another has sent is asked again."""
    try:
        drafts.read(unit, draft_id, visitor.agent_id)
    except NotFound:
        raise Conflict(
            "This draft was sent or discarded in another tab. What you have written is still here; press again to send "
            "it as something new.",
            code="draft_gone",
        ) from None


@router.post("/drafts/{draft_id}/delete")
def delete_draft(visitor: AnyVisitor, draft_id: str) -> Response:
    """Throws one of the agent's own drafts away."""

    def work(unit: UnitOfWork) -> str:
        draft = drafts.read(unit, draft_id, visitor.agent_id)
        drafts.delete(unit, draft_id, visitor.agent_id)
        return draft.profile_id

    return redirect_to(f"/customers/{visitor.write(work)}?draft=new", "draft-deleted")


@router.post("/conversations/{conversation_id}/move")
def move(visitor: AnyVisitor, conversation_id: str, form: AnyForm) -> Response:
    """Moves a conversation to the one customer that is found by what was written, or to a new one (DET-4)."""

    def work(unit: UnitOfWork) -> str:
        to = None if form.flag("new") else only_customer(unit, form.line("customer"))
        return moving.move_conversation(unit, conversation_id, to, visitor.actor).profile_id

    return redirect_to(f"/customers/{visitor.write(work)}", "moved")


@router.post("/conversations/{conversation_id}/change")
def change_conversation(visitor: AnyVisitor, conversation_id: str, form: AnyForm) -> Response:
    """Assigns, routes, closes or reopens a conversation: whichever field the form has."""
    assignee = form.line("assignee_id")
    state = form.line("state")
    if state not in (None, "open", "closed"):
        raise InvalidValue("A conversation is open or closed.", field="state")

    def work(unit: UnitOfWork) -> str:
        now = conversations.hold(unit, conversation_id)
        typed = {name: form.line(name) for name in _OF_A_CONVERSATION if form.has(name)}
        changed = changed_fields(form, typed, {**now._asdict(), "assignee_id": now.assignee_id or "nobody"})
        assign_to = changed.get("assignee_id")
        row = conversations.change(
            unit,
            conversation_id,
            inbox_id=changed.get("inbox_id"),
            assignee_id=None if assign_to == "nobody" else assign_to,
            unassign=assign_to == "nobody",
            state=changed.get("state"),
        )
        return conversations.owner(unit, row)

    said = {"closed": "closed", "open": "opened"}.get(state or "", "assigned" if assignee else "routed")
    return redirect_to(f"/customers/{visitor.write(work)}", said)


@router.get("/files/{conversation_id}/{item_id}/{position}")
def file(visitor: AnyVisitor, conversation_id: str, item_id: Number, position: Number) -> Response:
    """A file that came with a message: always saved, never shown by a browser on its own."""
    saved = visitor.write(
        lambda unit: conversations.download(
            unit, conversation_id, item_id=item_id, position=position, actor=visitor.actor
        ),
        "profiles:read",
    )
    disposition = f"attachment; filename*=UTF-8''{quote(saved.name, safe='')}"
    headers = HEADERS | {"Content-Disposition": disposition, "Content-Security-Policy": "sandbox; default-src 'none'"}
    return Response(saved.content, 200, headers, "application/octet-stream")


@router.get("/text/{conversation_id}/{item_id}")
def text(visitor: AnyVisitor, conversation_id: str, item_id: Number) -> Response:
    """What was said in one item, all of it: a page shows the beginning of long ones."""
    said = visitor.read(lambda unit: store.read_text(unit, conversation_id, item_id))
    return Response(said, 200, HEADERS, "text/plain; charset=utf-8")


_MAIL_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:{images}; frame-ancestors 'self'"


@router.get("/mail/{conversation_id}/{item_id}/{position}")
def mail(
    visitor: AnyVisitor, conversation_id: str, item_id: Number, position: Number, images: bool = False
) -> Response:
    """An email as its sender formatted it, in a frame that runs nothing; pictures from elsewhere only if asked for."""
    _, kind, content = visitor.read(lambda unit: store.read_attachment(unit, conversation_id, item_id, position))
    if kind != "text/html":
        raise NotFound("This file is no email.", code="attachment_not_found")
    policy = _MAIL_POLICY.format(images=" https:" if images else "")
    # Names are not looked up before somebody follows a link: its sender would know that the email was read.
    private = {"Referrer-Policy": "no-referrer", "X-DNS-Prefetch-Control": "off"}
    headers = HEADERS | {"Content-Security-Policy": policy, **private}
    cleaned = clean_html(content.decode("utf-8", "replace"), images=images)
    return Response(cleaned, 200, headers, "text/html; charset=utf-8")
