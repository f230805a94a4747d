"""What is told to other systems and when (EVT-1): types of events, whose turn it is, and how long a try is repeated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from onefold.core.ids import is_id

EVENT_TYPES = (
    "contact.received",
    "conversation.updated",
    "message.written",
    "note.written",
    "profile.created",
    "profile.detached",
    "profile.erased",
    "profile.merged",
    "profile.unmerged",
    "profile.updated",
    "suggestion.dismissed",
    "suggestion.raised",
    "suggestion.reopened",
    "task.written",
)
"""Every type of event there is."""

_NOT_PROFILES = frozenset(("agent_id", "contact_point_id", "conversation_id", "item_id", "key_id", "merge_id"))

Error = Literal[
    "address_refused",
    "name_unresolved",
    "connection_failed",
    "tls_failed",
    "timeout",
    "bad_answer",
    "redirected",
    "gone",
    "refused",
]
"""Why a try failed; what the receiver wrote is never kept."""

_UNREACHED: frozenset[Error | None] = frozenset(
    ("address_refused", "name_unresolved", "connection_failed", "tls_failed", "timeout", "bad_answer")
)

RETRIES = (
    *(timedelta(seconds=s) for s in (5, 30)),
    *(timedelta(minutes=m) for m in (2, 5, 15, 30)),
    *(timedelta(hours=h) for h in (1, 2, 4)),
    *(timedelta(hours=6),) * 12,
)
"""How long to wait after each failed try: 21 retries, the last one three days and eight hours after the first try."""

AWAY = sum(RETRIES, timedelta())
"""An endpoint that nothing was delivered to for this long is disabled."""

_JITTER = 0.1
_LONGEST_WISH = timedelta(hours=6)
_LONGEST_PAUSE = timedelta(minutes=1)


class Outcome(NamedTuple):
    """What came of one try: the receiver's status, or why there was none; `wish` is its Retry-After, in seconds."""

    status: int | None = None
    error: Error | None = None
    wish: float | None = None

    @property
    def is_delivered(self) -> bool:
        """Any 2xx, whatever was written with it."""
        return self.error is None

    @property
    def endpoint_away(self) -> bool:
        """The endpoint itself does not take anything now; else it was this event that it did not take."""
        return self.error in _UNREACHED or self.status in (429, 503)


def outcome_of_answer(status: int, wish: float | None = None) -> Outcome:
    """The outcome of a try that got an answer."""
    if 200 <= status < 300:
        return Outcome(status)
    if status == 410:
        return Outcome(status, "gone")
    return Outcome(status, "redirected" if 300 <= status < 400 else "refused", wish)


def retry_at(outcome: Outcome, attempts: int, now: datetime, chance: float) -> datetime | None:
    """When a delivery that failed for the `attempts`th time is tried again; None: never.

    `chance` (0 … 1) spreads what failed together. Retry-After is honoured up to six hours.
    """
    if attempts > len(RETRIES):
        return None
    wait = RETRIES[attempts - 1] * (1 + _JITTER * chance)
    return now + max(wait, _wish(outcome))


def pause_until(outcome: Outcome, failures: int, now: datetime) -> datetime:
    """How long an endpoint that takes nothing is left alone, after so many failures in a row."""
    backed_off = min(timedelta(seconds=2 ** min(failures, 10)), _LONGEST_PAUSE)
    return now + max(backed_off, _wish(outcome))


def _wish(outcome: Outcome) -> timedelta:
    seconds = max(0.0, outcome.wish or 0.0)
    return min(timedelta(seconds=min(seconds, 1e6)), _LONGEST_WISH)


def profiles_of(profile_id: str, data: Mapping[str, Any]) -> list[str]:
    """The profiles an event speaks of, its own first: it waits for earlier events of each, later ones wait for it."""
    return list(dict.fromkeys((profile_id, *_ids(data))))


def _ids(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if is_id(value):
            yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in _NOT_PROFILES:
                yield from _ids(key)
                yield from _ids(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _ids(inner)
