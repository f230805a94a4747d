"""Taking one contact point out into a profile of its own (DET): a pure plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from onefold.contact_points.points import HeldPoint
from onefold.core.errors import Conflict, NotFound
from onefold.merging.points import can_detach
from onefold.merging.snapshot import ProfileSnapshot, network_of


class DetachPlan(NamedTuple):
    """Both profiles as they will be."""

    point: HeldPoint
    before: ProfileSnapshot
    after: ProfileSnapshot
    new: ProfileSnapshot


def plan_detach(side: ProfileSnapshot, contact_point_id: str, new_id: str) -> DetachPlan:
    """Raises NotFound where the profile has no such contact point, Conflict where it is its only one (DET-3)."""
    point = next((p for p in side.points if p.contact_point_id == contact_point_id and p.kind != "customer_id"), None)
    if point is None:
        raise NotFound("There is no such contact point on this profile.", code="contact_point_not_found")
    if not can_detach(side.points, contact_point_id):
        raise Conflict("The only contact point of a profile cannot be detached.", code="only_contact_point")
    rest = tuple(p for p in side.points if p.contact_point_id != contact_point_id)
    new = ProfileSnapshot(
        new_id,
        1,
        None,
        name_confirmed=False,
        username=None,
        image=None,
        attributes={},
        points=(point._replace(current=True),),
    )
    return DetachPlan(point, side, side._replace(points=one_shown(rest)), new)


def one_shown(points: Sequence[HeldPoint]) -> tuple[HeldPoint, ...]:
    """Where none of a network's accounts is the one shown any more, the newest becomes it (MRG-3)."""
    shown = {network_of(p) for p in points if p.kind == "social" and p.current}
    newest: dict[str, str] = {}
    for point in points:
        if point.kind == "social" and network_of(point) not in shown:
            newest[network_of(point)] = max(newest.get(network_of(point), ""), point.contact_point_id)
    return tuple(p._replace(current=True) if p.contact_point_id in newest.values() else p for p in points)
