"""Whose mail is it that a mail carries in its text: a forwarded one's sender, or whom a form names (RES-18).

What cannot be told for certain is nobody: a person then says whose it is. Nothing here looks further than it must,
because the text is a stranger's.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from onefold.contact_points.emails import parse_email
from onefold.core.errors import InvalidValue
from onefold.core.text import cut_name

_MOST_LINES = 2_000
_LONGEST_LINE = 500


class Mailbox(NamedTuple):
    """An address in normal form, and the name beside it."""

    address: str
    name: str | None = None


# A mailbox in a line

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_BRACKETED = re.compile(r"<([^<>]*@[^<>]*)>|[\[(]\s*(?:mailto:)?([^\[\]()]*@[^\[\]()]*)[\])]")
_BARE = re.compile(r"[^\s<>()\[\]\",;:“”„«»「」（），；：]+@[^\s<>()\[\]\",;:“”„«»「」（），；：]+")
_AROUND_ADDRESS = " \t*_'’‘`|.…。、"
_AROUND_NAME = _AROUND_ADDRESS + '"<>()[],;:“”„«»「」（）'
_GLUED = re.compile(r"[=/#&?]")


def mailbox_in(text: str) -> Mailbox | None:
    """The one mailbox that a line of text names (`Ada Hart <ada@kite.example>`, `ada@kite.example`); None where it
    names none, or two, or more than a mailbox."""
    text = _plain(text[:_LONGEST_LINE])
    bracketed = [first or second for first, second in _BRACKETED.findall(text)]
    rest = _BRACKETED.sub(" ", text)
    bare = _BARE.findall(rest)
    written = [*("".join(one.split()).removeprefix("mailto:") for one in bracketed), *bare]
    if not written or any(_is_glued(one) for one in bare):
        return None
    addresses = {_normal(one) for one in written}
    address = addresses.pop() if len(addresses) == 1 else None
    name = _BARE.sub(" ", rest).strip(_AROUND_NAME)
    if address is None or (not bracketed and name):
        return None
    return Mailbox(address, cut_name(name))


def _plain(text: str) -> str:
    """As people see it: without what is invisible, entities as what they stand for."""
    return unicodedata.normalize("NFC", _INVISIBLE.sub("", html.unescape(text)))


def _is_glued(written: str) -> bool:
    """Whether something else is written against an address: `email=a@x.com`, `邮箱a@x.com`."""
    local = written.partition("@")[0]
    return _GLUED.search(local) is not None or (not local.isascii() and local[-1:].isascii())


def _normal(written: str) -> str | None:
    try:
        return parse_email(written.strip(_AROUND_ADDRESS))
    except InvalidValue:
        return None


# A line of a form


def mailbox_on_line(body: str, line: str) -> Mailbox | None:
    """Whom the first line of a text names that is like `line`, whose `*` stands for the address; nobody, where that one
    names none. Where it ends before the address, as in a form with the answer beneath the question, an address that
    stands alone on the next line counts."""
    before, _, after = (" ".join(_plain(part).split()) for part in line.partition("*"))
    like = re.compile(f"{re.escape(before)} ?(.*?) ?{re.escape(after)}", re.IGNORECASE)
    lines = [text for text in _lines(body) if text]
    for number, text in enumerate(lines):
        match = like.fullmatch(text)
        if match is None:
            continue
        if match[1]:
            return mailbox_in(match[1])
        beneath = mailbox_in("".join(lines[number + 1 : number + 2]))
        return None if beneath is None or beneath.name else beneath
    return None


def _lines(body: str) -> Iterator[str]:
    for line in body[: _MOST_LINES * _LONGEST_LINE].splitlines()[:_MOST_LINES]:
        yield " ".join(_plain(line[:_LONGEST_LINE]).split())


# Forwarded mail

# The sender's line of a forwarded mail's head, as mail programs name it.
_FROM_WORDS = frozenset(
    word.casefold()
    for word in (
        *"""
        From Von De Da Van Od Från Fra Lähettäjä Kimden Gönderen Feladó Expéditeur Remitente Mittente Absender От Від
        Από ΑΠΟ 差出人 送信者 送信元 发件人 發件人 寄件者 寄件人 보낸사람 מאת من Saatja Nuo No Pošiljatelj Daripada Dari
        """.split(),
        *("보낸 사람", "De la", "Người gửi", "จาก", "प्रेषक"),
    )
)
_REPLY_PREFIX = re.compile(
    r"(?:re|aw|sv|antw|antwort|r|rif|res|odp|ynt|bls|balas|vá|απ|ха|отв|ответ|השב|رد|回复|回覆|答复|답장|返信)"
    r"(?:\[\d+\]|\(\d+\))?\s*[:：]",
    re.IGNORECASE,
)
_FORWARD_PREFIX = re.compile(
    r"(?:fwd?|wg|tr|rv|enc|i|doorst|vb|vs|vl|pd|ilt|trs|továbbítás|továbbítva|fs|προωθ|πρθ|הועבר|إعادة توجيه"
    r"|转发|轉寄|転送|전달)(?:\[\d+\])?\s*[:：]",
    re.IGNORECASE,
)
_TAGS = re.compile(r"(?:\[[^\]]{0,40}\]\s*)+")
_QUOTE_MARKS, _BOLD = "> *|\t", " *\t"
_DASHES = re.compile(r"-{4,}\s?([^-\s].{1,60}?)\s?-{2,}(.*)|_{20,}()")
_HEADER = re.compile(r"([^:：]{1,40}?)[\s*]*[:：](.*)")
_ONE_LINE = re.compile(r"\s*(?:from|von|de|da)\s*[:：](.*?>)", re.IGNORECASE)
_BEHIND = 3
_MOST_HEADERS = 12


def is_reply(subject: str | None) -> bool:
    """Whether a mail calls itself a reply, in whatever language."""
    return _REPLY_PREFIX.match(_title(subject)) is not None


def _title(subject: str | None) -> str:
    """The subject without what gateways put in front of it: `[EXTERN]`."""
    return _TAGS.sub("", _plain((subject or "")[:_LONGEST_LINE]).strip(), count=1)


def forwarded_sender(subject: str | None, body: str | None) -> Mailbox | None:
    """Who sent the mail that a mail forwards in its text; None where it is no forward, or names no address.

    Its head stands behind the first separating line or, where the subject says that it is a forward, is the first there
    is: what stands deeper is another mail's. A reply quotes with the same lines: what calls itself one is no forward.
    """
    if not body or is_reply(subject):
        return None
    lines = [line.lstrip(_QUOTE_MARKS).rstrip(_BOLD) for line in _lines(body)]
    is_forward = _FORWARD_PREFIX.match(_title(subject)) is not None
    for number, line in enumerate(lines):
        separator = _DASHES.fullmatch(line)
        if separator is not None:
            on_one_line = _ONE_LINE.match(separator[2] or "")
            return mailbox_in(on_one_line[1]) if on_one_line else _sender_behind(lines, number + 1)
        if _begins_head(lines, number) and (is_forward or _is_introduced(lines, number)):
            head = _head(lines, number)
            if not _is_sentence(head):
                return _sender_of(head)
    return None


def _is_sentence(headers: Sequence[tuple[str, str]]) -> bool:
    """Whether what looks like a sender's line says more: `From: now on bob@x.com is in charge` in a note."""
    return _sender_of(headers) is None and any("@" in value for word, value in headers if word in _FROM_WORDS)


