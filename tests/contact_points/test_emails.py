"""Email addresses: one normal form for every spelling of a mailbox (PRO-10)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onefold.contact_points import emails
from onefold.contact_points.emails import parse_email
from onefold.core.errors import InvalidValue

SPELLINGS = [
    ("Ada@Example.COM", "ada@example.com"),
    (" ada@example.com ", "ada@example.com"),
    ("ada@EXÄMPLE.com", "ada@xn--exmple-cua.com"),
    ("ada@xn--exmple-cua.com", "ada@xn--exmple-cua.com"),
    ("Straße@example.com", "straße@example.com"),
    ("STRASSE@example.com", "strasse@example.com"),
    ("taro..s@docomo.example", "taro..s@docomo.example"),
    ("taro.@docomo.example", "taro.@docomo.example"),
    (".Taro@docomo.example", ".taro@docomo.example"),
    ('"Ada Byron"@example.com', '"ada byron"@example.com'),
    ('"Ada.Byron"@example.com', "ada.byron" + "@example.com"),
    ('"taro..s"@docomo.example', '"taro..s"@docomo.example'),
    ("root@my_host.example.com", "root@my_host.example.com"),
    ("printer@office.local", "printer@office.local"),
    ("ada@example.com.", "ada@example.com"),
    ("Jo@Bücher.example", "jo@xn--bcher-kva.example"),
    ("ΑΔΑ@example.com", "αδα@example.com"),
    ("o'brien+tag@example.com", "o'brien+tag@example.com"),
    ("Ａda@example.com", None),
    ("ada@раураl.com", "ada@xn--l-7sba6dbr.com"),
]


@pytest.mark.parametrize(("written", "normal"), [case for case in SPELLINGS if case[1]])
def test_every_spelling_has_one_normal_form__PRO_10(written: str, normal: str) -> None:
    assert parse_email(written) == normal


def test_a_homoglyph_domain_is_another_domain_and_punycode_the_same__PRO_10() -> None:
    assert parse_email("ada@раураl.com") != parse_email("ada@paypal.com")
    assert parse_email("ada@exämple.com") == parse_email("ada@xn--exmple-cua.com")


NOT_EMAILS = [
    "",
    "ada",
    "ada@",
    "@example.com",
    "ada@localhost",
    "ada@x.invalid",
    "a b@example.com",
    "ada@example..com",
    "ada@-example.com",
    '"quo"ted"@example.com',
    '""@example.com',
    "..@example.com",
    "ada@example.com..",
    "n/a",
    "root@my_host",
    "ada@[127.0.0.1]",
    "ada\u202e@example.com",
    "ada@exa\x00mple.com",
    "ada@" + "x" * 64 + ".com",
    "ada@" + "x." * 130 + "com",
    "\ud800@example.com",
    "ada@example.com\nbcc: x@example.com",
]


@pytest.mark.parametrize("written", NOT_EMAILS)
def test_what_is_no_address_says_so_without_quoting_it__PRO_10(written: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        parse_email(written, "sender.email")
    assert refusal.value.code == "not_an_email"
    assert refusal.value.detail == "sender.email is not an email address. Write it as name@example.com."


_locals = st.text("abcz09._+-'A", min_size=1, max_size=66)
_labels = st.text("abz09-", min_size=1, max_size=65)
_domains = st.builds(".".join, st.lists(_labels, min_size=1, max_size=4))
_endings = st.sampled_from(["com", "de", "local", "test", "invalid", "x", "co.uk", "c0m", "example"])
_addresses = st.builds("{}@{}.{}".format, _locals, _domains, _endings)


@given(_addresses)
@settings(max_examples=200, deadline=None)
def test_the_fast_path_gives_what_the_library_gives__PRO_10(address: str) -> None:
    assert _outcome(parse_email, address) == _outcome(lambda text: emails._parse(text, "email"), address)


@given(st.one_of(_addresses, st.emails()))
@settings(max_examples=200, deadline=None)
def test_a_normal_form_is_its_own_normal_form__PRO_10(address: str) -> None:
    once = _outcome(parse_email, address)
    assert once is None or parse_email(once) == once


def _outcome(parse, text: str) -> str | None:  # type: ignore[no-untyped-def]
    try:
        return str(parse(text))
    except InvalidValue:
        return None


def test_a_run_of_combining_marks_is_refused_at_once() -> None:
    """Its normal form would take time by the square of its length: minutes, for what fits in one request."""
    with pytest.raises(InvalidValue) as refusal:
        parse_email("a" + "\u0315\u0300" * 2_000_000 + "@example.com")
    assert refusal.value.code == "not_an_email"
