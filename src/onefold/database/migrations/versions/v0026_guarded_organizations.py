"""A unit of work of one organization sees no other organization's settings either (PostgreSQL).

Outside of units, where all organizations are listed, all of them are seen.
"""

from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    chosen = "nullif(current_setting('onefold.organization_id', true), '')::bigint"
    scope = f"{chosen} IS NULL OR id = {chosen}"
    op.execute("ALTER TABLE organizations ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE organizations FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY organizations_organization ON organizations USING ({scope}) WITH CHECK ({scope})")
