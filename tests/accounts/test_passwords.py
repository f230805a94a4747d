"""Which passwords are refused: short ones, those that are guessed first, and one's own words (ASVS 5.0 V6.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from onefold.accounts.passwords import check_password
from onefold.core.errors import InvalidValue

OWN = ("Mara Lindt", "mara.lindt@kite-shop.example", "Kite & Co. Ltd")

REFUSED = [
    ("", "password_length"),
    ("elevenchars", "password_length"),
    ("x" * 501, "password_length"),
    ("1q2w3e4r5t6y", "password_common"),
    ("1Q2W3E4R5T6Y", "password_common"),
    ("1q2w 3e4r 5t6y", "password_common"),
    ("aaaaaaaaaaaaaaaa", "password_common"),
    ("abcabcabcabc", "password_common"),
    ("passwordpassword", "password_common"),
    ("Password-Password!", "password_common"),
    ("mara.lindt.2026", "password_own"),
    ("Lindt-Mara-Lindt", "password_own"),
    ("kite-shop-kite", "password_own"),
    ("example-Mara-1", "password_own"),
]
TAKEN = [
    "correct horse battery",
    "twelve chars",
    "mara likes her garden green",
    "kite und Kürbis im Herbst",
    "日本語のパスワードはこれです",
    "🦊🦊🦉🦉🦋🦋🐢🐢🐙🐙🦀🦀 foxes",
    "x" * 3 + " marks the spot",
    "\ud800 odd but one's own",
]


@pytest.mark.parametrize(("password", "code"), REFUSED)
def test_refused(password: str, code: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        check_password(password, OWN)
    assert refusal.value.code == code
    assert password not in refusal.value.detail or not password


@pytest.mark.parametrize("password", TAKEN)
def test_taken(password: str) -> None:
    check_password(password, OWN)


@given(st.sampled_from([word for word in FREQUENCY_LISTS["passwords"][:10_000] if len(word) >= 12]))
def test_none_of_those_guessed_first_is_taken(password: str) -> None:
    with pytest.raises(InvalidValue):
        check_password(password, ())


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=600), st.lists(st.text(max_size=30), max_size=3))
def test_whatever_is_typed_is_taken_or_refused(password: str, own: list[str]) -> None:
    try:
        check_password(password, own)
    except InvalidValue as refusal:
        assert refusal.field == "password"
