"""Which connections a process keeps: so many in all, and so many of one address; who waits for nothing goes first."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple, Protocol

import structlog

from onefold.core.networks import Networks

_log = structlog.get_logger("onefold.server")
_WARN_EVERY_SECONDS = 60


class Connection(Protocol):
    """What is kept: whose address it comes from, and a way to end it."""

    @property
    def address(self) -> str:
        """The network address at its other end."""

    def end(self) -> None:
        """Closes it at once."""


class Limits(NamedTuple):
    """How many connections there may be in all, and of one address."""

    in_all: int
    of_one: int

    @classmethod
    def of_files(cls, files: int) -> Limits:
        """Half of the files a process may open, so that databases, logs and answers never want for one; of one address
        a quarter of these."""
        in_all = max(16, min(10_000, files // 2))
        return cls(in_all, max(8, in_all // 4))


_MOST_FILES = 65_536


def files_of_process() -> int:
    """How many files this process may open, raised as far as the system lets it."""
    if sys.platform == "win32":
        return 1024
    import resource

    soft, hard = (
        _MOST_FILES if one == resource.RLIM_INFINITY else min(one, _MOST_FILES)
        for one in resource.getrlimit(resource.RLIMIT_NOFILE)
    )
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    return hard


class Connections:
    """The connections of a process. An idle one is between two requests, or has not sent the head of its first yet.

    Where one more would be too many, the one that has been idle longest makes room; where none is idle, the new one is
    turned away. So silence never keeps anybody out. `proxies` are addresses that speak for many.
    """

    def __init__(self, limits: Limits, proxies: Networks, clock: Callable[[], float]) -> None:
        self._limits, self._proxies, self._clock = limits, proxies, clock
        self._all: dict[Connection, str] = {}
        self._of: Counter[str] = Counter()
        self._idle: dict[Connection, None] = {}
        self._idle_of: dict[str, dict[Connection, None]] = {}
        self._warned = float("-inf")

    def __len__(self) -> int:
        return len(self._all)

    def enter(self, connection: Connection) -> bool:
        """Whether a new connection may stay; it is idle until it `works`."""
        address = connection.address
        crowded = self._of[address] >= self._limits.of_one and address not in self._proxies
        if crowded or len(self._all) >= self._limits.in_all:
            self._warn(address if crowded else None)
            idle = self._idle_of.get(address, {}) if crowded else self._idle
            longest = next(iter(idle), None)
            if longest is None:
                return False
            self.leave(longest)
            longest.end()
        self._all[connection] = address
        self._of[address] += 1
        self.rests(connection)
        return True

    def leave(self, connection: Connection) -> None:
        """It is gone."""
        address = self._all.pop(connection, None)
        if address is None:
            return
        self.works(connection, address)
        self._of[address] -= 1
        if not self._of[address]:
            del self._of[address]

    def works(self, connection: Connection, address: str | None = None) -> None:
        """A request of it has begun."""
        address = address or connection.address
        self._idle.pop(connection, None)
        of_address = self._idle_of.get(address)
        if of_address is not None:
            of_address.pop(connection, None)
            if not of_address:
                del self._idle_of[address]

    def rests(self, connection: Connection) -> None:
        """It is idle from now on."""
        if connection in self._all:
            self._idle[connection] = None
            self._idle_of.setdefault(connection.address, {})[connection] = None

    def _warn(self, crowded: str | None) -> None:
        now = self._clock()
        if now - self._warned >= _WARN_EVERY_SECONDS:
            self._warned = now
            _log.warning(
                "too many connections",
                connections=len(self._all),
                most=self._limits.of_one if crowded else self._limits.in_all,
                of_one_address=crowded is not None,
            )
