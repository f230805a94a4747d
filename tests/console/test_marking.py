"""Addresses in texts of strangers become links, and nothing they send costs more than reading it once."""

from __future__ import annotations

import time

import pytest

from onefold.console.marking import link_addresses, mark_hits


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("see https://kite.example/a?b=1&c=2.", ["https://kite.example/a?b=1&amp;c=2"]),
        ("(https://kite.example)", ["https://kite.example"]),
        ("write to ada@kite.example, please", ["mailto:ada@kite.example"]),
        ("no links: kite.example javascript:alert(1) data:text/html,x", []),
        ('https://kite.example/"onmouseover="alert(1)', ["https://kite.example/"]),
        ("<a href=https://kite.example>x</a>", ["https://kite.example"]),
    ],
)
def test_addresses_are_links_and_nothing_else_is(text: str, links: list[str]) -> None:
    made = str(link_addresses(text))
    assert [part.partition('"')[0] for part in made.split('href="')[1:]] == links
    assert made.count("<a ") == len(links)
    assert "<script" not in made and "<b" not in made


@pytest.mark.parametrize(
    "text", [")" * 19_997 + "x) ", "." * 20_000, "a@" * 10_000, "a." * 10_000, "http://" * 2_800, "&gt;" * 5_000]
)
def test_a_text_is_read_once_whatever_it_is_made_of(text: str) -> None:
    """Beside plain words of the same length: by the ratio, because machines are slow at times."""

    def seconds(given: str) -> float:
        begun = time.perf_counter()
        link_addresses(given)
        mark_hits(given[:500], "a b c")
        return time.perf_counter() - begun

    plain = min(seconds("plain words " * 1_700) for _ in range(5))
    assert min(seconds(text) for _ in range(3)) < 200 * plain + 0.05
