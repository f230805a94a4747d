"""Many processes at the same customers at the same instant: nothing is lost, nobody becomes two.

Every worker is a process with a database and a receiver of its own, as on several machines behind a load balancer.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import combinations

import pytest
import sqlalchemy as sa

from onefold.contact_points.kinds import Channel
from onefold.database.engine import Database
from onefold.database.transactions import run_in_transaction
from onefold.profiles import service as profiles
from onefold.profiles.service import PointInput
from onefold.profiles.store import lock_profile
from onefold.receiving.contact import Answer, Contact, Further, Sender
from tests.conftest import Base
from tests.invariants import check_base
from tests.races.processes import Job, at_once
from tests.races.workers import bring, close_and_reopen, contact, edit_at_random, mobile

CHANNELS: tuple[Channel, ...] = ("email", "sms", "social", "whatsapp", "chat")


def rows(base: Base, sql: str) -> list[tuple[object, ...]]:
    with base.database.read(base.organization_id) as unit:
        return [tuple(row) for row in unit.execute(sa.text(sql))]


def check_arrived(base: Base, sent: list[Contact]) -> None:
    """Every message sent is an item, once; and the base is sound."""
    items = rows(base, "SELECT message_id FROM items WHERE message_id IS NOT NULL")
    arrived = [str(message_id).removeprefix("instagram:") for (message_id,) in items]  # a social id is its network's
    assert len(arrived) == len(sent)
    assert set(arrived) == {c.message_id for c in sent}
    check_base(base.database, base.organization_id)


def in_own_order(worker: int, contacts: list[Contact]) -> list[Contact]:
    return random.Random(worker).sample(contacts, len(contacts))


def newcomers(worker: int, customers: int) -> list[Contact]:
    """One message of each new customer, as this worker brings it: its own message id, its own order."""
    return in_own_order(worker, [contact(CHANNELS[n % len(CHANNELS)], n, f"m-{worker}-{n}") for n in range(customers)])


def bring_all(base: Base, contacts: list[list[Contact]], batch: Callable[[int], int]) -> list[list[Answer]]:
    jobs = [Job(bring, (base.url, base.organization_id, own, batch(worker))) for worker, own in enumerate(contacts)]
    return at_once(jobs)


@pytest.mark.parametrize("processes", [16, pytest.param(64, marks=pytest.mark.soak)])
def test_processes_bring_the_same_200_newcomers_at_once_RES_12_PRO_3(base: Base, processes: int) -> None:
    """An eighth of the workers bring one contact a transaction, the others batches of 100."""
    sent = [newcomers(worker, 200) for worker in range(processes)]

    answers = bring_all(base, sent, lambda worker: 1 if worker % 8 == 0 else 100)

    assert rows(base, "SELECT count(*) FROM profiles") == [(200,)]
    assert rows(base, "SELECT count(*) FROM conversations") == [(200,)]
    landed = defaultdict(set)
    for contacts, answered in zip(sent, answers, strict=True):
        for c, answer in zip(contacts, answered, strict=True):
            landed[c.sender].add(answer.profile_id)
    assert {len(profiles) for profiles in landed.values()} == {1}, "every worker was told the same profile"
    assert sum(a.outcome == "created" for answered in answers for a in answered) == 200
    check_arrived(base, [c for contacts in sent for c in contacts])


@pytest.mark.soak
def test_64_processes_bring_the_same_200_newcomers_one_by_one_RES_12(base: Base) -> None:
    sent = [newcomers(worker, 200) for worker in range(64)]

    bring_all(base, sent, lambda worker: 1)

    assert rows(base, "SELECT count(*) FROM profiles") == [(200,)]
    check_arrived(base, [c for contacts in sent for c in contacts])


def test_16_processes_bring_the_same_deliveries_and_get_the_same_answers_RES_12(base: Base) -> None:
    """A channel that resends to every machine at once: each delivery is one item, and every machine answers alike."""
    deliveries = [contact(CHANNELS[n % len(CHANNELS)], n, f"delivery-{n}") for n in range(40)]
    sent = [in_own_order(worker, deliveries) for worker in range(16)]

    answers = bring_all(base, sent, lambda worker: 1 if worker % 2 else 40)

    answers_by_id: dict[str, list[Answer]] = defaultdict(list)
    for contacts, answered in zip(sent, answers, strict=True):
        for c, answer in zip(contacts, answered, strict=True):
            answers_by_id[c.message_id].append(answer)
    for answered in answers_by_id.values():
        assert len({a._replace(repeated=False) for a in answered}) == 1
        assert sum(not a.repeated for a in answered) == 1
    check_arrived(base, deliveries)


def test_calls_and_text_messages_of_a_number_at_once_leave_one_mobile_holder_RES_4_RES_5_SUG_1(base: Base) -> None:
    """A call before the first text opens a new profile each time; the first text decides who is the mobile holder."""
    sent = [
        in_own_order(
            worker,
            [contact(channel, n, f"{channel}-{worker}-{n}") for n in range(30) for channel in ("voice", "sms")],
        )
        for worker in range(12)
    ]

    bring_all(base, sent, lambda worker: 10 if worker % 4 == 0 else 1)

    check_arrived(base, [c for contacts in sent for c in contacts])
    holders = defaultdict(list)
    for value, profile_id, phone_type, sms in rows(
        base, "SELECT value, profile_id, phone_type, sms FROM contact_points"
    ):
        holders[value].append((profile_id, phone_type, bool(sms)))
    assert len(holders) == 30
    suggested = set(rows(base, "SELECT profile_id, other_id, value FROM evidence"))
    for value, points in holders.items():
        assert [h[1:] for h in points if h[1] == "mobile"] == [("mobile", True)]
        assert {h[1] for h in points if h[1] != "mobile"} <= {"other"}
        pairs = {(one, other, value) for one, other in combinations(sorted(h[0] for h in points), 2)}
        assert pairs <= suggested, "who shares a number is suggested to each other, however they came at once"


def test_profiles_are_edited_while_their_customers_write_and_call_PRO_3_PRO_4_PRO_5(base: Base) -> None:
    """Agents give, retype and take away the very contact points that customers use at this instant."""
    base.receiver.receive(base.organization_id, [contact("email", n, f"first-{n}") for n in range(12)])
    channels: tuple[Channel, ...] = ("email", "sms", "voice", "whatsapp")
    sent = [
        in_own_order(worker, [contact(channels[k % 4], n, f"{worker}-{n}-{k}") for n in range(12) for k in range(12)])
        for worker in range(5)
    ]

    *_, one, two, three = at_once(
        [
            *(Job(bring, (base.url, base.organization_id, own, 1 + 6 * (w % 2))) for w, own in enumerate(sent)),
            *(Job(edit_at_random, (base.url, base.organization_id, seed, 12, 150)) for seed in range(3)),
        ]
    )

    edits = one + two + three
    assert {"_create", "_add", "_retype", "_remove", "contact_point_taken"} <= set(edits), edits
    first = [contact("email", n, f"first-{n}") for n in range(12)]
    check_arrived(base, [*first, *(c for contacts in sent for c in contacts)])


def test_conversations_are_closed_and_reopened_while_contacts_arrive(base: Base) -> None:
    """At most one is open at any moment, and what arrives finds one that is."""
    first = [contact("email", n, f"first-{n}") for n in range(5)]
    base.receiver.receive(base.organization_id, first)
    sent = [
        in_own_order(worker, [contact("email", n, f"{worker}-{n}-{k}") for n in range(5) for k in range(20)])
        for worker in range(5)
    ]

    *_, one, two, three = at_once(
        [
            *(Job(bring, (base.url, base.organization_id, own, 1 + 4 * (w % 2))) for w, own in enumerate(sent)),
            *(Job(close_and_reopen, (base.url, base.organization_id, seed, 100)) for seed in range(3)),
        ]
    )

    seen = one + two + three
    assert seen["closed"] > 0
    assert seen["open"] + seen["open_conversation"] > 0
    assert rows(base, "SELECT count(*) FROM profiles") == [(5,)]
    check_arrived(base, [*first, *(c for contacts in sent for c in contacts)])


# One interleaving at a time -------------------------------------------------------------------------------------------
#
# What the races above meet only now and then, in the one order that hurts. PostgreSQL only: SQLite has one writer.


WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def wait_until_waiting(base: Base, number: int, or_done: Future[object] | None = None) -> None:
    """Until so many connections to this database wait for a lock (or the other thing has happened)."""
    for _ in range(1_000):
        if rows(base, WAITING) == [(number,)] or (or_done is not None and or_done.done()):
            return
        time.sleep(0.01)
    raise AssertionError("nobody waits")


@pytest.mark.parametrize("make_url", ["postgresql"], indirect=True)
def test_values_listed_by_a_contact_are_found_although_an_agent_edits_the_profile_RES_11_MRG_1(base: Base) -> None:
    """An agent takes ada@old.example.com off while a contact lists bob@old.example.com: the domain still finds it."""
    first = Contact("sms", "first", Sender(phone=mobile(1)), further=Further(emails=("ada@old.example.com",)))
    [answer] = base.receiver.receive(base.organization_id, [first])
    assert isinstance(answer, Answer)
    with base.database.read(base.organization_id) as unit:
        [old] = [p for p in profiles.read(unit, answer.profile_id).points if p.kind == "email"]
    second = Contact("sms", "second", Sender(phone=mobile(1)), further=Further(emails=("bob@old.example.com",)))

    other = Database(base.url)
    with ThreadPoolExecutor(1) as pool:
        with other.write(base.organization_id) as unit:
            lock_profile(unit, answer.profile_id)
            arriving = pool.submit(base.receiver.receive, base.organization_id, [second])
            wait_until_waiting(base, 1)
            profiles.remove_point(unit, answer.profile_id, old.contact_point_id, None)
        arriving.result(30)
    other.dispose()

    check_base(base.database, base.organization_id)


@pytest.mark.parametrize("make_url", ["postgresql"], indirect=True)
def test_an_agents_edit_is_not_undone_by_a_call_that_was_decided_before_it_PRO_5(base: Base) -> None:
    """A call marks the mobile as contacted; in between an agent says that it is a home phone. It stays a home phone."""
    profile_id, point_id = _by_hand(base, PointInput("phone", mobile(1), phone_type="mobile"))
    call = Contact("voice", "call", Sender(phone=mobile(1)), further=Further(emails=("ada@example.com",), vouched=True))

    other = Database(base.url)
    with ThreadPoolExecutor(2) as pool:
        # Somebody enters the email that the call brings, and thinks better of it: so long the decided call waits.
        with pytest.raises(ChangedTheirMind), other.write(base.organization_id) as unit:
            profiles.create(unit, name="Ada", points=[PointInput("email", "ada@example.com")])
            arriving = pool.submit(base.receiver.receive, base.organization_id, [call])
            wait_until_waiting(base, 1)
            editing: Future[object] = pool.submit(
                run_in_transaction,
                base.database,
                base.organization_id,
                lambda unit: profiles.edit_point(unit, profile_id, point_id, {"phone_type": "home"}, None),
            )
            wait_until_waiting(base, 2, or_done=editing)
            raise ChangedTheirMind
        arriving.result(30)
        editing.result(30)
    other.dispose()

    with base.database.read(base.organization_id) as unit:
        [phone] = [p for p in profiles.read(unit, profile_id).points if p.kind == "phone"]
    assert (phone.phone_type, phone.identifying) == ("home", False)


class ChangedTheirMind(Exception):
    """Ends a transaction without a commit."""


def _by_hand(base: Base, point: PointInput) -> tuple[str, str]:
    with base.database.write(base.organization_id) as unit:
        row = profiles.create(unit, name="By hand", points=[point])
        [stored_point] = profiles.read(unit, row.id).points
    return row.id, stored_point.contact_point_id
