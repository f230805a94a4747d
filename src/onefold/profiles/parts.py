"""Details, addresses and relationships of a profile, edited by hand (PRO-7, PRO-8)."""

from __future__ import annotations

from collections.abc import Mapping

from onefold.core.clock import new_id, utc_now
from onefold.core.errors import Conflict, InvalidValue
from onefold.core.text import clean_name, validate_text
from onefold.database.engine import UnitOfWork
from onefold.matching import service as matching
from onefold.organizations.store import load_policy
from onefold.profiles import store
from onefold.profiles.relationships import Relationship, seen_from_other
from onefold.profiles.service import finish_edit, resolve_redirect
from onefold.profiles.store import Part


def add_part(
    unit: UnitOfWork, part: Part, profile_id: str, values: Mapping[str, str | None], version: int | None
) -> str:
    """Adds a detail or an address; returns its id."""
    row = store.lock_profile(unit, profile_id, version)
    part_id = new_id()
    store.add_part(unit, part, part_id, profile_id=row.id, values=_check_part(part, values), now=utc_now())
    finish_edit(unit, row.id, load_policy(unit))
    return part_id


def edit_part(
    unit: UnitOfWork, part: Part, profile_id: str, part_id: str, values: Mapping[str, str | None], version: int | None
) -> None:
    """Changes a detail or an address."""
    row = store.lock_profile(unit, profile_id, version)
    store.change_part(unit, part, part_id, profile_id=row.id, values=_check_part(part, values))
    finish_edit(unit, row.id, load_policy(unit))


def remove_part(unit: UnitOfWork, part: Part, profile_id: str, part_id: str, version: int | None) -> None:
    """Takes a detail or an address away."""
    row = store.lock_profile(unit, profile_id, version)
    store.remove_part(unit, part, part_id, row.id)
    finish_edit(unit, row.id, load_policy(unit))


def _check_part(part: Part, values: Mapping[str, str | None]) -> dict[str, str | None]:
    part_values = {field: values[field] for field in part.fields if field in values}
    for field, value in part_values.items():
        if value is not None:
            validate_text(value, field, 2_000)
    return part_values


def relate(unit: UnitOfWork, profile_id: str, other_id: str, kind: str, version: int | None) -> str:
    """PRO-8: the other profile is `kind` of this one; seen from both. Returns the relationship's id."""
    one = store.lock_profile(unit, profile_id, version)
    other_id = resolve_redirect(unit, other_id)
    matching.keep_living(unit, [other_id])
    if other_id == one.id:
        raise InvalidValue("A profile has no relationship with itself.", code="same_profile", field="profile_id")
    word = clean_name(kind, "kind")
    if word is None:
        raise InvalidValue("kind is empty; write spouse, parent, colleague or your own words.", field="kind")
    for known in store.relationships_of(unit, store.merged_into(unit, one.id)):
        whom, seen = known.seen_from(one.id)
        if whom == other_id and word in (seen, seen_from_other(seen)):
            raise Conflict("The two profiles have this relationship already.", code="relationship_present")
    relationship = Relationship(new_id(), one.id, other_id, word)
    store.add_relationship(unit, relationship, utc_now())
    policy = load_policy(unit)
    for touched in (one.id, other_id):
        finish_edit(unit, touched, policy)
    return relationship.id


def unrelate(unit: UnitOfWork, profile_id: str, relationship_id: str, version: int | None) -> None:
    """Takes a relationship away, from whichever side."""
    row = store.lock_profile(unit, profile_id, version)
    store.remove_relationship(unit, relationship_id, store.merged_into(unit, row.id))
    finish_edit(unit, row.id, load_policy(unit))
