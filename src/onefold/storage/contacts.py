"""The hot path: what a batch of contacts needs to know, and writing what was decided; a statement for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import NamedTuple

from onefold.domain.book import Book, Holder, Key, Thread
from onefold.domain.contact import Answer, Arrival
from onefold.domain.matching import keys_of_point
from onefold.domain.policy import Policy
from onefold.domain.resolve import Decision, NewId
from onefold.domain.search import search_terms
from onefold.storage import tables
from onefold.storage.database import Contended, Unit
from onefold.storage.dialects import Dialect, Insert, Row, Update
from onefold.storage.tables import instant_text

_OPEN = "{c}.organization_id = {p}.organization_id AND {c}.profile_id = {p}.id AND {c}.state = 'open'"


@cache
def _earlier(d: Dialect) -> str:
    items = "i.organization_id = ? AND i.channel = k.kind AND i.message_id = k.value"
    return f"""
        SELECT i.channel, i.message_id, i.outcome, i.profile_id, i.conversation_id, i.seq FROM {d.pairs}
        {d.join("items", "i", items)}
    """


def _with_profile(d: Dialect) -> str:
    """Behind a contact point: its profile, and the one open conversation of it."""
    profile = "p.organization_id = cp.organization_id AND p.id = cp.profile_id"
    return d.join("profiles", "p", profile) + d.left_join("conversations", "c", _OPEN.format(c="c", p="p"))


_HOLDER = "k.kind, k.value, cp.id, cp.profile_id, cp.phone_type, cp.sms, cp.contacted, cp.proven, p.version, c.id"


@cache
def _identified(d: Dialect) -> str:
    point = "cp.organization_id = ? AND cp.kind = k.kind AND cp.value = k.value AND cp.identifying"
    return f"SELECT {_HOLDER} FROM {d.pairs} {d.join('contact_points', 'cp', point)} {_with_profile(d)}"


@cache
def _listed(d: Dialect) -> str:
    point = "cp.organization_id = ? AND cp.kind = k.kind AND cp.value = k.value AND NOT cp.identifying"
    first = d.first("contact_points", "cp", point, index="contact_points_listed")
    return f"SELECT {_HOLDER} FROM {d.pairs} {first} {_with_profile(d)}"


@cache
def _listed_on(d: Dialect) -> str:
    columns = _HOLDER.replace("k.kind, k.value", "cp.kind, cp.value")
    point = "cp.organization_id = ? AND cp.profile_id = k.value AND NOT cp.identifying"
    return f"SELECT {columns} FROM {d.id_keys} {d.join('contact_points', 'cp', point)} {_with_profile(d)}"


def _leading(d: Dialect, of: str) -> str:
    """Where a message or conversation leads today: to its profile, or to the profile that one was merged into."""
    writer = f"w.organization_id = {of}.organization_id AND w.id = {of}.profile_id"
    survivor = "s.organization_id = w.organization_id AND s.id = w.survivor_id"
    return (
        d.join("profiles", "w", writer)
        + d.left_join("conversations", "o", _OPEN.format(c="o", p="w"))
        + d.left_join("profiles", "s", survivor)
        + d.left_join("conversations", "so", _OPEN.format(c="so", p="s"))
    )


_LEADS_TO = "w.id, w.version, o.id, s.id, s.version, so.id"


@cache
def _threads(d: Dialect) -> str:
    items = "i.organization_id = ? AND i.channel = ? AND i.message_id = k.value"
    return (
        f"SELECT k.value, i.conversation_id, {_LEADS_TO} FROM {d.keys} {d.join('items', 'i', items)} {_leading(d, 'i')}"
    )


@cache
def _named_conversations(d: Dialect) -> str:
    named = "t.organization_id = ? AND t.id = k.value"
    return (
        f"SELECT k.value, t.id, {_LEADS_TO} FROM {d.id_keys} {d.join('conversations', 't', named)} {_leading(d, 't')}"
    )


@cache
def _customer_ids(d: Dialect) -> str:
    held = "cp.organization_id = ? AND cp.profile_id = k.value AND cp.kind = 'customer_id' AND cp.current"
    return f"SELECT cp.profile_id FROM {d.id_keys} {d.join('contact_points', 'cp', held)}"


PROFILES = Insert(tables.profiles, ("organization_id", "id", "name", "created_at"))
POINTS = Insert(
    tables.contact_points,
    (
        "organization_id", "id", "profile_id", "kind", "value", "written", "phone_type", "sms", "handle",
        "identifying", "contacted", "proven", "created_at",
    ),
    skip_taken=True,
)  # fmt: skip
CHANGES = Update(tables.contact_points, ("phone_type", "sms", "identifying", "proven"), also="contacted = true")
VERSIONS = Update(tables.profiles, (), also="version = version + 1")
CONVERSATIONS = Insert(
    tables.conversations,
    ("organization_id", "id", "profile_id", "inbox_id", "state", "opened_at"),
    skip_taken=True,
)
ITEMS = Insert(
    tables.items,
    (
        "organization_id", "profile_id", "conversation_id", "contact_point_id", "kind", "direction", "channel",
        "message_id", "outcome", "subject", "body", "data", "verified", "occurred_at", "recorded_at",
    ),
)  # fmt: skip
ATTACHMENTS = (
    "organization_id", "item_seq", "position", "filename", "content_type", "content",
)  # fmt: skip
TERMS = Insert(tables.search_terms, ("organization_id", "term", "profile_id"), skip_taken=True)
MATCH_KEYS = Insert(tables.match_keys, ("organization_id", "key", "holder_id"), skip_taken=True)
OUTBOX = Insert(tables.outbox, ("organization_id", "id", "profile_id", "type", "data", "pending", "created_at"))


def load_book(unit: Unit, arrivals: Iterable[Arrival], policy: Policy) -> Book:
    """Everything a batch's decisions look at, read in a few statements whatever the size of the batch."""
    book = Book()
    wanted = _Wanted.of(arrivals)
    for channel, message_id, outcome, profile_id, conversation_id, seq in unit.lookup(
        _earlier(unit.dialect), (unit.organization_id,), list(wanted.messages)
    ):
        answer = Answer(outcome or "opened", profile_id, conversation_id, str(seq), repeated=True)
        book.earlier[channel, message_id] = answer
    if wanted.values:
        _load_holders(unit, book, list(wanted.values), wanted.shared_kinds, policy.shared_limit + 1)
    if wanted.replies or wanted.conversations:
        _load_threads(unit, book, wanted)
    _load_beyond(unit, book, policy.shared_limit + 1)
    if book.versions and any(kind == "customer_id" for kind, _ in wanted.values):
        found = unit.lookup(_customer_ids(unit.dialect), (unit.organization_id,), list(book.versions))
        book.with_customer_id.update(profile_id for (profile_id,) in found)
    return book


