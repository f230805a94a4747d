"""Fills a new base with people: past the service and its checks, because it only has to be quick.

Each profile has one or two contact points it has been contacted from, its search terms and match keys, an open
conversation, an item.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple

import psycopg

from benchmarks.people import CONVERSATION, FIRST_POINT, PROFILE, Person, id_of, person
from onefold.contact_points.blocklist import DEFAULT_ENTRIES
from onefold.contact_points.kinds import Kind
from onefold.conversations.timeline import timeline_second
from onefold.core.clock import new_id, utc_now
from onefold.database.engine import Database
from onefold.database.migrate import upgrade
from onefold.database.tables import instant_text
from onefold.matching.scoring import keys_of_point
from onefold.organizations.store import add_organization, load_policy
from onefold.profiles.search import search_terms

Row = tuple[Any, ...]
_CHUNK = 50_000
_COLUMNS = {
    "profiles": ("organization_id", "id", "name", "created_at"),
    "contact_points": (
        "organization_id",
        "id",
        "profile_id",
        "kind",
        "value",
        "phone_type",
        "sms",
        "identifying",
        "contacted",
        "standing",
        "created_at",
    ),
    "conversations": ("organization_id", "id", "profile_id", "inbox_id", "state", "opened_at"),
    "items": (
        "organization_id",
        "seq",
        "profile_id",
        "conversation_id",
        "contact_point_id",
        "kind",
        "direction",
        "channel",
        "message_id",
        "outcome",
        "body",
        "occurred_at",
        "recorded_at",
        "timeline_second",
    ),
    "search_terms": ("organization_id", "term", "profile_id"),
    "match_keys": ("organization_id", "key", "holder_id"),
}
# Nothing but their key, which is in no order: they go in at the end, sorted.
_SORTED = ("search_terms", "match_keys")


_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


class _Owner(NamedTuple):
    organization_id: int
    inbox_id: str
    moment: str


def prepare(database: Database) -> _Owner:
    """The schema and one organization."""
    upgrade(database)
    organization_id = add_organization(database, "Bench", "GB", new_id(), "General", DEFAULT_ENTRIES, utc_now())
    with database.read(organization_id) as unit:
        inbox_id = load_policy(unit).default_inbox_id
    return _Owner(organization_id, inbox_id, instant_text(_MOMENT))


def _chunks(owner: _Owner, profiles: int) -> Iterator[dict[str, list[Row]]]:
    people = (person(number) for number in range(profiles))
    while some := list(islice(people, _CHUNK)):
        rows: dict[str, list[Row]] = {table: [] for table in _COLUMNS}
        for who in some:
            _add(rows, who, owner)
        yield rows


def _add(rows: dict[str, list[Row]], who: Person, owner: _Owner) -> None:
    org, inbox_id, now = owner
    profile_id, conversation_id = id_of(who.number, PROFILE), id_of(who.number, CONVERSATION)
    rows["profiles"].append((org, profile_id, who.name, now))
    points: list[tuple[Kind, str, None]] = []
    for position, value in enumerate(who.identifiers):
        kind: Kind = "email" if "@" in value else "phone"
        points.append((kind, value, None))
        mobile = "mobile" if kind == "phone" else None
        point_id = id_of(who.number, FIRST_POINT + position)
        rows["match_keys"] += [(org, key, point_id) for key in keys_of_point(kind, value, None)]
        rows["contact_points"].append(
            (org, point_id, profile_id, kind, value, mobile, kind == "phone", True, True, "contacted", now)
        )
    rows["conversations"].append((org, conversation_id, profile_id, inbox_id, "open", now))
    channel = "email" if points[0][0] == "email" else "sms"
    rows["items"].append(
        (
            org,
            who.number + 1,
            profile_id,
            conversation_id,
            id_of(who.number, FIRST_POINT),
            "message",
            "in",
            channel,
            f"seed-{who.number}@mail.example",
            "created",
            "Hello",
            now,
            now,
            timeline_second(_MOMENT, _MOMENT),
        )
    )
    rows["search_terms"] += [(org, term, profile_id) for term in search_terms(who.name, None, points)]


def seed_sqlite(path: str, profiles: int) -> None:
    """A SQLite file. Indexes are built once at the end, and terms go in in their order: both are many times quicker."""
    database = Database(f"sqlite:///{path}")
    owner = prepare(database)
    database.dispose()
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -1048576", "temp_store = FILE"):
        connection.execute(f"PRAGMA {pragma}")
    tables = ", ".join(f"'{table}'" for table in _COLUMNS)
    indexes = connection.execute(
        f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ({tables})"
    ).fetchall()
    for table in _SORTED:
        connection.execute(f"CREATE TEMP TABLE new_{table} ({', '.join(_COLUMNS[table])})")
    connection.execute("BEGIN")
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    for rows in _chunks(owner, profiles):
        for table, columns in _COLUMNS.items():
            into = f"new_{table}" if table in _SORTED else table
            marks = ", ".join("?" * len(columns))
            connection.executemany(f"INSERT INTO {into} ({', '.join(columns)}) VALUES ({marks})", rows[table])
    for table in _SORTED:
        connection.execute(f"INSERT INTO {table} SELECT * FROM new_{table} ORDER BY 1, 2, 3")
    for _, sql in indexes:
        connection.execute(sql)
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    upgrade(database)  # the statistics of an index are gone with it
    database.dispose()


def seed_postgres(url: str, superuser_url: str, profiles: int) -> None:
    """A PostgreSQL database, by COPY as the superuser: checks of references and row-level security are left out."""
    database = Database(url)
    owner = prepare(database)
    database.dispose()
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET work_mem = '512MB'")
        connection.execute("SET maintenance_work_mem = '1GB'")
        indexes = _loose_indexes(connection)
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")  # type: ignore[arg-type]
        for table in _SORTED:
            connection.execute(f"CREATE TEMP TABLE new_{table} (LIKE {table})")
        for rows in _chunks(owner, profiles):
            for table, columns in _COLUMNS.items():
                _copy(connection, f"new_{table}" if table in _SORTED else table, columns, rows[table])
        for table in _SORTED:
            connection.execute(f"INSERT INTO {table} SELECT * FROM new_{table} ORDER BY 1, 2, 3")
            connection.execute(f"DROP TABLE new_{table}")
        connection.execute("SELECT setval(pg_get_serial_sequence('items', 'seq'), %s)", (profiles + 1,))
        for _, sql in indexes:
            connection.execute(sql)  # type: ignore[arg-type]
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def _loose_indexes(connection: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    """(name, SQL) of the indexes that no constraint needs."""
    return connection.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index "
        "WHERE indrelid = ANY(%s::regclass[]) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)",
        (list(_COLUMNS),),
    ).fetchall()


def _copy(connection: psycopg.Connection[Any], table: str, columns: Iterable[str], rows: list[Row]) -> None:
    sql = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
    with connection.cursor().copy(sql) as copy:  # type: ignore[arg-type]
        copy.write("".join("\t".join(["\\N" if v is None else str(v) for v in row]) + "\n" for row in rows))
