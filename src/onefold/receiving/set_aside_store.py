"""Mail that is nobody's yet, kept whole until somebody says whose it is (RES-18, RES-19)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from onefold.core.errors import NotFound
from onefold.core.ids import is_id
from onefold.database.engine import UnitOfWork
from onefold.database.tables import attachments, set_aside, set_aside_files, set_aside_inboxes
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
    """Keeps contacts that are nobody's; the same delivery again is there already, in its inbox as well (RES-12)."""
    answers, deliveries = [], []
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
        deliveries.append((row_id, contact.inbox_id or policy.default_inbox_id))
        answers.append(Answer("set_aside", "", "", row_id, repeated=known is not None))
    add_inboxes(unit, deliveries)
    return answers


def add_inboxes(unit: UnitOfWork, deliveries: Sequence[tuple[str, str]]) -> None:
    """Notes of each (what is set aside, inbox) that it was delivered there (RES-12)."""
    ids = sorted({row_id for row_id, _ in deliveries})
    waiting = set(unit.execute(unit.select(_a.id).where(_a.id.in_(ids))).scalars()) if ids else set()
    noted = {(row_id, one) for row_id, inbox_ids in inboxes_of(unit, ids).items() for one in inbox_ids}
    for row_id, inbox_id in sorted(set(deliveries) - noted):
        if row_id in waiting:  # it may have been filed or removed since
            values = {"organization_id": unit.organization_id, "set_aside_id": row_id, "inbox_id": inbox_id}
            unit.execute(set_aside_inboxes.insert().values(**values))


def inboxes_of(unit: UnitOfWork, ids: Sequence[str]) -> dict[str, list[str]]:
    """The inboxes that each was delivered to."""
    s, delivered_to = set_aside_inboxes.c, dict[str, list[str]]()
    select = unit.select(s.set_aside_id, s.inbox_id).where(s.set_aside_id.in_(ids))
    for row in sorted(unit.execute(select), key=lambda row: row.inbox_id) if ids else ():
        delivered_to.setdefault(row.set_aside_id, []).append(row.inbox_id)
    return delivered_to


def ids_by_message(unit: UnitOfWork, message_ids: Sequence[str]) -> dict[tuple[str, str, str | None], str]:
    """Of mails with these ids those that are set aside, by channel, message id and sender key."""
    select = unit.select(_a.channel, _a.message_id, _a.sender_key, _a.id)
    rows = unit.execute(select.where(_a.channel == "email", _a.message_id.in_(message_ids)))
    return {(row.channel, row.message_id, row.sender_key): row.id for row in rows}


def page(unit: UnitOfWork, inbox_id: str | None, before: str | None, limit: int) -> list[SetAsideRow]:
    """What is set aside, newest first: all of it, or what was delivered to one inbox."""
    if inbox_id is not None:
        ids = _newest_in(unit, inbox_id, before, limit)
        rows = unit.execute(unit.select(*_ROW).where(_a.id.in_(ids))) if ids else ()
        return sorted(map(SetAsideRow._make, rows), key=lambda row: row.id, reverse=True)
    select = unit.select(*_ROW).order_by(_a.id.desc()).limit(limit)
    return [SetAsideRow._make(row) for row in unit.execute(select if before is None else select.where(_a.id < before))]


def _newest_in(unit: UnitOfWork, inbox_id: str, before: str | None, limit: int) -> list[str]:
    s = set_aside_inboxes.c
    select = unit.select(s.set_aside_id).where(s.inbox_id == inbox_id, s.inbox_id.is_not(None))
    # In the order of the index by inbox: by ids alone databases may walk past all that waits elsewhere.
    select = select.order_by(s.inbox_id.desc(), s.set_aside_id.desc()).limit(limit)
    return list(unit.execute(select if before is None else select.where(s.set_aside_id < before)).scalars())


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
    remove_parts(unit, [row_id])
    unit.execute(unit.delete(set_aside).where(_a.id == row_id))


def remove_parts(unit: UnitOfWork, ids: Sequence[str]) -> None:
    """Takes away what hangs on what is set aside: files, and the inboxes that it waits in."""
    unit.execute(unit.delete(set_aside_files).where(set_aside_files.c.set_aside_id.in_(ids)))
    unit.execute(unit.delete(set_aside_inboxes).where(set_aside_inboxes.c.set_aside_id.in_(ids)))