class _Wanted(NamedTuple):
    """The keys a batch asks for, each once."""

    messages: dict[tuple[str, str], None]
    values: dict[Key, None]
    shared_kinds: set[str]
    replies: dict[str, dict[str, None]]
    conversations: dict[str, None]

    @classmethod
    def of(cls, arrivals: Iterable[Arrival]) -> _Wanted:
        wanted = cls({}, {}, set(), {}, {})
        for arrival in arrivals:
            contact, point = arrival.contact, arrival.identifier
            wanted.messages[contact.channel, arrival.message_key] = None
            if point is not None and not point.blocked:
                wanted.values[point.kind, point.value] = None
            else:
                wanted._add_names(arrival)
            for further in arrival.further:
                if not further.blocked:
                    wanted.values[further.kind, further.value] = None
                    wanted.shared_kinds.add(further.kind)
        return wanted

    def _add_names(self, arrival: Arrival) -> None:
        contact = arrival.contact
        if contact.conversation_id is not None:
            self.conversations[contact.conversation_id] = None
        for name in contact.reply_to:
            self.replies.setdefault(contact.channel, {})[name] = None


def _load_holders(unit: Unit, book: Book, keys: list[Key], shared_kinds: set[str], limit: int) -> None:
    """Who is identified by each value; who else lists it, where nobody is or where suggestions need to know."""
    _load_identified(unit, book, keys)
    rest = [key for key in keys if key[0] in shared_kinds or key not in book.identified]
    if not rest:
        return
    # Two calls from one shared line must see each other to suggest each other: a lock, because nothing unique stops
    # them; then another look, because somebody may have been waited for.
    phones = [key for key in rest if key[0] == "phone"]
    if phones and unit.lock_values([value for _, value in phones]):
        _load_identified(unit, book, [key for key in phones if key not in book.identified])
    for row in unit.lookup(_listed(unit.dialect), unit.dialect.first_parameters((unit.organization_id,), limit), rest):
        book.listed.setdefault(_key(row), []).append(_holder(book, row))


def _load_beyond(unit: Unit, book: Book, limit: int) -> None:
    """Of a value that more list than were looked at, those a contact may open as well, or it would be listed twice."""
    crowded = {key: {h.contact_point_id for h in held} for key, held in book.listed.items() if len(held) >= limit}
    if not crowded:
        return
    for row in unit.lookup(_listed_on(unit.dialect), (unit.organization_id,), list(book.versions)):
        if (key := _key(row)) in crowded and row[2] not in crowded[key]:
            book.listed[key].append(_holder(book, row))


