"""SQLite's INSERT OR REPLACE changes no entry of the audit log unseen by its triggers (MRG-14)."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        return
    op.execute(
        "CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit "
        "WHEN EXISTS (SELECT 1 FROM audit WHERE organization_id = NEW.organization_id AND seq = NEW.seq) "
        "BEGIN SELECT RAISE(ABORT, 'entries of the audit log are never changed or deleted'); END"
    )
