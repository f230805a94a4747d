"""Ids of profiles, conversations and the rest: UUIDs, made so that they sort by time (UUIDv7, RFC 9562)."""

from __future__ import annotations

import re

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z", re.ASCII)


def is_id(text: str) -> bool:
    """Whether the text has the one form our ids are written in: lower case, with hyphens."""
    return _ID.match(text) is not None
