"""The application behind a real socket, a server for each kind of database, and an organization of its own a test.

Tests that ask for `api` run on SQLite and on PostgreSQL. They share the server, so what one test leaves behind is there
while the next one runs: in another organization, where the next one must not see it.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import sqlalchemy as sa
import uvicorn

from onefold.accounts import service as accounts
from onefold.accounts import signing_in
from onefold.accounts import store as account_store
from onefold.accounts.store import KeyRow
from onefold.app import create_app
from onefold.contact_points.blocklist import DEFAULT_ENTRIES
from onefold.core.clock import new_id, utc_now
from onefold.core.process_settings import Settings
from onefold.database.engine import Database
from onefold.database.migrate import upgrade
from onefold.database.transactions import run_in_transaction
from onefold.organizations.store import add_organization
from onefold.server.options import OPTIONS
from onefold.wiring import database_of
from tests import postgres
from tests.dsl.words import COMMAND

LARGEST_BODY = 2_000_000
_serial = itertools.count(1)


def fresh(word: str = "x") -> str:
    """A text no other test uses: message ids, customer IDs."""
    return f"{word}-{next(_serial)}"


@contextmanager
def serving(url: str, **settings: Any) -> Iterator[str]:
    """The application on a free port, in a thread; yields its address."""
    defaults = {
        "database_url": url,
        "sqlite_synchronous": "NORMAL",
        "log_level": "error",
        "largest_body": LARGEST_BODY,
        "webhooks_allow_private": True,
        "unsigned_webhooks": True,
        "metrics_token": "figures",
    }
    app = create_app(Settings(**{**defaults, **settings}))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, **OPTIONS))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


def empty_sqlite(folder: Path) -> str:
    """The URL of a SQLite file with the schema and nothing in it."""
    url = f"sqlite:///{folder}/empty.db"
    database = Database(url)
    upgrade(database)
    database.dispose()
    return url


class Served(NamedTuple):
    """A database and the address of the application that serves it."""

    url: str
    address: str
    database: Database


@contextmanager
def _served(url: str) -> Iterator[Served]:
    database = database_of(Settings(database_url=url))  # type: ignore[call-arg]
    with serving(url) as address:
        yield Served(url, address, database)
    database.dispose()


@pytest.fixture(scope="session")
def sqlite_served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The application on SQLite."""
    with _served(empty_sqlite(tmp_path_factory.mktemp("api"))) as served:
        yield served


@pytest.fixture(scope="session")
def postgresql_served(postgres_server: str, _postgres_template: str) -> Iterator[Served]:
    """The application on PostgreSQL."""
    with _served(postgres.fresh_database(postgres_server, fresh("api"), _postgres_template)) as served:
        yield served


@pytest.fixture(params=["sqlite", "postgresql"])
def served(request: pytest.FixtureRequest) -> Served:
    """The application, on each kind of database."""
    application: Served = request.getfixturevalue(f"{request.param}_served")
    return application


class Api(httpx.Client):
    """A client of one organization, with a key of all scopes."""

    def __init__(self, served: Served, organization_id: int, token: str) -> None:
        # Reading the certificates that no plain socket needs takes longer than most tests.
        super().__init__(
            base_url=served.address,
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
            trust_env=False,
            verify=False,
        )
        self.served = served
        self.database = served.database
        self.organization_id = organization_id
        self.token = token

    def with_key(self, *scopes: str) -> Api:
        """A client of the same organization whose key has these scopes only."""
        return Api(self.served, self.organization_id, make_key(self.served, self.organization_id, *scopes))

    def sql(self, statement: str, **values: object) -> list[Any]:
        """What a statement finds or changes, past every rule of the service."""
        with self.database.write(self.organization_id) as unit:
            result = unit.execute(sa.text(statement), values)
            return list(result) if result.returns_rows else []

    def contact(self, channel: str, sender: dict[str, Any], **more: Any) -> dict[str, Any]:
        """The answer to a contact that must be received."""
        body = {"channel": channel, "message_id": fresh("m"), "sender": sender, **more}
        answer = self.post("/v1/contacts", json=body)
        assert answer.status_code == 200, answer.text
        outcome: dict[str, Any] = answer.json()
        return outcome

    def profile(self, **body: Any) -> dict[str, Any]:
        """A profile added by hand, which must be accepted."""
        answer = self.post("/v1/profiles", json=body)
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created

    def read(self, path: str, **query: Any) -> Any:
        """The JSON at an address that must answer 200."""
        answer = self.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pages(self, path: str, limit: int) -> list[dict[str, Any]]:
        """Everything of a list, page by page."""
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = self.read(path, limit=limit, **({} if cursor is None else {"cursor": cursor}))
            assert len(page["data"]) <= limit
            items += page["data"]
            cursor = page["next_cursor"]
            if cursor is None:
                return items


