"""What the resolver decides: values that the store writes, and a preview could show."""

from __future__ import annotations

from typing import Literal, NamedTuple

from onefold.contact_points.kinds import Kind, PhoneType
from onefold.contact_points.points import Point
from onefold.contact_points.standing import Standing
from onefold.receiving.contact import Answer, NormalizedContact, Outcome, SetAsideReason
from onefold.receiving.snapshot import Thread


class NewPoint(NamedTuple):
    """A contact point to be listed on a profile."""

    contact_point_id: str
    profile_id: str
    point: Point
    identifying: bool
    contacted: bool


class PointChange(NamedTuple):
    """A held contact point after the contact: a phone that became mobile or got its SMS tag (RES-4), a listed value
    the customer has now contacted from (RES-9, PRO-13), a value that the channel says is
    theirs (RES-20)."""

    contact_point_id: str
    profile_id: str
    phone_type: PhoneType | None
    sms: bool
    identifying: bool
    standing: Standing
    current: bool = True


class Suggestion(NamedTuple):
    """Two profiles that may be one customer, and the value that says so (SUG-1); of a `thread` its conversation's id
    (RES-13), of a `browser` its token (RES-17)."""

    profile_id: str
    other_id: str
    kind: Kind | Literal["thread", "browser"]
    value: str


class Decision(NamedTuple):
    """What one contact does. `repeats` is the answer given before (RES-12); then everything else is empty.

    `joins_thread` is a known customer's conversation that a newcomer has replied into (RES-13); `left_out` are claims
    that the profile has no room for (RES-11). `changes` are of contact points that were held before: the sender's own,
    what it proves besides, a chat token that opens its profile no more; `withdrawn` is what that browser was evidence
    of before (RES-17).
    With `set_aside` it is nobody's, and there is nothing else (RES-18, RES-19). A bounce has said of
    `undeliverable_ids` that nothing arrives there.
    """

    arrival: NormalizedContact
    outcome: Outcome
    profile_id: str
    conversation_id: str
    opens_conversation: bool
    contact_point_id: str | None
    new_points: tuple[NewPoint, ...] = ()
    changes: tuple[PointChange, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    withdrawn: tuple[Suggestion, ...] = ()
    repeats: Answer | None = None
    joins_thread: Thread | None = None
    left_out: tuple[Point, ...] = ()
    set_aside: SetAsideReason | None = None
    undeliverable_ids: tuple[str, ...] = ()
