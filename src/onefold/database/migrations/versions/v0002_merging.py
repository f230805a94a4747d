"""Suggestions with ratings, merges and undoing them, drafts, the audit log, and events that wait for webhooks."""

import sqlalchemy as sa
from alembic import op

from onefold.database.tables import Id, Instant, Json, Value

revision = "0002"
down_revision = "0001"

_NEW = (
    "absorbed_points",
    "audit",
    "audit_records",
    "drafts",
    "evidence",
    "match_keys",
    "merges",
    "run_pairs",
    "suggestions",
    "verdicts",
)


def upgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    _add_columns()
    _let_items_stand_alone(postgres)
    _keep_evidence(postgres)
    _create_tables()
    _fill_suggestions(postgres)
    for table in _NEW if postgres else ():
        _guard(table)
    _close_audit(postgres)


def _guard(table: str) -> None:
    """Row-level security, for the owner too: without an organization set, no row is seen or written."""
    scope = "organization_id = nullif(current_setting('onefold.organization_id', true), '')::bigint"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY {table}_organization ON {table} USING ({scope}) WITH CHECK ({scope})")


def _add_columns() -> None:
    op.add_column("organizations", sa.Column("undo_days", sa.Integer(), server_default="30", nullable=False))
    op.add_column("organizations", sa.Column("merge_policies", Json))
    op.add_column("organizations", sa.Column("match_weights", Json))
    op.add_column("organizations", _flag("has_webhooks", False))
    op.add_column("contact_points", _flag("current", True))
    op.add_column("contact_points", _flag("proven", True))
    op.drop_index("contact_points_customer_id", "contact_points")
    one_current = sa.text("kind = 'customer_id' AND current")
    op.create_index(
        "contact_points_customer_id",
        "contact_points",
        ["organization_id", "profile_id"],
        unique=True,
        sqlite_where=one_current,
        postgresql_where=one_current,
    )
    op.add_column("details", sa.Column("from_profile_id", Id))
    op.add_column("addresses", sa.Column("position", sa.Integer(), server_default="0", nullable=False))
    op.add_column("conversations", sa.Column("merged_into_id", Id))
    merged = sa.text("merged_into_id IS NOT NULL")
    op.create_index(
        "conversations_merged",
        "conversations",
        ["organization_id", "merged_into_id"],
        sqlite_where=merged,
        postgresql_where=merged,
    )
    op.add_column("runs", sa.Column("agent_id", Id))
    op.add_column("outbox", _flag("pending", False))
    pending = sa.text("pending")
    op.create_index(
        "outbox_pending", "outbox", ["organization_id", "seq"], sqlite_where=pending, postgresql_where=pending
    )


def _flag(name: str, default: bool) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.true() if default else sa.false())


