"""How often signing in may fail within 15 minutes: 10 times for an address, 50 times from a network, 5 times with an
agent's code, 10 times with one's own password typed again. Failures alone count; a success neither counts nor clears
any.

What is given up, and why:

- Failures with an address are counted wherever they come from, or guesses could be spread over many networks. So
  whoever knows an address can keep it from being signed in with, from anywhere new. They cannot from a device it was
  signed in with before (`known_devices.py`): its failures are counted apart. And nobody is ever kept from a one-time
  link, single sign-on or a session that has begun: those are not counted.
- They are rows of the database: all processes of an installation count together, and a restart forgets none. A try is
  a row from the moment it begins, so that many at once are no way round; what ends well takes its row away.
- A network is an IPv4 address or the /64 of an IPv6 one. Behind a proxy that `ONEFOLD_TRUSTED_PROXIES` does not name,
  all are one network.

Addresses and networks are kept as hashes, and for 15 minutes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from onefold.accounts import try_store as store
from onefold.accounts.known_devices import KnownDevice
from onefold.contact_points.emails import parse_email
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import NotSignedIn, TooMany
from onefold.database.engine import Database, UnitOfWork
from onefold.database.transactions import run_in_transaction

WINDOW = timedelta(minutes=15)
MOST_BY_EMAIL, MOST_BY_NETWORK, MOST_CODES, MOST_PROOFS = 10, 50, 5, 10


class Limit(NamedTuple):
    """Of one thing that is tried, at most so many failures within 15 minutes."""

    counted: str
    most: int


def of_password(email: str, client: str, device: KnownDevice | None) -> list[Limit]:
    """The limits of a try with an email and a password from a client's IP address; `device` if it is one that this
    address was signed in with before. Raises InvalidValue where `email` is no address."""
    if device is not None:
        return [Limit(f"device {device.id}", MOST_BY_EMAIL)]
    return [
        Limit(f"email {parse_email(email)}", MOST_BY_EMAIL),
        Limit(f"network {_network(client)}", MOST_BY_NETWORK),
    ]


def of_code(agent_id: str, device: KnownDevice | None) -> list[Limit]:
    """The limits of a try with a code of the agent's second factor, whatever the ticket: whoever has the password can
    have any number of tickets."""
    return [Limit(f"code {agent_id}" if device is None else f"code {device.id}", MOST_CODES)]


def of_proof(agent_id: str) -> list[Limit]:
    """The limits of proving, signed in, that it is oneself."""
    return [Limit(f"proof {agent_id}", MOST_PROOFS)]


@contextmanager
def trying(database: Database, organization_id: int, limits: Sequence[Limit]) -> Iterator[None]:
    """One try, made in the block; NotSignedIn that leaves it is a failure.

    Raises TooMany `too_many_sign_ins` instead of entering the block, with the seconds until another may be made in
    `facts["retry_after"]`. No transaction is open while the block runs.
    """
    with database.read(organization_id) as unit:
        _check(unit, limits)  # so that a flood of what is refused anyway writes nothing
    ids = run_in_transaction(database, organization_id, lambda unit: _begin(unit, limits))
    failed = False
    try:
        yield
    except NotSignedIn:
        failed = True
        raise
    finally:
        if not failed:
            run_in_transaction(database, organization_id, lambda unit: store.delete_tries(unit, ids))


def _begin(unit: UnitOfWork, limits: Sequence[Limit]) -> list[str]:
    unit.lock_values([_hash(limit) for limit in limits])
    _check(unit, limits)
    tries = [store.TryRow(new_id(), _hash(limit), utc_now()) for limit in limits]
    store.add_tries(unit, tries)
    return [one.id for one in tries]


def _check(unit: UnitOfWork, limits: Sequence[Limit]) -> None:
    now = utc_now()
    for limit in limits:
        # Of the newest that make the limit, the oldest has to be forgotten before another may be made.
        oldest = store.nth_newest(unit, _hash(limit), limit.most, now - WINDOW)
        if oldest is not None:
            raise _too_many(oldest, now)


def _too_many(oldest: datetime, now: datetime) -> TooMany:
    seconds = max(1, math.ceil((oldest + WINDOW - now).total_seconds()))
    wait = f"{seconds} seconds" if seconds < 120 else f"{math.ceil(seconds / 60)} minutes"
    return TooMany(
        f"Too many sign-ins have failed. Try again in {wait}, or ask an admin for a one-time link.",
        code="too_many_sign_ins",
        retry_after=seconds,
    )


def _hash(limit: Limit) -> str:
    return hashlib.blake2b(limit.counted.encode(), digest_size=16).hexdigest()


def _network(client: str) -> str:
    try:
        address = ip_address(client.partition("%")[0])
    except ValueError:
        return client  # a socket's name: one network
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or int(address) >> 64)
