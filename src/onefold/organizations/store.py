"""Organizations, their settings and their blocklists."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from onefold.contact_points.blocklist import Blocklist, Entry
from onefold.core.errors import NotFound, Unavailable
from onefold.database.engine import Database, RetryTransaction, UnitOfWork
from onefold.database.tables import agents, blocklist, inboxes, organizations
from onefold.organizations.mail_senders import MailSenders, Relay
from onefold.organizations.match_weights import DEFAULT_WEIGHTS, Weight
from onefold.organizations.merge_policies import BY_RULE
from onefold.organizations.policy import Policy


def add_organization(
    database: Database,
    name: str,
    region: str,
    inbox_id: str,
    inbox_name: str,
    entries: Iterable[Entry],
    now: datetime,
) -> int:
    """A new organization with its first inbox and blocklist; returns its id."""
    organization_id = _add_row(database, name, region, inbox_id=inbox_id, now=now)
    with database.write(organization_id) as unit:
        unit.execute(
            inboxes.insert().values(organization_id=organization_id, id=inbox_id, name=inbox_name, created_at=now)
        )
        add_entries(unit, entries)
    return organization_id


def _add_row(database: Database, name: str, region: str, inbox_id: str, now: datetime) -> int:
    for _ in range(10):
        try:
            return _try_row(database, name, region, inbox_id=inbox_id, now=now)
        except RetryTransaction:  # another organization was added at the same time
            continue
    raise Unavailable("Too many organizations are added at once; try again.", code="contended")


def _try_row(database: Database, name: str, region: str, inbox_id: str, now: datetime) -> int:
    with database.raw() as connection, connection.begin():
        highest = connection.execute(sa.select(sa.func.coalesce(sa.func.max(organizations.c.id), 0))).scalar_one()
        organization_id = int(highest) + 1
        connection.execute(
            organizations.insert().values(
                id=organization_id,
                name=name,
                default_region=region,
                default_inbox_id=inbox_id,
                created_at=now,
            )
        )
    return organization_id


def organization_ids(database: Database) -> list[tuple[int, str]]:
    """(id, name) of every organization, oldest first."""
    with database.raw() as connection:
        rows = connection.execute(sa.select(organizations.c.id, organizations.c.name).order_by(organizations.c.id))
        return [(row.id, row.name) for row in rows]


def organizations_with_runs(database: Database) -> list[int]:
    """The organizations that background runs are under way for."""
    with database.raw() as connection:
        rows = connection.execute(sa.select(organizations.c.id).where(organizations.c.has_runs))
        return list(rows.scalars())


def mark_runs(unit: UnitOfWork, under_way: bool) -> None:
    """Tells the background worker whether there is something to do for the organization."""
    own = organizations.c.id == unit.organization_id
    unit.execute(organizations.update().where(own).values(has_runs=under_way))


def settings_version(unit: UnitOfWork) -> int:
    """How often the settings have been changed; cheap enough to ask for in every transaction."""
    if unit.settings_version is None:
        row = unit.one("SELECT settings_version FROM organizations WHERE id = ?", (unit.organization_id,))
        if row is None:
            raise NotFound("There is no such organization.", code="unknown_organization")
        unit.settings_version = int(row[0])
    return unit.settings_version


def settings_row(unit: UnitOfWork) -> Any:
    """The organization's row."""
    row = unit.execute(sa.select(organizations).where(organizations.c.id == unit.organization_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such organization.", code="unknown_organization")
    return row


def load_policy(unit: UnitOfWork) -> Policy:
    """The settings as decisions need them: those that this process keeps, if nobody has changed them since."""
    policy: Policy | None = unit.policies.get(unit.organization_id)
    if policy is None or policy.version != settings_version(unit):
        policy = unit.policies[unit.organization_id] = _read_policy(unit)
    return policy


def _read_policy(unit: UnitOfWork) -> Policy:
    row = settings_row(unit)
    own_inboxes = unit.execute(unit.select(inboxes.c.id))
    return Policy(
        version=row.settings_version,
        default_region=row.default_region,
        matching_mode=row.matching_mode,
        mobile_identification=row.mobile_identification,
        shared_limit=row.shared_limit,
        default_inbox_id=row.default_inbox_id,
        inbox_ids=frozenset(own_inboxes.scalars()),
        # Own addresses are nobody's contact point, by whatever channel they come (RES-18).
        blocklist=Blocklist([*entries(unit), *(Entry("email", address) for address in row.own_addresses or ())]),
        webhooks=row.has_webhooks,
        match_weights={**DEFAULT_WEIGHTS, **{k: Weight(*v) for k, v in (row.match_weights or {}).items()}},
        merge_policies={**BY_RULE, **(row.merge_policies or {})},
        undo_days=row.undo_days,
        visitor_sign_in=row.visitor_sign_in,
        silent_days=row.silent_days,
        assign_on_answer=row.assign_on_answer,
        mail_senders=MailSenders(
            row.own_addresses or (),
            agents=unit.execute(unit.select(agents.c.email)).scalars(),
            relays=[Relay(**relay) for relay in row.relays or ()],
        ),
    )


def change_settings(unit: UnitOfWork, **values: object) -> None:
    """Changes settings, so that every process reads them anew before its next decision."""
    unit.settings_change()
    unit.execute(
        organizations.update()
        .where(organizations.c.id == unit.organization_id)
        .values(settings_version=organizations.c.settings_version + 1, **values)
    )


def entries(unit: UnitOfWork) -> list[Entry]:
    """The blocklist, in order."""
    b = blocklist.c
    rows = unit.execute(unit.select(b.kind, b.value).order_by(b.kind, b.value))
    return [Entry(row.kind, row.value) for row in rows]


def add_entries(unit: UnitOfWork, new: Iterable[Entry]) -> None:
    """Adds entries to the blocklist."""
    unit.settings_change()
    rows = [{"organization_id": unit.organization_id, "kind": kind, "value": value} for kind, value in new]
    if rows:
        unit.execute(blocklist.insert(), rows)


def remove_entry(unit: UnitOfWork, entry: Entry) -> bool:
    """Takes an entry out; False if it was not there."""
    unit.settings_change()
    b = blocklist.c
    removing = unit.delete(blocklist).where(b.kind == entry.kind, b.value == entry.value)
    return unit.execute(removing).rowcount > 0
