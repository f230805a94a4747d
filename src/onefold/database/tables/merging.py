"""Who was merged into whom, and the log of every such decision."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Index, Table, text

from onefold.database.tables.columns import CLUSTERED, Id, Instant, Org, metadata, primary_key

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
    Column("former_name", sa.Text),  # the name that lost, by which the customer is still found (MRG-19)
    Column("together_id", Id),  # of those that were merged in one step, the first merge's (MRG-18)
    primary_key("id"),
    Index(
        "merges_together",
        "organization_id",
        "together_id",
        sqlite_where=text("together_id IS NOT NULL"),
        postgresql_where=text("together_id IS NOT NULL"),
    ),
    Index("merges_source", "organization_id", "source_id"),
    Index("merges_destination", "organization_id", "destination_id"),
    **CLUSTERED,
)

absorbed_points = Table(
    "absorbed_points",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("id", Id, nullable=False),  # of the contact point that became one with another in a merge
    Column("contact_point_id", Id, nullable=False),
    primary_key("id"),
    Index("absorbed_points_by", "organization_id", "contact_point_id"),
    **CLUSTERED,
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
    primary_key("seq"),
    Index("audit_profile", "organization_id", "profile_id", "seq"),
    Index("audit_other", "organization_id", "other_id", "seq"),
    Index("audit_action", "organization_id", "action", "seq"),
    Index("audit_agent", "organization_id", "agent_id", "seq"),
    Index("audit_at", "organization_id", "at", "seq"),
    **CLUSTERED,
)

audit_records = Table(
    "audit_records",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("salt", sa.Text, nullable=False),
    Column("record", sa.Text, nullable=False),  # JSON, as it was hashed: both sides before
    primary_key("seq"),
    **CLUSTERED,
)
