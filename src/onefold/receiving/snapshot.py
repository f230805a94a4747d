"""What is known when a batch of contacts is decided. Each decision of the batch updates this snapshot."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from onefold.contact_points.points import Holder, Key
from onefold.contact_points.standing import MOST_CLAIMED, Standing
from onefold.receiving.contact import Answer, NormalizedContact


class Thread(NamedTuple):
    """A conversation that a contact names, and the living profile it belongs to today. If the contact answers a message
    that we sent, `sent_to` is the contact point that we sent it to (PRO-14)."""

    conversation_id: str
    profile_id: str
    sent_to: str | None = None


class BatchSnapshot:
    """The part of the data that a batch touches.

    A profile *holds* a value that is one of its contact points. A value opens at most one holder; the others *list* it.

    - `identified`: the holder that a value opens, by kind and value;
    - `listed`: other holders of a value, at most `Policy.shared_limit` + 1: first those with the standing `contacted`,
      last those that only claim it, in each group the oldest first;
    - `open_conversations`: the open conversation of each profile, at most one;
    - `last_conversations`: the newest conversation of a profile, open or not; machine mail may join it (RES-19);
    - `earlier`: answers already given, by channel, message id and sender key; answers from before version 0.4 have no
      sender key (RES-12);
    - `threads`: the conversation and profile that a named conversation or message leads to, by its id (RES-13);
    - `with_customer_id`: profiles that already have a customer ID (at most one each, PRO-1);
    - `identities`: of the profiles that a chat token of the batch opens, those that hold more than tokens and claims;
    - `claims`: the number of claimed contact points of a profile, read if a contact brings further values;
    - `common`: values that a decision of this batch has made common, and the profiles that share them (SUG-6);
    - `versions`: the version of every stored profile that a decision may touch, as it was read.
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
        """RES-12: the answer to the same message of the same sender, if it came before."""
        channel, key = arrival.contact.channel, arrival.message_key
        return self.earlier.get((channel, key, arrival.sender_key)) or self.earlier.get((channel, key, None))

    def holders(self, key: Key) -> list[Holder]:
        """All known holders of the value. If it opens one of them, that one comes first."""
        identified = self.identified.get(key)
        listed = self.listed.get(key, [])
        return listed if identified is None else [identified, *listed]

    def takes(self, profile_id: str, standing: Standing) -> bool:
        """RES-11: whether a profile takes another contact point with this standing."""
        return standing != "claimed" or self.claims[profile_id] < MOST_CLAIMED

    def add(self, key: Key, holder: Holder, identifying: bool) -> None:
        """Enters a contact point that a decision of this batch adds to a profile."""
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
        """Enters that a contact point no longer opens its profile."""
        del self.identified[key]
        self.listed.setdefault(key, []).append(holder)

    def promote(self, key: Key, holder: Holder) -> None:
        """Enters that a contact point opens its profile from now on; it was only listed before."""
        listed = self.listed.get(key, [])
        before = next((one for one in listed if one.contact_point_id == holder.contact_point_id), holder)
        self.listed[key] = [one for one in listed if one is not before]
        self.identified[key] = holder
        if before.standing == "claimed":
            self.claims[holder.profile_id] -= 1
        if key[0] != "visitor":
            self.identities.add(holder.profile_id)
        if key[0] == "customer_id":
            self.with_customer_id.add(holder.profile_id)
