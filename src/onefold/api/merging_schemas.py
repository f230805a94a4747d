"""The JSON of suggestions, merges, detaching and undoing."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from onefold.api.schemas import Input, ProfileSummary
from onefold.matching.scoring import EvidenceKind
from onefold.merging.outcomes import StepKind, Which
from onefold.merging.together import MOST_SOURCES
from onefold.runs.store import PairOutcome

Id = Annotated[str, Field(max_length=100)]


class StepInput(Input):
    """Something done together with the merge that clears what stands in its way (MRG-17)."""

    step: StepKind
    side: Literal["source", "destination"] | None = Field(None, description="For all but detach.")
    contact_point_id: Annotated[str, Field(pattern="^[0-9a-f-]{36}$")] | None = Field(
        None, description="For detach and keep_type."
    )

    @model_validator(mode="after")
    def _names_its_object(self) -> StepInput:
        """Without it nobody could tell which side's value is meant to go."""
        needed = {"detach": (self.contact_point_id,), "keep_type": (self.side, self.contact_point_id)}
        if None in needed.get(self.step, (self.side,)):
            raise ValueError
        return self


class MergeChoices(Input):
    """How mismatches are decided and obstacles cleared."""

    choices: Annotated[
        dict[Annotated[str, Field(max_length=2_100)], Which],
        Field(max_length=500, description="By field of the preview's outcomes: which side's value stays."),
    ] = Field(default_factory=dict)
    steps: Annotated[list[StepInput], Field(max_length=20)] = Field(default_factory=list)
    agent_id: Id | None = Field(None, description="On whose behalf an API key merges.")
    despite_no_match: bool = Field(
        False, description='Merge the two although somebody said "No Match"; the preview says who, and when (SUG-4).'
    )


class MergePreviewInput(MergeChoices):
    """A merge to look at."""

    source_id: Id = Field(description="The profile that goes away.")
    destination_id: Id = Field(description="The profile that stays.")


class MergeInput(MergePreviewInput):
    """A merge to do. With the versions and digest of a preview, only if it is still what was shown (MRG-12)."""

    source_version: Annotated[int, Field(ge=1)] | None = None
    destination_version: Annotated[int, Field(ge=1)] | None = None
    digest: Annotated[str, Field(max_length=64)] | None = None


_Choices = Annotated[dict[Annotated[str, Field(max_length=2_100)], Which], Field(max_length=500)]


class TogetherInput(Input):
    """Several profiles to merge into one in one step (MRG-18)."""

    source_ids: Annotated[list[Id], Field(min_length=1, max_length=MOST_SOURCES)] = Field(
        description="The profiles that go away; the oldest is merged first."
    )
    destination_id: Id = Field(description="The profile that stays.")
    choices: dict[Id, _Choices] = Field(default_factory=dict, description="By source, then by field.")
    steps: dict[Id, Annotated[list[StepInput], Field(max_length=20)]] = Field(
        default_factory=dict, description="By source."
    )
    agent_id: Id | None = Field(None, description="On whose behalf an API key merges.")
    despite_no_match: bool = Field(False, description='Merge them although somebody said "No Match" (SUG-4).')


class TogetherMergeInput(TogetherInput):
    """Such a merge to do; with the digest of a preview, only if it is still what was shown (MRG-12)."""

    digest: Annotated[str, Field(max_length=64)] | None = None


class MatchInput(MergeChoices):
    """ "Match" (SUG-3): merges the newer of the two profiles into the older one, or the other way round."""

    profile_id: Id = Field(description="The other profile of the suggestion.")
    turned: bool = Field(False, description="Merge the older profile into the newer one.")
    digest: Annotated[str, Field(max_length=64)] | None = None


class MoveInput(Input):
    """Whose a conversation is."""

    profile_id: Id | None = Field(None, description="None: a new customer's.")


class MovedConversation(BaseModel):
    """Where a conversation was, and where it is now."""

    conversation_id: str
    from_profile_id: str
    profile_id: str
    created: bool


class PairInput(Input):
    """The other profile of a pair."""

    profile_id: Id


class Step(BaseModel):
    """A step that would clear an obstacle; send it back with the merge."""

    step: StepKind
    side: Which | None
    contact_point_id: str | None


class Obstacle(BaseModel):
    """What refuses the merge; each of the steps clears it."""

    code: str
    field: str
    detail: str
    steps: list[Step]


class Outcome(BaseModel):
    """What happens to a field, and why. It is a mismatch where there are options."""

    field: str
    source: Any
    destination: Any
    kept: Which | None
    why: str
    options: list[Which]
    preselected: Which | None


class NoMatch(BaseModel):
    """That the two were said not to be one customer (SUG-4)."""

    agent_id: str | None
    agent: str | None
    at: datetime


