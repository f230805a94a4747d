"""Insights: what has been counted, by day, and how often each kind of evidence was right."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest

from onefold.contact_points.kinds import CHANNELS
from onefold.conversations import service as conversations
from onefold.conversations.service import Written
from onefold.core.clock import new_id
from onefold.core.errors import InvalidValue
from onefold.insights import not_shown
from onefold.insights import service as insights
from onefold.insights.service import ChannelContacts, Day, Insights, Precision
from onefold.jobs.worker import Counting
from onefold.matching.scoring import EVIDENCE_KINDS
from onefold.outbox.store import emit
from onefold.privacy import erasure as erasing
from onefold.profiles.service import PointInput
from onefold.receiving.contact import Further, ListedPhone
from onefold.suggestions import service as suggestions
from tests.conftest import Base
from tests.dsl.words import COMMAND, detach, do, list_point, merge, profile, receive, rows, undo

NOW = datetime(2031, 5, 14, 12, 0, tzinfo=UTC)
HOME = "+442079460001"
_numbers = itertools.count(10)
ADA, SLIP = "ada.lovelace@kite.example", "ada.lovelacee@kite.example"


class Calendar:
    """The clock of all services, which a test sets."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now

    def set(self, days_ago: int) -> None:
        self.now = NOW - timedelta(days=days_ago)


@pytest.fixture(autouse=True)
def calendar(base: Base, monkeypatch: pytest.MonkeyPatch) -> Calendar:
    """The day on which things happen; today unless a test goes back."""
    new_calendar = Calendar()
    for name, module in list(sys.modules.items()):
        if name.startswith("onefold.") and hasattr(module, "utc_now"):
            monkeypatch.setattr(module, "utc_now", new_calendar)
    monkeypatch.setattr(base.receiver, "_clock", new_calendar)
    return new_calendar


def read(base: Base, days: int = 7, now: datetime = NOW) -> Insights:
    """What Insights shows, after everything has been counted."""
    counting = Counting(base.database)
    while counting.work():
        pass
    with base.database.read(base.organization_id) as unit:
        return insights.read(unit, days, clock=lambda: now)


def precision(numbers: Insights, kind: str) -> Precision:
    return next(one for one in numbers.precision if one.kind == kind)


def sharing_a_phone(base: Base) -> tuple[str, str]:
    """Two profiles that are suggested to be one by a phone alone, which no others have."""
    further = Further(phones=(ListedPhone(f"+44207946{next(_numbers):04}", "home"),))
    one, other = (receive(base, "email", email=f"{new_id()}@a.example", further=further).profile_id for _ in range(2))
    return one, other


def say_no_match(base: Base, pair: Sequence[str]) -> None:
    do(base, lambda unit: suggestions.no_match(unit, pair[0], pair[1], COMMAND))


def take_back(base: Base, pair: Sequence[str]) -> None:
    do(base, lambda unit: suggestions.withdraw(unit, pair[0], pair[1], COMMAND))


def detach_what_is_alike(base: Base) -> None:
    """Out of a profile with two similar emails the one."""
    both = profile(base, PointInput("email", ADA))
    detach(base, both, list_point(base, both, PointInput("email", SLIP)))


def raise_suggestion(base: Base, *kinds: str) -> None:
    """What other systems are told when a suggestion is raised."""
    data = {"other_id": new_id(), "kinds": kinds}
    do(base, lambda unit: emit(unit, new_id(), "suggestion.raised", new_id(), data, NOW))


# By day --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [1, 7, 366])
def test_where_nothing_happened_there_are_days_with_zeros_and_no_precision(base: Base, days: int) -> None:
    numbers = read(base, days)
    assert [day.day for day in numbers.days] == [(NOW - timedelta(days=n)).date() for n in reversed(range(days))]
    assert {day[1:] for day in numbers.days} == {(0, 0, 0, 0, 0, 0, 0)}
    assert numbers.contacts == tuple(ChannelContacts(channel, 0, 0) for channel in CHANNELS)
    assert numbers.precision == tuple(Precision(kind, 0, 0, 0, None) for kind in EVIDENCE_KINDS)


@pytest.mark.parametrize("days", [-1, 0, 367])
def test_days_that_cannot_be_shown_are_refused(base: Base, days: int) -> None:
    with pytest.raises(InvalidValue) as refused:
        read(base, days)
    assert (refused.value.code, refused.value.field) == ("invalid_days", "days")


