"""The terms by which a profile is found while somebody types, and the ranking of the hits (UI-6).

A term is a text whose beginning finds the profile. All terms are in one ordered index, the same on both databases, and
every look is for a beginning. A term that starts with INNER has the rest of a word, from its second letter or later. A
term that starts with LAST has the digits of a number, the last digit first.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from anyascii import anyascii

from onefold.contact_points.kinds import Kind
from onefold.core.text import fold

INNER, LAST = "\u00b7", "~"
_TERM_LENGTH = 120
_MOST_TERMS = 60
_MOST_WORDS = 8
_MOST_FORMER = 2
_LEAST_INNER = 3
_LONGEST_INNER = 20
_WORD_BREAK = re.compile(r"[.\-_+@]")
_BETWEEN_WORDS = re.compile(r"[\s,;/\-\u2010-\u2015\u30fb]+")
_IN_WORDS = re.compile(r"['\u2019\u02bc`\u00b4.\u00b7]")
_DIAL = re.compile(r"[\d\s()+./\-]+\Z", re.ASCII)
_NOT_DIGIT = re.compile(r"\D", re.ASCII)
_BEHIND_LETTERS = re.compile(r"(?<=[a-z])0+(?=[1-9])", re.ASCII)
_DIGITS = re.compile(r"[0-9]{3,}", re.ASCII)
# Scripts that are written without spaces: any part of a name finds it, even a single sign.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_AS_TWO_LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "ß": "ss"})


def search_terms(
    name: str | None,
    username: str | None,
    points: Iterable[tuple[Kind, str, str | None]],
    former_names: Iterable[str] = (),
) -> set[str]:
    """Every text whose beginning finds the profile:

    - names from the beginning of each word, and from within each word; also in Latin letters and without their marks;
    - former names, which lost in a merge (MRG-19);
    - emails from the beginning of each part, also with the domain as people write it;
    - phones by their international, their national and their last seven digits, and from their end;
    - handles;
    - customer IDs, also without prefix and hyphens.

    `points` are (kind, normal form, handle). If a profile has too many terms, its names stay and other terms go.
    """
    former = list(former_names)
    terms: dict[str, None] = {}
    for term in (
        *(term for one in (name, *former[:_MOST_FORMER]) if one for term in (*_name_terms(one), *_inner_terms(one))),
        *_other_terms(username, points),
        *(term for former_name in former[_MOST_FORMER:] for term in _name_terms(former_name)),
    ):
        if term and len(terms) < _MOST_TERMS:
            terms[term[:_TERM_LENGTH]] = None
    return set(terms)


def _other_terms(username: str | None, points: Iterable[tuple[Kind, str, str | None]]) -> Iterator[str]:
    if username:
        yield from _handle_terms(username)
    for kind, value, handle in points:
        yield from _point_terms(kind, value, handle)


def words_of(text: str) -> list[str]:
    """The words of a name as search uses them: folded, without apostrophes. A hyphen separates two words."""
    return [word for word in _BETWEEN_WORDS.split(_IN_WORDS.sub("", fold(text))) if word][:_MOST_WORDS]


def _name_terms(name: str) -> Iterator[str]:
    words = words_of(name)
    for i in range(len(words)):
        yield " ".join(words[i:] + words[:i])
    for whole in name.split()[:_MOST_WORDS]:
        parts = words_of(whole)
        if len(parts) > 1:
            yield "".join(parts)  # Jean-Luc as Jeanluc
        elif "'" in whole or "\u2019" in whole:
            yield from (part for part in words_of(whole.replace("'", " ").replace("\u2019", " "))[1:] if len(part) > 2)
    yield from _other_spellings(name)


def _other_spellings(name: str) -> Iterator[str]:
    """Soren and Soeren for S\u00f8ren, Mueller for M\u00fcller, Ivan for the same name in Cyrillic."""
    if name.isascii():
        return
    own = words_of(name)
    yield from (word for spelling in _in_latin(name) for word in words_of(spelling) if word not in own)


def _in_latin(text: str) -> tuple[str, str]:
    """A text in the letters of a keyboard, twice: each letter as the one it looks like, and umlauts as two letters."""
    return anyascii(text), anyascii(text.lower().translate(_AS_TWO_LETTERS))


def _inner_terms(name: str) -> Iterator[str]:
    for word in words_of(name):
        least = 1 if _UNSPACED.search(word) else _LEAST_INNER
        for start in range(1, min(len(word), _LONGEST_INNER) - least + 1):
            yield INNER + word[start:]


def _handle_terms(handle: str) -> Iterator[str]:
    folded = fold(handle).lstrip("@")
    yield folded
    yield from (folded[m.end() :] for m in _WORD_BREAK.finditer(folded) if m.end() <= len(folded) - _LEAST_INNER)


def _id_terms(customer_id: str) -> Iterator[str]:
    folded = fold(customer_id)
    yield folded
    bare = "".join(c for c in folded if c.isalnum())
    yield bare
    yield _BEHIND_LETTERS.sub("", bare)  # CUST-004711 as cust4711
    for digits in _DIGITS.findall(folded):
        yield from {digits, digits.lstrip("0") or digits} - {folded, bare}


def _point_terms(kind: Kind, value: str, handle: str | None) -> Iterator[str]:
    """The terms of a contact point. Visitor tokens are not for people and have none."""
    if kind == "email":
        for written in (value, _in_unicode(value)) if "xn--" in value else (value,):
            yield written
            yield from (written[m.end() :] for m in _WORD_BREAK.finditer(written) if m.end() < len(written) - 3)
    elif kind == "phone":
        yield from _phone_terms(value)
    elif kind == "social":
        yield value.partition(":")[2]
        if handle:
            yield from _handle_terms(handle)
    elif kind == "customer_id":
        yield from _id_terms(value)


def _in_unicode(email: str) -> str:
    """An address with its domain as people write it, folded like a searched text."""
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
        yield LAST + digits[::-1]


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


class Look(NamedTuple):
    """A beginning to look for, and the rank of a term that has it: lower is better. A caller that acts on what is found
    leaves out each look that is a `guess`."""

    beginning: str
    rank: int
    guess: bool = False


class Query(NamedTuple):
    """What is typed, as three searches. `looks` come first. If they find nothing, all of the `words` are looked for, in
    any place. If this finds nothing either, `slips` are: the texts that are one typing slip away."""

    looks: tuple[Look, ...]
    words: tuple[str, ...]
    slips: tuple[str, ...]


WORDS_RANK, SLIP_RANK = 4, 5
_SLIP_LEAST, _SLIP_MOST = 4, 24


def read_query(typed: str) -> Query:
    """The searches for a typed text (UI-6)."""
    typed = typed[: 4 * _TERM_LENGTH]  # before folding: its time grows with the square of a run of marks
    words = words_of(typed)
    looks = [Look(one, 0) for one in search_prefixes(typed)]
    if _DIAL.match(typed.strip()):
        looks += _number_looks(typed.strip(), _NOT_DIGIT.sub("", typed))
    if len(words) == 2:
        looks.append(Look(f"{words[1]} {words[0]}", 1))
    inner = words[0] if len(words) == 1 else ""
    if len(inner) >= _LEAST_INNER or _UNSPACED.search(inner):
        looks.append(Look(INNER + inner, 3, guess=True))
    folded = fold(typed).strip()
    slips = _slips(folded if "@" in folded else " ".join(words))
    return Query(tuple(looks), tuple(words) if len(words) > 1 else (), slips)


def _number_looks(typed: str, digits: str) -> Iterator[Look]:
    """The looks for a number: by its beginning, as dialled from abroad or at home, or by its last digits."""
    if digits.removeprefix("00"):
        yield Look(digits.removeprefix("00"), 0)
    if digits.startswith("0") and not digits.startswith("00") and digits.strip("0"):
        yield Look(digits.lstrip("0"), 2)
    if len(digits) >= 4 and not typed.startswith("+"):
        yield Look(LAST + digits[::-1], 1, guess=True)


def search_prefixes(typed: str) -> tuple[str, ...]:
    """The beginnings that a typed text stands for: folded, as words, in Latin letters, and as an id without gaps."""
    folded = fold(typed).strip().lstrip("@")[:_TERM_LENGTH]
    in_words = " ".join(words_of(typed))[:_TERM_LENGTH]
    together = "".join(c for c in folded if c.isalnum())
    prefixes = [folded, in_words]
    if not typed.isascii():
        prefixes += [" ".join(words_of(spelling)) for spelling in _in_latin(typed)]
    if any(c.isdigit() for c in together) or in_words.count(" ") == 1:
        prefixes.append(together)
    return tuple(dict.fromkeys(one for one in prefixes if one))


def _slips(text: str) -> tuple[str, ...]:
    """Every text that is one slip away from this one: one letter too many, missing or different, or two letters in the
    wrong order. None if the text is too short to be recognizable with a slip, too long, or has more than four
    characters that are not letters."""
    letters = [c for c in text if c.isalpha()]
    if not _SLIP_LEAST <= len(text) <= _SLIP_MOST or len(letters) < len(text) - 4:
        return ()
    alphabet = string.ascii_lowercase if all(c.isascii() for c in letters) else "".join(dict.fromkeys(letters))
    splits = [(text[:i], text[i:]) for i in range(len(text) + 1)]
    missing = [left + right[1:] for left, right in splits if right and left]
    swapped = [left + right[1] + right[0] + right[2:] for left, right in splits if len(right) > 1]
    other = [left + c + right[1:] for left, right in splits if right for c in alphabet]
    added = [left + c + right for left, right in splits if right for c in alphabet]
    return tuple(dict.fromkeys(one for one in (*swapped, *missing, *added, *other) if one != text))


class Hit(NamedTuple):
    """A profile that a search has found, the term that found it, and the rank of the look."""

    profile_id: str
    term: str
    rank: int = 0


def rank_hits(hits: Iterable[Hit], prefixes: tuple[str, ...]) -> list[str]:
    """Profile ids, the best first: by the rank of the look, then whole terms before beginnings, then shorter terms
    first, then newer profiles first."""
    best: dict[str, tuple[int, int, int]] = {}
    for profile_id, term, looked in hits:
        rank = (looked, 0 if term in prefixes else 1, len(term))
        best[profile_id] = min(best.get(profile_id, rank), rank)
    newest_first = sorted(best, reverse=True)
    return sorted(newest_first, key=best.__getitem__)
