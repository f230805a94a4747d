"""A contact point: as it arrives, as it stands on its profile, and as one of the profiles that hold a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from onefold.contact_points.kinds import Kind, PhoneType
from onefold.contact_points.standing import Standing

Key = tuple[Kind, str]
"""A value by its kind, in normal form."""


class Point(NamedTuple):
    """A contact point in normal form: what lookups, uniqueness and matching use (PRO-10).

    `written` is what the customer wrote, None where it is the normal form itself. `blocked` values are text only:
    never identifying, never evidence (PRO-12).
    """

    kind: Kind
    value: str
    written: str | None = None
    phone_type: PhoneType | None = None
    sms: bool = False
    handle: str | None = None
    blocked: bool = False
    standing: Standing = "contacted"


class HeldPoint(NamedTuple):
    """A contact point as it stands on its profile.

    Not `current` are former customer IDs, and social accounts that are not the one shown of their network (MRG-3): they
    go on opening the profile; and numbers that have a new owner (RES-21). A contact came from what is `contacted`; if
    that is only claimed, the sender had failed.
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
    standing: Standing = "entered"
    undeliverable: bool = False

    @property
    def is_anothers(self) -> bool:
        """Whether it is a number that has a new owner (RES-21): whoever is written to there is somebody else."""
        return self.kind == "phone" and not self.current

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> HeldPoint:
        """As `_asdict` gave it, in this version or an earlier one, which knew `proven` instead of a standing."""
        fields = dict(stored)
        if "proven" in fields:
            unproven = not fields.pop("proven")
            fields["standing"] = "claimed" if unproven else "contacted" if fields["contacted"] else "entered"
        return cls(**fields)


class Holder(NamedTuple):
    """A contact point as a profile holds it."""

    contact_point_id: str
    profile_id: str
    phone_type: PhoneType | None = None
    sms: bool = False
    contacted: bool = False
    standing: Standing = "entered"
    undeliverable: bool = False
    current: bool = True
