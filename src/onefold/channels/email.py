"""An email as it came in (RFC 5322) to a contact. Whatever else is wrong with it, a message is never lost.

The standard library takes messages apart. Headers are read by rules of our own: the library's modern policy recurses on
nested comments and is quadratic in the length of a header (100 kB of `;` hold it for minutes), and it reads
`From: victim@x.com <evil@y.com>` as the victim. Every step here is linear in the length of the message, for the same
reason also the reading of HTML.
"""

from __future__ import annotations

import codecs
import hashlib
import itertools
import json
import mimetypes
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email.message import Message
from email.parser import BytesParser
from email.policy import Compat32
from email.utils import parsedate_to_datetime
from typing import NamedTuple, TypeVar

from onefold.channels.html_text import html_text
from onefold.channels.mail_sender import HEADER_LENGTH, From, display_name, sender_of
from onefold.channels.mail_text import or_otherwise, text_of, words_decoded
from onefold.contact_points.standing import SenderState
from onefold.core.errors import InvalidValue
from onefold.core.text import BODY_LENGTH, mend_text
from onefold.receiving.contact import Attachment, Contact, Sender
from onefold.receiving.normalise import MESSAGE_ID_LENGTH

_STRUCTURE_LENGTH = 2_000
_DATA_LENGTH = 1_000
_FILENAME_LENGTH = 255
_MOST_REFERENCES = 100
_MOST_ATTACHMENTS = 200
_DEEPEST = 100
_MOST_MATCHES = 6_000_000
_YEARS = range(1980, 2100)

T = TypeVar("T")


class _AsWritten(Compat32):
    """Headers are kept as they were sent, read as text on one line, and written back unchanged."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        # The library's reading of parameters is quadratic in their length.
        return name, value[:_STRUCTURE_LENGTH] if name.lower().startswith("content-") else value

    def header_fetch_parse(self, name: str, value: str) -> str:
        raw = value.replace("\r", "").replace("\n", "").encode("utf-8", "surrogateescape")
        return text_of(raw, None).strip()

    def fold_binary(self, name: str, value: str) -> bytes:
        return f"{name}: {value}{self.linesep}".encode("utf-8", "surrogateescape")


_PARSER: BytesParser[Message] = BytesParser(policy=_AsWritten(mangle_from_=False))


class _Leaf(NamedTuple):
    """A part that holds no parts. `choice` numbers the multipart/alternative it is one of the choices of."""

    part: Message
    choice: int | None


def contact_of_email(raw: bytes, *, inbox_id: str | None = None) -> Contact:
    """The contact that an email is: its sender is the From address (RES-1), whatever its Reply-To says.

    A sender that cannot be an address leaves the contact anonymous (RES-8); one that is not proven is `failed`
    (RES-14). Raises InvalidValue `not_a_message` for input without a single header, and nothing else.
    """
    message, whole = _parse(raw)
    leaves = list(_leaves(message)) if whole else []
    sender = sender_of(message)
    return Contact(
        channel="email",
        message_id=_message_id(message, raw),
        sender=Sender(email=sender.address, name=sender.name),
        subject=_subject(message),
        body=_body(leaves),
        occurred_at=_occurred_at(message),
        inbox_id=inbox_id,
        reply_to=_reply_to(message, leaves, sender),
        sender_state=_sender_state(message, sender),
        data=_data(message),
        attachments=_attachments(leaves, None if whole else raw),
    )


# Taking apart


def _parse(raw: bytes) -> tuple[Message, bool]:
    """The message, and whether its parts were read too: they are not where they nest absurdly deep."""
    source = raw.removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n")
    whole = None if _too_deep(source) else or_otherwise(lambda: _PARSER.parsebytes(source), None)
    message = whole or _PARSER.parsebytes(source, headersonly=True)
    if not message.keys():
        raise InvalidValue("This is not an email: it holds no header.", code="not_a_message", field="raw")
    return message, whole is not None


def _too_deep(source: bytes) -> bool:
    """Whether reading the parts would take too long: every line is compared with every boundary it is inside of."""
    nested = sum(1 for _ in re.finditer(rb"boundary\s*[*=]|:\s*message/", source.lower()))
    return nested > _DEEPEST or nested * max(source.count(b"\n"), source.count(b"\r")) > _MOST_MATCHES


def _leaves(message: Message) -> Iterator[_Leaf]:
    """The parts that hold content, in their order. An attached message counts as one part."""
    pending: list[_Leaf] = [_Leaf(message, None)]
    for number in itertools.count():
        if not pending:
            return
        leaf = pending.pop()
        if leaf.part.get_content_maintype() != "multipart" or not leaf.part.is_multipart():
            yield leaf
            continue
        choice = number if leaf.part.get_content_subtype() == "alternative" else leaf.choice
        pending += [_Leaf(part, choice) for part in reversed(_inner(leaf.part))]


def _inner(part: Message) -> list[Message]:
    """The parts of a multipart, the message of an attached message. Of text, asking the library may raise."""
    payload = part.get_payload() if part.is_multipart() else []
    return [inner for inner in payload if isinstance(inner, Message)]


# Headers


def _header(message: Message, name: str) -> str | None:
    """The first header of the name, decoded, on one line, fit to be stored; None if there is none."""
    value = message.get(name)
    return None if value is None else " ".join(mend_text(words_decoded(value[:HEADER_LENGTH])).split())


def _subject(message: Message) -> str | None:
    return _header(message, "Subject") or None


def _occurred_at(message: Message) -> datetime | None:
    """The Date in UTC; None if it is none, or one that no mail can have."""
    text = (message.get("Date") or "")[:200]
    sent_at = or_otherwise(lambda: parsedate_to_datetime(text), None)
    if sent_at is None or sent_at.year not in _YEARS:
        return None
    return sent_at.replace(tzinfo=UTC) if sent_at.tzinfo is None else sent_at.astimezone(UTC)


def _data(message: Message) -> str:
    """What the mail says of itself, for people to read: nothing is looked up by it."""
    values = {
        "from": "\n".join(message.get_all("From", [])) or None,
        "to": message.get("To"),
        "cc": message.get("Cc"),
        "reply_to": message.get("Reply-To"),
    }
    return json.dumps({key: _name_of_file(value) for key, value in values.items()}, ensure_ascii=False)


def _name_of_file(value: str | None) -> str | None:
    return None if value is None else mend_text(words_decoded(value[:HEADER_LENGTH]), _DATA_LENGTH)


def _sender_state(message: Message, sender: From) -> SenderState:
    return "unchecked" if sender.sound and not _dmarc_failed(message) else "failed"


def _dmarc_failed(message: Message) -> bool:
    """RES-14. Only the topmost result is our own server's; the ones below it came with the mail."""
    results = (message.get("Authentication-Results") or "")[:HEADER_LENGTH]
    said = re.sub(r'\([^()]*\)|"[^"]*"', " ", results)
    return re.search(r"(?<![\w-])dmarc\s*=\s*fail\b", said, re.IGNORECASE) is not None


