"""What is kept of a merge, so that it can be shown, undone, and taken out from under later ones (MRG-13, MRG-14)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from onefold.matching.evidence import Evidence, Pair, pair_of
from onefold.merging.outcomes import Which
from onefold.merging.snapshot import ProfileSnapshot

_VERSION = 2
"""1, which has no number in it, had the same and three fields that nothing reads."""


class MergeRecord(NamedTuple):
    """Both sides before a merge and the destination after it, with what undoing needs besides.

    `absorbed` maps contact points of the source to those they became one with; `choices` are those made by hand, by
    field; `created` is when each row of both was written, `suggested` since when each pair was, all UTC. `former_ids`
    were merged into the source before; `drafts` came along.
    """

    source: ProfileSnapshot
    destination: ProfileSnapshot
    after: ProfileSnapshot
    absorbed: Mapping[str, str]
    choices: Mapping[str, Which]
    created: Mapping[str, datetime]
    evidence: tuple[Evidence, ...]
    suggested: Mapping[Pair, datetime]
    former_ids: tuple[str, ...]
    drafts: tuple[str, ...]

    @property
    def evidence_between(self) -> tuple[Evidence, ...]:
        """What spoke for the two being one customer."""
        pair = pair_of(self.source.profile_id, self.destination.profile_id)
        return tuple(piece for piece in self.evidence if piece.pair == pair)

    def to_json(self) -> dict[str, Any]:
        """The record as plain values, to be kept."""
        return {
            "version": _VERSION,
            "source": self.source.as_record(),
            "destination": self.destination.as_record(),
            "after": self.after.as_record(),
            "absorbed": dict(self.absorbed),
            "choices": dict(self.choices),
            "created": {row_id: at.isoformat() for row_id, at in self.created.items()},
            "evidence": [{**e._asdict(), "created_at": e.created_at.isoformat()} for e in self.evidence],
            "suggested": [[*pair, since.isoformat()] for pair, since in self.suggested.items()],
            "former_ids": list(self.former_ids),
            "drafts": list(self.drafts),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> MergeRecord:
        """The record again, of this version or an earlier one."""
        source, destination, after = (
            ProfileSnapshot.from_record(values[side]) for side in ("source", "destination", "after")
        )
        return cls(
            source=source,
            destination=destination,
            after=after,
            absorbed=values["absorbed"],
            choices=values["choices"],
            created={row_id: datetime.fromisoformat(at) for row_id, at in values["created"].items()},
            evidence=tuple(
                Evidence(**{**e, "created_at": datetime.fromisoformat(e["created_at"])}) for e in values["evidence"]
            ),
            suggested={(low, high): datetime.fromisoformat(since) for low, high, since in values["suggested"]},
            former_ids=tuple(values["former_ids"]),
            drafts=tuple(values["drafts"]),
        )
