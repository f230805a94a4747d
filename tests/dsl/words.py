"""Short words for tests of services: send contacts to a base, and read back what it holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa

from onefold.accounts import service as accounts
from onefold.accounts.service import Role
from onefold.contact_points import store as contact_points
from onefold.contact_points.points import HeldPoint
from onefold.conversations import drafts
from onefold.conversations import service as conversations
from onefold.conversations.draft_store import DraftRow
from onefold.conversations.drafts import Composed
from onefold.conversations.store import ConversationRow, ItemRow
from onefold.core.actor import Actor
from onefold.core.clock import new_id
from onefold.core.errors import DomainError
from onefold.database import tables
from onefold.database.engine import UnitOfWork
from onefold.database.transactions import run_in_transaction
from onefold.merging import detach as detaching
from onefold.merging import service as merging
from onefold.merging import undo as undoing
from onefold.merging.detach import Detached
from onefold.merging.service import MergeRequest
from onefold.merging.store import MergeRow
from onefold.merging.undo import Undo
from onefold.profiles import parts, store
from onefold.profiles import service as profiles
from onefold.profiles.searching import search
from onefold.profiles.service import PointInput, ProfileView
from onefold.receiving.contact import Answer
from onefold.suggestions import service as suggestions
from tests.conftest import Base
from tests.dsl.cases import contact

T = TypeVar("T")


def receive(base: Base, channel: str, message_id: str | None = None, **given: Any) -> Answer:
    """Sends one contact; fails the test if it is refused."""
    answer = base.receiver.receive(base.organization_id, [contact(channel, message_id, **given)])[0]
    if isinstance(answer, DomainError):
        raise answer
    return answer


def do(base: Base, work: Callable[[UnitOfWork], T], *, exclusive: bool = False) -> T:
    """One use case, committed."""
    return run_in_transaction(base.database, base.organization_id, work, exclusive=exclusive)


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


# People, profiles and what becomes of them ----------------------------------------------------------------------------

COMMAND = Actor(None, None, "command line")


def agent(base: Base, name: str, role: Role = "agent") -> str:
    """An agent with this name; returns the id."""
    return do(base, lambda unit: accounts.add_agent(unit, f"{new_id()}@agents.example", name, role, COMMAND).id)


def inbox(base: Base, name: str) -> str:
    """A further inbox; returns the id."""
    return do(base, lambda unit: accounts.add_inbox(unit, name, COMMAND)[0])


def profile(base: Base, *points: PointInput, **fields: Any) -> str:
    """A profile added by hand; returns the id."""
    return do(base, lambda unit: profiles.create(unit, points=points, **{"name": None, **fields}).id)


def list_point(base: Base, profile_id: str, point: PointInput) -> str:
    """Adds a contact point by hand; returns its id."""
    return do(base, lambda unit: profiles.add_point(unit, profile_id, point, None)[1])


def add_detail(base: Base, profile_id: str, key: str, value: str) -> None:
    """Writes a detail on a profile."""
    do(base, lambda unit: parts.add_part(unit, store.DETAILS, profile_id, {"key": key, "value": value}, None))


def add_address(base: Base, profile_id: str, street: str, **more: str) -> None:
    """Writes an address in London on a profile."""
    given = {"street": street, "city": "London", **more}
    do(base, lambda unit: parts.add_part(unit, store.ADDRESSES, profile_id, given, None))


def add_draft(base: Base, profile_id: str, author_id: str, composed: Composed) -> DraftRow:
    """Begins a draft on a profile."""
    return do(base, lambda unit: drafts.create(unit, profile_id, author_id, composed))


def relate(base: Base, profile_id: str, other_id: str, kind: str) -> None:
    """The other profile is `kind` of this one."""
    do(base, lambda unit: parts.relate(unit, profile_id, other_id, kind, None))


def edit(base: Base, profile_id: str, **changes: Any) -> None:
    """Edits a profile's own fields by hand."""
    do(base, lambda unit: profiles.edit(unit, profile_id, changes, None))


