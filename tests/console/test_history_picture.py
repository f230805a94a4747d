"""How a profile came to be, as a picture: whatever the history, it is legible, whole and harmless."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onefold.console.history_picture import lay_out
from onefold.console.history_shapes import Picture
from onefold.console.history_svg import svg
from onefold.console.history_texts import cut, plain, story, text_width
from onefold.history.history import Arrival, Departure, History, Join, Origin

BEGAN = datetime(2024, 5, 3, 9, tzinfo=UTC)
WIDTHS = st.sampled_from([360, 390, 720, 960, 1200])
TEXTS = st.one_of(
    st.sampled_from(["ada@kite.example", "+447911123456", "Ada", "محمد عبد الله", "李小龍" * 9, "W" * 80]),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60),
)


def after(days: float) -> datetime:
    return BEGAN + timedelta(days=days)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """What can have happened: profiles that come, are merged while both live, are undone, and let points go."""
    living = ["p0"]
    origins = {"p0": Origin("p0", draw(st.none() | TEXTS), BEGAN, None, True)}
    arrivals: list[Arrival] = []
    joins: list[Join] = []
    departures: list[Departure] = []
    now = BEGAN
    for n, event in enumerate(draw(st.lists(st.sampled_from("pppaaaammud"), max_size=40)), 1):
        now += draw(st.sampled_from([timedelta(0), timedelta(microseconds=7), timedelta(hours=3), timedelta(days=90)]))
        one = draw(st.sampled_from(living))
        if event == "p" or (event == "d" and len(origins) > 12):
            origins[f"p{n}"] = Origin(f"p{n}", draw(st.none() | TEXTS), now, None, False)
            living.append(f"p{n}")
        elif event == "a":
            arrivals.append(Arrival(f"a{n}", one, draw(TEXTS), now, draw(st.booleans()), draw(st.booleans())))
        elif event == "d":
            origins[f"p{n}"] = Origin(f"p{n}", draw(TEXTS), now, None, False)
            departures.append(Departure(one, f"p{n}", draw(TEXTS), now, "Bea"))
            living.append(f"p{n}")
        elif event == "m" and one != "p0":
            into = draw(st.sampled_from([other for other in living if other != one]))
            joins.append(Join(f"m{n}", one, into, draw(st.none() | TEXTS), now, draw(TEXTS), None, None))
            living.remove(one)
        elif event == "u" and (standing := [k for k, join in enumerate(joins) if join.undone_at is None]):
            k = draw(st.sampled_from(standing))
            joins[k] = joins[k]._replace(undone_at=now, undone_by="Mona")
            living.append(joins[k].source_id)
    into_ids = {j.source_id: j.destination_id for j in joins if j.undone_at is None}

    def end(one: str) -> str:
        while one in into_ids:
            one = into_ids[one]
        return one

    placed = [o._replace(part=end(o.id) == "p0") for o in origins.values()]
    more = draw(st.sampled_from([0, 1, 1312]))
    return History("p0", now, tuple(placed), tuple(arrivals), tuple(joins), tuple(departures), more, more, more)


def apart(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def places(picture: Picture) -> dict[str, float]:
    """Where in time each subject stands."""
    return {dot.subject: dot.x for dot in picture.dots if dot.subject}


# Whatever the history ------------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(histories(), WIDTHS)
def test_no_two_texts_overlap_and_all_is_inside(history: History, width: int) -> None:
    picture = lay_out(history, width)
    for one, other in itertools.combinations(picture.labels, 2):
        assert apart(one.box, other.box), (one, other)
    boxes = [label.box for label in picture.labels] + [line.box for line in picture.strokes]
    boxes += [(d.x - d.radius, d.y - d.radius, d.x + d.radius, d.y + d.radius) for d in picture.dots]
    for left, top, right, bottom in boxes:
        assert 0 <= left <= right <= picture.width == width
        assert 0 <= top <= bottom <= picture.height
    assert min(label.size for label in picture.labels) >= 11


@settings(max_examples=200, deadline=None)
@given(histories(), WIDTHS)
def test_every_profile_contact_point_and_merge_is_drawn_in_the_order_of_time(history: History, width: int) -> None:
    picture = lay_out(history, width)
    placed = places(picture)
    happened = [(o.created_at, o.id) for o in history.origins] + [(a.at, a.id) for a in history.arrivals]
    happened += [(j.at, j.id) for j in history.joins]
    assert set(placed) == {subject for _, subject in happened}
    for (earlier, one), (later, other) in itertools.pairwise(sorted(happened)):
        assert placed[one] <= placed[other] + 0.01, (earlier, later)
    texts = {label.full for label in picture.labels}
    assert {plain(arrival.text) or "—" for arrival in history.arrivals} <= texts


@settings(max_examples=100, deadline=None)
@given(histories(), WIDTHS)
def test_the_svg_is_well_formed_and_holds_nothing_but_shapes_and_texts(history: History, width: int) -> None:
    root = ElementTree.fromstring(svg(history, width))
    tags = {element.tag for element in root.iter()}
    assert tags <= {"svg", "title", "desc", "g", "path", "circle", "text"}
    names = {name for element in root.iter() for name in element.attrib}
    assert names <= {
        "class",
        "role",
        "viewBox",
        "width",
        "height",
        "aria-labelledby",
        "aria-describedby",
        "id",
        "d",
        "cx",
        "cy",
        "r",
        "x",
        "y",
    }
    assert all(re.fullmatch(r"[-MHVQ0-9. e]+", path.attrib["d"]) for path in root.iter("path"))


@given(TEXTS, st.integers(20, 300))
def test_a_long_text_is_cut_to_its_place(text: str, width: int) -> None:
    shortened = cut(text, width, 12)
    assert text_width(shortened, 12) <= width
    assert shortened == plain(text) or shortened.endswith("…")


# One by one ----------------------------------------------------------------------------------------------------------


def merged_twice() -> History:
    """Bob was merged and undone, Eve was merged for good, and an address was detached."""
    return History(
        "ada",
        after(900),
        (
            Origin("ada", "Ada", BEGAN, "Bea", True),
            Origin("eve", "Eve", after(20), None, True),
            Origin("bob", "Bob", after(30), None, False),
            Origin("new", "old@x.example", after(90), None, False),
        ),
        (
            Arrival("1", "ada", "ada@x.example", BEGAN, True, True),
            Arrival("2", "eve", "+447911123456", after(20), True, True),
            Arrival("3", "ada", "old@x.example", after(25), False, False),
        ),
        (
            Join("j1", "bob", "ada", "Ada", after(40), "Bea", after(50), "Mona"),
            Join("j2", "eve", "ada", "Ada", after(60), "Bea", None, None),
        ),
        (Departure("ada", "new", "old@x.example", after(90), "Bea"),),
        more_profiles=1,
    )


def test_the_living_profile_is_the_thickest_lane_and_what_left_it_lies_above() -> None:
    picture = lay_out(merged_twice(), 720)
    heights = {line.style: line.box[1] for line in picture.strokes if line.box[1] == line.box[3]}
    assert heights["lane-other"] < heights["lane-living"] < heights["lane-part"]


def test_an_undone_merge_is_dashed_on_its_way_in_and_out__MRG_13() -> None:
    picture = lay_out(merged_twice(), 720)
    assert [line.style for line in picture.strokes].count("undone") == 2
    assert "merge undone 22 Jun 2024 by Mona" in {label.full for label in picture.labels}


def test_what_nobody_else_holds_ends_at_its_merge_and_the_living_one_today() -> None:
    picture = lay_out(merged_twice(), 720)
    ends = {line.style: line.box[2] for line in picture.strokes if line.style.startswith("lane-")}
    assert ends["lane-part"] <= places(picture)["j2"] < ends["lane-living"]


def test_a_name_that_is_a_contact_point_is_said_once() -> None:
    origins = (Origin("p", "Ada", BEGAN, None, True), Origin("q", "q@x.example", BEGAN, None, True))
    history = History(
        "p",
        after(1),
        origins,
        (Arrival("1", "q", "q@x.example", BEGAN, True, True),),
        (Join("j", "q", "p", None, after(0.5), "Bea", None, None),),
        (),
    )
    assert [label.full for label in lay_out(history, 720).labels].count("q@x.example") == 1


def test_the_story_tells_all_of_it_oldest_first() -> None:
    assert story(merged_twice()) == [
        "3 May 2024: Ada was created by Bea, with ada@x.example.",
        "23 May 2024: Eve was created, with +447911123456.",
        "28 May 2024: old@x.example came, on Ada or on one that was merged into it.",
        "2 Jun 2024: Bob was created.",
        "12 Jun 2024: Bea merged Bob into Ada.",
        "22 Jun 2024: Mona undid the merge of Bob into Ada.",
        "2 Jul 2024: Bea merged Eve into Ada.",
        "1 Aug 2024: Bea detached old@x.example from Ada into a new customer.",
        "And 1 more profile.",
    ]


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></svg><script>alert(1)</script>",
    "<![CDATA[<script>]]>",
    "&lt;b&gt; {{ 7*7 }} {% raw %}",
    "javascript:alert(1)",
    "a\u0301\u0301\u0301\u0301" * 50,
    "x\x00\x01\x1b[31m\u2028y",
    "\u202eevil\u202c",
    "\ufdfd" * 20,
    "👩‍👩‍👧‍👦" * 30,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_texts_only(text: str) -> None:
    origins = (Origin("p", text, BEGAN, text, True), Origin("q", f"other {text}", BEGAN, None, True))
    join = Join("j", "q", "p", text, after(1), text, None, None)
    history = History("p", after(9), origins, (Arrival("a", "p", text, BEGAN, True, True),), (join,), ())
    made = svg(history)
    root = ElementTree.fromstring(made)
    assert {element.tag for element in root.iter()} <= {"svg", "title", "desc", "g", "path", "circle", "text"}
    assert "<script" not in made
    assert "49" not in {(element.text or "") for element in root.iter("text")}
    assert plain(text) in (root.findtext("desc") or "")
