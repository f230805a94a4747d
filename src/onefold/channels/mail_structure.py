"""A mail taken apart into its parts (RFC 2046), in time and room linear in its length.

The library reads heads. Parts are told apart here, by their boundaries: it looks at every line, and a stranger's mail
of 25 MB may have 25 million. What is counted stops the reading before it costs anything; such a mail is kept whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from email.message import Message
from email.parser import BytesParser
from email.policy import Compat32
from functools import cached_property
from typing import NamedTuple

from onefold.channels.mail_text import or_otherwise, text_of

STRUCTURE_LENGTH = 2_000
MOST_PARTS = 1_000
MOST_HEADER_LINES = 2_000
MOST_HEAD_BYTES = 2_200_000
_MOST_LINES_OF_PARTS = 8_000
_MOST_LOOKS = 20_000
_DEEPEST = 100
_LONGEST_REPORT = 500_000
_LINE_BY_LINE = ("x-uuencode", "uuencode", "uue", "x-uue")
_MOST_LINE_BY_LINE = 1_000_000
EMPTY_LINE = re.compile(rb"(?>\r\n|\n|\r)(?:\r\n|\n|\r)")
LINE = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
_OF_HEAD = re.compile(rb"From |[!-9;-~]*:|[\t ]")
_REST_OF_BOUNDARY = re.compile(rb"(--)?[ \t]*(?:\r\n|\n|\r|\Z)")


class TooMuch(Exception):
    """More parts, lines or nesting than any mail that somebody wrote has."""


class Part(Message):
    """A mail or a part of one."""

    _place: tuple[bytes, int, int] = (b"", 0, 0)

    def stands(self, source: bytes, start: int, end: int) -> None:
        """Says where in a mail its content stands."""
        self._place = source, start, end

    @property
    def as_sent(self) -> bytes:
        """What stands below its head, encoded as it came."""
        source, start, end = self._place
        return source[start:end]

    @cached_property
    def content(self) -> bytes:
        """What stands below its head, its transfer encoding undone; as it was sent where that cannot be."""
        encoding = str(self.get("Content-Transfer-Encoding", "")).strip().lower()
        if encoding in _LINE_BY_LINE and len(self.as_sent) > _MOST_LINE_BY_LINE:
            return self.as_sent
        content = or_otherwise(lambda: self.get_payload(decode=True), None)
        return content if isinstance(content, bytes) else self.as_sent


class _AsWritten(Compat32):
    """Headers are kept as they were sent, read as text on one line, and written back unchanged."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        # The library's reading of parameters is quadratic in their length.
        return name, value[:STRUCTURE_LENGTH] if name.lower().startswith("content-") else value

    def header_fetch_parse(self, name: str, value: str) -> str:
        raw = value.replace("\r", "").replace("\n", "").encode("utf-8", "surrogateescape")
        return text_of(raw, None).strip(" \t")

    def fold_binary(self, name: str, value: str) -> bytes:
        return f"{name}: {value}{self.linesep}".encode("utf-8", "surrogateescape")


_LIBRARY: BytesParser[Part] = BytesParser(_class=Part, policy=_AsWritten(mangle_from_=False))  # type: ignore[arg-type]


def take_apart(source: bytes) -> Part:
    """The mail with all its parts. Raises TooMuch."""
    return _Reader(source).read(0, len(source), 0)


def head_of(source: bytes) -> Part:
    """The mail's head, its body not looked at."""
    head_end = EMPTY_LINE.search(source, 0, MOST_HEAD_BYTES)
    return _LIBRARY.parsebytes(source[: head_end.end() if head_end else MOST_HEAD_BYTES], headersonly=True)


class _Mark(NamedTuple):
    """A line that is a boundary: where it begins, where the next one does, and whether it is the last."""

    start: int
    end: int
    closes: bool


