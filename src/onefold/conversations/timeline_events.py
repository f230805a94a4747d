"""Events on a profile's timeline: what was done to it, in words that agents read (MRG-6)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from onefold.conversations.store import add_item, open_conversation_of
from onefold.database.engine import UnitOfWork


def write_events(unit: UnitOfWork, profile_id: str, texts: Sequence[str], agent_id: str | None, now: datetime) -> int:
    """Events in the profile's open conversation, where it has one, in order; returns the number of the first."""
    conversation = open_conversation_of(unit, profile_id)
    conversation_id = None if conversation is None else conversation.id
    numbers = [
        add_item(
            unit,
            now,
            profile_id=profile_id,
            conversation_id=conversation_id,
            kind="event",
            agent_id=agent_id,
            body=text,
        )
        for text in texts
    ]
    return numbers[0]
