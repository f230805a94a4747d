"""An email as it came in (RFC 5322) to a contact. Whatever else is wrong with it, a message is never lost.

The standard library takes messages apart. Headers are read by rules of our own: the library's modern policy recurses on
nested comments and is quadratic in the length of a header (100 kB of `;` hold it for minutes), and it reads
`From: victim@x.com <evil@y.com>` as the victim. Every step here is linear in the length of the message, for the same
reason also the reading of HTML.
"""

from __future__ import annotations

import binascii
import codecs
import hashlib
import html
import itertools
import json
import mimetypes
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from email.message import Message
from email.parser import BytesParser
from email.policy import Compat32
from email.utils import parsedate_to_datetime
from typing import NamedTuple, TypeVar

from onefold.domain.contact import Attachment, Contact, Sender
from onefold.domain.emails import parse_email
from onefold.domain.errors import InvalidValue
from onefold.domain.normalise import MESSAGE_ID_LENGTH
from onefold.domain.text import BODY_LENGTH, cut_name, mended

_HEADER_LENGTH = 10_000
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
        return _text_of(raw, None).strip()

    def fold_binary(self, name: str, value: str) -> bytes:
        return f"{name}: {value}{self.linesep}".encode("utf-8", "surrogateescape")


_PARSER: BytesParser[Message] = BytesParser(policy=_AsWritten(mangle_from_=False))


class _From(NamedTuple):
    """Who a From line names. `sound` is False where another reader of it might see someone else."""

    address: str | None
    name: str | None
    sound: bool


class _Leaf(NamedTuple):
    """A part that holds no parts. `choice` numbers the multipart/alternative it is one of the choices of."""

    part: Message
    choice: int | None


def contact_of_email(raw: bytes, *, inbox_id: str | None = None) -> Contact:
    """The contact that an email is: its sender is the From address (RES-1), whatever its Reply-To says.

    A sender that cannot be an address leaves the contact anonymous (RES-8); one that is not proven leaves it unverified
    (RES-14). Raises InvalidValue `not_a_message` for input without a single header, and nothing else.
    """
    message, whole = _parse(raw)
    leaves = list(_leaves(message)) if whole else []
    sender = _sender(message)
    return Contact(
        channel="email",
        message_id=_message_id(message, raw),
        sender=Sender(email=sender.address, name=sender.name),
        subject=_subject(message),
        body=_body(leaves),
        occurred_at=_occurred_at(message),
        inbox_id=inbox_id,
        reply_to=_reply_to(message, leaves, sender),
        verified=sender.sound and not _dmarc_failed(message),
        data=_data(message),
        attachments=_attachments(leaves, None if whole else raw),
    )


# Taking apart


def _parse(raw: bytes) -> tuple[Message, bool]:
    """The message, and whether its parts were read too: they are not where they nest absurdly deep."""
    source = raw.removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n")
    whole = None if _too_deep(source) else _tried(lambda: _PARSER.parsebytes(source), None)
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


def _tried(read: Callable[[], T], otherwise: T) -> T:
    """What `read` gives. The library raises errors of all kinds, none documented, on what it did not expect."""
    try:
        return read()
    except Exception:
        return otherwise


# Headers


def _header(message: Message, name: str) -> str | None:
    """The first header of the name, decoded, on one line, fit to be stored; None if there is none."""
    value = message.get(name)
    return None if value is None else " ".join(mended(_words_decoded(value[:_HEADER_LENGTH])).split())


def _subject(message: Message) -> str | None:
    return _header(message, "Subject") or None


def _occurred_at(message: Message) -> datetime | None:
    """The Date in UTC; None if it is none, or one that no mail can have."""
    text = (message.get("Date") or "")[:200]
    found = _tried(lambda: parsedate_to_datetime(text), None)
    if found is None or found.year not in _YEARS:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _data(message: Message) -> str:
    """What the mail says of itself, for people to read: nothing is looked up by it."""
    values = {
        "from": "\n".join(message.get_all("From", [])) or None,
        "to": message.get("To"),
        "cc": message.get("Cc"),
        "reply_to": message.get("Reply-To"),
    }
    return json.dumps({key: _told(value) for key, value in values.items()}, ensure_ascii=False)


