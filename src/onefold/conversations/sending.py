"""Whether what an agent writes leaves from here, and where each message is (SND-1).

Onefold has no way out yet: a message is recorded, and other systems are told of it by `message.written`.
"""

from __future__ import annotations

from typing import Literal

from onefold.conversations.store import ItemRow

SendingState = Literal["not_sent"]


def can_send(channel: str) -> bool:
    """Whether Onefold sends what is written on this channel. Whoever asks an agent to write says so first."""
    return False


def state_of(item: ItemRow) -> SendingState | None:
    """Where an outgoing message is; None of what is not sent at all: what came in, calls, notes, tasks, events."""
    return "not_sent" if item.kind == "message" and item.direction == "out" else None
