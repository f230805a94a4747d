"""What a picture of a history is drawn of: lines, dots and texts, each with its place in pixels."""

from __future__ import annotations

from typing import NamedTuple

from onefold.console.history_texts import text_width


class Stroke(NamedTuple):
    """A line: an SVG path of numbers alone, and everything it touches as (left, top, right, bottom)."""

    path: str
    style: str
    title: str
    box: tuple[float, float, float, float]


class Dot(NamedTuple):
    """A marker and its centre. `subject` is the id of what it stands for."""

    x: float
    y: float
    radius: float
    style: str
    title: str
    subject: str


class Label(NamedTuple):
    """A text of one line. `x` is where it starts, or with `end` ends; `y` its base line; `full` the text uncut."""

    x: float
    y: float
    text: str
    full: str
    size: float
    style: str
    end: bool = False

    @property
    def box(self) -> tuple[float, float, float, float]:
        """What it covers at most: (left, top, right, bottom)."""
        width = text_width(self.text, self.size, bold=self.style in _BOLD)
        left = self.x - width if self.end else self.x
        return left, self.y - self.size, left + width, self.y + self.size * 0.3


class Picture(NamedTuple):
    """Everything to be drawn, from the back to the front, in pixels."""

    width: float
    height: float
    strokes: tuple[Stroke, ...]
    dots: tuple[Dot, ...]
    labels: tuple[Label, ...]


_BOLD = ("name-living", "name-part")
