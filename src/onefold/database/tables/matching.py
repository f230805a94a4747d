"""Who may be one: what likeness is found by, what two share, the rating of both, and "No Match"."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, Index, Table, text

from onefold.database.tables.columns import CLUSTERED, Id, Instant, Org, Value, metadata, primary_key, refers_to

match_keys = Table(
    "match_keys",
    metadata,
    Column("organization_id", Org, nullable=False),
    Column("key", Value, nullable=False),
    Column("holder_id", Id, nullable=False),  # a contact point; for the key of a username, the profile
    primary_key("key", "holder_id"),
    **CLUSTERED,
)

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
    primary_key("profile_id", "other_id", "kind", "value", "other_value"),
    refers_to("profiles", "profile_id"),
    refers_to("profiles", "other_id"),
    sa.CheckConstraint("profile_id < other_id", name="evidence_pair"),
    Index("evidence_other", "organization_id", "other_id"),
    **CLUSTERED,
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
    primary_key("profile_id", "other_id"),
    refers_to("profiles", "profile_id"),
    refers_to("profiles", "other_id"),
    sa.CheckConstraint("profile_id < other_id", name="suggestions_pair"),
    Index("suggestions_other", "organization_id", "other_id"),
    *(
        Index(
            name,
            "organization_id",
            "rating",
            "profile_id",
            "other_id",
            sqlite_where=text(f"state = '{state}'"),
            postgresql_where=text(f"state = '{state}'"),
        )
        for name, state in (("suggestions_queue", "open"), ("suggestions_dismissed", "dismissed"))
    ),
    **CLUSTERED,
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
    primary_key("id"),
    sa.CheckConstraint("profile_id < other_id", name="verdicts_pair"),
    Index("verdicts_profile", "organization_id", "profile_id"),
    Index("verdicts_other", "organization_id", "other_id"),
    **CLUSTERED,
)
