"""What the audit log and the queue are filtered by has an index: else the whole log, or the whole queue, is read."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_index("audit_action", "audit", ["organization_id", "action", "seq"])
    op.create_index("audit_agent", "audit", ["organization_id", "agent_id", "seq"])
    op.create_index("audit_at", "audit", ["organization_id", "at", "seq"])
    op.drop_index("drafts_author", "drafts")
    op.create_index("drafts_author", "drafts", ["organization_id", "author_id", "id"])
    dismissed = sa.text("state = 'dismissed'")
    op.create_index(
        "suggestions_dismissed",
        "suggestions",
        ["organization_id", "rating", "profile_id", "other_id"],
        sqlite_where=dismissed,
        postgresql_where=dismissed,
    )
