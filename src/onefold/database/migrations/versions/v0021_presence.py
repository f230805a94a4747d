"""Which agents are at a customer at this moment (UI-4)."""

import sqlalchemy as sa
from alembic import op

from onefold.database.tables import Id, Instant

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.create_table(
        "presence",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("agent_id", Id, nullable=False),
        sa.Column("seen_at", Instant, nullable=False),
        sa.Column("writing", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("organization_id", "profile_id", "agent_id"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"]),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "postgresql":
        _guard("presence")


def _guard(table: str) -> None:
    """Row-level security, for the owner too: without an organization set, no row is seen or written."""
    scope = "organization_id = nullif(current_setting('onefold.organization_id', true), '')::bigint"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY {table}_organization ON {table} USING ({scope}) WITH CHECK ({scope})")
