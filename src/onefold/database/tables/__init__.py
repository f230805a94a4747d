"""Every table. `organization_id` leads every key (nothing crosses between two organizations).

- Ids are UUIDv7, as text in SQLite. `seq` columns count arrivals by the database's own sequence, never by a clock.
- Instants are UTC; in SQLite ISO 8601 text of fixed width, so that text order is time order.
- `C` collation for what is looked up by equality or prefix: normal forms are ours, not the database's.
- A profile merged away stays as a redirect: `survivor_id` is the living profile, however many merges deep. Items and
  closed conversations keep the profile they were written for; their owner today is that profile's survivor.
"""

from __future__ import annotations

from onefold.database.tables.accounts import (
    agents,
    api_keys,
    blocklist,
    inbox_agents,
    inboxes,
    organizations,
    passkeys,
    sessions,
    sign_in_tokens,
    sign_in_tries,
)
from onefold.database.tables.columns import Id, Instant, Json, Value, instant, instant_text, metadata
from onefold.database.tables.events import outbox, webhook_deliveries, webhook_endpoints, webhook_turns
from onefold.database.tables.history import (
    attachments,
    conversation_reads,
    conversations,
    item_inboxes,
    items,
    presence,
    set_aside,
    set_aside_files,
    set_aside_inboxes,
)
from onefold.database.tables.matching import evidence, match_keys, suggestions, verdicts
from onefold.database.tables.merging import absorbed_points, audit, audit_records, merges
from onefold.database.tables.operations import counted_until, daily_counts, idempotency_keys, run_pairs, runs
from onefold.database.tables.profile import (
    IDENTIFYING,
    LISTED,
    addresses,
    contact_points,
    details,
    drafts,
    profiles,
    relationships,
    search_terms,
)

OWNED = tuple(t for t in metadata.sorted_tables if t.name != "organizations")
"""Tables whose rows belong to an organization; PostgreSQL guards them by row-level security as well."""

__all__ = [
    "IDENTIFYING",
    "LISTED",
    "OWNED",
    "Id",
    "Instant",
    "Json",
    "Value",
    "absorbed_points",
    "addresses",
    "agents",
    "api_keys",
    "attachments",
    "audit",
    "audit_records",
    "blocklist",
    "contact_points",
    "conversation_reads",
    "conversations",
    "counted_until",
    "daily_counts",
    "details",
    "drafts",
    "evidence",
    "idempotency_keys",
    "inbox_agents",
    "inboxes",
    "instant",
    "instant_text",
    "item_inboxes",
    "items",
    "match_keys",
    "merges",
    "metadata",
    "organizations",
    "outbox",
    "passkeys",
    "presence",
    "profiles",
    "relationships",
    "run_pairs",
    "runs",
    "search_terms",
    "sessions",
    "set_aside",
    "set_aside_files",
    "set_aside_inboxes",
    "sign_in_tokens",
    "sign_in_tries",
    "suggestions",
    "verdicts",
    "webhook_deliveries",
    "webhook_endpoints",
    "webhook_turns",
]
