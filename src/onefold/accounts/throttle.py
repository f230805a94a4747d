"""Limits how often signing in may fail within 15 minutes.

- with one address: 10 times;
- from one network: 50 times;
- with a code of one agent: 5 times;
- with the password that a signed-in agent types again: 10 times.

Only failures count. A success neither counts nor clears any.

The consequences, and the reasons:

- Failures with an address count wherever they come from; otherwise guesses could be spread over many networks. So
  somebody who knows an address can block signing in with it from any new device. They cannot block a device that was
  signed in with this address before (`known_devices.py`): its failures are counted apart. One-time links, single
  sign-on and running sessions are not counted, so they are never blocked.
- Failures are rows of the database. All processes of an installation count together, and a restart loses none. A try is
  a row from the moment it begins, so many tries at once do not get past the limit. A try that succeeds removes its row.
- A network is an IPv4 address or the /64 of an IPv6 address. All clients behind a proxy that `ONEFOLD_TRUSTED_PROXIES`
  does not name are one network.

Addresses and networks are kept as hashes, for 15 minutes.
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
    """At most `most` failures within 15 minutes of one thing that is counted, such as an address."""

    counted: str
    most: int


def of_password(email: str, client: str, device: KnownDevice | None) -> list[Limit]:
    """The limits of a try with an email and a password from a client's IP address. `device` is set if somebody signed
    in on it with this email before. Raises InvalidValue if `email` is no address."""
    if device is not None:
        return [Limit(f"device {device.id}", MOST_BY_EMAIL)]
    return [
        Limit(f"email {parse_email(email)}", MOST_BY_EMAIL),
        Limit(f"network {_network(client)}", MOST_BY_NETWORK),
    ]


def of_code(agent_id: str, device: KnownDevice | None) -> list[Limit]:
    """The limits of a try with a code of the agent's second factor. They do not depend on the ticket, because somebody
    who has the password can get any number of tickets."""
    return [Limit(f"code {agent_id}" if device is None else f"code {device.id}", MOST_CODES)]


def of_passkey(client: str) -> list[Limit]:
    """The limits of a try with a passkey from a client's IP address. They are counted apart from passwords: a passkey
    cannot be guessed, and guesses of passwords must not keep those out who have one."""
    return [Limit(f"passkeys of {_network(client)}", MOST_BY_NETWORK)]


def of_proof(agent_id: str) -> list[Limit]:
    """The limits of a try to prove, while signed in, that it is still the same agent."""
    return [Limit(f"proof {agent_id}", MOST_PROOFS)]


@contextmanager
def trying(database: Database, organization_id: int, limits: Sequence[Limit]) -> Iterator[None]:
    """One try, made in the block. It is a failure if NotSignedIn leaves the block.

    If a limit is reached, this raises TooMany `too_many_sign_ins` instead of entering the block, and
    `facts["retry_after"]` is the seconds until the next try. No transaction is open while the block runs.
    """
    with database.read(organization_id) as unit:
        _check(unit, limits)  # so that a flood of refused tries writes nothing
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
        # The newest `most` failures reach the limit. The oldest of them has to expire before the next try.
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
