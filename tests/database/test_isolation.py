"""What the database guarantees: organizations apart (row-level security), one schema, plans that use their index."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.runtime.migration import HeadMaintainer, RevisionStep

from onefold.accounts.service import SCOPES, add_agent, create_key
from onefold.contact_points import store as contact_points
from onefold.contact_points.blocklist import DEFAULT_ENTRIES
from onefold.core.clock import new_id, utc_now
from onefold.database import tables
from onefold.database.engine import Database, UnitOfWork, same_organization
from onefold.database.migrate import current, newest, upgrade
from onefold.database.transactions import run_in_transaction
from onefold.organizations.store import add_organization
from onefold.receiving import snapshot_store as books
from onefold.receiving.contact import Contact, Further, Sender
from tests import postgres
from tests.children import child
from tests.conftest import Base, MakeUrl
from tests.dsl.words import COMMAND

only_postgresql = pytest.mark.parametrize("make_url", ["postgresql"], indirect=True)
OWNED = [table.name for table in tables.OWNED]

# Organizations apart -------------------------------------------------------------------------------------------------


def test_the_statements_of_a_unit_are_limited_to_its_organization(base: Base) -> None:
    """By themselves: SQLite guards no rows."""
    another = add_organization(base.database, "Other", "GB", new_id(), "Theirs", DEFAULT_ENTRIES, utc_now())
    i, aliased = tables.inboxes.c, tables.inboxes.alias()
    same = aliased.join(tables.inboxes, same_organization(aliased, tables.inboxes))
    with base.database.write(another) as unit:
        for select in (
            unit.select(i.name),
            unit.select(aliased.c.name),
            unit.select(i.name, of=aliased).select_from(same),
        ):
            assert unit.execute(select).scalars().all() == ["Theirs"]
        for table in (tables.inboxes, aliased):
            assert unit.execute(unit.select(sa.func.count(), of=table)).scalar_one() == 1
        assert unit.execute(unit.update(tables.inboxes).values(name="Renamed")).rowcount == 1
        assert unit.execute(unit.delete(tables.blocklist)).rowcount == len(DEFAULT_ENTRIES)
    with base.database.read(base.organization_id) as unit:
        assert "Renamed" not in unit.execute(unit.select(i.name)).scalars().all()
        assert unit.execute(unit.select(sa.func.count(), of=tables.blocklist)).scalar_one() == len(DEFAULT_ENTRIES)


# Organizations apart (PostgreSQL) ------------------------------------------------------------------------------------


@pytest.fixture
def raw(base: Base) -> Iterator[psycopg.Connection[Any]]:
    """The application's own role, past the application: what a mistake in a query of ours could do."""
    base.receiver.receive(
        base.organization_id,
        [
            Contact(
                "email", "<1@example.com>", Sender(email="ada@example.com"), further=Further(emails=("a@example.org",))
            )
        ],
    )
    run_in_transaction(
        base.database, base.organization_id, lambda unit: add_agent(unit, "lin@example.com", "Lin", "agent", COMMAND)
    )
    run_in_transaction(base.database, base.organization_id, lambda unit: create_key(unit, "machine", SCOPES, COMMAND))
    with psycopg.connect(base.url) as connection:
        yield connection


def act_for(connection: psycopg.Connection[Any], organization: int | str | None) -> None:
    connection.rollback()
    if organization is not None:
        connection.execute("SELECT set_config('onefold.organization_id', %s, true)", (str(organization),))


@only_postgresql
@pytest.mark.parametrize("table", OWNED)
def test_every_table_of_an_organization_is_guarded_for_its_owner_too(base: Base, table: str) -> None:
    with psycopg.connect(base.url) as connection:
        guarded = connection.execute(
            "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = %s::regclass", (table,)
        ).fetchone()
        policies = connection.execute(
            "SELECT permissive, cmd, qual = with_check, qual FROM pg_policies WHERE tablename = %s", (table,)
        ).fetchall()
    assert guarded == (True, True)
    [(permissive, command, same, condition)] = policies
    assert (permissive, command, same) == ("PERMISSIVE", "ALL", True)
    assert "organization_id =" in condition
    assert "current_setting('onefold.organization_id'" in condition


