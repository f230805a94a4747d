"""How often signing in may fail, and what somebody who only knows an address can do with that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest
from cryptography.fernet import Fernet

from onefold.accounts import known_devices, throttle
from onefold.accounts.known_devices import KnownDevice
from onefold.accounts.throttle import MOST_BY_EMAIL, MOST_BY_NETWORK, Limit
from onefold.core.clock import new_id
from onefold.core.errors import InvalidValue, NotSignedIn, TooMany
from onefold.core.secrets import WITHOUT_KEY, SecretBox
from onefold.jobs.worker import forget_old
from tests.conftest import Base
from tests.dsl.words import rows
from tests.jobs.receiver import HandClock
from tests.races.processes import Job, at_once
from tests.races.workers import opened

MARA, HOME, CAFE = "mara@kite.example", "203.0.113.7", "198.51.100.4"
LAPTOP = KnownDevice(new_id(), new_id())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[HandClock]:
    clock = HandClock()
    monkeypatch.setattr(throttle, "utc_now", clock)
    yield clock


class Door:
    """Tries to sign in with an organization."""

    def __init__(self, base: Base) -> None:
        self._base = base

    def trying(self, email: str = MARA, client: str = CAFE, device: KnownDevice | None = None) -> ExitStack:
        """A try that is under way."""
        stack = ExitStack()
        limits = throttle.of_password(email, client, device)
        stack.enter_context(throttle.trying(self._base.database, self._base.organization_id, limits))
        return stack

    def wrong(
        self, email: str = MARA, client: str = CAFE, times: int = 1, *, device: KnownDevice | None = None
    ) -> None:
        """Tries that fail."""
        for _ in range(times):
            with suppress(NotSignedIn), self.trying(email, client, device):
                raise NotSignedIn("no")

    def right(self, email: str = MARA, client: str = CAFE, device: KnownDevice | None = None) -> None:
        """A try that succeeds."""
        with self.trying(email, client, device):
            pass


@pytest.fixture
def door(base: Base, clock: HandClock) -> Door:
    return Door(base)


def refused(work: Callable[[], None]) -> TooMany:
    with pytest.raises(TooMany) as caught:
        work()
    return caught.value


def test_the_eleventh_failure_with_an_address_is_not_even_tried_and_is_told_when(door: Door, clock: HandClock) -> None:
    door.wrong()
    clock.move(seconds=60)
    door.wrong(times=MOST_BY_EMAIL - 1)
    refusal = refused(door.right)
    assert (refusal.code, refusal.facts["retry_after"]) == ("too_many_sign_ins", 14 * 60)
    assert "14 minutes" in refusal.detail
    door.right("theo@kite.example")


def test_the_window_moves_one_failure_after_the_other(door: Door, clock: HandClock) -> None:
    door.wrong()
    clock.move(seconds=60)
    door.wrong(times=MOST_BY_EMAIL - 1)
    clock.move(seconds=14 * 60)
    door.wrong()
    assert refused(door.wrong).facts["retry_after"] == 60


def test_a_success_neither_counts_nor_clears(door: Door) -> None:
    for _ in range(MOST_BY_EMAIL + 2):
        door.right(client=HOME)
    door.wrong(times=MOST_BY_EMAIL - 1)
    door.right()
    door.wrong(client="192.0.2.1")
    refused(lambda: door.right(client="192.0.2.2"))


def test_an_address_is_one_however_it_is_written(door: Door) -> None:
    for email in ("Mara@Kite.example", " mara@kite.example", "MARA@kite.EXAMPLE"):
        door.wrong(email, times=3)
    door.wrong()
    refused(door.right)
    with pytest.raises(InvalidValue):
        door.right("nobody")


def test_a_device_that_has_signed_in_before_is_not_locked_out_by_failures_elsewhere_or_around_it(door: Door) -> None:
    for n in range(MOST_BY_EMAIL):
        door.wrong(client=f"192.0.2.{n}")
    for n in range(MOST_BY_NETWORK):
        door.wrong(f"nobody{n}@kite.example", HOME)
    refused(lambda: door.right(client="192.0.2.99"))
    refused(lambda: door.right("theo@kite.example", HOME))
    door.right(client=HOME, device=LAPTOP)
    door.wrong(client=HOME, times=MOST_BY_EMAIL, device=LAPTOP)  # guessing with it is limited all the same
    refused(lambda: door.right(client=HOME, device=LAPTOP))


@pytest.mark.parametrize(
    ("clients", "other"),
    [
        ([CAFE], HOME),
        ([f"2001:db8:1:2:{n:x}::1" for n in range(MOST_BY_NETWORK)], "2001:db8:1:3::1"),
        (["::ffff:198.51.100.4", CAFE], "::ffff:203.0.113.7"),
        (["fe80::1%eth0", "fe80::2%eth1"], "unix"),
    ],
)
def test_a_network_fails_50_times_with_whatever_addresses(door: Door, clients: list[str], other: str) -> None:
    for n in range(MOST_BY_NETWORK):
        door.wrong(f"nobody{n}@kite.example", clients[n % len(clients)])
    refused(lambda: door.right(client=clients[0]))
    door.right(client=other)


def test_tries_under_way_count_so_that_many_at_once_are_no_way_round(door: Door) -> None:
    with ExitStack() as stack:
        for _ in range(MOST_BY_EMAIL):
            stack.enter_context(door.trying())
        refused(door.right)
    door.right()


def test_what_goes_wrong_for_another_reason_is_no_failure(door: Door) -> None:
    for _ in range(MOST_BY_EMAIL + 2):
        with suppress(ZeroDivisionError), door.trying():
            raise ZeroDivisionError
    door.right()


def test_what_is_refused_writes_nothing_and_no_address_is_kept(door: Door, base: Base) -> None:
    door.wrong(times=MOST_BY_EMAIL)
    kept = rows(base, "SELECT * FROM sign_in_tries")
    for _ in range(3):
        refused(door.right)
    assert rows(base, "SELECT * FROM sign_in_tries") == kept
    assert not any(text in str(kept) for text in ("mara", CAFE))


def test_failures_are_forgotten_once_they_no_longer_count(door: Door, base: Base, clock: HandClock) -> None:
    clock.move(minutes=-16)
    door.wrong(times=3)
    clock.move(minutes=16)
    door.wrong()
    forget_old(base.database)
    assert len(rows(base, "SELECT id FROM sign_in_tries WHERE organization_id = 1")) == 2  # an address and a network


def fail(url: str, organization_id: int, times: int) -> int:
    """In a process of its own: how many tries it was let make."""
    made = 0
    with opened(url) as database:
        for _ in range(times):
            limits = [Limit("email mara@kite.example", MOST_BY_EMAIL)]
            with suppress(NotSignedIn, TooMany), throttle.trying(database, organization_id, limits):
                made += 1
                raise NotSignedIn("no")
    return made


def test_all_processes_of_an_installation_count_together(base: Base) -> None:
    made = at_once([Job(fail, (base.url, base.organization_id, 6)) for _ in range(4)])
    assert sum(made) == MOST_BY_EMAIL


# Devices that are known


def test_a_device_is_known_by_a_cookie_that_this_installation_made_for_this_organization(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    box, other = SecretBox([Fernet.generate_key()]), SecretBox([Fernet.generate_key()])
    agent_id = new_id()
    cookie = known_devices.cookie_of(box, 1, agent_id)
    assert cookie is not None
    device = known_devices.recognize(box, 1, cookie)
    assert device is not None and device.agent_id == agent_id
    assert known_devices.recognize(box, 1, known_devices.cookie_of(box, 1, agent_id) or "") != device
    assert known_devices.recognize(box, 2, cookie) is None
    assert known_devices.recognize(other, 1, cookie) is None
    clock = HandClock()
    clock.move(days=366)
    monkeypatch.setattr(known_devices, "utc_now", clock)
    assert known_devices.recognize(box, 1, cookie) is None


@pytest.mark.parametrize(
    "made_up",
    [
        "",
        "sealed:",
        "sealed:x",
        '["device", 1, "a", "b", 9e99]',
        "x" * 100_000,
        "\ud800",
    ],
)
def test_what_was_made_up_is_no_known_device(made_up: str) -> None:
    box = SecretBox([Fernet.generate_key()])
    assert known_devices.recognize(box, 1, made_up) is None
    assert known_devices.recognize(WITHOUT_KEY, 1, made_up) is None
    for sealed in ("a webhook's secret", '["device", 1]', '["device", true, 1, 1, 1]', "[]", "null"):
        assert known_devices.recognize(box, 1, box.seal(sealed)) is None
    assert known_devices.cookie_of(WITHOUT_KEY, 1, new_id()) is None