def point_of(base: Base, profile_id: str, value: str) -> HeldPoint:
    """The contact point of a profile with this value, customer IDs among them."""
    with base.database.read(base.organization_id) as unit:
        points = contact_points.points_of(unit, [profile_id])[profile_id]
    return next(point for point in points if point.value == value)


def merge(
    base: Base, source: str, destination: str, agent_id: str | None = None, actor: Actor = COMMAND, **given: Any
) -> MergeRow:
    """Merges two profiles, committed; raises what the merge refuses."""
    request = MergeRequest(source, destination, agent_id=agent_id, **given)
    return do(base, lambda unit: merging.merge(unit, request, actor)[0])


def undo(base: Base, merge_id: str, actor: Actor = COMMAND) -> Undo:
    """Undoes a merge, committed."""
    return do(base, lambda unit: undoing.undo(unit, merge_id, None, actor))


def detach(base: Base, profile_id: str, point_id: str, agent_id: str | None = None) -> Detached:
    """Detaches a contact point, committed."""
    return do(base, lambda unit: detaching.detach(unit, profile_id, point_id, None, COMMAND, agent_id))


def set_conversation(base: Base, conversation_id: str, assignee: str | None = None, **changes: Any) -> None:
    """Assigns, routes, closes or reopens a conversation."""
    given = {"inbox_id": None, "state": None, "unassign": False, **changes}
    do(base, lambda unit: conversations.change(unit, conversation_id, assignee_id=assignee, **given))


def conversation(base: Base, conversation_id: str) -> ConversationRow:
    """The conversation behind the id."""
    with base.database.read(base.organization_id) as unit:
        return conversations.resolve_redirect(unit, conversation_id)


def timeline(base: Base, profile_id: str) -> list[ItemRow]:
    """Everything on a profile's timeline, oldest first."""
    with base.database.read(base.organization_id) as unit:
        return conversations.timeline(unit, profile_id, None, 200)[::-1]


def said(base: Base, profile_id: str) -> list[str]:
    """The texts of what was said to and by a customer, oldest first."""
    return [item.body or "" for item in timeline(base, profile_id) if item.kind != "event"]


def said_in(base: Base, conversation_id: str) -> list[str]:
    """The texts of what was said in a conversation, oldest first."""
    with base.database.read(base.organization_id) as unit:
        items = conversations.items(unit, conversation_id, None, 200)
    return [item.body or "" for item in items[::-1] if item.kind != "event"]


def events(base: Base, profile_id: str) -> list[str]:
    """The texts of the events on a profile's timeline, oldest first."""
    return [item.text or "" for item in timeline(base, profile_id) if item.kind == "event"]


def told(base: Base) -> list[tuple[str, str, Any]]:
    """(type, profile, data) of what other systems are told, oldest first."""
    with base.database.read(base.organization_id) as unit:
        o = tables.outbox.c
        select = sa.select(o.type, o.profile_id, o.data).where(o.organization_id == unit.organization_id)
        return [tuple(row) for row in unit.execute(select.order_by(o.seq))]


def suggested(base: Base, profile_id: str) -> dict[str, tuple[str, ...]]:
    """Whom a profile is suggested with, and by which kinds of evidence."""
    with base.database.read(base.organization_id) as unit:
        views = suggestions.of_profile(unit, profile_id)
    return {
        view.row.other_id if view.row.profile_id == profile_id else view.row.profile_id: view.row.kinds
        for view in views
    }


def evidence(base: Base) -> set[tuple[str, ...]]:
    """All evidence, as (profile, other, kind, value, other value)."""
    return {tuple(row) for row in rows(base, "SELECT profile_id, other_id, kind, value, other_value FROM evidence")}


def found_by(base: Base, query: str) -> list[str]:
    """The profiles that a search finds."""
    with base.database.read(base.organization_id) as unit:
        return [summary.row.id for summary in search(unit, query, 50)]


def everything(base: Base) -> dict[str, list[str]]:
    """Every row of the organization, by table: equal before and after something that changed nothing."""
    with base.database.read(base.organization_id) as unit:
        unit.allow_whole_base()
        return {
            table.name: sorted(str(tuple(row)) for row in unit.execute(sa.select(table)))
            for table in (*tables.OWNED, tables.organizations)
        }
