"""How large a body may be, by what an address is for."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from tests.api.conftest import empty_sqlite, serving

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with the limits of production."""
    with serving(empty_sqlite(tmp_path_factory.mktemp("bodies")), largest_body=26_214_400) as served:
        yield served


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/sign-in", 16_000),
        ("/sign-in/code", 16_000),
        ("/sign-in/link", 16_000),
        ("/invitation", 16_000),
        ("/settings/blocklist", 2_000_000),
        ("/v1/profiles", 2_000_000),
        ("/v1/keys", 2_000_000),
        ("/customers/x/write", 12_000_000),
        ("/v1/profiles/x/drafts", 12_000_000),
        ("/v1/contacts", 26_214_400),
    ],
)
def test_an_address_takes_so_many_bytes_and_not_one_more(address: str, path: str, most: int) -> None:
    for size, refused in ((most, False), (most + 1, True)):
        answer = httpx.post(f"{address}{path}", content=b"a" * size, headers=FORM, timeout=30)
        assert (answer.status_code == 413) == refused, answer.text[:200]


@pytest.mark.parametrize("body", [b"&" * 16_000, b"a&" * 8_000, b"a=b&" * 4_000, b"%41" * 5_000])
def test_a_form_that_is_made_to_cost_much_costs_nothing(address: str, body: bytes) -> None:
    begun = time.monotonic()
    answer = httpx.post(f"{address}/sign-in", content=body, headers={**FORM, "origin": address})
    assert answer.status_code in (401, 422)
    assert time.monotonic() - begun < 5
