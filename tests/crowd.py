"""A base full of other customers, made by the database itself: past the service and its checks, because it is quick.

Every table that grows with the customers has rows of theirs; of settings there is what those rows refer to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg

from onefold.database import tables
from onefold.database.engine import Database

NOT_CROWDED = frozenset(("inboxes", "inbox_agents", "api_keys", "blocklist", "counted_until"))
"""Tables that do not grow with the customers."""
COMMON_LINE, HOLDERS = "+442079460999", 60
"""A phone number that the first customers list, more of them than may raise suggestions (SUG-6)."""
_AGENT, _PROFILE, _EMAIL, _PHONE, _CONVERSATION, _OTHER, _ENDPOINT, _RUN = range(1, 9)
_ENTRY = "n + 100"  # behind the entries of the audit log that an organization of a test begins with
_THEN = "'2026-01-02T03:04:05.000006+00:00'"

Columns = dict[str, str]


def _both_living(ahead: int, many: int) -> str:
    """Of a number and one ahead of it: every tenth is merged into the one before."""
    return f"n % 10 <> 0 AND (n + {ahead}) % 10 <> 0 AND n + {ahead} <= {many}"


def _rows(sqlite: bool, inbox_id: str, many: int) -> dict[str, list[tuple[Columns, str]]]:
    """What each table gets for the numbers from 1 on: its columns as SQL of `n`, and which numbers have a row."""

    def id_(kind: int, number: str = "n") -> str:
        if sqlite:
            return f"printf('%08x-0000-7000-8000-%012x', {number}, {kind})"
        return f"(lpad(to_hex({number}), 8, '0') || '-0000-7000-8000-{kind:012x}')::uuid"

    def at(column: str = "created_at") -> Columns:
        return {column: _THEN if sqlite else f"{_THEN}::timestamptz"}

    profile, agent, endpoint, run = id_(_PROFILE), id_(_AGENT, "n % 50 + 1"), id_(_ENDPOINT, "1"), id_(_RUN, "1")
    living, merged, once = "n % 10 <> 0", "n % 10 = 0", "n = 1"
    paired, few = _both_living(1, many), "n <= 50"
    inbox = f"'{inbox_id}'" + ("" if sqlite else "::uuid")
    other, after, conversation = id_(_OTHER), id_(_PROFILE, "n + 1"), id_(_CONVERSATION)
    point = {"id": id_(_EMAIL), "profile_id": profile, **at()}
    item = {"profile_id": profile, "conversation_id": conversation, **at("occurred_at"), **at("recorded_at")}
    event = {"id": other, "profile_id": profile, **at()}
    delivery = {"endpoint_id": endpoint, "event_seq": "n", "event_id": other, "profile_id": profile, **at()}
    pair = {"profile_id": profile, "other_id": after}
    rating = {"rating": f"0.5 + n / {2.5 * many}", "kinds": "' phone '"}

    def suggested(ahead: int, state: str) -> tuple[Columns, str]:
        return {
            **pair,
            "other_id": id_(_PROFILE, f"n + {ahead}"),
            "state": f"'{state}'",
            **rating,
            **at(),
        }, _both_living(ahead, many)

    return {
        "agents": [
            ({"id": agent, "email": "'c' || n || '@agents.example'", "name": "'C'", "role": "'agent'", **at()}, few)
        ],
        "profiles": [
            ({"id": profile, "name": "'Crowd ' || n", **at()}, living),
            ({"id": profile, "survivor_id": id_(_PROFILE, "n - 1"), **at()}, merged),
        ],
        "contact_points": [
            (
                {
                    **point,
                    "kind": "'email'",
                    "value": "'crowd' || n || '@crowd.example'",
                    "identifying": "true",
                    "contacted": "true",
                },
                living,
            ),
            (
                {
                    **point,
                    "id": id_(_PHONE),
                    "kind": "'phone'",
                    "phone_type": "'other'",
                    "value": f"CASE WHEN n <= {HOLDERS} THEN '{COMMON_LINE}' ELSE '+4420' || (70000000 + n) END",
                },
                living,
            ),
        ],
        "details": [({"id": other, "profile_id": profile, "key": "'Size'", "value": "'M'", **at()}, living)],
        "addresses": [({"id": other, "profile_id": profile, "street": "n || ' Main St'", **at()}, living)],
        "relationships": [({"id": other, **pair, "kind": "'friend'", **at()}, paired)],
        "drafts": [
            (
                {
                    "id": other,
                    "profile_id": profile,
                    "author_id": agent,
                    "kind": "'note'",
                    "body": "'Begun'",
                    **at(),
                    **at("updated_at"),
                },
                living,
            )
        ],
        "search_terms": [
            ({"term": "'crowd'", "profile_id": profile}, living),
            ({"term": "'crowd' || n", "profile_id": profile}, living),
        ],
        "conversations": [
            (
                {
                    "id": conversation,
                    "profile_id": profile,
                    "inbox_id": inbox,
                    "assignee_id": agent,
                    "state": "'open'",
                    **at("opened_at"),
                },
                living,
            ),
            (
                {
                    "id": conversation,
                    "profile_id": profile,
                    "inbox_id": inbox,
                    "state": "'closed'",
                    "merged_into_id": id_(_CONVERSATION, "n - 1"),
                    **at("opened_at"),
                },
                merged,
            ),
        ],
        "conversation_reads": [({"agent_id": agent, "conversation_id": conversation, "seq": "n"}, living)],
        "items": [
            (
                {
                    "seq": "2 * n - 1",
                    **item,
                    "contact_point_id": id_(_EMAIL),
                    "kind": "'message'",
                    "direction": "'in'",
                    "channel": "'email'",
                    "message_id": "'crowd-' || n",
                    "outcome": "'created'",
                    "body": "'Hello'",
                    "inbox_id": inbox,
                },
                "true",
            ),
            ({"seq": "2 * n", **item, "kind": "'event'", "data": '\'{"kind":"conversations_merged"}\''}, "true"),
        ],
        "attachments": [
            (
                {
                    "item_seq": "2 * n - 1",
                    "position": "0",
                    "filename": "'a.txt'",
                    "content": "'abc'",
                    "content_type": "'text/plain'",
                },
                "true",
            )
        ],
        "item_inboxes": [({"item_seq": "2 * n - 1", "inbox_id": inbox}, "true")],
        "set_aside": [
            (
                {
                    "id": id_(_OTHER),
                    "inbox_id": inbox,
                    "reason": "'machine'",
                    "channel": "'email'",
                    "message_id": "'aside-' || n",
                    "sender_key": "''",
                    "sender_state": "'unchecked'",
                    **at("occurred_at"),
                    **at("recorded_at"),
                },
                "true",
            )
        ],
        "set_aside_files": [
            (
                {
                    "set_aside_id": id_(_OTHER),
                    "position": "0",
                    "filename": "'a.txt'",
                    "content": "'abc'",
                    "content_type": "'text/plain'",
                },
                "true",
            )
        ],
        "set_aside_inboxes": [({"set_aside_id": id_(_OTHER), "inbox_id": inbox}, "true")],
        "match_keys": [({"key": "'e:crowd' || n || '@crowd.example'", "holder_id": id_(_EMAIL)}, living)],
        "evidence": [
            (
                {
                    **pair,
                    "kind": "'phone'",
                    "value": "'+4420' || (70000000 + n)",
                    "other_value": "'+4420' || (70000000 + n)",
                    **at(),
                },
                paired,
            )
        ],
        "suggestions": [suggested(1, "open"), suggested(2, "open"), suggested(3, "open"), suggested(4, "dismissed")],
        "verdicts": [({"id": other, **pair, "kinds": "' phone '", **at()}, paired)],
        "merges": [
            (
                {
                    "id": other,
                    "source_id": profile,
                    "destination_id": after,
                    "event_seq": "2 * n",
                    "audit_seq": _ENTRY,
                    **at(),
                },
                "true",
            )
        ],
        "absorbed_points": [({"id": other, "contact_point_id": id_(_EMAIL)}, "true")],
        "audit": [
            (
                {
                    "seq": _ENTRY,
                    **at("at"),
                    "action": "'crowd.' || n % 20",
                    "agent_id": agent,
                    "origin": "'x'",
                    **pair,
                    "details": "'{}'",
                    "record_hash": "'x'",
                    "hash": "'x'",
                },
                "true",
            )
        ],
        "audit_records": [({"seq": _ENTRY, "salt": "'x'", "record": "'{}'"}, "true")],
        "outbox": [({"seq": "n", **event, "type": "'contact.received'", "data": "'{}'"}, "true")],
        "webhook_endpoints": [
            (
                {
                    "id": endpoint,
                    "url": "'https://crowd.example'",
                    "secret": "''",
                    "after_seq": "0",
                    "state": "'disabled'",
                    **at(),
                },
                once,
            )
        ],
        "webhook_deliveries": [
            ({**delivery, "state": "'delivered'"}, living),
            ({**delivery, "state": "'pending'", **at("next_at")}, merged),
        ],
        "webhook_turns": [({"endpoint_id": endpoint, "profile_id": profile, "event_seq": "n"}, merged)],
        "runs": [
            (
                {
                    "id": id_(_RUN),
                    "kind": "'merge_pairs'",
                    "name": "'Crowd'",
                    "state": "'finished'",
                    "counts": "'{}'",
                    **at(),
                    **at("updated_at"),
                },
                few,
            )
        ],
        "run_pairs": [
            (
                {"run_id": run, "position": "n", "source_id": "'x'", "destination_id": "'y'", "outcome": "'refused'"},
                "true",
            )
        ],
        "idempotency_keys": [
            (
                {
                    "key": "'crowd-' || n",
                    "fingerprint": "'x'",
                    "status": "200",
                    "headers": "'{}'",
                    "body": "'{}'",
                    **at(),
                },
                "true",
            )
        ],
        "sessions": [
            (
                {
                    "token_hash": "'crowd-' || n",
                    "id": id_(_AGENT),
                    "agent_id": agent,
                    **at(),
                    **at("last_used_at"),
                    **at("expires_at"),
                },
                few,
            )
        ],
        "sign_in_tokens": [
            ({"token_hash": "'crowd-' || n", "agent_id": agent, "purpose": "'link'", **at("expires_at")}, few)
        ],
        "passkeys": [
            (
                {
                    "id": id_(_OTHER),
                    "agent_id": agent,
                    "credential_id": "'crowd-' || n",
                    "public_key": "'abc'",
                    "sign_count": "0",
                    "name": "'Laptop'",
                    **at("created_at"),
                },
                few,
            )
        ],
        "presence": [({"profile_id": id_(_PROFILE), "agent_id": agent, **at("seen_at")}, few)],
        "sign_in_tries": [({"id": id_(_AGENT), "counted": "'crowd-' || n", **at("tried_at")}, few)],
        "daily_counts": [({"day": "'2026-01-' || (10 + n)", "name": "'profile.merged'", "number": "5"}, "n <= 20")],
    }


def fill(database: Database, organization_id: int, inbox_id: str, many: int, superuser: str = "") -> None:
    """So many customers of an organization; on PostgreSQL as the superuser, past checks that take most of the time."""
    statements = list(_statements(database.is_sqlite, organization_id, inbox_id, many))
    if database.is_sqlite:
        with database.raw() as connection:
            driver: Any = connection.connection.driver_connection
            driver.executescript(";".join(["PRAGMA foreign_keys = OFF", "BEGIN", *statements, "COMMIT"]))
            driver.execute("PRAGMA foreign_keys = ON")
        return
    own = superuser.rpartition("/")[0] + "/" + database.url.rpartition("/")[2]
    with psycopg.connect(own, autocommit=True) as owner:
        owner.execute("SET session_replication_role = replica")
        for sql in statements:
            owner.execute(sql)  # type: ignore[arg-type]
        for table in ("items", "outbox"):
            owner.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'seq'), {2 * many})")  # type: ignore[arg-type]
        owner.execute("VACUUM ANALYZE")


def _statements(sqlite: bool, organization_id: int, inbox_id: str, many: int) -> Iterator[str]:
    numbers = f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {many})"
    rows_by_table = _rows(sqlite, inbox_id, many)
    for table in tables.OWNED:
        for columns, condition in rows_by_table.get(table.name, ()):
            into = f"INSERT INTO {table.name} (organization_id, {', '.join(columns)})"
            chosen = f"SELECT {organization_id}, {', '.join(columns.values())} FROM numbers WHERE {condition}"
            yield f"{into}{'' if sqlite else ' OVERRIDING SYSTEM VALUE'} {numbers} {chosen}"
