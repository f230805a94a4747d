"""The parts of a mail, and what each of them holds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from email.message import Message
from typing import NamedTuple

from onefold.channels.mail_structure import Part, TooMuch, head_of, take_apart
from onefold.channels.mail_text import html_charset, or_otherwise, text_of
from onefold.core.text import BODY_LENGTH, mend_text

_MOST_READ = BODY_LENGTH + 1_000


class Leaf(NamedTuple):
    """A part that holds no parts. `choice` numbers the multipart/alternative it is one of the choices of."""

    part: Message
    choice: int | None


def parse(source: bytes) -> tuple[Message, bool]:
    """The message, and whether its parts were read too: they are not where there are absurdly many, or deep ones."""
    try:
        return take_apart(source), True
    except TooMuch:
        return head_of(source), False


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
    """The text of a part, in lines that end in one newline each; of a very long one its beginning."""
    content = content_of(part)
    content = content[:_MOST_READ] if content[:_MOST_READ].isascii() else content[: 4 * _MOST_READ]
    charset = or_otherwise(part.get_content_charset, None) or (html_charset(content) if is_html(part) else None)
    text = text_of(content, charset).removeprefix("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def text_file(part: Message) -> bytes:
    """The text of a part as a file in UTF-8; one too long to be read is kept in the bytes it came in."""
    content = content_of(part)
    return content if len(content) > _MOST_READ else text_in(part).encode("utf-8", "replace")


def parameter(part: Message, name: str) -> str:
    """A parameter of the Content-Type in small letters, "" if there is none."""
    value = or_otherwise(lambda: part.get_param(name), None)
    return mend_text(value).strip().lower() if isinstance(value, str) else ""


def content_of(part: Message) -> bytes:
    """What a part holds, its transfer encoding undone; of an attached message, the message."""
    if not isinstance(part, Part):
        return b""
    return part.as_sent if part.is_multipart() else part.content
