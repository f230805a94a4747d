"""What a customer is called: the display name (MRG-8). Pure."""

from __future__ import annotations

from collections.abc import Sequence

from onefold.contact_points.points import HeldPoint


def display_name(name: str | None, points: Sequence[HeldPoint]) -> str:
    """MRG-8: the name; without one the best contact point (Main first, then what was contacted from); else
    "Unknown customer"."""
    if name:
        return name
    current_points = [p for p in points if p.kind in ("email", "phone", "social") and p.current]
    best = max(current_points, key=lambda p: (p.main, p.contacted, p.identifying), default=None)
    return "Unknown customer" if best is None else (best.handle or best.value)
