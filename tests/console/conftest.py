"""The console over a real socket: a browser's worth of client for each role, and an organization of its own a test.

Tests that ask for `console` run on SQLite and on PostgreSQL, beside what other tests have left in other organizations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import sqlalchemy as sa

from onefold.accounts import signing_in, store
from onefold.accounts.service import Role
from onefold.contact_points.blocklist import DEFAULT_ENTRIES
from onefold.core.clock import new_id, utc_now
from onefold.database import tables
from onefold.organizations.store import add_organization
from onefold.profiles.service import PointInput
from onefold.receiving.service import Receiver
from tests.api.conftest import Served, make_key, postgresql_served, sqlite_served
from tests.conftest import Base
from tests.dsl import words

__all__ = [
    "Console",
    "Element",
    "Html",
    "Seat",
    "console",
    "other_console",
    "postgresql_served",
    "served",
    "sqlite_served",
]

# What jobs bring up to date, or mark as told, beside every test.
_BESIDE = ("counted_until", "daily_counts", "outbox", "webhook_deliveries", "webhook_turns")
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
)


@dataclass(frozen=True)
class Element:
    """An element of a page: its name, its attributes, and the text in it with the spaces run together."""

    tag: str
    attributes: dict[str, str]
    text: str

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]


class Html(HTMLParser):
    """A page as a test looks at it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[tuple[str, dict[str, str], list[str]]] = []
        self.source = text
        self.feed(text)
        self.close()
        while self._open:
            self._end()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append((tag, {name: value or "" for name, value in attrs}, []))
        if tag in _VOID:
            self._end()

    def handle_endtag(self, tag: str) -> None:
        if any(name == tag for name, _, _ in self._open):
            while self._end() != tag:
                pass

    def handle_data(self, data: str) -> None:
        for _, _, texts in self._open:
            texts.append(data)

    def _end(self) -> str:
        tag, attributes, texts = self._open.pop()
        self.elements.append(Element(tag, attributes, " ".join("".join(texts).split())))
        return tag

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Elements by name and attributes; `class_="x"` finds those that have the class."""
        required = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}

        def fits(element: Element) -> bool:
            return element.tag == tag and all(
                value in element.attributes.get(name, "").split()
                if name == "class"
                else element.attributes.get(name) == value
                for name, value in required.items()
            )

        return [element for element in self.elements if fits(element)]

    def one(self, tag: str, **attributes: str) -> Element:
        """The one element that fits."""
        elements = self.all(tag, **attributes)
        assert len(elements) == 1, f"{len(elements)} {tag} {attributes}"
        return elements[0]

    @property
    def text(self) -> str:
        """What the page says, spaces run together."""
        return self.one("body").text

    @property
    def links(self) -> set[str]:
        """Where the page's links lead."""
        return {element["href"] for element in self.all("a") if "href" in element.attributes}


class Seat(httpx.Client):
    """A browser at the console: signed in as `agent_id`, or nobody. Redirects are looked at, not followed."""

    def __init__(self, served: Served, agent_id: str = "", token: str = "", **headers: str) -> None:
        super().__init__(
            base_url=served.address,
            headers={"Sec-Fetch-Site": "same-origin", "Accept": "text/html", **headers},
            cookies={"onefold": token} if token else {},
            timeout=30,
            trust_env=False,
            verify=False,
        )
        self.served, self.agent_id, self.token = served, agent_id, token

    def page(self, path: str, status: int = 200, **query: Any) -> Html:
        """The page at an address that must answer so."""
        answer = self.get(path, params=query or None)
        assert answer.status_code == status, f"{answer.status_code} at {path}: {answer.text[:2000]}"
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        return Html(answer.text)

    def sent(self, path: str, **fields: Any) -> tuple[str, str]:
        """(path, said) of where a form that must be accepted leads (303)."""
        answer = self.post(path, data={name: str(value) for name, value in fields.items()})
        assert answer.status_code == 303, f"{answer.status_code} at {path}: {answer.text[:2000]}"
        there = urlsplit(answer.headers["location"])
        return there.path, parse_qs(there.query).get("said", [""])[0]

    def refused(self, path: str, status: int, **fields: Any) -> Html:
        """The page of a form that must be refused so."""
        answer = self.post(path, data={name: str(value) for name, value in fields.items()})
        assert answer.status_code == status, f"{answer.status_code} at {path}: {answer.text[:2000]}"
        return Html(answer.text)


class Console:
    """A new organization whose agent, lead and admin are signed in, and whose customers a test adds by services."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.base = Base(served.url, served.database, _organization(served), Receiver(served.database))
        self.database, self.organization_id = served.database, self.base.organization_id
        self.agent, self.lead, self.admin = self.seat("Mara"), self.seat("Lena", "lead"), self.seat("Adam", "admin")
        self.nobody = Seat(served)
        self.inbox_id = words.inbox(self.base, "Sales")
        with self.database.read(self.organization_id) as unit:
            self.general_id = next(key for key, name in store.list_inboxes(unit) if name == "General")

    @property
    def roles(self) -> dict[str, Seat]:
        """Every kind of visitor, by name."""
        return {"nobody": self.nobody, "agent": self.agent, "lead": self.lead, "admin": self.admin}

    def seat(self, name: str, role: Role = "agent") -> Seat:
        """Another agent, signed in."""
        agent_id = words.agent(self.base, name, role)
        return Seat(self.served, agent_id, self.session(agent_id))

    def session(self, agent_id: str) -> str:
        """The cookie of a further session of an agent."""
        return words.do(self.base, lambda unit: signing_in.begin_again(unit, agent_id, "console 192.0.2.1").token)

    def key(self) -> str:
        """The token of an API key of all scopes."""
        return make_key(self.served, self.organization_id)

    def customer(self, name: str | None = None, *points: PointInput, **fields: Any) -> str:
        """A customer added by hand; the id. More by `tests.dsl.words`, whose functions take `console.base`."""
        return words.profile(self.base, *points, name=name, **fields)

    def contact(self, channel: str, **given: Any) -> str:
        """A contact that arrives; the id of the customer it came to."""
        return words.receive(self.base, channel, **given).profile_id

    def everything(self) -> dict[str, list[str]]:
        """Every row of the organization: equal before and after what changed nothing."""
        with self.database.read(self.organization_id) as unit:
            return {
                table.name: sorted(str(tuple(row)) for row in unit.execute(_rows_of(table, self.organization_id)))
                for table in tables.OWNED
                if table.name not in _BESIDE
            }

    def close(self) -> None:
        """Leaves every seat that was made with the organization."""
        for seat in self.roles.values():
            seat.close()


def _rows_of(table: sa.Table, organization_id: int) -> sa.Select[Any]:
    return sa.select(table).where(table.c.organization_id == organization_id)


def _organization(served: Served) -> int:
    return add_organization(served.database, "Acme", "US", new_id(), "General", DEFAULT_ENTRIES, utc_now())


@pytest.fixture(params=["sqlite", "postgresql"])
def served(request: pytest.FixtureRequest) -> Served:
    """The application, on each kind of database."""
    application: Served = request.getfixturevalue(f"{request.param}_served")
    return application


@pytest.fixture
def console(served: Served) -> Iterator[Console]:
    """The console of an organization of the test's own."""
    made = Console(served)
    yield made
    made.close()


@pytest.fixture
def other_console(served: Served) -> Iterator[Console]:
    """The console of another organization of the same database."""
    made = Console(served)
    yield made
    made.close()