def _sender_behind(lines: Sequence[str], number: int) -> Mailbox | None:
    """The sender of the head that begins in the next few lines."""
    starts = [n for n in range(number, min(number + 2 * _BEHIND, len(lines))) if lines[n]][:_BEHIND]
    first = next((n for n in starts if _HEADER.fullmatch(lines[n])), None)
    return None if first is None else _sender_of(_head(lines, first))


def _begins_head(lines: Sequence[str], number: int) -> bool:
    """Whether a mail's head begins here: a line of the sender's, or one of another header just above it."""
    if _HEADER.fullmatch(lines[number]) is None:
        return False
    words = [word for word, _ in _head(lines, number)]
    return len(words) > 1 and any(word in _FROM_WORDS for word in words[:4])


def _is_introduced(lines: Sequence[str], number: int) -> bool:
    """Whether the words above end in a colon, as `Begin forwarded message:` does."""
    above = next((line for line in reversed(lines[max(0, number - _BEHIND) : number]) if line), "")
    return above.endswith((":", "："))


def _head(lines: Sequence[str], number: int) -> list[tuple[str, str]]:
    """(word, value) of each header from here on. HTML leaves blank lines between them; a value without an address may
    go on in the next line."""
    headers: list[tuple[str, str]] = []
    is_blank = False
    for line in lines[number : number + 3 * _MOST_HEADERS]:
        match = _HEADER.fullmatch(line)
        if not line:
            is_blank = True
        elif match is not None and len(headers) < _MOST_HEADERS:
            headers.append((match[1].strip(_BOLD).casefold(), match[2].strip(_BOLD)))
            is_blank = False
        elif headers and not is_blank and _goes_on(headers[-1][1], line):
            headers[-1] = (headers[-1][0], f"{headers[-1][1]} {line}")
        else:
            break
    return headers


def _goes_on(value: str, line: str) -> bool:
    return ("<" in value and ">" not in value) or ("@" not in value and line.startswith("<"))


def _sender_of(headers: Sequence[tuple[str, str]]) -> Mailbox | None:
    sender = next((value for word, value in headers if word in _FROM_WORDS), None)
    return None if sender is None or len(headers) < 2 else mailbox_in(sender)
