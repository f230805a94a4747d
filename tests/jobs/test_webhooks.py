"""Other systems are told (EVT-1): signed, in order, at least once, and all of it after three days of absence."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from onefold.core.clock import new_id, utc_now
from onefold.core.errors import Conflict, InvalidValue
from onefold.jobs.webhook_post import Poster
from onefold.jobs.webhooks import Sender
from onefold.jobs.worker import EVENTS_KEPT, forget_old
from onefold.outbox import store as outbox
from onefold.webhooks import sending
from onefold.webhooks import service as webhooks
from onefold.webhooks.addresses import Addresses
from onefold.webhooks.endpoint_store import EndpointRow
from onefold.webhooks.rules import AWAY, RETRIES, Outcome
from onefold.webhooks.sending import LEASE, PendingDelivery, Room
from onefold.webhooks.store import DeliveryRow
from tests.conftest import Base
from tests.dsl.words import COMMAND, do, receive, rows
from tests.jobs.receiver import Got, HandClock, Handler, Receiver, receiving, refuses, says, takes, writes

ADA, BOB, CY = (f"00000000-0000-7000-8000-{n:012x}" for n in (1, 2, 3))
ANYWHERE = Addresses(allow_private=True)
TLS = ssl.create_default_context()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that is up and takes everything."""
    with receiving() as server:
        yield server


@pytest.fixture
def clock() -> HandClock:
    """The time, moved by hand."""
    return HandClock()


def subscribed(base: Base, url: str, **more: Any) -> EndpointRow:
    """A new webhook of the organization."""
    return do(base, lambda unit: webhooks.create(unit, ANYWHERE.check(url), COMMAND, **more), exclusive=True)


def happens(base: Base, word: str, profile_id: str = ADA, **data: Any) -> None:
    """An event that can be told by its word."""
    do(base, lambda unit: outbox.emit(unit, new_id(), "profile.updated", profile_id, {"word": word, **data}, utc_now()))


def send(base: Base, clock: HandClock, seconds: float = 5.0, addresses: Addresses = ANYWHERE) -> None:
    """What the background job does until nothing is due."""
    post = Poster(addresses, seconds=seconds, tls=TLS)
    sender = Sender(base.database, post, clock=clock, chance=lambda: 0.0)
    while sender.work():
        pass


def endpoint(base: Base, row: EndpointRow) -> EndpointRow:
    """How it stands now."""
    with base.database.read(base.organization_id) as unit:
        return next(e for e in webhooks.endpoints.list_endpoints(unit) if e.id == row.id)


def deliveries(base: Base, row: EndpointRow, state: str | None = None) -> list[DeliveryRow]:
    """Oldest first."""
    with base.database.read(base.organization_id) as unit:
        return webhooks.deliveries(unit, row.id, state)[::-1]


def to_the_next_try(base: Base, row: EndpointRow, clock: HandClock) -> bool:
    """Time passes until something is due again; False if nothing ever will be."""
    do(base, lambda unit: sending.enqueue(unit, clock()))
    due = [d.next_at for d in deliveries(base, row, "pending") if d.next_at is not None]
    clock.now = max(clock.now, min(due, default=clock.now))
    return bool(due)


def words(gots: list[Got]) -> list[Any]:
    """What arrived, by its words."""
    return [got.what for got in gots]


# Telling -------------------------------------------------------------------------------------------------------------


def test_a_receiver_is_told_of_what_happens_signed_and_in_order__EVT_1(
    base: Base, receiver: Receiver, clock: HandClock
) -> None:
    made = subscribed(base, receiver.url)
    answer = receive(base, "email", email="ada@example.com")
    send(base, clock)

    events = [Webhook(made.secret).verify(got.body, got.headers) for got in receiver.taken]
    assert [event["type"] for event in events] == ["profile.created", "contact.received"]
    assert {event["data"]["profile_id"] for event in events} == {answer.profile_id}
    assert events[1]["data"]["conversation_id"] == answer.conversation_id
    assert [got.headers["webhook-id"] for got in receiver.taken] == [
        str(row.id) for row in rows(base, "SELECT id FROM outbox ORDER BY seq")
    ]
    assert [d.state for d in deliveries(base, made)] == ["delivered", "delivered"]
    with pytest.raises(WebhookVerificationError):
        Webhook(webhooks._secret()).verify(receiver.taken[0].body, receiver.taken[0].headers)


