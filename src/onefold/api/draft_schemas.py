"""The JSON of drafts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from onefold.api.schemas import Input
from onefold.conversations.drafts import DraftKind


class DraftInput(Input):
    """What an agent has composed so far; saving replaces all of it."""

    kind: DraftKind
    body: Annotated[str, Field(max_length=1_000_000)]
    subject: Annotated[str, Field(max_length=1_000)] | None = None
    contact_point_id: Annotated[str, Field(max_length=100)] | None = Field(
        None, description="Where it shall go; needed when it is finished, unless it is a note or a task."
    )
    agent_id: Annotated[str, Field(max_length=100)] | None = Field(
        None, description="Whose draft it is, if an API key asks; a signed-in agent's are its own."
    )


class Draft(BaseModel):
    """A draft, and the profile it is on today."""

    id: str
    profile_id: str
    author_id: str
    kind: DraftKind
    contact_point_id: str | None
    subject: str | None
    body: str
    created_at: datetime
    updated_at: datetime
