"""Who answers a customer that nobody has taken gets the conversation, unless an organization wants otherwise (UI-5)."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.add_column(
        "organizations", sa.Column("assign_on_answer", sa.Boolean(), nullable=False, server_default=sa.true())
    )
