"""What a proven identity says of a customer who has signed in, and of the browser known before (RES-17). Pure."""

from __future__ import annotations

from typing import NamedTuple

from onefold.contact_points.points import Holder, Point
from onefold.receiving.contact import NormalizedContact
from onefold.receiving.decision import NewPoint, PointChange, Suggestion
from onefold.receiving.opening import (
    NewId,
    Opening,
)
from onefold.receiving.snapshot import BatchSnapshot


def signs_in(arrival: NormalizedContact, book: BatchSnapshot) -> str | None:
    """RES-17: whose a proven identity is that nobody holds: the profile's that holds the proven email beside it and has
    no customer ID, else the anonymous profile's of the browser."""
    if arrival.contact.channel != "chat" or not arrival.contact.sender.proven:
        return None  # and who failed has been seen to before
    for point in arrival.further:
        if point.kind == "email" and point.standing == "contacted":
            holder = book.identified.get((point.kind, point.value))
            if holder is not None and holder.profile_id not in book.with_customer_id:
                return holder.profile_id
    if arrival.token is None:
        return None
    holder = book.identified.get((arrival.token.kind, arrival.token.value))
    is_anonymous = holder is not None and holder.profile_id not in book.identities
    return holder.profile_id if holder and is_anonymous and not _is_shared(arrival.token, book) else None


def _is_shared(token: Point, book: BatchSnapshot) -> bool:
    """Whether two proven identities have used a browser: since the second one its token opens neither (RES-17)."""
    return any(holder.standing == "contacted" for holder in book.listed.get((token.kind, token.value), ()))


class UsedToken(NamedTuple):
    """What the browser's token tells: new on the customer, suggested, taken from whom it opened, no evidence now."""

    points: tuple[NewPoint, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    release: PointChange | None = None
    withdrawn: tuple[Suggestion, ...] = ()


def use_token(token: Point, opening: Opening, book: BatchSnapshot, new_id: NewId) -> UsedToken:
    """RES-17: what the browser of a customer who has signed in says of whom it opened before.

    nobody                        it is the customer's own, as a further value
    an anonymous profile          it is suggested, and the browser noted on the customer's
    another customer, or whom     it is shared: noted on both, it opens nobody any more; what it was evidence of is
    another one was suggested to  taken back
    """
    key = (token.kind, token.value)
    holder = book.identified.get(key)
    if holder is not None and holder.profile_id == opening.profile_id:
        return UsedToken()
    listed = book.listed.get(key, ())
    users = {one.profile_id for one in listed if one.standing == "contacted"} - {opening.profile_id}
    if holder is None and not users:
        return UsedToken()
    new: tuple[NewPoint, ...] = ()
    if all(one.profile_id != opening.profile_id for one in listed):
        new = (NewPoint(new_id(), opening.profile_id, token, identifying=False, contacted=True),)
        own = Holder(new[0].contact_point_id, opening.profile_id, contacted=True, standing="contacted")
        book.add(key, own, identifying=False)
    if holder is None:
        return UsedToken(new)
    is_anonymous = holder.profile_id not in book.identities
    if is_anonymous and not users:
        same = Suggestion(opening.profile_id, holder.profile_id, "browser", token.value)
        return UsedToken(new, suggestions=(same,))
    book.release(key, holder)
    released = PointChange(
        holder.contact_point_id, holder.profile_id, None, False, identifying=False, standing=holder.standing
    )
    withdrawn = tuple(Suggestion(one, holder.profile_id, "browser", token.value) for one in sorted(users))
    return UsedToken(new, release=released, withdrawn=withdrawn if is_anonymous else ())
