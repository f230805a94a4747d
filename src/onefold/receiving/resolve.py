"""Which profile an incoming contact opens (RES). Pure: it reads a Book, and returns what to do.

none holds the identifier    a new profile holds it                          RES-3
one holds it                 that profile is opened                          RES-2
many hold it                 a new profile, and suggestions; never a merge   RES-4, RES-5, RES-10
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from onefold.contact_points.kinds import PhoneType
from onefold.contact_points.phones import LineTypes, dialled_number
from onefold.contact_points.points import Holder, Key, Point
from onefold.organizations.policy import Policy
from onefold.receiving.contact import Answer, NormalizedContact, Outcome, SetAsideReason
from onefold.receiving.decision import Decision, NewPoint, PointChange, Suggestion
from onefold.receiving.snapshot import BatchSnapshot, Thread

NewId = Callable[[], str]
"""Hands out ids that sort by the time they were made (UUIDv7)."""


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
    used = _UsedToken() if arrival.token is None else _use_token(arrival.token, opening, book, new_id)
    further = _FurtherValues([], [], [])
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
        opening.change,
        suggestions,
        release=used.release,
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


class _Opening(NamedTuple):
    outcome: Outcome
    profile_id: str
    contact_point_id: str | None
    points: tuple[NewPoint, ...] = ()
    change: PointChange | None = None
    suggestions: tuple[Suggestion, ...] = ()
    undeliverable_ids: tuple[str, ...] = ()


def _whose(arrival: NormalizedContact, book: BatchSnapshot) -> _Opening | SetAsideReason | None:
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
        return _Opening("opened", named[0].profile_id, None, undeliverable_ids=failed)
    if thread is not None:
        return _Opening("opened", thread.profile_id, None)
    return "machine" if about_failure else arrival.nobodys


def _only_holder(point: Point, book: BatchSnapshot) -> Holder | None:
    """Whom an address opens, else who alone has it listed."""
    key = (point.kind, point.value)
    listed = _not_claimed(key, book)
    return book.identified.get(key) or (listed[0] if len(listed) == 1 else None)


def _open(
    arrival: NormalizedContact, book: BatchSnapshot, policy: Policy, line_types: LineTypes, new_id: NewId
) -> _Opening:
    point = arrival.identifier
    if point is None or point.blocked:
        return _open_unidentified(arrival, point, book, new_id)
    key = (point.kind, point.value)
    holder = book.identified.get(key)
    if point.standing == "claimed":
        if point.kind == "phone":
            point = point._replace(phone_type="other" if arrival.contact.channel == "voice" else "mobile")
        return _open_for_failed(point, holder, book, policy, new_id)
    sms = arrival.contact.channel == "sms"
    if holder is not None:
        return _open_holder(key, holder, sms, book)
    if (
        arrival.account
        and arrival.contact.channel != "voice"
        and (other := book.identified.get((arrival.account.kind, arrival.account.value)))
    ):
        return _open_by_account(point, other, sms, book, policy, new_id)
    if point.kind == "phone":
        if arrival.contact.channel == "voice":
            return _open_call(point, book, policy, line_types, new_id)
        return _open_text(point._replace(phone_type="mobile", sms=sms), book, policy, new_id)
    if (claimed := _proven_by_answer(arrival, key, book)) is not None:
        return _promote(key, claimed, claimed.phone_type, claimed.sms, book)
    if point.kind == "customer_id" and len(listed := _not_claimed(key, book)) == 1:
        return _promote(key, listed[0], None, False, book)
    if (profile_id := _signs_in(arrival, book)) is not None:
        new = _enter(profile_id, point, book, policy, new_id, is_sender=True)
        suggestions = _suggest(profile_id, point, book, policy)
        return _Opening("opened", profile_id, new.contact_point_id, (new,), suggestions=suggestions)
    return _create(point, book, policy, new_id)


def _proven_by_answer(arrival: NormalizedContact, key: Key, book: BatchSnapshot) -> Holder | None:
    """PRO-14: who claims the sender's value, and is answered from it: only who reads what is sent there knows the id of
    a message of ours."""
    sent_to = {thread.sent_to for name in arrival.answers if (thread := book.threads.get(name))} - {None}
    claimed = (h for h in book.listed.get(key, ()) if h.standing == "claimed" and h.contact_point_id in sent_to)
    return next(claimed, None)


def _proven_of_another(arrival: NormalizedContact, opening: _Opening, book: BatchSnapshot) -> tuple[Suggestion, ...]:
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


def _signs_in(arrival: NormalizedContact, book: BatchSnapshot) -> str | None:
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


class _UsedToken(NamedTuple):
    points: tuple[NewPoint, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    release: PointChange | None = None
    withdrawn: tuple[Suggestion, ...] = ()


def _use_token(token: Point, opening: _Opening, book: BatchSnapshot, new_id: NewId) -> _UsedToken:
    """RES-17: what the browser of a customer who has signed in says of whom it opened before.

    nobody                        it is the customer's own, as a further value
    an anonymous profile          it is suggested, and the browser noted on the customer's
    another customer, or whom     it is shared: noted on both, it opens nobody any more; what it was evidence of is
    another one was suggested to  taken back
    """
    key = (token.kind, token.value)
    holder = book.identified.get(key)
    if holder is not None and holder.profile_id == opening.profile_id:
        return _UsedToken()
    listed = book.listed.get(key, ())
    users = {one.profile_id for one in listed if one.standing == "contacted"} - {opening.profile_id}
    if holder is None and not users:
        return _UsedToken()
    new: tuple[NewPoint, ...] = ()
    if all(one.profile_id != opening.profile_id for one in listed):
        new = (NewPoint(new_id(), opening.profile_id, token, identifying=False, contacted=True),)
        own = Holder(new[0].contact_point_id, opening.profile_id, contacted=True, standing="contacted")
        book.add(key, own, identifying=False)
    if holder is None:
        return _UsedToken(new)
    is_anonymous = holder.profile_id not in book.identities
    if is_anonymous and not users:
        same = Suggestion(opening.profile_id, holder.profile_id, "browser", token.value)
        return _UsedToken(new, suggestions=(same,))
    book.release(key, holder)
    released = PointChange(
        holder.contact_point_id, holder.profile_id, None, False, identifying=False, standing=holder.standing
    )
    withdrawn = tuple(Suggestion(one, holder.profile_id, "browser", token.value) for one in sorted(users))
    return _UsedToken(new, release=released, withdrawn=withdrawn if is_anonymous else ())


def _open_unidentified(
    arrival: NormalizedContact, blocked: Point | None, book: BatchSnapshot, new_id: NewId
) -> _Opening:
    """RES-8, and RES-13 for what names a conversation (a bounce, a chat thread) but no customer."""
    thread = _named_thread(arrival, book)
    if thread is not None:
        return _Opening("opened", thread.profile_id, None)
    profile_id = new_id()
    if blocked is None:
        return _Opening("created", profile_id, None)
    new_point = NewPoint(new_id(), profile_id, blocked, identifying=False, contacted=True)
    return _Opening("created", profile_id, new_point.contact_point_id, (new_point,))


def _thread_of_another(arrival: NormalizedContact, opening: _Opening, book: BatchSnapshot) -> Thread | None:
    """RES-13: the sender decides whose a contact is; a newcomer in somebody's thread may be that customer, or not."""
    thread = _named_thread(arrival, book) if opening.outcome == "created" else None
    return None if thread is None or thread.profile_id == opening.profile_id else thread


