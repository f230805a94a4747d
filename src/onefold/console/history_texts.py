"""How a profile came to be, in words; and words that fit into a picture."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from onefold.history.history import Arrival, Departure, History, Join, Origin

UNKNOWN = "Unknown customer"
_AT_ONCE = timedelta(seconds=2)


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """About how wide a line is at most in a common sans-serif, in pixels: the server knows no font."""
    return sum(map(_advance, text)) * size * (1.13 if bold else 1.0)


def _advance(character: str) -> float:
    if character in "iljtfrI.,:;'|!()[] ":
        return 0.36
    if character in "mwMW@%…—":
        return 1.0
    code = ord(character)
    if code < 0x250:
        return 0.74 if character.isupper() else 0.64
    if unicodedata.combining(character):
        return 0.0
    if 0xFDF0 <= code <= 0xFDFF or 0x12000 <= code <= 0x1254F:  # ligatures of whole sentences, and cuneiform
        return 12.0
    return 0.8 if code < 0x1100 else 1.2


def cut(text: str, width: float, size: float, *, bold: bool = False) -> str:
    """The text, or what of it and an ellipsis fits; a letter bears two marks at most, and control characters none."""
    text = plain(text)
    if text_width(text, size, bold=bold) <= width:
        return text
    room, beginning = width - text_width("…", size, bold=bold), ""
    for character in text:
        room -= text_width(character, size, bold=bold)
        if room < 0:
            break
        beginning += character
    return beginning.rstrip() + "…"


def plain(text: str) -> str:
    """A text on one line, without control characters and heaps of combining marks."""
    cleaned, marks = "", 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character) == "Mn" else 0
        if marks <= 2:
            cleaned += " " if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") else character
    return " ".join(cleaned.split())


def day(at: datetime) -> str:
    """A date as people write it, in UTC: `3 May 2026`."""
    return f"{at.day} {at:%b %Y}"


def made_title(origin: Origin) -> str:
    """A profile and its first day."""
    return f"{plain(origin.name or UNKNOWN)}, made {day(origin.created_at)}"


def merge_title(history: History, join: Join) -> str:
    """A merge, with the names of then."""
    names = {o.id: plain(o.name or UNKNOWN) for o in history.origins}
    into = plain(join.into or names[join.destination_id])
    return f"{names[join.source_id]} merged into {into}, {day(join.at)}, by {plain(join.by)}"


def fate_of(history: History, origin: Origin) -> str:
    """What became of a profile, in words."""
    joins = [j for j in history.joins if j.source_id == origin.id]
    for join in joins:
        if join.undone_at is None:
            return f"merged {day(join.at)} by {plain(join.by)}"
    if origin.part:
        return ""
    if joins and (undone := max(joins, key=lambda j: j.at)).undone_at is not None:
        return f"merge undone {day(undone.undone_at)}" + (f" by {plain(undone.undone_by)}" if undone.undone_by else "")
    left = next((d for d in history.departures if d.to_id == origin.id), None)
    return f"detached {day(left.at)} by {plain(left.by)}" if left else ""


def left_out(history: History) -> str:
    """`and 3 more profiles, 1 more contact point`, or nothing."""
    counts = (
        (history.more_profiles, "profile"),
        (history.more_arrivals, "contact point"),
        (history.more_departures, "undone merge or detach"),
    )
    parts = [f"{n:,} more {noun if n == 1 else _plural(noun)}" for n, noun in counts if n]
    return "and " + ", ".join(parts) if parts else ""


def _plural(noun: str) -> str:
    return noun.replace("merge or detach", "merges or detaches") if "merge" in noun else noun + "s"


# In sentences --------------------------------------------------------------------------------------------------------


def story(history: History) -> list[str]:
    """The history in sentences, oldest first; the last one says what is left out."""
    names = {o.id: plain(o.name or UNKNOWN) for o in history.origins}
    dated: list[tuple[datetime, int, str]] = []
    detached = {departure.to_id for departure in history.departures}
    for origin in history.origins:
        if origin.id not in detached:
            dated.append((origin.created_at, 0, _creation_text(history, origin, names)))
    for arrival in history.arrivals:
        if not _with_profile(history, arrival):
            dated.append((arrival.at, 1, _arrival_text(arrival, names)))
    for departure in history.departures:
        dated.append((departure.at, 2, _departure_text(departure, names)))
    for join in history.joins:
        dated += _merge_texts(join, names)
    sentences = [f"{day(at)}: {sentence}" for at, _, sentence in sorted(dated)]
    rest = left_out(history)
    return [*sentences, f"{rest[0].upper()}{rest[1:]}."] if rest else sentences


def _with_profile(history: History, arrival: Arrival) -> bool:
    """Whether it came in the moment its profile was made: one sentence then tells of both."""
    made = next((o.created_at for o in history.origins if o.id == arrival.profile_id), arrival.at)
    return arrival.known and arrival.at - made <= _AT_ONCE


def _creation_text(history: History, origin: Origin, names: Mapping[str, str]) -> str:
    came = [plain(a.text) for a in history.arrivals if a.profile_id == origin.id and _with_profile(history, a)]
    apart = [text for text in came if text != names[origin.id]]
    by = f" by {plain(origin.created_by)}" if origin.created_by else ""
    return f"{names[origin.id]} was created{by}{', with ' + _list_text(apart) if apart else ''}."


def _list_text(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _arrival_text(arrival: Arrival, names: Mapping[str, str]) -> str:
    how = ", from which the customer got in touch" if arrival.contacted else ""
    if not arrival.known:
        return f"{plain(arrival.text)} came{how}, on {names[arrival.profile_id]} or on one that was merged into it."
    return f"{plain(arrival.text)} came to {names[arrival.profile_id]}{how}."


def _departure_text(departure: Departure, names: Mapping[str, str]) -> str:
    point, new_name = plain(departure.text or "a contact point"), names.get(departure.to_id, UNKNOWN)
    now = "" if new_name in (point, UNKNOWN) else f", {new_name}"
    return (
        f"{plain(departure.by)} detached {point} from {names.get(departure.from_id, UNKNOWN)} into a new customer{now}."
    )


def _merge_texts(join: Join, names: Mapping[str, str]) -> Iterable[tuple[datetime, int, str]]:
    source, into = names.get(join.source_id, UNKNOWN), plain(join.into or names.get(join.destination_id, UNKNOWN))
    yield join.at, 3, f"{plain(join.by)} merged {source} into {into}."
    if join.undone_at is not None:
        yield join.undone_at, 4, f"{plain(join.undone_by or 'Somebody')} undid the merge of {source} into {into}."
