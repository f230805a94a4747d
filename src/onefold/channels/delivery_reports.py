"""What a mail server reports of a delivery (RFC 3464, RFC 6533): what became of it at whom, and which mail it was.

Servers encode what must not be encoded, leave out blank lines and put reports into other parts. Whatever can be read is
read; only so much of it is looked at, for reports come from strangers.
"""

from __future__ import annotations

import binascii
import itertools
import re
from collections.abc import Iterable
from email.message import Message
from email.parser import BytesParser
from typing import NamedTuple

from onefold.channels.mail_text import or_otherwise, text_of, words_decoded
from onefold.core.text import mend_text
from onefold.receiving.normalise import MESSAGE_ID_LENGTH

_HEADER_LENGTH = 10_000
_MOST_HEADERS = 500
_MOST_PARTS = 200
_SOURCE_LENGTH = 200_000
_ADDRESS_LENGTH = 320
_MOST_IDS = 100

_STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
_RETURNED_TYPES = ("message/rfc822", "message/global", "message/partial")
_RETURNED_HEADERS = ("text/rfc822-headers", "message/global-headers", "message/rfc822-headers")
_RECIPIENT_FIELDS = ("original-recipient", "final-recipient")
_ACTIONS = ("failed", "delayed", "delivered", "relayed", "expanded")
_ACTION_OF_CLASS = {"2": "delivered", "4": "delayed", "5": "failed"}
# A server that gives a mail an id of its own puts the sender's beside it.
_MESSAGE_IDS = (
    "message-id",
    "original-message-id",
    "x-original-message-id",
    "x-google-original-message-id",
    "x-microsoft-original-message-id",
)

_FOLD = re.compile(r"\n[ \t]+(?=\S)(?!(?:final-recipient|original-recipient|action|status|diagnostic-code)\s?:)", re.I)
_STATUS = re.compile(r"(?<![\d.])([245])\.\d{1,3}\.\d{1,3}(?![\d.])")
_IMCEA = re.compile(r"imceasmtp-(.{1,300})@", re.IGNORECASE)


class Headers:
    """The headers of a message by name, each as text on one line; the first of very many."""

    def __init__(self, message: Message) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in itertools.islice(message.raw_items(), _MOST_HEADERS):
            self._values.setdefault(str(name).strip().lower(), []).append(_one_line(value))

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def all(self, *names: str) -> list[str]:
        return [value for name in names for value in self._values.get(name, ())]

    def first(self, name: str) -> str:
        """The first of the name, as sent; empty if there is none."""
        return next(iter(self._values.get(name, ())), "")

    def decode_first(self, name: str) -> str:
        return words_decoded(self.first(name))


def _one_line(value: object) -> str:
    text = or_otherwise(lambda: str(value), "")[:_HEADER_LENGTH]
    return " ".join(_text(text).split())


def _text(text: str) -> str:
    """What the library read as text without knowing its charset."""
    raw = or_otherwise(lambda: text.encode("utf-8", "surrogateescape"), None)
    return mend_text(text if raw is None else text_of(raw, None))


class Outcome(NamedTuple):
    """What became of a mail at one recipient. `recipient` is the address the sender used, where the report tells it."""

    recipient: str | None
    is_original: bool
    action: str
    status: str


class Part(NamedTuple):
    """A part of a mail and its type."""

    message: Message
    content_type: str


def parts_of(message: Message) -> list[Part]:
    """The parts of a mail in their order, but not those of a message that is attached to it."""
    parts: list[Part] = []
    pending = [message]
    while pending and len(parts) < _MOST_PARTS:
        part = pending.pop()
        parts.append(Part(part, or_otherwise(part.get_content_type, "text/plain")))
        if parts[-1].content_type.startswith("multipart/"):
            pending += reversed(_inner(part))
    return parts


def has_report(parts: Iterable[Part]) -> bool:
    return any(part.content_type in _STATUS_TYPES for part in parts)


