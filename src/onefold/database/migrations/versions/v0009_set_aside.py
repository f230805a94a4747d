"""Mail that is nobody's yet is set aside (RES-18, RES-19), and contact points may be undeliverable."""

import sqlalchemy as sa
from alembic import op

from onefold.database.tables import Id, Instant, Json, Value

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("contact_points", sa.Column("undeliverable", sa.Boolean(), nullable=False, server_default=sa.false()))
    _create_tables()
    if op.get_bind().dialect.name == "postgresql":
        for table in ("set_aside", "set_aside_files"):
            _guard(table)
    # Agents' addresses are part of the settings from now on.
    op.execute("UPDATE organizations SET settings_version = settings_version + 1")


def _create_tables() -> None:
    op.create_table(
        "set_aside",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("inbox_id", Id, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("message_id", Value, nullable=False),
        sa.Column("sender_key", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text()),
        sa.Column("subject", sa.Text()),
        sa.Column("body", sa.Text()),
        sa.Column("data", Json),
        sa.Column("sender_state", sa.Text(), nullable=False),
        sa.Column("occurred_at", Instant, nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id"),
        sa.ForeignKeyConstraint(["organization_id", "inbox_id"], ["inboxes.organization_id", "inboxes.id"]),
        sa.UniqueConstraint("organization_id", "channel", "message_id", "sender_key", name="set_aside_once"),
    )
    op.create_index("set_aside_inbox", "set_aside", ["organization_id", "inbox_id", "id"])
    op.create_table(
        "set_aside_files",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("set_aside_id", Id, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "set_aside_id", "position"),
        sa.ForeignKeyConstraint(["organization_id", "set_aside_id"], ["set_aside.organization_id", "set_aside.id"]),
    )


def _guard(table: str) -> None:
    """Row-level security, for the owner too: without an organization set, no row is seen or written."""
    scope = "organization_id = nullif(current_setting('onefold.organization_id', true), '')::bigint"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY {table}_organization ON {table} USING ({scope}) WITH CHECK ({scope})")
