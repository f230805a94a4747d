"""The hot path: writing what was decided on a batch of contacts; a statement for all of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from onefold.conversations import store as conversations
from onefold.conversations.timeline import timeline_second
from onefold.conversations.timeline_events import TimelineEvent
from onefold.database import tables
from onefold.database.dialects import Insert, Row, Update
from onefold.database.engine import RetryTransaction, UnitOfWork
from onefold.database.tables import instant_text
from onefold.matching.scoring import keys_of_point
from onefold.matching.store import MATCH_KEYS
from onefold.organizations.policy import Policy
from onefold.outbox.store import OUTBOX
from onefold.profiles.search import search_terms
from onefold.profiles.store import TERMS
from onefold.receiving import set_aside_store
from onefold.receiving.contact import Answer
from onefold.receiving.decision import Decision
from onefold.receiving.opening import NewId
from onefold.receiving.snapshot import BatchSnapshot

PROFILES = Insert(tables.profiles, ("organization_id", "id", "name", "created_at"))
POINTS = Insert(
    tables.contact_points,
    (
        "organization_id",
        "id",
        "profile_id",
        "kind",
        "value",
        "written",
        "phone_type",
        "sms",
        "handle",
        "identifying",
        "contacted",
        "current",
        "standing",
        "created_at",
    ),
    skip_taken=True,
)
CHANGES = Update(
    tables.contact_points,
    ("phone_type", "sms", "identifying", "standing", "current"),
    also="contacted = true, undeliverable = false",
)
VERSIONS = Update(tables.profiles, (), also="version = version + 1")
CONVERSATIONS = Insert(
    tables.conversations,
    ("organization_id", "id", "profile_id", "inbox_id", "state", "opened_at"),
    skip_taken=True,
)
ITEMS = Insert(
    tables.items,
    (
        "organization_id",
        "profile_id",
        "conversation_id",
        "contact_point_id",
        "kind",
        "direction",
        "channel",
        "message_id",
        "sender_key",
        "outcome",
        "subject",
        "body",
        "data",
        "sender_state",
        "occurred_at",
        "recorded_at",
        "timeline_second",
        "inbox_id",
        "sender_name",
    ),
)
ATTACHMENTS = (
    "organization_id",
    "item_seq",
    "position",
    "filename",
    "content_type",
    "content",
)


def lock_opened(unit: UnitOfWork, decisions: Iterable[Decision], book: BatchSnapshot) -> None:
    """Keeps the profiles that were decided on as they were read until the unit ends; raises
    RetryTransaction if one is not.

    Without it, what is appended to a profile at the instant of its merge would be stranded there.
    """
    fresh = _landing(decisions)
    opened = [d for d in fresh if d.profile_id in book.versions]
    joined = {d.joins_thread.profile_id for d in fresh if d.joins_thread is not None} & book.versions.keys()
    ids = sorted({d.profile_id for d in opened} | joined)
    if not ids:
        return
    # What extends or changes a profile keeps its editors out as well, else one of the two writes over the other.
    locked = unit.lock_profiles(ids, against_edits=any(d.new_points or d.changes for d in opened))
    if locked is None:
        return
    if len(locked) != len(ids) or any(book.versions[profile_id] != version for profile_id, version in locked):
        raise RetryTransaction


def apply_decisions(
    unit: UnitOfWork, decisions: Sequence[Decision], policy: Policy, now: datetime, new_id: NewId
) -> list[Answer]:
    """Writes a batch's decisions; returns each one's answer in order. Raises RetryTransaction if a claim was lost."""
    org, moment = unit.organization_id, instant_text(now)
    fresh = _landing(decisions)
    if fresh:
        _apply_new(unit, fresh, policy, moment)
        _apply_changes(unit, fresh, moment)
    numbers = unit.append(ITEMS, [_item_row(org, d, policy, now, moment) for d in fresh]) if fresh else []
    if fresh:
        unit.append(OUTBOX, _outbox_rows(org, fresh, numbers, policy.webhooks, moment, new_id))
        _apply_attachments(unit, fresh, numbers)
        _say_who_joined(unit, fresh, now, moment)
    set_aside = set_aside_store.add(unit, [d for d in decisions if d.set_aside], policy, now, new_id)
    answers = _answers(decisions, numbers, set_aside)
    _note_inboxes(unit, decisions, answers, policy)
    return answers


def _landing(decisions: Iterable[Decision]) -> list[Decision]:
    """Those that land on a profile, and are there for the first time."""
    return [d for d in decisions if d.repeats is None and d.set_aside is None]


def _apply_new(unit: UnitOfWork, fresh: Sequence[Decision], policy: Policy, moment: str) -> None:
    org = unit.organization_id
    rows: dict[Insert, Sequence[Row]] = {
        PROFILES: [(org, d.profile_id, d.arrival.name, moment) for d in _creations(fresh)],
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
        raise RetryTransaction


def _point_rows(org: int, fresh: Sequence[Decision], moment: str) -> list[tuple[object, ...]]:
    points = sorted((n for d in fresh for n in d.new_points), key=lambda n: (n.point.kind, n.point.value))
    return [
        (
            org,
            n.contact_point_id,
            n.profile_id,
            n.point.kind,
            n.point.value,
            n.point.written,
            n.point.phone_type,
            n.point.sms,
            n.point.handle,
            n.identifying,
            n.contacted,
            not (n.point.kind == "customer_id" and n.point.standing == "claimed"),
            n.point.standing,
            moment,
        )
        for n in points
    ]


def _apply_changes(unit: UnitOfWork, fresh: Sequence[Decision], moment: str) -> None:
    changes = {change.contact_point_id: change for d in fresh for change in d.changes}
    # What opens a profile no more, in a statement of its own: only one of all that hold a value may be opened by it.
    for identifying in (False, True):
        some = [change for change in changes.values() if change.identifying is identifying]
        if some:
            rows = [(c.contact_point_id, c.phone_type, c.sms, c.identifying, c.standing, c.current) for c in some]
            unit.update_rows(CHANGES, rows)
    failed = sorted({point_id for d in fresh for point_id in d.undeliverable_ids})
    if failed:
        points = tables.contact_points
        unit.execute(unit.update(points).where(points.c.id.in_(failed)).values(undeliverable=True))
    _move_versions(unit, fresh, {d.profile_id for d in _creations(fresh)})


def _creations(fresh: Sequence[Decision]) -> list[Decision]:
    return [d for d in fresh if d.outcome == "created"]


def _move_versions(unit: UnitOfWork, fresh: Sequence[Decision], created: set[str]) -> None:
    own = {change.profile_id for d in fresh for change in d.changes if change.profile_id == d.profile_id}
    changed = (own | {d.profile_id for d in fresh if d.new_points}) - created
    if changed:
        unit.update_rows(VERSIONS, [(profile_id,) for profile_id in sorted(changed)])


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
            org,
            d.conversation_id,
            d.profile_id,
            d.arrival.contact.inbox_id or policy.default_inbox_id,
            "open",
            moment,
        )
        for d in fresh
        if d.opens_conversation
    ]


def _item_row(org: int, d: Decision, policy: Policy, now: datetime, moment: str) -> tuple[object, ...]:
    c = d.arrival.contact
    occurred_at = now if c.occurred_at is None else c.occurred_at
    return (
        org,
        d.profile_id,
        d.conversation_id,
        d.contact_point_id,
        "call" if c.channel == "voice" else "message",
        "in",
        c.channel,
        d.arrival.message_key,
        d.arrival.sender_key,
        d.outcome,
        c.subject,
        c.body,
        _data(d),
        "unchecked" if d.contact_point_id is None and c.state_of_sender == "proven" else c.state_of_sender,
        moment if c.occurred_at is None else instant_text(occurred_at),
        moment,
        timeline_second(occurred_at, now),
        c.inbox_id or policy.default_inbox_id,
        d.arrival.name,
    )


def _data(d: Decision) -> str | None:
    """What came with the item beside its text: also what could not be read, and claims that found no room (RES-11)."""
    if not d.arrival.unread and not d.left_out:
        return d.arrival.contact.data
    data = json.loads(d.arrival.contact.data or "{}")
    if d.arrival.unread:
        data["unread"] = [{"field": value.field, "value": value.value} for value in d.arrival.unread]
    if d.left_out:
        data["claimed"] = [{"kind": point.kind, "value": point.value} for point in d.left_out]
    return json.dumps(data, ensure_ascii=False)


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


def _apply_attachments(unit: UnitOfWork, fresh: Sequence[Decision], numbers: Sequence[int]) -> None:
    rows = [
        dict(zip(ATTACHMENTS, (unit.organization_id, seq, position, *attachment), strict=True))
        for d, seq in zip(fresh, numbers, strict=True)
        for position, attachment in enumerate(d.arrival.contact.attachments)
    ]
    if rows:
        unit.execute(tables.attachments.insert(), rows)


def _say_who_joined(unit: UnitOfWork, fresh: Sequence[Decision], now: datetime, moment: str) -> None:
    """RES-13: both timelines say that somebody else has replied into a conversation. Neither names the other: the
    suggestion does, for as long as both are there."""
    second = timeline_second(now, now)
    rows = [
        (
            unit.organization_id,
            profile_id,
            conversation_id,
            None,
            "event",
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            json.dumps(event.to_json()),
            None,
            moment,
            moment,
            second,
            None,
            None,
        )
        for d in fresh
        if d.joins_thread is not None
        for profile_id, conversation_id, event in (
            (d.profile_id, d.conversation_id, TimelineEvent("replied_elsewhere")),
            (d.joins_thread.profile_id, d.joins_thread.conversation_id, TimelineEvent("other_replied")),
        )
    ]
    if rows:
        unit.append(ITEMS, rows)


def _note_inboxes(unit: UnitOfWork, decisions: Sequence[Decision], answers: Sequence[Answer], policy: Policy) -> None:
    """RES-12: what was delivered to another inbox as well belongs there too; its conversation stays where it is."""
    repeated = [
        (answer, d.arrival.contact.inbox_id or policy.default_inbox_id)
        for d, answer in zip(decisions, answers, strict=True)
        if d.repeats is not None
    ]
    conversations.add_inboxes(
        unit, [(int(answer.item_id), inbox_id) for answer, inbox_id in repeated if answer.conversation_id]
    )
    set_aside_store.add_inboxes(
        unit, [(answer.item_id, inbox_id) for answer, inbox_id in repeated if answer.outcome == "set_aside"]
    )


def _answers(decisions: Sequence[Decision], numbers: Sequence[int], set_aside: Sequence[Answer]) -> list[Answer]:
    """Each decision's answer; a repeat inside the batch gets the number its first delivery got."""
    remaining, aside = iter(numbers), iter(set_aside)
    given: dict[tuple[str, str, str], Answer] = {}
    answers = []
    for d in decisions:
        key = (d.arrival.contact.channel, d.arrival.message_key, d.arrival.sender_key)
        if d.set_aside is not None:
            answer = next(aside)
        elif d.repeats is None:
            answer = Answer(d.outcome, d.profile_id, d.conversation_id, str(next(remaining)))
            given[key] = answer
        elif d.repeats.item_id:
            answer = d.repeats
        else:
            answer = given[key]._replace(repeated=True)
        answers.append(answer._replace(warnings=d.arrival.unread) if d.arrival.unread else answer)
    return answers