@only_postgresql
def test_the_service_does_not_run_as_a_role_that_row_level_security_spares(raw: psycopg.Connection[Any]) -> None:
    rights = raw.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user").fetchone()
    assert rights == (False, False)


@only_postgresql
@pytest.mark.parametrize("organization", [None, "", 2], ids=["unset", "empty", "another"])
def test_rows_of_another_organization_are_neither_read_nor_written(
    raw: psycopg.Connection[Any], base: Base, organization: int | str | None
) -> None:
    filled = []
    for table in OWNED:
        act_for(raw, base.organization_id)
        own_count = raw.execute(f"SELECT count(*) FROM {table}").fetchone()
        act_for(raw, organization)
        assert raw.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
        if table != "audit":  # nobody may change that one, not even their own rows
            assert raw.execute(f"UPDATE {table} SET organization_id = organization_id").rowcount == 0, table
            assert raw.execute(f"DELETE FROM {table}").rowcount == 0, table
        filled += [table] if own_count != (0,) else []
    assert {"profiles", "contact_points", "items", "conversations", "agents", "api_keys", "search_terms"} <= set(filled)


@only_postgresql
def test_a_unit_sees_the_settings_of_its_own_organization_alone(raw: psycopg.Connection[Any], base: Base) -> None:
    other = add_organization(base.database, "Other", "GB", new_id(), "General", DEFAULT_ENTRIES, utc_now())
    for one in (base.organization_id, other):
        act_for(raw, one)
        assert raw.execute("SELECT id FROM organizations").fetchall() == [(one,)]
        assert raw.execute("UPDATE organizations SET undo_days = undo_days").rowcount == 1
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        raw.execute("UPDATE organizations SET id = 99")
    for outside in (None, ""):
        act_for(raw, outside)
        assert raw.execute("SELECT count(*) FROM organizations").fetchone() == (2,)


@only_postgresql
@pytest.mark.parametrize("organization", [None, 2], ids=["unset", "another"])
def test_a_row_cannot_be_put_into_another_organization(
    raw: psycopg.Connection[Any], base: Base, organization: int | None
) -> None:
    act_for(raw, organization)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        raw.execute(
            "INSERT INTO blocklist (organization_id, kind, value) VALUES (%s, 'email', 'x@example.com')",
            (base.organization_id,),
        )


@only_postgresql
def test_a_row_cannot_be_moved_into_another_organization(raw: psycopg.Connection[Any], base: Base) -> None:
    other = add_organization(base.database, "Other", "GB", new_id(), "General", DEFAULT_ENTRIES, utc_now())
    act_for(raw, base.organization_id)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        raw.execute("UPDATE blocklist SET organization_id = %s", (other,))


def test_two_organizations_have_the_same_customer_each_for_itself(base: Base) -> None:
    """On SQLite there is no row-level security: there the keys alone keep organizations apart."""
    other = add_organization(base.database, "Other", "GB", new_id(), "General", DEFAULT_ENTRIES, utc_now())
    contact = Contact("email", "<1@example.com>", Sender(email="ada@example.com"))
    [one], [two] = (base.receiver.receive(org, [contact]) for org in (base.organization_id, other))
    assert one.profile_id != two.profile_id  # type: ignore[union-attr]
    assert not two.repeated, "the same message id in another organization is another message"  # type: ignore[union-attr]


# One schema ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def empty_url(make_url: MakeUrl, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without a schema, of the kind that `make_url` makes."""
    if request.node.callspec.params["make_url"] == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    return postgres.fresh_database(request.getfixturevalue("postgres_server"), f"e{new_id().replace('-', '')}")


def test_migrations_make_the_schema_that_the_code_speaks_of(make_url: MakeUrl) -> None:
    migrated = Database(make_url())
    with migrated.raw() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []
    migrated.dispose()


def test_migrations_make_the_same_columns_and_indexes_as_the_tables_in_code(empty_url: str, make_url: MakeUrl) -> None:
    """Closer than Alembic looks: conditions of indexes, collations, defaults, keys."""
    migrated, made = Database(make_url()), Database(empty_url)
    with made.raw() as connection:
        tables.metadata.create_all(connection)
        connection.commit()
    assert catalog(migrated) == catalog(made)
    migrated.dispose()
    made.dispose()


