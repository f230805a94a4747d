"""Conversations and what is written on them (PRO-9, PRO-11)."""

from __future__ import annotations

import secrets
from typing import Literal, NamedTuple

from onefold.accounts import store as accounts
from onefold.audit import service as audit
from onefold.contact_points import store as contact_points
from onefold.contact_points.kinds import Channel
from onefold.contact_points.points import HeldPoint
from onefold.conversations import store
from onefold.conversations import timeline_store as timelines
from onefold.conversations.store import Attachment, ConversationRow, ItemRow
from onefold.core.actor import Actor
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import Conflict, InvalidValue, MergedAway, NotFound
from onefold.core.text import BODY_LENGTH, validate_text
from onefold.database.engine import UnitOfWork
from onefold.organizations.store import load_policy
from onefold.outbox.store import emit
from onefold.profiles import store as profiles
from onefold.profiles.point_rules import check_sms

_KINDS_OF_CHANNEL = {
    "email": "email",
    "sms": "phone",
    "whatsapp": "phone",
    "voice": "phone",
    "social": "social",
    "chat": "visitor",
}


def download(unit: UnitOfWork, conversation_id: str, item_id: int, position: int, actor: Actor) -> Attachment:
    """A file that came with an item, to be saved by who asks, which is written down (MRG-14). Raises NotFound."""
    file = store.read_attachment(unit, conversation_id, item_id, position)
    details = {"conversation_id": conversation_id, "item_id": str(item_id), "position": position}
    profile_id = store.read_conversation(unit, conversation_id).profile_id
    audit.record(unit, actor, "file.downloaded", profile_id=profile_id, details=details)
    return file


_OURS = "out"
"""In place of a sender's key: what comes in under the same message id is another message (RES-12)."""


class Written(NamedTuple):
    """What an agent or a system writes: a note, a task, or a message out on a channel to one of the contact points."""

    body: str
    channel: Channel | None = None
    contact_point_id: str | None = None
    subject: str | None = None
    kind: Literal["note", "task"] = "note"  # of what goes out on no channel


def owner(unit: UnitOfWork, conversation: ConversationRow) -> str:
    """The living profile a conversation belongs to today."""
    row = profiles.read_profile(unit, conversation.profile_id)
    return row.living_id


def of_profile(unit: UnitOfWork, profile_id: str, before: str | None, limit: int) -> list[ConversationRow]:
    """A profile's conversations, newest first, with those of profiles merged into it."""
    row = profiles.read_profile(unit, profile_id)
    return store.conversations_of(unit, profiles.merged_into(unit, row.living_id), before, limit)


def timeline(unit: UnitOfWork, profile_id: str, before: int | None, limit: int) -> list[ItemRow]:
    """A profile's items, what happened last first; `before` is the number of one of them."""
    row = profiles.read_profile(unit, profile_id)
    return timelines.timeline(unit, profiles.merged_into(unit, row.living_id), before, limit)


def items(unit: UnitOfWork, conversation_id: str, before: int | None, limit: int) -> list[ItemRow]:
    """A conversation's items; as `timeline`."""
    return timelines.conversation_items(unit, resolve_redirect(unit, conversation_id).id, before, limit)


def resolve_redirect(unit: UnitOfWork, conversation_id: str) -> ConversationRow:
    """The conversation behind the id: for one that became one with another in a merge, that other (EVT-2)."""
    row = store.read_conversation(unit, conversation_id)
    return row if row.merged_into_id is None else store.read_conversation(unit, row.merged_into_id)


def read(unit: UnitOfWork, conversation_id: str) -> ConversationRow:
    """The conversation; raises MergedAway for one that became one with another (EVT-2)."""
    row = store.read_conversation(unit, conversation_id)
    if row.merged_into_id is not None:
        raise MergedAway("This conversation became one with another.", survivor_id=row.merged_into_id)
    return row


def in_inbox(
    unit: UnitOfWork, inbox_id: str, before: str | None, limit: int, *, oldest: bool = False
) -> list[ConversationRow]:
    """The open conversations of an inbox, newest first, or the oldest of them."""
    _check_inbox(unit, inbox_id)
    return store.open_conversations(unit, inbox_id, before, limit, oldest=oldest)


def hold(unit: UnitOfWork, conversation_id: str) -> ConversationRow:
    """The conversation as it is, and stays until this unit ends; raises NotFound."""
    conversation = resolve_redirect(unit, conversation_id)
    profiles.lock_profile(unit, conversation.profile_id, against_contacts=True)
    return store.read_conversation(unit, conversation.id)


