"""Contact points: who holds which, and those that became one with another in a merge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache

from onefold.contact_points.points import HeldPoint, Holder, Key
from onefold.database.dialects import Dialect
from onefold.database.engine import UnitOfWork
from onefold.database.tables import IDENTIFYING, absorbed_points, contact_points

OPEN_CONVERSATION = "{c}.organization_id = {p}.organization_id AND {c}.profile_id = {p}.id AND {c}.state = 'open'"
"""The one open conversation of a profile."""


def with_profile(d: Dialect) -> str:
    """Behind a contact point: its profile, and the one open conversation of it."""
    profile = "p.organization_id = cp.organization_id AND p.id = cp.profile_id"
    return d.join("profiles", "p", profile) + d.left_join("conversations", "c", OPEN_CONVERSATION.format(c="c", p="p"))


HOLDER_COLUMNS = (
    "k.kind, k.value, cp.id, cp.profile_id, cp.phone_type, cp.sms, cp.contacted, cp.standing, cp.undeliverable, "
    "cp.current, p.version, c.id"
)
"""A value, who holds it and how, the profile's version and its open conversation."""
_CURRENT = 9


@cache
def identified_sql(d: Dialect) -> str:
    """Of many (kind, value): whom each identifies. The first parameter is the organization."""
    point = "cp.organization_id = ? AND cp.kind = k.kind AND cp.value = k.value AND cp.identifying"
    return f"SELECT {HOLDER_COLUMNS} FROM {d.pairs} {d.join('contact_points', 'cp', point)} {with_profile(d)}"


@cache
def listed_sql(d: Dialect) -> str:
    """Of many (kind, value): who else holds it; first those who have contacted from it, and last those who only claim
    it, because claims cost nothing and must hide no holder (PRO-13). Its parameters are `Dialect.first_parameters`."""
    point = "cp.organization_id = ? AND cp.kind = k.kind AND cp.value = k.value AND NOT cp.identifying"
    order = "(cp.standing = 'claimed'), (cp.standing = 'entered'), cp.id"
    first = d.first("contact_points", "cp", point, order, index="contact_points_listed")
    return f"SELECT {HOLDER_COLUMNS} FROM {d.pairs} {first} {with_profile(d)}"


def who_holds(unit: UnitOfWork, keys: Sequence[Key], limit: int) -> dict[Key, set[str]]:
    """The profiles that hold each value in any way, at most `limit` + 1 of each. A former owner of a number that has
    a new one (RES-21) does not hold it."""
    holders: dict[Key, set[str]] = {key: set() for key in keys}
    if keys:
        first = unit.dialect.first_parameters((unit.organization_id,), limit)
        for row in unit.lookup(identified_sql(unit.dialect), (unit.organization_id,), keys):
            holders[row[0], row[1]].add(str(row[3]))
        for row in unit.lookup(listed_sql(unit.dialect), first, keys):
            if row[0] != "phone" or row[_CURRENT]:
                holders[row[0], row[1]].add(str(row[3]))
    return holders


HOLDER = tuple(contact_points.c["id" if field == "contact_point_id" else field] for field in Holder._fields)
"""The columns a `Holder` is made of, in its order."""
_POINT = ", ".join("id" if field == "contact_point_id" else field for field in HeldPoint._fields)


def points_of(unit: UnitOfWork, ids: Sequence[str]) -> dict[str, list[HeldPoint]]:
    """The contact points (and customer ID) of each profile, in the order they came."""
    d = unit.dialect
    own_points = d.join("contact_points", "cp", "cp.organization_id = ? AND cp.profile_id = k.value", one=False)
    columns = ", ".join(f"cp.{column}" for column in _POINT.split(", "))
    sql = f"SELECT cp.profile_id, {columns} FROM {d.id_keys} {own_points}"
    points: dict[str, list[HeldPoint]] = {profile_id: [] for profile_id in ids}
    rows = unit.lookup(sql, (unit.organization_id,), ids) if ids else []
    for profile_id, *point in sorted(rows, key=lambda row: str(row[1])):
        stored = HeldPoint._make(point)
        points[profile_id].append(
            stored._replace(  # SQLite has no truth values of its own
                main=bool(stored.main),
                sms=bool(stored.sms),
                identifying=bool(stored.identifying),
                contacted=bool(stored.contacted),
                current=bool(stored.current),
                undeliverable=bool(stored.undeliverable),
            )
        )
    return points


def identified_by(unit: UnitOfWork, kind: str, value: str) -> Holder | None:
    """The profile that an identifying value opens."""
    c = contact_points.c
    row = unit.execute(unit.select(*HOLDER).where(c.kind == kind, c.value == value, IDENTIFYING)).one_or_none()
    return None if row is None else Holder._make(row)


def created_at(unit: UnitOfWork, contact_point_id: str) -> datetime:
    """When a contact point was written."""
    c = contact_points.c
    at: datetime = unit.execute(unit.select(c.created_at).where(c.id == contact_point_id)).scalar_one()
    return at


def save_point(unit: UnitOfWork, profile_id: str, point: HeldPoint, now: datetime) -> None:
    """Writes a contact point as planned, new or changed."""
    values = {**point._asdict(), "profile_id": profile_id}
    point_id = values.pop("contact_point_id")
    changed = unit.execute(unit.update(contact_points).where(contact_points.c.id == point_id).values(**values))
    if changed.rowcount == 0:
        unit.execute(
            contact_points.insert().values(organization_id=unit.organization_id, id=point_id, created_at=now, **values)
        )


def clear_main(unit: UnitOfWork, contact_point_id: str) -> None:
    """Takes the Main tag away."""
    unit.execute(unit.update(contact_points).where(contact_points.c.id == contact_point_id).values(main=False))


def remove_point(unit: UnitOfWork, contact_point_id: str) -> None:
    """Takes a contact point off its profile; items that came through it stay."""
    unit.execute(unit.delete(contact_points).where(contact_points.c.id == contact_point_id))


def absorb_points(unit: UnitOfWork, absorbed: Mapping[str, str]) -> None:
    """Contact points that became one with another (MRG-3), and those that had become one with them before."""
    a = absorbed_points.c
    for gone, by in absorbed.items():
        unit.execute(unit.update(absorbed_points).where(a.contact_point_id == gone).values(contact_point_id=by))
        values = {"organization_id": unit.organization_id, "id": gone, "contact_point_id": by}
        unit.execute(absorbed_points.insert().values(values))


def release_points(unit: UnitOfWork, released: Mapping[str, str | None]) -> None:
    """Contact points that are there again, or lead to another one from now on: to which, by id; None: to none."""
    a = absorbed_points.c
    for point_id, by in released.items():
        if by is None:
            unit.execute(unit.delete(absorbed_points).where(a.id == point_id))
        else:
            unit.execute(unit.update(absorbed_points).where(a.id == point_id).values(contact_point_id=by))


def absorbed_by(unit: UnitOfWork, point_ids: Sequence[str]) -> list[str]:
    """The contact points that have become one with these."""
    a = absorbed_points.c
    return list(unit.execute(unit.select(a.id).where(a.contact_point_id.in_(point_ids))).scalars())


def absorbing(unit: UnitOfWork, contact_point_id: str) -> str | None:
    """The contact point that this one became one with in a merge."""
    a = absorbed_points.c
    by: str | None = unit.execute(unit.select(a.contact_point_id).where(a.id == contact_point_id)).scalar_one_or_none()
    return by
