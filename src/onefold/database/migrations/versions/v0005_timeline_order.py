"""Timelines are ordered by when things happened, not by when they arrived (MRG-5); message ids of mail are kept without
angle brackets, by whatever way they came (RES-13)."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

# As conversations/timeline.py says it, for the items that are there already.
_PLAUSIBLE = "occurred_at BETWEEN '1990-01-01T00:00:00.000000+00:00' AND recorded_at"
_HAPPENED = f"CASE WHEN {_PLAUSIBLE} THEN occurred_at ELSE recorded_at END"
_BARE = "substr(message_id, 2, length(message_id) - 2)"
_UNBRACKET = f"""
    UPDATE items SET message_id = {_BARE} WHERE channel = 'email' AND message_id LIKE '<_%>' AND NOT EXISTS (
        SELECT 1 FROM items AS o
        WHERE o.organization_id = items.organization_id AND o.channel = 'email'
        AND o.message_id = substr(items.message_id, 2, length(items.message_id) - 2)
    )
"""
_SECONDS = {
    "sqlite": f"CAST(strftime('%s', {_HAPPENED}) AS INTEGER)",
    "postgresql": f"floor(extract(epoch FROM {_HAPPENED}))::bigint",
}


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    op.add_column("items", sa.Column("timeline_second", sa.BigInteger(), nullable=False, server_default="0"))
    if dialect == "postgresql":  # its owner is held to one organization as well, and this is for all of them
        op.execute("ALTER TABLE items NO FORCE ROW LEVEL SECURITY")
    op.execute(f"UPDATE items SET timeline_second = {_SECONDS[dialect]}")
    op.execute(_UNBRACKET)
    if dialect == "postgresql":
        op.execute("ALTER TABLE items FORCE ROW LEVEL SECURITY")
    op.drop_index("items_timeline", "items")
    op.create_index("items_timeline", "items", ["organization_id", "profile_id", "timeline_second", "seq"])
    op.drop_index("items_conversation", "items")
    op.create_index("items_conversation", "items", ["organization_id", "conversation_id", "timeline_second", "seq"])
