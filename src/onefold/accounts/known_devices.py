"""Devices that an agent has signed in with before: a cookie that only this installation can have made.

It opens nothing. All it says is that failures with this device are this device's own, so that guesses from elsewhere
keep nobody out (OWASP, "Device Cookies").
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import NamedTuple

from onefold.core.clock import new_id, utc_now
from onefold.core.errors import Conflict
from onefold.core.secrets import SecretBox

LENGTH = timedelta(days=365)
_LONGEST = 1_000


class KnownDevice(NamedTuple):
    """A device, and the agent who has signed in with it."""

    id: str
    agent_id: str


def cookie_of(secrets: SecretBox, organization_id: int, agent_id: str) -> str | None:
    """A cookie for the device of an agent who has just signed in, good for a year; None without a key to make it by."""
    if not secrets.seals:
        return None
    expires_at = (utc_now() + LENGTH).timestamp()
    return secrets.seal(json.dumps(["device", organization_id, agent_id, new_id(), expires_at]))


def recognize(secrets: SecretBox, organization_id: int, cookie: str) -> KnownDevice | None:
    """The device that a cookie was made for, by this installation and for this organization; None of anything else."""
    if not secrets.seals or not 0 < len(cookie) <= _LONGEST:
        return None
    try:
        made = json.loads(secrets.open_sealed(cookie))
    except (Conflict, ValueError):
        return None
    match made:
        case ["device", int(of), str(agent_id), str(device_id), float(expires_at)]:
            good = of == organization_id and expires_at > utc_now().timestamp()
            return KnownDevice(device_id, agent_id) if good else None
    return None
