"""Whether the anonymous profile of a browser is joined when its visitor signs in (RES-17)."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("organizations", sa.Column("visitor_sign_in", sa.Text(), nullable=False, server_default="suggest"))