_POSTGRES_CATALOG = """
    SELECT 'index', tablename, replace(indexdef, 'public.', '') FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'constraint', conrelid::regclass::text, contype::text || ' ' || pg_get_constraintdef(oid)
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'column', table_name,
      concat_ws(' ', column_name, data_type, is_nullable, column_default, is_identity, collation_name)
      FROM information_schema.columns WHERE table_schema = 'public'
"""
_SQLITE_CATALOG = """
    SELECT 'index', tbl_name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL
    UNION ALL SELECT 'column', m.name, c.name || ' ' || c.type || ' ' || c."notnull" || ' ' || c.pk || ' '
        || coalesce(c.dflt_value, '') FROM sqlite_master AS m, pragma_table_info(m.name) AS c
        WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'
    UNION ALL SELECT 'constraint', m.name, f."from" || ' -> ' || f."table" || '.' || f."to"
        FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f WHERE m.type = 'table'
    UNION ALL SELECT 'unique', m.name, group_concat(i.name) FROM sqlite_master AS m, pragma_index_list(m.name) AS l,
        pragma_index_info(l.name) AS i WHERE m.type = 'table' AND l.origin IN ('u', 'pk') GROUP BY m.name, l.name
    UNION ALL SELECT 'rowid', name, sql LIKE '%WITHOUT ROWID%' FROM sqlite_master
        WHERE type = 'table' AND name NOT LIKE 'sqlite%'
"""


def catalog(database: Database) -> list[tuple[str, ...]]:
    with database.raw() as connection:
        rows = connection.execute(sa.text(_SQLITE_CATALOG if database.is_sqlite else _POSTGRES_CATALOG))
        catalog_rows = [tuple(re.sub(r"\s+", " ", str(value)) for value in row) for row in rows]
    return sorted(row for row in catalog_rows if row[1] != "alembic_version")


def test_upgrading_twice_is_harmless(base: Base) -> None:
    before = catalog(base.database)
    assert upgrade(base.database) == newest()
    assert catalog(base.database) == before
    with base.database.read(base.organization_id) as unit:
        assert unit.execute(sa.text("SELECT count(*) FROM organizations")).scalar_one() == 1


def test_a_database_without_a_schema_says_so(empty_url: str) -> None:
    database = Database(empty_url)
    assert current(database) == ""
    database.dispose()


