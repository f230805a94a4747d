"""Which profile an incoming contact opens (RES). Pure: it reads a Book, and returns what to do.

none holds the identifier    a new profile holds it                          RES-3
one holds it                 that profile is opened                          RES-2
many hold it                 a new profile, and suggestions; never a merge   RES-4, RES-5, RES-10
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from onefold.contact_points.kinds import Kind, PhoneType
from onefold.contact_points.phones import LineTypes, dialled_number
from onefold.contact_points.points import Holder, Key, Point
from onefold.organizations.policy import Policy
from onefold.receiving.contact import Answer, NormalizedContact, Outcome
from onefold.receiving.snapshot import BatchSnapshot, Thread

NewId = Callable[[], str]
"""Hands out ids that sort by the time they were made (UUIDv7)."""


class NewPoint(NamedTuple):
    """A contact point to be listed on a profile."""

    contact_point_id: str
    profile_id: str
    point: Point
    identifying: bool
    contacted: bool


class PointChange(NamedTuple):
    """A held contact point after the contact: a phone that became mobile or got its SMS tag (RES-4), a listed value
    the customer has now contacted from (RES-9)."""

    contact_point_id: str
    profile_id: str
    phone_type: PhoneType | None
    sms: bool
    identifying: bool
    proven: bool = True


class Suggestion(NamedTuple):
    """Two profiles that may be one customer, and the value that says so (SUG-1); of a `thread` its conversation's id
    (RES-13)."""

    profile_id: str
    other_id: str
    kind: Kind | Literal["thread"]
    value: str


class Decision(NamedTuple):
    """What one contact does. `repeats` is the answer given before (RES-12); then everything else is empty.

    `joins_thread` is a known customer's conversation that a newcomer has replied into (RES-13).
    """

    arrival: NormalizedContact
    outcome: Outcome
    profile_id: str
    conversation_id: str
    opens_conversation: bool
    contact_point_id: str | None
    new_points: tuple[NewPoint, ...] = ()
    change: PointChange | None = None
    suggestions: tuple[Suggestion, ...] = ()
    repeats: Answer | None = None
    joins_thread: Thread | None = None


def resolve(
    arrival: NormalizedContact, book: BatchSnapshot, policy: Policy, line_types: LineTypes, new_id: NewId
) -> Decision:
    """Decides one contact and enters the decision in the book, so that the next of the batch sees it."""
    contact = arrival.contact
    earlier = book.earlier.get((contact.channel, arrival.message_key))
    if earlier is not None:
        return Decision(
            arrival,
            earlier.outcome,
            earlier.profile_id,
            earlier.conversation_id,
            False,
            None,
            repeats=earlier,
        )
    opening = _open(arrival, book, policy, line_types, new_id)
    points, suggestions = opening.points, opening.suggestions
    if arrival.further:
        listed, raised = _list_further(arrival.further, opening, book, policy, new_id)
        points, suggestions = (*points, *listed), (*suggestions, *raised)
    thread = _thread_of_another(arrival, opening, book)
    if thread is not None:
        suggestions = (
            *suggestions,
            Suggestion(opening.profile_id, thread.profile_id, "thread", thread.conversation_id),
        )
    conversation_id = book.open_conversations.get(opening.profile_id)
    opens = conversation_id is None
    if conversation_id is None:
        conversation_id = book.open_conversations[opening.profile_id] = new_id()
    book.earlier[contact.channel, arrival.message_key] = Answer(
        opening.outcome, opening.profile_id, conversation_id, "", repeated=True
    )
    book.threads[arrival.message_key] = Thread(conversation_id, opening.profile_id)
    return Decision(
        arrival,
        opening.outcome,
        opening.profile_id,
        conversation_id,
        opens,
        opening.contact_point_id,
        points,
        opening.change,
        suggestions,
        joins_thread=thread,
    )


class _Opening(NamedTuple):
    outcome: Outcome
    profile_id: str
    contact_point_id: str | None
    points: tuple[NewPoint, ...] = ()
    change: PointChange | None = None
    suggestions: tuple[Suggestion, ...] = ()


def _open(
    arrival: NormalizedContact, book: BatchSnapshot, policy: Policy, line_types: LineTypes, new_id: NewId
) -> _Opening:
    point = arrival.identifier
    if point is None or point.blocked:
        return _open_unidentified(arrival, point, book, new_id)
    key = (point.kind, point.value)
    holder = book.identified.get(key)
    sms = arrival.contact.channel == "sms"
    if holder is not None:
        return _open_holder(key, holder, sms, point.proven, book)
    if point.kind == "phone":
        if arrival.contact.channel == "voice":
            return _open_call(point, book, policy, line_types, new_id)
        return _open_text(point._replace(phone_type="mobile", sms=sms), book, policy, new_id)
    if point.kind == "customer_id" and len(book.listed.get(key, ())) == 1:
        listed = book.listed[key][0]
        return _promote(key, listed._replace(proven=listed.proven or point.proven), None, False, book)
    return _create(point, book, policy, new_id)


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


def _open_holder(key: Key, holder: Holder, sms: bool, proven: bool, book: BatchSnapshot) -> _Opening:
    """RES-2. A text message proves that the phone takes them (RES-4); any contact proves that the value is used, and a
    proven sender that it is the customer's (RES-14)."""
    if holder.contacted and (holder.sms or not sms) and (holder.proven or not proven):
        return _Opening("opened", holder.profile_id, holder.contact_point_id)
    holder = holder._replace(proven=holder.proven or proven)
    return _promote(key, holder, holder.phone_type, holder.sms or sms, book)


