"""An organization's settings, and what a change of them brings about (RES-7, RES-9, MRG-4, SUG-5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypedDict, get_args

import phonenumbers

from onefold.audit import service as audit
from onefold.core.actor import Actor
from onefold.core.errors import InvalidValue
from onefold.core.text import clean_name
from onefold.database.engine import UnitOfWork
from onefold.organizations.mail_senders import Relay, read_own_addresses, read_relays
from onefold.organizations.match_weights import DEFAULT_WEIGHTS, Weight
from onefold.organizations.merge_policies import BY_RULE, PRESETS, Mode, allowed_modes
from onefold.organizations.policy import BOUNDS, MatchingMode, VisitorSignIn
from onefold.organizations.store import change_settings, load_policy, settings_row
from onefold.runs import service as runs
from onefold.settings import blocklist, matching_mode, mobile_identification


class SettingsView(NamedTuple):
    """The settings as they are."""

    name: str
    default_region: str
    matching_mode: MatchingMode
    mobile_identification: bool
    shared_limit: int
    default_inbox_id: str
    undo_days: int
    silent_days: int
    session_idle_minutes: int
    assign_on_answer: bool
    merge_policies: dict[str, Mode]
    match_weights: dict[str, Weight]
    visitor_sign_in: VisitorSignIn
    own_addresses: tuple[str, ...]
    relays: tuple[Relay, ...]


class SettingsChanges(TypedDict, total=False):
    """Settings to change: policies as a preset or modes by field (MRG-4), weights as m and u by feature (SUG-5);
    own addresses and relays as a whole (RES-18)."""

    name: str
    default_region: str
    matching_mode: MatchingMode
    mobile_identification: bool
    shared_limit: int
    default_inbox_id: str
    undo_days: int
    silent_days: int
    session_idle_minutes: int
    assign_on_answer: bool
    merge_policies: str | Mapping[str, str]
    match_weights: Mapping[str, Sequence[float]]
    visitor_sign_in: VisitorSignIn
    own_addresses: Sequence[str]
    relays: Sequence[Relay]


def read(unit: UnitOfWork) -> SettingsView:
    """The settings."""
    row, policy = settings_row(unit), load_policy(unit)
    plain = {field: getattr(row, field) for field in SettingsView._fields}
    read_by_policy = {
        "merge_policies": dict(policy.merge_policies),
        "match_weights": dict(policy.match_weights),
        "own_addresses": policy.mail_senders.own,
        "relays": policy.mail_senders.relays,
    }
    return SettingsView(**{**plain, **read_by_policy})


def change(unit: UnitOfWork, changes: SettingsChanges, actor: Actor) -> SettingsView:
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
    if values.get("visitor_sign_in", "suggest") not in get_args(VisitorSignIn):
        raise InvalidValue("visitor_sign_in is suggest or join.", field="visitor_sign_in")
    if "own_addresses" in values:
        values["own_addresses"] = read_own_addresses(values["own_addresses"])
    if "relays" in values:
        values["relays"] = [relay._asdict() for relay in read_relays(values["relays"])]
    mode = values.get("matching_mode", before.matching_mode)
    if mode != before.matching_mode:
        matching_mode.switch_mode(unit, mode)
    if values:
        change_settings(unit, **values)
    if "own_addresses" in values:
        blocklist.follow_own_addresses(unit, before.own_addresses, values["own_addresses"])
    if values.get("mobile_identification") and not before.mobile_identification:
        mobile_identification.start(unit)
    if values.get("match_weights", before.match_weights) != before.match_weights:
        runs.start_again(unit, runs.REBUILD_MATCHES)
    after = read(unit)
    if fields := [field for field in SettingsView._fields if getattr(after, field) != getattr(before, field)]:
        audit.record(unit, actor, "settings.changed", details={"changes": _describe_changes(before, after, fields)})
    return after


def _describe_changes(before: SettingsView, after: SettingsView, fields: Sequence[str]) -> dict[str, Any]:
    """From what to what, of each field that has changed; of those with parts, only which."""
    changes: dict[str, Any] = {}
    for field in fields:
        was, now = getattr(before, field), getattr(after, field)
        if isinstance(now, Mapping):
            changes[field] = {part: [was.get(part), now[part]] for part in now if now[part] != was.get(part)}
        elif isinstance(now, tuple):
            changes[field] = [len(was), len(now)]
        else:
            changes[field] = [was, now]
    return changes


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
