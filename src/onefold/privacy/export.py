"""A customer's own data, whole, as one JSON document (GDPR art. 15 and 20): docs/privacy.md has its shape.

It is written while it is read: every part in a short transaction of its own, one page of items and one attachment in
memory at a time. What ends before `"complete": true` is not whole.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

from onefold.audit import service as audit
from onefold.conversations.timeline_events import TimelineEvent
from onefold.conversations.timeline_store import START, Position
from onefold.core.actor import Actor
from onefold.core.clock import utc_now
from onefold.core.errors import NotFound
from onefold.database.engine import UnitOfWork
from onefold.privacy import export_store as store
from onefold.profiles import store as profiles
from onefold.profiles.store import ProfileRow

FORMAT = "onefold-customer-export/1"
_PAGE = 100
_OF_THE_PROFILE = ("id", "name", "name_confirmed", "username", "image", "attributes", "created_by", "created_at")
_BEFORE = ("name", "name_confirmed", "username", "image", "attributes")
T = TypeVar("T")


class Read(Protocol):
    """Does one part's reading in a transaction of its own."""

    def __call__(self, work: Callable[[UnitOfWork], T]) -> T: ...


class Subject(NamedTuple):
    """Whose data it is: the living profile, all that lead to it, how many items they have, and what comes before."""

    profile_id: str
    ids: tuple[str, ...]
    items: int
    head: dict[str, Any]


def subject(unit: UnitOfWork, profile_id: str) -> Subject:
    """The customer behind the id (EVT-2); raises NotFound."""
    row = profiles.read_profile(unit, profile_id)
    living = row if row.survivor_id is None else profiles.read_profile(unit, row.survivor_id)
    ids = profiles.merged_into(unit, living.id)
    return Subject(living.id, tuple(ids), store.count_items(unit, ids), _head(unit, living, ids))


def note_export(unit: UnitOfWork, whose: Subject, actor: Actor) -> None:
    """Writes down that the customer's data is taken out, before it is (MRG-14)."""
    audit.record(unit, actor, "profile.exported", profile_id=whose.profile_id, details={"items": whose.items})


def document(read: Read, whose: Subject, written: Callable[[int], None] = lambda _: None) -> Iterator[bytes]:
    """The document, piece by piece; `written` is told of items as they are written.

    Raises NotFound, in the middle, where the customer is erased meanwhile: the document then stays without its end.
    """
    yield _text(whose.head)[:-1].encode()
    yield b',"conversations":['
    yield from _with_separators(_conversations(read, whose))
    yield b'],"items":['
    yield from _with_separators(_items(read, whose, written))
    read(lambda unit: _still_there(unit, whose))
    yield b'],"complete":true}\n'


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _with_separators(rows: Iterator[Iterator[bytes]]) -> Iterator[bytes]:
    for number, pieces in enumerate(rows):
        if number:
            yield b","
        yield from pieces


def _still_there(unit: UnitOfWork, whose: Subject) -> None:
    """So that a document never passes for whole whose second half was erased, or given back to another customer."""
    row = profiles.read_profile(unit, whose.profile_id)
    if not set(whose.ids) <= set(profiles.merged_into(unit, row.living_id)):
        raise NotFound("The customer's profiles have changed while they were read.", code="profile_not_found")


def _head(unit: UnitOfWork, row: ProfileRow, ids: list[str]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "exported_at": utc_now(),
        "profile": {field: getattr(row, field) for field in _OF_THE_PROFILE},
        "former_ids": ids[1:],
        **store.parts_of(unit, row.id),
        "relationships": _relationships(unit, ids),
        "merges": [_merge(unit, merge) for merge in store.merges_within(unit, ids)],
    }


def _relationships(unit: UnitOfWork, ids: Sequence[str]) -> list[dict[str, str]]:
    """The other's id and what it is of the customer; nothing else of it."""
    seen = [(row.id, *row.seen_from(ids[0])) for row in profiles.relationships_of(unit, ids)]
    return [{"id": row_id, "kind": kind, "profile_id": other_id} for row_id, other_id, kind in seen]


def _merge(unit: UnitOfWork, merge: dict[str, Any]) -> dict[str, Any]:
    """A merge, with the own fields of both of the customer's profiles before, as long as that is kept; all else of the
    two is with the customer still, or was detached and is another customer's now."""
    record_json = store.record_of(unit, merge.pop("audit_seq"))
    record = None if record_json is None else json.loads(record_json)
    sides = ("source", "destination")
    before = None if record is None else {side: {f: record[side][f] for f in _BEFORE} for side in sides}
    return {**merge, "before": before}


def _conversations(read: Read, whose: Subject) -> Iterator[Iterator[bytes]]:
    after: str | None = None
    while page := read(partial(store.conversations_after, ids=whose.ids, after=after, limit=_PAGE)):
        yield from (iter([_text(row).encode()]) for row in page)
        after = page[-1]["id"]


def _items(read: Read, whose: Subject, written: Callable[[int], None]) -> Iterator[Iterator[bytes]]:
    """Those of the living profile and of all that were merged into it, in the order in which they happened."""
    after = START
    while page := read(partial(_page, whose=whose, after=after)):
        for row, positions in page:
            after = Position(row.pop("timeline_second"), row["seq"])
            yield _item(read, row, positions)
        written(len(page))


def _page(unit: UnitOfWork, whose: Subject, after: Position) -> list[tuple[dict[str, Any], list[int]]]:
    """Items, each with the positions of its attachments."""
    page = store.items_after(unit, whose.ids, after, _PAGE)
    files = store.files_of(unit, [row["seq"] for row in page])
    return [(row, [position for seq, position in files if seq == row["seq"]]) for row in page]


def _item(read: Read, row: dict[str, Any], positions: list[int]) -> Iterator[bytes]:
    seq = row["seq"]
    fields = {"id": str(seq), **{field: value for field, value in row.items() if field != "seq"}}
    if row["kind"] == "event":
        event = TimelineEvent.from_json(row["data"]).without_names()  # it may name another customer
        fields |= {"body": event.in_words(), "data": event.to_json()}
    yield _text(fields)[:-1].encode() + b',"attachments":['
    yield from _with_separators(_file(read, seq, position) for position in positions)
    yield b"]}"


def _file(read: Read, seq: int, position: int) -> Iterator[bytes]:
    file = read(lambda unit: store.read_file(unit, seq, position))
    name, content_type, content = file or ("", "", b"")
    described = {"filename": name, "content_type": content_type, "size": len(content)}
    yield _text(described)[:-1].encode() + b',"content":"' + base64.b64encode(content) + b'"}'
