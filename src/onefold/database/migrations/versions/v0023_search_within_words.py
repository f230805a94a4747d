"""Search finds within words (UI-6): a run brings the terms of older profiles up to date, while they are served."""

import uuid
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from onefold.database.tables import Id, Instant, Json

revision = "0023"
down_revision = "0022"

_organizations = sa.table("organizations", sa.column("id", sa.BigInteger), sa.column("has_runs", sa.Boolean))
_runs = sa.table(
    "runs",
    sa.column("organization_id", sa.BigInteger),
    sa.column("id", Id),
    sa.column("kind", sa.Text),
    sa.column("name", sa.Text),
    sa.column("state", sa.Text),
    sa.column("position", sa.Text),
    sa.column("done", sa.BigInteger),
    sa.column("counts", Json),
    sa.column("created_at", Instant),
    sa.column("updated_at", Instant),
)


def upgrade() -> None:
    connection = op.get_bind()
    postgresql = connection.dialect.name == "postgresql"
    ids = connection.execute(sa.select(_organizations.c.id)).scalars().all()
    if postgresql:  # its owner is held to one organization as well, and this is for all of them
        op.execute("ALTER TABLE runs NO FORCE ROW LEVEL SECURITY")
    now = datetime.now(UTC)
    for organization_id in ids:
        run = {"kind": "rebuild_search", "name": "", "state": "running", "position": "", "done": 0}
        run |= {"counts": {"checked": 0, "mobile": 0, "changed": 0}, "created_at": now, "updated_at": now}
        connection.execute(_runs.insert().values(organization_id=organization_id, id=str(uuid.uuid4()), **run))
    connection.execute(_organizations.update().values(has_runs=True))
    if postgresql:
        op.execute("ALTER TABLE runs FORCE ROW LEVEL SECURITY")
