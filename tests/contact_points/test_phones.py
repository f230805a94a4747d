"""Phone numbers: one normal form for every spelling (PRO-10, RES-15), and what line types can be told (RES-6)."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onefold.contact_points import phones
from onefold.contact_points.blocklist import Blocklist
from onefold.contact_points.normalise import phone_point
from onefold.contact_points.phones import Phone, line_type, parse_phone
from onefold.core.errors import InvalidValue

SPELLINGS = [
    ("US", "+14155552671", "+14155552671"),
    ("US", "(415) 555-2671", "+14155552671"),
    ("US", "1-415-555-2671", "+14155552671"),
    ("US", " 415.555.2671 ", "+14155552671"),
    ("US", "tel:+1-415-555-2671", "+14155552671"),
    ("GB", "020 7946 0000", "+442079460000"),
    ("GB", "+44 (0)20 7946 0000", "+442079460000"),
    ("DE", "00 44 20 7946 0000", "+442079460000"),
    ("IT", "06 1234 5678", "+390612345678"),
    ("JP", "０３-１２３４-５６７８", "+81312345678"),
    ("US", "+1 415 555 2671 ext. 5", "+14155552671;ext=5"),
    ("US", "+1 415 555 2671 x1234", "+14155552671;ext=1234"),
    ("US", "+18005550123", "+18005550123"),
]


@pytest.mark.parametrize(("region", "written", "normal"), SPELLINGS)
def test_every_spelling_has_one_normal_form__PRO_10(region: str, written: str, normal: str) -> None:
    assert parse_phone(written, region).value == normal


def test_what_the_customer_wrote_is_kept_beside_the_normal_form__PRO_10() -> None:
    point = phone_point("(415) 555-2671", "US", Blocklist([]))
    assert (point.value, point.written) == ("+14155552671", "(415) 555-2671")
    assert phone_point("+14155552671", "US", Blocklist([])).written is None


NOT_PHONES = [
    ("72345", "short_code"),
    ("911", "short_code"),
    ("5551234", "short_code"),
    ("", "short_code"),
    ("12345678901234567", "not_a_phone"),
    ("hello", "not_a_phone"),
    ("AMAZON", "not_a_phone"),
    ("whatsapp:+14155552671", "not_a_phone"),
    ("1-800-FLOWERS", "not_a_phone"),
    ("+1 415", "short_code"),
    ("call +14155552671 please", "not_a_phone"),
    ("\u202e+14155552671x", "not_a_phone"),
    ("+999123456789", "not_a_phone"),
]


@pytest.mark.parametrize(("written", "code"), [case for case in NOT_PHONES if case[0]])
def test_what_is_no_phone_says_so_without_quoting_it__PRO_10(written: str, code: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        parse_phone(written, "US", "sender.phone")
    assert refusal.value.code == code
    assert refusal.value.field == "sender.phone"
    assert written not in refusal.value.detail


@pytest.mark.parametrize(
    ("written", "region"), [("82123456789012", "KR"), ("4912345678901234", "DE"), ("911234567890123", "IN")]
)
def test_an_id_that_begins_with_the_regions_code_is_no_phone__PRO_10(written: str, region: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        parse_phone(written, region)
    assert refusal.value.code == "not_a_phone"


@pytest.mark.parametrize(
    "written",
    [
        "+14155552671 ext. 12345678",
        "+14155552671;ext=123456789012",
        "+14155552671 # 1234567",
        "+14155552671 x7",
        "+14155552671 #123456789",
    ],
)
def test_an_extension_is_given_back_as_it_was_taken__PRO_10(written: str) -> None:
    normal = parse_phone(written, "US").value
    assert ";ext=" in normal
    assert parse_phone(normal, "US").value == normal


SECOND_SPELLINGS = [
    ("+5215512345678", Phone("+525512345678", "+525512345678")),
    ("+551187654321", Phone("+5511987654321", "+5511987654321")),
    ("+551132654321", Phone("+551132654321", "+551132654321")),
    ("+5491123456789", Phone("+541123456789", "+5491123456789")),
    ("+541123456789", Phone("+541123456789", "+541123456789")),
]


@pytest.mark.parametrize(("written", "phone"), SECOND_SPELLINGS)
def test_second_spellings_of_a_line_are_one_number__RES_15(written: str, phone: Phone) -> None:
    assert parse_phone(written, "US") == phone


def test_the_number_to_dial_keeps_what_the_normal_form_drops__RES_15() -> None:
    assert phones.dialled_number("+541123456789", "+54 9 11 2345 6789", "US") == "+5491123456789"
    assert phones.dialled_number("+541123456789", None, "US") == "+541123456789"


LINE_TYPES = [
    ("+447911123456", "mobile"),
    ("+442079460000", "landline"),
    ("+14155552671", "unknown"),
    ("+18005550123", "unknown"),
    ("+5491123456789", "mobile"),
    ("+4915112345678", "mobile"),
    ("not a number", "unknown"),
    ("+14155552671;ext=5", "unknown"),
]


@pytest.mark.parametrize(("number", "kind"), LINE_TYPES)
def test_the_numbering_plan_never_guesses__RES_6(number: str, kind: str) -> None:
    assert line_type(number) == kind


_codes = st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
_numbers = st.builds(lambda code, rest: f"+{code}{rest}", _codes, st.text("0123456789", min_size=3, max_size=13))


@given(_numbers)
@settings(max_examples=500, deadline=None)
def test_the_fast_path_gives_what_the_library_gives__PRO_10(number: str) -> None:
    try:
        slow = phones._parse(number, "US", "phone")
    except InvalidValue:
        slow = None
    try:
        fast = parse_phone(number, "US")
    except InvalidValue:
        fast = None
    assert fast == slow


@given(_numbers)
@settings(max_examples=500, deadline=None)
def test_a_normal_form_is_its_own_normal_form__PRO_10(number: str) -> None:
    try:
        once = parse_phone(number, "US").value
    except InvalidValue:
        return
    assert parse_phone(once, "DE").value == once
