"""Taking away every row of a customer, and whatever else in the organization's tables tells of it.

Nothing here decides; erasure.py says in which order, and docs/privacy.md what stays and why.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from onefold.conversations.timeline_events import TimelineEvent
from onefold.database.engine import UnitOfWork
from onefold.database.tables import (
    absorbed_points,
    addresses,
    attachments,
    audit,
    audit_records,
    contact_points,
    conversation_reads,
    conversations,
    details,
    drafts,
    evidence,
    idempotency_keys,
    item_inboxes,
    items,
    merges,
    profiles,
    relationships,
    search_terms,
    set_aside,
    suggestions,
    verdicts,
)
from onefold.receiving.set_aside_store import remove_parts

_AT_ONCE = 500
_TEXTS_AT_ONCE = 1_000
_ITEMS_AT_ONCE = 5_000
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Events are written in the transaction of their audit entry, a little before it; no transaction lives longer.
_TRANSACTION = timedelta(seconds=60)
_TELLING = ("profile.merged", "profile.unmerged", "profile.detached", "conversation.moved", "number.given")


class Traces(NamedTuple):
    """What tells in a kept text that it speaks of a customer: ids of its rows, and values that it alone holds."""

    ids: frozenset[str]
    values: tuple[str, ...]

    def found_in(self, text: str) -> bool:
        """Whether the text, JSON of ours, names one of the rows or holds one of the values."""
        return not self.ids.isdisjoint(_ID.findall(text)) or any(value in text for value in self.values)


class Counterpart(NamedTuple):
    """Another profile that the audit log names together with the customer, and when."""

    profile_id: str
    at: datetime


# What there is -------------------------------------------------------------------------------------------------------


def traces(unit: UnitOfWork, ids: Sequence[str]) -> Traces:
    """How kept texts name the customer with these profiles, read before its rows are gone."""
    row_ids = set(ids)
    for table in (contact_points, details, addresses, conversations, drafts):
        row_ids |= set(_column(unit, table.c.id, table.c.profile_id, ids))
    for side in (relationships.c.profile_id, relationships.c.other_id):
        row_ids |= set(_column(unit, relationships.c.id, side, ids))
    # Contact points that were taken off by hand, or became one with another, are known by what came through them.
    spoken = _column(unit, items.c.contact_point_id, items.c.profile_id, ids)
    return Traces(frozenset(row_ids | {point_id for point_id in spoken if point_id}), _own_values(unit, ids))


def _column(unit: UnitOfWork, wanted: sa.Column[Any], key: sa.Column[Any], keys: Sequence[str]) -> list[Any]:
    values: list[Any] = []
    for part in _parts(keys):
        values += unit.execute(unit.select(wanted).where(key.in_(part)).distinct()).scalars()
    return values


def _parts(keys: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (keys[n : n + _AT_ONCE] for n in range(0, len(keys), _AT_ONCE))


def _own_values(unit: UnitOfWork, ids: Sequence[str]) -> tuple[str, ...]:
    """As JSON writes them, in quotes. Values that open no profile may be others' as well and tell nothing."""
    c = contact_points.c
    identifying = unit.select(c.value).where(c.identifying, c.kind.in_(("email", "phone", "social")))
    texts: set[str] = set()
    for part in _parts(ids):
        for value in unit.execute(identifying.where(c.profile_id.in_(part))).scalars():
            texts |= {json.dumps(value), json.dumps(value, ensure_ascii=False)}
    return tuple(sorted(texts))


def related_ids(unit: UnitOfWork, ids: Sequence[str]) -> list[str]:
    """The other profiles that a relationship links with these."""
    r = relationships.c
    related = {*_column(unit, r.other_id, r.profile_id, ids), *_column(unit, r.profile_id, r.other_id, ids)}
    return sorted(related - set(ids))


def points_of(unit: UnitOfWork, ids: Sequence[str]) -> list[tuple[str, str, str, str | None]]:
    """(id, kind, value, handle) of every contact point."""
    c = contact_points.c
    select = unit.select(c.id, c.kind, c.value, c.handle).where(c.profile_id.in_(ids))
    return [tuple(row) for row in unit.execute(select)]


def usernames_of(unit: UnitOfWork, ids: Sequence[str]) -> list[tuple[str, str]]:
    """(profile, username) of those that have one."""
    p = profiles.c
    select = unit.select(p.id, p.username).where(p.id.in_(ids), p.username.is_not(None))
    return [tuple(row) for row in unit.execute(select)]


