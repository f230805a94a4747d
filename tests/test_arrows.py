"""What import-linter's contracts cannot say by themselves: that no file has been left out of them."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import onefold

ROOT = Path(onefold.__file__).parent
DRIVERS = frozenset(("alembic", "psycopg", "sqlalchemy", "sqlite3"))
EDGES = ("api", "channels", "cli", "console", "jobs", "server")
ANYWHERE = ("core", "database", *EDGES)
"""Packages that are no subject: what everything stands on, and edges, which hold no rules."""


def modules() -> Iterator[tuple[str, Path]]:
    """Every module's dotted name below `onefold`, with its file."""
    for file in sorted(ROOT.rglob("*.py")):
        if file.stem != "__init__":
            yield ".".join(file.relative_to(ROOT).with_suffix("").parts), file


def imported(file: Path) -> set[str]:
    """The full names of what a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def is_of_store(full: str) -> bool:
    """Whether an imported name is a store, or in one."""
    return any(part == "store" or part.endswith("_store") for part in full.split("."))


def listed_rules() -> set[str]:
    """The modules that the contract of pure rules names."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    [rules] = [contract for contract in contracts if contract["name"].startswith("Rules are pure")]
    return {name.removeprefix("onefold.") for name in rules["source_modules"]}


def test_sql_is_in_stores_and_in_the_database_package_alone() -> None:
    elsewhere = {
        name
        for name, file in modules()
        if not is_of_store(name) and not name.startswith("database.")
        if DRIVERS & {full.split(".")[0] for full in imported(file)}
    }
    assert elsewhere == set()


def test_whatever_asks_no_store_is_a_rule_and_is_held_to_be_pure() -> None:
    """A file of a subject is a store, a service (it asks one), or rules; new rules must be named in the contract."""
    rules = set()
    for name, file in modules():
        package, _, _ = name.partition(".")
        if "." not in name or package in ANYWHERE or is_of_store(name):
            continue
        if not any(full.startswith("onefold.database") or is_of_store(full) for full in imported(file)):
            rules.add(name)
    assert rules - listed_rules() == {"accounts.known_devices", "webhooks.addresses"}, (
        "these keep time or ask the network"
    )
    assert listed_rules() <= rules
