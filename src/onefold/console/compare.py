"""Two profiles side by side: what each holds of every kind, and what of it matches (SUG-3)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from onefold.console import labels, wording
from onefold.contact_points.points import HeldPoint
from onefold.core.text import alike, fold
from onefold.matching.scoring import Comparison
from onefold.profiles.service import ProfileView


class Value(NamedTuple):
    """A value as people read it, and whether the other profile has its match."""

    text: str
    matches: bool


class Line(NamedTuple):
    """One kind of information, on both profiles."""

    label: str
    one: list[Value]
    other: list[Value]

    @property
    def matches(self) -> bool:
        """Whether anything of this kind matches."""
        return any(value.matches for value in (*self.one, *self.other))


def lines(one: ProfileView, other: ProfileView, comparison: Comparison) -> list[Line]:
    """Every kind of information that either profile has, a check mark's worth on each value that matches.

    `comparison` has its values in the order of the two profiles.
    """
    evidence = {(r.feature, r.value) for r in comparison.reasons}
    other_evidence = {(r.feature, r.other_value) for r in comparison.reasons}
    features = {feature for feature, _ in evidence}
    rows = [
        _line("Name", one.row.name, other.row.name, features & {"name", "name_similar"}),
        _line("Username", one.row.username, other.row.username, features & {"handle"}),
        _line("Customer ID", one.customer_id, other.customer_id, features & {"customer_id"}),
    ]
    for kind, label in (("email", "Email"), ("phone", "Phone"), ("social", "Social")):
        sides = [[p for p in view.points if p.kind == kind] for view in (one, other)]
        rows.append(Line(label, _points(sides[0], sides[1], evidence), _points(sides[1], sides[0], other_evidence)))
    places = [[wording.address(a) for a in view.addresses] for view in (one, other)]
    rows.append(Line("Addresses", _mark_shared(places[0], places[1]), _mark_shared(places[1], places[0])))
    details = [[f"{d['key']}: {d['value']}" for d in view.details] for view in (one, other)]
    rows.append(Line("Details", _mark_shared(details[0], details[1]), _mark_shared(details[1], details[0])))
    kin = [[f"{r.kind}: {r.name}" for r in view.relationships] for view in (one, other)]
    rows.append(Line("Relationships", _mark_shared(kin[0], kin[1]), _mark_shared(kin[1], kin[0])))
    return [line for line in rows if line.one or line.other]


def _line(label: str, one: str | None, other: str | None, evidence: Iterable[str]) -> Line:
    same = bool(one and other and (set(evidence) or fold(one) == fold(other)))
    return Line(label, [Value(one, same)] if one else [], [Value(other, same)] if other else [])


def _points(points: list[HeldPoint], other_points: list[HeldPoint], evident: set[tuple[str, str]]) -> list[Value]:
    other_values, named = {p.value for p in other_points}, {value for _, value in evident}
    handles = {fold((p.handle or "").removeprefix("@")) for p in other_points} - {""}
    values = []
    for point in points:
        same = (
            point.value in other_values
            or point.value in named
            or fold((point.handle or "").removeprefix("@")) in handles
        )
        values.append(Value(_text(point), same))
    return values


def _text(point: HeldPoint) -> str:
    if point.kind == "social":
        return f"{point.handle or wording.point(point.value, 'social')} on {wording.network(point.value)}"
    text = wording.point(point.value, point.kind)
    notes = [labels.PHONE_TYPES[point.phone_type].lower()] if point.phone_type else []
    notes += ["not confirmed"] if point.standing == "claimed" else []
    return f"{text} ({', '.join(notes)})" if notes else text


def _mark_shared(texts: list[str], other_texts: list[str]) -> list[Value]:
    known = {alike(text) for text in other_texts}
    return [Value(text, alike(text) in known) for text in texts]
