"""The first schema: organizations, profiles and what belongs to them, and the tables around them."""

import sqlalchemy as sa
from alembic import op

from onefold.database.tables import Id, Instant, Json, Value

revision = "0001"
down_revision = None

_OWNED = (
    "addresses",
    "agents",
    "api_keys",
    "attachments",
    "blocklist",
    "contact_points",
    "conversations",
    "details",
    "idempotency_keys",
    "inbox_agents",
    "inboxes",
    "items",
    "outbox",
    "profiles",
    "relationships",
    "runs",
    "search_terms",
    "sessions",
    "suggestions",
)


def upgrade() -> None:
    _create_tables()
    if op.get_bind().dialect.name == "postgresql":
        for table in _OWNED:
            _guard(table)


def _guard(table: str) -> None:
    """Row-level security, for the owner too: without an organization set, no row is seen or written."""
    scope = "organization_id = nullif(current_setting('onefold.organization_id', true), '')::bigint"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY {table}_organization ON {table} USING ({scope}) WITH CHECK ({scope})")


def _create_tables() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("key", Value, nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", Json, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "key"),
    )
    op.create_index("idempotency_keys_age", "idempotency_keys", ["organization_id", "created_at"], unique=False)
    op.create_table(
        "organizations",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("default_region", sa.Text(), nullable=False),
        sa.Column("matching_mode", sa.Text(), server_default="listed", nullable=False),
        sa.Column("mobile_identification", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("shared_limit", sa.Integer(), server_default="20", nullable=False),
        sa.Column("default_inbox_id", Id, nullable=False),
        sa.Column("has_runs", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("settings_version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "outbox",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("data", Json, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "search_terms",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("term", Value, nullable=False),
        sa.Column("profile_id", Id, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "term", "profile_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("search_terms_profile", "search_terms", ["organization_id", "profile_id"], unique=False)
    op.create_table(
        "api_keys",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_hash", Value, nullable=False),
        sa.Column("scopes", Json, nullable=False),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.Column("last_used_at", Instant(), nullable=True),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.PrimaryKeyConstraint("organization_id", "id"),
        sa.UniqueConstraint("organization_id", "secret_hash", name="api_keys_secret"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "blocklist",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", Value, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.PrimaryKeyConstraint("organization_id", "kind", "value"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "inboxes",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.PrimaryKeyConstraint("organization_id", "id"),
        sa.UniqueConstraint("organization_id", "name", name="inboxes_name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "runs",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("position", sa.Text(), server_default="", nullable=False),
        sa.Column("done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("counts", Json, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.PrimaryKeyConstraint("organization_id", "id"),
        sqlite_with_rowid=False,
    )
    op.create_index("runs_by_name", "runs", ["organization_id", "kind", "name"], unique=False)
    op.create_table(
        "agents",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("email", Value, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("recent_inbox_id", Id, nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "recent_inbox_id"],
            ["inboxes.organization_id", "inboxes.id"],
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.PrimaryKeyConstraint("organization_id", "id"),
        sa.UniqueConstraint("organization_id", "email", name="agents_email"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "inbox_agents",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("inbox_id", Id, nullable=False),
        sa.Column("agent_id", Id, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "agent_id"],
            ["agents.organization_id", "agents.id"],
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "inbox_id"],
            ["inboxes.organization_id", "inboxes.id"],
        ),
        sa.PrimaryKeyConstraint("organization_id", "inbox_id", "agent_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "profiles",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("name_confirmed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("username", sa.Text(), nullable=True),
        sa.Column("image", sa.Text(), nullable=True),
        sa.Column("attributes", Json, nullable=True),
        sa.Column("survivor_id", Id, nullable=True),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_by", Id, nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "created_by"],
            ["agents.organization_id", "agents.id"],
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "survivor_id"],
            ["profiles.organization_id", "profiles.id"],
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.PrimaryKeyConstraint("organization_id", "id"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "profiles_merged_into",
        "profiles",
        ["organization_id", "survivor_id"],
        unique=False,
        sqlite_where=sa.text("survivor_id IS NOT NULL"),
        postgresql_where=sa.text("survivor_id IS NOT NULL"),
    )
    op.create_table(
        "sessions",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("token_hash", Value, nullable=False),
        sa.Column("agent_id", Id, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "agent_id"],
            ["agents.organization_id", "agents.id"],
        ),
        sa.PrimaryKeyConstraint("organization_id", "token_hash"),
        sqlite_with_rowid=False,
    )
    op.create_index("sessions_agent", "sessions", ["organization_id", "agent_id"], unique=False)
    op.create_table(
        "addresses",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("street", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("postal_code", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "profile_id"],
            ["profiles.organization_id", "profiles.id"],
        ),
        sa.PrimaryKeyConstraint("organization_id", "id"),
        sqlite_with_rowid=False,
    )
    op.create_index("addresses_profile", "addresses", ["organization_id", "profile_id"], unique=False)
    op.create_table(
        "contact_points",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", Value, nullable=False),
        sa.Column("written", sa.Text(), nullable=True),
        sa.Column("phone_type", sa.Text(), nullable=True),
        sa.Column("main", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("sms", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=True),
        sa.Column("identifying", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("contacted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "profile_id"],
            ["profiles.organization_id", "profiles.id"],
        ),
        sa.PrimaryKeyConstraint("organization_id", "id"),
        sa.UniqueConstraint("organization_id", "profile_id", "kind", "value", name="contact_points_once"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "contact_points_customer_id",
        "contact_points",
        ["organization_id", "profile_id"],
        unique=True,
        sqlite_where=sa.text("kind = 'customer_id'"),
        postgresql_where=sa.text("kind = 'customer_id'"),
    )
    op.create_index(
        "contact_points_identifying",
        "contact_points",
        ["organization_id", "kind", "value"],
        unique=True,
        sqlite_where=sa.text("identifying"),
        postgresql_where=sa.text("identifying"),
    )
    op.create_index(
        "contact_points_listed",
        "contact_points",
        ["organization_id", "kind", "value", "id"],
        unique=False,
        sqlite_where=sa.text("NOT identifying"),
        postgresql_where=sa.text("NOT identifying"),
    )
    op.create_index(
        "contact_points_main",
        "contact_points",
        ["organization_id", "profile_id", "kind"],
        unique=True,
        sqlite_where=sa.text("main"),
        postgresql_where=sa.text("main"),
    )
    op.create_table(
        "conversations",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("inbox_id", Id, nullable=False),
        sa.Column("assignee_id", Id, nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("opened_at", Instant(), nullable=False),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id", "assignee_id"],
            ["agents.organization_id", "agents.id"],
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "inbox_id"],
            ["inboxes.organization_id", "inboxes.id"],
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "profile_id"],
            ["profiles.organization_id", "profiles.id"],
        ),
        sa.PrimaryKeyConstraint("organization_id", "id"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "conversations_inbox",
        "conversations",
        ["organization_id", "inbox_id", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "conversations_open",
        "conversations",
        ["organization_id", "profile_id"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index("conversations_profile", "conversations", ["organization_id", "profile_id", "id"], unique=False)
    op.create_table(
        "details",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "profile_id"],
            ["profiles.organization_id", "profiles.id"],
        ),
        sa.PrimaryKeyConstraint("organization_id", "id"),
        sqlite_with_rowid=False,
    )
    op.create_index("details_profile", "details", ["organization_id", "profile_id"], unique=False)
    op.create_table(
        "relationships",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("other_id", Id, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "other_id"],
            ["profiles.organization_id", "profiles.id"],
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "profile_id"],
            ["profiles.organization_id", "profiles.id"],
        ),
        sa.PrimaryKeyConstraint("organization_id", "id"),
        sa.UniqueConstraint("organization_id", "profile_id", "other_id", "kind", name="relationships_once"),
        sqlite_with_rowid=False,
    )
    op.create_index("relationships_other", "relationships", ["organization_id", "other_id"], unique=False)
    op.create_table(
        "suggestions",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("other_id", Id, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", Value, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint("profile_id < other_id", name="suggestions_pair"),
        sa.ForeignKeyConstraint(
            ["organization_id", "other_id"],
            ["profiles.organization_id", "profiles.id"],
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "profile_id"],
            ["profiles.organization_id", "profiles.id"],
        ),
        sa.PrimaryKeyConstraint("organization_id", "profile_id", "other_id", "kind", "value"),
        sqlite_with_rowid=False,
    )
    op.create_index("suggestions_other", "suggestions", ["organization_id", "other_id"], unique=False)
    op.create_table(
        "items",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("conversation_id", Id, nullable=False),
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
            ["organization_id", "conversation_id"],
            ["conversations.organization_id", "conversations.id"],
        ),
        sa.PrimaryKeyConstraint("organization_id", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_index("items_conversation", "items", ["organization_id", "conversation_id", "seq"], unique=False)
    op.create_index(
        "items_delivery",
        "items",
        ["organization_id", "channel", "message_id"],
        unique=True,
        sqlite_where=sa.text("message_id IS NOT NULL"),
        postgresql_where=sa.text("message_id IS NOT NULL"),
    )
    op.create_index("items_timeline", "items", ["organization_id", "profile_id", "seq"], unique=False)
    op.create_table(
        "attachments",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("item_seq", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "item_seq"],
            ["items.organization_id", "items.seq"],
        ),
        sa.PrimaryKeyConstraint("organization_id", "item_seq", "position"),
    )
