"""Email addresses: one normal form for every spelling of a mailbox (PRO-10).

Domain in IDNA ASCII form, local part in NFC and lower case. Addresses that already are in normal form take a
fast path which gives what the library would give (a property test holds them together).
"""

from __future__ import annotations

import re
import unicodedata

import email_validator

from onefold.core.errors import InvalidValue

_NORMAL = re.compile(r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+([a-z]{2,63})\Z", re.ASCII)
_SPECIAL_ENDINGS = frozenset(name.rpartition(".")[2] for name in email_validator.SPECIAL_USE_DOMAIN_NAMES)

_QUOTED = re.compile(r'"((?:[ !#-;=?A-\[\]-~]|\\[ -~])+)"\Z', re.ASCII)
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z", re.ASCII)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\Z", re.ASCII)
_LOCAL_ENDINGS = ("local", "lan", "internal", "home", "corp")

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
    stripped = text.strip()
    local, _, domain = stripped.rpartition("@")
    if len(text) > _LONGEST_WRITTEN or not local:
        raise _not_an_email(field)
    normal = f"{_local(local, field)}@{_domain(domain.removesuffix('.'), field)}"
    if len(normal.encode()) > 320:
        raise InvalidValue(f"{field} is too long to be an email address.", code="not_an_email", field=field)
    return normal


def _local(local: str, field: str) -> str:
    """Lower case, which makes no two mailboxes one as case folding would (`straße`, `strasse`); out of quotes where
    they mean nothing. Doubled and trailing dots are some carriers' own."""
    if quoted := _QUOTED.match(local):
        inner = re.sub(r"\\(.)", r"\1", quoted[1])
        return inner.lower() if _ATOMS.match(inner) else local.lower()
    try:
        if len(local) <= 64:
            email_validator.validate_email(f"{local.replace('.', '')}@example.com", check_deliverability=False)
            return unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).lower())
    except (email_validator.EmailNotValidError, UnicodeError):
        pass
    raise _not_an_email(field)


def _domain(domain: str, field: str) -> str:
    """In ASCII (IDNA). Underscores and `.local` are no internet's, but stand in real mail."""
    labels = domain.lower().split(".")
    is_odd = "_" in domain or labels[-1] in _LOCAL_ENDINGS
    if is_odd and len(labels) > 1 and len(domain) <= 253 and all(_LABEL.match(label) for label in labels):
        return ".".join(labels)
    try:
        address = email_validator.validate_email(f"a@{domain}", check_deliverability=False)
    except (email_validator.EmailNotValidError, UnicodeError):
        raise _not_an_email(field) from None
    return address.ascii_domain.lower()


def _not_an_email(field: str) -> InvalidValue:
    return InvalidValue(
        f"{field} is not an email address. Write it as name@example.com.", code="not_an_email", field=field
    )
