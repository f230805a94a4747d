"""How often signing in may fail: 10 times for an address, 50 times from a network, 5 times with an agent's code, each
within 15 minutes. Failures alone count; a success neither counts nor clears any.

What is given up, and why:

- Failures with an address are counted wherever they come from, or guesses could be spread over many networks. So
  whoever knows an address can keep it from being signed in with, from anywhere new. They cannot from where its owner
  has signed in before: failures from there are counted apart (what is remembered of that goes with the process). And
  nobody is ever kept from a one-time link, single sign-on or a session that has begun: those are not counted.
- Everything is in the memory of one process: several processes count each for itself, a restart begins anew. That
  multiplies the limits by the number of processes, which leaves guessing hopeless, and costs no writing.
- A network is an IPv4 address or the /64 of an IPv6 one. Behind a proxy that does not say whom it forwards for, all are
  one network.

Addresses are kept as hashes only, under a key that is forgotten with the process.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from onefold.contact_points.emails import parse_email
from onefold.core.errors import NotSignedIn, TooMany

WINDOW_MINUTES = 15
MOST_BY_EMAIL = 10
MOST_BY_CLIENT = 50
MOST_CODES = 5
_MOST_KEYS = 100_000
_MOST_REMEMBERED = 10_000


class Failures:
    """At most `most` failures of a key within 15 minutes; tries that are under way count until they have ended."""

    def __init__(self, most: int) -> None:
        self._limit = RateLimitItemPerMinute(most, WINDOW_MINUTES)
        self._storage = MemoryStorage()
        self._window = MovingWindowRateLimiter(self._storage)
        self._under_way: Counter[str] = Counter()
        self._newest: dict[str, float] = {}  # when each key failed last, the longest ago first
        self._lock = threading.Lock()

    @contextmanager
    def trying(self, key: str) -> Iterator[None]:
        """One try; NotSignedIn that leaves the block is a failure. Raises TooMany before the block is entered, with the
        seconds until another may be made in `facts["retry_after"]`."""
        self._begin(key)
        failed = False
        try:
            yield
        except NotSignedIn:
            failed = True
            raise
        finally:
            self._end(key, failed)

    def _begin(self, key: str) -> None:
        with self._lock:
            stats = self._window.get_window_stats(self._limit, key)
            if stats.remaining <= 0:
                raise _too_many(max(1, math.ceil(stats.reset_time - time.time())))
            if stats.remaining <= self._under_way[key]:
                raise _too_many(1)
            self._under_way[key] += 1

    def _end(self, key: str, failed: bool) -> None:
        with self._lock:
            self._under_way[key] -= 1
            if not self._under_way[key]:
                del self._under_way[key]
            if failed:
                self._window.hit(self._limit, key)
                self._newest.pop(key, None)
                self._newest[key] = time.time()
                self._forget()

    def _forget(self) -> None:
        """The library keeps every key it has ever seen; addresses that somebody makes up are without number."""
        old = time.time() - self._limit.get_expiry()
        while len(self._newest) > _MOST_KEYS or next(iter(self._newest.values())) < old:
            oldest = next(iter(self._newest))
            del self._newest[oldest]
            name = self._limit.key_for(oldest)
            with self._storage.locks[name]:  # as the library's own cleaning does, in a thread of its own
                self._storage.clear(name)


class Throttle:
    """The limits of signing in by password, of one process."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._by_email, self._by_client = Failures(MOST_BY_EMAIL), Failures(MOST_BY_CLIENT)
        self._remembered: dict[str, None] = {}
        self._lock = threading.Lock()

    @contextmanager
    def password(self, email: str, client: str) -> Iterator[None]:
        """One try to sign in with an email and a password from a client's IP address, made in the block.

        Raises TooMany `too_many_sign_ins` with `facts["retry_after"]`, in seconds, instead of entering it; InvalidValue
        where `email` is no address. NotSignedIn that leaves the block is a failure.
        """
        who, network = parse_email(email), _network(client)
        pair = self._hash(f"{network} {who}")
        counted = pair if pair in self._remembered else self._hash(who)
        with self._by_client.trying(self._hash(network)), self._by_email.trying(counted):
            yield
        self._remember(pair)

    def _hash(self, text: str) -> str:
        return hashlib.blake2b(text.encode(), key=self._secret, digest_size=16).hexdigest()

    def _remember(self, pair: str) -> None:
        with self._lock:
            self._remembered.pop(pair, None)
            self._remembered[pair] = None
            if len(self._remembered) > _MOST_REMEMBERED:
                del self._remembered[next(iter(self._remembered))]


def _network(client: str) -> str:
    try:
        address = ip_address(client.partition("%")[0])
    except ValueError:
        return client  # a socket's name: one network
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or int(address) >> 64)


def _too_many(seconds: int) -> TooMany:
    wait = f"{seconds} seconds" if seconds < 120 else f"{math.ceil(seconds / 60)} minutes"
    return TooMany(
        f"Too many sign-ins have failed. Try again in {wait}, or ask an admin for a one-time link.",
        code="too_many_sign_ins",
        retry_after=seconds,
    )
