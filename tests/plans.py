"""How a database finds the rows of a statement, judged: by an index that leads to few of them, or by a walk.

Whatever is read along an organization must be short, or is named in MEANT. SQLite's plans are those of the statistics
that the service writes; PostgreSQL's are those for any parameters (which are kept) in a base of a thousand customers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from psycopg._queries import PostgresQuery
from psycopg.adapt import Transformer

from onefold.core.clock import new_id, utc_now
from onefold.database import tables
from onefold.database.engine import Database
from onefold.database.migrate import upgrade
from onefold.organizations.store import add_organization, load_policy
from tests import crowd, postgres
from tests.statements import Sent

SMALL = frozenset(
    (
        "inboxes",
        "inbox_agents",
        "blocklist",
        "agents",
        "api_keys",
        "webhook_endpoints",
        "counted_until",
        "runs",
    )
)
"""Tables of settings, and of what people start: they do not grow with the customers, and are read whole."""
BIG = {table.name: frozenset(table.columns.keys()) for table in tables.OWNED if table.name not in SMALL}
NOT_LEADING = frozenset(("organization_id", "kind", "state", "channel", "type", "action", "agent_id"))
"""Columns of few values: whoever looks by these alone reads a whole organization, or much of it."""
AGENTS_OWN = frozenset(("sessions", "passkeys", "sign_in_tokens", "sign_in_tries"))
"""Tables of which each agent has a few rows, however many customers there are: `agent_id` leads in these."""

_ASKED_FOR = "reads the whole base, when an admin asks for it or changes a setting"
_OF_A_KIND = "an entry such as *@example.com or a customer ID is met by no index; an admin changes the blocklist"
MEANT = {
    "insights.store.counts_between": "as many rows as days are shown, whoever many customers there are",
    "matching.store.evidence_of_kinds": _ASKED_FOR,
    "matching.store.profile_ids_after": "a run over the whole base, a part at a time",
    "suggestions.store.page": "along the queue until a page is full: a rare kind of evidence is looked for long",
    "jobs.expiry_store.delete_expired": "as many as the agents' sessions and tokens; of old keys a part at a time",
    "profiles.store.find_by_words": "the first 500 terms that begin so, and the few terms of each one's profile",
    "profiles.store.list_ids": "the newest profiles, past those among them that were merged away",
    "audit.store.page": "between two numbers that are a day apart from the times asked for",
    "settings.bulk_update_store.common_evidence": _ASKED_FOR,
    "settings.bulk_update_store.common_values": _ASKED_FOR,
    "settings.bulk_update_store.count_listed_only": _ASKED_FOR,
    "settings.bulk_update_store.count_other_phones": _ASKED_FOR,
    "settings.bulk_update_store.count_listed_to_open": _ASKED_FOR,
    "settings.bulk_update_store.holders_of_entry": _OF_A_KIND,
    "settings.bulk_update_store.set_identifying_for_listed": _ASKED_FOR,
    "settings.bulk_update_store.other_phones": "a run over the whole base, a part at a time",
    "settings.bulk_update_store.shared_identifiers": _ASKED_FOR,
    "settings.bulk_update_store.touched_by": _OF_A_KIND,
    "settings.bulk_update_store.unset_identifying_for_blocked": _OF_A_KIND,
    "settings.bulk_update_store.unset_identifying_for_listed": _ASKED_FOR,
}
"""The functions of stores whose statements may walk along an organization, and why."""


class Walk(NamedTuple):
    """A step that reads a table along its organization: by what it is filtered, and whether a limit ends it."""

    step: str
    filters: frozenset[str]
    ends: bool

    @property
    def short(self) -> bool:
        """Whether it reads no more rows than it returns: the first ones, in an order the index has."""
        return self.ends and not self.filters


class Judge(Protocol):
    """Knows one kind of database."""

    def walks(self, sent: Sent) -> Iterable[Walk]:
        """The steps of a statement that nothing leads but the organization, or columns of few values."""


class Judges:
    """Both, each made when it is first needed. `server` is the superuser's URL of PostgreSQL, once there is one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.server = ""

    def found(self, sent: Iterable[Sent]) -> list[str]:
        """What is wrong with statements, in words."""
        return [_said(one, walk) for one in sent if not MEANT.keys() & set(one.by) for walk in self._long(one)]

    def _long(self, sent: Sent) -> list[Walk]:
        if re.search(r"\bWHERE 0 = 1\b(?!\s+OR\b)", sent.sql):  # a condition that nothing meets: no row is read
            return []
        judge: Judge = self.sqlite if sent.sqlite else self.postgresql
        return [walk for walk in judge.walks(sent) if not walk.short]

    @cached_property
    def sqlite(self) -> Sqlite:
        """For SQLite."""
        database = Database(f"sqlite:///{self._folder / 'plans.db'}")
        upgrade(database)
        return Sqlite(database)

    @cached_property
    def postgresql(self) -> Postgresql:
        """For PostgreSQL."""
        assert self.server, "statements of PostgreSQL without one"
        return Postgresql(
            crowded(Database(postgres.fresh_database(self.server, f"plans_{new_id()}")), 1_000, self.server)
        )


def crowded(database: Database, many: int, server: str = "") -> Database:
    """The database, with a schema and one organization of so many customers."""
    upgrade(database)
    organization_id = add_organization(database, "Crowd", "US", new_id(), "General", (), utc_now())
    with database.read(organization_id) as unit:
        inbox_id = load_policy(unit).default_inbox_id
    crowd.fill(database, organization_id, inbox_id, many, server)
    return database


