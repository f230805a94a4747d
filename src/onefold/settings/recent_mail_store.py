"""The mails that came in last, as far as it matters whose they are (RES-18)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from onefold.database.engine import UnitOfWork, same_organization
from onefold.database.tables import contact_points, items, set_aside

_MOST_ITEMS = 20_000
_TEXT_LENGTH = 20_000


class RecentMail(NamedTuple):
    """A mail that is an item of a profile or, with no `profile_id`, set aside. `sender` is the contact point that it is
    filed by, or the address it came from; `body` its beginning."""

    id: str
    profile_id: str | None
    sender: str | None
    body: str | None
    subject: str | None
    data: Any
    occurred_at: datetime


def list_filed(unit: UnitOfWork, limit: int) -> list[RecentMail]:
    """The newest that are items, of the last 20,000 items."""
    i, p = items.c, contact_points.c
    newest = unit.execute(unit.select(i.seq, i.channel, i.direction).order_by(i.seq.desc()).limit(_MOST_ITEMS))
    mails = [row.seq for row in newest if (row.channel, row.direction) == ("email", "in")][:limit]
    columns = (i.seq, i.profile_id, p.value, sa.func.substr(i.body, 1, _TEXT_LENGTH), i.subject, i.data, i.occurred_at)
    with_points = items.outerjoin(
        contact_points, sa.and_(same_organization(contact_points, items), p.id == i.contact_point_id)
    )
    select = unit.select(*columns, of=items).select_from(with_points)
    rows = unit.execute(select.where(i.seq.in_(mails))) if mails else ()
    return [RecentMail._make((str(row[0]), *row[1:])) for row in rows]


def list_waiting(unit: UnitOfWork, limit: int) -> list[RecentMail]:
    """Of the newest that are set aside, those whose sender is no customer."""
    a = set_aside.c
    columns = (a.id, sa.null(), a.sender, sa.func.substr(a.body, 1, _TEXT_LENGTH), a.subject, a.data, a.occurred_at)
    rows = unit.execute(unit.select(*columns, a.channel, a.reason).order_by(a.id.desc()).limit(limit))
    return [RecentMail._make(row[:-2]) for row in rows if row.channel == "email" and row.reason != "machine"]
