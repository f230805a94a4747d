"""Texts as pages show them: what a search has found marked where it stands (UI-6), addresses as links."""

from __future__ import annotations

import re
import unicodedata

from anyascii import anyascii
from markupsafe import Markup, escape

from onefold.core.text import fold
from onefold.profiles.search import words_of

_MOST_WORDS = 8
# Each part is bounded: whatever a stranger sends is read once, from its beginning to its end.
_ADDRESS = re.compile(
    r"\bhttps?://[^\s<>\"]{1,2000}|\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}"
)
_BEHIND = ".,;:!?)]}>'\u2019\u201d\u2026"
_LINK = Markup('<a href="{}" rel="noopener noreferrer nofollow" target="_blank">{}</a>')


def mark_hits(text: str, query: str) -> Markup:
    """A text, escaped, with every word of a query marked in it, whatever marks and case either is written with. What
    was found by a slip or in other letters stands nowhere in it, and nothing is marked."""
    words = sorted({_as_looked_for(query).strip(), *words_of(query)} - {""}, key=len, reverse=True)[:_MOST_WORDS]
    if not words:
        return escape(text)
    signs = [_as_looked_for(sign) for sign in text]
    owner = [number for number, folded in enumerate(signs) for _ in folded]  # which sign each folded one comes from
    looked_for = "|".join(_pattern(word) for word in words)
    spots = [(owner[f.start()], owner[f.end() - 1] + 1) for f in re.finditer(looked_for, "".join(signs))]
    parts, end = [], 0
    for begin, after in spots:
        if begin >= end:
            parts += [escape(text[end:begin]), Markup("<mark>{}</mark>").format(text[begin:after])]
            end = after
    return Markup("").join([*parts, escape(text[end:])])


def _pattern(word: str) -> str:
    """A word of one or two letters is found at the beginning of others alone."""
    short = len(word) < 3 and word.isascii()
    return f"(?<![^\\W_]){re.escape(word)}" if short else re.escape(word)


def link_addresses(text: str) -> Markup:
    """A text, escaped, whose web and email addresses are links. Nothing they lead to learns where they stood."""
    parts, end = [], 0
    for match in _ADDRESS.finditer(text):
        address = match[0].rstrip(_BEHIND)
        target = address if address.startswith("http") else f"mailto:{address}"
        parts += [escape(text[end : match.start()]), _LINK.format(target, address)]
        end = match.start() + len(address)
    return Markup("").join([*parts, escape(text[end:])])


def _as_looked_for(text: str) -> str:
    """As a search reads it, sign by sign: folded, and Latin letters without a stroke or a dot."""
    return "".join(map(_sign, text))


def _sign(sign: str) -> str:
    if sign.isspace():
        return " "
    latin = not sign.isascii() and unicodedata.name(sign, "").startswith("LATIN")
    return fold(anyascii(sign)) if latin else fold(sign)
