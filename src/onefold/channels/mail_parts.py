"""The parts of a mail, and what each of them holds."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
from email.policy import Compat32
from typing import NamedTuple

from onefold.channels.mail_text import html_charset, or_otherwise, text_of
from onefold.core.text import mend_text

STRUCTURE_LENGTH = 2_000
_DEEPEST = 100
_MOST_MATCHES = 6_000_000


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


_PARSER: BytesParser[Message] = BytesParser(policy=_AsWritten(mangle_from_=False))


class Leaf(NamedTuple):
    """A part that holds no parts. `choice` numbers the multipart/alternative it is one of the choices of."""

    part: Message
    choice: int | None


def parse(source: bytes) -> tuple[Message, bool]:
    """The message, and whether its parts were read too: they are not where they nest absurdly deep."""
    whole = None if _too_deep(source) else or_otherwise(lambda: _PARSER.parsebytes(source), None)
    return whole or headers_of(source), whole is not None


def headers_of(source: bytes) -> Message:
    """The message, its body not taken apart."""
    return _PARSER.parsebytes(source, headersonly=True)


def _too_deep(source: bytes) -> bool:
    """Whether reading the parts would take too long: every line is compared with every boundary it is inside of."""
    nested = sum(1 for _ in re.finditer(rb"boundary\s*[*=]|:\s*message/", source.lower()))
    return nested > _DEEPEST or nested * max(source.count(b"\n"), source.count(b"\r")) > _MOST_MATCHES


def leaves_of(message: Message) -> Iterator[Leaf]:
    """The parts that hold content, in their order. An attached message counts as one part."""
    pending: list[Leaf] = [Leaf(message, None)]
    for number in itertools.count():
        if not pending:
            return
        leaf = pending.pop()
        if leaf.part.get_content_maintype() != "multipart" or not leaf.part.is_multipart():
            yield leaf
            continue
        choice = number if leaf.part.get_content_subtype() == "alternative" else leaf.choice
        pending += [Leaf(part, choice) for part in reversed(inner_parts(leaf.part))]


def inner_parts(part: Message) -> list[Message]:
    """The parts of a multipart, the message of an attached message. Of text, asking the library may raise."""
    payload = part.get_payload() if part.is_multipart() else []
    return [inner for inner in payload if isinstance(inner, Message)]


def is_text(part: Message) -> bool:
    """Whether a part is to be read in place: text that is no file. A multipart without parts is text, too."""
    if part.get_content_maintype() == "multipart":
        return True
    return part.get_content_type() in ("text/plain", "text/html") and not _is_file(part)


def is_named_text(part: Message) -> bool:
    """Whether a part is text with a file name that is not said to be an attachment."""
    return part.get_content_type() in ("text/plain", "text/html") and _is_file(part) and not _is_attached(part)


def is_html(part: Message) -> bool:
    return part.get_content_type() == "text/html"


def _is_file(part: Message) -> bool:
    return _is_attached(part) or or_otherwise(part.get_filename, None) is not None


def _is_attached(part: Message) -> bool:
    return or_otherwise(part.get_content_disposition, None) == "attachment"


def text_in(part: Message) -> str:
    """The text of a part, in lines that end in one newline each."""
    content = content_of(part)
    charset = or_otherwise(part.get_content_charset, None) or (html_charset(content) if is_html(part) else None)
    text = text_of(content, charset).removeprefix("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parameter(part: Message, name: str) -> str:
    """A parameter of the Content-Type in small letters, "" if there is none."""
    value = or_otherwise(lambda: part.get_param(name), None)
    return mend_text(value).strip().lower() if isinstance(value, str) else ""


def content_of(part: Message) -> bytes:
    """What a part holds, its transfer encoding undone; of an attached message, the message."""
    if part.is_multipart():
        return b"\n".join(or_otherwise(inner.as_bytes, b"") for inner in inner_parts(part))
    content = or_otherwise(lambda: part.get_payload(decode=True), None)
    return content if isinstance(content, bytes) else _as_sent(part)


def _as_sent(part: Message) -> bytes:
    del part["Content-Transfer-Encoding"]
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""
