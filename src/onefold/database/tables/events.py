"""What is told of what happened, to whom, and whose turn it is."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Index, Integer, Table, text

from onefold.database.tables.columns import CLUSTERED, Id, Instant, Json, Org, flag, metadata, primary_key, refers_to

outbox = Table(
    "outbox",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("seq", BigInteger, sa.Identity(), nullable=False),
    Column("id", Id, nullable=False),
    Column("profile_id", Id, nullable=False),
    Column("type", sa.Text, nullable=False),
    Column("data", Json, nullable=False),
    flag("pending"),  # to be handed to webhooks
    Column("created_at", Instant, nullable=False),
    primary_key("seq"),
    Index(
        "outbox_pending",
        "organization_id",
        "seq",
        sqlite_where=text("pending"),
        postgresql_where=text("pending"),
    ),
    **CLUSTERED,
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
    Column("secret", sa.Text, nullable=False),  # sealed (core/secrets)
    Column("previous_secret", sa.Text),
    Column("previous_until", Instant),
    Column("after_seq", BigInteger, nullable=False),  # it is told of newer events only
    Column("failures", Integer, nullable=False, server_default="0"),  # how often in a row it did not answer at all
    Column("failing_since", Instant),  # the first failed try since something was delivered
    Column("paused_until", Instant),
    Column("created_at", Instant, nullable=False),
    primary_key("id"),
    **CLUSTERED,
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
    primary_key("endpoint_id", "event_seq"),
    refers_to("webhook_endpoints", "endpoint_id"),
    Index(
        "webhook_deliveries_due",
        "organization_id",
        "endpoint_id",
        "next_at",
        sqlite_where=text("next_at IS NOT NULL"),
        postgresql_where=text("next_at IS NOT NULL"),
    ),
    *(
        Index(
            f"webhook_deliveries_{state}",
            "organization_id",
            "endpoint_id",
            "event_seq",
            sqlite_where=text(f"state = '{state}'"),
            postgresql_where=text(f"state = '{state}'"),
        )
        for state in ("pending", "failed")
    ),
    **CLUSTERED,
)

# A pending delivery under each profile its event speaks of: it is its turn when it is the first of every one of them.
webhook_turns = Table(
    "webhook_turns",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("endpoint_id", Id, nullable=False),
    Column("profile_id", Id, nullable=False),
    Column("event_seq", BigInteger, nullable=False),
    primary_key("endpoint_id", "profile_id", "event_seq"),
    **CLUSTERED,
)
