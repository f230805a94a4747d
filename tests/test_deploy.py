"""What is deployed by: settings there are, limits that match, and PostgreSQL roles as docs/operations.md has them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import sqlalchemy as sa

from onefold.app import create_app
from onefold.core.clock import new_id, utc_now
from onefold.core.process_settings import Settings
from onefold.database.engine import Database
from onefold.database.migrate import upgrade
from onefold.organizations.store import add_organization
from onefold.privacy import erasure
from onefold.receiving.service import Receiver
from onefold.server.options import OPTIONS
from tests.conftest import Base
from tests.dsl.words import COMMAND, do, merge, receive, undo

ROOT = Path(__file__).parents[1]
FILES = [*sorted((ROOT / "deploy").iterdir()), ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NOT_SETTINGS = {"ONEFOLD_HOSTNAME", "ONEFOLD_PASSWORD"}  # of compose.yaml alone


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_setting_that_is_named_is_there(file: Path) -> None:
    named = set(re.findall(r"\bONEFOLD_[A-Z_]+[A-Z]\b", file.read_text())) - NOT_SETTINGS
    assert named <= {f"ONEFOLD_{field.upper()}" for field in Settings.model_fields}


def test_every_setting_is_in_the_readme_or_is_one_of_a_group_there() -> None:
    text = (ROOT / "README.md").read_text()
    silent = {"twilio_lookup_url", "group_largest", "postgres_superuser"}  # for tests, tuning and trying out
    for field in Settings.model_fields.keys() - silent:
        named = f"ONEFOLD_{field.upper()}"
        ends = {"…_" + named.split("_", n)[-1] for n in range(1, named.count("_") + 1)}
        assert named in text or any(f"`{end}`" in text for end in ends), field


def test_the_proxys_limits_are_those_of_the_service() -> None:
    text = (ROOT / "deploy" / "Caddyfile").read_text()
    largest = Settings.model_fields["largest_body"].default
    assert f"max_size {largest // 2**20}MiB" in text
    assert largest % 2**20 == 0
    idle = [int(seconds) for seconds in re.findall(r"(?:keepalive|idle) (\d+)s", text)]
    assert len(idle) == 2
    assert max(idle) < int(str(OPTIONS["timeout_keep_alive"]))


def test_what_it_runs_on_is_pinned_apart_from_what_it_is_worked_on_with() -> None:
    def pins(name: str) -> dict[str, str]:
        return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE))

    run, dev = pins("constraints.txt"), pins("constraints-dev.txt")
    assert run.items() < dev.items()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    direct = {re.split(r"[\[;<>= ]", one)[0] for one in project["project"]["dependencies"]}
    assert direct <= run.keys()
    assert not {"pytest", "playwright", "twilio", "hypothesis", "mypy"} & run.keys()


def statements(heading: str) -> list[str]:
    """The SQL of a section of docs/operations.md, block by block."""
    section = (ROOT / "docs" / "operations.md").read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"```sql\n(.*?)```", section, re.DOTALL)


def test_a_second_role_owns_the_tables_and_the_service_cannot_touch_the_log(postgres_server: str) -> None:
    roles, grants = statements("PostgreSQL")
    admin = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql("DROP DATABASE IF EXISTS onefold")
        for role in ("onefold_owner", "onefold_service"):
            connection.exec_driver_sql(f"DROP ROLE IF EXISTS {role}")
        for statement in roles.split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)
    urls = {
        role: sa.make_url(postgres_server)
        .set(username=f"onefold_{role}", password=password, database="onefold")
        .render_as_string(hide_password=False)
        for role, password in (("owner", "one"), ("service", "another"))
    }
    owner = Database(urls["owner"])
    upgrade(owner)
    with owner.raw() as connection:
        for statement in grants.split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)
        connection.commit()
    service = Database(urls["service"])
    number = add_organization(service, "Acme", "US", new_id(), "General", (), utc_now())
    base = Base(urls["service"], service, number, Receiver(service))
    ada, bob = (receive(base, "email", email=f"{name}@kite.example").profile_id for name in ("ada", "bob"))
    made = merge(base, ada, bob)
    undo(base, made.id)
    do(base, lambda unit: erasure.erase(unit, ada, ada, COMMAND), exclusive=True)
    create_app(Settings(database_url=urls["service"], log_level="error"))  # type: ignore[call-arg]
    for tampering in (
        "UPDATE audit SET action = 'x'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "ALTER TABLE audit DISABLE TRIGGER ALL",
        "DROP TRIGGER audit_is_closed ON audit",
        "ALTER TABLE audit NO FORCE ROW LEVEL SECURITY",
        "UPDATE alembic_version SET version_num = '0001'",
    ):
        with service.raw() as connection, pytest.raises(sa.exc.ProgrammingError):
            connection.exec_driver_sql(tampering)
    for database in (service, owner):
        database.dispose()
    with admin.connect() as connection:
        connection.exec_driver_sql("DROP DATABASE onefold WITH (FORCE)")
    admin.dispose()


def test_a_wheel_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    built = []
    for name in ("one", "two"):
        clone = tmp_path / name
        clone.mkdir()
        for part in ("pyproject.toml", "README.md", "hatch_build.py"):
            shutil.copy(ROOT / part, clone)
        shutil.copytree(ROOT / "src", clone / "src", ignore=shutil.ignore_patterns("__pycache__"))
        environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist"]
        subprocess.run(build, cwd=clone, env=environment, check=True, capture_output=True)
        (wheel,) = (clone / "dist").glob("*.whl")
        built.append(wheel.read_bytes())
    assert built[0] == built[1]
