"""Mail that is nobody's yet, kept whole until somebody says whose it is (RES-18, RES-19)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from onefold.core.errors import NotFound
from onefold.core.ids import is_id
from onefold.database.engine import UnitOfWork
from onefold.database.tables import attachments, set_aside, set_aside_files
from onefold.organizations.policy import Policy
from onefold.receiving.contact import Answer
from onefold.receiving.decision import Decision

_a = set_aside.c


class SetAsideRow(NamedTuple):
    """A contact on no profile; `sender` is who it says it is from, `reason` why it is nobody's."""

    id: str
    inbox_id: str
    reason: str
    channel: str
    message_id: str
    sender_key: str
    sender: str | None
    subject: str | None
    body: str | None
    data: Any
    sender_state: str
    occurred_at: datetime
    recorded_at: datetime


_ROW = [_a[field] for field in SetAsideRow._fields]


def add(
    unit: UnitOfWork, decisions: Sequence[Decision], policy: Policy, now: datetime, new_id: Callable[[], str]
) -> list[Answer]:
    """Keeps contacts that are nobody's; the same delivery again is there already (RES-12)."""
    answers = []
    for d in decisions:
        contact, sender = d.arrival.contact, d.arrival.identifier
        same = (
            _a.channel == contact.channel,
            _a.message_id == d.arrival.message_key,
            _a.sender_key == d.arrival.sender_key,
        )
        known = unit.execute(unit.select(_a.id).where(*same)).scalar()
        row_id = known or new_id()
        if known is None:
            row = SetAsideRow(
                id=row_id,
                inbox_id=contact.inbox_id or policy.default_inbox_id,
                reason=str(d.set_aside),
                channel=contact.channel,
                message_id=d.arrival.message_key,
                sender_key=d.arrival.sender_key,
                sender=sender.value if sender else contact.sender.email,
                subject=contact.subject,
                body=contact.body,
                data=None if contact.data is None else json.loads(contact.data),
                sender_state=contact.state_of_sender,
                occurred_at=contact.occurred_at or now,
                recorded_at=now,
            )
            unit.execute(set_aside.insert().values(organization_id=unit.organization_id, **row._asdict()))
            for position, file in enumerate(contact.attachments):
                values = {"set_aside_id": row_id, "position": position, **file._asdict()}
                unit.execute(set_aside_files.insert().values(organization_id=unit.organization_id, **values))
        answers.append(Answer("set_aside", "", "", row_id, repeated=known is not None))
    return answers


def known(unit: UnitOfWork, message_ids: Sequence[str]) -> dict[tuple[str, str, str | None], str]:
    """Of mails with these ids those that are set aside, by channel, message id and sender key."""
    select = unit.select(_a.channel, _a.message_id, _a.sender_key, _a.id)
    rows = unit.execute(select.where(_a.channel == "email", _a.message_id.in_(message_ids)))
    return {(row.channel, row.message_id, row.sender_key): row.id for row in rows}


def page(unit: UnitOfWork, inbox_id: str | None, before: str | None, limit: int) -> list[SetAsideRow]:
    """What is set aside, of one inbox or all, newest first."""
    select = unit.select(*_ROW)
    if inbox_id is not None:
        select = select.where(_a.inbox_id == inbox_id)
    if before is not None:
        select = select.where(_a.id < before)
    return [SetAsideRow._make(row) for row in unit.execute(select.order_by(_a.id.desc()).limit(limit))]


def read(unit: UnitOfWork, row_id: str, *, lock: bool = False) -> SetAsideRow:
    """One of them; raises NotFound."""
    row = None
    if is_id(row_id):
        select = unit.select(*_ROW).where(_a.id == row_id)
        row = unit.execute(select.with_for_update() if lock else select).one_or_none()
    if row is None:
        raise NotFound("There is nothing set aside with this id.", code="set_aside_not_found")
    return SetAsideRow._make(row)


def move_files(unit: UnitOfWork, row_id: str, item_seq: int) -> None:
    """The files of what was filed are the item's from now on."""
    f = set_aside_files.c
    files = unit.execute(unit.select(f.position, f.filename, f.content_type, f.content).where(f.set_aside_id == row_id))
    for file in files.all():
        values = {"organization_id": unit.organization_id, "item_seq": item_seq, **file._mapping}
        unit.execute(attachments.insert().values(**values))


def remove(unit: UnitOfWork, row_id: str) -> None:
    """Takes it away, with its files."""
    unit.execute(unit.delete(set_aside_files).where(set_aside_files.c.set_aside_id == row_id))
    unit.execute(unit.delete(set_aside).where(_a.id == row_id))
