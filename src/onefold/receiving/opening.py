"""Decides which profile a contact point opens (RES-1 … RES-6, RES-14).

A profile *holds* a value that is one of its contact points. The value opens at most one of its holders. The other
holders only *list* it, and some of these may only *claim* it (PRO-13).

Pure: reads a BatchSnapshot (`book`), and enters the decisions there, so that the next contact of the batch sees them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from onefold.contact_points.kinds import PhoneType
from onefold.contact_points.phones import LineTypes, dialled_number
from onefold.contact_points.points import Holder, Key, Point
from onefold.organizations.policy import Policy
from onefold.receiving.contact import Outcome
from onefold.receiving.decision import NewPoint, PointChange, Suggestion
from onefold.receiving.snapshot import BatchSnapshot

NewId = Callable[[], str]
"""Returns a new id. Ids sort by the time they were made (UUIDv7)."""


class Opening(NamedTuple):
    """The profile that a contact lands on, the contact point that it came through, and what changes on the profile.

    `undeliverable_ids` are the contact points that a bounce calls unreachable for good (RES-19).
    """

    outcome: Outcome
    profile_id: str
    contact_point_id: str | None
    points: tuple[NewPoint, ...] = ()
    changes: tuple[PointChange, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    undeliverable_ids: tuple[str, ...] = ()


def open_holder(key: Key, holder: Holder, sms: bool, book: BatchSnapshot) -> Opening:
    """RES-2: opens the holder. A text message also proves that the phone takes texts (RES-4). Any contact proves that
    the value is in use, and that messages arrive there (RES-19)."""
    if holder.standing == "contacted" and (holder.sms or not sms) and not holder.undeliverable:
        return Opening("opened", holder.profile_id, holder.contact_point_id)
    return promote(key, holder, holder.phone_type, holder.sms or sms, book)


def open_by_account(
    point: Point, holder: Holder, sms: bool, book: BatchSnapshot, policy: Policy, new_id: NewId
) -> Opening:
    """RES-1: the channel names a known account and a phone that opens no profile. Both belong to one customer, so the
    account's profile is opened and gets the phone."""
    point = point._replace(phone_type="mobile", sms=sms)
    return open_known(holder.profile_id, point, book, policy, new_id)


def open_known(profile_id: str, point: Point, book: BatchSnapshot, policy: Policy, new_id: NewId) -> Opening:
    """Opens a profile that something else than the sender's value says the sender is, and puts the value on it. The
    profile may list or claim the value already; nobody else is opened by it."""
    suggestions, key = suggest(profile_id, point, book, policy), (point.kind, point.value)
    own = next((holder for holder in book.listed.get(key, ()) if holder.profile_id == profile_id), None)
    if own is not None:
        return promote(key, own, point.phone_type, own.sms or point.sms, book)._replace(suggestions=suggestions)
    new = enter(profile_id, point, book, policy, new_id, is_sender=True)
    return Opening("opened", profile_id, new.contact_point_id, (new,), suggestions=suggestions)


def open_for_failed(point: Point, holder: Holder | None, book: BatchSnapshot, policy: Policy, new_id: NewId) -> Opening:
    """RES-14: a sender that failed the checks opens the profile that holds the value. If there is none, it opens the
    profile that an earlier failed sender created, or else a new profile that only claims the value. The standing of the
    value stays as it is."""
    if holder is None:
        holder = next((h for h in book.listed.get((point.kind, point.value), ()) if _was_failed(h)), None)
    if holder is not None:
        return Opening("opened", holder.profile_id, holder.contact_point_id)
    return create(point, book, policy, new_id)


def _was_failed(holder: Holder) -> bool:
    """Whether a failed sender has used the value as its own. Other profiles that claim it have only named it."""
    return holder.standing == "claimed" and holder.contacted


def not_claimed(key: Key, book: BatchSnapshot) -> list[Holder]:
    """The holders that list a value as more than a claim (PRO-13)."""
    return [holder for holder in book.listed.get(key, ()) if holder.standing != "claimed"]


def promote(key: Key, holder: Holder, phone_type: PhoneType | None, sms: bool, book: BatchSnapshot) -> Opening:
    """Opens the holder. Its contact point has the standing `contacted` from now on (PRO-13)."""
    after = holder._replace(phone_type=phone_type, sms=sms, contacted=True, standing="contacted", undeliverable=False)
    book.promote(key, after)
    # A claimed customer ID is not shown as the customer's; one that the customer has signed in with is (PRO-13).
    change = PointChange(
        holder.contact_point_id,
        holder.profile_id,
        phone_type,
        sms,
        identifying=True,
        standing="contacted",
        current=holder.current or holder.standing == "claimed",
    )
    return Opening("opened", holder.profile_id, holder.contact_point_id, changes=(change,))


