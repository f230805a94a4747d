"""Contact points entered by hand, by people and systems: what is allowed, and what it makes of them (PRO-3, PRO-5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from onefold.contact_points.kinds import PHONE_TYPES
from onefold.contact_points.points import HeldPoint, Holder
from onefold.core.errors import AlreadyInUse, Conflict, InvalidValue
from onefold.organizations.policy import Policy


class PointPlan(NamedTuple):
    """What listing or editing a contact point does: the point as it will stand, and the one that loses its Main tag."""

    point: HeldPoint
    demoted_id: str | None


def plan_point(
    point: HeldPoint,
    on_profile: Sequence[HeldPoint],
    identified: Holder | None,
    profile_id: str,
    policy: Policy,
) -> PointPlan:
    """Adding or editing one contact point (PRO-2 … PRO-6).

    `on_profile` is what the profile holds now, `identified` the profile that the value opens today, if any.
    Raises Taken where PRO-3 would break (PRO-4), Conflict for a value the profile already has.
    """
    _check_tags(point)
    others = [p for p in on_profile if p.contact_point_id != point.contact_point_id]
    if any((p.kind, p.value) == (point.kind, point.value) for p in others):
        raise Conflict("The profile already has this contact point.", code="contact_point_listed")
    if point.kind == "customer_id" and point.current and any(p.kind == "customer_id" and p.current for p in others):
        raise Conflict("The profile already has a customer ID; change that one.", code="customer_id_present")
    identifying = policy.identifying(point.kind, point.value, point.phone_type, point.standing)
    if identified is not None and identified.profile_id != profile_id:
        if identifying and point.kind != "customer_id":
            raise already_in_use(identified.profile_id)
        identifying = False
    demoted = next((p for p in others if point.main and p.main and p.kind == point.kind), None)
    return PointPlan(point._replace(identifying=identifying), None if demoted is None else demoted.contact_point_id)


def already_in_use(profile_id: str) -> AlreadyInUse:
    """PRO-4: the refusal that names the holder and the way out."""
    return AlreadyInUse(
        "Another profile holds this contact point, and it can open only one. "
        "If both are the same customer, merge the two profiles.",
        profile_id=profile_id,
        offer="merge",
    )


def _check_tags(point: HeldPoint) -> None:
    if point.kind == "phone":
        if point.phone_type not in PHONE_TYPES:
            raise InvalidValue("type is one of mobile, home, office, other.", code="phone_type_missing", field="type")
        return
    if point.phone_type is not None or point.sms:
        raise InvalidValue("type and the SMS tag belong to phones only.", code="not_a_phone_tag", field="type")
    if point.main and point.kind != "email":
        raise InvalidValue("The Main tag belongs to emails and phones only.", code="no_main_here", field="main")


def check_sms(point: HeldPoint) -> None:
    """PRO-11: raises Conflict unless an SMS can be sent to the contact point."""
    if point.kind != "phone" or not point.sms:
        raise Conflict(
            "An SMS can only be sent to a phone with the SMS tag. Set the tag on the phone, or use another channel.",
            code="sms_tag_missing",
            contact_point_id=point.contact_point_id,
        )