# Message ids


def _message_id(message: Message, raw: bytes) -> str:
    """The Message-ID without its angle brackets; where no use can be made of it, one made from the content (RES-12)."""
    ids = _ids((message.get("Message-ID") or "")[: MESSAGE_ID_LENGTH + 10])
    return ids[0] if ids else f"sha256:{hashlib.sha256(raw).hexdigest()}"


def _reply_to(message: Message, leaves: Iterable[_Leaf], sender: From) -> tuple[str, ...]:
    """The messages it answers, nearest first (RES-13). What a bounce returns is what it answers."""
    returned = _returned_messages(message, leaves, sender)
    ids = [
        name for original in returned for name in (*_ids(original.get("Message-ID") or ""), *_answered_ids(original))
    ]
    return tuple(dict.fromkeys((*ids, *_answered_ids(message))))[:_MOST_REFERENCES]


def _answered_ids(message: Message) -> list[str]:
    references = _ids(" ".join(message.get_all("References", [])))
    return _ids(" ".join(message.get_all("In-Reply-To", []))) + references[::-1]


def _ids(text: str) -> list[str]:
    """The message ids in a header: what stands in angle brackets, or the bare words where nothing does."""
    bracketed = ("".join(inner.split()) for inner in re.findall(r"<([^<>]*)>", text))
    ids = [name for name in bracketed if name] or _bare_ids(text)
    return [name for name in ids if len(name) <= MESSAGE_ID_LENGTH and mend_text(name) == name]


def _bare_ids(text: str) -> list[str]:
    words = [word for word in re.split(r"[\s,<>]+", text) if word]
    return words if len(words) == 1 else [word for word in words if "@" in word]


def _returned_messages(message: Message, leaves: Iterable[_Leaf], sender: From) -> Iterator[Message]:
    """The messages that a bounce returns, whole or only their headers (RFC 3464, RFC 6522)."""
    if not _is_bounce(message, sender):
        return
    for leaf in leaves:
        if leaf.part.get_content_type() in ("message/rfc822", "message/global"):
            yield from _inner(leaf.part)[:1]
        elif leaf.part.get_content_type() in ("text/rfc822-headers", "message/global-headers"):
            yield _PARSER.parsebytes(_content(leaf.part).lstrip(), headersonly=True)


