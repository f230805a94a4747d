"""A profile: what it holds, what is found by it, and what is being written on it."""

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

profiles = Table(
    "profiles",
    metadata,
    Column("organization_id", Org, sa.ForeignKey("organizations.id"), nullable=False),
    Column("id", Id, nullable=False),
    Column("name", sa.Text),
    flag("name_confirmed"),
    Column("username", sa.Text),
    Column("image", sa.Text),
    Column("attributes", Json),
    Column("survivor_id", Id),
    Column("version", BigInteger, nullable=False, server_default="1"),
    Column("created_by", Id),
    Column("created_at", Instant, nullable=False),
    primary_key("id"),
    refers_to("profiles", "survivor_id"),
    refers_to("agents", "created_by"),
    Index(
        "profiles_merged_into",
        "organization_id",
        "survivor_id",
        sqlite_where=text("survivor_id IS NOT NULL"),
        postgresql_where=text("survivor_id IS NOT NULL"),
    ),
    **CLUSTERED,
)

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
    flag("main"),
    flag("sms"),
    Column("handle", sa.Text),
    flag("identifying"),
    flag("contacted"),
    # A former customer ID, or the social account of a network that is not the one shown (MRG-3): opens, is not shown.
    flag("current", True),
    flag("undeliverable"),  # a mail server has said so (RES-19), and nothing has come from it since
    Column("standing", sa.Text, nullable=False, server_default="entered"),  # contacted, entered or claimed (PRO-13)
    Column("created_at", Instant, nullable=False),
    primary_key("id"),
    refers_to("profiles", "profile_id"),
    sa.UniqueConstraint("organization_id", "profile_id", "kind", "value", name="contact_points_once"),
    # PRO-3: at most one profile holds a given identifying contact point.
    Index(
        "contact_points_identifying",
        "organization_id",
        "kind",
        "value",
        unique=True,
        sqlite_where=text("identifying"),
        postgresql_where=text("identifying"),
    ),
    Index(
        "contact_points_listed",
        "organization_id",
        "kind",
        "value",
        text("(standing = 'claimed')"),
        text("(standing = 'entered')"),
        "id",
        sqlite_where=text("NOT identifying"),
        postgresql_where=text("NOT identifying"),
    ),
    # PRO-2: at most one Main email and one Main phone; PRO-1: at most one customer ID.
    Index(
        "contact_points_main",
        "organization_id",
        "profile_id",
        "kind",
        unique=True,
        sqlite_where=text("main"),
        postgresql_where=text("main"),
    ),
    Index(
        "contact_points_customer_id",
        "organization_id",
        "profile_id",
        unique=True,
        sqlite_where=text("kind = 'customer_id' AND current"),
        postgresql_where=text("kind = 'customer_id' AND current"),
    ),
    **CLUSTERED,
)

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
    primary_key("id"),
    refers_to("profiles", "profile_id"),
    Index("details_profile", "organization_id", "profile_id"),
    **CLUSTERED,
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
    primary_key("id"),
    refers_to("profiles", "profile_id"),
    Index("addresses_profile", "organization_id", "profile_id"),
    **CLUSTERED,
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
    primary_key("id"),
    refers_to("profiles", "profile_id"),
    refers_to("profiles", "other_id"),
    sa.UniqueConstraint("organization_id", "profile_id", "other_id", "kind", name="relationships_once"),
    Index("relationships_other", "organization_id", "other_id"),
    **CLUSTERED,
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
    primary_key("id"),
    refers_to("profiles", "profile_id"),
    refers_to("agents", "author_id"),
    Index("drafts_profile", "organization_id", "profile_id"),
    Index("drafts_author", "organization_id", "author_id", "id"),
    **CLUSTERED,
)

search_terms = Table(
    "search_terms",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("term", Value, nullable=False),
    Column("profile_id", Id, nullable=False),
    primary_key("term", "profile_id"),
    Index("search_terms_profile", "organization_id", "profile_id"),
    **CLUSTERED,
)