def test_nothing_waits_where_nobody_wants_to_know__EVT_1(base: Base, receiver: Receiver, clock: HandClock) -> None:
    waiting = "SELECT count(*) FROM outbox WHERE pending"
    receive(base, "email", email="ada@example.com")
    assert rows(base, waiting)[0][0] == 0

    made = subscribed(base, receiver.url)
    receive(base, "email", email="bob@example.com")
    happens(base, "edited")
    assert rows(base, waiting)[0][0] == 3

    do(base, lambda unit: webhooks.remove(unit, made.id, COMMAND), exclusive=True)
    assert rows(base, waiting)[0][0] == 0
    receive(base, "email", email="cy@example.com")
    assert rows(base, waiting)[0][0] == 0
    send(base, clock)
    assert receiver.tries == []


def test_a_new_webhook_is_told_of_new_events_only__EVT_1(base: Base, receiver: Receiver, clock: HandClock) -> None:
    subscribed(base, f"{receiver.url}/one")
    happens(base, "before")
    subscribed(base, f"{receiver.url}/two")
    happens(base, "after")
    send(base, clock)
    assert sorted((got.path, got.what) for got in receiver.taken) == [
        ("/hook/one", "after"),
        ("/hook/one", "before"),
        ("/hook/two", "after"),
    ]


def test_a_webhook_gets_the_types_of_events_it_asked_for__EVT_1(
    base: Base, receiver: Receiver, clock: HandClock
) -> None:
    subscribed(base, receiver.url, event_types=["contact.received"])
    receive(base, "email", email="ada@example.com")
    send(base, clock)
    assert [got.event["type"] for got in receiver.taken] == ["contact.received"]
    with pytest.raises(InvalidValue):
        subscribed(base, receiver.url, event_types=["contact.recieved"])


# Order ---------------------------------------------------------------------------------------------------------------


def test_what_follows_waits_and_other_profiles_do_not__EVT_1(base: Base, receiver: Receiver, clock: HandClock) -> None:
    made = subscribed(base, receiver.url)
    receiver.behaviour = refuses("ada 1")
    for word, profile_id in (("ada 1", ADA), ("ada 2", ADA), ("bob 1", BOB), ("ada 3", ADA), ("bob 2", BOB)):
        happens(base, word, profile_id)
    send(base, clock)
    assert words(receiver.taken) == ["bob 1", "bob 2"]
    assert [d.next_at is None for d in deliveries(base, made, "pending")] == [False, True, True]

    receiver.behaviour = takes
    clock.move(seconds=6)
    send(base, clock)
    assert words(receiver.taken)[2:] == ["ada 1", "ada 2", "ada 3"]


def test_an_event_of_several_profiles_keeps_its_place_in_the_line_of_each__EVT_1(
    base: Base, receiver: Receiver, clock: HandClock
) -> None:
    subscribed(base, receiver.url)
    receiver.behaviour = refuses("bob 1")
    happens(base, "bob 1", BOB)
    happens(base, "bob into ada", ADA, merged={BOB: ADA})
    happens(base, "ada after", ADA)
    happens(base, "cy", CY)
    send(base, clock)
    assert words(receiver.taken) == ["cy"], "the merge waits for what Bob was before, and Ada's next for the merge"

    receiver.behaviour = refuses("bob into ada")
    clock.move(seconds=6)
    happens(base, "bob again", BOB)
    send(base, clock)
    assert words(receiver.taken) == ["cy", "bob 1"]

    receiver.behaviour = takes
    clock.move(seconds=6)
    send(base, clock)
    assert words(receiver.taken)[:3] == ["cy", "bob 1", "bob into ada"]
    assert set(words(receiver.taken)[3:]) == {"ada after", "bob again"}


