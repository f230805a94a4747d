"""Items say whether their sender is proven, unchecked or failed (RES-14)."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_SENDER_STATE = """
    UPDATE items SET sender_state =
        CASE WHEN NOT verified THEN 'failed' WHEN channel = 'email' THEN 'unchecked' ELSE 'proven' END
    WHERE direction = 'in'
"""


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    op.add_column("items", sa.Column("sender_state", sa.Text()))
    if postgresql:  # its owner is held to one organization as well, and this is for all of them
        op.execute("ALTER TABLE items NO FORCE ROW LEVEL SECURITY")
    op.execute(_SENDER_STATE)
    if postgresql:
        op.execute("ALTER TABLE items FORCE ROW LEVEL SECURITY")
    op.drop_column("items", "verified")