def who_holds(unit: Unit, keys: Sequence[Key], limit: int) -> dict[Key, set[str]]:
    """The profiles that hold each value in any way, at most `limit` + 1 of each."""
    held: dict[Key, set[str]] = {key: set() for key in keys}
    if keys:
        first = unit.dialect.first_parameters((unit.organization_id,), limit)
        for row in unit.lookup(_identified(unit.dialect), (unit.organization_id,), keys):
            held[_key(row)].add(str(row[3]))
        for row in unit.lookup(_listed(unit.dialect), first, keys):
            held[_key(row)].add(str(row[3]))
    return held


def _load_identified(unit: Unit, book: Book, keys: list[Key]) -> None:
    if keys:
        for row in unit.lookup(_identified(unit.dialect), (unit.organization_id,), keys):
            book.identified[_key(row)] = _holder(book, row)


def _key(row: Sequence[object]) -> Key:
    return row[0], row[1]  # type: ignore[return-value]


def _holder(book: Book, row: Sequence[object]) -> Holder:
    _, _, point_id, profile_id, phone_type, sms, contacted, proven, version, conversation_id = row
    book.versions[profile_id] = version  # type: ignore[index, assignment]
    if conversation_id is not None:
        book.open_conversations[profile_id] = conversation_id  # type: ignore[index, assignment]
    return Holder(point_id, profile_id, phone_type, bool(sms), bool(contacted), bool(proven))  # type: ignore[arg-type]


def _load_threads(unit: Unit, book: Book, wanted: _Wanted) -> None:
    found = []
    for channel, names in wanted.replies.items():
        sql = _threads(unit.dialect)
        found += unit.lookup(sql, (unit.organization_id, channel), list(names))
    if wanted.conversations:
        sql = _named_conversations(unit.dialect)
        found += unit.lookup(sql, (unit.organization_id,), list(wanted.conversations))
    for name, conversation_id, *leads in found:
        profile_id, version, open_id = leads[3:] if leads[3] is not None else leads[:3]
        book.threads[name] = Thread(conversation_id, profile_id)
        book.versions[profile_id] = version
        if open_id is not None:
            book.open_conversations[profile_id] = open_id


def lock_opened(unit: Unit, decisions: Iterable[Decision], book: Book) -> None:
    """Keeps the profiles that were decided on as they were read until the unit ends; raises Contended if one is not.

    Without it, what is appended to a profile at the instant of its merge would be stranded there.
    """
    opened = [d for d in decisions if d.repeats is None and d.profile_id in book.versions]
    if not opened:
        return
    ids = sorted({d.profile_id for d in opened})
    # What extends or changes a profile keeps its editors out as well, else one of the two writes over the other.
    locked = unit.lock_profiles(ids, against_edits=any(d.new_points or d.change for d in opened))
    if locked is None:
        return
    if len(locked) != len(ids) or any(book.versions[profile_id] != version for profile_id, version in locked):
        raise Contended


def apply_decisions(
    unit: Unit, decisions: Sequence[Decision], policy: Policy, now: datetime, new_id: NewId
) -> list[Answer]:
    """Writes a batch's decisions; returns each one's answer in order. Raises Contended where a claim was lost."""
    org, moment = unit.organization_id, instant_text(now)
    fresh = [d for d in decisions if d.repeats is None]
    if fresh:
        _apply_new(unit, fresh, policy, moment)
        _apply_changes(unit, fresh, moment)
    numbers = unit.append(ITEMS, [_item_row(org, d, moment) for d in fresh]) if fresh else []
    if fresh:
        unit.append(OUTBOX, _outbox_rows(org, fresh, numbers, policy.webhooks, moment, new_id))
        _apply_attachments(unit, fresh, numbers)
    return _answers(decisions, numbers)


def _apply_new(unit: Unit, fresh: Sequence[Decision], policy: Policy, moment: str) -> None:
    org = unit.organization_id
    rows: dict[Insert, Sequence[Row]] = {
        PROFILES: [(org, d.profile_id, d.arrival.name, moment) for d in _created(fresh)],
        POINTS: _point_rows(org, fresh, moment),
        TERMS: _term_rows(org, fresh),
        MATCH_KEYS: _match_key_rows(org, fresh),
        CONVERSATIONS: _conversation_rows(org, fresh, policy, moment),
    }
    inserts = {insert: some for insert, some in rows.items() if some}
    if not inserts:
        return
    taken = unit.insert_all(inserts)
    if any(taken[claim] != len(inserts[claim]) for claim in (POINTS, CONVERSATIONS) if claim in inserts):
        raise Contended


