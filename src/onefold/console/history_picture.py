"""How a profile came to be, as a picture: contact points, profiles and merges from the first to today.

Pure: `lay_out` gives every line, dot and text its place. Time runs from left to right, one lane to a profile. Sources
lie below the lane they joined, those that joined first nearest to it, so that no lane crosses another on its way; what
was only a while with the profile, or left it, lies above.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from onefold.console import history_texts as words
from onefold.console.history_shapes import Dot, Label, Picture, Stroke
from onefold.console.history_texts import UNKNOWN, cut, plain, text_width
from onefold.history.history import Arrival, History, Origin

LaneStyle = Literal["living", "part", "other"]
_FRONT = ("other", "part", "living")  # what lies over what


_PAD, _AXIS, _TAIL = 16.0, 26.0, 10.0
_NAME_ROW, _ROW, _BELOW = 20.0, 17.0, 18.0
_BEND = 14.0
_SMALL, _TEXT, _NAME, _LIVING = 11.0, 12.0, 12.5, 15.0
_LONGEST = 220.0
_HANGING = 9.0  # from the leader to the text that hangs on it
_TALL = 520.0
_CROWD = 16  # with more lanes than this, what became of each is in its title and in the story alone


# Time ----------------------------------------------------------------------------------------------------------------


def _moments(history: History) -> list[datetime]:
    """Every instant at which something happened, and the present one, which is later than all."""
    moments = {o.created_at for o in history.origins} | {a.at for a in history.arrivals}
    moments |= {at for j in history.joins for at in (j.at, j.undone_at) if at is not None}
    moments |= {d.at for d in history.departures}
    return [*sorted(moments), max(history.now, max(moments) + timedelta(microseconds=1))]


def _scale(moments: Sequence[datetime], left: float, right: float) -> Callable[[datetime], float]:
    """Where a moment lies. Long waits are shortened, much at once is spread; what is later is never further left."""
    gaps = [(after - before).total_seconds() for before, after in itertools.pairwise(moments)]
    slow = [0.15 + math.log10(1 + gap / 5) for gap in gaps]
    whole, slowed = sum(gaps), sum(slow)
    at, places = left, {moments[0]: left}
    for moment, gap, weight in zip(moments[1:], gaps, slow, strict=True):
        at += (right - left) * (0.3 * gap / whole + 0.7 * weight / slowed)
        places[moment] = round(min(at, right), 2)
    return lambda moment: places[moment]


def _ticks(history: History, moments: Sequence[datetime], x: Callable[[datetime], float]) -> list[tuple[float, Label]]:
    """Dates on the axis: the first, today, and merges before others where there is room."""
    short = moments[-1] - moments[0] < timedelta(days=2)
    merges = {j.at for j in history.joins}
    instants = [moments[0], *sorted(merges & set(moments)), *moments[1:-1]]
    today = Label(x(moments[-1]), 14, "today", full=words.day(moments[-1]), size=_SMALL, style="tick", end=True)
    ticks = [(today.x, today)]
    for at in instants:
        text = f"{at.day} {at:%b %H:%M}" if short else words.day(at)
        width = text_width(text, _SMALL)
        label = Label(
            max(_PAD, x(at) - width / 2), 14, text, full=f"{words.day(at)} {at:%H:%M} UTC", size=_SMALL, style="tick"
        )
        apart = all(label.box[2] + 12 < o.box[0] or o.box[2] + 12 < label.box[0] for _, o in ticks)
        if apart and all(o.text != text for _, o in ticks):
            ticks.append((x(at), label))
    return ticks


# Lanes ---------------------------------------------------------------------------------------------------------------


class _Lane(NamedTuple):
    origin: Origin
    style: LaneStyle
    y: float
    bottom: float
    labels: tuple[Label, ...]
    hung: tuple[tuple[Arrival, Label], ...]


def _order(history: History) -> list[tuple[Origin, LaneStyle]]:
    """From above: what is not part of it, latest nearest; the living one; below each what joined it, first nearest."""
    by_id = {o.id: o for o in history.origins}
    joined: dict[str, list[str]] = {}
    for join in sorted((j for j in history.joins if j.undone_at is None), key=lambda j: (j.at, j.id)):
        joined.setdefault(join.destination_id, []).append(join.source_id)
    below, waiting = [], [history.profile_id]
    while waiting:
        one = waiting.pop()
        below.append(one)
        waiting += [source for source in reversed(joined.get(one, ())) if source not in below]
    met: dict[str, datetime] = {}
    links = [(j.at, j.source_id, j.destination_id) for j in history.joins]
    for at, *ids in [*links, *((d.at, d.from_id, d.to_id) for d in history.departures)]:
        met |= {one: min(at, met.get(one, at)) for one in ids}
    above = sorted((o for o in history.origins if o.id not in below), key=lambda o: (met.get(o.id, o.created_at), o.id))
    styles: list[tuple[Origin, LaneStyle]] = [(o, "other") for o in above]
    return styles + [(by_id[one], "living" if one == history.profile_id else "part") for one in below]


def _lanes(history: History, width: float, x: Callable[[datetime], float]) -> dict[str, _Lane]:
    """Each lane as high as its texts need."""
    top, lanes = _AXIS, {}
    came: dict[str, list[Arrival]] = {}
    for arrival in history.arrivals:
        came.setdefault(arrival.profile_id, []).append(arrival)
    for origin, style in _order(history):
        names = _names(history, origin, style, y=0, width=width, x=x)
        y = top + (_NAME_ROW if names else 4) + (10 if style == "living" else 6)
        names = tuple(label._replace(y=y - 9) for label in names)
        leftward = style == "part" and len(history.origins) > _CROWD
        hung = _hang(came.get(origin.id, ()), y, width, x=x, leftward=leftward)
        lowest = max([label.y for _, label in hung], default=y)
        lanes[origin.id] = _Lane(origin, style, y, bottom=lowest + _TAIL, labels=names, hung=hung)
        top = lowest + _TAIL
    return lanes


def _names(
    history: History, origin: Origin, style: LaneStyle, y: float, width: float, x: Callable[[datetime], float]
) -> tuple[Label, ...]:
    """The name of a lane, unless a contact point says it, and what became of it; pushed left where it would not fit."""
    size, bold = _LIVING if style == "living" else _NAME, style != "other"
    full, fate_text = plain(origin.name or UNKNOWN), words.fate_of(history, origin)
    if style == "part" and any(a.profile_id == origin.id and plain(a.text) == full for a in history.arrivals):
        full = ""
    leftward = False
    if len(history.origins) > _CROWD and style == "part":
        fate_text, leftward = "", True
    room = width - 2 * _PAD
    name = cut(full, room if not fate_text else room * 0.55, size, bold=bold)
    after = text_width(name, size, bold=bold) + 8 if name and fate_text else 0.0
    fate = cut(fate_text, room - after, _SMALL) if fate_text else ""
    start = max(
        _PAD,
        min(
            x(origin.created_at) - 4,
            width - _PAD - max(after + text_width(fate, _SMALL), text_width(name, size, bold=bold)),
        ),
    )
    if leftward:
        start = max(_PAD, x(origin.created_at) + 4 - text_width(name, size, bold=bold))
    labels = [Label(start, y, name, full=full, size=size, style=f"name-{style}")] if name else []
    return (
        (*labels, Label(start + after, y, fate, full=fate_text, size=_SMALL, style="fate")) if fate else tuple(labels)
    )


def _hang(
    arrivals: Sequence[Arrival], y: float, width: float, x: Callable[[datetime], float], leftward: bool
) -> tuple[tuple[Arrival, Label], ...]:
    """Labels below a lane, each on a leader from where its contact point came, in as many rows as they need.

    From the right to the left: a leader then goes down left of every text that was placed before. Where a text would
    leave the picture it stands on its leader's other side, and `leftward` wherever it can, for there no other lane goes
    by; these come first, from the left to the right.
    """
    rows: list[list[tuple[float, float]]] = []
    hung: list[tuple[Arrival, Label]] = []
    normal: list[tuple[float, Arrival, Label]] = []
    turned: list[tuple[float, Arrival, Label]] = []
    for arrival in sorted(arrivals, key=lambda a: (a.at, a.id)):
        at, full = x(arrival.at), plain(arrival.text) or "—"
        right, left = width - _PAD - at - _HANGING, at - _HANGING - 4
        text = cut(full, min(_LONGEST, max(right, left)), _TEXT)
        wide = text_width(text, _TEXT)
        turn = wide > right or (leftward and wide <= left)
        label = Label(at + (-_HANGING if turn else _HANGING), 0, text, full=full, size=_TEXT, style="point", end=turn)
        (turned if turn else normal).append((at, arrival, label))
    for at, arrival, label in [*turned, *sorted(normal, key=lambda placed: -placed[0])]:
        box = label.box
        span = (min(box[0], at - 5) - 3, max(box[2], at + 5) + 3)
        row = next((n for n, taken in enumerate(rows) if all(_apart(span, other) for other in taken)), len(rows))
        if row == len(rows):
            rows.append([])
        rows[row].append(span)
        hung.append((arrival, label._replace(y=y + _BELOW + 4 + row * _ROW)))
    return tuple(hung)


def _apart(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[1] <= other[0] or other[1] <= one[0]


# Lines ---------------------------------------------------------------------------------------------------------------


def _line(x0: float, x1: float, y: float, style: str, title: str) -> Stroke:
    return Stroke(f"M{x0:g} {y:g}H{max(x0, x1):g}", style, title, (x0, y, max(x0, x1), y))


def _bend(x0: float, y0: float, x1: float, y1: float, style: str, title: str) -> Stroke:
    """From one lane's height to another's, round at both ends."""
    middle, down = (x0 + x1) / 2, 1 if y1 > y0 else -1
    turn = min(_BEND, abs(y1 - y0) / 2) * down
    path = f"M{x0:g} {y0:g}Q{middle:g} {y0:g} {middle:g} {y0 + turn:g}V{y1 - turn:g}Q{middle:g} {y1:g} {x1:g} {y1:g}"
    return Stroke(path, style, title, (x0, min(y0, y1), x1, max(y0, y1)))


def _holder(history: History, profile_id: str, at: datetime) -> str:
    """The profile that another had been merged into, however deep, when something happened."""
    seen = {profile_id}
    while True:
        onward = next(
            (
                j.destination_id
                for j in history.joins
                if j.source_id == profile_id
                and j.at < at
                and (j.undone_at is None or j.undone_at > at)
                and j.destination_id not in seen
            ),
            None,
        )
        if onward is None:
            return profile_id
        profile_id = onward
        seen.add(onward)


def _busy(history: History, lane: _Lane, x: Callable[[datetime], float]) -> list[float]:
    """Where something happens on a lane: there it has to be straight."""
    profile_id = lane.origin.id
    positions = [x(a.at) for a, _ in lane.hung] + [x(lane.origin.created_at)]
    positions += [
        x(at)
        for j in history.joins
        if profile_id in (j.source_id, j.destination_id)
        for at in (j.at, j.undone_at)
        if at is not None
    ]
    return positions + [x(d.at) for d in history.departures if profile_id in (d.from_id, d.to_id)]


def _along(
    history: History, lane: _Lane, lanes: Mapping[str, _Lane], x: Callable[[datetime], float]
) -> Iterable[Stroke]:
    """A lane from its beginning to where it joins another for good, or to today."""
    busy, end = _busy(history, lane, x), x(history.now)
    title = words.made_title(lane.origin)

    def leave(at: float) -> float:
        """How far a curve that ends at a moment reaches back; `enter` how far one that begins there reaches on."""
        return min(2 * _BEND, (at - max([b for b in busy if b < at], default=at)) * 0.8)

    def enter(at: float) -> float:
        return min(2 * _BEND, (min([b for b in [*busy, end] if b > at], default=at) - at) * 0.8)

    start = x(lane.origin.created_at)
    came = next((d for d in history.departures if d.to_id == lane.origin.id and d.from_id in lanes), None)
    if came is not None:
        start = max(start, x(came.at))
        yield _bend(
            start, lanes[came.from_id].y, start + enter(start), y1=lane.y, style=f"detach-{lane.style}", title=title
        )
        start += enter(start)
    for join in sorted((j for j in history.joins if j.source_id == lane.origin.id), key=lambda j: j.at):
        at, other = x(join.at), lanes[join.destination_id]
        bend = max(min(start, at), at - leave(at))
        yield _line(min(start, bend), bend, lane.y, style=f"lane-{lane.style}", title=title)
        style = f"lane-{lane.style}" if join.undone_at is None else "undone"
        yield _bend(bend, lane.y, at, y1=other.y, style=style, title=words.merge_title(history, join))
        if join.undone_at is None:
            return
        start = x(join.undone_at)
        back = lanes[_holder(history, join.destination_id, join.undone_at)]
        yield _bend(
            start, back.y, start + enter(start), y1=lane.y, style="undone", title=f"undone {words.day(join.undone_at)}"
        )
        start += enter(start)
    yield _line(start, end, lane.y, style=f"lane-{lane.style}", title=title)


def _hangers(lane: _Lane, x: Callable[[datetime], float]) -> Iterable[Stroke]:
    lowest: dict[float, float] = {}
    for arrival, label in lane.hung:
        lowest[x(arrival.at)] = max(label.y - 4, lowest.get(x(arrival.at), 0))
    for at, y in lowest.items():
        yield Stroke(f"M{at:g} {lane.y:g}V{y:g}", "leader", "", (at, lane.y, at, y))


def _dots(history: History, lanes: Mapping[str, _Lane], x: Callable[[datetime], float]) -> Iterable[Dot]:
    parted = {d.to_id: d for d in history.departures}
    for lane in lanes.values():
        origin, radius = lane.origin, 4 if lane.style == "living" else 3
        title, left = words.made_title(origin), parted.get(origin.id)
        if left is None:
            yield Dot(x(origin.created_at), lane.y, radius, style=f"made-{lane.style}", title=title, subject=origin.id)
        else:
            yield Dot(x(left.at), lanes[left.from_id].y, 3.5, style="parted", title=title, subject=origin.id)
        for arrival, label in lane.hung:
            style = "reached" if arrival.contacted else "listed"
            title = f"{label.full}, {words.day(arrival.at)}" + (
                "" if arrival.known else ", perhaps on a profile merged later"
            )
            yield Dot(x(arrival.at), label.y - 4, 3.5, style=style, title=title, subject=arrival.id)
            yield Dot(x(arrival.at), lane.y, 2.5, style=f"stop-{lane.style}", title=title, subject=arrival.id)
    for join in history.joins:
        style = "joined" if join.undone_at is None else "joined-undone"
        yield Dot(
            x(join.at),
            lanes[join.destination_id].y,
            4.5,
            style=style,
            title=words.merge_title(history, join),
            subject=join.id,
        )


# The whole -----------------------------------------------------------------------------------------------------------


def lay_out(history: History, width: float) -> Picture:
    """The picture of a history at a width of 360 to 1,200 pixels: no two texts overlap, and it is as high as it must.

    Merges and detaches that name a profile which is not among the origins are left out.
    """
    history = _without_open_ends(history)
    moments = _moments(history)
    history = history._replace(now=moments[-1])
    x = _scale(moments, _PAD + 4, width - _PAD - 4)
    lanes = _lanes(history, width, x)
    bottom = max(lane.bottom for lane in lanes.values())
    ticks = _ticks(history, moments, x)
    foot, legend_dots, legend = _foot(history, width, bottom + (18 if bottom > _TALL else 4))
    grid = [Stroke(f"M{at:g} {_AXIS - 6:g}V{bottom:g}", "grid", "", (at, _AXIS - 6, at, bottom)) for at, _ in ticks]
    strokes = [*grid, *(line for lane in lanes.values() for line in _hangers(lane, x))]
    for lane in sorted(lanes.values(), key=lambda lane: _FRONT.index(lane.style)):
        strokes += _along(history, lane, lanes, x)
    labels = [label for _, label in ticks]
    if bottom > _TALL:
        labels += [label._replace(y=bottom + 14) for label in labels]
    labels += [label for lane in lanes.values() for label in (*lane.labels, *(hung for _, hung in lane.hung))]
    dots = [*_dots(history, lanes, x), *legend_dots]
    return Picture(width, foot, tuple(strokes), dots=tuple(dots), labels=(*labels, *legend))


def _without_open_ends(history: History) -> History:
    known = {o.id for o in history.origins}
    return history._replace(
        arrivals=tuple(a for a in history.arrivals if a.profile_id in known),
        joins=tuple(j for j in history.joins if {j.source_id, j.destination_id} <= known),
        departures=tuple(d for d in history.departures if {d.from_id, d.to_id} <= known),
    )


def _foot(history: History, width: float, top: float) -> tuple[float, list[Dot], list[Label]]:
    """What the markers mean, where both kinds are there, and how much is not drawn; with the height of the whole."""
    dots, labels, y, at = [], [], top + 14, _PAD
    meaning = {True: ("reached", "got in touch from it"), False: ("listed", "listed, never used")}
    for kind in sorted({a.contacted for a in history.arrivals}, reverse=True):
        style, text = meaning[kind]
        dots.append(Dot(at + 4, y - 4, 3.5, style=style, title=text, subject=""))
        labels.append(Label(at + 13, y, text, full=text, size=_SMALL, style="legend"))
        at = labels[-1].box[2] + 18
    text = cut(words.left_out(history), width - 2 * _PAD, _SMALL)
    if text:
        y, at = (y + 18, _PAD) if at + text_width(text, _SMALL) > width - _PAD else (y, at)
        labels.append(Label(at, y, text, full=words.left_out(history), size=_SMALL, style="more"))
    return (y + 10 if labels else top + 6), dots, labels
