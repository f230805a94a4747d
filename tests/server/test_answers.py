"""What every answer carries, how many requests a key may make, and whom a proxy speaks for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from onefold.api import answers
from onefold.api.answers import RateLimit
from onefold.core.clock import new_id, utc_now
from onefold.core.networks import Networks
from onefold.core.process_settings import Settings
from onefold.database.engine import Database
from onefold.organizations.store import add_organization
from tests.api.conftest import empty_sqlite, serving


@contextmanager
def served(folder: Path, **settings: Any) -> Iterator[str]:
    """The application, with one organization and nobody in it."""
    url = empty_sqlite(folder)
    database = Database(url)
    add_organization(database, "Kite", "GB", new_id(), "General", (), utc_now())
    database.dispose()
    with serving(url, **settings) as address:
        yield address


@pytest.mark.parametrize("path", ["/health", "/sign-in", "/nowhere", "/v1/profiles", "/openapi.json", "/metrics"])
def test_no_cache_keeps_an_answer_and_no_browser_guesses_what_it_is(tmp_path: Path, path: str) -> None:
    with served(tmp_path, public_url="https://onefold.example") as address:
        headers = httpx.get(f"{address}{path}").headers
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")
    assert headers["strict-transport-security"] == "max-age=63072000; includeSubDomains"
    assert "server" not in headers


def test_what_has_no_secrets_may_be_kept_and_http_is_no_https(tmp_path: Path) -> None:
    with served(tmp_path) as address:
        headers = httpx.get(f"{address}/static/app.css").headers
    assert headers["cache-control"] != "no-store"
    assert "strict-transport-security" not in headers


def test_every_answer_of_text_names_its_charset(tmp_path: Path) -> None:
    with served(tmp_path) as address:
        kinds = [httpx.get(f"{address}/static/{name}").headers["content-type"] for name in ("icon.svg", "app.js")]
    assert kinds == ["image/svg+xml; charset=utf-8", "text/javascript; charset=utf-8"]


# How many requests a key may make -------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def ask(limit: Callable[..., Any], *headers: tuple[bytes, bytes]) -> tuple[int, dict[bytes, bytes]]:
    told: list[Any] = []

    async def send(message: Any) -> None:
        told.append(message)

    asyncio.run(limit({"type": "http", "headers": headers}, None, send))
    return told[0]["status"], dict(told[0]["headers"])


async def _answer(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def test_a_key_may_make_so_many_requests_in_a_minute_and_is_told_how_many_are_left() -> None:
    clock = Clock()
    limit, ada, bob = RateLimit(_answer, 2, clock), (b"authorization", b"Bearer ada"), (b"authorization", b"Bearer bob")
    assert ask(limit, ada) == (200, {b"ratelimit-policy": b'"key";q=2;w=60', b"ratelimit": b'"key";r=1;t=60'})
    clock.now = 20
    assert ask(limit, ada)[1][b"ratelimit"] == b'"key";r=0;t=40'
    status, headers = ask(limit, ada)
    assert (status, headers[b"retry-after"], headers[b"ratelimit"]) == (429, b"40", b'"key";r=0;t=40')
    assert ask(limit, bob)[0] == 200
    assert ask(limit) == (200, {})  # who signs in, and health
    clock.now = 60
    assert ask(limit, ada)[0] == 200


def test_keys_that_somebody_makes_up_neither_fill_the_memory_nor_clear_ones_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answers, "_MOST_CALLERS", 3)
    limit = RateLimit(_answer, 100, Clock())
    for number in range(20):
        ask(limit, (b"authorization", b"Bearer %d" % number))
        assert ask(limit, (b"authorization", b"Bearer ada"))[1][b"ratelimit"] == b'"key";r=%d;t=60' % (99 - number)
    assert len(limit._counted) == 3


# Whom a proxy speaks for ----------------------------------------------------------------------------------------------


def tries(address: str, forwarded: Callable[[int], str]) -> list[int]:
    """Answers to tries to sign in as nobody, each with another email: only where they come from is counted."""
    return [
        httpx.post(
            f"{address}/sign-in",
            data={"email": f"nobody{number}@kite.example", "password": "wrong"},
            headers={"X-Forwarded-For": forwarded(number), "Origin": address},
        ).status_code
        for number in range(52)
    ]


def test_on_loopback_nobody_makes_up_where_a_request_comes_from(tmp_path: Path) -> None:
    with served(tmp_path) as address:
        assert tries(address, lambda number: f"203.0.113.{number}")[-2:] == [429, 429]


def test_behind_a_proxy_that_is_trusted_each_client_is_counted_for_itself(tmp_path: Path) -> None:
    with served(tmp_path, trusted_proxies="127.0.0.0/8, 10.0.0.0/8") as address:
        assert set(tries(address, lambda number: f"203.0.113.{number}, 10.0.0.7")) == {401}
        # What a client writes before its own address is not believed.
        assert tries(address, lambda number: f"192.0.2.{number}, 198.51.100.9")[-2:] == [429, 429]


@pytest.mark.parametrize(
    ("address", "is_in"),
    [
        ("10.1.2.3", True),
        ("11.0.0.1", False),
        ("::ffff:10.0.0.1", True),
        ("2001:db8::5", True),
        ("fe80::1%eth0", False),
        ("", False),
        ("unix", False),
    ],
)
def test_networks_hold_addresses_however_they_are_written(address: str, is_in: bool) -> None:
    assert (address in Networks(["10.0.0.0/8", "2001:db8::/32"])) == is_in


def test_what_is_no_network_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="trusted_proxies"):
        Settings(trusted_proxies="10.0.0.0/8, localhost")
