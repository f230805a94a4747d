"""How a contact point is known, and by whom: what only is claimed opens nothing (PRO-13, RES-14)."""

from __future__ import annotations

from typing import Literal

SenderState = Literal["proven", "unchecked", "failed"]
"""Whether a sender is who it says: the receiver's server or the channel vouches for it; nobody has looked, the usual
case of mail; or what was looked at speaks against it (RES-14)."""
