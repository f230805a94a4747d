"""Twilio Lookup: the line type of numbers that their numbering plan does not tell apart (RES-6)."""

from __future__ import annotations

import httpx
import structlog

from onefold.contact_points.phones import LineType, LineTypes

_SECONDS = 1.5
_KINDS: dict[str, LineType] = {"mobile": "mobile", "landline": "landline"}
_log = structlog.get_logger("onefold.line_lookup")


def twilio_lookup(url: str, account: str, token: str) -> LineTypes:
    """A lookup that asks Twilio's Lookup v2. Whatever goes wrong, the number stays unknown: a call never waits long."""
    client = httpx.Client(base_url=url, auth=(account, token), timeout=_SECONDS)

    def line_type(number: str) -> LineType:
        try:
            answer = client.get(f"/v2/PhoneNumbers/{number}", params={"Fields": "line_type_intelligence"})
            answer.raise_for_status()
            kind = answer.json()["line_type_intelligence"]["type"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            _log.warning("lookup failed", error=type(error).__name__)
            return "unknown"
        return _KINDS.get(kind, "unknown")

    return line_type
