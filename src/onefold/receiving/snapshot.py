"""What is known when a batch of contacts is decided: a snapshot that the decisions of the batch keep up to date."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from onefold.contact_points.points import Holder, Key
from onefold.contact_points.standing import MOST_CLAIMED, Standing
from onefold.receiving.contact import Answer, NormalizedContact


class Thread(NamedTuple):
    """A conversation that a contact names, with the living profile it belongs to today. `sent_to` is the contact point
    that we wrote to, where the message it answers is ours (PRO-14)."""

    conversation_id: str
    profile_id: str
    sent_to: str | None = None


class BatchSnapshot:
    """The part of the base that a batch touches.

    - `identified`: the one holder of an identifying contact point, by kind and value;
    - `listed`: other holders of a value, at most `Policy.shared_limit` + 1 of them: first those who have contacted
      from it, last those who only claim it, the oldest first;
    - `open_conversations`: by profile, at most one each;
    - `last_conversations`: the newest of those that what a machine wrote may land on, open or not (RES-19);
    - `earlier`: the answers already given, by channel, message id and the key of the sender, which those of before
      version 0.4 do not have (RES-12);
    - `threads`: where a named conversation or message leads, by its id (RES-13);
    - `with_customer_id`: profiles that have a customer ID already (at most one each, PRO-1);
    - `identities`: of those with a chat token that a contact signs in with, who hold more than tokens and claims;
    - `claims`: how many claimed contact points a profile has, of those that a contact brings further values for;
    - `common`: values that a decision of this batch has made common, and who shares them (SUG-6);
    - `versions`: of every stored profile that a decision may touch, as it was read.
    """

    def __init__(self) -> None:
        self.identified: dict[Key, Holder] = {}
        self.listed: dict[Key, list[Holder]] = {}
        self.open_conversations: dict[str, str] = {}
        self.last_conversations: dict[str, str] = {}
        self.earlier: dict[tuple[str, str, str | None], Answer] = {}
        self.threads: dict[str, Thread] = {}
        self.with_customer_id: set[str] = set()
        self.identities: set[str] = set()
        self.claims: Counter[str] = Counter()
        self.versions: dict[str, int] = {}
        self.common: dict[Key, set[str]] = {}

    def earlier_answer(self, arrival: NormalizedContact) -> Answer | None:
        """RES-12: what was answered to the same message of the same sender."""
        channel, key = arrival.contact.channel, arrival.message_key
        return self.earlier.get((channel, key, arrival.sender_key)) or self.earlier.get((channel, key, None))

    def holders(self, key: Key) -> list[Holder]:
        """Everybody known to hold the value, whoever it identifies first."""
        identified = self.identified.get(key)
        listed = self.listed.get(key, [])
        return listed if identified is None else [identified, *listed]

    def takes(self, profile_id: str, standing: Standing) -> bool:
        """RES-11: whether a profile takes another contact point that is known in this way."""
        return standing != "claimed" or self.claims[profile_id] < MOST_CLAIMED

    def add(self, key: Key, holder: Holder, identifying: bool) -> None:
        """Enters a contact point that a decision of this batch lists on a profile."""
        if identifying:
            self.identified[key] = holder
        else:
            self.listed.setdefault(key, []).append(holder)
        if holder.standing != "claimed" and key[0] != "visitor":
            self.identities.add(holder.profile_id)
        if holder.standing == "claimed":
            self.claims[holder.profile_id] += 1
        elif key[0] == "customer_id":
            self.with_customer_id.add(holder.profile_id)

    def release(self, key: Key, holder: Holder) -> None:
        """Enters that a contact point opens its profile no more."""
        del self.identified[key]
        self.listed.setdefault(key, []).append(holder)

    def promote(self, key: Key, holder: Holder) -> None:
        """Enters that a contact point held so far without identifying now opens its profile."""
        self.listed[key] = [h for h in self.listed.get(key, []) if h.contact_point_id != holder.contact_point_id]
        self.identified[key] = holder