class _Reader:
    """Reads one mail. Places are offsets into it: nothing of it is copied before it is a part's content."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._parts_left, self._lines_left, self._looks_left = MOST_PARTS, _MOST_LINES_OF_PARTS, _MOST_LOOKS
        self._bytes_left = 8 * len(source) + 1_000_000

    def read(self, start: int, end: int, depth: int, default: str = "text/plain") -> Part:
        """The part between two places; `default` is its type where it says none."""
        self._parts_left -= 1
        if self._parts_left < 0 or depth > _DEEPEST:
            raise TooMuch
        body = self._end_of_head(start, end)
        part = _LIBRARY.parsebytes(self._source[start:body], headersonly=True)
        part.set_default_type(default)
        part.stands(self._source, body, end)
        kind = part.get_content_maintype()
        if kind == "message":
            part.set_payload(self._inside_message(part, body, end, depth))
            return part
        boundary = part.get_boundary() if kind == "multipart" else None
        marks = self._marks(boundary, body, end) if boundary else []
        if places := self._places(marks, end):
            of_parts = "message/rfc822" if part.get_content_subtype() == "digest" else "text/plain"
            inner: list[Message | str] = [self.read(*place, depth + 1, of_parts) for place in places]
            part.set_payload(inner)
        else:
            # Of a multipart that never begins what stands before its end is its text.
            text = self._source[body : marks[0].start if marks else end]
            if str(part.get("Content-Transfer-Encoding", "")).strip().lower() == "base64":
                text = text.translate(None, b"\r\n")  # the library would make an object of each line
            part.set_payload(text.decode("ascii", "surrogateescape"))
        return part

    def _end_of_head(self, start: int, end: int) -> int:
        """Where a part's body begins: behind an empty line, or at the first line that is no header. So does a head's
        last line that begins as a mail in a mailbox does."""
        most, last = min(end, start + MOST_HEAD_BYTES), b""
        for line in LINE.finditer(self._source, start, most):
            self._lines_left -= 1
            if self._lines_left < 0:
                raise TooMuch
            if not _OF_HEAD.match(line[0]):
                return self._without_envelope(line.start(), last, start) or (
                    line.start() if line[0].strip(b"\r\n") else line.end()
                )
            last = line[0]
        if most < end:
            raise TooMuch
        return self._without_envelope(end, last, start) or end

    def _without_envelope(self, end: int, last: bytes, start: int) -> int | None:
        is_envelope = last.startswith(b"From ") and end - len(last) > start
        return end - len(last) if is_envelope else None

    def _inside_message(self, part: Part, start: int, end: int, depth: int) -> list[Message | str]:
        if part.get_content_type() != "message/delivery-status":
            return [self.read(start, end, depth + 1)]
        report = self._source[start:end]
        self._lines_left -= max(report.count(b"\n"), report.count(b"\r"))
        if self._lines_left < 0 or len(report) > _LONGEST_REPORT:
            raise TooMuch
        groups = _LIBRARY.parsebytes(b"Content-Type: message/delivery-status\n\n" + report).get_payload()
        return list(groups) if isinstance(groups, list) else []

    def _marks(self, boundary: str, start: int, end: int) -> list[_Mark]:
        """The lines that are the boundary, up to the one that closes."""
        self._bytes_left -= end - start
        mark, marks = b"--" + boundary.encode("utf-8", "surrogateescape"), []
        at = self._source.find(mark, start, end)
        while at >= 0:
            self._looks_left -= 1
            if self._looks_left < 0 or self._bytes_left < 0:
                raise TooMuch
            rest = _REST_OF_BOUNDARY.match(self._source, at + len(mark), end)
            if rest is not None and (at == start or self._source[at - 1 : at] in (b"\n", b"\r")):
                marks.append(_Mark(at, rest.end(), rest[1] is not None))
                if rest[1] is not None:
                    return marks
            at = self._source.find(mark, at + len(mark), end)
        return marks

    def _places(self, marks: Sequence[_Mark], end: int) -> list[tuple[int, int]]:
        """Where the parts between the marks stand; without one that closes the last part goes on to the end."""
        if not marks or marks[0].closes:
            return []
        starts = [mark.end for mark in marks if not mark.closes]
        ends = [mark.start for mark in marks[1:]] + ([] if marks[-1].closes else [end])
        # Several marks in a row are one.
        between = zip(starts, ends, strict=True)
        places = [(a, self._without_line_end(a, b)) for a, b in between if a < b or a == end]
        if len(places) > self._parts_left:
            raise TooMuch
        return places

    def _without_line_end(self, start: int, end: int) -> int:
        """The line end before a boundary belongs to the boundary."""
        if self._source[end - 2 : end] == b"\r\n" and end - 2 >= start:
            return end - 2
        return end - 1 if end > start and self._source[end - 1 : end] in (b"\n", b"\r") else end
