"""Values that identify nobody: placeholder emails, withheld-number codes, the company's own numbers (PRO-12)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

BlockedKind = Literal["email", "phone", "social", "customer_id"]
BLOCKED_KINDS: tuple[BlockedKind, ...] = ("email", "phone", "social", "customer_id")


class Entry(NamedTuple):
    """One line of a blocklist: `value` in normal form; for emails also `local@*` and `*@domain`."""

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
_PLACEHOLDER_IDS = (
    "null",
    "none",
    "nil",
    "undefined",
    "nan",
    "n/a",
    "na",
    "unknown",
    "anonymous",
    "guest",
    "test",
    "-",
    "-1",
    "0",
    "false",
    "true",
)

DEFAULT_ENTRIES: tuple[Entry, ...] = (
    *(Entry("email", f"{local}@*") for local in _PLACEHOLDER_LOCALS),
    *(Entry("email", value) for value in _PLACEHOLDER_EMAILS),
    *(Entry("phone", value) for value in (*WITHHELD, *_PLACEHOLDER_PHONES)),
    *(Entry("customer_id", value) for value in _PLACEHOLDER_IDS),
)
"""What every new organization begins with; its admins may take out and add."""


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
        """Whether the value is kept as text only."""
        if kind == "email":
            local, _, domain = value.rpartition("@")
            return local in self._locals or domain in self._domains or value in self._values["email"]
        if kind == "visitor":
            return False
        # A row of zeros is a placeholder at any length.
        return value in self._values[kind] or (kind == "customer_id" and not value.strip("0"))
