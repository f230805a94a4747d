"""No store writes by hand which organization's rows it wants: `UnitOfWork` does, so nobody can forget it.

SQL written as text is not looked at here: it is the hot path's, and takes the organization as its first parameter.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_arrows import imported, is_of_store, modules

STATEMENTS = frozenset(("select", "update", "delete"))
LIMITED_ALREADY = {
    "settings.bulk_update_store: sa.select(named.c.kind, named.c.value, number)": "of a subquery of unit.select",
    "settings.bulk_update_store: sa.select(listed.c.kind, listed.c.value, number)": "of a subquery of unit.select",
    "settings.bulk_update_store: sa.select(common)": "of a subquery of the one before",
}
"""Statements that the unit does not make, and why they need not be: they read no table."""


def stores() -> Iterator[tuple[str, Path]]:
    """Every file that can make a statement of tables, but those of the database package."""
    for name, file in modules():
        if name.startswith("database."):
            continue
        if is_of_store(name) or any(full.startswith("onefold.database.tables") for full in imported(file)):
            yield name, file


def written_by_hand(code: str) -> list[str]:
    """Where a column `organization_id` is spoken of, which only the unit's own conditions need.

    `unit.organization_id` is a value, to be inserted and to be handed to SQL written as text.
    """
    found = []
    for node in ast.walk(ast.parse(code)):
        attribute = isinstance(node, ast.Attribute) and node.attr == "organization_id"
        item = isinstance(node, ast.Subscript) and ast.unparse(node.slice) == "'organization_id'"
        if (attribute or item) and ast.unparse(node) != "unit.organization_id":
            found.append(ast.unparse(node))
    return found


def unlimited(code: str) -> list[str]:
    """The statements that no unit limits, and the joins of tables that may cross from one organization to another."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    return [ast.unparse(call) for call in calls if _is_unlimited(call) or _may_cross(call)]


def _is_unlimited(call: ast.Call) -> bool:
    function = call.func
    if isinstance(function, ast.Name):
        return function.id in STATEMENTS
    if not isinstance(function, ast.Attribute) or function.attr not in STATEMENTS:
        return False
    maker = ast.unparse(function.value)
    if maker in ("sa", "sqlalchemy"):
        return not _of_organizations(call)
    return not call.args and not call.keywords and maker != "organizations"  # a table's own; a dict's has arguments


def _of_organizations(call: ast.Call) -> bool:
    """Whether nothing but the table of organizations is read, which belongs to none of them."""
    names = {node.id for argument in call.args for node in ast.walk(argument) if isinstance(node, ast.Name)}
    return names - {"sa"} == {"organizations"}


def _may_cross(call: ast.Call) -> bool:
    joins = isinstance(call.func, ast.Attribute) and call.func.attr in ("join", "outerjoin")
    tables = len(call.args) > 1 and isinstance(call.args[0], ast.Name)  # `Dialect.join` is given a table's name
    return joins and tables and "same_organization(" not in ast.unparse(call.args[1])


@pytest.mark.parametrize(
    "code",
    [
        "unit.select(p.id).where(p.organization_id == other)",
        "sessions.join(agents, sa.and_(agents.c.organization_id == s.organization_id, agents.c.id == s.agent_id))",
        "where(table.c['organization_id'] == unit.organization_id)",
        "scope = unit.organization_id == p.organization_id",
    ],
)
def test_a_filter_by_hand_is_seen(code: str) -> None:
    assert written_by_hand(code)
    assert not written_by_hand("profiles.insert().values(organization_id=unit.organization_id, id=profile_id)")


@pytest.mark.parametrize(
    "code",
    [
        "unit.execute(sa.select(p.id).where(p.id == profile_id))",
        "sa.select(sa.func.count()).select_from(items)",
        "select(organizations.c.id, items.c.seq)",
        "profiles.update().where(p.id == profile_id)",
        "part.table.delete()",
        "sa.update(profiles)",
        "sessions.join(agents, agents.c.id == s.agent_id)",
    ],
)
def test_a_statement_without_limit_is_seen(code: str) -> None:
    assert unlimited(code)


@pytest.mark.parametrize(
    "code",
    [
        "unit.select(sa.func.count(), of=items)",
        "unit.update(profiles).where(p.id == profile_id)",
        "sa.select(organizations.c.id).where(organizations.c.has_runs)",
        "organizations.update()",
        "known.update(names)",
        "d.join('profiles', 'p', 'p.organization_id = ? AND p.id = k.value')",
        "sessions.join(agents, sa.and_(same_organization(agents, sessions), agents.c.id == s.agent_id))",
    ],
)
def test_what_is_limited_is_let_pass(code: str) -> None:
    assert not unlimited(code)


def test_no_store_limits_by_hand() -> None:
    assert {name: found for name, file in stores() if (found := written_by_hand(file.read_text()))} == {}


def test_every_statement_of_a_store_is_limited_by_its_unit() -> None:
    found = {f"{name}: {call}" for name, file in stores() for call in unlimited(file.read_text())}
    assert found == LIMITED_ALREADY.keys()
