"""Calls from a number that several hold (RES-16): whose it may be, filing one, and a line that turns out to be one
customer's own."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import NamedTuple

from onefold.accounts import store as accounts
from onefold.contact_points import store as contact_points
from onefold.contact_points.phones import dialled_number
from onefold.contact_points.points import HeldPoint
from onefold.contact_points.store import who_holds
from onefold.conversations import store as conversations
from onefold.conversations import timeline_store as timelines
from onefold.core.actor import Actor
from onefold.core.errors import Conflict, NotFound
from onefold.database.engine import UnitOfWork
from onefold.matching import store as matches
from onefold.merging import service as merging
from onefold.merging import store
from onefold.merging.service import MergeRequest
from onefold.organizations.policy import Policy
from onefold.organizations.store import load_policy
from onefold.profiles import store as profiles
from onefold.profiles.service import ProfileSummary, resolve_redirect, summaries

CALLS_IN_A_ROW = 3
"""After so many calls from a number that were all filed with one customer, the number is offered to be its own."""
_HOLDERS = 1_000
_SHOWN = 50


class Candidate(NamedTuple):
    """Somebody else who holds the number of a call, and what tells candidates apart."""

    profile: ProfileSummary
    contact_point_id: str
    value: str
    last_contact_at: datetime | None
    last_subject: str | None
    agent: str | None
    inbox: str | None


class OwnLine(NamedTuple):
    """A shared number whose last calls were all filed with one customer."""

    contact_point_id: str
    value: str
    calls: int


def candidates(unit: UnitOfWork, profile_id: str) -> list[Candidate]:
    """Whom a call can be filed with, the most recent contact first; nobody unless the profile was opened by a call from
    a shared number, and holds nothing else. Raises NotFound."""
    living_id, policy = resolve_redirect(unit, profile_id), load_policy(unit)
    line = _only_a_call(unit, living_id, policy)
    if line is None:
        return []
    key = ("phone", line.value)
    holders = who_holds(unit, [key], _HOLDERS)[key] - {living_id}  # type: ignore[list-item, index]
    number = dialled_number(line.value, line.written, policy.default_region)
    possible_customers = [
        Candidate(other, line.contact_point_id, number, *_last_of(unit, other.row.id))
        for other in summaries(unit, _most_recent(unit, holders))
    ]
    never = datetime.min.replace(tzinfo=UTC)
    return sorted(possible_customers, key=lambda candidate: candidate.last_contact_at or never, reverse=True)


def _only_a_call(unit: UnitOfWork, profile_id: str, policy: Policy) -> HeldPoint | None:
    """The shared number of a profile that a call opened and that has got nothing since, by whatever way."""
    points = contact_points.points_of(unit, [profile_id])[profile_id]
    if len(points) != 1 or points[0].kind != "phone" or points[0].identifying:
        return None
    row, point = profiles.read_profile(unit, profile_id), points[0]
    fields = (row.name_confirmed, row.username, row.image, row.attributes, policy.blocklist.holds("phone", point.value))
    if any(fields) or profiles.merged_into(unit, profile_id) != [profile_id]:
        return None
    side = store.read_side(unit, row)
    newest = timelines.timeline(unit, [profile_id], None, _SHOWN)
    items = [item for item in newest if item.kind != "event"]
    called = [item.kind for item in items] == ["call"] and items[0].contact_point_id == point.contact_point_id
    return point if called and not (side.details or side.addresses or side.relations) else None


def _last_of(unit: UnitOfWork, profile_id: str) -> tuple[datetime | None, str | None, str | None, str | None]:
    """When a customer last got in touch, the last subject, and whose work the last conversation is."""
    ids = profiles.merged_into(unit, profile_id)
    last = conversations.last_contact(unit, ids)
    talk = next(iter(conversations.conversations_of(unit, ids, None, 1)), None)
    if talk is None:
        return last, None, None, None
    items = timelines.conversation_items(unit, talk.id, None, _SHOWN)
    subject = next((item.subject for item in items if item.subject), None)
    agent = None if talk.assignee_id is None else accounts.read_agent(unit, talk.assignee_id).name
    return last, subject, agent, dict(accounts.list_inboxes(unit)).get(talk.inbox_id)


def _most_recent(unit: UnitOfWork, ids: Collection[str]) -> list[str]:
    leads = matches.origins(unit, sorted(ids))
    newest = dict.fromkeys(ids, timelines.START)
    for one, position in timelines.newest_positions(unit, sorted(leads)).items():
        newest[leads[one]] = max(position, newest[leads[one]])
    return sorted(newest, key=lambda one: newest[one], reverse=True)[:_SHOWN]


def file_call(unit: UnitOfWork, profile_id: str, other_id: str, actor: Actor) -> MergeRequest | None:
    """A call goes to the customer it belongs to, in one step: a merge like any other. Returns the merge that has to be
    looked at instead, where something has to be decided.

    Raises Conflict `not_only_a_call` where the profile holds more than the call by now, NotFound where the other does
    not hold its number.
    """
    unit.lock_merging()
    one, other = resolve_redirect(unit, profile_id), resolve_redirect(unit, other_id)
    for each in sorted({one, other}):
        profiles.lock_profile(unit, each, against_contacts=True)
    offered = {candidate.profile.row.id for candidate in candidates(unit, one)}
    if not offered:
        raise Conflict(
            "This customer holds more than a call from a shared number; merge the two instead.", code="not_only_a_call"
        )
    if other not in offered:
        raise NotFound("This customer does not hold the number any more.", code="no_shared_line")
    request = MergeRequest(one, other)
    if merging.preview(unit, request, actor).obstacles:
        return request
    merging.merge(unit, request, actor)
    return None


def own_lines(unit: UnitOfWork, profile_id: str) -> list[OwnLine]:
    """The shared numbers of a profile whose last calls were all filed with it: where the numbering plan tells no mobile
    from a landline, every caller would else be new for ever."""
    policy = load_policy(unit)
    lines = []
    for point in contact_points.points_of(unit, [profile_id])[profile_id]:
        if point.kind != "phone" or point.identifying or policy.blocklist.holds(point.kind, point.value):
            continue
        filed = _filed_calls(unit, profile_id, point)
        if len(filed) == CALLS_IN_A_ROW and not _called_since(unit, profile_id, point, filed[-1]):
            number = dialled_number(point.value, point.written, policy.default_region)
            lines.append(OwnLine(point.contact_point_id, number, CALLS_IN_A_ROW))
    return lines


def _filed_calls(unit: UnitOfWork, profile_id: str, point: HeldPoint) -> list[str]:
    """The newest profiles that a call from the number opened and that were merged into this one, newest first."""
    absorbed = set(contact_points.absorbed_by(unit, [point.contact_point_id]))
    merged = [row.source_id for row in store.newest_standing_into(unit, profile_id, _SHOWN)] if absorbed else []
    calls = [one for one in merged if _opened_by_call(unit, one, absorbed)]
    return sorted(calls, reverse=True)[:CALLS_IN_A_ROW]


def _opened_by_call(unit: UnitOfWork, profile_id: str, point_ids: Collection[str]) -> bool:
    first = timelines.oldest_items(unit, profile_id, 1)
    return [item.kind for item in first] == ["call"] and first[0].contact_point_id in point_ids


def _called_since(unit: UnitOfWork, profile_id: str, point: HeldPoint, since: str) -> bool:
    """Whether a call from the number, since the one that opened a profile, is not filed, or filed with another."""
    key = ("phone", point.value)
    others = who_holds(unit, [key], _HOLDERS)[key] - {profile_id}  # type: ignore[list-item, index]
    if len(others) >= _HOLDERS or any(other > since for other in others):
        return True
    points_by_profile = contact_points.points_of(unit, sorted(others))
    theirs = [(other, p) for other, points in points_by_profile.items() for p in points if (p.kind, p.value) == key]
    return any(one > since for other, p in theirs for one in _filed_calls(unit, other, p))
