"""The blocklist: values that open nothing and are evidence of nothing, and candidates for it (PRO-12, SUG-6)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from onefold.audit import service as audit
from onefold.contact_points import store as contact_points
from onefold.contact_points.blocklist import BlockedKind, Blocklist, Entry
from onefold.contact_points.normalise import customer_id_point, email_point, phone_point, social_point
from onefold.core.actor import Actor
from onefold.core.clock import utc_now
from onefold.core.errors import Conflict, InvalidValue, NotFound
from onefold.core.text import validate_text
from onefold.database.engine import UnitOfWork
from onefold.matching import service as matching
from onefold.organizations.store import add_entries, change_settings, entries, load_policy, remove_entry
from onefold.runs import service as runs
from onefold.settings import bulk_update_store
from onefold.settings.bulk_update_store import Candidate

_VALUES_AT_ONCE = 50
_CANDIDATES = 500
_EXAMPLES = 5
_MOST_UNCONFIRMED = 20
"""An entry that takes identity from more profiles has to be typed twice (PRO-12)."""


def read_entries(unit: UnitOfWork) -> list[Entry]:
    """The blocklist, in order."""
    return entries(unit)


class BlockPreview(NamedTuple):
    """What blocking a value would do: how many contact points would open their profile no more, of how many profiles,
    and some of them. `confirm` where so many are touched that the value has to be typed again."""

    entry: Entry
    contact_points: int
    profiles: int
    examples: list[str]
    confirm: bool


def preview(unit: UnitOfWork, kind: BlockedKind, text: str) -> BlockPreview:
    """PRO-12: what an entry would take identity from; nothing is changed. Raises Conflict if it is listed."""
    entry = _entry(unit, kind, text)
    if entry in entries(unit):
        raise Conflict("The blocklist has this entry already.", code="entry_present")
    touched = bulk_update_store.touched_by(unit, entry, _EXAMPLES)
    return BlockPreview(entry, *touched, confirm=touched[1] > _MOST_UNCONFIRMED)


def block(unit: UnitOfWork, kind: BlockedKind, text: str, actor: Actor, confirm: str | None = None) -> Entry:
    """PRO-12: the value no longer opens anything. The unit must be exclusive. Raises Conflict if it is listed, and
    `confirmation_needed` where it takes identity from many profiles and was not typed again as `confirm`."""
    planned = preview(unit, kind, text)
    entry = planned.entry
    if planned.confirm and (confirm is None or _entry(unit, kind, confirm) != entry):
        raise Conflict(
            f"This takes identity from {planned.profiles:,} profiles. If that is meant, type the value again.",
            code="confirmation_needed",
            field="confirm",
            profiles=planned.profiles,
        )
    add_entries(unit, [entry])
    change_settings(unit)
    _take_identity(unit, entry)
    audit.record(unit, actor, "blocklist.added", details={**_details_of_entry(entry), "profiles": planned.profiles})
    return entry


def _details_of_entry(entry: Entry) -> dict[str, str]:
    """An entry as the audit log keeps it: a value that may be a customer's is not named there."""
    return {"kind": entry.kind, **({"value": entry.value} if "*" in entry.value else {})}


def _take_identity(unit: UnitOfWork, entry: Entry) -> None:
    bulk_update_store.unset_identifying_for_blocked(unit, entry)
    alone = Blocklist([entry])
    is_blocked = partial(alone.holds, entry.kind)
    matching.forget_value(unit, entry.kind, is_blocked, policy=load_policy(unit), now=utc_now())


def follow_own_addresses(unit: UnitOfWork, before: Sequence[str], after: Sequence[str]) -> None:
    """RES-18: what is an own address now opens nobody and is no evidence; what is none any more can be a customer's."""
    for address in set(after) - set(before):
        _take_identity(unit, Entry("email", address))
    for address in set(before) - set(after):
        _give_identity(unit, Entry("email", address))


def unblock(unit: UnitOfWork, kind: BlockedKind, text: str, actor: Actor) -> None:
    """Takes an entry out; where one profile alone holds a value, it opens that profile again."""
    entry = _entry(unit, kind, text)
    if not remove_entry(unit, entry):
        raise NotFound("The blocklist has no such entry.", code="entry_not_found")
    change_settings(unit)
    _give_identity(unit, entry)
    audit.record(unit, actor, "blocklist.removed", details=_details_of_entry(entry))


def _give_identity(unit: UnitOfWork, entry: Entry) -> None:
    policy = load_policy(unit)
    points_by_value: dict[str, list[str]] = {}
    for point_id, value, phone_type, standing in bulk_update_store.holders_of_entry(unit, entry, 10_000):
        points = points_by_value.setdefault(value, [])
        if policy.identifying(entry.kind, value, phone_type, standing):
            points.append(point_id)
    for value, points in points_by_value.items():
        if len(points) == 1 and contact_points.identified_by(unit, entry.kind, value) is None:
            bulk_update_store.set_identifying(unit, points[0])
    if len(points_by_value) > _VALUES_AT_ONCE:
        runs.start_again(unit, runs.REBUILD_MATCHES)
        return
    for value in points_by_value:
        matching.rematch_value(unit, entry.kind, value, policy=policy, now=utc_now())


def _entry(unit: UnitOfWork, kind: BlockedKind, text: str) -> Entry:
    policy = load_policy(unit)
    if kind == "email":
        local, _, domain = text.strip().rpartition("@")
        if domain == "*" and local:
            return Entry(kind, email_point(f"{local}@example.com", policy.blocklist, "value").value[:-11] + "*")
        if local == "*":
            return Entry(kind, "*" + email_point(f"a@{domain}", policy.blocklist, "value").value[1:])
        return Entry(kind, email_point(text, policy.blocklist, "value").value)
    if kind in ("customer_id", "visitor"):
        return Entry(kind, customer_id_point(text, policy.blocklist, "value").value.casefold())
    if kind == "social":
        network, _, user_id = text.partition(":")
        if user_id.strip() == "*":
            return Entry(
                kind, social_point(network, "any", None, blocklist=policy.blocklist, field="value").value[:-3] + "*"
            )
        return Entry(kind, social_point(network, user_id, None, blocklist=policy.blocklist, field="value").value)
    try:
        return Entry(kind, phone_point(text, policy.default_region, policy.blocklist, "value").value)
    except InvalidValue:
        # Codes of telephony providers are no phone numbers; they are compared as they are sent.
        code = validate_text(text.strip().lower(), "value", 100)
        if not code:
            raise InvalidValue("value is empty.", code="empty_value", field="value") from None
        return Entry(kind, code)


def candidates(unit: UnitOfWork) -> list[Candidate]:
    """SUG-6: values that more profiles share than may raise suggestions, the commonest first; not those blocked."""
    policy = load_policy(unit)
    limit, blocklist = policy.shared_limit, policy.blocklist
    common = bulk_update_store.common_values(unit, limit, _CANDIDATES)
    known = {(c.kind, c.value) for c in common}
    brought = [c for c in bulk_update_store.common_evidence(unit, limit, _CANDIDATES) if (c.kind, c.value) not in known]
    holders = contact_points.who_holds(unit, [(c.kind, c.value) for c in brought], limit + 1)
    brought = [c for c in brought if len(holders[c.kind, c.value]) < c.profiles]
    return [c for c in (*common, *brought) if not blocklist.holds(c.kind, c.value)][:_CANDIDATES]
