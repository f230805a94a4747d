"""Filing what was set aside with a customer, or taking it away (RES-18, RES-19)."""

from __future__ import annotations

import json

from onefold.audit import service as audit
from onefold.conversations import store as conversations
from onefold.core.actor import Actor
from onefold.core.clock import new_id, utc_now
from onefold.database.engine import UnitOfWork
from onefold.organizations.store import load_policy
from onefold.outbox.store import emit
from onefold.profiles import store as profiles
from onefold.profiles.service import resolve_redirect
from onefold.receiving import set_aside_store as store


def file(unit: UnitOfWork, row_id: str, profile_id: str, actor: Actor) -> int:
    """Makes it an item of a profile's conversation, the open one or a new one; returns the item's number. Nobody's
    contact point comes of it. Raises NotFound."""
    row = store.read(unit, row_id, lock=True)
    owner = profiles.lock_profile(unit, resolve_redirect(unit, profile_id), against_contacts=True)
    now = utc_now()
    conversation = conversations.open_conversation_of(unit, owner.id)
    conversation_id = conversation.id if conversation else new_id()
    if conversation is None:
        inbox_id = row.inbox_id or load_policy(unit).default_inbox_id
        conversations.add_conversation(unit, conversation_id, owner.id, inbox_id, now=now)
    seq = conversations.add_item(
        unit,
        now,
        profile_id=owner.id,
        conversation_id=conversation_id,
        kind="message",
        direction="in",
        channel=row.channel,
        message_id=row.message_id,
        sender_key=row.sender_key,
        subject=row.subject,
        body=row.body,
        data=None if row.data is None else json.dumps(row.data),
        sender_state="unchecked" if row.sender_state == "proven" else row.sender_state,
        occurred_at=row.occurred_at,
        inbox_id=row.inbox_id,
    )
    store.move_files(unit, row.id, seq)
    conversations.add_inboxes(unit, [(seq, inbox_id) for inbox_id in store.inboxes_of(unit, [row.id])[row.id]])
    store.remove(unit, row.id)
    landed = {"channel": row.channel, "outcome": "opened", "conversation_id": conversation_id, "item_id": str(seq)}
    emit(unit, new_id(), "contact.received", profile_id=owner.id, data=landed, now=now)
    audit.record(unit, actor, "contact.filed", profile_id=owner.id, details={"item_id": str(seq), "reason": row.reason})
    return seq


def remove(unit: UnitOfWork, row_id: str, actor: Actor) -> None:
    """Takes away what is nobody's; raises NotFound."""
    row = store.read(unit, row_id, lock=True)
    store.remove(unit, row.id)
    audit.record(unit, actor, "contact.removed", details={"set_aside_id": row.id, "reason": row.reason})
