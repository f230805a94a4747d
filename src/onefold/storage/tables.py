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
    Column("undo_days", Integer, nullable=False, server_default="30"),
    Column("merge_policies", Json),  # by field; what is missing is as the preset `by-rule` has it
    Column("match_weights", Json),  # by feature; what is missing is as the defaults have it
    _flag("has_webhooks"),  # events written while this is false wait for nobody
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
    # A former customer ID, or the social account of a network that is not the one shown (MRG-3): opens, is not shown.
    _flag("current", True),
    # False while only unproven senders have written from it (RES-14).
    _flag("proven", True),
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
        sqlite_where=text("kind = 'customer_id' AND current"),
        postgresql_where=text("kind = 'customer_id' AND current"),
    ),
    **_CLUSTERED,
)  # fmt: skip

# As the partial indexes say it: SQLite meets no index by `identifying = 1`.
IDENTIFYING, LISTED = text("contact_points.identifying"), text("NOT contact_points.identifying")

details = Table(
    "details",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("id", Id, nullable=False),
    Column("profile_id", Id, nullable=False),
    Column("key", sa.Text, nullable=False),
    Column("value", sa.Text, nullable=False),
    Column("from_profile_id", Id),  # where it came from, where a merge kept two values of one key (MRG-3)
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
    Column("position", Integer, nullable=False, server_default="0"),
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
    Column("merged_into_id", Id),  # the conversation this one became one with, however many merges deep (MRG-5)
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
    Index(
        "conversations_merged", "organization_id", "merged_into_id",
        sqlite_where=text("merged_into_id IS NOT NULL"), postgresql_where=text("merged_into_id IS NOT NULL"),
    ),
    **_CLUSTERED,
)  # fmt: skip

