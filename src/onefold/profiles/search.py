"""What a profile is found by as one types, and how hits are ranked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from onefold.contact_points.kinds import Kind
from onefold.core.text import fold

_TERM_LENGTH = 120
_MOST_TERMS = 60
_WORD_BREAK = re.compile(r"[.\-_+@]")
_DIAL = re.compile(r"[\d\s()+./\-]+\Z", re.ASCII)
_NOT_DIGIT = re.compile(r"\D", re.ASCII)


def search_terms(
    name: str | None,
    username: str | None,
    points: Iterable[tuple[Kind, str, str | None]],
    former_names: Iterable[str] = (),
) -> set[str]:
    """Every text whose beginning finds the profile: a search is one look at an ordered index.

    Names from each of their words on; emails from each part on, and as people write their domains; phones by
    international, national, last seven and last four digits; handles; customer IDs; names that lost in a merge
    (MRG-19). `points` are (kind, normal form, handle). The name's own terms come first where a profile has so many that
    some must go.
    """
    terms: dict[str, None] = {}
    former = (term for former_name in former_names for term in _name_terms(former_name))
    for term in (*_terms(name, username, points), *former):
        if term and len(terms) < _MOST_TERMS:
            terms[term[:_TERM_LENGTH]] = None
    return set(terms)


def _terms(name: str | None, username: str | None, points: Iterable[tuple[Kind, str, str | None]]) -> Iterator[str]:
    if name:
        yield from _name_terms(name)
    if username:
        yield fold(username).lstrip("@")
    for kind, value, handle in points:
        yield from _point_terms(kind, value, handle)


def _name_terms(name: str) -> Iterator[str]:
    words = fold(name).replace(",", " ").split()[:8]
    for i in range(len(words)):
        yield " ".join(words[i:] + words[:i])


def _point_terms(kind: Kind, value: str, handle: str | None) -> Iterator[str]:
    """Visitor tokens are not for people and are not searched."""
    if kind == "email":
        for written in (value, _in_unicode(value)) if "xn--" in value else (value,):
            yield written
            yield from (written[m.end() :] for m in _WORD_BREAK.finditer(written) if m.end() < len(written) - 3)
    elif kind == "phone":
        yield from _phone_terms(value)
    elif kind == "social":
        yield value.partition(":")[2]
        if handle:
            yield fold(handle).lstrip("@")
    elif kind == "customer_id":
        yield fold(value)


def _in_unicode(email: str) -> str:
    """An address with its domain as people write it, folded as searches are."""
    local, _, domain = email.rpartition("@")
    try:
        return fold(f"{local}@{domain.encode('ascii').decode('idna')}")
    except UnicodeError:
        return email


def _phone_terms(value: str) -> Iterator[str]:
    digits = _NOT_DIGIT.sub("", value.partition(";")[0])
    if not digits:
        yield value
        return
    yield digits
    yield from _national_digits(digits)
    if len(digits) > 7:
        yield digits[-7:]
    if len(digits) > 4:
        yield digits[-4:]


def _national_digits(digits: str) -> Iterator[str]:
    code = _country_code(digits)
    if code:
        yield digits[len(code) :]


def _country_code(digits: str) -> str:
    if digits[0] in "17":
        return digits[0]
    two = digits[:2]
    return two if two in _TWO_DIGIT_CODES else digits[:3]


# ITU-T E.164: country codes of two digits; those that begin with 1 or 7 have one digit, all others three.
_TWO_DIGIT_CODES = frozenset(
    [
        "20",
        "27",
        "30",
        "31",
        "32",
        "33",
        "34",
        "36",
        "39",
        "40",
        "41",
        "43",
        "44",
        "45",
        "46",
        "47",
        "48",
        "49",
        "51",
        "52",
        "53",
        "54",
        "55",
        "56",
        "57",
        "58",
        "60",
        "61",
        "62",
        "63",
        "64",
        "65",
        "66",
        "81",
        "82",
        "84",
        "86",
        "90",
        "91",
        "92",
        "93",
        "94",
        "95",
        "98",
    ]
)


def search_prefixes(query: str) -> tuple[str, ...]:
    """What to look for in the ordered index of terms: the folded query, and its digits where it may be a phone."""
    query = query[: 4 * _TERM_LENGTH]  # before folding, which takes time by the square of a run of marks
    folded = fold(query).strip().lstrip("@")[:_TERM_LENGTH]
    prefixes = [folded] if folded else []
    if _DIAL.match(query.strip()):
        digits = _NOT_DIGIT.sub("", query)
        for candidate in (digits.removeprefix("00"), digits.lstrip("0")):
            if candidate:
                prefixes.append(candidate)
    return tuple(dict.fromkeys(prefixes))


class Hit(NamedTuple):
    """A profile that a search has found, by which term."""

    profile_id: str
    term: str


def rank_hits(hits: Iterable[Hit], prefixes: tuple[str, ...]) -> list[str]:
    """Profile ids, whole terms before beginnings, then shorter terms, then the profiles that are newer."""
    best: dict[str, tuple[int, int]] = {}
    for profile_id, term in hits:
        rank = (0 if term in prefixes else 1, len(term))
        best[profile_id] = min(best.get(profile_id, rank), rank)
    newest_first = sorted(best, reverse=True)
    return sorted(newest_first, key=best.__getitem__)
