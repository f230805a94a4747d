"""An organization's settings: what each change does to the base, shown before it is made (RES-7, RES-9, PRO-12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypedDict

import phonenumbers

from onefold.domain.blocklist import BlockedKind, Blocklist, Entry
from onefold.domain.errors import Conflict, InvalidValue, NotFound
from onefold.domain.merge_policies import BY_RULE, PRESETS, Mode, allowed_modes
from onefold.domain.normalise import customer_id_point, email_point, phone_point, social_point
from onefold.domain.policy import BOUNDS, MatchingMode
from onefold.domain.text import clean_name, validate_text
from onefold.domain.weights import DEFAULT_WEIGHTS, Weight
from onefold.services import matching, runs
from onefold.services.clock import utc_now
from onefold.storage import profiles, whole_base
from onefold.storage.books import who_holds
from onefold.storage.database import UnitOfWork
from onefold.storage.organizations import (
    add_entries,
    change_settings,
    entries,
    load_policy,
    remove_entry,
    settings_row,
)
from onefold.storage.whole_base import Candidate, Shared

_OBSTACLES_SHOWN = 100
_VALUES_AT_ONCE = 50
_CANDIDATES = 500


class ModePreview(NamedTuple):
    """What switching the matching mode would do: how many contact points change, and what stands in the way."""

    mode: MatchingMode
    changes: int
    obstacles: list[Shared]


class SettingsView(NamedTuple):
    """The settings as they are."""

    name: str
    default_region: str
    matching_mode: MatchingMode
    mobile_identification: bool
    shared_limit: int
    default_inbox_id: str
    undo_days: int
    merge_policies: dict[str, Mode]
    match_weights: dict[str, Weight]


class SettingsChanges(TypedDict, total=False):
    """Settings to change: policies as a preset or modes by field (MRG-4), weights as m and u by feature (SUG-5)."""

    name: str
    default_region: str
    matching_mode: MatchingMode
    mobile_identification: bool
    shared_limit: int
    default_inbox_id: str
    undo_days: int
    merge_policies: str | Mapping[str, str]
    match_weights: Mapping[str, Sequence[float]]


def read(unit: UnitOfWork) -> SettingsView:
    """The settings."""
    row, policy = settings_row(unit), load_policy(unit)
    plain = {field: getattr(row, field) for field in SettingsView._fields}
    return SettingsView(
        **{**plain, "merge_policies": dict(policy.merge_policies), "match_weights": dict(policy.match_weights)}
    )


def change(unit: UnitOfWork, changes: SettingsChanges) -> SettingsView:
    """Changes settings; the unit must be exclusive. Raises InvalidValue for a value that is none, Conflict where RES-9
    refuses.

    Switching Mobile Phone Number Identification on starts its run over the existing phones (RES-7).
    """
    before, values = read(unit), dict[str, Any](changes)
    _check_numbers(values)
    if "name" in values:
        values["name"] = clean_name(values["name"]) or before.name
    if "default_region" in values and values["default_region"] not in phonenumbers.SUPPORTED_REGIONS:
        raise InvalidValue("default_region is no ISO 3166 region, such as US or DE.", field="default_region")
    if "default_inbox_id" in values and values["default_inbox_id"] not in load_policy(unit).inbox_ids:
        raise InvalidValue("default_inbox_id is none of the inboxes.", code="unknown_inbox", field="default_inbox_id")
    if "merge_policies" in values:
        values["merge_policies"] = {**before.merge_policies, **_policies(values["merge_policies"])}
    if "match_weights" in values:
        values["match_weights"] = {**before.match_weights, **_weights(values["match_weights"])}
    mode = values.get("matching_mode", before.matching_mode)
    if mode != before.matching_mode:
        _switch_mode(unit, mode)
    if values:
        change_settings(unit, **values)
    if values.get("mobile_identification") and not before.mobile_identification:
        runs.start(unit, runs.IDENTIFY_MOBILES, total=whole_base.count_other_phones(unit))
    if values.get("match_weights", before.match_weights) != before.match_weights:
        runs.start_again(unit, runs.REBUILD_MATCHES)
    return read(unit)


def _check_numbers(values: Mapping[str, Any]) -> None:
    for field, (least, most) in BOUNDS.items():
        number = values.get(field, least)
        if type(number) is not int or not least <= number <= most:
            detail = f"{field} is a whole number from {least} to {most:,}."
            raise InvalidValue(detail, code="out_of_range", field=field)


def _policies(given: str | Mapping[str, str]) -> Mapping[str, str]:
    """A preset by name, or modes by field (MRG-4)."""
    if isinstance(given, str):
        if given not in PRESETS:
            raise InvalidValue(f"The presets are {', '.join(PRESETS)}.", code="unknown_preset", field="merge_policies")
        return PRESETS[given]
    for field, mode in given.items():
        allowed = allowed_modes(field)
        if not allowed:
            detail = f"merge_policies names an unknown field; there are: {', '.join(BY_RULE)}."
            raise InvalidValue(detail, code="invalid_policy", field="merge_policies")
        if mode not in allowed:
            detail = f"The policy of this field is {' or '.join(allowed)}."
            raise InvalidValue(detail, code="invalid_policy", field=f"merge_policies.{field}")
    return given


def _weights(given: Mapping[str, Sequence[float]]) -> dict[str, Weight]:
    """Weights by feature: m and u, above 0 and up to 1 (SUG-5)."""
    for feature in given:
        if feature not in DEFAULT_WEIGHTS:
            raise InvalidValue("match_weights names a feature that does not exist.", field="match_weights")
    if any(len(pair) != 2 or not all(0 < number <= 1 for number in pair) for pair in given.values()):
        raise InvalidValue("A weight is m and u, each above 0 and at most 1.", field="match_weights")
    return {feature: Weight(*map(float, pair)) for feature, pair in given.items()}


def candidates(unit: UnitOfWork) -> list[Candidate]:
    """SUG-6: values that more profiles share than may raise suggestions, the commonest first; not those blocked."""
    limit, blocklist_ = read(unit).shared_limit, load_policy(unit).blocklist
    held = whole_base.common_values(unit, limit, _CANDIDATES)
    known = {(c.kind, c.value) for c in held}
    brought = [c for c in whole_base.common_evidence(unit, limit, _CANDIDATES) if (c.kind, c.value) not in known]
    holders = who_holds(unit, [(c.kind, c.value) for c in brought], limit + 1)
    brought = [c for c in brought if len(holders[c.kind, c.value]) < c.profiles]
    return [c for c in (*held, *brought) if not blocklist_.holds(c.kind, c.value)][:_CANDIDATES]


def preview_mode(unit: UnitOfWork, mode: MatchingMode) -> ModePreview:
    """RES-9: what a switch would change, and the values that stand in its way."""
    if mode == read(unit).matching_mode:
        return ModePreview(mode, 0, [])
    if mode == "contacted":
        return ModePreview(mode, whole_base.count_listed_only(unit), [])
    return ModePreview(mode, whole_base.count_would_open(unit), _obstacles(unit))


def _obstacles(unit: UnitOfWork) -> list[Shared]:
    blocklist = load_policy(unit).blocklist
    found = whole_base.shared_identifiers(unit, 10 * _OBSTACLES_SHOWN)
    return [s for s in found if not blocklist.holds(s.kind, s.value)][:_OBSTACLES_SHOWN]


def _switch_mode(unit: UnitOfWork, mode: MatchingMode) -> None:
    if mode == "contacted":
        whole_base.stop_listed_only(unit)
        return
    obstacles = _obstacles(unit)
    if obstacles:
        raise Conflict(
            "Several profiles hold the same identifying values; merge or correct them first. The preview lists them.",
            code="matching_mode_obstacles",
            profile_ids=[list(obstacle.profile_ids) for obstacle in obstacles],
        )
    # Values on the blocklist may be shared, so the statement must leave them out: the unique index would refuse them.
    whole_base.let_listed_open(unit, load_policy(unit).blocklist)


def blocklist(unit: UnitOfWork) -> list[Entry]:
    """The blocklist, in order."""
    return entries(unit)


def block(unit: UnitOfWork, kind: BlockedKind, text: str) -> Entry:
    """PRO-12: the value no longer opens anything. The unit must be exclusive. Raises Conflict if it is listed."""
    entry = _entry(unit, kind, text)
    if entry in entries(unit):
        raise Conflict("The blocklist has this entry already.", code="entry_present")
    add_entries(unit, [entry])
    whole_base.stop_blocked(unit, entry)
    change_settings(unit)
    alone = Blocklist([entry])
    matching.forget_value(unit, kind, lambda value: alone.holds(kind, value), load_policy(unit), utc_now())
    return entry


def unblock(unit: UnitOfWork, kind: BlockedKind, text: str) -> None:
    """Takes an entry out; where one profile alone holds a value, it opens that profile again."""
    entry = _entry(unit, kind, text)
    if not remove_entry(unit, entry):
        raise NotFound("The blocklist has no such entry.", code="entry_not_found")
    change_settings(unit)
    policy = load_policy(unit)
    held: dict[str, list[str]] = {}
    for point_id, value, phone_type, contacted in whole_base.holders_of_entry(unit, entry, 10_000):
        points = held.setdefault(value, [])
        if policy.identifying(entry.kind, value, phone_type, contacted):
            points.append(point_id)
    for value, points in held.items():
        if len(points) == 1 and profiles.identified_by(unit, entry.kind, value) is None:
            whole_base.let_open(unit, points[0])
    if len(held) > _VALUES_AT_ONCE:
        runs.start_again(unit, runs.REBUILD_MATCHES)
        return
    for value in held:
        matching.rematch_value(unit, entry.kind, value, policy, utc_now())


def _entry(unit: UnitOfWork, kind: BlockedKind, text: str) -> Entry:
    policy = load_policy(unit)
    if kind == "email":
        local, _, domain = text.strip().rpartition("@")
        if domain == "*" and local:
            return Entry(kind, email_point(f"{local}@example.com", policy.blocklist, "value").value[:-11] + "*")
        if local == "*":
            return Entry(kind, "*" + email_point(f"a@{domain}", policy.blocklist, "value").value[1:])
        return Entry(kind, email_point(text, policy.blocklist, "value").value)
    if kind == "customer_id":
        return Entry(kind, customer_id_point(text, policy.blocklist, "value").value.casefold())
    if kind == "social":
        network, _, user_id = text.partition(":")
        return Entry(kind, social_point(network, user_id, None, policy.blocklist, "value").value)
    try:
        return Entry(kind, phone_point(text, policy, "value").value)
    except InvalidValue:
        # Codes of telephony providers are no phone numbers; they are compared as they are sent.
        code = validate_text(text.strip().lower(), "value", 100)
        if not code:
            raise InvalidValue("value is empty.", code="empty_value", field="value") from None
        return Entry(kind, code)