def prove(point: Point, holder: Holder, book: BatchSnapshot, policy: Policy) -> tuple[PointChange, ...]:
    """The channel says that a number or an account is the customer's, who lists or claims it already (RES-20): it opens
    the profile from now on. Nothing changes if somebody else holds it as more than a claim."""
    key, own_id = (point.kind, point.value), holder.contact_point_id
    others = [h for h in book.holders(key) if h.contact_point_id != own_id and h.standing != "claimed"]
    is_theirs = point.kind in ("phone", "social") and policy.opens(point.kind, point.phone_type, "contacted")
    return promote(key, holder, point.phone_type, holder.sms, book).changes if is_theirs and not others else ()


def open_text(point: Point, book: BatchSnapshot, policy: Policy, new_id: NewId) -> Opening:
    """RES-4: an SMS or WhatsApp message from a number that nobody holds as mobile."""
    key = (point.kind, point.value)
    listed = not_claimed(key, book)
    used = [h for h in listed if h.standing == "contacted"] if policy.matching_mode == "contacted" else listed
    if len(used) != 1:
        return create(point, book, policy, new_id)
    opening = promote(key, used[0], "mobile", used[0].sms or point.sms, book)
    return opening._replace(suggestions=suggest(used[0].profile_id, point, book, policy))


def open_call(point: Point, book: BatchSnapshot, policy: Policy, line_types: LineTypes, new_id: NewId) -> Opening:
    """RES-5 for a number that profiles only list, RES-6 for a number never seen."""
    # No more holders count than the snapshot reads, even if contacts of the same batch have added some.
    holders = sorted(
        not_claimed((point.kind, point.value), book), key=lambda h: (h.standing != "contacted", h.contact_point_id)
    )
    held_as = {h.phone_type for h in holders[: policy.shared_limit + 1]}
    phone_type: PhoneType
    if not held_as:
        phone_type = _detect_type(point, policy, line_types)
    elif "mobile" in held_as:  # listed as mobile, but never contacted from (RES-9 `contacted`)
        phone_type = "mobile"
    else:
        phone_type = (held_as.pop() if len(held_as) == 1 else None) or "other"
    return create(point._replace(phone_type=phone_type), book, policy, new_id)


def _detect_type(point: Point, policy: Policy, line_types: LineTypes) -> PhoneType:
    if not policy.mobile_identification:
        return "other"
    line_type = line_types(dialled_number(point.value, point.written, policy.default_region))
    if line_type == "mobile":
        return "mobile"
    return "home" if line_type == "landline" else "other"


def create(point: Point, book: BatchSnapshot, policy: Policy, new_id: NewId) -> Opening:
    """RES-3: creates a profile with the contact point. Each other holder is suggested, never merged (RES-10)."""
    profile_id = new_id()
    new = enter(profile_id, point, book, policy, new_id, is_sender=True)
    return Opening(
        "created",
        profile_id,
        new.contact_point_id,
        (new,),
        suggestions=suggest(profile_id, point, book, policy),
    )


def enter(
    profile_id: str, point: Point, book: BatchSnapshot, policy: Policy, new_id: NewId, *, is_sender: bool = False
) -> NewPoint:
    """Gives the profile a contact point, and enters it in `book`. The contact point opens the profile if it opens no
    other one and the rules allow it."""
    contacted = is_sender or point.standing == "contacted"
    key = (point.kind, point.value)
    identifying = (
        not point.blocked and key not in book.identified and policy.opens(point.kind, point.phone_type, point.standing)
    )
    new = NewPoint(new_id(), profile_id, point, identifying, contacted)
    if not point.blocked:
        holder = Holder(new.contact_point_id, profile_id, point.phone_type, point.sms, contacted, point.standing)
        book.add(key, holder, identifying)
    return new


def suggest(profile_id: str, point: Point, book: BatchSnapshot, policy: Policy) -> tuple[Suggestion, ...]:
    """SUG-1 for one value: a suggestion for each other holder, or none if too many profiles share it (SUG-6)."""
    holders = book.holders((point.kind, point.value))
    # Who has a number no more, because it has a new owner, is no duplicate of anybody who has it (RES-21).
    others = {h.profile_id for h in holders if h.current or point.kind != "phone"} - {profile_id}
    if len(others) >= policy.shared_limit:
        if len(others) == policy.shared_limit:  # this profile makes the value common
            book.common[point.kind, point.value] = {*others, profile_id}
        return ()
    return tuple(Suggestion(profile_id, other, point.kind, point.value) for other in sorted(others))