def test_contacts_are_counted_by_channel_and_outcome__RES_2_RES_3(base: Base) -> None:
    ada = receive(base, "email", email=ADA).profile_id
    receive(base, "email", email=ADA)
    receive(base, "email", email="bob@example.com")
    receive(base, "voice", phone="+447700900123")
    do(base, lambda unit: conversations.write(unit, ada, Written("written by us"), None))
    numbers = read(base)
    counts = {one.channel: one[1:] for one in numbers.contacts if one[1:] != (0, 0)}
    assert counts == {"email": (1, 2), "voice": (0, 1)}
    assert (numbers.days[-1].opened, numbers.days[-1].created) == (1, 3)


def test_the_same_delivery_again_is_no_second_contact__RES_12(base: Base) -> None:
    for _ in range(2):
        receive(base, "email", "the same", email=ADA)
    assert read(base).contacts[0] == ChannelContacts("email", 0, 1)


def test_a_day_is_one_in_utc(base: Base, calendar: Calendar) -> None:
    midnight = datetime(2031, 5, 14, tzinfo=UTC)
    for moment in (midnight - timedelta(microseconds=1), midnight, midnight + timedelta(hours=23)):
        calendar.now = moment
        receive(base, "email", email=ADA)
    late = datetime(2031, 5, 14, 20, tzinfo=UTC)
    numbers = read(base, 2, now=late)
    assert [(day.day, day.opened + day.created) for day in numbers.days] == [(date(2031, 5, 13), 1), (late.date(), 2)]


def test_only_the_days_asked_for_are_shown(base: Base, calendar: Calendar) -> None:
    for days in (7, 6, 0):
        calendar.set(days_ago=days)
        receive(base, "email", email=ADA)
    assert [day.opened for day in read(base, 7).days] == [1, 0, 0, 0, 0, 0, 1]
    assert read(base, 8).days[0].created == 1