def _leading(table: str, columns: Iterable[str]) -> set[str]:
    """Those of the columns that lead to few rows of a table."""
    return set(columns) - (NOT_LEADING - {"agent_id"} if table in AGENTS_OWN else NOT_LEADING)


def _said(sent: Sent, walk: Walk) -> str:
    where = "SQLite" if sent.sqlite else "PostgreSQL"
    text = re.sub(r"\s+", " ", sent.sql)
    more = f"\n  filtered by {', '.join(sorted(walk.filters))}" if walk.filters else ""
    return f"{where} reads along the whole organization for {' < '.join(sent.by)}:\n  {text}\n  {walk.step}{more}"


class Sqlite:
    """Plans by SQLite, as it explains them in lines."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.raw() as connection:
            rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'index'")
            self._made = {name: sql or "" for name, sql in rows}

    def walks(self, sent: Sent) -> Iterator[Walk]:
        plan = self._plan(sent)
        ends = bool(re.search(r"\bLIMIT\b", sent.sql)) and not any("TEMP B-TREE" in line for line in plan)
        for line in plan:
            match = re.match(r"(?:SCAN|SEARCH) (\w+)(?: USING (.*?))?(?: \((\w.*)\))?(?: LEFT-JOIN)?$", line)
            table = _table_of(sent.sql, match[1]) if match else None
            if match is None or table is None or _leading(table, re.findall(r"(\w+)=", match[3] or "")):
                continue
            met = set(re.findall(r"\w+", f"organization_id {match[3]} {self._condition(match[2])}"))
            yield Walk(line, _named_in_conditions(sent.sql, table) - met, ends)

    def _plan(self, sent: Sent) -> list[str]:
        with self._database.raw() as connection:
            driver: Any = connection.connection.driver_connection
            return [row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {sent.sql}", sent.parameters)]

    def _condition(self, by: str | None) -> str:
        """That of a partial index: whoever walks it has met it."""
        return self._made.get((by or "").split()[-1] if by else "", "").partition(" WHERE ")[2]


def _table_of(sql: str, name: str) -> str | None:
    """The big table that goes by a name in a statement."""
    named = (table for table in BIG if re.search(rf"\b{table} (AS )?{name}\b", sql))
    return name if name in BIG else next(named, None)


def _named_in_conditions(sql: str, table: str) -> frozenset[str]:
    behind = re.sub(r"\s+", " ", sql).partition(" WHERE ")[2]
    conditions = re.sub(r"\b(ORDER|GROUP) BY .*?(?=LIMIT|\)|$)", "", behind)
    return frozenset(column for column in BIG[table] if re.search(rf"\b{column}\b", conditions))


class Postgresql:
    """Plans by PostgreSQL, as it explains them in a tree."""

    _INDEXES = (
        "SELECT i.indexrelid::regclass::text, i.indrelid::regclass::text, "
        "ARRAY(SELECT pg_get_indexdef(i.indexrelid, n, true) FROM generate_series(1, i.indnkeyatts) AS n) "
        "FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid "
        "WHERE c.relnamespace = 'public'::regnamespace"
    )
    # What lies between a limit and the rows it is of, without reading them all first.
    _PASSING = frozenset(("Nested Loop", "LockRows", "Subquery Scan", "Result", "Limit"))

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.raw() as connection:
            rows = connection.exec_driver_sql(self._INDEXES)
            self._indexes = {name: (table, columns) for name, table, columns in rows}

    def walks(self, sent: Sent) -> Iterator[Walk]:
        yield from self._walks(self._plan(sent), ends=False)

    def _plan(self, sent: Sent) -> dict[str, Any]:
        with self._database.read(1) as unit:
            driver: Any = unit.connection.connection.driver_connection
            query = PostgresQuery(Transformer(driver))
            query.convert(sent.sql, sent.parameters)
            given = ", ".join(["NULL"] * len(query.params or ()))
            cursor = driver.cursor()
            cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            cursor.execute(f"PREPARE looked_at AS {query.query.decode()}")
            cursor.execute(f"EXPLAIN (FORMAT JSON) EXECUTE looked_at{f'({given})' if given else ''}")
            plan: dict[str, Any] = cursor.fetchone()[0][0]["Plan"]
            cursor.execute("DEALLOCATE looked_at")
            return plan

    def _walks(self, node: dict[str, Any], *, ends: bool) -> Iterator[Walk]:
        if node.get("One-Time Filter") == "false":  # nothing below it is read
            return
        table, columns = self._indexes.get(node.get("Index Name", ""), (node.get("Relation Name"), []))
        asked, filtered = node.get("Index Cond", ""), node.get("Filter", "")
        scans = "Index Name" in node or node["Node Type"] == "Seq Scan"
        if scans and table in BIG and not _leading(table, _met(columns, asked)):
            filters = {column for column in BIG[table] if re.search(rf"\b{column}\b", filtered)}
            known = {column for column in columns if re.search(rf"\b{column}\b", asked)} | {"organization_id"}
            step = f"{node['Node Type']} {node.get('Index Name', '')} on {table}: {asked or 'all of it'}"
            yield Walk(step, frozenset(filters - known), ends)
        ends = node["Node Type"] == "Limit" or (ends and node["Node Type"] in self._PASSING)
        for child in node.get("Plans", ()):
            yield from self._walks(child, ends=ends)


def _met(columns: list[str], condition: str) -> set[str]:
    """The first columns of an index whose values a condition gives."""
    met: set[str] = set()
    for column in columns:
        if not re.search(rf"\b{column}\b\)?(::\w+)? = ", condition):
            break
        met.add(column)
    return met
