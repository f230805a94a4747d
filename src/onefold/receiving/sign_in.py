"""A chat visitor signs in: what this says about the customer, and about the browser known before (RES-17). Pure."""

from __future__ import annotations

from typing import NamedTuple

from onefold.contact_points.points import Holder, Point
from onefold.receiving.contact import NormalizedContact
from onefold.receiving.decision import NewPoint, PointChange, Suggestion
from onefold.receiving.opening import NewId, Opening
from onefold.receiving.snapshot import BatchSnapshot


def signs_in(arrival: NormalizedContact, book: BatchSnapshot) -> str | None:
    """RES-17: the profile that gets a proven identity which no profile holds yet, or None.

    It is the profile that a proven email of the same contact opens, if that profile has no customer ID. Otherwise it is
    the anonymous profile of the browser.
    """
    if not arrival.contact.is_proven_by_site:
        return None  # a sender that failed the checks was handled before
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
    """Whether two customers have signed in from a browser. Since the second, its token opens neither (RES-17)."""
    return any(holder.standing == "contacted" for holder in book.listed.get((token.kind, token.value), ()))


class UsedToken(NamedTuple):
    """What follows from a browser's token: new contact points of the customer, suggestions, contact points that change
    (a claim that is one no longer, a token that opens its profile no more), and suggestions to withdraw."""

    points: tuple[NewPoint, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    changes: tuple[PointChange, ...] = ()
    withdrawn: tuple[Suggestion, ...] = ()


def use_token(token: Point, opening: Opening, book: BatchSnapshot, new_id: NewId) -> UsedToken:
    """RES-17: what follows from the browser's token when a customer has signed in.

    the token opened before                      what follows
    no profile                                   the customer gets the token as a further value
    an anonymous profile                         the two are suggested; the customer lists the token too
    another customer, or an anonymous profile    the browser is shared: both list the token, it opens nobody any more,
    suggested with another customer              and suggestions that rest on it are withdrawn
    """
    key = (token.kind, token.value)
    holder = book.identified.get(key)
    if holder is not None and holder.profile_id == opening.profile_id:
        return UsedToken()
    listed = book.listed.get(key, ())
    users = {one.profile_id for one in listed if one.standing == "contacted"} - {opening.profile_id}
    if holder is None and not users:
        return UsedToken()
    new, changes = _note_user(token, opening.profile_id, book, new_id)
    if holder is None:
        return UsedToken(new, changes=changes)
    is_anonymous = holder.profile_id not in book.identities
    if is_anonymous and not users:
        same = Suggestion(opening.profile_id, holder.profile_id, "browser", token.value)
        return UsedToken(new, suggestions=(same,), changes=changes)
    book.release(key, holder)
    released = PointChange(
        holder.contact_point_id, holder.profile_id, None, False, identifying=False, standing=holder.standing
    )
    withdrawn = tuple(Suggestion(one, holder.profile_id, "browser", token.value) for one in sorted(users))
    return UsedToken(new, changes=(*changes, released), withdrawn=withdrawn if is_anonymous else ())


def _note_user(
    token: Point, profile_id: str, book: BatchSnapshot, new_id: NewId
) -> tuple[tuple[NewPoint, ...], tuple[PointChange, ...]]:
    """The browser is noted on a customer who has signed in with it; a claim to it, of a form say, is one no longer."""
    key = (token.kind, token.value)
    own = next((holder for holder in book.listed.get(key, ()) if holder.profile_id == profile_id), None)
    if own is None:
        new = NewPoint(new_id(), profile_id, token, identifying=False, contacted=True)
        holder = Holder(new.contact_point_id, profile_id, contacted=True, standing="contacted")
        book.add(key, holder, identifying=False)
        return (new,), ()
    if own.standing != "claimed":
        return (), ()
    book.listed[key] = [one._replace(standing="contacted") if one is own else one for one in book.listed[key]]
    book.claims[profile_id] -= 1
    return (), (PointChange(own.contact_point_id, profile_id, None, False, identifying=False, standing="contacted"),)
