"""Customers with a history of any length, written past the service: the same rows, with the same ids, in each copy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from onefold.conversations.timeline import timeline_second
from onefold.core.clock import new_id, utc_now
from onefold.database import tables
from onefold.database.dialects import Insert
from onefold.database.engine import Database, UnitOfWork
from onefold.database.tables import instant_text
from onefold.matching.scoring import keys_of_point
from onefold.matching.store import MATCH_KEYS
from onefold.organizations.store import load_policy
from onefold.profiles.search import search_terms
from onefold.profiles.store import TERMS
from onefold.receiving.store import ITEMS, POINTS, PROFILES

_CONVERSATIONS = Insert(
    tables.conversations,
    ("organization_id", "id", "profile_id", "inbox_id", "state", "opened_at", "closed_at"),
)
_AT_ONCE = 5_000


class Customer(NamedTuple):
    """Who is to be written: the last conversation is open, the others are closed."""

    profile_id: str
    name: str
    points: tuple[tuple[str, str], ...]
    """Contact points, all emails: id and value."""
    conversations: tuple[str, ...]


def customer(name: str, points: int, conversations: int) -> Customer:
    """Somebody new."""
    profile_id = new_id()
    emails = tuple(
        (new_id(), f"{name.lower().replace(' ', '.')}.{number}@{profile_id}.example") for number in range(points)
    )
    return Customer(profile_id, name, emails, tuple(new_id() for _ in range(conversations)))


def write(database: Database, organization_id: int, customers: Sequence[Customer], items: int) -> None:
    """Writes the customers, each with so many items; those of different customers take turns."""
    with database.write(organization_id) as unit:
        _write_customers(unit, customers)
    numbers = [(who, number) for number in range(items) for who in customers]
    for start in range(0, len(numbers), _AT_ONCE):
        with database.write(organization_id) as unit:
            moment = utc_now()
            unit.append(ITEMS, [_item(unit, who, number, items, moment) for who, number in numbers[start:][:_AT_ONCE]])


def _write_customers(unit: UnitOfWork, customers: Sequence[Customer]) -> None:
    org, moment, inbox_id = unit.organization_id, instant_text(utc_now()), load_policy(unit).default_inbox_id
    points = [(who, point_id, value) for who in customers for point_id, value in who.points]
    terms = [
        (org, term, who.profile_id)
        for who in customers
        for term in search_terms(who.name, None, [("email", value, None) for _, value in who.points])
    ]
    conversations = [
        (
            org,
            one,
            who.profile_id,
            inbox_id,
            *(("open", moment, None) if one == who.conversations[-1] else ("closed", moment, moment)),
        )
        for who in customers
        for one in who.conversations
    ]
    unit.insert(PROFILES, [(org, who.profile_id, who.name, moment) for who in customers])
    unit.insert(
        POINTS,
        [
            _row(
                POINTS,
                organization_id=org,
                id=point_id,
                profile_id=who.profile_id,
                kind="email",
                value=value,
                sms=False,
                identifying=True,
                contacted=True,
                current=True,
                standing="contacted",
                created_at=moment,
            )
            for who, point_id, value in points
        ],
    )
    unit.insert(
        MATCH_KEYS,
        [(org, key, point_id) for _, point_id, value in points for key in keys_of_point("email", value, None)],
    )
    unit.insert(TERMS, terms)
    unit.insert(_CONVERSATIONS, conversations)


def _item(unit: UnitOfWork, who: Customer, number: int, items: int, moment: datetime) -> tuple[object, ...]:
    """The conversations follow each other; each contact point has its share of them."""
    at = number * len(who.conversations) // items
    point_id, _ = who.points[at * len(who.points) // len(who.conversations)]
    return _row(
        ITEMS,
        organization_id=unit.organization_id,
        profile_id=who.profile_id,
        conversation_id=who.conversations[at],
        contact_point_id=point_id,
        kind="message",
        direction="in",
        channel="email",
        message_id=f"{who.profile_id}-{number}",
        outcome="opened",
        subject="Where is my order?",
        body="Hello, could you look where it is?",
        sender_state="proven",
        occurred_at=instant_text(moment),
        recorded_at=instant_text(moment),
        timeline_second=timeline_second(moment, moment),
    )


def _row(insert: Insert, **values: object) -> tuple[object, ...]:
    """The row, in the order of the insert's columns: empty where nothing is named."""
    assert set(values) <= set(insert.columns), f"no columns: {set(values) - set(insert.columns)}"
    return tuple(values.get(column) for column in insert.columns)
