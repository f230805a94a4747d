"""Sessions say where they are and when they were last used, so that they end by idleness and one by one (ASVS V7)."""

import uuid

import sqlalchemy as sa
from alembic import op

from onefold.database.tables import Id, Instant

revision = "0019"
down_revision = "0018"

_sessions = sa.table(
    "sessions",
    sa.column("organization_id", sa.BigInteger),
    sa.column("token_hash", sa.Text),
    sa.column("id", Id),
    sa.column("created_at", Instant),
    sa.column("last_used_at", Instant),
)


def upgrade() -> None:
    connection = op.get_bind()
    postgresql = connection.dialect.name == "postgresql"
    op.add_column("sessions", sa.Column("id", Id))
    op.add_column("sessions", sa.Column("last_used_at", Instant))
    op.add_column("sessions", sa.Column("proven_at", Instant))
    op.add_column("sessions", sa.Column("origin", sa.Text(), nullable=False, server_default=""))
    op.add_column("sessions", sa.Column("device", sa.Text(), nullable=False, server_default=""))
    if postgresql:  # its owner is held to one organization as well, and this is for all of them
        op.execute("ALTER TABLE sessions NO FORCE ROW LEVEL SECURITY")
    s = _sessions.c
    for row in connection.execute(sa.select(s.organization_id, s.token_hash, s.created_at)).all():
        one = sa.and_(s.organization_id == row.organization_id, s.token_hash == row.token_hash)
        connection.execute(_sessions.update().where(one).values(id=str(uuid.uuid4()), last_used_at=row.created_at))
    if postgresql:
        op.execute("ALTER TABLE sessions FORCE ROW LEVEL SECURITY")
    with op.batch_alter_table("sessions") as table:
        table.alter_column("id", nullable=False)
        table.alter_column("last_used_at", nullable=False)
