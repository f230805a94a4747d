"""Finding the mobiles among the phones of the whole base (RES-7)."""

from __future__ import annotations

from collections.abc import Sequence

from onefold.contact_points.points import Holder


def becomes_mobile(holders: Sequence[Holder]) -> Holder | None:
    """RES-7, for a number that is detected as mobile: the contact point to mark as mobile, None to change nothing.

    held as mobile by anyone                     nothing changes
    held as `other` by exactly one profile       that one, even where others hold it as home or office
    as `other` by more, or only home and office  nothing changes
    """
    if any(holder.phone_type == "mobile" for holder in holders):
        return None
    as_other = [holder for holder in holders if holder.phone_type == "other"]
    return as_other[0] if len(as_other) == 1 else None
