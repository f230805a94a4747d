"""The bytes of a mail, put so that the library reads every header line that some mail reader would.

The library ends the headers at the first line that is none. So a blank before a colon, an envelope line or a line of
garbage would turn the From, the MIME structure and whatever else follows into text. Here such lines are passed over,
and a From line counts however it is spelled; but one that other readers overlook, or see where we do not, shows nobody
(RES-14).
"""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from onefold.channels.mail_structure import EMPTY_LINE, LINE, MOST_HEAD_BYTES, MOST_HEADER_LINES
from onefold.channels.mail_text import or_otherwise

_LINE_END = re.compile(rb"\r\n|\n|\r")
_NAME = re.compile(rb"[!-9;-~]+[ \t]*")
_ENVELOPE = re.compile(rb">*From ")
_ENCODED = re.compile(rb"content-type:\s*multipart/|content-transfer-encoding:\s*(?:base64|x?-?uue?)", re.IGNORECASE)
# A list of signed headers (`from:to:subject`) may be folded before `from:`; no address follows the colon there.
_FOLDED_FROM = re.compile(rb"[ \t]+from[ \t]*:[^:;]*@", re.IGNORECASE)
# A text whose first lines look like headers, but like none of these, is a text.
_OF_MAIL = re.compile(
    rb"(?:x|content|list|resent|arc|dkim|thread|authentication)-.+|received(?:-spf)?|from|to|cc|bcc|reply-to|sender"
    rb"|subject|date|message-id|in-reply-to|references|mime-version|return-path|delivered-to|envelope-to|precedence"
    rb"|importance|priority|auto-submitted|user-agent|organization|errors-to|return-receipt-to|feedback-id|autocrypt"
    rb"|disposition-notification-to|domainkey-signature|comments|keywords|status|lines",
    re.IGNORECASE,
)


class Source(NamedTuple):
    """A mail as the library can read it. `sound` is False where readers may not agree on its From lines.

    `strict` is False where only some readers see any From line, because of the obsolete spelling `Subject : text` or of
    something before all headers: the sender is then not proven. `stray` are the lines among the headers that are none.
    `readable` is False where the headers are too many or too long: only the first of them are there, and no body.
    """

    content: bytes
    sound: bool
    strict: bool
    stray: tuple[bytes, ...] = ()
    readable: bool = True


class _Line(NamedTuple):
    """One line with the ones it is continued by. `name` is None where it is no header."""

    lines: tuple[bytes, ...]
    name: bytes | None
    odd: bool = False

    def is_envelope(self) -> bool:
        return self.name is None and _ENVELOPE.match(self.lines[0]) is not None

    def is_of_mail(self) -> bool:
        return self.name is not None and _OF_MAIL.fullmatch(self.name) is not None

    def to_bytes(self) -> bytes:
        value = b"\n".join(self.lines).partition(b":")[2]
        return (self.name or b"") + b":" + value


def source_of(raw: bytes) -> Source:
    """The mail with its headers mended; text that holds no header of mail is all body."""
    source = raw.removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n")
    head = _first_of_head(source)
    if head is not None:
        known = source_of(head)
        return known._replace(content=known.content + b"\n\n", sound=False, strict=False, readable=False)
    as_sent = len(source) == len(raw)
    doubled = re.match(rb"[^\r\n]*\r\r+\n", source) is not None
    if doubled:
        while b"\r\r\n" in source[:MOST_HEAD_BYTES]:
            source = source.replace(b"\r\r\n", b"\r\n")
    end = EMPTY_LINE.search(source)
    head, body = (source, b"") if end is None else (source[: end.start()], source[end.end() :])
    lines = _logical_lines(head)
    last = max((number for number, line in enumerate(lines) if line.is_of_mail()), default=None)
    if last is None:
        return Source(b"\n" + source, False, False)
    strays = any(line.name is None and not line.is_envelope() for line in lines)
    headers = [line for line in lines[: last + 1 if strays else None] if line.name is not None]
    behind = lines[last + 1 :] if strays else []
    among = [line for line in lines[1 if lines[0].is_envelope() else 0 : last + 1] if line.name is None]
    if _is_encoded(headers):
        among, behind = among + behind, []
    text = [part for line in behind for part in line.lines]
    content = b"\n".join([*(line.to_bytes() for line in headers), b"", *text, *([b""] if text and end else []), body])
    sound = not doubled and not _has_bare_returns(head) and _from_is_sound(lines)
    strict = sound and as_sent and not any(map(_is_obsolete, lines))
    return Source(content, sound, strict, tuple(b" ".join(line.lines) for line in among))


def _first_of_head(source: bytes) -> bytes | None:
    """The first headers, where there are more than any mail has; None where there are not."""
    for number, line in enumerate(LINE.finditer(source, 0, MOST_HEAD_BYTES)):
        if line[0] in (b"\r\n", b"\n", b"\r"):
            return None
        if number >= MOST_HEADER_LINES:
            return source[: line.start()]
    return source[:MOST_HEAD_BYTES] if len(source) > MOST_HEAD_BYTES else None


def _is_obsolete(line: _Line) -> bool:
    return line.name is not None and not line.lines[0].startswith(line.name + b":") and line.name != b"From"


def _is_encoded(headers: list[_Line]) -> bool:
    """Whether text put before the body would not be seen as a part of it, or spoil it."""
    return any(_ENCODED.match(line.to_bytes()) for line in headers)


def _logical_lines(head: bytes) -> list[_Line]:
    groups: list[list[bytes]] = []
    for line in _LINE_END.split(head):
        if line[:1] in (b" ", b"\t") and groups:
            groups[-1].append(line)
        else:
            groups.append([line])
    return [_read_line(group) for group in groups]


def _read_line(lines: list[bytes]) -> _Line:
    # A name may be folded, too: only what stands before the colon is put together.
    before: list[bytes] = []
    for line in lines:
        start, colon, _ = line.partition(b":")
        before.append(start)
        if colon:
            break
    else:
        return _Line(tuple(lines), None)
    name = b"".join(before)
    if re.sub(rb"[^!-~]+", b"", name).lstrip(b">").lower() == b"from":
        odd = name.lower() != b"from" or len(before) > 1 or _has_address_in_no_charset(b"".join(lines))
        return _Line(tuple(lines), b"From", odd)
    return _Line(tuple(lines), name.rstrip() if _NAME.fullmatch(name) else None)


def _has_address_in_no_charset(line: bytes) -> bool:
    """Whether which address a line holds depends on the charset that a reader takes its bytes for."""
    if line.isascii() or or_otherwise(lambda: line.decode("utf-8"), None) is not None:
        return False
    return not all(word.isascii() for word in re.split(rb"[\s<>]+", line) if b"@" in word)


def _from_is_sound(lines: list[_Line]) -> bool:
    """Whether its From lines are spelled as usual and nothing before them ends the headers for another reader."""
    interrupted = False
    for number, line in enumerate(lines):
        folded = line.lines[1:]
        if any(map(_FOLDED_FROM.match, folded)):
            return False
        if line.name == b"From" and (line.odd or interrupted or any(not part.strip() for part in folded)):
            return False
        is_mbox = number == 0 and line.lines[0].startswith(b"From ")
        interrupted |= (line.name is None and not is_mbox) or any(not part.strip() for part in folded)
    return True


def _has_bare_returns(head: bytes) -> bool:
    """Whether some lines end in a bare carriage return, which to other readers is no end of a line."""
    return b"\n" in head and re.search(rb"\r(?!\n)", head) is not None
