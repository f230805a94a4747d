"""Webhooks: where events are sent, each delivery with its state, and the turns that keep events in order."""

import sqlalchemy as sa
from alembic import op

from onefold.database.tables import Id, Instant, Json

revision = "0003"
down_revision = "0002"

_NEW = ("webhook_endpoints", "webhook_deliveries", "webhook_turns")


def upgrade() -> None:
    _create_endpoints()
    _create_deliveries()
    _create_turns()
    for table in _NEW if op.get_bind().dialect.name == "postgresql" else ():
        _guard(table)


def _guard(table: str) -> None:
    """Row-level security, for the owner too: without an organization set, no row is seen or written."""
    scope = "organization_id = nullif(current_setting('onefold.organization_id', true), '')::bigint"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY {table}_organization ON {table} USING ({scope}) WITH CHECK ({scope})")


def _create_endpoints() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False, server_default=""),
        sa.Column("event_types", Json, nullable=True),
        sa.Column("state", sa.Text(), nullable=False, server_default="enabled"),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("previous_secret", sa.Text(), nullable=True),
        sa.Column("previous_until", Instant(), nullable=True),
        sa.Column("after_seq", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("failing_since", Instant(), nullable=True),
        sa.Column("paused_until", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"]),
        sa.PrimaryKeyConstraint("organization_id", "id"),
        sqlite_with_rowid=False,
    )


def _create_deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("endpoint_id", Id, nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.Column("event_id", Id, nullable=False),
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("state", sa.Text(), nullable=False, server_default="pending"),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("next_at", Instant(), nullable=True),
        sa.Column("claim_id", Id, nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id", "endpoint_id"], ["webhook_endpoints.organization_id", "webhook_endpoints.id"]
        ),
        sa.PrimaryKeyConstraint("organization_id", "endpoint_id", "event_seq"),
        sqlite_with_rowid=False,
    )
    due = sa.text("next_at IS NOT NULL")
    op.create_index(
        "webhook_deliveries_due",
        "webhook_deliveries",
        ["organization_id", "endpoint_id", "next_at"],
        sqlite_where=due,
        postgresql_where=due,
    )
    for state in ("pending", "failed"):
        such = sa.text(f"state = '{state}'")
        op.create_index(
            f"webhook_deliveries_{state}",
            "webhook_deliveries",
            ["organization_id", "endpoint_id", "event_seq"],
            sqlite_where=such,
            postgresql_where=such,
        )


def _create_turns() -> None:
    op.create_table(
        "webhook_turns",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("endpoint_id", Id, nullable=False),
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "endpoint_id", "profile_id", "event_seq"),
        sqlite_with_rowid=False,
    )
