"""What becomes of the contact points of two profiles in a merge (MRG-2, MRG-3): types, tags, and what both held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from onefold.contact_points.points import HeldPoint
from onefold.contact_points.standing import stronger
from onefold.merging.outcomes import BOTH_SIDES, Obstacle, Outcome, Outcomes, Step, Which
from onefold.merging.snapshot import ProfileSnapshot, network_of


def plan_points(
    source: ProfileSnapshot, destination: ProfileSnapshot, outcomes: Outcomes
) -> tuple[tuple[HeldPoint, ...], dict[str, str]]:
    """All of both: what both hold becomes one, the rest of the source's joins the destination's."""
    twins = {(p.kind, p.value): p for p in destination.points}
    absorbed: dict[str, str] = {}
    after = {p.contact_point_id: p for p in destination.points}
    for point in source.points:
        twin = twins.get((point.kind, point.value))
        if twin is None:
            after[point.contact_point_id] = point
        else:
            absorbed[point.contact_point_id] = twin.contact_point_id
            after[twin.contact_point_id] = _one_of(point, twin, source, destination=destination, outcomes=outcomes)
    destination_point_ids = {p.contact_point_id for p in destination.points}
    tagged = [
        _with_tags(p, p.contact_point_id in destination_point_ids, source, destination=destination, outcomes=outcomes)
        for p in after.values()
    ]
    return tuple(sorted(tagged, key=lambda p: p.contact_point_id)), absorbed


def _one_of(
    point: HeldPoint, twin: HeldPoint, source: ProfileSnapshot, destination: ProfileSnapshot, outcomes: Outcomes
) -> HeldPoint:
    """The destination's contact point when it has become one with the source's of the same value."""
    phone_type = twin.phone_type
    if point.kind == "phone":
        phone_type = _phone_type(point, twin, source, destination=destination, outcomes=outcomes)
    opens = point.identifying or twin.identifying
    standing = stronger(point.standing, twin.standing)
    return twin._replace(
        phone_type=phone_type,
        main=twin.main or point.main,
        sms=twin.sms or point.sms,
        handle=twin.handle or point.handle,
        identifying=opens and (point.kind != "phone" or phone_type == "mobile"),
        contacted=any(p.contacted for p in (twin, point) if p.standing == standing),
        current=twin.current or (point.current and not _shown_by(destination, point)),
        standing=standing,
        undeliverable=twin.undeliverable or point.undeliverable,
    )


def _phone_type(
    point: HeldPoint, twin: HeldPoint, source: ProfileSnapshot, destination: ProfileSnapshot, outcomes: Outcomes
) -> Any:
    """A claimed type yields, and `other` to a specific one; two specific ones are refused (MRG-3, PRO-13)."""
    field = f"phone_type.{point.contact_point_id}"
    if (point.standing == "claimed") != (twin.standing == "claimed"):
        return twin.phone_type if point.standing == "claimed" else point.phone_type  # nobody stands behind the other
    if "other" in (point.phone_type, twin.phone_type) and point.phone_type != twin.phone_type:
        kept_side: Which | None = "source" if twin.phone_type == "other" else "destination"
        outcomes.found.append(Outcome(field, point.phone_type, twin.phone_type, kept=kept_side, why="specific_type"))
    else:
        steps = [Step("keep_type", side, point.contact_point_id) for side in BOTH_SIDES]
        steps += [
            Step("detach", contact_point_id=p.contact_point_id)
            for p, side in ((point, source), (twin, destination))
            if can_detach(side.points, p.contact_point_id)
        ]
        detail = "The two profiles hold one number with two different types."
        kept_side = outcomes.refuse(
            field, point.phone_type, twin.phone_type, Obstacle("phone_types_differ", field, detail, tuple(steps))
        )
    return point.phone_type if kept_side == "source" else twin.phone_type


def can_detach(points: Sequence[HeldPoint], contact_point_id: str) -> bool:
    """DET-3: not the only contact point of a profile."""
    return any(p.contact_point_id != contact_point_id and p.kind != "customer_id" for p in points)


def _with_tags(
    point: HeldPoint, of_destination: bool, source: ProfileSnapshot, destination: ProfileSnapshot, outcomes: Outcomes
) -> HeldPoint:
    """A contact point with the tags that the outcomes leave it: one Main of each kind, one current customer ID."""
    main, current = point.main, point.current
    if main and point.kind in ("email", "phone"):
        main_point = outcomes.side(f"main_{point.kind}", source, destination).main(point.kind)
        main = main_point is not None and main_point.value == point.value
    if current and point.kind == "customer_id":
        current_id = outcomes.side("customer_id", source, destination).customer_id
        current = current_id is not None and current_id.value == point.value
    if current and not of_destination:
        current = not _shown_by(destination, point)
    return point._replace(main=main, current=current)


def _shown_by(destination: ProfileSnapshot, point: HeldPoint) -> bool:
    """Whether the destination shows an account of its own of the point's network."""
    return point.kind == "social" and network_of(point) in networks_of(destination)


def networks_of(side: ProfileSnapshot) -> set[str]:
    """The networks of which a profile shows an account."""
    return {network_of(p) for p in side.points if p.kind == "social" and p.current}