items = Table(
    "items",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("seq", BigInteger, sa.Identity(), nullable=False),
    Column("profile_id", Id, nullable=False),
    Column("conversation_id", Id),  # none for an event of a profile that has no open conversation
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

drafts = Table(
    "drafts",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("id", Id, nullable=False),
    Column("profile_id", Id, nullable=False),
    Column("author_id", Id, nullable=False),
    Column("kind", sa.Text, nullable=False),
    Column("contact_point_id", Id),
    Column("subject", sa.Text),
    Column("body", sa.Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    _key("id"),
    _to("profiles", "profile_id"),
    _to("agents", "author_id"),
    Index("drafts_profile", "organization_id", "profile_id"),
    Index("drafts_author", "organization_id", "author_id"),
    **_CLUSTERED,
)

absorbed_points = Table(
    "absorbed_points",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("id", Id, nullable=False),  # of the contact point that became one with another in a merge
    Column("contact_point_id", Id, nullable=False),
    _key("id"),
    Index("absorbed_points_by", "organization_id", "contact_point_id"),
    **_CLUSTERED,
)

suggestions = Table(
    "suggestions",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("profile_id", Id, nullable=False),
    Column("other_id", Id, nullable=False),
    Column("state", sa.Text, nullable=False),  # open; dismissed: "No Match" covers all its evidence (SUG-4)
    Column("rating", sa.Double, nullable=False),
    Column("kinds", sa.Text, nullable=False),  # of its evidence, in order, with a space around each
    Column("created_at", Instant, nullable=False),
    _key("profile_id", "other_id"),
    _to("profiles", "profile_id"),
    _to("profiles", "other_id"),
    sa.CheckConstraint("profile_id < other_id", name="suggestions_pair"),
    Index("suggestions_other", "organization_id", "other_id"),
    Index(
        "suggestions_queue", "organization_id", "rating", "profile_id", "other_id",
        sqlite_where=text("state = 'open'"), postgresql_where=text("state = 'open'"),
    ),
    **_CLUSTERED,
)  # fmt: skip

evidence = Table(
    "evidence",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("profile_id", Id, nullable=False),
    Column("other_id", Id, nullable=False),
    Column("kind", sa.Text, nullable=False),
    Column("value", Value, nullable=False),
    Column("other_value", Value, nullable=False),  # the other side's; the same text where the two are equal
    Column("created_at", Instant, nullable=False),
    _key("profile_id", "other_id", "kind", "value", "other_value"),
    _to("profiles", "profile_id"),
    _to("profiles", "other_id"),
    sa.CheckConstraint("profile_id < other_id", name="evidence_pair"),
    Index("evidence_other", "organization_id", "other_id"),
    **_CLUSTERED,
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("id", Id, nullable=False),
    # The profiles as they were when it was given: it holds for their survivors, and a merge undone has nothing to mend.
    Column("profile_id", Id, nullable=False),
    Column("other_id", Id, nullable=False),
    Column("kinds", sa.Text, nullable=False),  # of the evidence it was given on, written as in suggestions
    Column("agent_id", Id),
    Column("created_at", Instant, nullable=False),
    Column("withdrawn_at", Instant),
    _key("id"),
    sa.CheckConstraint("profile_id < other_id", name="verdicts_pair"),
    Index("verdicts_profile", "organization_id", "profile_id"),
    Index("verdicts_other", "organization_id", "other_id"),
    **_CLUSTERED,
)

match_keys = Table(
    "match_keys",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("key", Value, nullable=False),
    Column("holder_id", Id, nullable=False),  # a contact point; for the key of a username, the profile
    _key("key", "holder_id"),
    **_CLUSTERED,
)

merges = Table(
    "merges",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("id", Id, nullable=False),
    Column("source_id", Id, nullable=False),
    Column("destination_id", Id, nullable=False),
    Column("agent_id", Id),
    Column("event_seq", BigInteger, nullable=False),  # its first event: items with a higher number came after it
    Column("audit_seq", BigInteger, nullable=False),  # where both sides before are kept
    Column("created_at", Instant, nullable=False),
    Column("undone_at", Instant),
    _key("id"),
    Index("merges_source", "organization_id", "source_id"),
    Index("merges_destination", "organization_id", "destination_id"),
    **_CLUSTERED,
)

audit = Table(
    "audit",
    metadata,
    Column("organization_id", Org, sa.ForeignKey("organizations.id"), nullable=False),
    Column("seq", BigInteger, nullable=False),  # without gaps: each entry follows the one whose hash it carries
    Column("at", Instant, nullable=False),
    Column("action", sa.Text, nullable=False),
    Column("agent_id", Id),
    Column("key_id", Id),
    Column("origin", sa.Text, nullable=False),
    Column("profile_id", Id),
    Column("other_id", Id),
    Column("details", sa.Text, nullable=False),  # JSON, as it was hashed; ids, kinds and choices, no customer's values
    Column("record_hash", sa.Text),  # of the salted record, which an erasure may take away
    Column("hash", sa.Text, nullable=False),
    _key("seq"),
    Index("audit_profile", "organization_id", "profile_id", "seq"),
    Index("audit_other", "organization_id", "other_id", "seq"),
    **_CLUSTERED,
)

audit_records = Table(
    "audit_records",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("salt", sa.Text, nullable=False),
    Column("record", sa.Text, nullable=False),  # JSON, as it was hashed: both sides before
    _key("seq"),
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
    _flag("pending"),  # to be handed to webhooks
    Column("created_at", Instant, nullable=False),
    _key("seq"),
    Index(
        "outbox_pending", "organization_id", "seq",
        sqlite_where=text("pending"), postgresql_where=text("pending"),
    ),
    **_CLUSTERED,
)  # fmt: skip

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
    Column("agent_id", Id),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    _key("id"),
    Index("runs_by_name", "organization_id", "kind", "name"),
    **_CLUSTERED,
)

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("organization_id", Org, sa.ForeignKey("organizations.id"), nullable=False),
    Column("id", Id, nullable=False),
    Column("url", sa.Text, nullable=False),
    Column("description", sa.Text, nullable=False, server_default=""),
    Column("event_types", Json),  # none: all
    Column("state", sa.Text, nullable=False, server_default="enabled"),  # enabled, disabled; removed: soon forgotten
    Column("reason", sa.Text),  # why it is disabled
    Column("secret", sa.Text, nullable=False),  # in clear: signing needs it
    Column("previous_secret", sa.Text),
    Column("previous_until", Instant),
    Column("after_seq", BigInteger, nullable=False),  # it is told of newer events only
    Column("failures", Integer, nullable=False, server_default="0"),  # how often in a row it did not answer at all
    Column("failing_since", Instant),  # the first failed try since something was delivered
    Column("paused_until", Instant),
    Column("created_at", Instant, nullable=False),
    _key("id"),
    **_CLUSTERED,
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("endpoint_id", Id, nullable=False),
    Column("event_seq", BigInteger, nullable=False),
    Column("event_id", Id, nullable=False),
    Column("profile_id", Id, nullable=False),
    Column("state", sa.Text, nullable=False, server_default="pending"),  # pending, delivered, failed
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_at", Instant),  # none while it is not its turn; while it is being sent, when somebody else may
    Column("claim_id", Id),  # of whoever is sending it
    Column("last_status", Integer),
    Column("last_error", sa.Text),  # a code of ours, never what the receiver answered
    Column("created_at", Instant, nullable=False),
    Column("ended_at", Instant),
    _key("endpoint_id", "event_seq"),
    _to("webhook_endpoints", "endpoint_id"),
    Index(
        "webhook_deliveries_due", "organization_id", "endpoint_id", "next_at",
        sqlite_where=text("next_at IS NOT NULL"), postgresql_where=text("next_at IS NOT NULL"),
    ),
    *(
        Index(
            f"webhook_deliveries_{state}", "organization_id", "endpoint_id", "event_seq",
            sqlite_where=text(f"state = '{state}'"), postgresql_where=text(f"state = '{state}'"),
        )
        for state in ("pending", "failed")
    ),
    **_CLUSTERED,
)  # fmt: skip

# A pending delivery under each profile its event speaks of: it is its turn when it is the first of every one of them.
webhook_turns = Table(
    "webhook_turns",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("endpoint_id", Id, nullable=False),
    Column("profile_id", Id, nullable=False),
    Column("event_seq", BigInteger, nullable=False),
    _key("endpoint_id", "profile_id", "event_seq"),
    **_CLUSTERED,
)

run_pairs = Table(
    "run_pairs",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("run_id", Id, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("source_id", sa.Text, nullable=False),  # as given: it may be no id at all
    Column("destination_id", sa.Text, nullable=False),
    Column("outcome", sa.Text),  # none yet; merged, refused, one already
    Column("code", sa.Text),
    Column("detail", sa.Text),
    _key("run_id", "position"),
    _to("runs", "run_id"),
    **_CLUSTERED,
)

OWNED = tuple(t for t in metadata.sorted_tables if t.name != "organizations")
"""Tables whose rows belong to an organization; PostgreSQL guards them by row-level security as well."""