def _is_bounce(message: Message, sender: From) -> bool:
    null_sender = (message.get("Return-Path") or "").replace(" ", "") == "<>"
    daemon = (sender.address or "").startswith("mailer-daemon@")
    return null_sender or daemon or message.get_content_type() == "multipart/report"


# Text


def _body(leaves: Iterable[_Leaf]) -> str | None:
    """The plain text, and the text of the HTML wherever no plain text was sent beside it; cut at BODY_LENGTH."""
    texts = [(leaf, _text(leaf.part)) for leaf in leaves if _is_text(leaf.part)]
    plain = {leaf.choice for leaf, text in texts if not _is_html(leaf.part) and text.strip()} - {None}
    pieces = (
        html_text(text) if _is_html(leaf.part) else text
        for leaf, text in texts
        if not (_is_html(leaf.part) and leaf.choice in plain)
    )
    body = "\n".join(text.strip("\n") for text in pieces if text.strip())
    return mend_text(body) or None


def _is_text(part: Message) -> bool:
    """Whether a part is to be read in place: text that is no file. A multipart without parts is text, too."""
    if part.get_content_maintype() == "multipart":
        return True
    return part.get_content_type() in ("text/plain", "text/html") and not _is_file(part)


def _is_file(part: Message) -> bool:
    attached = or_otherwise(part.get_content_disposition, None) == "attachment"
    return attached or or_otherwise(part.get_filename, None) is not None


def _is_html(part: Message) -> bool:
    return part.get_content_type() == "text/html"


def _text(part: Message) -> str:
    text = text_of(_content(part), or_otherwise(part.get_content_charset, None))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _content(part: Message) -> bytes:
    """What a part holds, its transfer encoding undone; of an attached message, the message."""
    if part.is_multipart():
        return b"\n".join(or_otherwise(inner.as_bytes, b"") for inner in _inner(part))
    content = or_otherwise(lambda: part.get_payload(decode=True), None)
    return content if isinstance(content, bytes) else _as_sent(part)


def _as_sent(part: Message) -> bytes:
    del part["Content-Transfer-Encoding"]
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


# Attachments


def _attachments(leaves: Iterable[_Leaf], unread: bytes | None) -> tuple[Attachment, ...]:
    """The files, inline ones too, the HTML as it was sent and text too long for a body; of a message that was not taken
    apart, all of it.
    """
    if unread is not None:
        return (Attachment("message.eml", "message/rfc822", unread),)
    files = (_attachment(leaf.part) for leaf in leaves if not _is_text(leaf.part) or _is_kept(leaf.part))
    return tuple(itertools.islice(files, _MOST_ATTACHMENTS))


def _is_kept(part: Message) -> bool:
    return _is_html(part) or len(_content(part)) > BODY_LENGTH


def _attachment(part: Message) -> Attachment:
    if not _is_text(part):
        return Attachment(_filename(part), _content_type(part), _content(part))
    text = _text(part).encode("utf-8", "replace")
    return Attachment("body.html", "text/html", text) if _is_html(part) else Attachment("body.txt", "text/plain", text)


def _content_type(part: Message) -> str:
    said = part.get_content_type()
    return said if re.fullmatch(r"[a-z0-9.+_-]{1,60}/[a-z0-9.+_-]{1,100}", said) else "application/octet-stream"


def _filename(part: Message) -> str:
    """The name the sender gave it, or one that tells what it is; never a path."""
    given = mend_text(
        words_decoded((or_otherwise(part.get_filename, None) or _inner_subject(part))[:_STRUCTURE_LENGTH])
    )
    name = re.sub(r"[/\\]+", "_", display_name(_cut_name(given)) or "")[:_FILENAME_LENGTH]
    if name.strip(". _"):
        return name
    return "attachment" + (mimetypes.guess_extension(_content_type(part)) or "")


def _cut_name(filename: str) -> str:
    """The name at its greatest length, its ending kept."""
    stem, dot, ending = filename.rpartition(".")
    if len(ending) > 10:
        return filename[:_FILENAME_LENGTH]
    return stem[: _FILENAME_LENGTH - len(dot + ending)] + dot + ending


def _inner_subject(part: Message) -> str:
    if part.get_content_type() != "message/rfc822" or not part.is_multipart():
        return ""
    subjects = (_subject(inner) for inner in _inner(part))
    return (next(subjects, None) or "message")[:200] + ".eml"