def counterparts(unit: UnitOfWork, ids: Sequence[str]) -> list[Counterpart]:
    """The profiles outside the customer that were once merged with it, or detached from it or it from them."""
    a = audit.c
    others = set()
    for own, other in ((a.profile_id, a.other_id), (a.other_id, a.profile_id)):
        for part in _parts(ids):
            select = unit.select(other, a.at).where(own.in_(part), a.action.in_(_TELLING), other.is_not(None))
            others |= {tuple(row) for row in unit.execute(select)}
    return [Counterpart(profile_id, at) for profile_id, at in sorted(others) if profile_id not in ids]


# Taking away ---------------------------------------------------------------------------------------------------------


def blur_events(unit: UnitOfWork, counterpart: Counterpart) -> int:
    """Events of that moment on another customer's timeline no longer name anybody; returns how many were changed."""
    i = items.c
    changed = 0
    for profile_id in _timeline(unit, counterpart.profile_id):
        events = unit.select(i.seq, i.data).where(i.profile_id == profile_id, i.kind == "event")
        then = i.recorded_at.between(counterpart.at - _TRANSACTION, counterpart.at)
        for row in unit.execute(events.where(then)).all():
            nameless = TimelineEvent.from_json(row.data).without_names().to_json()
            if nameless != row.data:
                changed += unit.execute(unit.update(items).where(i.seq == row.seq).values(data=nameless)).rowcount
    return changed


def _timeline(unit: UnitOfWork, profile_id: str) -> list[str]:
    """The profile, the living one it leads to, and all that lead there."""
    p = profiles.c
    living = unit.execute(unit.select(p.survivor_id).where(p.id == profile_id)).scalar() or profile_id
    return [living, *unit.execute(unit.select(p.id).where(p.survivor_id == living)).scalars()]


def delete_items(unit: UnitOfWork, ids: Sequence[str]) -> dict[str, int]:
    """Deletes every item and attachment, a part at a time; returns how many of each."""
    counts = {"items": 0, "attachments": 0}
    last = _last_number(unit)
    for profile_id in ids:
        while numbers := _next_part(unit, profile_id, last):
            deleted = _delete_part(unit, numbers)
            counts = {name: counts[name] + deleted[name] for name in counts}
        if last is not None:
            emptied = _empty(unit, last, profile_id)
            counts = {name: counts[name] + emptied.get(name, 0) for name in counts}
    return counts


def _next_part(unit: UnitOfWork, profile_id: str, spared: int | None) -> list[int]:
    """The numbers of the next items of a profile to be deleted, all but the spared one."""
    i = items.c
    rest = sa.true() if spared is None else i.seq != spared
    part = unit.select(i.seq).where(i.profile_id == profile_id, rest)
    return list(unit.execute(part.order_by(i.timeline_second, i.seq).limit(_ITEMS_AT_ONCE)).scalars())


def _delete_part(unit: UnitOfWork, numbers: Sequence[int]) -> dict[str, int]:
    unit.execute(unit.delete(item_inboxes).where(item_inboxes.c.item_seq.in_(numbers)))
    files = unit.delete(attachments).where(attachments.c.item_seq.in_(numbers))
    counts = {"attachments": unit.execute(files).rowcount}
    return counts | {"items": unit.execute(unit.delete(items).where(items.c.seq.in_(numbers))).rowcount}


def _last_number(unit: UnitOfWork) -> int | None:
    """SQLite counts on from the highest number there is: an item's number must not be another customer's later."""
    return unit.newest("items") if unit.dialect.name == "sqlite" else None


def _empty(unit: UnitOfWork, seq: int, profile_id: str) -> dict[str, int]:
    """Leaves nothing of an item but its number, if it is the profile's."""
    lasting = {
        "organization_id",
        "seq",
        "profile_id",
        "kind",
        "occurred_at",
        "recorded_at",
        "timeline_second",
    }
    values = {column.name: sa.null() for column in items.columns if column.name not in lasting}
    emptying = unit.update(items).where(items.c.seq == seq, items.c.profile_id == profile_id)
    if unit.execute(emptying.values(kind="erased", **values)).rowcount == 0:
        return {}
    unit.execute(unit.delete(item_inboxes).where(item_inboxes.c.item_seq == seq))
    files = unit.execute(unit.delete(attachments).where(attachments.c.item_seq == seq)).rowcount
    return {"items": 1, "attachments": files}


