"""What proves a claim (PRO-14): the answer to a message that we sent to the claimed address. Pure.

Only somebody who reads mail there knows the id of our message.
"""

from __future__ import annotations

from onefold.contact_points.points import Holder, Key
from onefold.receiving.contact import NormalizedContact
from onefold.receiving.decision import Suggestion
from onefold.receiving.opening import Opening
from onefold.receiving.snapshot import BatchSnapshot


def proven_by_answer(arrival: NormalizedContact, key: Key, book: BatchSnapshot) -> Holder | None:
    """The holder that claims the sender's value, if this contact answers a message that we sent to it there."""
    sent_to = {thread.sent_to for name in arrival.answers if (thread := book.threads.get(name))} - {None}
    claimed = (h for h in book.listed.get(key, ()) if h.standing == "claimed" and h.contact_point_id in sent_to)
    return next(claimed, None)


def proven_of_another(arrival: NormalizedContact, opening: Opening, book: BatchSnapshot) -> tuple[Suggestion, ...]:
    """The answer proves another profile's claim, but the opened profile holds the value: the two are suggested to
    each other."""
    point = arrival.identifier
    if point is None or point.standing == "claimed":
        return ()
    claimed = proven_by_answer(arrival, (point.kind, point.value), book)
    if claimed is None or claimed.profile_id == opening.profile_id:
        return ()
    threads = (book.threads[name] for name in arrival.answers if name in book.threads)
    answered = next(thread for thread in threads if thread.sent_to == claimed.contact_point_id)
    return (Suggestion(opening.profile_id, claimed.profile_id, "thread", answered.conversation_id),)