def test_several_processes_send_each_event_once_and_in_order__EVT_1(
    base: Base, receiver: Receiver, clock: HandClock
) -> None:
    subscribed(base, receiver.url)
    people = [f"00000000-0000-7000-8000-{n:012x}" for n in range(1, 9)]
    for n in range(5):
        for person in people:
            happens(base, f"{person} {n}", person)
    threads = [threading.Thread(target=send, args=(base, clock)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    send(base, clock)
    taken = words(receiver.taken)
    assert len(taken) == len(set(taken)) == 40
    for person in people:
        assert [word for word in taken if word.startswith(person)] == [f"{person} {n}" for n in range(5)]


# Receivers as they are -----------------------------------------------------------------------------------------------


def test_a_receiver_that_was_away_for_three_days_gets_all_of_it_in_order__EVT_1(base: Base, clock: HandClock) -> None:
    with socket.socket() as taken_port:  # nobody listens at it yet
        taken_port.bind(("127.0.0.1", 0))
        made = subscribed(base, f"http://127.0.0.1:{taken_port.getsockname()[1]}/hook")
        sent = []
        for hour in range(72):
            if hour % 6 == 0:
                sent.append(f"ada {hour}")
                happens(base, sent[-1])
                happens(base, f"bob {hour}", BOB)
            send(base, clock)
            clock.move(hours=1)
    assert deliveries(base, made, "pending")[0].last_error == "connection_failed"

    with receiving() as receiver:
        do(base, lambda unit: webhooks.change(unit, made.id, {"url": receiver.url}, COMMAND))
        for _ in range(7):  # the longest wait between two tries is six hours
            send(base, clock)
            clock.move(hours=1)
        arrived = words(receiver.taken)
    assert [word for word in arrived if word.startswith("ada")] == sent
    assert len(arrived) == 2 * len(sent)
    stored = endpoint(base, made)
    assert (stored.state, stored.failures, stored.failing_since) == ("enabled", 0, None)


def test_who_is_away_for_longer_is_disabled_and_goes_on_when_enabled_again__EVT_1(
    base: Base, receiver: Receiver, clock: HandClock
) -> None:
    made = subscribed(base, receiver.url)
    receiver.behaviour = says(500)
    happens(base, "lost")
    happens(base, "kept")
    begun = clock()
    for _ in range(len(RETRIES) + 1):
        assert endpoint(base, made).state == "enabled"
        to_the_next_try(base, made, clock)
        send(base, clock)
    stored = endpoint(base, made)
    assert (stored.state, stored.reason) == ("disabled", "failed_three_days")
    assert clock() - begun == AWAY > timedelta(days=3)
    tries = len(receiver.tries)
    happens(base, "while disabled")
    send(base, clock)
    assert len(receiver.tries) == tries
    assert [d.state for d in deliveries(base, made)] == ["failed", "pending", "pending"]

    receiver.behaviour = takes
    do(base, lambda unit: webhooks.change(unit, made.id, {"state": "enabled"}, COMMAND))
    send(base, clock)
    assert words(receiver.taken) == ["kept", "while disabled"]


def test_an_event_that_is_never_taken_is_given_up_and_the_next_one_sent__EVT_1(
    base: Base, receiver: Receiver, clock: HandClock
) -> None:
    made = subscribed(base, receiver.url)
    receiver.behaviour = refuses("poison", 400)
    happens(base, "poison")
    happens(base, "next")
    for hour in range(int(AWAY / timedelta(hours=1)) + 8):
        if hour % 24 == 0:
            happens(base, f"bob {hour}", BOB)
        send(base, clock)
        clock.move(hours=1)
    assert words(receiver.tries).count("poison") == len(RETRIES) + 1
    [failed] = deliveries(base, made, "failed")
    assert (failed.attempts, failed.last_status, failed.last_error) == (len(RETRIES) + 1, 400, "refused")
    assert "next" in words(receiver.taken)
    assert endpoint(base, made).state == "enabled"


def test_a_slow_receiver_is_given_up_in_time_and_left_alone_for_a_while__EVT_1(
    base: Base, receiver: Receiver, clock: HandClock
) -> None:
    made = subscribed(base, receiver.url)
    drip = writes(b"HTTP/1.1 200 OK\r\nx: y\r\n"[:1], every=0.1, times=20)
    receiver.behaviour = lambda handler, got: drip(handler, got) if got.what == "slow" else takes(handler, got)
    happens(base, "slow")
    send(base, clock, seconds=0.5)
    [delivery] = deliveries(base, made)
    assert (delivery.state, delivery.last_error) == ("pending", "timeout")
    happens(base, "quick", BOB)
    send(base, clock)
    assert "quick" not in words(receiver.taken)

    clock.move(seconds=3)
    send(base, clock)
    assert words(receiver.taken) == ["quick"], "another profile's event does not wait for the slow one"
    assert endpoint(base, made).failures == 0


@pytest.mark.parametrize(
    ("behaviour", "state", "status", "error"),
    [
        (writes(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n<garbage"), "delivered", 200, None),
        (writes(b"\x16\x03\x01 is no HTTP\r\n\r\n"), "pending", None, "bad_answer"),
        (writes(b""), "pending", None, "bad_answer"),
        (writes(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000), "pending", None, "bad_answer"),
        (says(301, Location="/elsewhere"), "pending", 301, "redirected"),
        (says(404), "pending", 404, "refused"),
    ],
    ids=["200 with garbage", "no HTTP", "hangs up", "endless headers", "redirects", "refuses"],
)
def test_what_counts_as_taken__EVT_1(
    base: Base, receiver: Receiver, clock: HandClock, behaviour: Any, state: str, status: int | None, error: str | None
) -> None:
    made = subscribed(base, receiver.url)
    receiver.behaviour = behaviour
    happens(base, "one")
    send(base, clock, seconds=2)
    [delivery] = deliveries(base, made)
    assert (delivery.state, delivery.last_status, delivery.last_error) == (state, status, error)
    assert [got.path for got in receiver.tries] == ["/hook"], "redirects are not followed"


def test_gone_is_gone_at_once__EVT_1(base: Base, receiver: Receiver, clock: HandClock) -> None:
    made = subscribed(base, receiver.url)
    receiver.behaviour = says(410)
    happens(base, "one")
    happens(base, "two", BOB)
    send(base, clock)
    stored = endpoint(base, made)
    assert (stored.state, stored.reason) == ("disabled", "gone_410")
    clock.move(days=1)
    tries = len(receiver.tries)
    send(base, clock)
    assert len(receiver.tries) == tries


def test_retry_after_is_heeded__EVT_1(base: Base, receiver: Receiver, clock: HandClock) -> None:
    subscribed(base, receiver.url)
    receiver.behaviour = says(503, Retry_After="600")
    happens(base, "one")
    send(base, clock)
    clock.move(minutes=9)
    receiver.behaviour = takes
    happens(base, "two", BOB)
    send(base, clock)
    assert receiver.taken == []
    clock.move(minutes=2)
    send(base, clock)
    assert sorted(words(receiver.taken)) == ["one", "two"]


def test_what_was_sent_by_a_process_that_was_killed_is_sent_again__EVT_1(
    base: Base, receiver: Receiver, clock: HandClock
) -> None:
    made = subscribed(base, receiver.url)
    happens(base, "one")
    do(base, lambda unit: sending.enqueue(unit, clock()))

    def claim() -> list[PendingDelivery]:
        return do(base, lambda unit: sending.claim(unit, Room(16, 4, {}), clock()))

    [parcel] = claim()  # and then it was killed
    assert claim() == []
    send(base, clock)
    assert receiver.tries == []
    clock.move(seconds=LEASE.total_seconds() + 1)
    [again] = claim()
    assert again.headers["webhook-id"] == parcel.headers["webhook-id"]

    do(base, lambda unit: sending.finish(unit, parcel, Outcome(204), clock(), 0.0))
    assert [d.state for d in deliveries(base, made)] == ["pending"], "whoever was taken for dead enters nothing"
    do(base, lambda unit: sending.finish(unit, again, Outcome(204), clock(), 0.0))
    assert [(d.state, d.attempts) for d in deliveries(base, made)] == [("delivered", 2)]


# Secrets -------------------------------------------------------------------------------------------------------------


def test_while_a_secret_is_rotated_both_are_right__EVT_1(base: Base, receiver: Receiver, clock: HandClock) -> None:
    old = subscribed(base, receiver.url)
    new = do(base, lambda unit: webhooks.rotate(unit, old.id, COMMAND, 1))
    assert new.secret != old.secret
    happens(base, "both")
    send(base, clock)
    [got] = receiver.taken
    for secret in (new.secret, old.secret):
        assert Webhook(secret).verify(got.body, got.headers)["data"]["word"] == "both"

    do(base, lambda unit: webhooks.rotate(unit, old.id, COMMAND, 0))
    happens(base, "one")
    send(base, clock)
    got = receiver.taken[-1]
    Webhook(endpoint(base, old).secret).verify(got.body, got.headers)
    for secret in (new.secret, old.secret):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(got.body, got.headers)


def test_a_previous_secret_ends_in_time__EVT_1(base: Base, receiver: Receiver, clock: HandClock) -> None:
    made = subscribed(base, receiver.url)
    do(base, lambda unit: webhooks.rotate(unit, made.id, COMMAND, 1))
    for hours in (0, 2):
        clock.move(hours=hours)
        happens(base, f"after {hours}")
        send(base, clock)
    assert [len(got.headers["webhook-signature"].split(" ")) for got in receiver.taken] == [2, 1]


# Where it goes -------------------------------------------------------------------------------------------------------


def test_a_name_that_turns_to_a_private_address_is_refused_at_that_try__EVT_1(
    base: Base, receiver: Receiver, clock: HandClock
) -> None:
    leads_to = ["93.184.216.34"]
    public_only = Addresses(resolver=lambda host, port: leads_to)
    url = public_only.check(f"https://hooks.example:{receiver.server_address[1]}/hook")
    made = do(base, lambda unit: webhooks.create(unit, url, COMMAND), exclusive=True)
    happens(base, "one")
    for rebound in (["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::ffff:169.254.169.254"]):
        leads_to[:] = rebound
        send(base, clock, addresses=public_only)
        clock.move(days=1)
        [delivery] = deliveries(base, made)
        assert (delivery.state, delivery.last_error) == ("pending", "address_refused")
    assert receiver.tries == []


def test_the_certificate_must_be_of_the_name_and_the_connection_of_the_address__EVT_1(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not on this machine: certificates were not tested")
    files = ["-keyout", f"{tmp_path}/key.pem", "-out", f"{tmp_path}/cert.pem"]
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=hooks.example",
            "-addext",
            "subjectAltName=DNS:hooks.example",
            *files,
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(f"{tmp_path}/cert.pem", f"{tmp_path}/key.pem")
    theirs = ssl.create_default_context(cafile=f"{tmp_path}/cert.pem")
    everywhere_here = Addresses(allow_private=True, resolver=lambda host, port: ["127.0.0.1"])
    with receiving() as receiver:
        receiver.socket = ours.wrap_socket(receiver.socket, server_side=True)
        port = receiver.server_address[1]
        post = Poster(everywhere_here, tls=theirs)
        assert post(f"https://hooks.example:{port}/x?y=z", {"A": "b"}, b'{"data":{"word":"w"}}').status == 204
        assert post(f"https://other.example:{port}/", {}, b"{}").error == "tls_failed"
        unknown = Poster(everywhere_here)(f"https://hooks.example:{port}/", {}, b"{}")
        assert unknown.error == "tls_failed"
        [got] = receiver.tries
        assert (got.path, got.headers["host"], got.headers["a"]) == ("/x?y=z", f"hooks.example:{port}", "b")


# Repeating and forgetting --------------------------------------------------------------------------------------------


def test_a_delivery_is_repeated_when_asked_for__EVT_1(base: Base, receiver: Receiver, clock: HandClock) -> None:
    made = subscribed(base, receiver.url)
    happens(base, "one")
    send(base, clock)
    [delivery] = deliveries(base, made)
    repeated = do(base, lambda unit: webhooks.repeat(unit, made.id, str(delivery.event_seq), COMMAND))
    assert (repeated.state, repeated.attempts) == ("pending", 0)
    with pytest.raises(Conflict):
        do(base, lambda unit: webhooks.repeat(unit, made.id, str(delivery.event_seq), COMMAND))
    clock.move(minutes=1)
    send(base, clock)
    assert words(receiver.taken) == ["one", "one"]
    assert len({got.headers["webhook-id"] for got in receiver.tries}) == 1, "the same id, to drop repeats by"


def test_all_that_failed_is_repeated_in_order__EVT_1(base: Base, receiver: Receiver, clock: HandClock) -> None:
    made = subscribed(base, receiver.url)
    receiver.behaviour = says(500)
    for n in range(3):
        happens(base, f"ada {n}")
    happens(base, "bob", BOB)
    while to_the_next_try(base, made, clock):
        send(base, clock)
        if endpoint(base, made).state == "disabled":
            do(base, lambda unit: webhooks.change(unit, made.id, {"state": "enabled"}, COMMAND))
    assert [d.state for d in deliveries(base, made)] == ["failed"] * 4

    nothing = do(base, lambda unit: webhooks.repeat_failed(unit, made.id, utc_now() + timedelta(days=900), COMMAND))
    assert nothing == (0, False)
    happens(base, "ada later")
    do(base, lambda unit: sending.enqueue(unit, clock()))
    again = do(base, lambda unit: webhooks.repeat_failed(unit, made.id, utc_now() - timedelta(days=1), COMMAND))
    assert again == (4, False)
    receiver.behaviour = takes
    send(base, clock)
    assert [w for w in words(receiver.taken) if w != "bob"] == ["ada 0", "ada 1", "ada 2", "ada later"]


def test_events_are_kept_while_somebody_waits_for_them_and_forgotten_with_their_deliveries__EVT_1(
    base: Base, receiver: Receiver, clock: HandClock
) -> None:
    made = subscribed(base, receiver.url)
    receiver.behaviour = refuses("undelivered")
    happens(base, "delivered", BOB)
    happens(base, "undelivered")
    send(base, clock)
    happens(base, "pending", CY)

    def age() -> None:
        long_ago = utc_now() - EVENTS_KEPT - timedelta(hours=1)
        do(base, lambda unit: unit.execute(outbox.outbox.update().values(created_at=long_ago)))
        forget_old(base.database)

    def kept() -> list[str]:
        return [
            row.data["word"] if isinstance(row.data, dict) else row.data.split('"')[3]
            for row in rows(base, "SELECT data FROM outbox ORDER BY seq")
        ]

    age()
    assert kept() == ["undelivered", "pending"]
    assert len(deliveries(base, made)) == 1
    receiver.behaviour = takes
    clock.move(minutes=1)
    send(base, clock)
    age()
    assert kept() == ["pending"], "the newest stays: SQLite counts on from it"
    assert rows(base, "SELECT count(*) FROM webhook_turns")[0][0] == 0


def test_what_a_disabled_webhook_waited_for_is_forgotten_in_the_end_and_the_rest_goes_on__EVT_1(
    base: Base, receiver: Receiver, clock: HandClock
) -> None:
    made = subscribed(base, receiver.url)
    do(base, lambda unit: webhooks.change(unit, made.id, {"state": "disabled"}, COMMAND))
    happens(base, "old")
    long_ago = utc_now() - EVENTS_KEPT - timedelta(hours=1)
    do(base, lambda unit: unit.execute(outbox.outbox.update().values(created_at=long_ago)))
    happens(base, "newer")
    do(base, lambda unit: sending.enqueue(unit, clock()))
    forget_old(base.database)
    clock.move(minutes=1)
    do(base, lambda unit: webhooks.change(unit, made.id, {"state": "enabled"}, COMMAND))
    send(base, clock)
    assert words(receiver.taken) == ["newer"]


def test_what_is_left_of_a_removed_webhook_is_forgotten__EVT_1(
    base: Base, receiver: Receiver, clock: HandClock
) -> None:
    made = subscribed(base, receiver.url)
    receiver.behaviour = says(500)
    happens(base, "one")
    send(base, clock)
    do(base, lambda unit: webhooks.remove(unit, made.id, COMMAND), exclusive=True)
    forget_old(base.database)
    for table in ("webhook_endpoints", "webhook_deliveries", "webhook_turns"):
        assert rows(base, f"SELECT count(*) FROM {table}")[0][0] == 0


def test_a_sender_that_is_stopped_begins_nothing_more__EVT_1(base: Base, receiver: Receiver, clock: HandClock) -> None:
    subscribed(base, receiver.url)
    happens(base, "one")
    begun = threading.Event()

    def hesitates(handler: Handler, got: Got) -> None:
        begun.set()
        takes(handler, got)

    receiver.behaviour = hesitates
    sender = Sender(base.database, Poster(ANYWHERE), clock=clock)
    sender.stop()
    sender.work()
    assert not begun.is_set()