def _promote(key: Key, holder: Holder, phone_type: PhoneType | None, sms: bool, book: BatchSnapshot) -> _Opening:
    after = holder._replace(phone_type=phone_type, sms=sms, contacted=True)
    book.promote(key, after)
    change = PointChange(
        holder.contact_point_id, holder.profile_id, phone_type, sms, identifying=True, proven=holder.proven
    )
    return _Opening("opened", holder.profile_id, holder.contact_point_id, change=change)


def _open_text(point: Point, book: BatchSnapshot, policy: Policy, new_id: NewId) -> _Opening:
    """RES-4: an SMS or WhatsApp message from a number that nobody holds as mobile."""
    key = (point.kind, point.value)
    listed = book.listed.get(key, [])
    used = [h for h in listed if h.contacted] if policy.matching_mode == "contacted" else listed
    if len(used) != 1:
        return _create(point, book, policy, new_id)
    opening = _promote(key, used[0], "mobile", used[0].sms or point.sms, book)
    return opening._replace(suggestions=_suggest(used[0].profile_id, point, book, policy))


def _open_call(point: Point, book: BatchSnapshot, policy: Policy, line_types: LineTypes, new_id: NewId) -> _Opening:
    """RES-5 for a number that is only shared, RES-6 for one never seen."""
    held_as = {h.phone_type for h in book.listed.get((point.kind, point.value), [])}
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
    new = _enter(profile_id, point, book, policy, new_id, contacted=True)
    return _Opening(
        "created",
        profile_id,
        new.contact_point_id,
        (new,),
        suggestions=_suggest(profile_id, point, book, policy),
    )


def _enter(
    profile_id: str, point: Point, book: BatchSnapshot, policy: Policy, new_id: NewId, *, contacted: bool
) -> NewPoint:
    key = (point.kind, point.value)
    identifying = (
        not point.blocked and key not in book.identified and policy.opens(point.kind, point.phone_type, contacted)
    )
    new = NewPoint(new_id(), profile_id, point, identifying, contacted)
    if not point.blocked:
        holder = Holder(new.contact_point_id, profile_id, point.phone_type, point.sms, contacted, point.proven)
        book.add(key, holder, identifying)
    return new


def _list_further(
    further: tuple[Point, ...], opening: _Opening, book: BatchSnapshot, policy: Policy, new_id: NewId
) -> tuple[list[NewPoint], list[Suggestion]]:
    """RES-11: what nobody holds is listed; what someone else holds is not taken, and raises a suggestion.

    Where values may be listed on several profiles (RES-9 `contacted`) they are listed as well as suggested.
    """
    listed: list[NewPoint] = []
    raised: list[Suggestion] = []
    profile_id = opening.profile_id
    for point in further:
        if point.blocked:
            if opening.outcome == "created":
                listed.append(_enter(profile_id, point, book, policy, new_id, contacted=False))
            continue
        holders = book.holders((point.kind, point.value))
        if any(holder.profile_id == profile_id for holder in holders):
            continue
        second_id = point.kind == "customer_id" and profile_id in book.with_customer_id
        if not second_id and (not holders or policy.matching_mode == "contacted"):
            listed.append(_enter(profile_id, point, book, policy, new_id, contacted=False))
        raised += _suggest(profile_id, point, book, policy)
    return listed, raised


def _suggest(profile_id: str, point: Point, book: BatchSnapshot, policy: Policy) -> tuple[Suggestion, ...]:
    """SUG-1 for one shared value, silent where too many share it (SUG-6)."""
    holders = book.holders((point.kind, point.value))
    others = {holder.profile_id for holder in holders} - {profile_id}
    if len(others) >= policy.shared_limit:
        return ()
    return tuple(Suggestion(profile_id, other, point.kind, point.value) for other in sorted(others))
