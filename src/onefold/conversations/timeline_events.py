"""What timelines say of merges, detaches and undos (MRG-6, MRG-7): kept as data, put into words when it is read.

An event may name another customer, or a contact point that is another's now. What is exported of a customer does not
tell of others, and does not outlive their erasure: then it is the event without these names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args

EventKind = Literal[
    "merged",
    "conversations_merged",
    "routed",
    "detached",
    "detached_from",
    "unmerged",
    "unmerged_from",
    "moved_to",
    "moved_from",
    "number_given",
    "number_taken",
    "replied_elsewhere",
    "other_replied",
    "other",
]
EVENT_KINDS: tuple[EventKind, ...] = get_args(EventKind)


class TimelineEvent(NamedTuple):
    """What was done to a profile, by the names of then. `customer` and `contact_point` may be another customer's.

    `routed_from` and `routed_to` are agents or inboxes. `text` is all there is of an event of before version 0.4 whose
    words are no kind's.
    """

    kind: EventKind
    agent: str | None = None
    customer: str | None = None
    contact_point: str | None = None
    routed_from: str | None = None
    routed_to: str | None = None
    text: str | None = None

    def to_json(self) -> dict[str, str]:
        """As it is stored: what is not there is left out."""
        return {field: value for field, value in self._asdict().items() if value is not None}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> TimelineEvent:
        """As `to_json` wrote it."""
        return cls(stored["kind"], *(stored.get(field) for field in cls._fields[1:]))

    def without_names(self) -> TimelineEvent:
        """The event with neither a customer's name nor a contact point in it; agents' and inboxes' names stay."""
        return self._replace(customer=None, contact_point=None)

    def in_words(self) -> str:
        """The sentence on the timeline."""
        match self.kind:
            case "merged":
                return f"{self.agent} merged a customer into {self.customer or 'this customer'}"
            case "conversations_merged":
                return "Conversations were merged during the customer merge"
            case "routed":
                return f"Routed from {self.routed_from} to {self.routed_to} due to customer merge"
            case "detached":
                return f"{self.agent} detached {self.contact_point or 'a contact point'} into a new customer"
            case "detached_from":
                customer = self.customer or "another customer"
                return f"{self.agent} detached {self.contact_point or 'a contact point'} from {customer}"
            case "unmerged":
                return f"{self.agent} undid the merge of {self.customer or 'another'} into this customer"
            case "unmerged_from":
                return f"{self.agent} undid the merge of this customer into {self.customer or 'another'}"
            case "moved_to":
                return f"{self.agent} moved a conversation to {self.customer or 'another customer'}"
            case "moved_from":
                return f"{self.agent} moved a conversation here from {self.customer or 'another customer'}"
            case "number_given":
                return f"{self.agent} gave {self.contact_point or 'a number'} to a new customer: it has a new owner"
            case "number_taken":
                number, customer = self.contact_point or "a number", self.customer or "another customer"
                return f"{self.agent} took {number} over from {customer}"
            case "replied_elsewhere":
                return "Replied into a conversation of another customer"
            case "other_replied":
                return "Another sender replied into this conversation"
            case "other":
                return self.text or ""


OF_CONVERSATION = (TimelineEvent("replied_elsewhere"), TimelineEvent("other_replied"))
"""What happened to a conversation, whosoever it is; the others are told of a customer."""
