"""Passkeys of agents (WebAuthn)."""

import sqlalchemy as sa
from alembic import op

from onefold.database.tables import Id, Instant, Value

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.create_table(
        "passkeys",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("agent_id", Id, nullable=False),
        sa.Column("credential_id", Value, nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("last_used_at", Instant),
        sa.PrimaryKeyConstraint("organization_id", "credential_id"),
        sa.ForeignKeyConstraint(["organization_id", "agent_id"], ["agents.organization_id", "agents.id"]),
        sqlite_with_rowid=False,
    )
    # Partial, so that PostgreSQL does not take it where a credential is asked for.
    op.create_index(
        "passkeys_agent",
        "passkeys",
        ["organization_id", "agent_id"],
        postgresql_where=sa.text("agent_id IS NOT NULL"),
        sqlite_where=sa.text("agent_id IS NOT NULL"),
    )
    if op.get_bind().dialect.name == "postgresql":
        _guard("passkeys")


def _guard(table: str) -> None:
    """Row-level security, for the owner too: without an organization set, no row is seen or written."""
    scope = "organization_id = nullif(current_setting('onefold.organization_id', true), '')::bigint"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY {table}_organization ON {table} USING ({scope}) WITH CHECK ({scope})")
