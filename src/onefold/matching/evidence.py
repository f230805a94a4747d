"""What speaks for two profiles being one customer (SUG-1, SUG-2)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from onefold.matching.scoring import Shared

Pair = tuple[str, str]
"""Two profiles, the lower id first."""


def pair_of(one: str, other: str) -> Pair:
    """The two ids in the order in which pairs are kept."""
    return (one, other) if one < other else (other, one)


class Evidence(NamedTuple):
    """A piece of evidence; `value` is the lower profile's."""

    profile_id: str
    other_id: str
    kind: Any
    value: str
    other_value: str
    created_at: datetime

    @property
    def pair(self) -> Pair:
        """The two profiles."""
        return self.profile_id, self.other_id

    def replace_profile(self, before: str, after: str) -> Evidence:
        """The same for another profile in the place of one of the two."""
        one, other = (after if profile_id == before else profile_id for profile_id in self.pair)
        if one < other:
            return self._replace(profile_id=one, other_id=other)
        return self._replace(profile_id=other, other_id=one, value=self.other_value, other_value=self.value)

    @property
    def pieces(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """(kind, value) as the lower profile has it, and as the other has."""
        return (self.kind, self.value), (self.kind, self.other_value)

    @property
    def shared_value(self) -> Shared:
        """The same without the profiles."""
        return Shared(self.kind, self.value, self.other_value)
