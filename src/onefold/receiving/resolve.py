"""Decides which profile an incoming contact opens (RES). Pure: reads a BatchSnapshot (`book`), returns a Decision.

profiles with the identifier   what happens                                        rule
none                           a new profile is created and holds it               RES-3
one                            that profile is opened                              RES-2
several                        a new profile and suggestions, but never a merge    RES-4, RES-5, RES-10

This file also decides: a sender that nobody can identify (RES-8), further values (RES-11), repeated deliveries
(RES-12), contacts that name a conversation (RES-13), mail whose sender is no customer (RES-18), machine mail (RES-19),
and a customer ID that one profile only lists (PRO-1). `opening.py` has the steps of RES-1 to RES-6 and RES-14,
`sign_in.py` those of RES-17, `proof_of_claims.py` those of PRO-14.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from onefold.contact_points.phones import LineTypes
from onefold.contact_points.points import Holder, Point
from onefold.organizations.policy import Policy
from onefold.receiving.contact import Answer, NormalizedContact, SetAsideReason
from onefold.receiving.decision import Decision, NewPoint, PointChange, Suggestion
from onefold.receiving.opening import (
    NewId,
    Opening,
    create,
    enter,
    not_claimed,
    open_by_account,
    open_call,
    open_for_failed,
    open_holder,
    open_known,
    open_text,
    promote,
    prove,
    suggest,
)
from onefold.receiving.proof_of_claims import proven_by_answer, proven_of_another
from onefold.receiving.sign_in import UsedToken, signs_in, use_token
from onefold.receiving.snapshot import BatchSnapshot, Thread


def resolve(
    arrival: NormalizedContact, book: BatchSnapshot, policy: Policy, line_types: LineTypes, new_id: NewId
) -> Decision:
    """Decides one contact. Enters the decision in `book`, so that the next contact of the batch sees it."""
    contact = arrival.contact
    earlier = book.earlier_answer(arrival)
    if earlier is not None:
        landed = (earlier.outcome, earlier.profile_id, earlier.conversation_id)
        return Decision(arrival, *landed, False, None, repeats=earlier)
    nobodys = _whose(arrival, book)
    if isinstance(nobodys, str):
        return Decision(arrival, "set_aside", "", "", False, None, set_aside=nobodys)
    opening = nobodys or _open(arrival, book, policy, line_types, new_id)
    used = UsedToken() if arrival.token is None else use_token(arrival.token, opening, book, new_id)
    further = _FurtherValues([], [], [], [])
    if arrival.further:
        further = _list_further(arrival.further, opening, book, policy, new_id)
    suggestions = (
        *opening.suggestions,
        *used.suggestions,
        *further.suggestions,
        *proven_of_another(arrival, opening, book),
    )
    thread = _thread_of_another(arrival, opening, book)
    if thread is not None:
        joined = Suggestion(opening.profile_id, thread.profile_id, "thread", thread.conversation_id)
        suggestions = (*suggestions, joined)
    conversation_id, opens = _conversation_for(arrival, opening.profile_id, book, new_id)
    book.earlier[contact.channel, arrival.message_key, arrival.sender_key] = Answer(
        opening.outcome, opening.profile_id, conversation_id, "", repeated=True
    )
    book.threads.setdefault(arrival.message_key, Thread(conversation_id, opening.profile_id))
    return Decision(
        arrival,
        opening.outcome,
        opening.profile_id,
        conversation_id,
        opens,
        opening.contact_point_id,
        (*opening.points, *used.points, *further.listed),
        changes=(*opening.changes, *used.changes, *further.changes),
        suggestions=suggestions,
        withdrawn=used.withdrawn,
        undeliverable_ids=opening.undeliverable_ids,
        joins_thread=thread,
        left_out=tuple(further.left_out),
    )


def _conversation_for(
    arrival: NormalizedContact, profile_id: str, book: BatchSnapshot, new_id: NewId
) -> tuple[str, bool]:
    """The conversation that the contact joins, and whether it is new: the profile's open one, or else a new one.

    Machine mail reopens no conversation. If none is open, it joins the last one (RES-19).
    """
    conversation_id = book.open_conversations.get(profile_id)
    if conversation_id is None and arrival.contact.machine is not None:
        conversation_id = book.last_conversations.get(profile_id)
    if conversation_id is not None:
        return conversation_id, False
    book.open_conversations[profile_id] = new_id()
    return book.open_conversations[profile_id], True


def _whose(arrival: NormalizedContact, book: BatchSnapshot) -> Opening | SetAsideReason | None:
    """Mail whose sender is no customer: the profile it is about, or why it is set aside. None for any other contact.

    A bounce is about the recipient that it names, or else about the conversation of the message that it returns
    (RES-19). Mail from an own address, or from an address that sends for others, may name no customer. It then belongs
    to the conversation that it is written into (RES-18).
    """
    machine = arrival.contact.machine
    about_failure = machine is not None and machine.kind in ("bounce", "delay")
    if not about_failure and arrival.nobodys is None:
        return None
    named = [holder for point in arrival.recipients if (holder := _only_holder(point, book))]
    thread = _named_thread(arrival, book)
    if about_failure and named:
        failed = tuple(holder.contact_point_id for holder in named) if machine and machine.permanent else ()
        return Opening("opened", named[0].profile_id, None, undeliverable_ids=failed)
    if thread is not None:
        return Opening("opened", thread.profile_id, None)
    return "machine" if about_failure else arrival.nobodys


def _only_holder(point: Point, book: BatchSnapshot) -> Holder | None:
    """The profile that the address opens, or else the only profile that lists it as more than a claim."""
    key = (point.kind, point.value)
    listed = not_claimed(key, book)
    return book.identified.get(key) or (listed[0] if len(listed) == 1 else None)


def _open(
    arrival: NormalizedContact, book: BatchSnapshot, policy: Policy, line_types: LineTypes, new_id: NewId
) -> Opening:
    point = arrival.identifier
    if point is None or point.blocked:
        return _open_unidentified(arrival, point, book, new_id)
    key = (point.kind, point.value)
    holder = book.identified.get(key)
    if point.standing == "claimed":
        if point.kind == "phone":
            point = point._replace(phone_type="other" if arrival.contact.channel == "voice" else "mobile")
        return open_for_failed(point, holder, book, policy, new_id)
    sms = arrival.contact.channel == "sms"
    if holder is not None:
        return open_holder(key, holder, sms, book)
    if (
        arrival.account
        and arrival.contact.channel != "voice"
        and (other := book.identified.get((arrival.account.kind, arrival.account.value)))
    ):
        return open_by_account(point, other, sms, book, policy, new_id)
    if point.kind == "phone":
        if arrival.contact.channel == "voice":
            return open_call(point, book, policy, line_types, new_id)
        return open_text(point._replace(phone_type="mobile", sms=sms), book, policy, new_id)
    if (claimed := proven_by_answer(arrival, key, book)) is not None:
        return promote(key, claimed, claimed.phone_type, claimed.sms, book)
    if point.kind == "customer_id" and len(listed := not_claimed(key, book)) == 1:
        return promote(key, listed[0], None, False, book)
    if (profile_id := signs_in(arrival, book)) is not None:
        return open_known(profile_id, point, book, policy, new_id)
    return create(point, book, policy, new_id)


def _open_unidentified(
    arrival: NormalizedContact, blocked: Point | None, book: BatchSnapshot, new_id: NewId
) -> Opening:
    """RES-8; or RES-13, if the contact names a conversation (as a chat may) but no customer."""
    thread = _named_thread(arrival, book)
    if thread is not None:
        return Opening("opened", thread.profile_id, None)
    profile_id = new_id()
    if blocked is None:
        return Opening("created", profile_id, None)
    new_point = NewPoint(new_id(), profile_id, blocked, identifying=False, contacted=True)
    return Opening("created", profile_id, new_point.contact_point_id, (new_point,))


def _thread_of_another(arrival: NormalizedContact, opening: Opening, book: BatchSnapshot) -> Thread | None:
    """RES-13: the conversation of another customer that a new customer replies into, or None.

    The reply belongs to its sender. The two may or may not be the same customer, so they are suggested.
    """
    thread = _named_thread(arrival, book) if opening.outcome == "created" else None
    return None if thread is None or thread.profile_id == opening.profile_id else thread


def _named_thread(arrival: NormalizedContact, book: BatchSnapshot) -> Thread | None:
    contact = arrival.contact
    names: Iterable[str] = arrival.answers
    if contact.conversation_id is not None:
        names = (contact.conversation_id, *arrival.answers)
    return next((book.threads[name] for name in names if name in book.threads), None)


class _FurtherValues(NamedTuple):
    listed: list[NewPoint]
    suggestions: list[Suggestion]
    left_out: list[Point]
    changes: list[PointChange]


def _list_further(
    further: tuple[Point, ...], opening: Opening, book: BatchSnapshot, policy: Policy, new_id: NewId
) -> _FurtherValues:
    """RES-11: lists values that no profile holds. If another profile holds a value, the two profiles are suggested.

    The value is then listed here as well only if the other holders merely claim it (PRO-13), or if the matching mode is
    `contacted` (RES-9). A profile takes a limited number of claimed values; the others are left out. What the profile
    holds already, and the channel says is the customer's, opens it from now on (RES-20); not a number that has a new
    owner (RES-21).
    """
    listed, raised, left_out, changes = _FurtherValues([], [], [], [])
    profile_id = opening.profile_id
    for point in further:
        if point.blocked:
            if opening.outcome == "created":
                listed.append(enter(profile_id, point, book, policy, new_id))
            continue
        holders = book.holders((point.kind, point.value))
        own = next((holder for holder in holders if holder.profile_id == profile_id), None)
        if own is not None:
            if point.standing == "contacted" and own.standing != "contacted" and own.current:
                changes += prove(point, own, book, policy)
                raised += suggest(profile_id, point, book, policy)
            continue
        if not book.takes(profile_id, point.standing):
            left_out.append(point)
            continue
        second_id = point.kind == "customer_id" and profile_id in book.with_customer_id
        is_free = all(holder.standing == "claimed" for holder in holders) or policy.matching_mode == "contacted"
        if is_free and not second_id:
            listed.append(enter(profile_id, point, book, policy, new_id))
        raised += suggest(profile_id, point, book, policy)
    return _FurtherValues(listed, raised, left_out, changes)
