"""Tries to sign in that failed or are under way, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from onefold.database.engine import UnitOfWork
from onefold.database.tables import sign_in_tries

_t = sign_in_tries.c


class TryRow(NamedTuple):
    """A try; `counted` is the hash of what it counts for."""

    id: str
    counted: str
    tried_at: datetime


def add_tries(unit: UnitOfWork, tries: Sequence[TryRow]) -> None:
    """New tries."""
    rows = [{**one._asdict(), "organization_id": unit.organization_id} for one in tries]
    unit.execute(sign_in_tries.insert(), rows)


def nth_newest(unit: UnitOfWork, counted: str, n: int, since: datetime) -> datetime | None:
    """When the n-th newest try after `since` was made; None if there are fewer."""
    tries = unit.select(_t.tried_at).where(_t.counted == counted, _t.tried_at > since)
    return unit.execute(tries.order_by(_t.tried_at.desc()).offset(n - 1).limit(1)).scalar_one_or_none()


def delete_tries(unit: UnitOfWork, ids: Sequence[str]) -> None:
    """What ended well was no failure."""
    unit.execute(unit.delete(sign_in_tries).where(_t.id.in_(ids)))
