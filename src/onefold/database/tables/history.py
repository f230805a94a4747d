"""What happened: conversations and the items of a timeline."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Index, Integer, LargeBinary, Table, text

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
    primary_key("id"),
    refers_to("profiles", "profile_id"),
    refers_to("inboxes", "inbox_id"),
    refers_to("agents", "assignee_id"),
    Index("conversations_profile", "organization_id", "profile_id", "id"),
    Index(
        "conversations_open",
        "organization_id",
        "profile_id",
        unique=True,
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
    Index(
        "conversations_inbox",
        "organization_id",
        "inbox_id",
        "id",
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
    Index(
        "conversations_assignee",
        "organization_id",
        "assignee_id",
        "id",
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
    Index(
        "conversations_merged",
        "organization_id",
        "merged_into_id",
        sqlite_where=text("merged_into_id IS NOT NULL"),
        postgresql_where=text("merged_into_id IS NOT NULL"),
    ),
    **CLUSTERED,
)

# What each agent has read: unread is a conversation whose customer wrote something newer.
conversation_reads = Table(
    "conversation_reads",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("agent_id", Id, nullable=False),
    Column("conversation_id", Id, nullable=False),
    Column("seq", BigInteger, nullable=False),
    primary_key("agent_id", "conversation_id"),
    refers_to("agents", "agent_id"),
    refers_to("conversations", "conversation_id"),
    Index("conversation_reads_conversation", "organization_id", "conversation_id"),
    **CLUSTERED,
)

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
    Column("sender_key", sa.Text),  # tells senders apart who use one message id (RES-12); none before 0.4
    Column("outcome", sa.Text),
    Column("agent_id", Id),
    Column("subject", sa.Text),
    Column("body", sa.Text),
    Column("data", Json),
    Column("sender_state", sa.Text),  # of what came in: proven, unchecked or failed (RES-14)
    Column("occurred_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("timeline_second", BigInteger, nullable=False, server_default="0"),  # conversations/timeline.py
    Column("sender_name", sa.Text),  # as the channel gave it, of what came in since 0.4
    Column("inbox_id", Id),  # which it was routed to; none of what did not come in, nor before 0.4
    primary_key("seq"),
    refers_to("conversations", "conversation_id"),
    # As timelines are read: by when things happened.
    Index("items_timeline", "organization_id", "profile_id", "timeline_second", "seq"),
    Index("items_conversation", "organization_id", "conversation_id", "timeline_second", "seq"),
    # RES-12: the channel's own message id, once of each sender.
    Index(
        "items_delivery",
        "organization_id",
        "channel",
        "message_id",
        "sender_key",
        unique=True,
        sqlite_where=text("message_id IS NOT NULL"),
        postgresql_where=text("message_id IS NOT NULL"),
    ),
    **CLUSTERED,
)

# Which agents are at a customer at this moment (UI-4); of no profile's data, and forgotten within the hour.
presence = Table(
    "presence",
    metadata,
    Column("organization_id", Org, sa.ForeignKey("organizations.id"), nullable=False),
    Column("profile_id", Id, nullable=False),
    Column("agent_id", Id, nullable=False),
    Column("seen_at", Instant, nullable=False),
    flag("writing"),
    primary_key("profile_id", "agent_id"),
    **CLUSTERED,
)

# The inboxes that an item was delivered to besides its own (RES-12).
item_inboxes = Table(
    "item_inboxes",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("inbox_id", Id, nullable=False),
    Column("item_seq", BigInteger, nullable=False),
    primary_key("item_seq", "inbox_id"),
    refers_to("inboxes", "inbox_id"),
    ForeignKeyConstraint(["organization_id", "item_seq"], ["items.organization_id", "items.seq"]),
    Index("item_inboxes_inbox", "organization_id", "inbox_id", "item_seq"),
    **CLUSTERED,
)

# Mail that is nobody's yet: what a machine sent about nobody known, what an agent sent (RES-18, RES-19).
set_aside = Table(
    "set_aside",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("id", Id, nullable=False),
    Column("inbox_id", Id, nullable=False),
    Column("reason", sa.Text, nullable=False),
    Column("channel", sa.Text, nullable=False),
    Column("message_id", Value, nullable=False),
    Column("sender_key", sa.Text, nullable=False),
    Column("sender", sa.Text),
    Column("subject", sa.Text),
    Column("body", sa.Text),
    Column("data", Json),
    Column("sender_state", sa.Text, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    primary_key("id"),
    refers_to("inboxes", "inbox_id"),
    sa.UniqueConstraint("organization_id", "channel", "message_id", "sender_key", name="set_aside_once"),
)

set_aside_files = Table(
    "set_aside_files",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("set_aside_id", Id, nullable=False),
    Column("position", sa.Integer, nullable=False),
    Column("filename", sa.Text, nullable=False),
    Column("content_type", sa.Text, nullable=False),
    Column("content", sa.LargeBinary, nullable=False),
    primary_key("set_aside_id", "position"),
    refers_to("set_aside", "set_aside_id"),
)

# Every inbox that it was delivered to, the first one as well (RES-12).
set_aside_inboxes = Table(
    "set_aside_inboxes",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("inbox_id", Id, nullable=False),
    Column("set_aside_id", Id, nullable=False),
    primary_key("set_aside_id", "inbox_id"),
    refers_to("inboxes", "inbox_id"),
    refers_to("set_aside", "set_aside_id"),
    # Partial, so that it serves those who ask for an inbox, and nobody else: PostgreSQL takes it for a short cut.
    Index(
        "set_aside_inboxes_inbox",
        "organization_id",
        "inbox_id",
        "set_aside_id",
        postgresql_where=sa.text("inbox_id IS NOT NULL"),
        sqlite_where=sa.text("inbox_id IS NOT NULL"),
    ),
    **CLUSTERED,
)

attachments = Table(
    "attachments",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("item_seq", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("filename", sa.Text, nullable=False),
    Column("content_type", sa.Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    primary_key("item_seq", "position"),
    ForeignKeyConstraint(["organization_id", "item_seq"], ["items.organization_id", "items.seq"]),
)
