"""Relationships are kept as they were entered, and no merge writes them any more (PRO-8, MRG-13, MRG-19).

Those that merges have moved get back the two profiles they were entered for, and those that merges have left out are
there again: they are seen as one with the like, or not at all, until a merge is undone. What is known of them stands in
the records of the merges that stand.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import sqlalchemy as sa
from alembic import op

from onefold.database.tables import Id, Instant, instant

revision = "0017"
down_revision = "0016"

_AT_ONCE = 5_000
_TABLES = ("merges", "audit_records", "profiles", "relationships")
_relationships = sa.table(
    "relationships",
    sa.column("organization_id", sa.BigInteger),
    sa.column("id", Id),
    sa.column("profile_id", Id),
    sa.column("other_id", Id),
    sa.column("kind", sa.Text),
    sa.column("created_at", Instant),
)
_SYMMETRICAL = frozenset(("spouse", "partner", "sibling", "colleague", "friend", "neighbour", "relative", "household"))
_INVERSES = {"parent": "child", "guardian": "ward", "manager": "report", "employer": "employee"}


class _Row(NamedTuple):
    id: str
    profile_id: str
    other_id: str
    kind: str


def upgrade() -> None:
    connection = op.get_bind()
    postgresql = connection.dialect.name == "postgresql"
    for table in _TABLES if postgresql else ():  # its owner is held to one organization as well, and this is for all
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    for organization_id in connection.execute(sa.text("SELECT id FROM organizations ORDER BY id")).scalars().all():
        _give_back(connection, organization_id)
    for table in _TABLES if postgresql else ():
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


class _Kept(NamedTuple):
    """What the merges that stand say: relationships as the oldest of them has them, when each was written, and which
    they have left out."""

    entered: dict[str, _Row]
    written: dict[str, str]
    left_out: set[str]


def _give_back(connection: sa.Connection, organization_id: int) -> None:
    kept = _kept(connection, organization_id)
    now = _now(connection, organization_id) if kept.entered else {}
    survivors = _survivors(connection, organization_id, [*kept.entered.values(), *now.values()])
    r = _relationships.c
    moving = _relationships.update().where(r.organization_id == organization_id, r.id == sa.bindparam("row_id"))
    taken = {row[1:] for row in now.values()}
    for row in _moved(kept, now, survivors):
        if row[1:] not in taken:
            taken.add(row[1:])
            connection.execute(moving.values(profile_id=row.profile_id, other_id=row.other_id), {"row_id": row.id})
    for row in _there_again(kept, now, survivors):
        if row[1:] not in taken:
            taken.add(row[1:])
            at = instant(kept.written[row.id])
            values = {"organization_id": organization_id, "created_at": at, **row._asdict()}
            connection.execute(_relationships.insert().values(values))


def _moved(kept: _Kept, now: dict[str, _Row], survivors: dict[str, str]) -> Iterator[_Row]:
    """Those that are there, with the two they were entered for, where these lead to whom they name now."""
    for row in now.values():
        first = kept.entered.get(row.id, row)
        one, other = (
            was if was in survivors and survivors[was] == survivors[end] else end
            for was, end in ((first.profile_id, row.profile_id), (first.other_id, row.other_id))
        )
        yield row._replace(profile_id=one, other_id=other)


def _there_again(kept: _Kept, now: dict[str, _Row], survivors: dict[str, str]) -> Iterator[_Row]:
    """Those that merges have left out for the like, as long as the like is there, or as both have become one."""
    seen = {_meaning(row, survivors) for row in now.values()}
    for row_id in sorted(kept.left_out & kept.written.keys() - now.keys()):
        row = kept.entered[row_id]
        if {row.profile_id, row.other_id} <= survivors.keys():
            one, other, _ = meaning = _meaning(row, survivors)
            if one == other or meaning in seen:
                yield row


def _kept(connection: sa.Connection, organization_id: int) -> _Kept:
    kept = _Kept({}, {}, set())
    for record in _standing(connection, organization_id):
        before, after = _of(record, "source", "destination"), _of(record, "after")
        for row_id, row in before.items():
            kept.entered.setdefault(row_id, row)
            if row_id in record["created"]:
                kept.written.setdefault(row_id, record["created"][row_id])
        kept.left_out.update(before.keys() - after.keys())
    return kept


def _standing(connection: sa.Connection, organization_id: int) -> Iterator[dict[str, Any]]:
    """What is kept of the merges that stand, oldest first."""
    sql = """
        SELECT r.record FROM merges AS m JOIN audit_records AS r
        ON r.organization_id = m.organization_id AND r.seq = m.audit_seq
        WHERE m.organization_id = :org AND m.undone_at IS NULL ORDER BY m.created_at, m.id
    """
    for record in connection.execute(sa.text(sql), {"org": organization_id}).scalars():
        kept = json.loads(record)
        if kept["source"]["relations"] or kept["destination"]["relations"]:
            yield kept


def _of(record: dict[str, Any], *sides: str) -> dict[str, _Row]:
    return {row["id"]: _Row(**row) for side in sides for row in record[side]["relations"]}


def _now(connection: sa.Connection, organization_id: int) -> dict[str, _Row]:
    r = _relationships.c
    rows = connection.execute(
        sa.select(r.id, r.profile_id, r.other_id, r.kind).where(r.organization_id == organization_id)
    )
    return {row.id: _Row._make(row) for row in rows}


def _survivors(connection: sa.Connection, organization_id: int, rows: list[_Row]) -> dict[str, str]:
    p = sa.table("profiles", sa.column("organization_id"), sa.column("id", Id), sa.column("survivor_id", Id)).c
    select = sa.select(p.id, sa.func.coalesce(p.survivor_id, p.id, type_=Id)).where(
        p.organization_id == organization_id
    )
    named = sorted({profile_id for row in rows for profile_id in (row.profile_id, row.other_id)})
    found: dict[str, str] = {}
    for n in range(0, len(named), _AT_ONCE):
        found |= dict(map(tuple, connection.execute(select.where(p.id.in_(named[n : n + _AT_ONCE])))))
    return found


def _meaning(row: _Row, survivors: dict[str, str]) -> tuple[str, str, str]:
    """The two it is between today, and what it says, whichever side it was entered from."""
    one, other = survivors[row.profile_id], survivors[row.other_id]
    return min((one, other, row.kind), (other, one, _turned(row.kind)))


def _turned(kind: str) -> str:
    inverses = _INVERSES | {other: one for one, other in _INVERSES.items()}
    if kind in _SYMMETRICAL:
        return kind
    return inverses.get(kind) or (kind.removesuffix(" of") if kind.endswith(" of") else f"{kind} of")
