"""An item keeps the name that its channel gave the sender, so that a number's new owner shows (RES-21)."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column("items", sa.Column("sender_name", sa.Text()))
    op.add_column("organizations", sa.Column("silent_days", sa.Integer(), nullable=False, server_default="180"))
