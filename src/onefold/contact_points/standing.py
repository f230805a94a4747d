"""Standing: how a contact point is known. A contact point that is only claimed opens no profile (PRO-13, RES-14)."""

from __future__ import annotations

from typing import Literal

SenderState = Literal["proven", "unchecked", "failed"]
"""Whether a sender is who it says (RES-14).

- `proven`: the receiver's server or the channel vouches for it;
- `unchecked`: nobody has checked it, which is usual for mail;
- `failed`: a check speaks against it.
"""

Standing = Literal["contacted", "entered", "claimed"]
"""How a contact point is known (PRO-13).

- `contacted`: the customer has contacted us from it, and nothing speaks against the sender;
- `entered`: an agent, an import or a system that vouches for it has entered it;
- `claimed`: the customer, or a sender that failed the checks, only says so.
"""
STANDINGS: tuple[Standing, ...] = ("contacted", "entered", "claimed")
"""The strongest first."""

MOST_CLAIMED = 10
"""The most claimed contact points that a profile takes. Others are kept with the item that brought them (RES-11)."""


def standing_of_sender(state: SenderState) -> Standing:
    """The standing of the contact point that a contact came from. An unchecked sender counts as proven (RES-14)."""
    return "claimed" if state == "failed" else "contacted"


def stronger(one: Standing, other: Standing) -> Standing:
    """The stronger of two standings."""
    return min(one, other, key=STANDINGS.index)