def test_an_upgrade_that_fails_leaves_nothing_half_done(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does another process, that upgrades at the same time, ever see a schema between two revisions."""
    database, note_revision = Database(empty_url), HeadMaintainer.update_to_step

    def fail_at_the_last(heads: HeadMaintainer, step: RevisionStep) -> None:
        if step.revision.revision == newest():
            raise RuntimeError("the disk is full")
        note_revision(heads, step)

    with monkeypatch.context() as patched:
        patched.setattr(HeadMaintainer, "update_to_step", fail_at_the_last)
        with pytest.raises(RuntimeError):
            upgrade(database)
    assert (current(database), catalog(database)) == ("", [])
    assert upgrade(database) == newest()
    database.dispose()


def test_processes_that_upgrade_at_once_do_not_disturb_each_other(empty_url: str, tmp_path: Path) -> None:
    """Several replicas are started together, and each upgrades first."""
    environment = {**os.environ, "ONEFOLD_DATABASE_URL": empty_url}
    command = [sys.executable, "-c", _UPGRADE_AT, str(tmp_path / "go")]
    with ExitStack() as stack:
        replicas = [stack.enter_context(child(command, cwd=tmp_path, environment=environment)) for _ in range(3)]
        for replica in replicas:
            assert replica.says() == "ready"
        for replica in replicas:
            replica.tell("go")
        ends = [replica.end() for replica in replicas]

    assert [code for code, _ in ends] == [0, 0, 0], [errors[-600:] for _, errors in ends]
    database = Database(empty_url)
    assert current(database) == newest()
    database.dispose()


_UPGRADE_AT = """
import os, sys
from onefold.database.engine import Database
from onefold.database.migrate import upgrade
database = Database(os.environ["ONEFOLD_DATABASE_URL"])
print("ready", flush=True)
sys.stdin.readline()
upgrade(database)
"""

# Plans ---------------------------------------------------------------------------------------------------------------

HOT_PATH = {
    "who is identified": (
        contact_points.identified_sql,
        1,
        "contact_points_identifying",
        ("organization_id", "kind", "value"),
    ),
    "earlier deliveries": (books._earlier, 1, "items_delivery", ("organization_id", "channel", "message_id")),
    "replies": (books._threads, 2, "items_delivery", ("organization_id", "channel", "message_id")),
    "named conversations": (books._named_conversations, 1, "conversations_pkey", ("organization_id", "id")),
    "customer IDs": (books._customer_ids, 1, "contact_points_customer_id", ("organization_id", "profile_id")),
    "who lists a value": (contact_points.listed_sql, 1, "contact_points_listed", ("organization_id", "kind", "value")),
}
"""A look-up: what makes its SQL, parameters behind the keys, its index and the index's keys."""


def statement(unit: UnitOfWork, lookup: str) -> tuple[str, int]:
    """The SQL of a look-up, and how many parameters it has behind its keys."""
    make, parameters, _, _ = HOT_PATH[lookup]
    if make is contact_points.listed_sql:
        parameters = len(unit.dialect.first_parameters((None,) * parameters, 1))
    return unit.dialect._translate(make(unit.dialect)), parameters


@pytest.mark.parametrize("lookup", HOT_PATH)
def test_lookups_prepared_on_an_empty_database_use_their_index(
    postgres_server: str, _postgres_template: str, lookup: str
) -> None:
    """A plan is kept for as long as its connection: it must be good a million rows later (the generic plan).

    In a database that nobody has used: one that was emptied knows how few rows it had.
    """
    _, _, index, keys = HOT_PATH[lookup]
    database = Database(postgres.fresh_database(postgres_server, f"p{new_id().replace('-', '')}", _postgres_template))
    with database.read(1) as unit:
        numbers = iter(range(1, 10))
        made, parameters = statement(unit, lookup)
        sql = re.sub("%s", lambda _: f"${next(numbers)}", made)
        unit.execute(sa.text("SET LOCAL plan_cache_mode = force_generic_plan"))
        driver = unit.connection.exec_driver_sql
        driver(f"PREPARE asked AS {sql}")
        arguments = ", ".join(["'[]'", *(["NULL"] * parameters)])
        plan = "\n".join(driver(f"EXPLAIN EXECUTE asked ({arguments})").scalars())
    database.dispose()
    assert "Seq Scan" not in plan, plan
    assert "Hash" not in plan, plan
    used = re.search(rf"Index (?:Only )?Scan using {index} on .*\n\s+Index Cond: (.*)", plan)
    assert used is not None, plan
    for key in keys:
        assert re.search(rf"\b{key} = ", used[1]), plan


@pytest.mark.parametrize("make_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("lookup", HOT_PATH)
def test_sqlite_plans_lookups_by_their_index(make_url: MakeUrl, lookup: str) -> None:
    _, _, index, keys = HOT_PATH[lookup]
    database = Database(make_url())
    with database.read(1) as unit:
        made, parameters = statement(unit, lookup)
        explained = f"EXPLAIN QUERY PLAN {made}"
        rows = unit.connection.exec_driver_sql(explained, ("[]", *([None] * parameters)))
        plan = "\n".join(row.detail for row in rows)
    database.dispose()
    keys_only = ("SCAN k ", "SCAN json_each ")
    scanned = [line for line in plan.splitlines() if line.startswith("SCAN") and not line.startswith(keys_only)]
    assert scanned == [], plan
    key_pattern = " AND ".join(rf"{key}=\?" for key in keys)
    if lookup == "customer IDs":  # the unique constraint of a profile's points has all three of its keys
        index, key_pattern = "sqlite_autoindex_contact_points_2", rf"{key_pattern} AND kind=\?"
    using = "PRIMARY KEY" if index.endswith("_pkey") else f"(?:COVERING )?INDEX {index}"
    assert re.search(rf"SEARCH \w+ USING {using} \({key_pattern}\)", plan), plan
