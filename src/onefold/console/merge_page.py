"""What the page of a merge shows before it is confirmed: every field's outcome, and what stands in the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from onefold.console import labels, wording
from onefold.contact_points.points import HeldPoint
from onefold.core.errors import InvalidValue
from onefold.merging.outcomes import BOTH_SIDES, Obstacle, Outcome, Step, Which
from onefold.merging.previews import Preview, Side

_NAME = 60


class Way(NamedTuple):
    """A step in words, and as the form sends it back."""

    value: str
    text: str


class Hindrance(NamedTuple):
    """What refuses the merge, and the steps of which each clears it (MRG-17)."""

    obstacle: Obstacle
    label: str
    ways: list[Way]


class Row(NamedTuple):
    """A field of both sides and what becomes of it."""

    label: str
    outcome: Outcome
    source: str
    destination: str
    result: str


def parse_steps(given: Sequence[str]) -> list[Step]:
    """The steps as a form has sent them; raises InvalidValue."""
    steps = []
    for text in dict.fromkeys(given):
        word, _, rest = text.partition("|")
        side, _, point_id = rest.partition("|")
        if word not in ("make_ordinary", "keep_former", "keep_type", "detach") or side not in ("", *BOTH_SIDES):
            raise InvalidValue("This is no step that clears anything.", code="invalid_step", field="step")
        steps.append(Step(word, side or None, point_id or None))  # type: ignore[arg-type]
    return steps


def step_value(step: Step) -> str:
    """A step as the form sends it back."""
    return f"{step.step}|{step.side or ''}|{step.contact_point_id or ''}"


def choices_of(given: dict[str, str], ruled: dict[str, str]) -> dict[str, Which]:
    """The choices that a form has made, by field; what the rule had chosen already, by `ruled`, is no choice."""
    known = (*BOTH_SIDES, "both")
    return {field: choice for field, choice in given.items() if choice in known and ruled.get(field) != choice}


class MergePage:
    """A preview in words. `source` goes into `destination`."""

    def __init__(self, preview: Preview, steps: Sequence[Step] = ()) -> None:
        self.preview, self.plan = preview, preview.plan
        self.source, self.destination = source, destination = preview.source, preview.destination
        self._sides = {"source": source, "destination": destination}
        self._points = {p.contact_point_id: p for side in (source, destination) for p in side.points}
        self.taken = [Way(step_value(step), self._step_label(step)) for step in steps]

    @property
    def hindrances(self) -> list[Hindrance]:
        """What still stands in the way."""
        return [
            Hindrance(o, self._label(o.field), [Way(step_value(step), self._step_label(step)) for step in o.steps])
            for o in self.plan.obstacles
        ]

    @property
    def rows(self) -> list[Row]:
        """Every field that either side fills, mismatches first."""
        rows = [self._row(outcome) for outcome in self.plan.outcomes if outcome.source or outcome.destination]
        return sorted(rows, key=lambda row: not (row.outcome.options or row.outcome.kept is None))

    @property
    def differing(self) -> list[Row]:
        """Those in which the two differ, or one of them has nothing."""
        return [row for row in self.rows if row.source != row.destination or row.outcome.options]

    def _row(self, outcome: Outcome) -> Row:
        texts = {
            "source": _text(outcome.field, outcome.source),
            "destination": _text(outcome.field, outcome.destination),
        }
        side = outcome.kept
        result = texts.get(side, "both") if side else "not decided yet"
        return Row(
            self._label(outcome.field), outcome, texts["source"], destination=texts["destination"], result=result
        )

    def _label(self, field: str) -> str:
        head, _, rest = field.partition(".")
        point = self._points.get(rest)
        return (
            f"Type of {wording.point(point.value, point.kind)}"
            if head == "phone_type" and point
            else wording.field(field)
        )

    def _step_label(self, step: Step) -> str:
        side = self._sides.get(step.side or "")
        name = wording.snippet(wording.customer_name(side.display_name), _NAME) if side else ""
        point = self._points.get(step.contact_point_id or "")
        number = wording.point(point.value, point.kind) if point else "the contact point"
        if step.step == "make_ordinary":
            return f"Make the Main phone of {name} ({self._main(step)}) an ordinary phone"
        if step.step == "keep_former":
            return f"Keep {name}'s customer ID {side.customer_id if side else ''} as a former one, still searchable"
        if step.step == "keep_type":
            return f"Keep the type that {number} has with {name}: {self._type(side, point)}"
        return f"Detach {number} from {self._holder(step)} into a customer of its own first"

    def _main(self, step: Step) -> str:
        side = self._sides[step.side or "source"]
        return next((wording.point(p.value, p.kind) for p in side.points if p.kind == "phone" and p.main), "")

    def _type(self, side: Side | None, point: HeldPoint | None) -> str:
        points = side.points if side else []
        kind = next((p.phone_type for p in points if point and (p.kind, p.value) == (point.kind, point.value)), None)
        return labels.PHONE_TYPES[kind].lower() if kind else ""

    def _holder(self, step: Step) -> str:
        for side in (self.source, self.destination):
            if any(p.contact_point_id == step.contact_point_id for p in side.points):
                return wording.snippet(wording.customer_name(side.display_name), _NAME)
        return "its customer"


def _text(field: str, value: Any) -> str:
    if value in (None, "", []):
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    head = field.partition(".")[0]
    if head == "main_phone":
        return wording.point(str(value), "phone")
    if head == "phone_type":
        return labels.PHONE_TYPES.get(str(value), str(value))
    if head == "social":
        return ", ".join(wording.point(part, "social") for part in str(value).split(", "))
    return str(value)
