"""Email addresses: one normal form for every spelling of a mailbox (PRO-10).

Domain in IDNA ASCII form, local part in NFC and case folded. Addresses that already are in normal form take a
fast path which gives what the library would give (a property test holds them together).
"""

from __future__ import annotations

import re
import unicodedata

import email_validator

from onefold.core.errors import InvalidValue

_NORMAL = re.compile(r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+([a-z]{2,63})\Z", re.ASCII)
_SPECIAL_ENDINGS = frozenset(name.rpartition(".")[2] for name in email_validator.SPECIAL_USE_DOMAIN_NAMES)

# Bringing a run of combining marks into normal form takes time by the square of its length.
_LONGEST_WRITTEN = 1_000


def parse_email(text: str, field: str = "email") -> str:
    """The normal form of an address; raises InvalidValue `not_an_email` if no mailbox on the internet can have it."""
    match = _NORMAL.match(text)
    if match and match[1] not in _SPECIAL_ENDINGS and _short_enough(text):
        return text
    return _parse(text, field)


def _short_enough(text: str) -> bool:
    if len(text) <= 64:
        return True
    local, _, domain = text.partition("@")
    return len(local) <= 64 and len(text) <= 254 and all(len(label) <= 63 for label in domain.split("."))


def _parse(text: str, field: str) -> str:
    try:
        if len(text) > _LONGEST_WRITTEN:
            raise email_validator.EmailSyntaxError
        address = email_validator.validate_email(text.strip(), check_deliverability=False, allow_smtputf8=True)
    except (email_validator.EmailNotValidError, UnicodeError):
        raise InvalidValue(
            f"{field} is not an email address. Write it as name@example.com.",
            code="not_an_email",
            field=field,
        ) from None
    local = unicodedata.normalize("NFC", address.local_part.casefold())
    normal = f"{local}@{address.ascii_domain.lower()}"
    if len(normal.encode()) > 320:
        raise InvalidValue(f"{field} is too long to be an email address.", code="not_an_email", field=field)
    return normal
