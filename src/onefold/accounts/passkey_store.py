"""Passkeys of agents as rows: the public half of a key that only the agent's device or key ring has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from onefold.database.engine import UnitOfWork
from onefold.database.tables import passkeys


class PasskeyRow(NamedTuple):
    """A passkey. `credential_id` is base64url, `public_key` a COSE key; `sign_count` counts its uses where the device
    counts them, and is 0 where it does not. Times are UTC."""

    id: str
    agent_id: str
    credential_id: str
    public_key: bytes
    sign_count: int
    name: str
    created_at: datetime
    last_used_at: datetime | None


_p = passkeys.c
_PASSKEY = [_p[name] for name in PasskeyRow._fields]


def add(unit: UnitOfWork, row: PasskeyRow) -> None:
    """A new passkey."""
    unit.execute(passkeys.insert().values(organization_id=unit.organization_id, **row._asdict()))


def of_agent(unit: UnitOfWork, agent_id: str) -> Sequence[PasskeyRow]:
    """An agent's passkeys, the oldest first."""
    rows = unit.execute(unit.select(*_PASSKEY).where(*_of(agent_id)))
    return sorted(map(PasskeyRow._make, rows), key=lambda row: row.id)


def _of(agent_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return _p.agent_id == agent_id, _p.agent_id.is_not(None)  # both, so that SQLite takes the partial index


def of_credential(unit: UnitOfWork, credential_id: str) -> PasskeyRow | None:
    """The passkey with this credential id, kept from others that use it until the unit ends."""
    row = unit.execute(unit.select(*_PASSKEY).where(_p.credential_id == credential_id).with_for_update()).one_or_none()
    return None if row is None else PasskeyRow._make(row)


def note_use(unit: UnitOfWork, row: PasskeyRow, sign_count: int, now: datetime) -> None:
    """It was used to sign in."""
    using = unit.update(passkeys).where(_p.credential_id == row.credential_id)
    unit.execute(using.values(sign_count=sign_count, last_used_at=now))


def remove(unit: UnitOfWork, agent_id: str, passkey_id: str | None = None) -> int:
    """Takes one of an agent's passkeys away, or all of them; returns how many."""
    rows = [row for row in of_agent(unit, agent_id) if passkey_id in (None, row.id)]
    if rows:
        unit.execute(unit.delete(passkeys).where(_p.credential_id.in_([row.credential_id for row in rows])))
    return len(rows)
