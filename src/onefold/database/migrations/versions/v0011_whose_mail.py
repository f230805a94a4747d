"""Admins name the organization's own addresses, and those that send for others (RES-18)."""

import sqlalchemy as sa
from alembic import op

from onefold.database.tables import Json

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("organizations", sa.Column("own_addresses", Json))
    op.add_column("organizations", sa.Column("relays", Json))