def _named_thread(arrival: NormalizedContact, book: BatchSnapshot) -> Thread | None:
    contact = arrival.contact
    names: Iterable[str] = arrival.answers
    if contact.conversation_id is not None:
        names = (contact.conversation_id, *arrival.answers)
    return next((book.threads[name] for name in names if name in book.threads), None)


def _open_holder(key: Key, holder: Holder, sms: bool, book: BatchSnapshot) -> _Opening:
    """RES-2. A text message proves that the phone takes them (RES-4), and any contact that the value is used, and that
    something arrives there (RES-19)."""
    if holder.standing == "contacted" and (holder.sms or not sms) and not holder.undeliverable:
        return _Opening("opened", holder.profile_id, holder.contact_point_id)
    return _promote(key, holder, holder.phone_type, holder.sms or sms, book)


def _open_by_account(
    point: Point, holder: Holder, sms: bool, book: BatchSnapshot, policy: Policy, new_id: NewId
) -> _Opening:
    """RES-1: the channel names an account that is known, and a phone beside it that nobody holds: both are one's."""
    point = point._replace(phone_type="mobile", sms=sms)
    new = _enter(holder.profile_id, point, book, policy, new_id, is_sender=True)
    suggestions = _suggest(holder.profile_id, point, book, policy)
    return _Opening("opened", holder.profile_id, new.contact_point_id, (new,), suggestions=suggestions)


def _open_for_failed(
    point: Point, holder: Holder | None, book: BatchSnapshot, policy: Policy, new_id: NewId
) -> _Opening:
    """RES-14: a failed sender opens the profile that holds the value, else the one that an earlier failed contact made,
    else a new one that only claims it. Nothing becomes better known by that."""
    if holder is None:
        holder = next((h for h in book.listed.get((point.kind, point.value), ()) if _was_failed(h)), None)
    if holder is not None:
        return _Opening("opened", holder.profile_id, holder.contact_point_id)
    return _create(point, book, policy, new_id)


def _was_failed(holder: Holder) -> bool:
    """Whether a failed sender has brought the value as its own; others that claim it have only named it."""
    return holder.standing == "claimed" and holder.contacted


def _not_claimed(key: Key, book: BatchSnapshot) -> list[Holder]:
    """Who lists a value and more than claims it (PRO-13)."""
    return [holder for holder in book.listed.get(key, ()) if holder.standing != "claimed"]


