"""Plain text from the outside, made safe to store, fold and show (PRO-10)."""

from __future__ import annotations

import re
import unicodedata

from onefold.core.errors import InvalidValue

NAME_LENGTH = 300
VALUE_LENGTH = 500
BODY_LENGTH = 1_000_000

# Bidirectional overrides and isolates can make one name look like another (Unicode TR 36); control characters
# have no place in a name. Zero-width joiners stay: Persian and emoji need them.
_UNSAFE_IN_NAMES = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")
_SURROGATES = re.compile("[\ud800-\udfff]")
_PLAIN_NAME = re.compile(r"[!-~]+(?: [!-~]+)*\Z")


def validate_text(text: str, field: str, limit: int = VALUE_LENGTH) -> str:
    """The text itself, if every database can hold it: no NUL, no lone surrogate, at most `limit` characters."""
    if len(text) > limit:
        raise InvalidValue(
            f"{field} is longer than {limit:,} characters; shorten it.", code="text_too_long", field=field
        )
    if not text.isascii() and _SURROGATES.search(text):
        raise InvalidValue(f"{field} holds a lone surrogate, which is not text.", code="text_not_storable", field=field)
    if "\x00" in text:
        raise InvalidValue(f"{field} holds a NUL character; leave it out.", code="text_not_storable", field=field)
    return text


def mend_text(text: str, limit: int = BODY_LENGTH) -> str:
    """The text with what no database can hold replaced (U+FFFD), cut at `limit` characters.

    For channels whose senders cannot be told to correct anything: a message is never lost for its characters.
    """
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    if not text.isascii():
        text = _SURROGATES.sub("\ufffd", text)
    return text[:limit]


def clean_name(text: str | None, field: str = "name") -> str | None:
    """A display name in NFC, without control and bidirectional characters, inner spaces folded; None if empty."""
    if text is None:
        return None
    if len(text) <= NAME_LENGTH and _PLAIN_NAME.match(text):
        return text
    validate_text(text, field, NAME_LENGTH)
    text = " ".join(unicodedata.normalize("NFC", _UNSAFE_IN_NAMES.sub(" ", text)).split())
    return validate_text(text, field, NAME_LENGTH) or None


def cut_name(text: str) -> str | None:
    """A display name of a sender who cannot be told to correct it, mended and cut so that `clean_name` takes it."""
    bare = _UNSAFE_IN_NAMES.sub(" ", mend_text(text, 4 * NAME_LENGTH))
    return " ".join(unicodedata.normalize("NFC", bare).split())[:NAME_LENGTH].rstrip() or None


def alike(text: str) -> str:
    """The form in which two texts count as equal: NFKC, case folded, inner spaces folded. Accents tell words apart."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def fold(text: str) -> str:
    """The form names are searched by: NFKC, case folded, accents removed, inner spaces folded.

    Our own rule, never the database's `lower()`, because the two databases differ beyond ASCII.
    """
    if text.isascii():
        return " ".join(text.lower().split())
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return " ".join(unicodedata.normalize("NFKC", bare).split())
