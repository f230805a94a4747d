"""Profiles and what hangs on them: reading, locking, editing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from onefold.contact_points.store import points_of
from onefold.core.errors import NotFound, VersionConflict
from onefold.core.ids import is_id
from onefold.database.dialects import Insert, Row
from onefold.database.engine import RetryTransaction, UnitOfWork
from onefold.database.tables import addresses, details, instant, profiles, relationships
from onefold.database.tables import search_terms as terms
from onefold.matching.store import origins
from onefold.profiles.relationships import Relationship, visible_relationships
from onefold.profiles.search import search_terms

TERMS = Insert(terms, ("organization_id", "term", "profile_id"), skip_taken=True)


class ProfileRow(NamedTuple):
    """A profile's own fields. `survivor_id` is set once it has been merged away."""

    id: str
    name: str | None
    name_confirmed: bool
    username: str | None
    image: str | None
    attributes: dict[str, Any]
    survivor_id: str | None
    version: int
    created_by: str | None
    created_at: datetime

    @property
    def living_id(self) -> str:
        """The living profile that the id leads to (EVT-2)."""
        return self.survivor_id or self.id


_COLUMNS = [profiles.c[name] for name in ProfileRow._fields]


def _profile(row: sa.Row[Any]) -> ProfileRow:
    profile = ProfileRow._make(row)
    return profile if profile.attributes else profile._replace(attributes={})


def read_profile(unit: UnitOfWork, profile_id: str) -> ProfileRow:
    """The profile with this id, also one merged away; raises NotFound."""
    row = None
    if is_id(profile_id):
        row = unit.execute(unit.select(*_COLUMNS).where(profiles.c.id == profile_id)).one_or_none()
    if row is None:
        raise NotFound("There is no profile with this id.", code="profile_not_found")
    return _profile(row)


def read_profiles(unit: UnitOfWork, ids: Sequence[str]) -> dict[str, ProfileRow]:
    """The profiles with these ids, also those merged away; raises NotFound unless there is one for each."""
    known = [profile_id for profile_id in ids if is_id(profile_id)]
    rows = unit.execute(unit.select(*_COLUMNS).where(profiles.c.id.in_(known))) if known else ()
    by_id = {row.id: _profile(row) for row in rows}
    if set(by_id) != set(ids):
        raise NotFound("There is no profile with this id.", code="profile_not_found")
    return by_id


def lock_profile(
    unit: UnitOfWork, profile_id: str, version: int | None = None, *, against_contacts: bool = False
) -> ProfileRow:
    """The living profile behind the id (EVT-2), kept from other writers until the unit ends.

    `against_contacts` keeps contacts from being appended meanwhile as well. Raises NotFound; VersionConflict if
    `version` is given and is not the profile's; RetryTransaction if the way to the profile has changed meanwhile.
    """
    row = lock_living(unit, profile_id, against_contacts=against_contacts)
    if row is None:
        survivor_id = read_profile(unit, profile_id).survivor_id
        row = lock_living(unit, survivor_id or profile_id, against_contacts=against_contacts)
        # What was waited for may have been the survivor's own merge, or an undoing that brought the profile back.
        if row is None or (read_profile(unit, profile_id).survivor_id or profile_id) != row.id:
            raise RetryTransaction
    if version is not None and row.version != version:
        raise VersionConflict("The profile has changed since it was read; read it again.", profile_id=row.id)
    return row


def lock_living(unit: UnitOfWork, profile_id: str, *, against_contacts: bool) -> ProfileRow | None:
    """The profile, locked; None where there is none living with this id. One merged away is never locked: whoever held
    it and waited for its survivor would wait for those who merge that one on."""
    p = profiles.c
    living = unit.select(*_COLUMNS).where(p.id == profile_id, p.survivor_id.is_(None))
    locking = living.with_for_update(key_share=not against_contacts)
    row = unit.execute(locking).one_or_none() if is_id(profile_id) else None
    return None if row is None else _profile(row)


