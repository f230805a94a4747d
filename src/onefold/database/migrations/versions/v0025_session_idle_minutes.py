"""An organization sets after how long without use its agents' sessions end."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.add_column(
        "organizations", sa.Column("session_idle_minutes", sa.Integer(), nullable=False, server_default="480")
    )
