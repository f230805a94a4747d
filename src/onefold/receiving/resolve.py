"""Which profile an incoming contact opens (RES). Pure: it reads a Book, and returns what to do.

none holds the identifier    a new profile holds it                          RES-3
one holds it                 that profile is opened                          RES-2
many hold it                 a new profile, and suggestions; never a merge   RES-4, RES-5, RES-10
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from onefold.contact_points.phones import LineTypes
from onefold.contact_points.points import Holder, Key, Point
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
    open_text,
    promote,
    prove,
    suggest,
)
from onefold.receiving.sign_in import UsedToken, signs_in, use_token
from onefold.receiving.snapshot import BatchSnapshot, Thread


def resolve(
    arrival: NormalizedContact, book: BatchSnapshot, policy: Policy, line_types: LineTypes, new_id: NewId
) -> Decision:
    """Decides one contact and enters the decision in the book, so that the next of the batch sees it."""
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
        *_proven_of_another(arrival, opening, book),
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
        changes=tuple(
            change for change in (opening.change, used.release, *further.proven_changes) if change is not None
        ),
        suggestions=suggestions,
        withdrawn=used.withdrawn,
        undeliverable_ids=opening.undeliverable_ids,
        joins_thread=thread,
        left_out=tuple(further.left_out),
    )


def _conversation_for(
    arrival: NormalizedContact, profile_id: str, book: BatchSnapshot, new_id: NewId
) -> tuple[str, bool]:
    """The profile's open conversation, or a new one, and whether it is new; what a machine wrote reopens none, and
    stands in the last there was (RES-19)."""
    conversation_id = book.open_conversations.get(profile_id)
    if conversation_id is None and arrival.contact.machine is not None:
        conversation_id = book.last_conversations.get(profile_id)
    if conversation_id is not None:
        return conversation_id, False
    book.open_conversations[profile_id] = new_id()
    return book.open_conversations[profile_id], True


def _whose(arrival: NormalizedContact, book: BatchSnapshot) -> Opening | SetAsideReason | None:
    """Of mail whose sender is nobody: whom it is about, or why it is set aside; None of everything else.

    A bounce is about the recipient it names, else about whose message it returns (RES-19). What comes from an own
    address, or from one that sends for others, and names nobody belongs to the thread it is written into (RES-18).
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
    """Whom an address opens, else who alone has it listed."""
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
    if (claimed := _proven_by_answer(arrival, key, book)) is not None:
        return promote(key, claimed, claimed.phone_type, claimed.sms, book)
    if point.kind == "customer_id" and len(listed := not_claimed(key, book)) == 1:
        return promote(key, listed[0], None, False, book)
    if (profile_id := signs_in(arrival, book)) is not None:
        new = enter(profile_id, point, book, policy, new_id, is_sender=True)
        suggestions = suggest(profile_id, point, book, policy)
        return Opening("opened", profile_id, new.contact_point_id, (new,), suggestions=suggestions)
    return create(point, book, policy, new_id)


def _proven_by_answer(arrival: NormalizedContact, key: Key, book: BatchSnapshot) -> Holder | None:
    """PRO-14: who claims the sender's value, and is answered from it: only who reads what is sent there knows the id of
    a message of ours."""
    sent_to = {thread.sent_to for name in arrival.answers if (thread := book.threads.get(name))} - {None}
    claimed = (h for h in book.listed.get(key, ()) if h.standing == "claimed" and h.contact_point_id in sent_to)
    return next(claimed, None)


def _proven_of_another(arrival: NormalizedContact, opening: Opening, book: BatchSnapshot) -> tuple[Suggestion, ...]:
    """PRO-14: the profile that holds a value by now, where its answer proves what another one claims."""
    point = arrival.identifier
    if point is None or point.standing == "claimed":
        return ()
    claimed = _proven_by_answer(arrival, (point.kind, point.value), book)
    if claimed is None or claimed.profile_id == opening.profile_id:
        return ()
    threads = (book.threads[name] for name in arrival.answers if name in book.threads)
    answered = next(thread for thread in threads if thread.sent_to == claimed.contact_point_id)
    return (Suggestion(opening.profile_id, claimed.profile_id, "thread", answered.conversation_id),)


def _open_unidentified(
    arrival: NormalizedContact, blocked: Point | None, book: BatchSnapshot, new_id: NewId
) -> Opening:
    """RES-8, and RES-13 for what names a conversation (a bounce, a chat thread) but no customer."""
    thread = _named_thread(arrival, book)
    if thread is not None:
        return Opening("opened", thread.profile_id, None)
    profile_id = new_id()
    if blocked is None:
        return Opening("created", profile_id, None)
    new_point = NewPoint(new_id(), profile_id, blocked, identifying=False, contacted=True)
    return Opening("created", profile_id, new_point.contact_point_id, (new_point,))


def _thread_of_another(arrival: NormalizedContact, opening: Opening, book: BatchSnapshot) -> Thread | None:
    """RES-13: the sender decides whose a contact is; a newcomer in somebody's thread may be that customer, or not."""
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
    proven_changes: list[PointChange]


def _list_further(
    further: tuple[Point, ...], opening: Opening, book: BatchSnapshot, policy: Policy, new_id: NewId
) -> _FurtherValues:
    """RES-11: what nobody holds is listed; what someone else holds is not taken, and raises a suggestion.

    A claim keeps nobody from holding the value (PRO-13), and in RES-9 `contacted` listing does not: then it is listed
    as well as suggested. Of claims a profile takes so many.
    """
    listed, raised, left_out, proven_changes = _FurtherValues([], [], [], [])
    profile_id = opening.profile_id
    for point in further:
        if point.blocked:
            if opening.outcome == "created":
                listed.append(enter(profile_id, point, book, policy, new_id))
            continue
        holders = book.holders((point.kind, point.value))
        own = next((holder for holder in holders if holder.profile_id == profile_id), None)
        if own is not None:
            if point.standing == "contacted" and own.standing != "contacted":
                proven_changes.append(prove(point, own, book, policy))
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
    return _FurtherValues(listed, raised, left_out, proven_changes)