def add_profile(unit: UnitOfWork, profile_id: str, now: datetime, **values: object) -> None:
    """A new profile without contact points."""
    unit.execute(
        profiles.insert().values(organization_id=unit.organization_id, id=profile_id, created_at=now, **values)
    )


def change_profile(unit: UnitOfWork, profile_id: str, **values: object) -> None:
    """Sets fields and moves the version on; call it without values where something else of the profile has changed."""
    unit.execute(
        unit.update(profiles).where(profiles.c.id == profile_id).values(version=profiles.c.version + 1, **values)
    )


def list_ids(unit: UnitOfWork, after: str | None, limit: int) -> list[str]:
    """Living profiles, newest first, after the id of a page before."""
    select = unit.select(profiles.c.id).where(profiles.c.survivor_id.is_(None))
    if after is not None:
        select = select.where(profiles.c.id < after)
    return list(unit.execute(select.order_by(profiles.c.id.desc()).limit(limit)).scalars())


class ProfileHead(NamedTuple):
    """What a list shows of a profile, besides its contact points."""

    id: str
    name: str | None
    name_confirmed: bool
    created_at: datetime


def read_heads(unit: UnitOfWork, ids: Sequence[str]) -> dict[str, ProfileHead]:
    """Living profiles by id."""
    d = unit.dialect
    living = d.join("profiles", "p", "p.organization_id = ? AND p.id = k.value AND p.survivor_id IS NULL")
    sql = f"SELECT p.id, p.name, p.name_confirmed, p.created_at FROM {d.id_keys} {living}"
    rows = unit.lookup(sql, (unit.organization_id,), ids) if ids else []
    return {row[0]: ProfileHead(row[0], row[1], bool(row[2]), instant(row[3])) for row in rows}


def read_survivors(unit: UnitOfWork, ids: Sequence[str]) -> dict[str, str]:
    """The living profile that each of these is, or has been merged into."""
    d = unit.dialect
    sql = f"SELECT p.id, COALESCE(p.survivor_id, p.id) FROM {d.id_keys} "
    sql += d.join("profiles", "p", "p.organization_id = ? AND p.id = k.value")
    return dict(map(tuple, unit.lookup(sql, (unit.organization_id,), ids))) if ids else {}


def forget_terms(unit: UnitOfWork, profile_id: str) -> None:
    """A profile that no search finds any more."""
    unit.execute(unit.delete(terms).where(terms.c.profile_id == profile_id))


def reindex(unit: UnitOfWork, profile_id: str) -> None:
    """Brings the search up to what the profile holds now."""
    row = read_profile(unit, profile_id)
    points = [(p.kind, p.value, p.handle) for p in points_of(unit, [profile_id])[profile_id]]
    forget_terms(unit, profile_id)
    terms = search_terms(row.name, row.username, points, former_names(unit, profile_id))
    rows = [(unit.organization_id, term, profile_id) for term in terms]
    if rows:
        unit.insert(TERMS, rows)


def former_names(unit: UnitOfWork, profile_id: str) -> list[str]:
    """The names that lost in the merges that a living profile stands on, the newest first (MRG-19)."""
    sources = merged_into(unit, profile_id)[1:]
    if not sources:
        return []
    d = unit.dialect
    standing = "m.organization_id = ? AND m.source_id = k.value AND m.undone_at IS NULL"
    sql = f"SELECT m.id, m.former_name FROM {d.id_keys}{d.join('merges', 'm', standing, one=False)}"
    rows = unit.lookup(sql, (unit.organization_id,), sources)
    return [str(name) for _, name in sorted(rows, key=lambda row: str(row[0]), reverse=True) if name is not None]


def since(unit: UnitOfWork, rows: Sequence[ProfileRow]) -> dict[str, datetime]:
    """When each customer was first known: when its profile, or the oldest of those merged into it, was created."""
    p, times = profiles.c, {row.id: row.created_at for row in rows}
    oldest = sa.func.min(p.created_at).label("oldest")
    select = unit.select(p.survivor_id, oldest).where(p.survivor_id.in_(times)).group_by(p.survivor_id)
    for row in unit.execute(select):
        times[row.survivor_id] = min(row.oldest, times[row.survivor_id])
    return times


