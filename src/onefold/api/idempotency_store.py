"""The answers that idempotency keys got."""

from __future__ import annotations

from datetime import datetime

from onefold.database.engine import UnitOfWork
from onefold.database.tables import idempotency_keys


def read_answer(unit: UnitOfWork, key: str) -> tuple[str, int, dict[str, str], bytes] | None:
    """(fingerprint, status, headers, body) of the answer an idempotency key got."""
    k = idempotency_keys.c
    row = unit.execute(unit.select(k.fingerprint, k.status, k.headers, k.body).where(k.key == key)).one_or_none()
    return None if row is None else (row.fingerprint, row.status, row.headers, bytes(row.body))


def keep_answer(
    unit: UnitOfWork, key: str, fingerprint: str, status: int, headers: dict[str, str], body: bytes, now: datetime
) -> None:
    """Keeps an answer for its idempotency key, in the transaction that did what it answers."""
    unit.execute(
        idempotency_keys.insert().values(
            organization_id=unit.organization_id,
            key=key,
            fingerprint=fingerprint,
            status=status,
            headers=headers,
            body=body,
            created_at=now,
        )
    )


def settle_answer(unit: UnitOfWork, key: str, status: int, headers: dict[str, str]) -> None:
    """Writes down how a request ended that was claimed by its key before."""
    changing = unit.update(idempotency_keys).where(idempotency_keys.c.key == key)
    unit.execute(changing.values(status=status, headers=headers))
