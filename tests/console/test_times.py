"""Times are read in the person's own zone, and in the form of dates and the clock of their region (UI-7)."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from onefold.console import times
from tests.console.conftest import Console, Seat

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
AFTERNOON = datetime(2026, 11, 7, 15, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("languages", "date_", "clock"),
    [
        ("", "7 Nov", "15:05"),
        ("en-US,en;q=0.9", "Nov 7", "3:05 PM"),
        ("en-GB", "7 Nov", "15:05"),
        ("en-AU,en;q=0.5", "7 Nov", "3:05 pm"),
        ("de-DE,de;q=0.9,en;q=0.8", "7 Nov", "15:05"),
        ("de", "7 Nov", "15:05"),
        ("ja", "Nov 7", "15:05"),
        ("zh-Hans-CN", "7 Nov", "15:05"),
        ("*", "7 Nov", "15:05"),
        ("xx-QQ", "7 Nov", "15:05"),
        ("en-US" * 10_000, "7 Nov", "15:05"),
        ("\r\n;;,,-", "7 Nov", "15:05"),
    ],
)
def test_dates_and_the_clock_have_the_form_of_the_region__UI_7(languages: str, date_: str, clock: str) -> None:
    reader = times.reader_of("", languages)
    assert times.when(AFTERNOON, reader, NOW) == date_
    assert times.clock(AFTERNOON, reader).replace("\u202f", " ") == clock


@pytest.mark.parametrize(
    ("zone", "clock", "day"),
    [
        ("", "15:05", date(2026, 11, 7)),
        ("Europe/Berlin", "16:05", date(2026, 11, 7)),
        ("Asia/Tokyo", "00:05", date(2026, 11, 8)),
        ("No/Where", "15:05", date(2026, 11, 7)),
        ("../../etc/passwd", "15:05", date(2026, 11, 7)),
        ("\x00", "15:05", date(2026, 11, 7)),
    ],
)
def test_a_moment_is_of_the_reader_s_day__UI_7(zone: str, clock: str, day: date) -> None:
    reader = times.reader_of(zone, "")
    assert (times.clock(AFTERNOON, reader), times.day_of(AFTERNOON, reader)) == (clock, day)


@pytest.mark.parametrize(
    ("at", "short", "ruler"),
    [
        (datetime(2026, 11, 30, 9, 30, tzinfo=UTC), "09:30", "Today"),
        (datetime(2026, 11, 29, 9, 30, tzinfo=UTC), "Sun", "Yesterday"),
        (datetime(2026, 11, 25, 9, 30, tzinfo=UTC), "Wed", "Wednesday"),
        (datetime(2026, 11, 23, 9, 30, tzinfo=UTC), "23 Nov", "23 November"),
        (datetime(2025, 11, 29, 9, 30, tzinfo=UTC), "29 Nov 2025", "29 November 2025"),
        (datetime(2026, 12, 1, 9, 30, tzinfo=UTC), "1 Dec", "1 December"),
    ],
)
def test_a_moment_is_said_as_short_as_it_can_be__UI_7(at: datetime, short: str, ruler: str) -> None:
    reader = times.reader_of("", "en-GB")
    assert times.when(at, reader, NOW) == short
    assert times.day(times.day_of(at, reader), NOW.date(), reader) == ruler
    assert times.moment(AFTERNOON, reader) == "7 November 2026, 15:05 UTC"


def test_a_page_follows_its_browser__UI_7(console: Console) -> None:
    ada_id = console.contact(
        "email", email="ada@kite.example", body="Hello", occurred_at=datetime(2025, 3, 4, 15, 5, tzinfo=UTC)
    )
    for languages, text in (("en-US", "March 4, 2025, 3:05 PM UTC"), ("fr", "4 March 2025, 15:05 UTC")):
        with Seat(
            console.served, console.agent.agent_id, console.agent.token, **{"Accept-Language": languages}
        ) as seat:
            titles = [mark.attributes.get("title", "") for mark in seat.page(f"/customers/{ada_id}").all("time")]
        assert text in [title.replace("\u202f", " ") for title in titles]
