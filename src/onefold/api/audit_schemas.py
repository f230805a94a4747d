"""The JSON of the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from onefold.audit.service import ACTIONS


class AuditEntry(BaseModel):
    """An entry of the audit log: who did what, when and from where (MRG-14)."""

    seq: int = Field(description="Numbered from 1 without gaps.")
    at: datetime
    action: str = Field(description=f"One of {', '.join(ACTIONS)}.")
    agent_id: str | None
    key_id: str | None = Field(description="The API key, where one was used.")
    origin: str
    profile_id: str | None
    other_id: str | None
    details: dict[str, Any] = Field(description="Evidence and choices: ids, kinds and names of fields.")
    hash: str = Field(description="Of this entry and of the one before it.")


class WholeAuditEntry(AuditEntry):
    """An entry with what was before."""

    before: dict[str, Any] | None = Field(description="Both sides before; null where nothing was kept.")
    erased: bool = Field(description="Whether what was kept was taken away again by an erasure.")
