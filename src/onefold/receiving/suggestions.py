"""What a batch of contacts gives cause to suggest (SUG-1, SUG-2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from onefold.contact_points.points import Key
from onefold.database.engine import UnitOfWork
from onefold.matching import service as matching
from onefold.matching.scoring import Shared
from onefold.matching.service import Arisen, SharedBetween
from onefold.organizations.policy import Policy
from onefold.receiving.decision import Decision, Suggestion


def after_contacts(
    unit: UnitOfWork, decisions: Sequence[Decision], common: Mapping[Key, set[str]], policy: Policy, now: datetime
) -> None:
    """What a batch of contacts gives cause to suggest. Costs nothing where no profile got a value."""
    fresh = [d for d in decisions if d.repeats is None and d.set_aside is None]
    withdrawn = {s for d in fresh for s in d.withdrawn}
    raised = [s for d in fresh for s in d.suggestions if s not in withdrawn]
    arisen = [
        Arisen(n.profile_id, n.point.kind, n.point.value, n.point.handle, n.contact_point_id)
        for d in fresh
        for n in d.new_points
        if not n.point.blocked
    ]
    matching.suggest(unit, _evidence(raised), arisen, policy, now, common=common)
    if withdrawn:
        matching.take_back(unit, _evidence(withdrawn), policy, now)


def _evidence(suggestions: Iterable[Suggestion]) -> list[SharedBetween]:
    return [
        SharedBetween(s.profile_id, s.other_id, Shared(s.kind, s.value, s.value))
        for s in suggestions
        if s.kind != "visitor"
    ]
