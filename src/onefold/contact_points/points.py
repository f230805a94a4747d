"""A contact point: as it arrives, as it stands on its profile, and as one of the profiles that hold a value."""

from __future__ import annotations

from typing import NamedTuple

from onefold.contact_points.kinds import Kind, PhoneType

Key = tuple[Kind, str]
"""A value by its kind, in normal form."""


class Point(NamedTuple):
    """A contact point in normal form: what lookups, uniqueness and matching use (PRO-10).

    `written` is what the customer wrote, None where it is the normal form itself. `blocked` values are text only:
    never identifying, never evidence (PRO-12). What a sender who is not proven
    brings is not `proven` (RES-14).
    """

    kind: Kind
    value: str
    written: str | None = None
    phone_type: PhoneType | None = None
    sms: bool = False
    handle: str | None = None
    blocked: bool = False
    proven: bool = True


class HeldPoint(NamedTuple):
    """A contact point as it stands on its profile.

    Not `current` are former customer IDs, and social accounts that are not the one shown of their network (MRG-3); they
    go on opening the profile. Not `proven` is what only unproven senders have written from (RES-14).
    """

    contact_point_id: str
    kind: Kind
    value: str
    written: str | None
    phone_type: PhoneType | None
    main: bool
    sms: bool
    handle: str | None
    identifying: bool
    contacted: bool
    current: bool = True
    proven: bool = True


class Holder(NamedTuple):
    """A contact point as a profile holds it."""

    contact_point_id: str
    profile_id: str
    phone_type: PhoneType | None = None
    sms: bool = False
    contacted: bool = False
    proven: bool = True