class MergePreview(BaseModel):
    """What a merge would do (MRG-4). Nothing is changed. Merging cannot be undone by agents (MRG-13)."""

    source: ProfileSummary
    destination: ProfileSummary
    source_version: int
    destination_version: int
    digest: str = Field(description="Send it with the merge: it is done only if the plan is still the same (MRG-12).")
    outcomes: list[Outcome]
    obstacles: list[Obstacle]
    no_match: list[NoMatch] = Field(description="Such a merge needs `despite_no_match`.")
    conversations: int = Field(description="How many of the source come along.")
    drafts: int = Field(description="How many of the source come along.")
    joined_conversation_id: str | None = Field(description="Both are open and become this one (MRG-5).")
    events: list[str] = Field(description="What the timeline will say, in order (MRG-6).")


class Merge(BaseModel):
    """A merge that was done."""

    id: str
    source_id: str
    destination_id: str
    agent_id: str | None
    created_at: datetime
    undone_at: datetime | None
    together_id: str | None = Field(description="The same of merges that were done in one step (MRG-18).")


class TogetherPreview(BaseModel):
    """Each merge as it will be, in order: a destination is what the merges before it have left."""

    merges: list[MergePreview]
    digest: str = Field(description="Send it with the merge: it is done only if all of it is still the same (MRG-12).")


class UndoInput(Input):
    """Undoing a merge; with the version of its preview only if nothing has changed since."""

    version: Annotated[int, Field(ge=1)] | None = None


class StayingRow(BaseModel):
    """A row that does not go back to as it was."""

    kind: str
    id: str


class Undo(BaseModel):
    """What undoing a merge does, or would do (MRG-13)."""

    merge: Merge
    profile_id: str = Field(description="The profile that the source has led to.")
    version: int
    source_id: str
    returning: list[str] = Field(description="The ids that come back to life, or lead to the source again.")
    contact_points: int = Field(description="How many contact points the source gets back.")
    details: int
    addresses: int
    relationships: int
    drafts: int
    items_since: int = Field(description="What arrived since on its contact points, and goes with them.")
    gone: list[StayingRow] = Field(description="What it brought and is not there any more.")
    kept: list[StayingRow] = Field(description="What was changed since, and stays as it is now.")


class Detached(BaseModel):
    """A contact point taken out (DET-1)."""

    profile_id: str
    new_profile_id: str
    moved_conversations: list[str]
    split_conversations: dict[str, str] = Field(description="The conversation that stays, and the one beside it.")


class NewOwner(BaseModel):
    """Who may have a number by now (RES-21)."""

    contact_point_id: str
    value: str
    name: str = Field(description="As the channel gives it.")
    since: str = Field(description="The first item of theirs.")
    silent_since: datetime | None = Field(description="When it was last heard of before; null where it never was.")


class NewOwnerAnswer(BaseModel):
    """Null where nothing speaks for a new owner of any number."""

    new_owner: NewOwner | None


class GivenNumber(BaseModel):
    """A number that a new profile has got; `contact_point_id` is on that one."""

    profile_id: str
    new_profile_id: str
    contact_point_id: str


class Reason(BaseModel):
    """One line of why: both values in the order of the two profiles, how many hold it, and what it adds (SUG-5)."""

    feature: str
    value: str
    other_value: str
    holders: int | None = Field(description="How many profiles hold the value, counted a little beyond shared_limit.")
    bits: float
    proven: bool


class Comparison(BaseModel):
    """Why two profiles may be one customer: the prior and the reasons add up to `bits`, the rating is their
    probability, held down where no reason is proven (RES-14)."""

    rating: float
    bits: float
    prior: float
    kinds: list[EvidenceKind]
    reasons: list[Reason]


class Suggestion(BaseModel):
    """Two profiles that may be one customer."""

    profiles: list[ProfileSummary] = Field(description="Two, the older first.")
    state: Literal["open", "dismissed"]
    rating: float
    kinds: list[EvidenceKind]
    new_kinds: list[EvidenceKind] = Field(description='Evidence of kinds that came after a "No Match" (SUG-4).')
    why: Comparison
    created_at: datetime


class SharedLine(BaseModel):
    """Another profile that holds one of this one's shared numbers (RES-16)."""

    profile: ProfileSummary
    contact_point_id: str = Field(description="This profile's.")
    value: str
    last_contact_at: datetime | None
    last_subject: str | None
    agent: str | None = Field(description="Who the last conversation is assigned to.")
    inbox: str | None = Field(description="Where the last conversation is.")


class PairToMerge(Input):
    """The profile that goes away, and the one that stays."""

    source_id: Id
    destination_id: Id


class ManyMerges(Input):
    """Pairs to merge one after another (MRG-16)."""

    pairs: Annotated[list[PairToMerge], Field(min_length=1, max_length=10_000)]


class RunPair(BaseModel):
    """A pair of a run; `outcome` is null until its turn."""

    position: int
    source_id: str
    destination_id: str
    outcome: PairOutcome | None
    code: str | None
    detail: str | None
