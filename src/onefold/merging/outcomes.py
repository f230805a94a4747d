"""What happens to each field of a merge, and why: the rule, the organization's policy, the agent's choice (MRG-4)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from onefold.merging.snapshot import ProfileSnapshot
from onefold.organizations.merge_policies import Mode

Which = Literal["source", "destination", "both"]
StepKind = Literal["make_ordinary", "keep_former", "keep_type", "detach"]
BOTH_SIDES: tuple[Which, ...] = ("source", "destination")


class Outcome(NamedTuple):
    """What happens to one field, and why.

    `kept` is the side whose value stays (None: not decided). A mismatch has `options`; `preselected` is the rule's.
    """

    field: str
    source: Any
    destination: Any
    kept: Which | None
    why: str
    options: tuple[Which, ...] = ()
    preselected: Which | None = None


class Step(NamedTuple):
    """Something done together with the merge that clears what stands in its way (MRG-17).

    `make_ordinary`: the Main phone of `side` becomes an ordinary one; `keep_former`: the customer ID of `side` becomes
    a former one; `keep_type`: the number keeps the type it has on `side` (the contact point is the source's);
    `detach`: the contact point becomes a profile of its own.
    """

    step: StepKind
    side: Which | None = None
    contact_point_id: str | None = None


class Obstacle(NamedTuple):
    """Why a merge is refused, and the steps of which each clears it."""

    code: str
    field: str
    detail: str
    steps: tuple[Step, ...] = ()


class Outcomes:
    """The fields decided so far, by the rule, the policy and the agent's choices; `cleared` is what steps decide."""

    def __init__(
        self, policies: Mapping[str, Mode], choices: Mapping[str, Which], cleared: Mapping[str, Which]
    ) -> None:
        self._policies, self._choices, self._cleared = policies, choices, cleared
        self.found: list[Outcome] = []
        self.obstacles: list[Obstacle] = []

    def side(self, field: str, source: ProfileSnapshot, destination: ProfileSnapshot) -> ProfileSnapshot:
        """The side whose value of a field stays; of one that is still asked, the one preselected."""
        outcome = next((one for one in self.found if one.field == field), None)
        return source if outcome is not None and (outcome.kept or outcome.preselected) == "source" else destination

    def decide(
        self,
        field: str,
        source: Any,
        destination: Any,
        rule: Which,
        why: str,
        *,
        options: tuple[Which, ...] = BOTH_SIDES,
    ) -> Which | None:
        """A field with a rule: what only one side fills, or both fill alike, is no mismatch."""
        plain = _without_mismatch(source, destination)
        if plain is not None:
            self.found.append(Outcome(field, source, destination, *plain))
            return plain[0]
        chosen = self._choice(field, options)
        if chosen is None and self._policies[field.partition(".")[0]] == "ask":
            self.obstacles.append(_choice_missing(field))
            self.found.append(
                Outcome(field, source, destination, kept=None, why="asked", options=options, preselected=rule)
            )
            return rule
        kept_side, reason = (rule, why) if chosen is None else (chosen, "chosen")
        self.found.append(
            Outcome(field, source, destination, kept=kept_side, why=reason, options=options, preselected=rule)
        )
        return kept_side

    def refuse(self, field: str, source: Any, destination: Any, obstacle: Obstacle) -> Which | None:
        """A field that the rules refuse to decide, unless the policy lets the agent, or a step clears it (MRG-4)."""
        plain = _without_mismatch(source, destination)
        if plain is not None:
            self.found.append(Outcome(field, source, destination, *plain))
            return plain[0]
        agent_chooses = self._policies[field.partition(".")[0]] == "choose"
        step = self._cleared.get(field)
        chosen = step or (self._choice(field, BOTH_SIDES) if agent_chooses else None)
        if chosen is None:
            self.obstacles.append(_choice_missing(field)._replace(steps=obstacle.steps) if agent_chooses else obstacle)
        why = "step" if step else "chosen" if chosen else "asked" if agent_chooses else "refused"
        self.found.append(
            Outcome(
                field,
                source,
                destination,
                kept=chosen,
                why=why,
                options=BOTH_SIDES if agent_chooses else (),
                preselected=None,
            )
        )
        return chosen

    def _choice(self, field: str, options: tuple[Which, ...]) -> Which | None:
        chosen = self._choices.get(field)
        return chosen if chosen in options else None


def _without_mismatch(source: Any, destination: Any) -> tuple[Which, str] | None:
    if destination in (None, "") or source in (None, ""):
        only_source = destination in (None, "") and source not in (None, "")
        return ("source", "only_one") if only_source else ("destination", "only_one")
    # As JSON, in which the number 1 and the truth value are two things.
    equal = json.dumps(source, sort_keys=True) == json.dumps(destination, sort_keys=True)
    return ("destination", "equal") if equal else None


def _choice_missing(field: str) -> Obstacle:
    return Obstacle("choice_missing", field, "Both sides fill this field differently; choose which value to keep.")
