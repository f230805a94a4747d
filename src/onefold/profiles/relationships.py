"""Relationships (PRO-8): kept as they were entered, seen as what their two profiles have become since.

No merge writes them: whom one names today is read through the redirects. So merges undone in any order give each back
to those it was entered for (MRG-13, MRG-19).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

_INVERSES = {
    "parent": "child",
    "child": "parent",
    "guardian": "ward",
    "ward": "guardian",
    "manager": "report",
    "report": "manager",
    "employer": "employee",
    "employee": "employer",
}
_SYMMETRICAL = frozenset(("spouse", "partner", "sibling", "colleague", "friend", "neighbour", "relative", "household"))


def seen_from_other(kind: str) -> str:
    """PRO-8: what a relationship is called seen from its other side.

    A `parent`'s other side is a `child`; own words without a known counterpart read as `<kind> of`.
    """
    if kind in _SYMMETRICAL:
        return kind
    return _INVERSES.get(kind) or (kind.removesuffix(" of") if kind.endswith(" of") else f"{kind} of")


class Relationship(NamedTuple):
    """`other_id` is `kind` of `profile_id`."""

    id: str
    profile_id: str
    other_id: str
    kind: str

    def seen_from(self, profile_id: str) -> tuple[str, str]:
        """(the other profile, what it is of this one)."""
        if self.profile_id == profile_id:
            return self.other_id, self.kind
        return self.profile_id, seen_from_other(self.kind)

    @property
    def is_with_itself(self) -> bool:
        """Whether its two have become one, who has no relationship with itself."""
        return self.profile_id == self.other_id

    def follow_redirects(self, survivors: Mapping[str, str]) -> Relationship:
        """The same between those whom its two have become; who is not among `survivors` is still itself."""
        one, other = (survivors.get(profile_id, profile_id) for profile_id in (self.profile_id, self.other_id))
        return self._replace(profile_id=one, other_id=other)


def visible_relationships(profile_id: str, led: Iterable[Relationship]) -> tuple[Relationship, ...]:
    """A living profile's relationships, of those that lead to it (MRG-3): none with itself, each once; the oldest
    stands for those that have become alike."""
    seen: dict[tuple[str, str], Relationship] = {}
    for one in sorted(led):
        if not one.is_with_itself and profile_id in (one.profile_id, one.other_id):
            seen.setdefault(one.seen_from(profile_id), one)
    return tuple(seen.values())