def _told(value: str | None) -> str | None:
    return None if value is None else mended(_words_decoded(value[:_HEADER_LENGTH]), _DATA_LENGTH)


def _dmarc_failed(message: Message) -> bool:
    """RES-14. Only the topmost result is our own server's; the ones below it came with the mail."""
    results = (message.get("Authentication-Results") or "")[:_HEADER_LENGTH]
    said = re.sub(r'\([^()]*\)|"[^"]*"', " ", results)
    return re.search(r"(?<![\w-])dmarc\s*=\s*fail\b", said, re.IGNORECASE) is not None


# Message ids


def _message_id(message: Message, raw: bytes) -> str:
    """The Message-ID without its angle brackets; where no use can be made of it, one made from the content (RES-12)."""
    ids = _ids((message.get("Message-ID") or "")[: MESSAGE_ID_LENGTH + 10])
    return ids[0] if ids else f"sha256:{hashlib.sha256(raw).hexdigest()}"


def _reply_to(message: Message, leaves: Iterable[_Leaf], sender: _From) -> tuple[str, ...]:
    """The messages it answers, nearest first (RES-13). What a bounce returns is what it answers."""
    returned = _returned(message, leaves, sender)
    ids = [name for original in returned for name in (*_ids(original.get("Message-ID") or ""), *_answered(original))]
    return tuple(dict.fromkeys((*ids, *_answered(message))))[:_MOST_REFERENCES]


def _answered(message: Message) -> list[str]:
    references = _ids(" ".join(message.get_all("References", [])))
    return _ids(" ".join(message.get_all("In-Reply-To", []))) + references[::-1]


def _ids(text: str) -> list[str]:
    """The message ids in a header: what stands in angle brackets, or the bare words where nothing does."""
    bracketed = ("".join(found.split()) for found in re.findall(r"<([^<>]*)>", text))
    found = [name for name in bracketed if name] or _bare_ids(text)
    return [name for name in found if len(name) <= MESSAGE_ID_LENGTH and mended(name) == name]


def _bare_ids(text: str) -> list[str]:
    words = [word for word in re.split(r"[\s,<>]+", text) if word]
    return words if len(words) == 1 else [word for word in words if "@" in word]


def _returned(message: Message, leaves: Iterable[_Leaf], sender: _From) -> Iterator[Message]:
    """The messages that a bounce returns, whole or only their headers (RFC 3464, RFC 6522)."""
    if not _is_bounce(message, sender):
        return
    for leaf in leaves:
        if leaf.part.get_content_type() in ("message/rfc822", "message/global"):
            yield from _inner(leaf.part)[:1]
        elif leaf.part.get_content_type() in ("text/rfc822-headers", "message/global-headers"):
            yield _PARSER.parsebytes(_content(leaf.part).lstrip(), headersonly=True)


def _is_bounce(message: Message, sender: _From) -> bool:
    null_sender = (message.get("Return-Path") or "").replace(" ", "") == "<>"
    daemon = (sender.address or "").startswith("mailer-daemon@")
    return null_sender or daemon or message.get_content_type() == "multipart/report"


# The sender


def _sender(message: Message) -> _From:
    lines = message.get_all("From", [])
    if not lines:
        return _From(None, None, False)
    sender = _FromReader(lines[0]).result()
    return sender if len(lines) == 1 else sender._replace(sound=False)


