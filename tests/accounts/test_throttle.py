"""How often signing in may fail, and what somebody who only knows an address can do with that."""

from __future__ import annotations

import gc
import types
from collections.abc import Callable
from contextlib import ExitStack, suppress
from types import SimpleNamespace

import limits.storage.memory
import pytest

from onefold.accounts import throttle
from onefold.accounts.throttle import MOST_BY_CLIENT, MOST_BY_EMAIL, Failures, Throttle
from onefold.core.errors import InvalidValue, NotSignedIn, TooMany

MARA, HOME, CAFE = "mara@kite.example", "203.0.113.7", "198.51.100.4"


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (limits.storage.memory, throttle):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=clock.time))
    return clock


@pytest.fixture
def door(clock: Clock) -> Throttle:
    return Throttle()


def wrong(door: Throttle, email: str = MARA, client: str = CAFE, times: int = 1) -> None:
    """Tries that fail."""
    for _ in range(times):
        with suppress(NotSignedIn), door.password(email, client):
            raise NotSignedIn("no")


def right(door: Throttle, email: str = MARA, client: str = CAFE) -> None:
    """A try that succeeds."""
    with door.password(email, client):
        pass


def refused(work: Callable[[], None]) -> TooMany:
    with pytest.raises(TooMany) as caught:
        work()
    return caught.value


def test_the_eleventh_failure_with_an_address_is_not_even_tried_and_is_told_when(door: Throttle, clock: Clock) -> None:
    wrong(door)
    clock.now += 60
    wrong(door, times=MOST_BY_EMAIL - 1)
    refusal = refused(lambda: right(door))
    assert (refusal.code, refusal.facts["retry_after"]) == ("too_many_sign_ins", 14 * 60)
    assert "14 minutes" in refusal.detail
    right(door, "theo@kite.example")


def test_the_window_moves_one_failure_after_the_other(door: Throttle, clock: Clock) -> None:
    wrong(door)
    clock.now += 60
    wrong(door, times=MOST_BY_EMAIL - 1)
    clock.now += 14 * 60 + 1
    wrong(door)
    assert refused(lambda: wrong(door)).facts["retry_after"] == 59


def test_a_success_neither_counts_nor_clears(door: Throttle) -> None:
    for _ in range(MOST_BY_EMAIL * 2):
        right(door, client=HOME)
    wrong(door, times=MOST_BY_EMAIL - 1)
    right(door)
    wrong(door, client="192.0.2.1")
    refused(lambda: right(door, client="192.0.2.2"))


def test_an_address_is_one_however_it_is_written(door: Throttle) -> None:
    for email in ("Mara@Kite.example", " mara@kite.example", "MARA@kite.EXAMPLE"):
        wrong(door, email, times=3)
    wrong(door)
    refused(lambda: right(door))
    with pytest.raises(InvalidValue):
        right(door, "nobody")


def test_who_has_signed_in_from_a_place_is_not_locked_out_there_by_failures_elsewhere(door: Throttle) -> None:
    right(door, client=HOME)
    for n in range(MOST_BY_EMAIL):
        wrong(door, client=f"192.0.2.{n}")
    refused(lambda: right(door, client="192.0.2.99"))
    right(door, client=HOME)
    wrong(door, client=HOME, times=MOST_BY_EMAIL)  # guessing from there is limited all the same
    refused(lambda: right(door, client=HOME))


@pytest.mark.parametrize(
    ("clients", "other"),
    [
        ([CAFE], HOME),
        ([f"2001:db8:1:2:{n:x}::1" for n in range(MOST_BY_CLIENT)], "2001:db8:1:3::1"),
        (["::ffff:198.51.100.4", CAFE], "::ffff:203.0.113.7"),
        (["fe80::1%eth0", "fe80::2%eth1"], "unix"),
    ],
)
def test_a_network_fails_50_times_with_whatever_addresses(door: Throttle, clients: list[str], other: str) -> None:
    for n in range(MOST_BY_CLIENT):
        wrong(door, f"nobody{n}@kite.example", clients[n % len(clients)])
    refused(lambda: right(door, client=clients[0]))
    right(door, client=other)


def test_tries_under_way_count_so_that_many_at_once_are_no_way_round(door: Throttle) -> None:
    with ExitStack() as stack:
        for _ in range(MOST_BY_EMAIL):
            stack.enter_context(door.password(MARA, CAFE))
        assert refused(lambda: right(door)).facts["retry_after"] == 1
    right(door)


def test_what_goes_wrong_for_another_reason_is_no_failure(door: Throttle) -> None:
    for _ in range(MOST_BY_EMAIL * 2):
        with suppress(ZeroDivisionError), door.password(MARA, CAFE):
            raise ZeroDivisionError
    right(door)


def test_no_address_is_kept_in_memory(door: Throttle) -> None:
    right(door, client=HOME)
    wrong(door, times=3)
    unvisited, seen = [door], set()
    while unvisited:
        item = unvisited.pop()
        if id(item) not in seen and not isinstance(item, (type, types.ModuleType, types.FunctionType)):
            seen.add(id(item))
            unvisited += gc.get_referents(item)
            assert not (isinstance(item, str) and any(text in item for text in ("mara", HOME, CAFE)))


def test_addresses_somebody_makes_up_do_not_fill_the_memory(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "_MOST_KEYS", 20)
    failures = Failures(1)

    def fail(key: str) -> None:
        with suppress(NotSignedIn), failures.trying(key):
            raise NotSignedIn("no")

    for n in range(100):
        fail(f"a{n}")
    assert len(failures._storage.events) == 20
    clock.now += 16 * 60
    fail("b")
    assert len(failures._storage.events) == 1
