"""The JSON of what a customer may ask for: everything that is kept, or that nothing is (GDPR art. 15, 17, 20)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from onefold.api.schemas import Input


class Erasure(Input):
    """That the customer is to be erased, said twice."""

    confirm: str = Field(max_length=100, description="The id of the address, once more.")


class Erased(BaseModel):
    """What was erased: every id that led to the customer, the living profile's first, and how many rows of each."""

    ids: list[str]
    counts: dict[str, int]


class ExportedProfile(BaseModel):
    """The profile's own fields."""

    id: str
    name: str | None
    name_confirmed: bool
    username: str | None
    image: str | None
    attributes: dict[str, Any]
    created_by: str | None
    created_at: datetime


class ExportedRelationship(BaseModel):
    """A relationship: what the other profile is of this one. Nothing else of the other is told."""

    id: str
    kind: str
    profile_id: str


class CustomerExport(BaseModel):
    """Everything that is kept of a customer; docs/privacy.md has every field."""

    format: Literal["onefold-customer-export/1"]
    exported_at: datetime
    profile: ExportedProfile
    former_ids: list[str] = Field(description="Of profiles merged into this one.")
    contact_points: list[dict[str, Any]] = Field(description="Former customer IDs, and accounts not shown, as well.")
    details: list[dict[str, Any]]
    addresses: list[dict[str, Any]]
    drafts: list[dict[str, Any]] = Field(description="Of every author.")
    relationships: list[ExportedRelationship]
    merges: list[dict[str, Any]] = Field(description="Of the customer's own profiles, with both before.")
    conversations: list[dict[str, Any]]
    items: list[dict[str, Any]] = Field(description="Each with its attachments, whose `content` is Base64.")
    complete: Literal[True] = Field(description="The last field: without it the document was cut off.")
