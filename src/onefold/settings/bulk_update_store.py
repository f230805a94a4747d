"""Statements that look at or change every contact point of an organization (RES-7, RES-9, PRO-12)."""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa

from onefold.contact_points.blocklist import BLOCKED_KINDS, Blocklist, Entry
from onefold.contact_points.kinds import PhoneType
from onefold.contact_points.points import Holder
from onefold.contact_points.standing import Standing
from onefold.contact_points.store import HOLDER
from onefold.database.engine import UnitOfWork
from onefold.database.tables import IDENTIFYING, LISTED, contact_points, evidence

_c = contact_points.c
_NOT_CLAIMED = _c.standing != "claimed"


def _opens() -> sa.ColumnElement[bool]:
    """What opens a profile where everything listed does (RES-9 `listed`)."""
    return sa.and_(_NOT_CLAIMED, sa.or_(_c.kind != "phone", _c.phone_type == "mobile"))


class Shared(NamedTuple):
    """A value that several profiles hold."""

    kind: str
    value: str
    profile_ids: tuple[str, ...]


def shared_identifiers(unit: UnitOfWork, limit: int) -> list[Shared]:
    """Values held by several profiles that each would have to open; customer IDs may be (they never do)."""
    unit.allow_whole_base()
    grouped = (
        unit.select(_c.kind, _c.value)
        .where(_opens(), _c.kind != "customer_id")
        .group_by(_c.kind, _c.value)
        .having(sa.func.count() > 1)
        .order_by(_c.kind, _c.value)
        .limit(limit)
    )
    return [_to_shared(unit, row.kind, row.value) for row in unit.execute(grouped).all()]


def _to_shared(unit: UnitOfWork, kind: str, value: str) -> Shared:
    holders = unit.select(_c.id, _c.profile_id).where(_c.kind == kind, _c.value == value, _opens())
    rows: list[sa.Row[Any]] = []
    for half in (IDENTIFYING, LISTED):  # each has an index by value
        rows += unit.execute(holders.where(half).order_by(_c.id).limit(20))
    return Shared(kind, value, tuple(row.profile_id for row in sorted(rows, key=lambda row: str(row.id))[:20]))


def count_listed_only(unit: UnitOfWork) -> int:
    """How many values open a profile without the customer ever having contacted from them."""
    unit.allow_whole_base()
    counting = unit.select(sa.func.count(), of=contact_points).where(IDENTIFYING, _c.standing != "contacted")
    return int(unit.execute(counting).scalar_one())


def unset_identifying_for_listed(unit: UnitOfWork) -> int:
    """Values never contacted from no longer open their profile; returns how many."""
    unit.allow_whole_base()
    changing = unit.update(contact_points).where(IDENTIFYING, _c.standing != "contacted")
    return int(unit.execute(changing.values(identifying=False)).rowcount)


def count_listed_to_open(unit: UnitOfWork) -> int:
    """How many listed values would begin to open their profile."""
    unit.allow_whole_base()
    counting = unit.select(sa.func.count(), of=contact_points).where(LISTED, _opens(), _c.kind != "customer_id")
    return int(unit.execute(counting).scalar_one())


def set_identifying_for_listed(unit: UnitOfWork, blocklist: Blocklist) -> None:
    """Every listed value that is not blocklisted begins to open its profile."""
    unit.allow_whole_base()
    listed = (LISTED, _opens(), _c.kind != "customer_id")
    exact = [e for e in blocklist.entries() if "*" not in e.value]
    # By value: one placeholder may stand on very many profiles.
    named = unit.execute(unit.select(_c.kind, _c.value).where(*listed, _c.kind != "email").distinct())
    placeholders = [(row.kind, row.value) for row in named if blocklist.holds(row.kind, row.value)]
    values = {kind: [e.value for e in exact if e.kind == kind] for kind in BLOCKED_KINDS}
    for kind, value in placeholders:
        values[kind].append(value)
    blocked = [
        *(sa.and_(_c.kind == kind, _c.value.in_(of_kind)) for kind, of_kind in values.items()),
        *(sa.and_(_c.kind == e.kind, _matches(e)) for e in blocklist.entries() if "*" in e.value),
    ]
    unit.execute(unit.update(contact_points).where(*listed, sa.not_(sa.or_(*blocked))).values(identifying=True))


def touched_by(unit: UnitOfWork, entry: Entry, examples: int) -> tuple[int, int, list[str]]:
    """How many contact points an entry would take identity from, of how many profiles, and some of their values."""
    unit.allow_whole_base()
    touched = (_c.kind == entry.kind, IDENTIFYING, _matches(entry))
    on_profiles = sa.func.count(sa.distinct(_c.profile_id)).label("profiles")
    counts = unit.select(sa.func.count().label("points"), on_profiles, of=contact_points).where(*touched)
    row = unit.execute(counts).one()
    some = unit.select(_c.value).where(*touched).order_by(_c.value).limit(examples)
    return int(row.points), int(row.profiles), list(unit.execute(some).scalars())


def unset_identifying_for_blocked(unit: UnitOfWork, entry: Entry) -> int:
    """Contact points with a blocklisted value no longer open anything; returns how many."""
    changing = unit.update(contact_points).where(_c.kind == entry.kind, IDENTIFYING, _matches(entry))
    return int(unit.execute(changing.values(identifying=False)).rowcount)


