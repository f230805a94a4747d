"""Passwords: which are refused, and how they are kept (argon2).

A password has at least 12 characters, is none of the 10,000 that are guessed first, and is not made of the agent's own
words: name, address, organization. There are no other rules (NIST SP 800-63B, ASVS 5.0 V6.2).
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Iterable
from functools import cache

from pwdlib import PasswordHash

from onefold.core.errors import InvalidValue

LEAST, MOST = 12, 500
_GUESSED_FIRST = 10_000
_LEAST_BESIDE = 8
"""Characters that a password needs besides words of one's own."""
_LEAST_WORD = 4
_passwords = PasswordHash.recommended()
_hashing = threading.BoundedSemaphore(4)  # each takes 64 MiB and a core for a while: a flood of sign-ins waits in line


def check_password(password: str, own_texts: Iterable[str]) -> None:
    """Raises InvalidValue `password_length`, `password_common` or `password_own`. `own_texts` are the agent's name and
    address, and the organization's name."""
    if not LEAST <= len(password) <= MOST:
        raise InvalidValue(f"A password has {LEAST} to {MOST} characters.", code="password_length", field="password")
    plain = _plain(password)
    if password.casefold() in _guessed_first() or plain in _guessed_first() or _repeats_itself(plain):
        raise InvalidValue(
            "This password is among the first that are guessed. Choose several words that only you would put together.",
            code="password_common",
            field="password",
        )
    beside = plain
    for word in sorted({word for text in own_texts for word in _words(text)}, key=len, reverse=True):
        beside = beside.replace(word, "")
    if beside != plain and len(beside) < _LEAST_BESIDE:
        raise InvalidValue(
            "This is little more than your name, your address or your organization's name. Choose other words.",
            code="password_own",
            field="password",
        )


def _plain(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", text.casefold()) if len(word) >= _LEAST_WORD]


def _repeats_itself(plain: str) -> bool:
    """One short piece over and over: `abcabcabcabc`, `passwordpassword`."""
    for length in range(1, len(plain) // 2 + 1):
        piece = plain[:length]
        if (length < _LEAST_BESIDE or piece in _guessed_first()) and plain == (piece * len(plain))[: len(plain)]:
            return True
    return False


@cache
def _guessed_first() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # here, for it takes long to import, and few commands need it

    return frozenset(FREQUENCY_LISTS["passwords"][:_GUESSED_FIRST])


def hash_password(password: str) -> str:
    """What is kept of a password. Takes long on purpose, as `is_password` does."""
    with _hashing:
        return _passwords.hash(_bytes(password))


def is_password(password: str, password_hash: str | None) -> bool:
    """Whether this is the password. Where there is none, the answer is no, and takes as long.

    It takes long on purpose (about a tenth of a second of a core): do not call it in a unit that others wait for.
    """
    with _hashing:
        right = _passwords.verify(_bytes(password[: MOST + 1]), password_hash or _nobodys_hash())
    return right and password_hash is not None


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")  # whatever somebody types is a password, right or wrong


@cache
def _nobodys_hash() -> str:
    """What an unknown address is checked against, so that an answer's time does not tell who has an account."""
    return _passwords.hash(secrets.token_urlsafe())
