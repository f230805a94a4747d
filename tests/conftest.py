"""What every test may ask for: a database of its own, on SQLite and on PostgreSQL, with one organization in it."""

from __future__ import annotations

import itertools
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from onefold.accounts import passwords
from onefold.contact_points.blocklist import DEFAULT_ENTRIES
from onefold.core.clock import new_id, utc_now
from onefold.database.engine import Database
from onefold.database.migrate import upgrade
from onefold.organizations.store import add_organization
from onefold.receiving.service import Receiver
from tests import postgres
from tests.plans import Judges
from tests.statements import STATEMENTS

NOT_TESTED = "NOT TESTED"
"""How the reason of a skip begins when the machine lacks something; the end of a run repeats it."""

# A slow machine, or one with other work, is no fault of what is tested: speed is measured by `make bench`.
settings.register_profile(
    "patient",
    settings.default,
    deadline=None,
    max_examples=50,
    suppress_health_check=[*settings.default.suppress_health_check, HealthCheck.too_slow],
)
settings.load_profile("patient")

LEFT_OUT = {
    "tests/api/": "sqlite",
    "tests/console/": "postgresql",
    "tests/races/": "sqlite",
    "tests/test_growth.py": "postgresql",
}
"""Which database `make test` leaves out where. What is stored is tested on both in every run (the subjects,
tests/database, the models); edges translate, so the API is tested on PostgreSQL, the console on SQLite, and races where
there is more than one writer; what grows with the base grows on the embedded file first. `make soak` has the rest."""
LONG = ("tests/test_growth.py", "tests/test_merging_model.py", "tests/test_model.py", "tests/races/")
BOTH = ("test_audit_kinds.py", "test_merge_kill.py")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leaves the other database's tests of an edge to the soak; what takes long begins first, and ends among others."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))
    for item in items:
        left_out = next((name for folder, name in LEFT_OUT.items() if item.nodeid.startswith(folder)), None)
        callspec = getattr(item, "callspec", None)
        if left_out and callspec and item.path.name not in BOTH and left_out in callspec.id.split("-"):
            item.add_marker("soak")


class OneBrowser(LoadScopeScheduling):  # type: ignore[misc]
    """All tests at a browser go to one process: several browsers starve each other, and the servers they ask."""

    def _split_scope(self, nodeid: str) -> str:
        return "browser" if nodeid.startswith("tests/browser/") else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneBrowser:
    """How `pytest -n` deals the tests out. (xdist's own `loadgroup` does nothing under pytest 9.2.)"""
    return OneBrowser(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says last, where it is read, what could not be tested on this machine."""
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", ())]
    reasons = Counter(reason[reason.index(NOT_TESTED) : -2] for reason in skipped if NOT_TESTED in reason)
    for reason, tests in reasons.items():
        terminalreporter.write_line(f"!! {tests} tests {reason}", red=True)


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> Iterator[None]:
    """Hashing a password takes a tenth of a second by design; here it takes next to nothing, by the same algorithm."""
    patch = pytest.MonkeyPatch()
    patch.setattr(passwords, "_passwords", PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1),)))
    yield
    patch.undo()


@pytest.fixture(scope="session")
def judges(tmp_path_factory: pytest.TempPathFactory) -> Judges:
    """Who judges the plans of this run's statements."""
    return Judges(tmp_path_factory.mktemp("plans"))


@pytest.fixture(autouse=True)
def _statements_find_their_rows(judges: Judges) -> Iterator[None]:
    """Fails the first test that has a statement sent which reads a whole organization, and is not meant to."""
    yield
    complaints = judges.found(STATEMENTS.take())
    if complaints:
        pytest.fail("\n\n".join(complaints), pytrace=False)


@pytest.fixture(scope="session", autouse=True)
def _secret_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The key of whatever is served here, and of every process that a test begins."""
    patch = pytest.MonkeyPatch()
    patch.setenv("ONEFOLD_SECRET_KEY_FILE", str(tmp_path_factory.mktemp("key") / "onefold.key"))
    yield
    patch.undo()


@pytest.fixture(scope="session")
def postgres_server(judges: Judges) -> Iterator[str]:
    """The superuser's URL of a PostgreSQL server for this run."""
    try:
        with postgres.server("fsync=off", "full_page_writes=off") as url:
            judges.server = url
            yield url
    except postgres.NoPostgreSQL as missing:
        pytest.skip(f"{NOT_TESTED} ON POSTGRESQL: {missing}")


@pytest.fixture(scope="session")
def _postgres_databases(postgres_server: str, _postgres_template: str) -> postgres.Databases:
    return postgres.Databases(postgres_server, _postgres_template)


@pytest.fixture(scope="session")
def _postgres_template(postgres_server: str) -> str:
    """A database with the schema, to be copied: faster than migrating each test's own."""
    url = postgres.fresh_database(postgres_server, "template_onefold")
    database = Database(url)
    upgrade(database)
    database.dispose()
    return "template_onefold"


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the schema, to be copied: faster than migrating each test's own."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    database.dispose()
    return path


MakeUrl = Callable[[], str]


@pytest.fixture(params=["sqlite", "postgresql"])
def make_url(request: pytest.FixtureRequest) -> Iterator[MakeUrl]:
    """Makes databases with the schema and nothing in them; returns their URLs. Its tests run on both kinds."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("_sqlite_template")
        numbers = itertools.count()

        def sqlite() -> str:
            path = template.with_name(f"{next(numbers)}.db")
            for old in path.parent.glob(f"{path.name}*"):  # of the test before
                old.unlink()
            shutil.copyfile(template, path)
            return f"sqlite:///{path}"

        yield sqlite
        return
    databases: postgres.Databases = request.getfixturevalue("_postgres_databases")
    borrowed: list[str] = []

    def postgresql() -> str:
        borrowed.append(databases.borrow())
        return borrowed[-1]

    yield postgresql
    for url in borrowed:
        databases.give_back(url)


class Base(NamedTuple):
    """A database with one organization in it."""

    url: str
    database: Database
    organization_id: int
    receiver: Receiver


@pytest.fixture(scope="session")
def _opened() -> dict[str, Database]:
    """Databases by their URL, from one test to the next: each compiles every statement once, half of a test's time."""
    return {}


@pytest.fixture
def base(make_url: MakeUrl, _opened: dict[str, Database]) -> Iterator[Base]:
    """A database with one organization in it, whose region is US."""
    url = make_url()
    database = _opened.setdefault(url, Database(url))
    database.policies.clear()  # of an organization of the same number, in the test before
    organization_id = add_organization(database, "Acme", "US", new_id(), "General", DEFAULT_ENTRIES, utc_now())
    yield Base(url, database, organization_id, Receiver(database))
    database.dispose()
