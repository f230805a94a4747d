"""Contact points say how they are known (PRO-13), items whether their sender is proven (RES-14) and who sent them
(RES-12).

What was contacted from or entered stays so. What only came as a further value of a chat that no site had signed, or
from a sender that had failed, becomes claimed, and opens its profile no more.
"""

import logging
import re

import sqlalchemy as sa
from alembic import op

from onefold.database.tables import Id

revision = "0008"
down_revision = "0007"

_log = logging.getLogger("onefold.upgrade")
_TABLES = ("items", "contact_points", "blocklist")
_AT_ONCE = 10_000
_NEW_LOCALS = ("noreply", "no-reply", "no_reply", "no.reply", "donotreply", "do-not-reply", "do_not_reply", "nobody")
# As contact_points/blocklist.py said it when this was written.
_NO_VALUE = frozenset(
    (
        *"""
        null none nil nul undefined nan na n.a n/a unknown unbekannt inconnu desconocido empty blank missing anonymous
        anonym guest user visitor customer test tester default placeholder example false true noname notset notprovided
        tbd tba xxx -1
        """.split(),
        *("object object", "no name", "no value", "not available", "not set", "not provided", "not applicable"),
    )
)
_AROUND = "()[]{}<>\"'`*#_-.:;,!?/\\|~ "
_REPEATED = re.compile(r"(?:0+|([0-9a-z])\1{3,})\Z")
_NO_NUMBER = re.compile(r"\+\d{0,5}?(\d)\1{7,}\Z|\+?\d{0,3}(?:1234567890|0123456789|9876543210)\Z|\+?123456789\Z")
_entries = sa.table(
    "blocklist",
    sa.column("organization_id", sa.BigInteger),
    sa.column("kind", sa.Text),
    sa.column("value", sa.Text),
)
_points = sa.table(
    "contact_points",
    sa.column("organization_id", sa.BigInteger),
    sa.column("id", Id),
    sa.column("kind", sa.Text),
    sa.column("value", sa.Text),
    sa.column("identifying", sa.Boolean),
)
_SENDER_STATE = """
    UPDATE items SET sender_state =
        CASE WHEN NOT verified THEN 'failed' WHEN channel = 'email' THEN 'unchecked' ELSE 'proven' END
    WHERE direction = 'in'
"""
# A value that a chat brought is written at the instant of its item; the token that the chat is known by is no claim.
_BROUGHT_BY_CHAT = """
    SELECT 1 FROM items AS i LEFT JOIN contact_points AS by_token
    ON by_token.organization_id = i.organization_id AND by_token.id = i.contact_point_id
    WHERE i.organization_id = contact_points.organization_id AND i.profile_id = contact_points.profile_id
    AND i.channel = 'chat' AND i.recorded_at = contact_points.created_at
    AND (i.contact_point_id IS NULL OR by_token.kind = 'visitor')
"""
_STANDING = f"""
    UPDATE contact_points SET standing = CASE
        WHEN NOT proven THEN 'claimed'
        WHEN contacted THEN 'contacted'
        WHEN kind <> 'visitor' AND EXISTS ({_BROUGHT_BY_CHAT}) THEN 'claimed'
        ELSE 'entered' END
"""
_REPORT = """
    SELECT organization_id, standing, count(*), sum(CASE WHEN identifying AND standing = 'claimed' THEN 1 ELSE 0 END)
    FROM contact_points GROUP BY organization_id, standing ORDER BY organization_id, standing
"""


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    op.add_column("items", sa.Column("sender_state", sa.Text()))
    op.add_column("items", sa.Column("sender_key", sa.Text()))
    op.add_column("contact_points", sa.Column("standing", sa.Text(), nullable=False, server_default="entered"))
    for table in _TABLES if postgresql else ():  # its owner is held to one organization as well, and this is for all
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(_SENDER_STATE)
    op.execute(_STANDING)
    _report()
    op.execute("UPDATE contact_points SET identifying = false WHERE identifying AND standing = 'claimed'")
    op.execute("UPDATE contact_points SET current = false WHERE kind = 'customer_id' AND standing = 'claimed'")
    _block_what_stands_for_nobody()
    for table in _TABLES if postgresql else ():
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.drop_column("items", "verified")
    op.drop_column("contact_points", "proven")
    op.drop_index("items_delivery", "items")
    named = sa.text("message_id IS NOT NULL")
    op.create_index(
        "items_delivery",
        "items",
        ["organization_id", "channel", "message_id", "sender_key"],
        unique=True,
        sqlite_where=named,
        postgresql_where=named,
    )


def _block_what_stands_for_nobody() -> None:
    """Placeholders open nothing (PRO-12), and every organization gets the addresses that are new on the list."""
    connection = op.get_bind()
    c = _points.c
    for organization_id in connection.execute(sa.text("SELECT id FROM organizations ORDER BY id")).scalars().all():
        opening = sa.select(c.id, c.kind, c.value).where(c.organization_id == organization_id, c.identifying)
        after = "00000000-0000-0000-0000-000000000000"
        while rows := connection.execute(opening.where(c.id > after).order_by(c.id).limit(_AT_ONCE)).all():
            after = rows[-1][0]
            blocked = [point_id for point_id, kind, value in rows if _stands_for_nobody(kind, value)]
            closing = _points.update().where(c.organization_id == organization_id, c.id.in_(blocked))
            connection.execute(closing.values(identifying=False))
        of_organization = sa.select(_entries.c.value).where(_entries.c.organization_id == organization_id)
        listed = set(connection.execute(of_organization).scalars())
        for value in {f"{local}@*" for local in _NEW_LOCALS} - listed:
            values = {"organization_id": organization_id, "kind": "email", "value": value}
            connection.execute(_entries.insert().values(**values))


def _stands_for_nobody(kind: str, value: str) -> bool:
    if kind == "email":
        return value.rpartition("@")[0] in _NEW_LOCALS
    if kind == "phone":
        return _NO_NUMBER.match(value) is not None
    text = value.partition(":")[2] if kind == "social" else value
    bare = text.strip().casefold().strip(_AROUND)
    letters = "".join(char for char in bare if char.isalnum())
    return bare in _NO_VALUE or text.strip() == "-1" or not letters or _REPEATED.match(letters) is not None


def _report() -> None:
    for organization_id, standing, points, opened in op.get_bind().execute(sa.text(_REPORT)).all():
        opening = f", {opened} of which opened their profile until now" if opened else ""
        _log.warning("Organization %s: %s contact points are %s%s.", organization_id, f"{points:,}", standing, opening)
