"""A profile's history as an SVG for a page (MRG-13): `history_picture.py` lays it out, `origins.css` styles it."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from onefold.console.history_picture import lay_out
from onefold.console.history_texts import plain, story
from onefold.history.history import History

WIDTH = 960
"""In pixels: what a page beside nothing else has room for. `svg` takes 360 to 1,200."""
_TOLD = 30

_TEMPLATES = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)


def svg(history: History, width: int = WIDTH) -> Markup:
    """The picture as an `<svg>` without scripts and style attributes. It scales with its place on the page; the page
    shows `story(history)` beside it, and the description holds its beginning."""
    name = next(plain(o.name or "") for o in history.origins if o.id == history.profile_id) or "this customer"
    sentences = story(history)
    more = " The list beside the picture tells the rest." if len(sentences) > _TOLD else ""
    return Markup(
        _TEMPLATES.get_template("origins.svg").render(
            picture=lay_out(history, width),
            key=history.profile_id,
            title=f"How the profile of {name} came to be",
            description=" ".join(sentences[:_TOLD]) + more,
        )
    )