def test_each_thing_is_told_on_the_day_it_happened(base: Base, calendar: Calendar) -> None:
    pairs = [sharing_a_phone(base) for _ in range(3)]
    calendar.set(days_ago=3)
    merged = [merge(base, *pair) for pair in pairs[:2]]
    calendar.set(days_ago=2)
    say_no_match(base, pairs[2])
    calendar.set(days_ago=1)
    undo(base, merged[0].id)
    calendar.set(days_ago=0)
    detach_what_is_alike(base)
    counts_by_day = [(day.merged, day.dismissed, day.undone, day.detached) for day in read(base).days]
    assert counts_by_day[3:] == [(2, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]
    assert set(counts_by_day[:3]) == {(0, 0, 0, 0)}


def test_duplicates_are_found_by_kind_of_evidence__SUG_1(base: Base) -> None:
    raise_suggestion(base, "phone", "email")
    raise_suggestion(base, "phone")
    assert read(base).days[-1] == Day(NOW.date(), 0, 0, found=2, merged=0, dismissed=0, undone=0, detached=0)
    counted = {row.name: row.number for row in rows(base, "SELECT name, number FROM daily_counts")}
    assert counted == {"suggestion.raised": 2, "suggestion.raised.phone": 2, "suggestion.raised.email": 1}


# Precision -----------------------------------------------------------------------------------------------------------


def test_precision_is_what_was_merged_and_stands_of_what_was_decided__MRG_13_SUG_4(base: Base) -> None:
    merged = [merge(base, *sharing_a_phone(base)) for _ in range(3)]
    undo(base, merged[0].id)
    say_no_match(base, sharing_a_phone(base))
    numbers = read(base)
    assert precision(numbers, "phone") == Precision("phone", merged=3, undone=1, dismissed=1, precision=0.5)
    assert precision(numbers, "email") == Precision("email", 0, 0, 0, None)


def test_each_kind_of_evidence_is_judged_by_itself__SUG_4(base: Base) -> None:
    further = Further(phones=(ListedPhone(HOME, "home"),))
    one, other = (receive(base, "email", email=email, further=further).profile_id for email in (ADA, SLIP))
    merge(base, one, other)
    say_no_match(base, sharing_a_phone(base))
    numbers = read(base)
    assert precision(numbers, "phone").precision == 0.5
    assert precision(numbers, "similar_email").precision == 1.0


def test_a_merge_that_nothing_spoke_for_says_nothing_of_any_kind__MRG_1(base: Base) -> None:
    merge(base, profile(base, name="Ada"), profile(base, name="Bob"))
    numbers = read(base)
    assert numbers.days[-1].merged == 1
    assert {one.precision for one in numbers.precision} == {None}


def test_a_merge_undone_later_counts_against_the_days_of_the_merge__MRG_13(base: Base, calendar: Calendar) -> None:
    calendar.set(days_ago=10)
    merged = merge(base, *sharing_a_phone(base))
    calendar.set(days_ago=0)
    undo(base, merged.id)
    week, month = read(base, 7), read(base, 30)
    assert week.days[-1].undone == 1
    assert precision(week, "phone") == Precision("phone", 0, 0, 0, None)
    assert precision(month, "phone") == Precision("phone", 1, 1, 0, 0.0)


def test_of_two_merges_of_one_profile_the_one_that_was_undone_counts__MRG_13(base: Base) -> None:
    one, other = sharing_a_phone(base)
    undo(base, merge(base, one, other).id)
    third = profile(base, PointInput("email", f"{new_id()}@a.example"))
    undo(base, merge(base, one, third).id)
    numbers = read(base)
    assert (numbers.days[-1].merged, numbers.days[-1].undone) == (2, 2)
    assert precision(numbers, "phone") == Precision("phone", 1, 1, 0, 0.0)


def test_a_no_match_that_was_taken_back_counts_no_longer__SUG_4(base: Base, calendar: Calendar) -> None:
    calendar.set(days_ago=10)
    pair = sharing_a_phone(base)
    say_no_match(base, pair)
    calendar.set(days_ago=0)
    assert precision(read(base, 30), "phone") == Precision("phone", 0, 0, 1, 0.0)
    take_back(base, pair)
    assert precision(read(base, 30), "phone") == Precision("phone", 0, 0, 0, None)
    say_no_match(base, sharing_a_phone(base))
    for days in (7, 30):
        assert precision(read(base, days), "phone") == Precision("phone", 0, 0, 1, 0.0)


def test_a_detach_counts_as_no_match_on_what_the_two_still_share__DET_3(base: Base) -> None:
    detach_what_is_alike(base)
    assert precision(read(base), "similar_email") == Precision("similar_email", 0, 0, 1, 0.0)


def test_a_detach_is_judged_by_itself_and_not_by_a_later_no_match__DET_3_SUG_4(base: Base, calendar: Calendar) -> None:
    calendar.set(days_ago=1)
    one = profile(base, PointInput("email", ADA))
    new = detach(base, one, list_point(base, one, PointInput("email", "bob@example.com"))).new_profile_id
    calendar.set(days_ago=0)
    for profile_id in (one, new):
        list_point(base, profile_id, PointInput("phone", HOME, phone_type="home"))
    say_no_match(base, (one, new))
    assert precision(read(base), "phone").dismissed == 1


def test_numbers_stay_when_a_customer_is_erased__MRG_14(base: Base) -> None:
    one, other = sharing_a_phone(base)
    merged = merge(base, one, other)
    undo(base, merged.id)
    for profile_id in (one, other):
        do(base, lambda unit, p=profile_id: erasing.erase(unit, p, p, COMMAND), exclusive=True)  # type: ignore[misc]
    numbers = read(base)
    assert (numbers.days[-1].merged, numbers.days[-1].undone) == (1, 1)
    assert precision(numbers, "phone") == Precision("phone", 1, 1, 0, 0.0)


def test_what_channels_send_that_is_no_contact_is_counted_and_listed__RES_20(base: Base) -> None:
    for kinds in ({"statuses": 2}, {"statuses": 1, "echo": 1}):
        do(base, lambda unit, kinds=kinds: not_shown.note(unit, "meta", kinds))
    do(base, lambda unit: not_shown.note(unit, "twilio", {"status": 5}))
    rows = do(base, not_shown.list_not_shown)
    assert [(one.channel, one.kind, one.number) for one in rows] == [
        ("twilio", "status", 5),
        ("meta", "statuses", 3),
        ("meta", "echo", 1),
    ]
