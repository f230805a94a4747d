"""Who an email is from: the one mailbox of its From line, read so that nobody passes for somebody else (RES-14)."""

from __future__ import annotations

import re
from email.message import Message
from typing import NamedTuple

from onefold.channels.mail_text import or_otherwise, words_decoded
from onefold.contact_points.emails import parse_email
from onefold.core.text import cut_name

HEADER_LENGTH = 10_000
"""Characters of a header that are looked at."""


class From(NamedTuple):
    """Who a From line names. `sound` is False where another reader of it might see someone else.

    `strict` is False where a reader that knows only the standard sees nobody: the sender is then not proven.
    """

    address: str | None
    name: str | None
    sound: bool
    strict: bool = False


_MUST_BE_QUOTED = re.compile(r"[\[\]\\]")
# Readers differ in whether a control character ends a line, is skipped, or is part of an address.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]")
_BLANKS = " \t\r\n"
_MOST_TOKENS = 10_000


def sender_of(message: Message) -> From:
    """Who the message says it is from; two From lines, several mailboxes or any defect make it unsound."""
    lines = message.get_all("From", [])
    if not lines:
        return From(None, None, False)
    sender = _Reader(lines[0]).result()
    return sender._replace(sound=sender.sound and len(lines) == 1 and not _CONTROL.search(lines[0]))


class _Reader:
    """Reads a From line in one pass: what is quoted, what is a comment, what stands in angle brackets, what in none."""

    _TOKENS = re.compile(r'\\.|[^\\"()<>]+|.', re.DOTALL)

    def __init__(self, line: str) -> None:
        self._line = line
        self._quoted = False
        self._depth = 0
        self._angle: list[str] | None = None
        self._angles: list[str] = []
        self._bare: list[str] = []
        self._bare_quotes: list[str] = []
        self._name: list[str] = []
        self._comments: list[str] = []
        self._stray = False
        for number, token in enumerate(self._TOKENS.finditer(line)):
            if number == _MOST_TOKENS:
                self._stray = True  # nobody reads on so far
                break
            self._read_part(token[0])

    def _read_part(self, token: str) -> None:
        if self._quoted or token == '"':
            self._read_quoted(token)
        elif self._depth or token == "(":
            self._read_comment(token)
        elif token in "<>":
            self._read_bracket(token)
        elif self._angle is not None:
            self._angle.append(token)
        else:
            self._read_bare(token)

    def _read_quoted(self, token: str) -> None:
        self._quoted ^= token == '"'
        if self._angle is not None:
            self._angle.append(token)
            return
        self._bare_quotes.append(token)
        if token != '"':
            self._name.append(token[-1] if token[0] == "\\" else token)

    def _read_comment(self, token: str) -> None:
        self._depth += (token == "(") - (token == ")")
        if token not in "()":
            self._comments.append(token[-1] if token[0] == "\\" else token)

    def _read_bracket(self, token: str) -> None:
        self._stray |= (token == "<") != (self._angle is None)
        if token == "<":
            self._angle = []
        elif self._angle is not None:
            self._angles.append("".join(self._angle))
            self._angle = None

    def _read_bare(self, token: str) -> None:
        self._stray |= token == ")" or (bool(self._angles) and token.strip(_BLANKS) != "")
        self._bare.append(token)
        self._name.append(token)

    def result(self) -> From:
        """The address in the last angle brackets, or the last bare one, and the name beside it."""
        bare = "".join(self._bare).strip(_BLANKS)
        unclear = len(self._angles) > 1 or re.search("[,;:]", bare) is not None or (self._angles and "@" in bare)
        name = "".join(self._name if self._angles else self._comments)
        written = self._address_as_written(bare).strip(_BLANKS)
        address = or_otherwise(lambda: parse_email(written), None)
        # Some readers decode an encoded word in an address, or pass over blanks that are not ASCII.
        unclear = unclear or "=?" in written or written != written.strip()
        sound = address is not None and not unclear and not self._torn()
        return From(address, display_name(name), sound, strict=sound and not _MUST_BE_QUOTED.search(bare))

    def _address_as_written(self, bare: str) -> str:
        bracketed = re.findall("<([^<>]*)", self._line) if self._torn() and not self._angles else self._angles
        if bracketed:
            return bracketed[-1]
        last = re.split("[,;]", bare.rstrip(";"))[-1]
        # Of `"john doe"@x.com` only the domain stands outside the quotes.
        return "".join(self._bare_quotes) + last if last.startswith("@") else last

    def _torn(self) -> bool:
        """Whether something was left open, or closed that was not."""
        return self._quoted or self._depth > 0 or self._angle is not None or self._stray


def display_name(text: str) -> str | None:
    """A display name that `clean_name` takes as it is."""
    return cut_name(words_decoded(text[:HEADER_LENGTH]))