def anonymous(method: str, address: str, **more: Any) -> httpx.Response:
    """The answer to a request without a key."""
    return httpx.request(method, address, trust_env=False, verify=False, **more)


def make_key(served: Served, organization_id: int, *scopes: str) -> str:
    """A new key's token; of all scopes if none are named. It is just there: nobody's making it is in the audit log."""
    token = accounts.new_token("ofk", organization_id)
    key = KeyRow(new_id(), "test", sorted(scopes or accounts.SCOPES), utc_now(), None, None, None)
    hashed = accounts.token_hash(token)
    run_in_transaction(served.database, organization_id, lambda unit: account_store.add_key(unit, key, hashed))
    return token


MakeApi = Callable[..., Api]


def new_api(served: Served, region: str = "US") -> Api:
    """A client of a new organization."""
    organization_id = add_organization(served.database, "Acme", region, new_id(), "General", DEFAULT_ENTRIES, utc_now())
    return Api(served, organization_id, make_key(served, organization_id))


@pytest.fixture
def api(served: Served) -> Iterator[Api]:
    """A client of an organization of the test's own, whose region is US."""
    with new_api(served) as client:
        yield client


@pytest.fixture
def other(served: Served) -> Iterator[Api]:
    """A client of another organization of the same database."""
    with new_api(served) as client:
        yield client


class Person(NamedTuple):
    """Somebody signed in: their client and their id."""

    at: Api
    id: str


def person(api: Api, name: str, role: accounts.Role = "agent") -> Person:
    """A new agent, signed in."""
    email, password = f"{fresh(role)}@kite.example", "correct horse battery"

    def sign_in(unit: Any) -> tuple[str, str]:
        agent_id = accounts.add_agent(unit, email, name, role, COMMAND, password).id
        return agent_id, signing_in.sign_in(unit, email, password, "test").token  # type: ignore[union-attr]

    agent_id, token = run_in_transaction(api.database, api.organization_id, sign_in)
    return Person(Api(api.served, api.organization_id, token), agent_id)


@pytest.fixture
def mara(api: Api) -> Iterator[Person]:
    """A signed-in agent."""
    agent = person(api, "Mara")
    with agent.at:
        yield agent


@pytest.fixture
def lena(api: Api) -> Iterator[Person]:
    """A signed-in lead."""
    lead = person(api, "Lena", "lead")
    with lead.at:
        yield lead


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem of an answer that must be one (RFC 9457), with its stable code."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    members: dict[str, Any] = answer.json()
    assert (members["status"], members["code"]) == (status, code), members
    assert members["title"]
    assert members["detail"]
    assert members["type"]
    return members


def document() -> dict[str, Any]:
    """The OpenAPI document, as any client gets it; it needs no database."""

    async def read() -> dict[str, Any]:
        app = create_app(Settings(database_url="sqlite://", log_level="error"))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            schema: dict[str, Any] = (await client.get("/openapi.json")).json()
            return schema

    return asyncio.run(read())
