"""Where an item stands on a timeline: by when it happened, whenever it arrived (MRG-5)."""

from __future__ import annotations

import math
from datetime import UTC, datetime

_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
"""No customer wrote before; a channel that says so has a clock that was never set (1970, 1980)."""


def happened_at(occurred_at: datetime, recorded_at: datetime) -> datetime:
    """When an item happened: as its channel says, unless that clock lies; then when it arrived.

    Nothing happens after it has arrived, and nothing happened before there were channels.
    """
    return occurred_at if _EARLIEST <= occurred_at <= recorded_at else recorded_at


def timeline_second(occurred_at: datetime, recorded_at: datetime) -> int:
    """The second (Unix time) by which timelines are ordered; within one, what arrived first comes first.

    Whole seconds, because that is what most channels tell: a mail of 10:00:00 that arrives at 10:00:00.9 did not happen
    before what was written here at 10:00:00.5.
    """
    return math.floor(happened_at(occurred_at, recorded_at).timestamp())
