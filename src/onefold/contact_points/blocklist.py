"""Values that identify nobody: placeholder emails, withheld-number codes, the company's own numbers (PRO-12)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

BlockedKind = Literal["email", "phone", "social", "customer_id", "visitor"]
BLOCKED_KINDS: tuple[BlockedKind, ...] = ("email", "phone", "social", "customer_id", "visitor")


class Entry(NamedTuple):
    """One line of a blocklist: `value` in normal form; for emails also `local@*` and `*@domain`, for social accounts
    `network:*`. Customer IDs and tokens are compared without case."""

    kind: BlockedKind
    value: str


_PLACEHOLDER_LOCALS = (
    "noemail",
    "no-email",
    "no_email",
    "nomail",
    "none",
    "donthave",
    "mailer-daemon",
    "postmaster",
    "noreply",
    "no-reply",
    "no_reply",
    "no.reply",
    "donotreply",
    "do-not-reply",
    "do_not_reply",
    "nobody",
)
_PLACEHOLDER_EMAILS = (
    "a@a.com",
    "a@b.com",
    "abc@abc.com",
    "asdf@asdf.com",
    "email@email.com",
    "example@example.com",
    "fake@fake.com",
    "fake@email.com",
    "guest@guest.com",
    "na@na.com",
    "n/a@na.com",
    "name@example.com",
    "no@email.com",
    "no@mail.com",
    "no@no.com",
    "nobody@nowhere.com",
    "notprovided@email.com",
    "null@null.com",
    "test@example.com",
    "test@gmail.com",
    "test@test.com",
    "unknown@unknown.com",
    "user@example.com",
    "x@x.com",
    "xx@xx.com",
    "xxx@xxx.com",
)
# What telephony providers send in place of a number that is withheld; some of them are possible phone numbers.
WITHHELD = (
    "+266696687",
    "+86282452253",
    "+2562533",
    "+8656696",
    "+464",
    "+7378742883",
    "+7378742833",
    "anonymous",
    "restricted",
    "unavailable",
    "unknown",
    "private",
    "blocked",
    "withheld",
)
_PLACEHOLDER_PHONES = ("+10000000000", "+11111111111", "+12222222222", "+19999999999", "+11234567890")
DEFAULT_ENTRIES: tuple[Entry, ...] = (
    *(Entry("email", f"{local}@*") for local in _PLACEHOLDER_LOCALS),
    *(Entry("email", value) for value in _PLACEHOLDER_EMAILS),
    *(Entry("phone", value) for value in (*WITHHELD, *_PLACEHOLDER_PHONES)),
)
"""What every new organization begins with; its admins may take out and add."""


# What programs send where they have no value, whatever stands around it: "(null)", "<none>", "[object Object]".
_NO_VALUE = frozenset(
    (
        *"""
        null none nil nul undefined nan na n.a n/a unknown unbekannt inconnu desconocido empty blank missing anonymous
        anonym guest user visitor customer test tester default placeholder example false true noname notset notprovided
        tbd tba xxx
        """.split(),
        *("object object", "no name", "no value", "not available", "not set", "not provided", "not applicable"),
    )
)
_AROUND = "()[]{}<>\"'`*#_-.:;,!?/\\|~ "
# A name in a template that nobody filled in: {{ user.id }}, ${id}, %USER_ID%, <user-id>, [[id]].
_UNFILLED = re.compile(r"(?:\{\{.*\}\}|\$\{.*\}|\{%.*%\}|%[A-Za-z_.]+%|<[A-Za-z_. -]+>|\[\[.*\]\])\Z")
_REPEATED_DIGIT = re.compile(r"(?:0+|([0-9a-z])\1{3,})\Z")
_COUNTED_UP = ("1234567890", "0123456789", "9876543210")


def is_placeholder(text: str) -> bool:
    """Whether an id stands for nobody: no value, punctuation only, one digit repeated, the nil UUID (PRO-12)."""
    text = text.strip()
    bare = text.casefold().strip(_AROUND)
    if not bare or bare in _NO_VALUE or text == "-1" or _UNFILLED.match(text):
        return True
    letters = "".join(char for char in bare if char.isalnum())
    return not letters or _REPEATED_DIGIT.match(letters) is not None


def _is_no_number(number: str) -> bool:
    """Whether a number ends in one digit eight times, or counts up or down behind its country code."""
    if len(number) >= 8 and number[-8:] == number[-1] * 8:
        return True
    return (number.endswith(_COUNTED_UP) and len(number) <= 14) or number in ("123456789", "+123456789")


class Blocklist:
    """The entries of one organization, for questions about values in normal form."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = tuple(entries)
        self._values: dict[str, set[str]] = {kind: set() for kind in BLOCKED_KINDS}
        for kind, value in self._entries:
            self._values[kind].add(value)
        emails = self._values["email"]
        self._locals = {value[:-2] for value in emails if value.endswith("@*")}
        self._domains = {value[2:] for value in emails if value.startswith("*@")}

    def entries(self) -> tuple[Entry, ...]:
        """Every entry."""
        return self._entries

    def holds(self, kind: str, value: str) -> bool:
        """Whether the value is kept as text only: one on the list, or a placeholder, which no list need name."""
        values = self._values[kind]
        if kind == "email":
            local, _, domain = value.rpartition("@")
            return local in self._locals or domain in self._domains or value in values
        if kind == "phone":
            return value in values or _is_no_number(value)
        if kind == "social":
            network, _, user_id = value.partition(":")
            return value in values or f"{network}:*" in values or is_placeholder(user_id)
        return value.casefold() in values or is_placeholder(value)
