"""How a profile came to be: its contact points, the profiles merged into it, and what left it again."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class Origin(NamedTuple):
    """A profile of the history. `part`: it is in the living one today, else it was only a while, or has left it.

    `name` is the one it had when it was merged, where that is known.
    """

    id: str
    name: str | None
    created_at: datetime
    created_by: str | None
    part: bool


class Arrival(NamedTuple):
    """A contact point that came on a profile. Not `known`: the profile may have got it from one that was merged into
    it. `contacted`: the customer got in touch from it; else it was only listed."""

    id: str
    profile_id: str
    text: str
    at: datetime
    contacted: bool
    known: bool


class Join(NamedTuple):
    """A merge, by whom, and by whom it was undone. `into` is the destination's name then, where that is known."""

    id: str
    source_id: str
    destination_id: str
    into: str | None
    at: datetime
    by: str
    undone_at: datetime | None
    undone_by: str | None


class Departure(NamedTuple):
    """A detach: `text` is the contact point that went into a new profile, where that is known."""

    from_id: str
    to_id: str
    text: str | None
    at: datetime
    by: str


class History(NamedTuple):
    """How the living profile came to be, up to `now`. `more_…` were too many to be told of."""

    profile_id: str
    now: datetime
    origins: tuple[Origin, ...]
    arrivals: tuple[Arrival, ...]
    joins: tuple[Join, ...]
    departures: tuple[Departure, ...]
    more_profiles: int = 0
    more_arrivals: int = 0
    more_departures: int = 0
