"""Where an answer goes, and as what: to what the customer last wrote from, also after a merge (SND-3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from onefold.contact_points.points import HeldPoint
from onefold.conversations.store import ItemRow

_SUBJECT_LENGTH = 1_000


def where_to(points: Sequence[HeldPoint], recent: Sequence[ItemRow]) -> dict[str, list[HeldPoint]]:
    """The contact points that each kind of message can go to. First the one that the customer last wrote from on that
    channel, then the Main one; last what is only claimed, or where nothing arrives."""
    emails = [p for p in points if p.kind == "email"]
    phones = [p for p in points if p.kind == "phone" and not p.is_anothers]
    reach = {"email": emails, "sms": [p for p in phones if p.sms], "whatsapp": phones}
    wrote: dict[tuple[str | None, str | None], int] = {}
    for age, item in enumerate(recent):
        if item.direction == "in":
            wrote.setdefault((item.channel, item.contact_point_id), age)

    def rank(kind: str, p: HeldPoint) -> tuple[object, ...]:
        is_doubtful = p.standing == "claimed" or p.undeliverable
        return is_doubtful, wrote.get((kind, p.contact_point_id), len(recent)), not p.main, not p.contacted

    return {kind: sorted(some, key=partial(rank, kind)) for kind, some in reach.items()}


def kind_of_answer(reach: Mapping[str, Sequence[HeldPoint]], recent: Sequence[ItemRow]) -> str:
    """The kind of message that an answer is: of the channel that the customer last wrote on, if it can go there."""
    wrote = [item for item in recent if item.direction == "in" and item.channel in reach]
    point_ids = {kind: {p.contact_point_id for p in some} for kind, some in reach.items()}
    last = next((i.channel for i in wrote if i.channel and i.contact_point_id in point_ids[i.channel]), None)
    return last or ("email" if reach["email"] else "note")


def subject_of_answer(recent: Sequence[ItemRow]) -> str:
    """The subject of an answer to the customer's last mail; empty if there is no mail to answer."""
    subject = next((i.subject for i in recent if i.direction == "in" and i.channel == "email"), None)
    if not subject:
        return ""
    return subject if subject.casefold().startswith("re:") else f"Re: {subject}"[:_SUBJECT_LENGTH]