def with_report_inside(parts: list[Part]) -> list[Part]:
    """The parts, in place of an attached bounce those of that bounce: gateways pass bounces on so."""
    for number, part in enumerate(parts):
        inside = _inner(part.message)[:1] if part.content_type in _RETURNED_TYPES else []
        reported = parts_of(inside[0]) if inside else []
        if has_report(reported):
            return [*parts[:number], *reported, *parts[number + 1 :]][:_MOST_PARTS]
    return parts


def outcomes_in(parts: Iterable[Part]) -> list[Outcome]:
    """What the reports among the parts say of each recipient, in their order."""
    sources = (_source(part.message) for part in parts if part.content_type in _STATUS_TYPES)
    return [outcome for source in sources for outcome in outcomes_in_text(source)]


def outcomes_in_text(source: str) -> list[Outcome]:
    """What the fields of a report say of each recipient."""
    groups = [group for group in _groups(source) if any(name in group for name in _RECIPIENT_FIELDS)]
    return [_outcome(group) for group in groups[:_MOST_PARTS]]


def reported_ids(parts: Iterable[Part]) -> list[str]:
    """The ids that the reports themselves give for the mail they are about."""
    kinds = (*_STATUS_TYPES, "message/disposition-notification", "message/global-disposition-notification")
    groups = (group for part in parts if part.content_type in kinds for group in _groups(_source(part.message)))
    return [one for group in groups for name in _MESSAGE_IDS for one in ids_in(group.get(name, ""))]


def returned_headers(parts: Iterable[Part]) -> list[Headers]:
    """The headers of the messages that come back, whether with all of it or without, or as a part without a type."""
    returned = []
    for number, part in enumerate(parts):
        if part.content_type in _RETURNED_TYPES and part.message.is_multipart():
            returned.append(_headers_of_attached(part.message))
        elif part.content_type in _RETURNED_HEADERS:
            returned.append(_parse_headers(_source(part.message)))
        elif number and "message-id" in (headers := Headers(part.message)):
            returned.append(headers)
    return returned


def ids_of(headers: Headers) -> list[str]:
    """All message ids of a message: its own first, then those it answers, nearest first (RFC 5322)."""
    own = [one for value in headers.all(*_MESSAGE_IDS, "resent-message-id") for one in ids_in(value)]
    answered = [one for value in headers.all("in-reply-to") for one in ids_in(value)]
    references = [one for value in headers.all("references") for one in ids_in(value)]
    return list(dict.fromkeys((*own, *answered, *references[::-1])))[:_MOST_IDS]


def ids_in(value: str) -> list[str]:
    """The message ids in a header: what stands in angle brackets, or its one bare word."""
    bracketed = ["".join(inner.split()) for inner in re.findall(r"<([^<>]*)>", value)]
    words = value.strip("<> ").split()
    ids = [one for one in bracketed if one] or (words if len(words) == 1 and "@" in words[0] else [])
    return [one for one in ids if len(one) <= MESSAGE_ID_LENGTH]


def status_is_permanent(status: str) -> bool:
    """Whether a failure of this status is final. A full mailbox is not, whatever class its code has: RFC 3463 calls it
    a persistent transient failure.
    """
    return not status.startswith("4") and status != "5.2.2"


# Fields


def _groups(source: str) -> list[dict[str, str]]:
    """The fields of each recipient. A group ends at a blank line, or where a recipient is named anew."""
    groups: list[dict[str, str]] = [{}]
    for line in _FOLD.sub(" ", source[:_SOURCE_LENGTH]).split("\n"):
        name, _, value = line.partition(":")
        name = name.strip().lower()
        if not line.strip() or (name in _RECIPIENT_FIELDS and name in groups[-1]):
            groups.append({})
        if line.strip():
            groups[-1].setdefault(name, value.strip()[:_HEADER_LENGTH])
    return _join_groups(groups)


