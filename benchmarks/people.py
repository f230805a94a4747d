"""Made-up people, each computed from a number alone: a workload knows whom a seeded base holds without asking it."""

from __future__ import annotations

from typing import NamedTuple

SPREAD = 2_654_435_761  # odd and no multiple of five: number * SPREAD % 10**k visits every value once
_STARTS = "an be car da el fa gre han is ja kim lu ma nor ol pa ros sa to vi wil yu zo bru che".split()
_MIDDLES = ("a", "be", "ca", "de", "li", "mi", "no", "ra", "sa", "ti", "vo", "na", "le", "ri", "do", "ke")
_ENDS = ("n", "s", "na", "ra", "lo", "son", "ez", "ic", "ov", "er", "man", "tti", "ski", "ya", "ko", "ton")
_DOMAINS = ("gmail.com", "outlook.com", "icloud.com", "proton.me", "yahoo.com", "web.de", "orange.fr", "posteo.net")


class Person(NamedTuple):
    """One customer. Of five people two have an email and a mobile phone, two an email, one a mobile phone."""

    number: int
    name: str
    email: str | None
    mobile: str | None

    @property
    def identifiers(self) -> list[str]:
        """The person's contact points."""
        return [value for value in (self.email, self.mobile) if value is not None]


def person(number: int) -> Person:
    """The person of this number."""
    spread = number * SPREAD % 2**32
    first = _word(spread & 0xFFF, 2)
    last = _word(spread >> 12, 3)
    email = None if number % 5 == 4 else f"{first}.{last}{number}@{_DOMAINS[spread % len(_DOMAINS)]}"
    mobile = None if number % 5 in (2, 3) else mobile_of(number)
    return Person(number, f"{first.title()} {last.title()}", email, mobile)


def mobile_of(number: int) -> str:
    """A British mobile number; `benchmarks.pgbench` says the same in SQL."""
    return f"+4479{number * SPREAD % 10**8:08d}"


def _word(number: int, parts: int) -> str:
    number, start = divmod(number, len(_STARTS))
    number, end = divmod(number, len(_ENDS))
    middle = ""
    for _ in range(parts - 1):
        number, chosen = divmod(number, len(_MIDDLES))
        middle += _MIDDLES[chosen]
    return _STARTS[start] + middle + _ENDS[end]


def id_of(number: int, kind: int) -> str:
    """An id that sorts by number as a UUIDv7 sorts by time; `kind` tells a person's profile from the conversation …"""
    time, rest = f"{0x0190_0000_0000 + number:012x}", f"{number * SPREAD % 2**48:012x}"
    return f"{time[:8]}-{time[8:]}-7{kind:03x}-8000-{rest}"


PROFILE, CONVERSATION, FIRST_POINT = 0, 1, 2