class _FromReader:
    """Reads a From line in one pass: what is quoted, what is a comment, what stands in angle brackets, what in none."""

    _TOKENS = re.compile(r'\\.|[^\\"()<>]+|.', re.DOTALL)

    def __init__(self, line: str) -> None:
        self._line = line
        self._quoted = False
        self._depth = 0
        self._angle: list[str] | None = None
        self._angles: list[str] = []
        self._bare: list[str] = []
        self._name: list[str] = []
        self._comments: list[str] = []
        self._stray = False
        for token in self._TOKENS.findall(line):
            self._read(token)

    def _read(self, token: str) -> None:
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
        elif token != '"':
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
        self._stray |= token == ")" or (bool(self._angles) and not token.isspace())
        self._bare.append(token)
        self._name.append(token)

    def result(self) -> _From:
        """The address in the last angle brackets, or the last bare one, and the name beside it."""
        bare = "".join(self._bare)
        several = len(self._angles) > 1 or re.search("[,;:]", bare) is not None or (self._angles and "@" in bare)
        name = "".join(self._name if self._angles else self._comments)
        address = _tried(lambda: parse_email(self._written(bare).strip()), None)
        return _From(address, _name(name), address is not None and not several and not self._torn())

    def _written(self, bare: str) -> str:
        bracketed = re.findall("<([^<>]*)", self._line) if self._torn() and not self._angles else self._angles
        return bracketed[-1] if bracketed else re.split("[,;]", bare.strip().rstrip(";"))[-1]

    def _torn(self) -> bool:
        """Whether something was left open, or closed that was not."""
        return self._quoted or self._depth > 0 or self._angle is not None or self._stray


def _name(text: str) -> str | None:
    """A display name that `clean_name` takes as it is."""
    return cut_name(_words_decoded(text[:_HEADER_LENGTH]))


# Text


_ENCODED_WORD = r"=\?([^?\s*]{1,40})(?:\*[^?\s]{0,40})?\?([bBqQ])\?([^?]*)\?="
_ENCODED_WORDS = re.compile(r"(?:=\?[^?\s]{1,81}\?[bBqQ]\?[^?]*\?=)+")
_CHARSET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,39}\Z", re.ASCII)
# What senders say, and what they mean by it.
_MEANT = {
    "ascii": None, "us-ascii": None, "iso-8859-1": "cp1252", "iso8859-1": "cp1252", "latin1": "cp1252",
    "latin-1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "ks_c_5601-1987": "cp949", "euc-kr": "cp949",
    "shift_jis": "cp932", "shift-jis": "cp932", "x-sjis": "cp932", "iso-8859-8-i": "iso-8859-8",
}  # fmt: skip
# Codecs for other things than mail; some take quadratic time.
_NOT_FOR_MAIL = frozenset(("idna", "punycode", "undefined", "unicode_escape", "unicode-escape", "raw_unicode_escape"))


def _words_decoded(text: str) -> str:
    """The text with its encoded words (RFC 2047) read, also broken ones and ones torn inside a character."""
    return _ENCODED_WORDS.sub(_decoded_run, re.sub(r"\?=\s+(?==\?)", "?=", text))


def _decoded_run(run: re.Match[str]) -> str:
    words = re.findall(_ENCODED_WORD, run[0])
    groups = itertools.groupby(words, key=lambda word: str(word[0]).lower())
    decoded = [_text_of(b"".join(_word_bytes(word[1], word[2]) for word in group), name) for name, group in groups]
    return "".join(decoded) or run[0]


def _word_bytes(encoding: str, text: str) -> bytes:
    if encoding in "qQ":
        return binascii.a2b_qp(text.encode("utf-8", "replace"), header=True)
    kept = re.sub(r"[^A-Za-z0-9+/]", "", text)
    kept = kept[:-1] if len(kept) % 4 == 1 else kept
    return binascii.a2b_base64(kept + "=" * (-len(kept) % 4))


def _text_of(content: bytes, charset: str | None) -> str:
    """The bytes as text: in the charset they are said to be in, if it is one, else as UTF-8, else as Windows-1252."""
    codec = _codec(charset)
    if codec is not None:
        return _tried(lambda: content.decode(codec, "replace"), content.decode("utf-8", "replace"))
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _codec(charset: str | None) -> str | None:
    if charset is None or not _CHARSET.match(charset):
        return None
    meant = _MEANT.get(charset.lower(), charset)
    name = None if meant is None else _tried(lambda: codecs.lookup(meant).name, None)
    return None if name in _NOT_FOR_MAIL else name


