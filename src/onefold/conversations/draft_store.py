"""Drafts: compositions not sent yet, each owned by its author (MRG-9)."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from onefold.core.errors import NotFound
from onefold.core.ids import is_id
from onefold.database.engine import UnitOfWork
from onefold.database.tables import drafts


class DraftRow(NamedTuple):
    """A draft. `profile_id` is a living profile: a merge moves it along; `contact_point_id` is as the author chose."""

    id: str
    profile_id: str
    author_id: str
    kind: str
    contact_point_id: str | None
    subject: str | None
    body: str
    created_at: datetime
    updated_at: datetime


_DRAFT = [drafts.c[name] for name in DraftRow._fields]


def add(unit: UnitOfWork, draft: DraftRow) -> None:
    """A new draft."""
    unit.execute(drafts.insert().values(organization_id=unit.organization_id, **draft._asdict()))


def read(unit: UnitOfWork, draft_id: str) -> DraftRow:
    """The draft with this id, whoever's it is; raises NotFound."""
    return _one(unit, draft_id, unit.select(*_DRAFT).where(drafts.c.id == draft_id))


def change(unit: UnitOfWork, draft_id: str, **values: object) -> DraftRow:
    """Sets fields; returns the draft as it is after whoever moved it at the same time. Raises NotFound."""
    changing = unit.update(drafts).where(drafts.c.id == draft_id).values(**values)
    return _one(unit, draft_id, changing.returning(*_DRAFT))


def remove(unit: UnitOfWork, draft_id: str) -> DraftRow:
    """Deletes a draft; returns what it was. Raises NotFound."""
    return _one(unit, draft_id, unit.delete(drafts).where(drafts.c.id == draft_id).returning(*_DRAFT))


def _one(unit: UnitOfWork, draft_id: str, statement: sa.Executable) -> DraftRow:
    row = unit.execute(statement).one_or_none() if is_id(draft_id) else None
    if row is None:
        raise missing()
    return DraftRow._make(row)


def missing() -> NotFound:
    """What is said of a draft that is not there, and of somebody else's."""
    return NotFound("You have no draft with this id.", code="draft_not_found")


def page(unit: UnitOfWork, author_id: str, profile_id: str | None, before: str | None, limit: int) -> list[DraftRow]:
    """An author's drafts, of one profile or of all, newest first."""
    d = drafts.c
    select = unit.select(*_DRAFT).where(d.author_id == author_id)
    if profile_id is not None:
        select = select.where(d.profile_id == profile_id)
    if before is not None:
        select = select.where(d.id < before)
    return [DraftRow._make(row) for row in unit.execute(select.order_by(d.id.desc()).limit(limit))]