_ON_ONE_PROFILE = (drafts, search_terms, details, addresses, contact_points, conversations)
_BETWEEN_TWO = {
    relationships: ("profile_id", "other_id"),
    suggestions: ("profile_id", "other_id"),
    evidence: ("profile_id", "other_id"),
    verdicts: ("profile_id", "other_id"),
    merges: ("source_id", "destination_id"),
}


def delete_rows(unit: UnitOfWork, ids: Sequence[str], point_ids: Sequence[str]) -> dict[str, int]:
    """Deletes whatever belongs to the profiles, from either side, but items; returns how many by table."""
    counts = {
        "absorbed_points": sum(_delete(unit, absorbed_points.c[c], point_ids) for c in ("id", "contact_point_id"))
    }
    for table, sides in _BETWEEN_TWO.items():
        counts[table.name] = sum(_delete(unit, table.c[side], ids) for side in sides)
    _delete_reads(unit, ids)
    for table in _ON_ONE_PROFILE:
        counts[table.name] = _delete(unit, table.c.profile_id, ids)
    return counts


def _delete_reads(unit: UnitOfWork, ids: Sequence[str]) -> None:
    """What agents have read of the customer's conversations refers to them, so it goes first."""
    r, c = conversation_reads.c, conversations.c
    for part in _parts(ids):
        own = unit.select(c.id).where(c.profile_id.in_(part))
        unit.execute(unit.delete(conversation_reads).where(r.conversation_id.in_(own)))


def _delete(unit: UnitOfWork, key: sa.Column[Any], keys: Sequence[str]) -> int:
    table: Any = key.table
    return sum(int(unit.execute(unit.delete(table).where(key.in_(part))).rowcount) for part in _parts(keys))


def delete_profiles(unit: UnitOfWork, survivor_id: str, former_ids: Sequence[str]) -> int:
    """Deletes the profile and the redirects that lead to it."""
    return _delete(unit, profiles.c.id, former_ids) + _delete(unit, profiles.c.id, [survivor_id])


def delete_texts(unit: UnitOfWork, traces: Traces) -> dict[str, int]:
    """Deletes audit records of others, and answers kept for Idempotency-Keys, that tell of the customer.

    These have no index by customer: all of the organization's are read, a part at a time.
    """
    records = _delete_telling(unit, audit_records.c.seq, audit_records.c.record, traces)
    answers = _delete_telling(unit, idempotency_keys.c.key, idempotency_keys.c.body, traces)
    return {"audit_records": records, "idempotency_keys": answers, "set_aside": _delete_set_aside(unit, traces)}


def _delete_set_aside(unit: UnitOfWork, traces: Traces) -> int:
    """Mail that is nobody's and names one of the customer's values: a notice of a mail server, say (RES-19)."""
    values = [str(json.loads(value)) for value in traces.values]
    a = set_aside.c
    deleted, after = 0, None
    while True:
        select = unit.select(a.id, a.sender, a.subject, a.body).order_by(a.id).limit(_TEXTS_AT_ONCE)
        rows = unit.execute(select if after is None else select.where(a.id > after)).all()
        texts = {row.id: "\n".join(filter(None, (row.sender, row.subject, row.body))) for row in rows}
        telling = [row_id for row_id, text in texts.items() if any(value in text for value in values)]
        for part in _parts(telling):
            remove_parts(unit, part)
            deleted += unit.execute(unit.delete(set_aside).where(a.id.in_(part))).rowcount
        if len(rows) < _TEXTS_AT_ONCE:
            return deleted
        after = rows[-1].id


def _delete_telling(unit: UnitOfWork, key: sa.Column[Any], text: sa.Column[Any], traces: Traces) -> int:
    deleted, after = 0, None
    while True:
        behind = sa.true() if after is None else key > after
        some = unit.select(key, text).where(behind).order_by(key).limit(_TEXTS_AT_ONCE)
        rows: list[Any] = list(unit.execute(some))
        telling = [row[0] for row in rows if traces.found_in(_as_text(row[1]))]
        deleted += _delete(unit, key, telling)
        if len(rows) < _TEXTS_AT_ONCE:
            return deleted
        after = rows[-1][0]


def _as_text(stored: str | bytes) -> str:
    return stored if isinstance(stored, str) else bytes(stored).decode("utf-8", "replace")
