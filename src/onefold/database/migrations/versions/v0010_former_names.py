"""A merge keeps the name that lost: the customer is still found by it (MRG-19). Merges of before keep none."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("merges", sa.Column("former_name", sa.Text()))
