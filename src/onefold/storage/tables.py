"""Every table. `organization_id` leads every key (nothing crosses between two organizations).

- Ids are UUIDv7, as text in SQLite. `seq` columns order a timeline by the database's own sequence, never by a clock.
- Instants are UTC; in SQLite ISO 8601 text of fixed width, so that text order is time order.
- `C` collation for what is looked up by equality or prefix: normal forms are ours, not the database's.
- A profile merged away stays as a redirect: `survivor_id` is the living profile, however many merges deep. Items and
  closed conversations keep the profile they were written for; their owner today is that profile's survivor.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    text,
)
from sqlalchemy.dialects import postgresql

metadata = sa.MetaData()


class Instant(sa.types.TypeDecorator[datetime]):
    """A moment in UTC; timezone-aware in Python."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.Text())
        return dialect.type_descriptor(sa.DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        return instant_text(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else instant(value)


def instant(stored: str | datetime) -> datetime:
    """An instant as the driver gives it, in Python."""
    return datetime.fromisoformat(stored) if isinstance(stored, str) else stored


def instant_text(value: datetime) -> str:
    """The fixed-width text of an instant that both databases read."""
    return value.astimezone(UTC).isoformat(timespec="microseconds")


Id = sa.Text().with_variant(postgresql.UUID(as_uuid=False), "postgresql")
Value = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
Org = BigInteger


def _key(*columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint("organization_id", *columns)


def _to(table: str, column: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["organization_id", column], [f"{table}.organization_id", f"{table}.id"])


def _flag(name: str, default: bool = False) -> Column[bool]:
    return Column(name, Boolean(), nullable=False, server_default=sa.true() if default else sa.false())


_CLUSTERED: dict[str, Any] = {"sqlite_with_rowid": False}

organizations = Table(
    "organizations",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", sa.Text, nullable=False),
    Column("default_region", sa.Text, nullable=False),
    Column("matching_mode", sa.Text, nullable=False, server_default="listed"),
    _flag("mobile_identification"),
    Column("shared_limit", Integer, nullable=False, server_default="20"),
    Column("default_inbox_id", Id, nullable=False),
    _flag("has_runs"),  # asked for every second by the background worker, for all organizations at once
    Column("settings_version", BigInteger, nullable=False, server_default="1"),
    Column("created_at", Instant, nullable=False),
)

inboxes = Table(
    "inboxes",
    metadata,
    Column("organization_id", Org, sa.ForeignKey("organizations.id"), nullable=False),
    Column("id", Id, nullable=False),
    Column("name", sa.Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    _key("id"),
    sa.UniqueConstraint("organization_id", "name", name="inboxes_name"),
    **_CLUSTERED,
)

agents = Table(
    "agents",
    metadata,
    Column("organization_id", Org, sa.ForeignKey("organizations.id"), nullable=False),
    Column("id", Id, nullable=False),
    Column("email", Value, nullable=False),
    Column("name", sa.Text, nullable=False),
    Column("role", sa.Text, nullable=False),
    Column("password_hash", sa.Text),
    _flag("active", True),
    Column("recent_inbox_id", Id),
    Column("created_at", Instant, nullable=False),
    _key("id"),
    sa.UniqueConstraint("organization_id", "email", name="agents_email"),
    _to("inboxes", "recent_inbox_id"),
    **_CLUSTERED,
)

inbox_agents = Table(
    "inbox_agents",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("inbox_id", Id, nullable=False),
    Column("agent_id", Id, nullable=False),
    _key("inbox_id", "agent_id"),
    _to("inboxes", "inbox_id"),
    _to("agents", "agent_id"),
    **_CLUSTERED,
)

sessions = Table(
    "sessions",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("token_hash", Value, nullable=False),
    Column("agent_id", Id, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    _key("token_hash"),
    _to("agents", "agent_id"),
    Index("sessions_agent", "organization_id", "agent_id"),
    **_CLUSTERED,
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("organization_id", Org, sa.ForeignKey("organizations.id"), nullable=False),
    Column("id", Id, nullable=False),
    Column("name", sa.Text, nullable=False),
    Column("secret_hash", Value, nullable=False),
    Column("scopes", Json, nullable=False),
    Column("expires_at", Instant),
    Column("last_used_at", Instant),
    Column("revoked_at", Instant),
    Column("created_at", Instant, nullable=False),
    _key("id"),
    sa.UniqueConstraint("organization_id", "secret_hash", name="api_keys_secret"),
    **_CLUSTERED,
)

blocklist = Table(
    "blocklist",
    metadata,
    Column("organization_id", Org, sa.ForeignKey("organizations.id"), nullable=False),
    Column("kind", sa.Text, nullable=False),
    Column("value", Value, nullable=False),
    _key("kind", "value"),
    **_CLUSTERED,
)

profiles = Table(
    "profiles",
    metadata,
    Column("organization_id", Org, sa.ForeignKey("organizations.id"), nullable=False),
    Column("id", Id, nullable=False),
    Column("name", sa.Text),
    _flag("name_confirmed"),
    Column("username", sa.Text),
    Column("image", sa.Text),
    Column("attributes", Json),
    Column("survivor_id", Id),
    Column("version", BigInteger, nullable=False, server_default="1"),
    Column("created_by", Id),
    Column("created_at", Instant, nullable=False),
    _key("id"),
    _to("profiles", "survivor_id"),
    _to("agents", "created_by"),
    Index(
        "profiles_merged_into", "organization_id", "survivor_id",
        sqlite_where=text("survivor_id IS NOT NULL"), postgresql_where=text("survivor_id IS NOT NULL"),
    ),
    **_CLUSTERED,
)  # fmt: skip

contact_points = Table(
    "contact_points",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("id", Id, nullable=False),
    Column("profile_id", Id, nullable=False),
    Column("kind", sa.Text, nullable=False),
    Column("value", Value, nullable=False),
    Column("written", sa.Text),
    Column("phone_type", sa.Text),
    _flag("main"),
    _flag("sms"),
    Column("handle", sa.Text),
    _flag("identifying"),
    _flag("contacted"),
    Column("created_at", Instant, nullable=False),
    _key("id"),
    _to("profiles", "profile_id"),
    sa.UniqueConstraint("organization_id", "profile_id", "kind", "value", name="contact_points_once"),
    # PRO-3: at most one profile holds a given identifying contact point.
    Index(
        "contact_points_identifying", "organization_id", "kind", "value", unique=True,
        sqlite_where=text("identifying"), postgresql_where=text("identifying"),
    ),
    Index(
        "contact_points_listed", "organization_id", "kind", "value", "id",
        sqlite_where=text("NOT identifying"), postgresql_where=text("NOT identifying"),
    ),
    # PRO-2: at most one Main email and one Main phone; PRO-1: at most one customer ID.
    Index(
        "contact_points_main", "organization_id", "profile_id", "kind", unique=True,
        sqlite_where=text("main"), postgresql_where=text("main"),
    ),
    Index(
        "contact_points_customer_id", "organization_id", "profile_id", unique=True,
        sqlite_where=text("kind = 'customer_id'"), postgresql_where=text("kind = 'customer_id'"),
    ),
    **_CLUSTERED,
)  # fmt: skip

details = Table(
    "details",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("id", Id, nullable=False),
    Column("profile_id", Id, nullable=False),
    Column("key", sa.Text, nullable=False),
    Column("value", sa.Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    _key("id"),
    _to("profiles", "profile_id"),
    Index("details_profile", "organization_id", "profile_id"),
    **_CLUSTERED,
)

addresses = Table(
    "addresses",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("id", Id, nullable=False),
    Column("profile_id", Id, nullable=False),
    Column("label", sa.Text),
    Column("street", sa.Text),
    Column("city", sa.Text),
    Column("region", sa.Text),
    Column("postal_code", sa.Text),
    Column("country", sa.Text),
    Column("created_at", Instant, nullable=False),
    _key("id"),
    _to("profiles", "profile_id"),
    Index("addresses_profile", "organization_id", "profile_id"),
    **_CLUSTERED,
)

relationships = Table(
    "relationships",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("id", Id, nullable=False),
    Column("profile_id", Id, nullable=False),
    Column("other_id", Id, nullable=False),
    Column("kind", sa.Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    _key("id"),
    _to("profiles", "profile_id"),
    _to("profiles", "other_id"),
    sa.UniqueConstraint("organization_id", "profile_id", "other_id", "kind", name="relationships_once"),
    Index("relationships_other", "organization_id", "other_id"),
    **_CLUSTERED,
)

conversations = Table(
    "conversations",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("id", Id, nullable=False),
    Column("profile_id", Id, nullable=False),
    Column("inbox_id", Id, nullable=False),
    Column("assignee_id", Id),
    Column("state", sa.Text, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    _key("id"),
    _to("profiles", "profile_id"),
    _to("inboxes", "inbox_id"),
    _to("agents", "assignee_id"),
    Index("conversations_profile", "organization_id", "profile_id", "id"),
    Index(
        "conversations_open", "organization_id", "profile_id", unique=True,
        sqlite_where=text("state = 'open'"), postgresql_where=text("state = 'open'"),
    ),
    Index(
        "conversations_inbox", "organization_id", "inbox_id", "id",
        sqlite_where=text("state = 'open'"), postgresql_where=text("state = 'open'"),
    ),
    **_CLUSTERED,
)  # fmt: skip

items = Table(
    "items",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("seq", BigInteger, sa.Identity(), nullable=False),
    Column("profile_id", Id, nullable=False),
    Column("conversation_id", Id, nullable=False),
    Column("contact_point_id", Id),
    Column("kind", sa.Text, nullable=False),
    Column("direction", sa.Text),
    Column("channel", sa.Text),
    Column("message_id", Value),
    Column("outcome", sa.Text),
    Column("agent_id", Id),
    Column("subject", sa.Text),
    Column("body", sa.Text),
    Column("data", Json),
    _flag("verified", True),
    Column("occurred_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    _key("seq"),
    _to("conversations", "conversation_id"),
    Index("items_timeline", "organization_id", "profile_id", "seq"),
    Index("items_conversation", "organization_id", "conversation_id", "seq"),
    # RES-12: the channel's own message id, once.
    Index(
        "items_delivery", "organization_id", "channel", "message_id", unique=True,
        sqlite_where=text("message_id IS NOT NULL"), postgresql_where=text("message_id IS NOT NULL"),
    ),
    **_CLUSTERED,
)  # fmt: skip

attachments = Table(
    "attachments",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("item_seq", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("filename", sa.Text, nullable=False),
    Column("content_type", sa.Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    _key("item_seq", "position"),
    ForeignKeyConstraint(["organization_id", "item_seq"], ["items.organization_id", "items.seq"]),
)

suggestions = Table(
    "suggestions",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("profile_id", Id, nullable=False),
    Column("other_id", Id, nullable=False),
    Column("kind", sa.Text, nullable=False),
    Column("value", Value, nullable=False),
    Column("created_at", Instant, nullable=False),
    _key("profile_id", "other_id", "kind", "value"),
    _to("profiles", "profile_id"),
    _to("profiles", "other_id"),
    sa.CheckConstraint("profile_id < other_id", name="suggestions_pair"),
    Index("suggestions_other", "organization_id", "other_id"),
    **_CLUSTERED,
)

search_terms = Table(
    "search_terms",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("term", Value, nullable=False),
    Column("profile_id", Id, nullable=False),
    _key("term", "profile_id"),
    Index("search_terms_profile", "organization_id", "profile_id"),
    **_CLUSTERED,
)

outbox = Table(
    "outbox",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("seq", BigInteger, sa.Identity(), nullable=False),
    Column("id", Id, nullable=False),
    Column("profile_id", Id, nullable=False),
    Column("type", sa.Text, nullable=False),
    Column("data", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    _key("seq"),
    **_CLUSTERED,
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("key", Value, nullable=False),
    Column("fingerprint", sa.Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", Json, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    _key("key"),
    Index("idempotency_keys_age", "organization_id", "created_at"),
)

runs = Table(
    "runs",
    metadata,
    Column("organization_id", Org, sa.ForeignKey("organizations.id"), nullable=False),
    Column("id", Id, nullable=False),
    Column("kind", sa.Text, nullable=False),
    Column("name", sa.Text, nullable=False),
    Column("state", sa.Text, nullable=False),
    Column("position", sa.Text, nullable=False, server_default=""),
    Column("done", BigInteger, nullable=False, server_default="0"),
    Column("total", BigInteger),
    Column("counts", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    _key("id"),
    Index("runs_by_name", "organization_id", "kind", "name"),
    **_CLUSTERED,
)

OWNED = tuple(t for t in metadata.sorted_tables if t.name != "organizations")
"""Tables whose rows belong to an organization; PostgreSQL guards them by row-level security as well."""
