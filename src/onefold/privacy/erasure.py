"""Erasing a customer (GDPR art. 17): whatever the organization holds of it, in one transaction, and for good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from onefold.audit import service as audit
from onefold.core.actor import Actor
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import InvalidValue
from onefold.database.engine import RetryTransaction, UnitOfWork
from onefold.matching.scoring import handle_key, keys_of_point
from onefold.matching.store import remove_keys
from onefold.outbox.store import emit
from onefold.privacy import erasure_store as store
from onefold.profiles import store as profiles


class Erased(NamedTuple):
    """What an erasure has taken away: the profile's ids, the living one's first, and how many rows of each kind."""

    ids: tuple[str, ...]
    counts: dict[str, int]


def erase(unit: UnitOfWork, profile_id: str, confirm: str, actor: Actor) -> Erased:
    """Erases the customer behind the id (EVT-2), with every profile that was merged into it; docs/privacy.md says what.

    All or nothing: afterwards all its ids answer 404, and whoever contacts from one of its addresses is a new customer.
    `confirm` repeats the id. To be called in a unit that is `exclusive`: no answer of another request that tells of the
    customer is then kept behind its back; and to be followed by `Database.empty_log`, once it is committed. Raises
    NotFound; InvalidValue `not_confirmed`.
    """
    row = profiles.lock_profile(unit, profile_id, against_contacts=True)
    if confirm != profile_id:
        raise InvalidValue("confirm is not the id of the profile to erase.", code="not_confirmed", field="confirm")
    ids = profiles.merged_into(unit, row.id)
    related = set(profiles.read_survivors(unit, store.related_ids(unit, ids)).values())
    relatives = _keep(unit, sorted(related))
    counts = _take_away(unit, ids)
    for relative in relatives:
        profiles.change_profile(unit, relative)
    emit(unit, new_id(), "profile.erased", profile_id=row.id, data={"ids": ids}, now=utc_now())
    audit.record(unit, actor, "profile.erased", profile_id=row.id, details={"ids": ids, "counts": counts})
    return Erased(tuple(ids), counts)


def _keep(unit: UnitOfWork, ids: Sequence[str]) -> Sequence[str]:
    """Those who lose a relationship with the customer are theirs to change until the unit ends."""
    locked = unit.lock_profiles(ids, against_edits=True) if ids else None
    if locked is not None and len(locked) != len(ids):
        raise RetryTransaction
    return ids


def _take_away(unit: UnitOfWork, ids: Sequence[str]) -> dict[str, int]:
    traces = store.traces(unit, ids)
    blurred = sum(store.blur_events(unit, counterpart) for counterpart in store.counterparts(unit, ids))
    named = audit.erase_records(unit, ids)
    texts = store.delete_texts(unit, traces)
    texts["audit_records"] += named
    points = store.points_of(unit, ids)
    for point_id, kind, value, handle in points:
        remove_keys(unit, keys_of_point(kind, value, handle), point_id)
    for one, username in store.usernames_of(unit, ids):
        remove_keys(unit, ["h:" + handle_key(username)], one)
    counts = store.delete_items(unit, ids) | store.delete_rows(unit, ids, [point[0] for point in points]) | texts
    return counts | {"profiles": store.delete_profiles(unit, ids[0], ids[1:]), "events_blurred": blurred}
