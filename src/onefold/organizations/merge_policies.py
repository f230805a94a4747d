"""What an organization decides about fields that both sides of a merge fill differently (MRG-4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Mode = Literal["rule", "ask", "refuse", "choose"]
"""`rule`: the rule's choice, unless the agent turns it; `ask`: the agent has to say; where the rules refuse a merge,
`refuse`, or `choose`: the agent has to say which side's value stays the current one."""

RULED_FIELDS = ("name", "image", "username", "main_email", "attributes", "details")
REFUSING_FIELDS = ("customer_id", "main_phone", "phone_type")

BY_RULE: Mapping[str, Mode] = {
    **dict.fromkeys(RULED_FIELDS, "rule"),
    **dict.fromkeys(REFUSING_FIELDS, "refuse"),
}
"""The preset an organization begins with (document 000)."""

ASK: Mapping[str, Mode] = {
    **dict.fromkeys(RULED_FIELDS, "ask"),
    **dict.fromkeys(REFUSING_FIELDS, "choose"),
}
"""Every mismatch is asked (document 004)."""

PRESETS: Mapping[str, Mapping[str, Mode]] = {"by-rule": BY_RULE, "ask": ASK}


def allowed_modes(field: str) -> tuple[Mode, ...]:
    """The modes a field may have; none for an unknown field."""
    if field in RULED_FIELDS:
        return ("rule", "ask")
    return ("refuse", "choose") if field in REFUSING_FIELDS else ()
