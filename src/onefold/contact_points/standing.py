"""How a contact point is known, and by whom: what only is claimed opens nothing (PRO-13, RES-14)."""

from __future__ import annotations

from typing import Literal

SenderState = Literal["proven", "unchecked", "failed"]
"""Whether a sender is who it says: the receiver's server or the channel vouches for it; nobody has looked, the usual
case of mail; or what was looked at speaks against it (RES-14)."""

Standing = Literal["contacted", "entered", "claimed"]
"""The customer has contacted from it, and nothing speaks against the sender; an agent, an import or a system that
vouches for it has entered it; or the customer, or a sender that failed, only says so (PRO-13)."""
STANDINGS: tuple[Standing, ...] = ("contacted", "entered", "claimed")
"""The strongest first."""

MOST_CLAIMED = 10
"""So many claimed contact points a profile takes; others are kept with the item that brought them (RES-11)."""


def standing_of_sender(state: SenderState) -> Standing:
    """How the contact point that a contact came from is known: an unchecked sender counts as a proven one (RES-14)."""
    return "claimed" if state == "failed" else "contacted"


def stronger(one: Standing, other: Standing) -> Standing:
    """How a value is known that was known in both ways."""
    return min(one, other, key=STANDINGS.index)