class Part(NamedTuple):
    """A table whose rows belong to a profile and are kept in the order they came. `marks` are set by merges only."""

    table: sa.Table
    fields: tuple[str, ...]
    missing: str
    marks: tuple[str, ...] = ()


DETAILS = Part(details, ("key", "value"), "There is no such detail on this profile.", ("from_profile_id",))
ADDRESSES = Part(
    addresses,
    ("label", "street", "city", "region", "postal_code", "country"),
    "There is no such address on this profile.",
)


def parts_of(unit: UnitOfWork, part: Part, profile_id: str) -> list[dict[str, Any]]:
    """Details or addresses of a profile; addresses in the order that a merge gives them (MRG-3)."""
    table = part.table
    order = [table.c.position, table.c.id] if table is addresses else [table.c.id]
    rows = unit.execute(
        unit.select(table.c.id, *(table.c[f] for f in (*part.fields, *part.marks)))
        .where(table.c.profile_id == profile_id)
        .order_by(*order)
    )
    return [dict(row._mapping) for row in rows]


def add_part(
    unit: UnitOfWork, part: Part, part_id: str, profile_id: str, values: dict[str, Any], now: datetime
) -> None:
    """A new detail or address."""
    unit.execute(
        part.table.insert().values(
            organization_id=unit.organization_id, id=part_id, profile_id=profile_id, created_at=now, **values
        )
    )


def change_part(unit: UnitOfWork, part: Part, part_id: str, profile_id: str, values: dict[str, Any]) -> None:
    """Changes a detail or address; raises NotFound."""
    if values:
        changing = unit.update(part.table).where(_is_one(part.table, part_id, profile_id)).values(values)
        _expect(part, unit.execute(changing))


def remove_part(unit: UnitOfWork, part: Part, part_id: str, profile_id: str) -> None:
    """Takes a detail or address away; raises NotFound."""
    _expect(part, unit.execute(unit.delete(part.table).where(_is_one(part.table, part_id, profile_id))))


def _is_one(table: sa.Table, part_id: str, profile_id: str) -> sa.ColumnElement[bool]:
    if not is_id(part_id):
        return sa.false()
    return sa.and_(table.c.id == part_id, table.c.profile_id == profile_id)


def _expect(part: Part, result: sa.CursorResult[Any]) -> None:
    if result.rowcount == 0:
        raise NotFound(part.missing, code="not_found")


def relationships_of(unit: UnitOfWork, ids: Sequence[str]) -> tuple[Relationship, ...]:
    """The relationships of the profile that `merged_into` lists these ids of, as they are seen today."""
    return relationships_of_each(unit, [ids])[0]


def relationships_of_each(unit: UnitOfWork, ids_of_each: Sequence[Sequence[str]]) -> list[tuple[Relationship, ...]]:
    """The same for several profiles at a time."""
    led = _as_of_today(unit, entered_relationships(unit, [one for ids in ids_of_each for one in ids]))
    return [visible_relationships(ids[0], led) for ids in ids_of_each]


def entered_relationships(unit: UnitOfWork, ids: Sequence[str]) -> list[Relationship]:
    """Relationships as they were entered, of any of these profiles, merged away or not."""
    r = relationships.c
    select = unit.select(r.id, r.profile_id, r.other_id, r.kind)
    rows = unit.execute(select.where(sa.or_(r.profile_id.in_(ids), r.other_id.in_(ids))))
    return [Relationship._make(row) for row in rows]


def _as_of_today(unit: UnitOfWork, entered: Sequence[Relationship]) -> list[Relationship]:
    survivors = read_survivors(unit, sorted({one for row in entered for one in (row.profile_id, row.other_id)}))
    return [row.follow_redirects(survivors) for row in entered]


def add_relationship(unit: UnitOfWork, row: Relationship, now: datetime) -> None:
    """A new relationship."""
    unit.execute(relationships.insert().values(organization_id=unit.organization_id, created_at=now, **row._asdict()))