def _promote(key: Key, holder: Holder, phone_type: PhoneType | None, sms: bool, book: BatchSnapshot) -> _Opening:
    after = holder._replace(phone_type=phone_type, sms=sms, contacted=True, standing="contacted", undeliverable=False)
    book.promote(key, after)
    change = PointChange(
        holder.contact_point_id, holder.profile_id, phone_type, sms, identifying=True, standing="contacted"
    )
    return _Opening("opened", holder.profile_id, holder.contact_point_id, change=change)


def _open_text(point: Point, book: BatchSnapshot, policy: Policy, new_id: NewId) -> _Opening:
    """RES-4: an SMS or WhatsApp message from a number that nobody holds as mobile."""
    key = (point.kind, point.value)
    listed = _not_claimed(key, book)
    used = [h for h in listed if h.standing == "contacted"] if policy.matching_mode == "contacted" else listed
    if len(used) != 1:
        return _create(point, book, policy, new_id)
    opening = _promote(key, used[0], "mobile", used[0].sms or point.sms, book)
    return opening._replace(suggestions=_suggest(used[0].profile_id, point, book, policy))


def _open_call(point: Point, book: BatchSnapshot, policy: Policy, line_types: LineTypes, new_id: NewId) -> _Opening:
    """RES-5 for a number that is only shared, RES-6 for one never seen."""
    # Of a line that very many share no more are looked at, whatever came in the same batch.
    holders = sorted(
        _not_claimed((point.kind, point.value), book), key=lambda h: (h.standing != "contacted", h.contact_point_id)
    )
    held_as = {h.phone_type for h in holders[: policy.shared_limit + 1]}
    phone_type: PhoneType
    if not held_as:
        phone_type = _detect_type(point, policy, line_types)
    elif "mobile" in held_as:  # listed as mobile, but never contacted from (RES-9 `contacted`)
        phone_type = "mobile"
    else:
        phone_type = (held_as.pop() if len(held_as) == 1 else None) or "other"
    return _create(point._replace(phone_type=phone_type), book, policy, new_id)


def _detect_type(point: Point, policy: Policy, line_types: LineTypes) -> PhoneType:
    if not policy.mobile_identification:
        return "other"
    line_type = line_types(dialled_number(point.value, point.written, policy.default_region))
    if line_type == "mobile":
        return "mobile"
    return "home" if line_type == "landline" else "other"


def _create(point: Point, book: BatchSnapshot, policy: Policy, new_id: NewId) -> _Opening:
    """RES-3. Whoever else lists the value becomes a suggestion, never a match (RES-10)."""
    profile_id = new_id()
    new = _enter(profile_id, point, book, policy, new_id, is_sender=True)
    return _Opening(
        "created",
        profile_id,
        new.contact_point_id,
        (new,),
        suggestions=_suggest(profile_id, point, book, policy),
    )


def _enter(
    profile_id: str, point: Point, book: BatchSnapshot, policy: Policy, new_id: NewId, *, is_sender: bool = False
) -> NewPoint:
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


class _FurtherValues(NamedTuple):
    listed: list[NewPoint]
    suggestions: list[Suggestion]
    left_out: list[Point]


def _list_further(
    further: tuple[Point, ...], opening: _Opening, book: BatchSnapshot, policy: Policy, new_id: NewId
) -> _FurtherValues:
    """RES-11: what nobody holds is listed; what someone else holds is not taken, and raises a suggestion.

    A claim keeps nobody from holding the value (PRO-13), and in RES-9 `contacted` listing does not: then it is listed
    as well as suggested. Of claims a profile takes so many.
    """
    listed, raised, left_out = _FurtherValues([], [], [])
    profile_id = opening.profile_id
    for point in further:
        if point.blocked:
            if opening.outcome == "created":
                listed.append(_enter(profile_id, point, book, policy, new_id))
            continue
        holders = book.holders((point.kind, point.value))
        if any(holder.profile_id == profile_id for holder in holders):
            continue
        if not book.takes(profile_id, point.standing):
            left_out.append(point)
            continue
        second_id = point.kind == "customer_id" and profile_id in book.with_customer_id
        is_free = all(holder.standing == "claimed" for holder in holders) or policy.matching_mode == "contacted"
        if is_free and not second_id:
            listed.append(_enter(profile_id, point, book, policy, new_id))
        raised += _suggest(profile_id, point, book, policy)
    return _FurtherValues(listed, raised, left_out)


def _suggest(profile_id: str, point: Point, book: BatchSnapshot, policy: Policy) -> tuple[Suggestion, ...]:
    """SUG-1 for one shared value, silent where too many share it (SUG-6)."""
    holders = book.holders((point.kind, point.value))
    others = {holder.profile_id for holder in holders} - {profile_id}
    if len(others) >= policy.shared_limit:
        if len(others) == policy.shared_limit:  # with this one it is common from now on; it is beyond that later
            book.common[point.kind, point.value] = {*others, profile_id}
        return ()
    return tuple(Suggestion(profile_id, other, point.kind, point.value) for other in sorted(others))
