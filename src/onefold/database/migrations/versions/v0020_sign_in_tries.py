"""Tries to sign in are counted by all processes together."""

import sqlalchemy as sa
from alembic import op

from onefold.database.tables import Id, Instant, Value

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_table(
        "sign_in_tries",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("counted", Value, nullable=False),
        sa.Column("tried_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"]),
        sqlite_with_rowid=False,
    )
    op.create_index("sign_in_tries_counted", "sign_in_tries", ["organization_id", "counted", "tried_at"])
    if op.get_bind().dialect.name == "postgresql":
        _guard("sign_in_tries")


def _guard(table: str) -> None:
    """Row-level security, for the owner too: without an organization set, no row is seen or written."""
    scope = "organization_id = nullif(current_setting('onefold.organization_id', true), '')::bigint"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY {table}_organization ON {table} USING ({scope}) WITH CHECK ({scope})")