def change(
    unit: UnitOfWork,
    conversation_id: str,
    *,
    inbox_id: str | None,
    assignee_id: str | None,
    unassign: bool,
    state: str | None,
) -> ConversationRow:
    """Routes, assigns, closes or reopens a conversation."""
    conversation = resolve_redirect(unit, conversation_id)
    # Against contacts, because what arrives now must find the conversation either open or closed.
    profile = profiles.lock_profile(unit, conversation.profile_id, against_contacts=True)
    values: dict[str, object] = {}
    if inbox_id is not None:
        _check_inbox(unit, inbox_id)
        values["inbox_id"] = inbox_id
    if assignee_id is not None:
        if not accounts.read_agent(unit, assignee_id).active:
            raise Conflict("This agent is no longer active.", code="agent_inactive")
        values["assignee_id"] = assignee_id
    if unassign:
        values["assignee_id"] = None
    if state is not None and state != store.read_conversation(unit, conversation.id).state:
        values |= _state_change(unit, profile.id, state)
    if values:
        store.change_conversation(unit, conversation.id, **values)
        profiles.change_profile(unit, profile.id)
        emit(
            unit,
            new_id(),
            "conversation.updated",
            profile_id=profile.id,
            data={"conversation_id": conversation.id},
            now=utc_now(),
        )
    return store.read_conversation(unit, conversation.id)


def _state_change(unit: UnitOfWork, profile_id: str, state: str) -> dict[str, object]:
    if state == "closed":
        return {"state": state, "closed_at": utc_now()}
    if store.open_conversation_of(unit, profile_id) is not None:
        raise Conflict("The customer has an open conversation already; there is at most one.", code="open_conversation")
    return {"state": state, "closed_at": None, "profile_id": profile_id}


def write(unit: UnitOfWork, profile_id: str, written: Written, agent_id: str | None) -> ItemRow:
    """Adds a note, a task or an outgoing message to the open conversation, or to a new one (PRO-9).

    Recording is all this does; other systems are told (SND-1). Raises Conflict where an SMS may not be sent (PRO-11).
    """
    validate_text(written.body, "body", BODY_LENGTH)
    validate_text(written.subject or "", "subject", 1_000)
    if written.kind == "task" and written.channel is not None:
        raise InvalidValue("A task goes out on no channel.", code="task_on_channel", field="channel")
    profile = profiles.lock_profile(unit, profile_id, against_contacts=True)
    if agent_id is not None:
        accounts.read_agent(unit, agent_id)
    point = None if written.channel is None else _point_to(unit, profile.id, written)
    conversation = store.open_conversation_of(unit, profile.id)
    conversation_id = conversation.id if conversation else _begin(unit, profile.id, agent_id)
    now, kind = utc_now(), written.kind if point is None else "message"
    seq = store.add_item(
        unit,
        now,
        profile_id=profile.id,
        conversation_id=conversation_id,
        agent_id=agent_id,
        kind=kind,
        direction=None if point is None else "out",
        channel=written.channel,
        contact_point_id=None if point is None else point.contact_point_id,
        message_id=_new_message_id() if written.channel == "email" else None,
        sender_key=_OURS if written.channel == "email" else None,
        subject=written.subject,
        body=written.body,
    )
    if kind == "message" and agent_id is not None and (conversation is None or conversation.assignee_id is None):
        _take(unit, profile.id, conversation_id, agent_id)
    emit(
        unit,
        new_id(),
        f"{kind}.written",
        profile_id=profile.id,
        data={"conversation_id": conversation_id, "item_id": str(seq)},
        now=now,
    )
    return store.read_item(unit, seq)


def _take(unit: UnitOfWork, profile_id: str, conversation_id: str, agent_id: str) -> None:
    """Who answers a customer that nobody has taken has taken them, where the organization wants it so."""
    if not load_policy(unit).assign_on_answer:
        return
    store.change_conversation(unit, conversation_id, assignee_id=agent_id)
    data = {"conversation_id": conversation_id}
    emit(unit, new_id(), "conversation.updated", profile_id=profile_id, data=data, now=utc_now())


def _new_message_id() -> str:
    """The Message-ID of a mail to be sent: nobody can guess it, so an answer to it proves that it was received
    (PRO-14)."""
    return f"{secrets.token_hex(16)}@onefold"


def _begin(unit: UnitOfWork, profile_id: str, agent_id: str | None) -> str:
    recent = accounts.read_agent(unit, agent_id).recent_inbox_id if agent_id else None
    conversation_id = new_id()
    inbox_id = recent or load_policy(unit).default_inbox_id
    store.add_conversation(unit, conversation_id, profile_id, inbox_id=inbox_id, now=utc_now())
    return conversation_id


def _point_to(unit: UnitOfWork, profile_id: str, written: Written) -> HeldPoint:
    points = contact_points.points_of(unit, [profile_id])[profile_id]
    point = next((p for p in points if p.contact_point_id == written.contact_point_id), None)
    if point is None:
        raise NotFound("There is no such contact point on this profile.", code="contact_point_not_found")
    if point.kind != _KINDS_OF_CHANNEL[str(written.channel)]:
        raise InvalidValue(
            "The contact point is not one this channel reaches.", code="wrong_channel", field="contact_point_id"
        )
    if point.is_anothers:
        raise Conflict("This number has a new owner; write to them on their own profile.", code="number_given_away")
    if written.channel == "sms":
        check_sms(point)
    return point


def _check_inbox(unit: UnitOfWork, inbox_id: str) -> None:
    if inbox_id not in {known for known, _ in accounts.list_inboxes(unit)}:
        raise NotFound("There is no inbox with this id.", code="inbox_not_found")