def _join_groups(groups: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """The groups, what a stray blank line tore off put back to its recipient."""
    joined: list[dict[str, str]] = []
    for group in groups:
        stray = joined and "action" in group and "action" not in joined[-1]
        if stray and not any(name in group for name in _RECIPIENT_FIELDS):
            joined[-1] = group | joined[-1]
        elif group:
            joined.append(group)
    return joined


def _outcome(group: dict[str, str]) -> Outcome:
    final = _typed_address(group.get("final-recipient", ""))
    original = _typed_address(group.get("original-recipient", ""))
    status = _STATUS.search(group.get("status", "")) or _STATUS.search(group.get("diagnostic-code", ""))
    said = re.match(r"\w+", group.get("action", "").lower())
    action = said[0] if said and said[0] in _ACTIONS else _ACTION_OF_CLASS[status[1] if status else "5"]
    return Outcome(original or final, original is not None, action, status[0] if status else "")


def _typed_address(value: str) -> str | None:
    """The address behind its type ("rfc822; a@example.com"), its special characters written plainly."""
    kind, typed, rest = value.partition(";")
    address = (rest if typed else kind).strip()
    bracketed = re.search(r"<([^<>]+)>", address)
    address = (bracketed[1] if bracketed else re.sub(r"\s\([^()]*\)$", "", address)).strip(" .")
    address = re.sub(r"\\x\{([0-9A-Fa-f]{2,6})\}", _character, address)
    address = address.replace("+2B", "+").replace("+3D", "=")
    wrapped = _IMCEA.match(address)
    address = re.sub(r"\+([0-9A-F]{2})", _character, wrapped[1]) if wrapped else address
    is_address = re.fullmatch(r'(?:"[^"]+"|[^@\s]+)@[^@\s]+', address) and len(address) <= _ADDRESS_LENGTH
    return mend_text(address) if is_address else None


def _character(code: re.Match[str]) -> str:
    return or_otherwise(lambda: chr(int(code[1], 16)), "\ufffd")


# Parts


def _inner(part: Message) -> list[Message]:
    payload = part.get_payload() if part.is_multipart() else []
    return [inner for inner in itertools.islice(payload, _MOST_PARTS) if isinstance(inner, Message)]


def _source(part: Message) -> str:
    """The text of a part. The library takes the parts of a report for messages, and leaves them encoded."""
    if part.is_multipart():
        text = "\n\n".join(_text_of_message(inner) for inner in _inner(part))[:_SOURCE_LENGTH]
        text = _plain(text, _encoding(part))
    else:
        content = or_otherwise(lambda: part.get_payload(decode=True), None)
        text = text_of(content[:_SOURCE_LENGTH], None) if isinstance(content, bytes) else ""
    return re.sub(r"\r{0,2}\n|\r", "\n", text)


def _text_of_message(message: Message) -> str:
    fields = (f"{name}: {value}" for name, value in itertools.islice(message.raw_items(), _MOST_HEADERS))
    body = or_otherwise(lambda: message.get_payload(decode=True), None)
    return _text("\n".join(fields)) + "\n\n" + (text_of(body, None) if isinstance(body, bytes) else "")


def _encoding(part: Message) -> str:
    return or_otherwise(lambda: str(part.get("Content-Transfer-Encoding", "")), "").strip().lower()


def _plain(text: str, encoding: str) -> str:
    if encoding == "quoted-printable":
        return text_of(binascii.a2b_qp(text.encode("utf-8", "replace")), None)
    if encoding != "base64" or re.search(r"^[\w-]{1,40}: ", text, re.MULTILINE):
        return text
    letters = re.sub(r"[^A-Za-z0-9+/]", "", text)
    letters = letters[: len(letters) // 4 * 4] if len(letters) % 4 == 1 else letters
    return text_of(binascii.a2b_base64(letters + "=" * (-len(letters) % 4)), None)


def _headers_of_attached(part: Message) -> Headers:
    inner = _inner(part)[:1]
    if inner and inner[0].keys() and _encoding(part) not in ("base64", "quoted-printable"):
        return Headers(inner[0])
    return _parse_headers(_source(part))


def _parse_headers(source: str) -> Headers:
    raw = source.lstrip().encode("utf-8", "surrogateescape")
    return Headers(BytesParser().parsebytes(raw, headersonly=True))
