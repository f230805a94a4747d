"""What channels send that is shown nowhere: counted by day, and listed (RES-20)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from onefold.core.clock import utc_now
from onefold.database.engine import UnitOfWork
from onefold.insights import store

_PREFIX = "not_shown."
_DAYS = 30


class NotShown(NamedTuple):
    """How often a channel has sent what is no contact, by kind, in the last 30 days; `newest_day` is in UTC."""

    channel: str
    kind: str
    number: int
    newest_day: str


def note(unit: UnitOfWork, channel: str, kinds: Mapping[str, int]) -> None:
    """Counts what a channel has just sent, by what it calls it."""
    day = f"{utc_now():%Y-%m-%d}"
    store.add(unit, {(day, f"{_PREFIX}{channel}.{kind}"): number for kind, number in kinds.items()})


def list_not_shown(unit: UnitOfWork) -> list[NotShown]:
    """The commonest first."""
    now = utc_now()
    counts: Counter[str] = Counter()
    newest: dict[str, str] = {}
    for (day, name), number in store.counts_between(
        unit, f"{now - timedelta(_DAYS):%Y-%m-%d}", f"{now:%Y-%m-%d}"
    ).items():
        if name.startswith(_PREFIX):
            counts[name] += number
            newest[name] = max(day, newest.get(name, ""))
    named = [(name.removeprefix(_PREFIX).partition("."), number) for name, number in counts.most_common()]
    return [
        NotShown(channel, kind, number, newest_day=newest[f"{_PREFIX}{channel}.{kind}"])
        for (channel, _, kind), number in named
    ]
