"""Phone numbers: one normal form for every spelling of a line, and what kind of line it is.

The normal form is E.164 (with `;ext=` after RFC 3966 where there is an extension), after the national rules that give
one line several spellings (RES-15):

- Mexico: the `1` after `+52` that mobile numbers carried until 2019 is dropped.
- Brazil: mobile numbers written without the ninth digit get it.
- Argentina: the `9` of mobile numbers is dropped, because callers' numbers arrive with and without it. The form that
  can be dialled keeps it: see `Phone.dialled`.

Text that already is E.164 takes a fast path which gives what the library would give (a property test holds the two
together).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Literal, NamedTuple

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberType

from onefold.core.errors import InvalidValue

LineType = Literal["mobile", "landline", "unknown"]


class Phone(NamedTuple):
    """A phone number: `value` is the normal form (lookups, uniqueness, matching), `dialled` the E.164 to dial."""

    value: str
    dialled: str


class _Plan(NamedTuple):
    lengths: frozenset[int]
    national_prefix: re.Pattern[str] | None


_E164 = re.compile(r"\+([1-9]\d{6,14})\Z", re.ASCII)
_NORTH_AMERICAN = re.compile(r"\+1[2-9]\d\d[2-9]\d{6}\Z", re.ASCII)
_SHORT_CODE = re.compile(r"\+?[\d\s.\-]{1,8}\Z", re.ASCII)
# The library reads letters as digits and takes a number out of the middle of a text; nobody is identified by that.
_WRITTEN = re.compile(r"[^a-z]*(?:(?:;?ext=?|extn?|x|#)[.:]?\s*\d{1,20})?\Z", re.IGNORECASE)
_SPELLED_TWICE = ("52", "54", "55")
_NO_PLUS = phonenumbers.CountryCodeSource.FROM_NUMBER_WITHOUT_PLUS_SIGN
_NO_CODE = phonenumbers.CountryCodeSource.FROM_DEFAULT_COUNTRY
_LANDLINES = (PhoneNumberType.FIXED_LINE,)


def _plan(code: int) -> _Plan | None:
    region = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code][0]
    metadata = (
        PhoneMetadata.metadata_for_nongeo_region(code, None)
        if region == "001"
        else PhoneMetadata.metadata_for_region(region, None)
    )
    if metadata is None or metadata.general_desc is None:
        return None
    prefix = metadata.national_prefix_for_parsing
    lengths = frozenset(n for n in metadata.general_desc.possible_length if n > 0)
    return _Plan(lengths, re.compile(prefix) if prefix else None)


_PLANS: dict[str, _Plan] = {
    str(code): plan
    for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE
    if str(code) not in _SPELLED_TWICE and (plan := _plan(code))
}


def parse_phone(text: str, region: str, field: str = "phone") -> Phone:
    """The number of `text`, read in `region` (ISO 3166) unless it begins with `+` or `00`.

    Raises InvalidValue `short_code` for short codes, `not_a_phone` for anything no line can have.
    """
    if _NORTH_AMERICAN.match(text) or _already_normal(text):
        return Phone(text, text)
    return _parse(text, region, field)


def _already_normal(text: str) -> bool:
    match = _E164.match(text)
    if match is None:
        return False
    digits = match[1]
    plan = _PLANS.get(digits[:2]) or _PLANS.get(digits[:3])
    if plan is None:
        return False
    national = digits[2:] if digits[:2] in _PLANS else digits[3:]
    return (
        len(national) in plan.lengths
        and national[0] != "0"
        and (plan.national_prefix is None or plan.national_prefix.match(national) is None)
    )


def _parse(text: str, region: str, field: str) -> Phone:
    # A number from abroad written with the prefix most of the world dials; the library only knows the region's own.
    stripped = text.strip().removeprefix("tel:")
    if len(stripped) > 60 or not _WRITTEN.match(stripped):
        raise _not_a_phone(text, field)
    if stripped.startswith("00"):
        stripped = "+" + stripped[2:]
    try:
        number = phonenumbers.parse(stripped, region, keep_raw_input=True)
    except phonenumbers.NumberParseException:
        raise _not_a_phone(text, field) from None
    if _is_id_of_a_system(number):
        raise _not_a_phone(text, field)
    number = _respell(number)
    # Not `is_possible_number`, which lets local numbers and short codes pass as if an area code could be added.
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise _not_a_phone(text, field)
    dialled_number = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if dialled_number != stripped and _national_zero(number):
        return _parse(dialled_number, region, field)  # "+44 (0)20", whose zero the library takes away one at a time
    suffix = f";ext={number.extension}" if number.extension else ""
    return Phone(_line(dialled_number) + suffix, dialled_number + suffix)


def _is_id_of_a_system(number: phonenumbers.PhoneNumber) -> bool:
    """Whether digits without a `+` are only as long as a number may be: nobody dials such a one at home."""
    source, is_long = number.country_code_source, (number.national_number or 0) >= 10**11
    return (source == _NO_PLUS or (source == _NO_CODE and is_long)) and not phonenumbers.is_valid_number(number)


def _national_zero(number: phonenumbers.PhoneNumber) -> bool:
    return bool(number.italian_leading_zero) and not number.extension


def _not_a_phone(text: str, field: str) -> InvalidValue:
    if _SHORT_CODE.match(text):
        return InvalidValue(
            f"{field} is a short code, not a phone number: it reaches nobody from abroad and identifies nobody.",
            code="short_code",
            field=field,
        )
    return InvalidValue(
        f"{field} is not a phone number. Write it with its country code, as in +442079460000, "
        "or as it is dialled in the organization's default region.",
        code="not_a_phone",
        field=field,
    )


def _respell(number: phonenumbers.PhoneNumber) -> phonenumbers.PhoneNumber:
    national = str(number.national_number)
    if number.country_code == 52 and len(national) == 11 and national[0] == "1":
        number.national_number = int(national[1:])
    elif number.country_code == 55 and len(national) == 10 and national[2] in "6789":
        number.national_number = int(national[:2] + "9" + national[2:])
    elif number.country_code == 54 and len(national) > 11 and national[0] == "9":
        extension = number.extension
        number = phonenumbers.parse("+54" + national[1:], None)
        number.extension = extension
    return number


def _line(e164: str) -> str:
    if e164.startswith("+549") and len(e164) == 14:
        return "+54" + e164[4:]
    return e164


def dialled_number(value: str, written: str | None, region: str) -> str:
    """The E.164 to dial for a stored normal form: what was written decides where the normal form dropped digits."""
    if written is not None and value.startswith("+54"):
        try:
            return parse_phone(written, region).dialled
        except InvalidValue:
            return value
    return value


@lru_cache(4_096)
def readable(value: str) -> str:
    """A stored normal form as people read numbers, in groups: `+44 20 7946 0000`; what is no number stays as it is."""
    try:
        number = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException:
        return value
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


LineTypes = Callable[[str], LineType]
"""Tells the line type of a dialled number in E.164."""


def line_type(number: str) -> LineType:
    """What the numbering plan alone says of a number in E.164 (RES-6).

    A number the plan cannot tell apart (fixed or mobile, as all of +1) is `unknown`: nobody is joined by a guess.
    """
    try:
        kind = phonenumbers.number_type(phonenumbers.parse(number.partition(";")[0], None))
    except phonenumbers.NumberParseException:
        return "unknown"
    if kind == PhoneNumberType.MOBILE:
        return "mobile"
    return "landline" if kind in _LANDLINES else "unknown"
