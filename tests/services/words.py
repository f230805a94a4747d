"""Short words for tests of services: send contacts to a base, and read back what it holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa

from onefold.domain.contact import Answer
from onefold.domain.errors import Refused
from onefold.services import profiles
from onefold.services.profiles import ProfileView
from onefold.services.transact import transact
from onefold.storage.database import Unit
from tests.conftest import Base
from tests.domain.cases import contact

T = TypeVar("T")


def receive(base: Base, channel: str, message_id: str | None = None, **given: Any) -> Answer:
    """Sends one contact; fails the test if it is refused."""
    answer = base.receiver.receive(base.organization_id, [contact(channel, message_id, **given)])[0]
    if isinstance(answer, Refused):
        raise answer
    return answer


def do(base: Base, work: Callable[[Unit], T], *, alone: bool = False) -> T:
    """One use case, committed."""
    return transact(base.database, base.organization_id, work, alone=alone)


def show(base: Base, profile_id: str) -> ProfileView:
    """The profile as it stands."""
    with base.database.read(base.organization_id) as unit:
        return profiles.read(unit, profile_id)


def rows(base: Base, sql: str, **parameters: Any) -> list[Any]:
    """What the database holds."""
    with base.database.read(base.organization_id) as unit:
        return list(unit.execute(sa.text(sql), parameters))


def holders(base: Base, kind: str, value: str) -> dict[str, str | None]:
    """Who holds a value, and with which phone type."""
    sql = "SELECT profile_id, phone_type FROM contact_points WHERE kind = :kind AND value = :value"
    return {str(row.profile_id): row.phone_type for row in rows(base, sql, kind=kind, value=value)}


def merge_by_hand(base: Base, source: str, survivor: str) -> None:
    """What a merge leaves behind: a redirect, and the contact points with the survivor (merging is not built yet)."""

    def work(unit: Unit) -> None:
        given = {"source": source, "survivor": survivor}
        for sql in (
            "UPDATE profiles SET survivor_id = :survivor, version = version + 1 WHERE id = :source",
            "UPDATE contact_points SET profile_id = :survivor WHERE profile_id = :source",
            "UPDATE conversations SET state = 'closed' WHERE profile_id = :source",
            "UPDATE drafts SET profile_id = :survivor WHERE profile_id = :source",
            "DELETE FROM search_terms WHERE profile_id = :source",
        ):
            unit.execute(sa.text(sql), given)

    do(base, work)
