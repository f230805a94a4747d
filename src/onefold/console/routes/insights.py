"""Insights, and how a profile came to be: what has happened, counted and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from onefold.console.history_svg import svg
from onefold.console.history_texts import story
from onefold.console.pages import page
from onefold.console.visitor import AnyVisitor
from onefold.database.engine import UnitOfWork
from onefold.history import service as origins
from onefold.insights import service as insights
from onefold.insights.service import Day
from onefold.profiles import service as profiles

router = APIRouter()
_PERIODS = (7, 30, 90, 365)
_SERIES = (
    ("found", "Found"),
    ("merged", "Merged"),
    ("dismissed", "No Match"),
    ("undone", "Undone"),
    ("detached", "Detached"),
)
_WIDTH, _HEIGHT = 640, 96


class Bar(NamedTuple):
    """A day of a chart: where it stands and how high, in pixels, and what it says."""

    x: float
    y: float
    width: float
    height: float
    title: str


class Chart(NamedTuple):
    """A small chart of one number a day, and their sum."""

    label: str
    total: int
    highest: int
    bars: list[Bar]


def chart(label: str, numbers: Sequence[tuple[Day, int]]) -> Chart:
    """Bars as high as their numbers, the highest as high as the chart."""
    highest = max((number for _, number in numbers), default=0)
    step = _WIDTH / max(len(numbers), 1)
    bars = []
    for place, (day, number) in enumerate(numbers):
        height = _HEIGHT * number / highest if highest else 0.0
        said = f"{day.day.day} {day.day:%B}: {number:,}"
        bars.append(Bar(place * step + step * 0.1, _HEIGHT - height, step * 0.8, height=height, title=said))
    return Chart(label, sum(number for _, number in numbers), highest, bars)


@router.get("/insights")
def show(request: Request, visitor: AnyVisitor, days: Annotated[int, Query(ge=1, le=366)] = 30) -> Response:
    """Contacts by outcome, duplicates found, merged, dismissed and undone by day, precision by kind of evidence."""
    figures = visitor.read(lambda unit: insights.read(unit, days), "merges:undo")
    charts = [chart(label, [(day, getattr(day, name)) for day in figures.days]) for name, label in _SERIES]
    return page(request, visitor, "insights.html", insights=figures, charts=charts, days=days, periods=_PERIODS)


@router.get("/customers/{profile_id}/origins")
def how_it_came_to_be(request: Request, visitor: AnyVisitor, profile_id: str) -> Response:
    """How this profile came to be: contact points, profiles and merges over time, drawn and told."""

    def work(unit: UnitOfWork) -> dict[str, object]:
        view = profiles.read(unit, profile_id)
        return {"profile": view, "history": origins.read(unit, profile_id)}

    values = visitor.read(work)
    picture, sentences = svg(values["history"]), story(values["history"])  # type: ignore[arg-type]
    return page(request, visitor, "origins.html", profile=values["profile"], picture=picture, story=sentences)
