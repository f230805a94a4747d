"""Timelines read in the order in which things happened, however they arrived (MRG-5).

The table: every arrival order of six mails of hours 0 to 5, on one customer or shared out to two, and what was done to
the two since. Whatever it was, each timeline is in order of time.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from onefold.conversations import service as conversations
from onefold.conversations.store import ItemRow
from onefold.conversations.timeline import happened_at, timeline_second
from onefold.privacy import export as exporting
from tests.conftest import Base
from tests.dsl.words import detach, merge, point_of, receive, said, said_in, undo

ANN, BEN = "ann@kite.example", "ben@kite.example"
DAY = datetime(2026, 3, 2, tzinfo=UTC)

# Pure ----------------------------------------------------------------------------------------------------------------

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CLOCKS = [
    # the channel says, it arrived, it stands at
    (NOON, NOON, NOON),
    (NOON - timedelta(hours=5), NOON, NOON - timedelta(hours=5)),
    (NOON - timedelta(days=9000), NOON, NOON - timedelta(days=9000)),
    (NOON + timedelta(seconds=1), NOON, NOON),  # a clock that is fast
    (NOON + timedelta(days=400), NOON, NOON),
    (datetime(1970, 1, 1, tzinfo=UTC), NOON, NOON),  # a clock that was never set
    (datetime(1980, 1, 1, tzinfo=UTC), NOON, NOON),
    (datetime(1, 1, 1, tzinfo=UTC), NOON, NOON),
]


@pytest.mark.parametrize(("occurred", "recorded", "stands_at"), CLOCKS)
def test_a_clock_that_lies_is_not_believed_MRG_5(occurred: datetime, recorded: datetime, stands_at: datetime) -> None:
    assert happened_at(occurred, recorded) == stands_at
    assert timeline_second(occurred, recorded) == int(stands_at.timestamp())


# As stored -----------------------------------------------------------------------------------------------------------


def mail(base: Base, sender: str, hour: float) -> str:
    """A mail of an hour of that day; its text is the hour."""
    moment = DAY + timedelta(hours=hour)
    return receive(base, "email", email=sender, body=f"{hour:g}", occurred_at=moment).profile_id


def mails(base: Base, sender: str, *at_hours: float) -> str:
    """Mails of one sender, arriving in this order; returns whose they are."""
    return {mail(base, sender, hour) for hour in at_hours}.pop()


def hours(count: int) -> list[str]:
    return [str(hour) for hour in range(count)]


ORDERS = [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2), (2, 0, 3, 1)]


@pytest.mark.parametrize("order", ORDERS)
def test_one_customer_whose_mails_arrive_in_any_order_MRG_5(base: Base, order: Sequence[int]) -> None:
    profile_id = mails(base, ANN, *order)
    assert said(base, profile_id) == hours(4)


def test_two_customers_brought_in_one_after_the_other_and_merged_read_as_it_happened_MRG_5(base: Base) -> None:
    ann = mails(base, ANN, 0, 2, 4)
    ben = mails(base, BEN, 1, 3, 5)
    merge(base, ben, ann)
    assert said(base, ann) == hours(6)


def _merged(base: Base, ann: str, ben: str) -> dict[str, list[int]]:
    merge(base, ben, ann)
    return {ann: [0, 1, 2, 3]}


def _undone(base: Base, ann: str, ben: str) -> dict[str, list[int]]:
    undo(base, merge(base, ben, ann).id)
    return {ann: [0, 2], ben: [1, 3]}


def _undone_after_more(base: Base, ann: str, ben: str) -> dict[str, list[int]]:
    merged = merge(base, ben, ann)
    mail(base, BEN, 1.5)
    mail(base, ANN, 2.5)
    undo(base, merged.id)
    return {ann: [0, 2, 2.5], ben: [1, 1.5, 3]}  # type: ignore[list-item]


def _detached(base: Base, ann: str, ben: str) -> dict[str, list[int]]:
    merge(base, ben, ann)
    gone = detach(base, ann, point_of(base, ann, BEN).contact_point_id)
    return {ann: [0, 2], gone.new_profile_id: [1, 3]}


def _merged_again(base: Base, ann: str, ben: str) -> dict[str, list[int]]:
    undo(base, merge(base, ben, ann).id)
    merge(base, ann, ben)
    return {ben: [0, 1, 2, 3]}


@pytest.mark.parametrize("deed", [_merged, _undone, _undone_after_more, _detached, _merged_again])
@pytest.mark.parametrize("arrival", list(itertools.permutations(range(4)))[::5])
def test_arrival_order_and_deed_make_no_difference_MRG_5(
    base: Base, arrival: Sequence[int], deed: Callable[[Base, str, str], dict[str, list[int]]]
) -> None:
    """Ann wrote at hours 0 and 2, Ben at 1 and 3; the four arrive in any order."""
    whose = {hour: mail(base, ANN if hour % 2 == 0 else BEN, hour) for hour in arrival}
    for profile_id, expected in deed(base, whose[0], whose[1]).items():
        assert said(base, profile_id) == [f"{hour:g}" for hour in expected]


def test_a_conversation_reads_as_it_happened_MRG_5(base: Base) -> None:
    ann = mails(base, ANN, 0, 2, 4)
    ben = mails(base, BEN, 1, 3, 5)
    merge(base, ben, ann)
    conversation_id = receive(base, "email", email=ANN, body="6", occurred_at=DAY + timedelta(hours=6)).conversation_id
    assert said_in(base, conversation_id) == hours(7)


def test_what_happened_in_one_second_stays_in_order_of_arrival_MRG_5(base: Base) -> None:
    for number, part in enumerate((0.9, 0.1, 0.5)):
        moment = DAY + timedelta(seconds=part)
        profile_id = receive(base, "email", email=ANN, body=str(number), occurred_at=moment).profile_id
    assert said(base, profile_id) == hours(3)


def test_live_contacts_stay_in_order_of_arrival_MRG_5(base: Base) -> None:
    for number in range(4):
        profile_id = receive(base, "sms", phone="+447911123456", body=str(number)).profile_id
    assert said(base, profile_id) == hours(4)


# One page after another ----------------------------------------------------------------------------------------------


def pages(base: Base, profile_id: str, size: int) -> list[ItemRow]:
    """The timeline, read page by page."""
    items: list[ItemRow] = []
    with base.database.read(base.organization_id) as unit:
        while page := conversations.timeline(unit, profile_id, items[-1].seq if items else None, size):
            items += page
    return items


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_page_after_page_nothing_is_left_out_or_read_twice_MRG_5(base: Base, size: int) -> None:
    """Three customers in one, some mails of the same second, and a page that ends among those."""
    one, other, third = "ann@kite.example", "bea@kite.example", "cy@kite.example"
    hours_of = {one: (0, 3, 3, 5), other: (1, 3, 5), third: (3, 4, 4)}
    stays, *others = (mails(base, sender, *some) for sender, some in hours_of.items())
    for source in others:
        merge(base, source, stays)
    messages = [item for item in pages(base, stays, size) if item.kind == "message"]
    assert [item.body for item in messages] == [
        str(h) for h in sorted(itertools.chain(*hours_of.values()), reverse=True)
    ]
    assert len({item.seq for item in messages}) == len(messages)


def test_a_page_goes_on_behind_an_item_that_is_gone_MRG_5(base: Base) -> None:
    profile_id = mails(base, ANN, 1, 0)
    with base.database.read(base.organization_id) as unit:
        assert [item.body for item in conversations.timeline(unit, profile_id, 10**9, 10)] == ["0"]
        assert conversations.timeline(unit, profile_id, 0, 10) == []


def test_an_export_reads_as_it_happened_MRG_5(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "_PAGE", 2)
    ann = mails(base, ANN, 0, 2, 4)
    ben = mails(base, BEN, 1, 3, 5)
    merge(base, ben, ann)
    with base.database.read(base.organization_id) as unit:
        document = json.loads(b"".join(exporting.document(lambda work: work(unit), exporting.subject(unit, ann))))
    assert [item["body"] for item in document["items"] if item["kind"] == "message"] == hours(6)
