"""Who lists a value is found by standing, claims last: else those who prove nothing hide a holder (RES-9, PRO-13)."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.drop_index("contact_points_listed", "contact_points")
    op.create_index(
        "contact_points_listed",
        "contact_points",
        [
            "organization_id",
            "kind",
            "value",
            sa.text("(standing = 'claimed')"),
            sa.text("(standing = 'entered')"),
            "id",
        ],
        sqlite_where=sa.text("NOT identifying"),
        postgresql_where=sa.text("NOT identifying"),
    )
