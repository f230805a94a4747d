"""An item knows the inbox it was routed to, and those that it was delivered to as well (RES-12)."""

import sqlalchemy as sa
from alembic import op

from onefold.database.tables import Id

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("items", sa.Column("inbox_id", Id))
    op.create_table(
        "item_inboxes",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("inbox_id", Id, nullable=False),
        sa.Column("item_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "item_seq", "inbox_id"),
        sa.ForeignKeyConstraint(["organization_id", "inbox_id"], ["inboxes.organization_id", "inboxes.id"]),
        sa.ForeignKeyConstraint(["organization_id", "item_seq"], ["items.organization_id", "items.seq"]),
        sqlite_with_rowid=False,
    )
    op.create_index("item_inboxes_inbox", "item_inboxes", ["organization_id", "inbox_id", "item_seq"])
    if op.get_bind().dialect.name == "postgresql":
        _guard("item_inboxes")


def _guard(table: str) -> None:
    """Row-level security, for the owner too: without an organization set, no row is seen or written."""
    scope = "organization_id = nullif(current_setting('onefold.organization_id', true), '')::bigint"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY {table}_organization ON {table} USING ({scope}) WITH CHECK ({scope})")
