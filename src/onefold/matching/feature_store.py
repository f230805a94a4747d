"""What matching looks at of profiles, read for many at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from onefold.contact_points.store import points_of
from onefold.core.text import fold
from onefold.database.engine import UnitOfWork
from onefold.matching.scoring import MatchFeatures

_BIRTH_DATE_KEYS = frozenset(("birth date", "birthdate", "birthday", "date of birth", "dob", "born"))


def features_of(unit: UnitOfWork, ids: Sequence[str]) -> dict[str, MatchFeatures]:
    """What matching looks at, of living profiles."""
    if not ids:
        return {}
    d, org = unit.dialect, (unit.organization_id,)
    living = d.join("profiles", "p", "p.organization_id = ? AND p.id = k.value AND p.survivor_id IS NULL")
    heads = unit.lookup(f"SELECT p.id, p.name, p.username, p.attributes FROM {d.id_keys} {living}", org, ids)
    points, addresses, dates = points_of(unit, ids), _addresses(unit, ids), _birth_dates(unit, ids)
    return {
        profile_id: MatchFeatures(
            profile_id,
            name,
            username,
            points=tuple(points[profile_id]),
            addresses=frozenset(addresses.get(profile_id, ())),
            birth_date=dates.get(profile_id) or _birth_date(attributes),
        )
        for profile_id, name, username, attributes in heads
    }


def _addresses(unit: UnitOfWork, ids: Sequence[str]) -> dict[str, list[str]]:
    d = unit.dialect
    joined = d.join("addresses", "a", "a.organization_id = ? AND a.profile_id = k.value", one=False)
    lines = "a.street, a.city, a.postal_code, a.country"
    addresses: dict[str, list[str]] = {}
    for profile_id, *parts in unit.lookup(
        f"SELECT a.profile_id, {lines} FROM {d.id_keys} {joined}", (unit.organization_id,), ids
    ):
        if parts[0]:  # a city alone says little
            addresses.setdefault(profile_id, []).append(fold(" ".join(part for part in parts if part)))
    return addresses


def _birth_dates(unit: UnitOfWork, ids: Sequence[str]) -> dict[str, str]:
    d = unit.dialect
    joined = d.join("details", "t", "t.organization_id = ? AND t.profile_id = k.value", one=False)
    rows = unit.lookup(f"SELECT t.profile_id, t.key, t.value FROM {d.id_keys} {joined}", (unit.organization_id,), ids)
    return {profile_id: fold(value) for profile_id, key, value in rows if fold(key) in _BIRTH_DATE_KEYS}


def _birth_date(attributes: Any) -> str | None:
    known = msgspec.json.decode(attributes) if isinstance(attributes, str | bytes) else attributes
    for key, value in (known or {}).items():
        if fold(key.replace("_", " ")) in _BIRTH_DATE_KEYS:
            return fold(str(value))
    return None