def _matches(entry: Entry) -> sa.ColumnElement[bool]:
    if entry.kind in ("customer_id", "visitor"):
        return sa.func.lower(_c.value) == entry.value
    if entry.kind == "social" and entry.value.endswith(":*"):
        network = entry.value.removesuffix("*")
        return sa.and_(_c.value > network, _c.value < network[:-1] + ";")  # a range: ";" follows ":"
    if entry.kind != "email" or "*" not in entry.value:
        return _c.value == entry.value
    local, _, domain = entry.value.rpartition("@")
    if domain == "*":  # a range, which the index serves: "A" follows "@"
        return sa.and_(_c.value > f"{local}@", _c.value < f"{local}A")
    return _c.value.endswith(f"@{domain}", autoescape=True)


def holders_of_entry(unit: UnitOfWork, entry: Entry, limit: int) -> list[tuple[str, str, PhoneType | None, Standing]]:
    """(contact point, value, phone type, standing) of points that open nothing and match an entry."""
    select = unit.select(_c.id, _c.value, _c.phone_type, _c.standing)
    select = select.where(_c.kind == entry.kind, LISTED, _matches(entry))
    rows = unit.execute(select.order_by(_c.id).limit(limit))
    return [(row.id, row.value, row.phone_type, row.standing) for row in rows]


def set_identifying(unit: UnitOfWork, contact_point_id: str) -> None:
    """A contact point begins to open its profile."""
    unit.execute(unit.update(contact_points).where(_c.id == contact_point_id).values(identifying=True))


def set_mobile(unit: UnitOfWork, contact_point_id: str, opens: bool) -> None:
    """RES-7: a phone is a mobile from now on."""
    changing = unit.update(contact_points).where(_c.id == contact_point_id)
    unit.execute(changing.values(identifying=opens, phone_type="mobile"))


def other_phones(unit: UnitOfWork, after: str, limit: int) -> list[tuple[str, str | None]]:
    """(number, as it was written) of phones of type `other`, each once, in the order of the numbers."""
    select = unit.select(_c.value, sa.func.min(_c.written))
    select = select.where(_c.kind == "phone", LISTED, _c.phone_type == "other", _NOT_CLAIMED, _c.value > after)
    rows = unit.execute(select.group_by(_c.value).order_by(_c.value).limit(limit))
    return [tuple(row) for row in rows]


def count_other_phones(unit: UnitOfWork) -> int:
    """How many numbers are held as `other` by anyone."""
    unit.allow_whole_base()
    counting = unit.select(sa.func.count(sa.distinct(_c.value)), of=contact_points)
    counting = counting.where(_c.kind == "phone", LISTED, _c.phone_type == "other", _NOT_CLAIMED)
    return int(unit.execute(counting).scalar_one())


def telling_holders(unit: UnitOfWork, number: str) -> list[Holder]:
    """The holders of a number that RES-7 turns on: up to two as `other`, one as mobile."""
    select = unit.select(*HOLDER).where(_c.kind == "phone", _c.value == number, _NOT_CLAIMED)
    holders = []
    for phone_type, limit in (("mobile", 1), ("other", 2)):
        for half in (IDENTIFYING, LISTED):
            rows = unit.execute(select.where(half, _c.phone_type == phone_type).limit(limit))
            holders += [Holder._make(row) for row in rows]
    return holders


class Candidate(NamedTuple):
    """A value that very many profiles share (SUG-6)."""

    kind: Any
    value: str
    profiles: int


def common_evidence(unit: UnitOfWork, limit: int, most: int) -> list[Candidate]:
    """Values of which evidence names at least `limit` profiles: then no more was recorded (SUG-6), however many bring
    a value that one profile holds."""
    unit.allow_whole_base()
    e = evidence.c
    of_kinds = e.kind.in_(("email", "phone", "social", "customer_id"))
    named = sa.union_all(
        unit.select(e.kind, e.value, e.profile_id).where(of_kinds),
        unit.select(e.kind, e.other_value, e.other_id).where(of_kinds),
    ).subquery()
    number = sa.func.count(sa.distinct(named.c.profile_id))
    grouped = sa.select(named.c.kind, named.c.value, number).group_by(named.c.kind, named.c.value)
    rows = unit.execute(
        grouped.having(number >= limit).order_by(number.desc(), named.c.kind, named.c.value).limit(most)
    )
    return [Candidate._make(row) for row in rows]


def common_values(unit: UnitOfWork, limit: int, most: int) -> list[Candidate]:
    """Values that more than `limit` profiles hold, the commonest first."""
    unit.allow_whole_base()
    # All of them but one only list it: what opens a profile, which is most there is, need not be read.
    listed = (
        unit.select(_c.kind, _c.value, sa.func.count().label("number"))
        .where(LISTED, _c.kind != "visitor")
        .group_by(_c.kind, _c.value)
        .having(sa.func.count() >= limit)
        .subquery()
    )
    opened = unit.select(sa.func.count(), of=contact_points).where(
        _c.kind == listed.c.kind, _c.value == listed.c.value, IDENTIFYING
    )
    number = (listed.c.number + opened.scalar_subquery()).label("number")
    common = sa.select(listed.c.kind, listed.c.value, number).subquery()
    n = common.c.number
    commonest = sa.select(common).where(n > limit).order_by(n.desc(), common.c.kind, common.c.value).limit(most)
    return [Candidate._make(row) for row in unit.execute(commonest)]
