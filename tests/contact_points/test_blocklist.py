"""What stands for nobody, of every kind, whatever is on the list (PRO-12)."""

from __future__ import annotations

import pytest

from onefold.contact_points.blocklist import DEFAULT_ENTRIES, Blocklist, Entry, is_placeholder

NOBODY = [
    *"""
    null NULL none nil undefined NaN n/a N/A n.a. unknown anonymous guest test true - -- --- ? . _ 0 00 000-000 0000
    1111 9999999 -1 (null) <null> "null" [null] (none) {{user_id}} ${user.id} %USER_ID% <user-id> [[id]] {%id%}
    00000000-0000-0000-0000-000000000000 ffffffff-ffff-ffff-ffff-ffffffffffff
""".split(),
    "[object Object]",
    " null ",
    "not available",
    "{{ user.id }}",
]
SOMEBODY = """
    1 7 42 111 C-1 C-1815 a1 1001 1784 10000 nullpointer noname42 test-user-17 guest42 v1 b7f3 user-1
    3f2504e0-4f89-11d3-9a0c-0305e82c3301 ada 80 1112 ９ नाम
""".split()


@pytest.mark.parametrize("text", NOBODY)
def test_a_placeholder_stands_for_nobody_as_whatever_it_comes__PRO_12(text: str) -> None:
    assert is_placeholder(text)
    for kind, value in (("visitor", text), ("customer_id", text), ("social", f"facebook:{text}")):
        assert Blocklist([]).holds(kind, value), kind


@pytest.mark.parametrize("text", SOMEBODY)
def test_an_id_of_somebody_is_no_placeholder__PRO_12(text: str) -> None:
    assert not is_placeholder(text)


@pytest.mark.parametrize(
    ("number", "is_nobodys"),
    [
        ("+10000000000", True),
        ("+12222222222", True),
        ("+33600000000", True),
        ("+1234567890", True),
        ("+11234567890", True),
        ("+442079460000", False),
        ("+14155552671", False),
        ("+15550000000", False),
        ("", False),
        ("1111", False),
        ("+447911123456", False),
    ],
)
def test_a_number_of_one_digit_or_counted_up_is_nobodys__PRO_12(number: str, is_nobodys: bool) -> None:
    assert Blocklist([]).holds("phone", number) is is_nobodys


@pytest.mark.parametrize(
    ("kind", "value", "blocked"),
    [
        ("email", "noreply@shop.example", True),
        ("email", "mailer-daemon@shop.example", True),
        ("email", "ada@shop.example", False),
        ("email", "ada@mine.example", True),
        ("customer_id", "HOUSE", True),
        ("visitor", "Kiosk-7", True),
        ("social", "kiosk:17", True),
        ("social", "kiosks:17", False),
    ],
)
def test_entries_hold_for_every_kind__PRO_12(kind: str, value: str, blocked: bool) -> None:
    mine = [
        Entry("email", "*@mine.example"),
        Entry("customer_id", "house"),
        Entry("visitor", "kiosk-7"),
        Entry("social", "kiosk:*"),
    ]
    assert Blocklist([*DEFAULT_ENTRIES, *mine]).holds(kind, value) is blocked
