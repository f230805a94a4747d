"""Long work and its progress, and what was answered before."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table

from onefold.database.tables.columns import CLUSTERED, Id, Instant, Json, Org, Value, metadata, primary_key, refers_to

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
    primary_key("id"),
    Index("runs_by_name", "organization_id", "kind", "name"),
    **CLUSTERED,
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
    primary_key("run_id", "position"),
    refers_to("runs", "run_id"),
    **CLUSTERED,
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
    primary_key("key"),
    Index("idempotency_keys_age", "organization_id", "created_at"),
)

# Insights: how often something happened on a day (UTC), and up to where items and the audit log have been counted.
daily_counts = Table(
    "daily_counts",
    metadata,
    Column("organization_id", Org, sa.ForeignKey("organizations.id"), nullable=False),
    Column("day", Value, nullable=False),  # as in 2026-11-22
    Column("name", Value, nullable=False),  # as in contact.email.new_profile
    Column("number", BigInteger, nullable=False),
    primary_key("day", "name"),
    **CLUSTERED,
)

counted_until = Table(
    "counted_until",
    metadata,
    Column("organization_id", Org, sa.ForeignKey("organizations.id"), nullable=False),
    Column("source", Value, nullable=False),  # items, audit
    Column("seq", BigInteger, nullable=False),
    primary_key("source"),
    **CLUSTERED,
)