def _point_rows(org: int, fresh: Sequence[Decision], moment: str) -> list[tuple[object, ...]]:
    points = sorted((n for d in fresh for n in d.new_points), key=lambda n: (n.point.kind, n.point.value))
    return [
        (
            org, n.contact_point_id, n.profile_id, n.point.kind, n.point.value, n.point.written,
            n.point.phone_type, n.point.sms, n.point.handle, n.identifying, n.contacted, n.point.proven, moment,
        )
        for n in points
    ]  # fmt: skip


def _apply_changes(unit: Unit, fresh: Sequence[Decision], moment: str) -> None:
    changes = {d.change.contact_point_id: d.change for d in fresh if d.change is not None}
    if changes:
        rows = [(c.contact_point_id, c.phone_type, c.sms, c.identifying, c.proven) for c in changes.values()]
        unit.update(CHANGES, rows)
    _move_versions(unit, fresh, {d.profile_id for d in _created(fresh)})


def _created(fresh: Sequence[Decision]) -> list[Decision]:
    return [d for d in fresh if d.outcome == "created"]


def _move_versions(unit: Unit, fresh: Sequence[Decision], created: set[str]) -> None:
    changed = {d.profile_id for d in fresh if d.change is not None or d.new_points} - created
    if changed:
        unit.update(VERSIONS, [(profile_id,) for profile_id in sorted(changed)])


def _term_rows(org: int, fresh: Sequence[Decision]) -> list[tuple[int, str, str]]:
    rows = []
    for d in fresh:
        if d.new_points:
            name = d.arrival.name if d.outcome == "created" else None
            points = [(n.point.kind, n.point.value, n.point.handle) for n in d.new_points]
            rows += [(org, term, d.profile_id) for term in search_terms(name, None, points)]
        elif d.outcome == "created":
            rows += [(org, term, d.profile_id) for term in search_terms(d.arrival.name, None, ())]
    return rows


def _match_key_rows(org: int, fresh: Sequence[Decision]) -> list[tuple[int, str, str]]:
    return [
        (org, key, n.contact_point_id)
        for d in fresh
        for n in d.new_points
        if not n.point.blocked
        for key in keys_of_point(n.point.kind, n.point.value, n.point.handle)
    ]


def _conversation_rows(org: int, fresh: Sequence[Decision], policy: Policy, moment: str) -> list[tuple[object, ...]]:
    return [
        (
            org, d.conversation_id, d.profile_id, d.arrival.contact.inbox_id or policy.default_inbox_id, "open", moment,
        )
        for d in fresh
        if d.opens_conversation
    ]  # fmt: skip


def _item_row(org: int, d: Decision, moment: str) -> tuple[object, ...]:
    c = d.arrival.contact
    return (
        org, d.profile_id, d.conversation_id, d.contact_point_id, "call" if c.channel == "voice" else "message",
        "in", c.channel, d.arrival.message_key, d.outcome, c.subject, c.body, c.data, c.verified,
        moment if c.occurred_at is None else instant_text(c.occurred_at), moment,
    )  # fmt: skip


def _outbox_rows(
    org: int, fresh: Sequence[Decision], numbers: Sequence[int], pending: bool, moment: str, new_id: NewId
) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for d, seq in zip(fresh, numbers, strict=True):
        if d.outcome == "created":
            rows.append((org, new_id(), d.profile_id, "profile.created", "{}", pending, moment))
        data = (
            f'{{"channel":"{d.arrival.contact.channel}","outcome":"{d.outcome}",'
            f'"conversation_id":"{d.conversation_id}","item_id":"{seq}"}}'
        )
        rows.append((org, new_id(), d.profile_id, "contact.received", data, pending, moment))
    return rows


def _apply_attachments(unit: Unit, fresh: Sequence[Decision], numbers: Sequence[int]) -> None:
    rows = [
        dict(zip(ATTACHMENTS, (unit.organization_id, seq, position, *attachment), strict=True))
        for d, seq in zip(fresh, numbers, strict=True)
        for position, attachment in enumerate(d.arrival.contact.attachments)
    ]
    if rows:
        unit.execute(tables.attachments.insert(), rows)


def _answers(decisions: Sequence[Decision], numbers: Sequence[int]) -> list[Answer]:
    """Each decision's answer; a repeat inside the batch gets the number its first delivery got."""
    remaining = iter(numbers)
    given: dict[tuple[str, str], Answer] = {}
    answers = []
    for d in decisions:
        key = (d.arrival.contact.channel, d.arrival.message_key)
        if d.repeats is None:
            answer = Answer(d.outcome, d.profile_id, d.conversation_id, str(next(remaining)))
            given[key] = answer
        elif d.repeats.item_id:
            answer = d.repeats
        else:
            answer = given[key]._replace(repeated=True)
        answers.append(answer)
    return answers
