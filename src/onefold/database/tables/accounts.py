"""Organizations with their settings, and who may do what."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Index, Integer, Table, text

from onefold.database.tables.columns import (
    CLUSTERED,
    Id,
    Instant,
    Json,
    Org,
    Value,
    flag,
    metadata,
    primary_key,
    refers_to,
)

organizations = Table(
    "organizations",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", sa.Text, nullable=False),
    Column("default_region", sa.Text, nullable=False),
    Column("matching_mode", sa.Text, nullable=False, server_default="listed"),
    flag("mobile_identification"),
    Column("shared_limit", Integer, nullable=False, server_default="20"),
    Column("default_inbox_id", Id, nullable=False),
    Column("undo_days", Integer, nullable=False, server_default="30"),
    Column("merge_policies", Json),  # by field; what is missing is as the preset `by-rule` has it
    Column("match_weights", Json),  # by feature; what is missing is as the defaults have it
    Column("silent_days", Integer, nullable=False, server_default="180"),
    Column("session_idle_minutes", Integer, nullable=False, server_default="480"),
    Column("visitor_sign_in", sa.Text, nullable=False, server_default="suggest"),
    Column("own_addresses", Json),  # addresses and domains whose mail is never a customer's (RES-18)
    Column("relays", Json),  # addresses that send for others, and where their mail names the customer (RES-18)
    flag("assign_on_answer", default=True),
    flag("has_webhooks"),  # events written while this is false wait for nobody
    flag("has_runs"),  # asked for every second by the background worker, for all organizations at once
    Column("settings_version", BigInteger, nullable=False, server_default="1"),
    Column("created_at", Instant, nullable=False),
)

blocklist = Table(
    "blocklist",
    metadata,
    Column("organization_id", Org, sa.ForeignKey("organizations.id"), nullable=False),
    Column("kind", sa.Text, nullable=False),
    Column("value", Value, nullable=False),
    primary_key("kind", "value"),
    **CLUSTERED,
)

inboxes = Table(
    "inboxes",
    metadata,
    Column("organization_id", Org, sa.ForeignKey("organizations.id"), nullable=False),
    Column("id", Id, nullable=False),
    Column("name", sa.Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    primary_key("id"),
    sa.UniqueConstraint("organization_id", "name", name="inboxes_name"),
    **CLUSTERED,
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
    Column("totp_secret", sa.Text),  # of the second factor, sealed (core/secrets)
    Column("totp_step", BigInteger),  # the newest step a code was taken for: none serves twice
    Column("oidc_issuer", Value),
    Column("oidc_subject", Value),
    flag("active", True),
    Column("recent_inbox_id", Id),
    Column("created_at", Instant, nullable=False),
    primary_key("id"),
    sa.UniqueConstraint("organization_id", "email", name="agents_email"),
    refers_to("inboxes", "recent_inbox_id"),
    Index(
        "agents_oidc",
        "organization_id",
        "oidc_issuer",
        "oidc_subject",
        unique=True,
        sqlite_where=text("oidc_subject IS NOT NULL"),
        postgresql_where=text("oidc_subject IS NOT NULL"),
    ),
    **CLUSTERED,
)

inbox_agents = Table(
    "inbox_agents",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("inbox_id", Id, nullable=False),
    Column("agent_id", Id, nullable=False),
    primary_key("inbox_id", "agent_id"),
    refers_to("inboxes", "inbox_id"),
    refers_to("agents", "agent_id"),
    **CLUSTERED,
)

sessions = Table(
    "sessions",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("token_hash", Value, nullable=False),
    Column("agent_id", Id, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("id", Id, nullable=False),  # what it is called where the token is not to be
    Column("last_used_at", Instant, nullable=False),
    Column("proven_at", Instant),  # when who uses it has last proven who they are
    Column("origin", sa.Text, nullable=False, server_default=""),
    Column("device", sa.Text, nullable=False, server_default=""),
    primary_key("token_hash"),
    refers_to("agents", "agent_id"),
    Index("sessions_agent", "organization_id", "agent_id"),
    **CLUSTERED,
)

passkeys = Table(
    "passkeys",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("id", Id, nullable=False),
    Column("agent_id", Id, nullable=False),
    Column("credential_id", Value, nullable=False),
    Column("public_key", sa.LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("name", sa.Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_used_at", Instant),
    primary_key("credential_id"),
    refers_to("agents", "agent_id"),
    # Partial, so that PostgreSQL does not take it where a credential is asked for.
    Index(
        "passkeys_agent",
        "organization_id",
        "agent_id",
        postgresql_where=sa.text("agent_id IS NOT NULL"),
        sqlite_where=sa.text("agent_id IS NOT NULL"),
    ),
    **CLUSTERED,
)

sign_in_tokens = Table(
    "sign_in_tokens",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("token_hash", Value, nullable=False),
    Column("agent_id", Id, nullable=False),
    Column("purpose", sa.Text, nullable=False),  # link, invitation, second_factor; each is good once
    Column("expires_at", Instant, nullable=False),
    primary_key("token_hash"),
    refers_to("agents", "agent_id"),
    Index("sign_in_tokens_agent", "organization_id", "agent_id"),
    **CLUSTERED,
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
    primary_key("id"),
    sa.UniqueConstraint("organization_id", "secret_hash", name="api_keys_secret"),
    **CLUSTERED,
)

sign_in_tries = Table(
    "sign_in_tries",
    metadata,
    Column("organization_id", Org, sa.ForeignKey("organizations.id"), nullable=False),
    Column("id", Id, nullable=False),
    Column("counted", Value, nullable=False),  # the hash of what is counted: an address, a network, a device
    Column("tried_at", Instant, nullable=False),
    primary_key("id"),
    Index("sign_in_tries_counted", "organization_id", "counted", "tried_at"),
    **CLUSTERED,
)
