"""Where webhooks may go, when they are tried again, and which profiles an event speaks of (EVT-1)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import onefold
from onefold.core.errors import InvalidValue
from onefold.profiles.addresses import is_public
from onefold.webhooks.addresses import Addresses
from onefold.webhooks.rules import (
    AWAY,
    EVENT_TYPES,
    RETRIES,
    Outcome,
    outcome_of_answer,
    pause_until,
    profiles_of,
    retry_at,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADA, BOB, TALK = (f"00000000-0000-7000-8000-{n:012x}" for n in (1, 2, 3))


@pytest.mark.parametrize(
    "address",
    [
        "93.184.216.34",
        "8.8.8.8",
        "192.0.1.1",
        "192.88.98.1",
        "2001:200::1",
        "2620:4f:8001::1",
        "2606:4700:4700::1111",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2002:808:808::1",
    ],
)
def test_addresses_of_the_public_internet__EVT_1(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "240.0.0.1",
        "192.0.2.1",
        "192.0.0.1",
        "192.0.0.9",
        "192.0.0.192",
        "192.31.196.1",
        "192.52.193.1",
        "192.88.99.1",
        "192.175.48.6",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "::ffff:192.0.0.192",
        "64:ff9b::c058:6301",
        "2002:c058:6301::1",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2001:1ff::1",
        "2620:4f:8000::1",
        "3fff::1",
        "3fff:fff::1",
        "5f00::1",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "2001::1",
        "4000::1",
        "100::1",
        "localhost",
        "",
        "127.1",
    ],
)
def test_addresses_that_are_not__EVT_1(address: str) -> None:
    assert not is_public(address)


HERE, PUBLIC = ["127.0.0.1"], ["93.184.216.34"]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://hooks.example/", "https_required"),
        ("ftp://hooks.example/", "https_required"),
        ("hooks.example", "https_required"),
        ("", "https_required"),
        ("https://", "invalid_url"),
        ("https:///x", "invalid_url"),
        ("https://hooks.example:99999/", "invalid_url"),
        ("https://hooks.example/\x00", "text_not_storable"),
        ("https://hooks.example/#part", "invalid_url"),
        ("https://ann:secret@hooks.example/", "credentials_in_url"),
        ("https://ann@hooks.example/", "credentials_in_url"),
        ("https://" + "a" * 2_000, "text_too_long"),
    ],
)
def test_urls_that_can_be_no_webhook_are_refused_with_the_reason__EVT_1(url: str, code: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        Addresses(resolver=lambda host, port: PUBLIC).check(url)
    assert (refused.value.code, refused.value.field) == (code, "url")
    assert "secret" not in refused.value.detail


@pytest.mark.parametrize(
    ("addresses", "code"),
    [(HERE, "address_refused"), ([*PUBLIC, *HERE], "address_refused"), ([], "name_unresolved")],
    ids=["private", "one of several", "none"],
)
def test_every_address_of_a_name_must_be_public__EVT_1(addresses: list[str], code: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        Addresses(resolver=lambda host, port: addresses).check("https://hooks.example/")
    assert refused.value.code == code


@pytest.mark.parametrize("host", ["127.0.0.1", "0x7f.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "localhost"])
def test_this_machine_is_refused_however_it_is_written__EVT_1(host: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        Addresses().check(f"https://{host}/")
    assert refused.value.code in ("address_refused", "name_unresolved")


def test_a_setting_lets_webhooks_into_private_networks_and_over_plain_http__EVT_1() -> None:
    assert Addresses(allow_private=True).check("http://127.0.0.1:8080/x?y=z") == "http://127.0.0.1:8080/x?y=z"
    with pytest.raises(InvalidValue):
        Addresses(allow_private=True).check("ftp://127.0.0.1/")


def test_names_beyond_ascii_are_asked_for_as_the_resolver_knows_them__EVT_1() -> None:
    asked = []
    Addresses(resolver=lambda host, port: asked.append((host, port)) or PUBLIC).check("https://bücher.example:8443/")
    assert asked == [("xn--bcher-kva.example", 8443)]


def test_tries_go_on_for_more_than_three_days_at_growing_distances__EVT_1() -> None:
    assert timedelta(days=3) < AWAY < timedelta(days=4)
    assert list(RETRIES) == sorted(RETRIES)
    assert retry_at(outcome_of_answer(500), 1, NOW, 0.0) == NOW + RETRIES[0]
    assert retry_at(outcome_of_answer(500), len(RETRIES), NOW, 1.0) == NOW + RETRIES[-1] * 1.1
    assert retry_at(outcome_of_answer(500), len(RETRIES) + 1, NOW, 0.0) is None


@pytest.mark.parametrize(
    ("wish", "wait"),
    [(None, 5), (-5, 5), (1, 5), (60, 60), (1e30, 6 * 3600), (float(10**9), 6 * 3600)],
)
def test_retry_after_is_heeded_within_bounds__EVT_1(wish: float | None, wait: float) -> None:
    assert retry_at(outcome_of_answer(429, wish), 1, NOW, 0.0) == NOW + timedelta(seconds=wait)


def test_who_is_away_is_left_alone_for_a_minute_at_the_most__EVT_1() -> None:
    waits = [pause_until(Outcome(error="timeout"), n, NOW) - NOW for n in (1, 2, 5, 10_000)]
    assert [wait.total_seconds() for wait in waits] == [2, 4, 32, 60]
    assert not outcome_of_answer(500).endpoint_away, "it may be this event that is not taken"
    assert outcome_of_answer(503).endpoint_away


@pytest.mark.parametrize(
    ("data", "others"),
    [
        ({}, []),
        ({"conversation_id": TALK, "item_id": "7"}, []),
        ({"merged": {BOB: ADA}}, [BOB]),
        ({"from": [{"profile": BOB}], "contact_point_id": TALK}, [BOB]),
        ({"new_profile_id": BOB, "word": "x"}, [BOB]),
    ],
)
def test_an_event_speaks_of_every_profile_it_names__EVT_1(data: dict[str, Any], others: list[str]) -> None:
    assert profiles_of(ADA, data) == [ADA, *others]


def test_every_type_of_event_that_is_written_is_known__EVT_1() -> None:
    source = "\n".join(p.read_text() for p in Path(onefold.__file__).parent.rglob("*.py"))
    written = set(re.findall(r'emit\(\s*\w+,\s*new_id\(\),\s*"([a-z._]+)"', source))
    assert written
    written |= {f"{kind}.written" for kind in ("message", "note", "task")}  # whose names are put together
    assert written <= set(EVENT_TYPES)
