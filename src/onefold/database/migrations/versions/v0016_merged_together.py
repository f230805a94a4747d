"""Merges that were done in one step are undone in one (MRG-18)."""

import sqlalchemy as sa
from alembic import op

from onefold.database.tables import Id

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("merges", sa.Column("together_id", Id))
    op.create_index(
        "merges_together",
        "merges",
        ["organization_id", "together_id"],
        sqlite_where=sa.text("together_id IS NOT NULL"),
        postgresql_where=sa.text("together_id IS NOT NULL"),
    )
