"""What is set aside knows every inbox that it was delivered to (RES-12, RES-18)."""

import sqlalchemy as sa
from alembic import op

from onefold.database.tables import Id

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.create_table(
        "set_aside_inboxes",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("inbox_id", Id, nullable=False),
        sa.Column("set_aside_id", Id, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "set_aside_id", "inbox_id"),
        sa.ForeignKeyConstraint(["organization_id", "inbox_id"], ["inboxes.organization_id", "inboxes.id"]),
        sa.ForeignKeyConstraint(["organization_id", "set_aside_id"], ["set_aside.organization_id", "set_aside.id"]),
        sqlite_with_rowid=False,
    )
    # Partial, so that it serves those who ask for an inbox, and nobody else: PostgreSQL takes it for a short cut.
    op.create_index(
        "set_aside_inboxes_inbox",
        "set_aside_inboxes",
        ["organization_id", "inbox_id", "set_aside_id"],
        postgresql_where=sa.text("inbox_id IS NOT NULL"),
        sqlite_where=sa.text("inbox_id IS NOT NULL"),
    )
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    if is_postgresql:  # whose row-level security shows an upgrade, which has no organization, nothing
        op.execute("ALTER TABLE set_aside NO FORCE ROW LEVEL SECURITY")
    op.execute(
        "INSERT INTO set_aside_inboxes (organization_id, inbox_id, set_aside_id) "
        "SELECT organization_id, inbox_id, id FROM set_aside"
    )
    op.drop_index("set_aside_inbox", "set_aside")
    if is_postgresql:
        op.execute("ALTER TABLE set_aside FORCE ROW LEVEL SECURITY")
        _guard("set_aside_inboxes")


def _guard(table: str) -> None:
    """Row-level security, for the owner too: without an organization set, no row is seen or written."""
    scope = "organization_id = nullif(current_setting('onefold.organization_id', true), '')::bigint"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY {table}_organization ON {table} USING ({scope}) WITH CHECK ({scope})")
