"""What a merge, and undoing one, look at of a profile: its rows as values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from onefold.contact_points.points import HeldPoint
from onefold.core.text import alike
from onefold.profiles.relationships import Relationship


class Detail(NamedTuple):
    """A detail. `from_profile_id` marks where one of two values of a key came from (MRG-3)."""

    id: str
    key: str
    value: str
    from_profile_id: str | None


class Address(NamedTuple):
    """A postal address; `position` orders those of a profile."""

    id: str
    label: str | None
    street: str | None
    city: str | None
    region: str | None
    postal_code: str | None
    country: str | None
    position: int

    @property
    def place(self) -> str:
        """Where it is, however it is written: equal for two spellings of one address."""
        lines = (self.street, self.city, self.region, self.postal_code, self.country)
        return "\n".join(alike(line or "") for line in lines)


class OpenConversation(NamedTuple):
    """The open conversation of a profile. `assignee` is the name events show: an agent's, or unassigned the inbox's."""

    conversation_id: str
    inbox_id: str
    assignee_id: str | None
    assignee: str


class ProfileSnapshot(NamedTuple):
    """A profile as a merge finds it, or leaves it."""

    profile_id: str
    version: int
    name: str | None
    name_confirmed: bool
    username: str | None
    image: str | None
    attributes: Mapping[str, Any]
    points: tuple[HeldPoint, ...] = ()
    details: tuple[Detail, ...] = ()
    addresses: tuple[Address, ...] = ()
    relations: tuple[Relationship, ...] = ()
    conversation: OpenConversation | None = None

    @property
    def customer_id(self) -> HeldPoint | None:
        """Its customer ID; former ones aside."""
        return next((p for p in self.points if p.kind == "customer_id" and p.current), None)

    def main(self, kind: str) -> HeldPoint | None:
        """Its Main email or Main phone."""
        return next((p for p in self.points if p.kind == kind and p.main), None)

    def own_changes(self, before: ProfileSnapshot) -> dict[str, Any]:
        """The profile's own fields that are not as they were before."""
        fields = ("name", "name_confirmed", "username", "image", "attributes")
        return {f: getattr(self, f) for f in fields if getattr(self, f) != getattr(before, f)}

    def as_record(self) -> dict[str, Any]:
        """The side as plain values, to be kept."""
        rows = ("points", "details", "addresses", "relations")
        plain = {**self._asdict(), **{name: [row._asdict() for row in getattr(self, name)] for name in rows}}
        plain["conversation"] = None if self.conversation is None else self.conversation._asdict()
        return plain

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> ProfileSnapshot:
        """The side again, out of what `as_record` made."""
        conversation = record["conversation"]
        return cls(
            **{
                **record,
                "points": tuple(HeldPoint.from_json(row) for row in record["points"]),
                "details": tuple(Detail(**row) for row in record["details"]),
                "addresses": tuple(Address(**row) for row in record["addresses"]),
                "relations": tuple(Relationship(**row) for row in record["relations"]),
                "conversation": None if conversation is None else OpenConversation(**conversation),
            }
        )


def network_of(point: HeldPoint) -> str:
    """The network of a social account."""
    return point.value.partition(":")[0]