def _let_items_stand_alone(postgres: bool) -> None:
    """An event of a profile without an open conversation belongs to none."""
    if postgres:
        op.alter_column("items", "conversation_id", nullable=True)
        return
    # SQLite cannot take NOT NULL away. `migrate.upgrade` has foreign keys switched off, so attachments keep theirs.
    columns = (
        "organization_id",
        "seq",
        "profile_id",
        "conversation_id",
        "contact_point_id",
        "kind",
        "direction",
        "channel",
        "message_id",
        "outcome",
        "agent_id",
        "subject",
        "body",
        "data",
        "verified",
        "occurred_at",
        "recorded_at",
    )
    op.create_table(
        "items_new",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("conversation_id", Id, nullable=True),
        sa.Column("contact_point_id", Id, nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("message_id", Value, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("agent_id", Id, nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("data", Json, nullable=True),
        sa.Column("verified", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("occurred_at", Instant(), nullable=False),
        sa.Column("recorded_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "conversation_id"], ["conversations.organization_id", "conversations.id"]
        ),
        sa.PrimaryKeyConstraint("organization_id", "seq"),
        sqlite_with_rowid=False,
    )
    named = ", ".join(columns)
    op.execute(f"INSERT INTO items_new ({named}) SELECT {named} FROM items")
    op.drop_table("items")
    op.rename_table("items_new", "items")
    op.create_index("items_conversation", "items", ["organization_id", "conversation_id", "seq"])
    delivered = sa.text("message_id IS NOT NULL")
    op.create_index(
        "items_delivery", "items", ["organization_id", "channel", "message_id"], unique=True, sqlite_where=delivered
    )
    op.create_index("items_timeline", "items", ["organization_id", "profile_id", "seq"])


def _keep_evidence(postgres: bool) -> None:
    """What was recorded so far, a row for each shared value, is put aside until its new tables are there."""
    if postgres:  # the owner sees every organization's rows for the rest of this transaction
        op.execute("ALTER TABLE suggestions NO FORCE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE profiles NO FORCE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE suggestions DROP CONSTRAINT suggestions_pkey")  # its name is wanted again
    op.drop_index("suggestions_other", "suggestions")
    op.rename_table("suggestions", "old_suggestions")


def _fill_suggestions(postgres: bool) -> None:
    """Old evidence becomes suggestions; a run that begins with the service rates them and completes the match keys."""
    op.execute(
        "INSERT INTO evidence (organization_id, profile_id, other_id, kind, value, other_value, created_at) "
        "SELECT organization_id, profile_id, other_id, kind, value, value, created_at FROM old_suggestions"
    )
    op.execute(
        "INSERT INTO suggestions (organization_id, profile_id, other_id, state, rating, kinds, created_at) "
        "SELECT organization_id, profile_id, other_id, 'open', 0.5, ' ' || min(kind) || ' ', min(created_at) "
        "FROM old_suggestions GROUP BY organization_id, profile_id, other_id"
    )
    op.drop_table("old_suggestions")
    new_id = (
        "gen_random_uuid()"
        if postgres
        else (
            "substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-7' || substr(h, 14, 3) || '-8' || substr(h, 18, 3) || '-' "
            "|| substr(h, 21, 12)"
        )
    )
    now = "now()" if postgres else "strftime('%Y-%m-%dT%H:%M:%f000+00:00', 'now')"
    some = "EXISTS (SELECT 1 FROM profiles AS p WHERE p.organization_id = o.id)"
    if postgres:
        op.execute("ALTER TABLE runs NO FORCE ROW LEVEL SECURITY")
    source = "organizations AS o" if postgres else "(SELECT *, lower(hex(randomblob(16))) AS h FROM organizations) AS o"
    op.execute(
        "INSERT INTO runs (organization_id, id, kind, name, state, done, counts, created_at, updated_at) "
        f"SELECT o.id, {new_id}, 'rebuild_matches', '', 'running', 0, '{{}}', {now}, {now} FROM {source} WHERE {some}"
    )
    op.execute(f"UPDATE organizations AS o SET has_runs = true WHERE {some}")
    if postgres:
        op.execute("ALTER TABLE runs FORCE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE profiles FORCE ROW LEVEL SECURITY")


def _close_audit(postgres: bool) -> None:
    """Entries are added, never changed: not by this service, nor by whoever has its database account."""
    text = "entries of the audit log are never changed or deleted"
    if not postgres:
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_no_{change.lower()} BEFORE {change} ON audit "
                f"BEGIN SELECT RAISE(ABORT, '{text}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION audit_is_closed() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{text}' USING ERRCODE = 'insufficient_privilege'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_is_closed BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_closed()"
    )
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON audit FROM PUBLIC, CURRENT_USER")


def _profile_key(column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["organization_id", column], ["profiles.organization_id", "profiles.id"])


def _create_tables() -> None:
    op.create_table(
        "drafts",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("author_id", Id, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("contact_point_id", Id, nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        _profile_key("profile_id"),
        sa.ForeignKeyConstraint(["organization_id", "author_id"], ["agents.organization_id", "agents.id"]),
        sa.PrimaryKeyConstraint("organization_id", "id"),
        sqlite_with_rowid=False,
    )
    op.create_index("drafts_profile", "drafts", ["organization_id", "profile_id"])
    op.create_index("drafts_author", "drafts", ["organization_id", "author_id"])
    op.create_table(
        "absorbed_points",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("contact_point_id", Id, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id"),
        sqlite_with_rowid=False,
    )
    op.create_index("absorbed_points_by", "absorbed_points", ["organization_id", "contact_point_id"])
    op.create_table(
        "suggestions",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("other_id", Id, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("rating", sa.Double(), nullable=False),
        sa.Column("kinds", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint("profile_id < other_id", name="suggestions_pair"),
        _profile_key("profile_id"),
        _profile_key("other_id"),
        sa.PrimaryKeyConstraint("organization_id", "profile_id", "other_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("suggestions_other", "suggestions", ["organization_id", "other_id"])
    is_open = sa.text("state = 'open'")
    op.create_index(
        "suggestions_queue",
        "suggestions",
        ["organization_id", "rating", "profile_id", "other_id"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_table(
        "evidence",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("other_id", Id, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", Value, nullable=False),
        sa.Column("other_value", Value, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint("profile_id < other_id", name="evidence_pair"),
        _profile_key("profile_id"),
        _profile_key("other_id"),
        sa.PrimaryKeyConstraint("organization_id", "profile_id", "other_id", "kind", "value", "other_value"),
        sqlite_with_rowid=False,
    )
    op.create_index("evidence_other", "evidence", ["organization_id", "other_id"])
    op.create_table(
        "verdicts",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("other_id", Id, nullable=False),
        sa.Column("kinds", sa.Text(), nullable=False),
        sa.Column("agent_id", Id, nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("withdrawn_at", Instant(), nullable=True),
        sa.CheckConstraint("profile_id < other_id", name="verdicts_pair"),
        sa.PrimaryKeyConstraint("organization_id", "id"),
        sqlite_with_rowid=False,
    )
    op.create_index("verdicts_profile", "verdicts", ["organization_id", "profile_id"])
    op.create_index("verdicts_other", "verdicts", ["organization_id", "other_id"])
    op.create_table(
        "match_keys",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("key", Value, nullable=False),
        sa.Column("holder_id", Id, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "key", "holder_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "merges",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("source_id", Id, nullable=False),
        sa.Column("destination_id", Id, nullable=False),
        sa.Column("agent_id", Id, nullable=True),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.Column("audit_seq", sa.BigInteger(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("undone_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id"),
        sqlite_with_rowid=False,
    )
    op.create_index("merges_source", "merges", ["organization_id", "source_id"])
    op.create_index("merges_destination", "merges", ["organization_id", "destination_id"])
    op.create_table(
        "audit",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("agent_id", Id, nullable=True),
        sa.Column("key_id", Id, nullable=True),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("profile_id", Id, nullable=True),
        sa.Column("other_id", Id, nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("record_hash", sa.Text(), nullable=True),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"]),
        sa.PrimaryKeyConstraint("organization_id", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_index("audit_profile", "audit", ["organization_id", "profile_id", "seq"])
    op.create_index("audit_other", "audit", ["organization_id", "other_id", "seq"])
    op.create_table(
        "audit_records",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "run_pairs",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("run_id", Id, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("destination_id", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["organization_id", "run_id"], ["runs.organization_id", "runs.id"]),
        sa.PrimaryKeyConstraint("organization_id", "run_id", "position"),
        sqlite_with_rowid=False,
    )