def remove_relationship(unit: UnitOfWork, relationship_id: str, ids: Sequence[str]) -> None:
    """Takes a relationship away from the profile that `merged_into` lists these ids of, from whichever side, and those
    that merges have made one with it; raises NotFound."""
    led = _as_of_today(unit, entered_relationships(unit, ids))
    seen = {row.id: row.seen_from(ids[0]) for row in led if not row.is_with_itself}
    if relationship_id not in seen:
        raise NotFound("There is no such relationship on this profile.", code="not_found")
    alike = [row_id for row_id, meaning in seen.items() if meaning == seen[relationship_id]]
    unit.execute(unit.delete(relationships).where(relationships.c.id.in_(alike)))


def merged_into(unit: UnitOfWork, profile_id: str) -> list[str]:
    """The ids of every profile that has been merged into this one, directly or not, after its own."""
    return merged_into_each(unit, [profile_id])[0]


def merged_into_each(unit: UnitOfWork, ids: Sequence[str]) -> list[list[str]]:
    """The same for several profiles at a time."""
    leads = origins(unit, ids)
    return [[one, *(gone for gone, living in leads.items() if living == one != gone)] for one in ids]


_WHOLE_TERM = """
    SELECT profile_id, term FROM search_terms WHERE organization_id = ? AND term = ? ORDER BY profile_id DESC LIMIT ?
"""
_BEGUN_TERM = """
    SELECT profile_id, term FROM search_terms
    WHERE organization_id = ? AND term > ? AND term < ? ORDER BY organization_id, term LIMIT ?
"""


def find_by_beginning(unit: UnitOfWork, beginning: str, limit: int) -> list[Row]:
    """(profile, term) of terms that begin so: the whole term first, at most `limit` of each kind."""
    rows = unit.rows(_WHOLE_TERM, (unit.organization_id, beginning, limit))
    return rows + unit.rows(_BEGUN_TERM, (unit.organization_id, beginning, beginning + LAST_OF_ALL, limit))


LAST_OF_ALL = "\U0010ffff"
"""Behind a beginning, greater than whatever else may be behind it."""

_BEGUN_WORDS = """
    SELECT t.profile_id, t.term FROM (
        SELECT profile_id, term FROM search_terms
        WHERE organization_id = ? AND term >= ? AND term < ? ORDER BY organization_id, term LIMIT ?
    ) AS t WHERE {others}
"""
# By the few terms of the profile, never by the many that begin so: `|| ''` keeps planners from the index of terms.
_OTHER_WORD = """EXISTS (
        SELECT 1 FROM search_terms AS o WHERE o.organization_id = ? AND o.profile_id = t.profile_id
        AND ((o.term || '' >= ? AND o.term || '' < ?) OR (o.term || '' >= ? AND o.term || '' < ?))
    )"""


def find_by_words(unit: UnitOfWork, first: str, others: Sequence[str], inner: str, depth: int) -> list[Row]:
    """(profile, term) of terms that begin with `first`, of profiles that have terms that begin with each of the others,
    or with `inner` before it; among the first `depth` terms."""
    sql = _BEGUN_WORDS.format(others=" AND ".join([_OTHER_WORD] * len(others)))
    parameters: list[object] = [unit.organization_id, first, first + LAST_OF_ALL, depth]
    for word in others:
        within = inner + word
        parameters += [unit.organization_id, word, word + LAST_OF_ALL, within, within + LAST_OF_ALL]
    return unit.rows(sql, tuple(parameters))


def find_by_any_beginning(unit: UnitOfWork, beginnings: Sequence[str], limit: int) -> list[Row]:
    """(profile, term) of terms that begin with any of many texts, at most `limit` in all, of the first texts first."""
    if not beginnings:
        return []
    condition = f"t.organization_id = ? AND t.term >= k.value AND t.term < k.value || '{LAST_OF_ALL}'"
    joined = unit.dialect.join("search_terms", "t", condition, one=False)
    sql = f"SELECT t.profile_id, t.term FROM {unit.dialect.keys} {joined} LIMIT ?"
    return unit.lookup(sql, (unit.organization_id, limit), beginnings)