def _body(leaves: Iterable[_Leaf]) -> str | None:
    """The plain text, and the text of the HTML wherever no plain text was sent beside it; cut at BODY_LENGTH."""
    texts = [(leaf, _text(leaf.part)) for leaf in leaves if _is_text(leaf.part)]
    plain = {leaf.choice for leaf, text in texts if not _is_html(leaf.part) and text.strip()} - {None}
    shown = (
        _html_text(text) if _is_html(leaf.part) else text
        for leaf, text in texts
        if not (_is_html(leaf.part) and leaf.choice in plain)
    )
    body = "\n".join(text.strip("\n") for text in shown if text.strip())
    return mended(body) or None


def _is_text(part: Message) -> bool:
    """Whether a part is to be read in place: text that is no file. A multipart without parts is text, too."""
    if part.get_content_maintype() == "multipart":
        return True
    return part.get_content_type() in ("text/plain", "text/html") and not _is_file(part)


def _is_file(part: Message) -> bool:
    attached = _tried(part.get_content_disposition, None) == "attachment"
    return attached or _tried(part.get_filename, None) is not None


def _is_html(part: Message) -> bool:
    return part.get_content_type() == "text/html"


def _text(part: Message) -> str:
    text = _text_of(_content(part), _tried(part.get_content_charset, None))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _content(part: Message) -> bytes:
    """What a part holds, its transfer encoding undone; of an attached message, the message."""
    if part.is_multipart():
        return b"\n".join(_tried(inner.as_bytes, b"") for inner in _inner(part))
    content = _tried(lambda: part.get_payload(decode=True), None)
    return content if isinstance(content, bytes) else _as_sent(part)


def _as_sent(part: Message) -> bytes:
    del part["Content-Transfer-Encoding"]
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


# HTML


_UNSEEN = frozenset(("script", "style", "title", "template"))
_LINES = frozenset((
    "address", "article", "blockquote", "br", "dd", "div", "dl", "dt", "footer", "h1", "h2", "h3", "h4", "h5", "h6",
    "header", "hr", "li", "ol", "p", "pre", "section", "table", "tr", "ul",
))  # fmt: skip
_SPACES = frozenset(("td", "th"))
_TAG = re.compile(r"/?([a-zA-Z][a-zA-Z0-9]{0,15})")
_TAG_END = re.compile(r"""[^>"']*+(?:"[^"]*+"[^>"']*+|'[^']*+'[^>"']*+)*+>""")
_MOST_HTML = 5 * BODY_LENGTH
_MOST_TAGS = 200_000


def _html_text(source: str) -> str:
    """What a reader sees of HTML, in lines. Nothing in it is looked for further than the next `<`."""
    first, *pieces = source[:_MOST_HTML].split("<", _MOST_TAGS)
    seen = [_folded(first)]
    until: str | None = None
    for piece in pieces:
        shown, until = _piece_text(piece, until)
        seen.append(shown)
    lines = (" ".join(line.split()) for line in html.unescape("".join(seen)).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _piece_text(piece: str, until: str | None) -> tuple[str, str | None]:
    """What is seen of the text from one `<` to the next, and what has to come before anything is seen again."""
    if until == "-->" or (until is None and piece.startswith("!--")):
        _, ended, rest = piece[until is None :].partition("-->")
        return _folded(rest), None if ended else "-->"
    if until is not None and piece[: len(until)].lower() != until:
        return "", until
    tag = _TAG.match(piece)
    if tag is None:
        return (_after_tag(piece) if piece[:1] in ("!", "?", "/") else f"&lt;{_folded(piece)}"), None
    name = tag[1].lower()
    if name in _UNSEEN and piece[0] != "/":
        return "", f"/{name}"
    return "\n" * (name in _LINES) + " " * (name in _SPACES) + _after_tag(piece), None


def _after_tag(piece: str) -> str:
    end = _TAG_END.match(piece)
    return _folded(piece.partition(">")[2] if end is None else piece[end.end() :])


def _folded(text: str) -> str:
    return re.sub(r"\s+", " ", text)


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
    given = mended(_words_decoded((_tried(part.get_filename, None) or _inner_subject(part))[:_STRUCTURE_LENGTH]))
    name = re.sub(r"[/\\]+", "_", _name(_cut(given)) or "")[:_FILENAME_LENGTH]
    if name.strip(". _"):
        return name
    return "attachment" + (mimetypes.guess_extension(_content_type(part)) or "")


def _cut(filename: str) -> str:
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
