"""Days and times as the person at the page reads them: in their own zone, in the form of dates and the clock that their
region has (UI-7). The words are English; the forms are the Unicode CLDR's, by the library babel."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.dates import format_date, format_skeleton, format_time

_UTC = ZoneInfo("UTC")
_SOMEWHERE = Locale("en", "150")
"""Day before month, 24 hours: for whoever's browser names no region."""
_LANGUAGE = re.compile(r"\s*([a-zA-Z]{2,3})(?:-[a-zA-Z]{4})?(?:-([a-zA-Z]{2}))?\s*(?:[;,]|\Z)")


class Reader(NamedTuple):
    """Where somebody reads times, and in which form."""

    zone: ZoneInfo
    locale: Locale


def reader_of(zone: str, languages: str) -> Reader:
    """The reader of a browser: by the zone that a script of ours has told, else UTC; by its Accept-Language."""
    return Reader(_zone(zone), _locale(languages))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name) if name else _UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):  # whatever a cookie may hold
        return _UTC


def _locale(languages: str) -> Locale:
    first = _LANGUAGE.match(languages[:100])
    return _of_region(first[1].lower(), (first[2] or "").upper()) if first else _SOMEWHERE


@lru_cache(maxsize=256)
def _of_region(language: str, region: str) -> Locale:
    """English as it is written in a region, or in the one that a language is most likely of."""
    likely = str(get_global("likely_subtags").get(language, "")).rpartition("_")[2]
    try:
        return Locale.parse(f"en_{region or likely}")
    except (UnknownLocaleError, ValueError):
        return _SOMEWHERE


def day_of(at: datetime, reader: Reader) -> date:
    """The day a moment falls on, where the reader is."""
    return at.astimezone(reader.zone).date()


def day(when: date, today: date, reader: Reader) -> str:
    """A day as the ruler of a timeline names it."""
    if when == today:
        return "Today"
    if when == today - timedelta(days=1):
        return "Yesterday"
    if today - timedelta(days=7) < when < today:
        return format_date(when, "EEEE", reader.locale)
    return _format_date(when, "MMMMd" if when.year == today.year else "yMMMMd", reader.locale)


def clock(at: datetime, reader: Reader) -> str:
    """The time of day."""
    return format_time(at.astimezone(reader.zone), "short", locale=reader.locale)


def when(at: datetime, reader: Reader, now: datetime) -> str:
    """A moment, as short as it can be said: the time today, the weekday this week, else the date."""
    then, today = day_of(at, reader), day_of(now, reader)
    if then == today:
        return clock(at, reader)
    if timedelta(0) < today - then < timedelta(days=7):
        return format_date(then, "EEE", reader.locale)
    return _format_date(then, "MMMd" if then.year == today.year else "yMMMd", reader.locale)


def moment(at: datetime, reader: Reader) -> str:
    """A moment in full, with its zone."""
    local = at.astimezone(reader.zone)
    return f"{_format_date(local.date(), 'yMMMMd', reader.locale)}, {clock(at, reader)} {local.tzname()}"


@lru_cache(maxsize=4_096)
def _format_date(when: date, skeleton: str, locale: Locale) -> str:
    return format_skeleton(skeleton, when, locale=locale)
