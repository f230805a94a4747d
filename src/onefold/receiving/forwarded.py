"""Whose mail is it that a mail carries in its text: a forwarded one's sender, or whom a form names (RES-18)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

from onefold.contact_points.emails import parse_email
from onefold.core.errors import InvalidValue
from onefold.core.text import cut_name

_MOST_LINES = 2_000
_LONGEST_LINE = 1_000
_BLOCK_LINES = 8


class Mailbox(NamedTuple):
    """An address as it was written, and the name beside it."""

    address: str
    name: str | None = None


_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:|]+@[^\s<>()\[\]\"',;:|]+")
_AROUND_NAME = " \t\"'<>()[]|*,;"


def mailbox_in(text: str) -> Mailbox | None:
    """The one mailbox that a line of text names (`Ada Hart <ada@kite.example>`, `ada@kite.example`); None where it
    names none, or two."""
    written = [match.strip(".") for match in _ADDRESS.findall(text[:_LONGEST_LINE])]
    normal = {address for one in written if (address := _normal(one))}
    if len(normal) != 1:
        return None
    name = text[: text.find("@")].rpartition(written[0].partition("@")[0])[0].removesuffix("mailto:")
    return Mailbox(normal.pop(), cut_name(name.strip(_AROUND_NAME)))


def _normal(written: str) -> str | None:
    try:
        return parse_email(written)
    except InvalidValue:
        return None


def mailbox_on_line(body: str, line: str) -> Mailbox | None:
    """Whom the first line of a text names that is like `line`, whose `*` stands for the address. Where the line ends
    before it, as in a form with the answer beneath the question, the next one counts."""
    before, _, after = (part.strip().casefold() for part in line.partition("*"))
    lines = [text for text in _lines(body) if text]
    for number, text in enumerate(lines):
        folded = text.casefold()
        if not (folded.startswith(before) and folded.endswith(after)):
            continue
        answer = text[len(before) : len(text) - len(after)] or " ".join(lines[number + 1 : number + 2])
        mailbox = mailbox_in(answer)
        if mailbox is not None:
            return mailbox
    return None


def _lines(body: str) -> Iterator[str]:
    for line in body.splitlines()[:_MOST_LINES]:
        yield " ".join(line[:_LONGEST_LINE].split())


# Forwarded mail

# As mail programs name the lines of a forwarded mail's head; a reply's quotation is introduced by the same ones.
_FROM_WORDS = (
    *"""
    From Von De Da Van Od Från Fra Lähettäjä Kimden Gönderen Feladó Expéditeur Remitente Mittente Absender От Від
    Από 差出人 送信者 发件人 寄件者 寄件人 보낸사람 מאת من
    """.split(),
    "보낸 사람",
)
_OTHER_WORDS = (
    *"""
    Sent Date To Cc Subject Reply-To Gesendet Datum An Betreff Envoyé Objet À Enviado Para Asunto Fecha Inviato Oggetto
    Data A Verzonden Aan Onderwerp Skickat Till Ämne Sendt Til Emne Dato Lähetetty Vastaanottaja Aihe Päivämäärä Wysłano
    Do Temat Odesláno Komu Předmět Assunto Enviada Tarih Konu Kime Elküldve Címzett Tárgy Дата Тема Кому Отправлено 日付
    日時 件名 宛先 送信日時 发送时间 日期 主题 收件人 寄件日期 主旨 收件者 날짜 제목 תאריך נושא אל التاريخ الموضوع إلى
    """.split(),
    "받는 사람",
)
_REPLY_PREFIX = re.compile(
    r"(?:re|aw|sv|antw|antwort|rif|res|odp|ynt|回复|回覆|답장)(?:\[\d+\])?\s*[:：]", re.IGNORECASE
)
_FORWARD_PREFIX = re.compile(
    r"(?:fwd?|wg|tr|rv|enc|i|doorst|vb|vs|vl|pd|továbbítás|ilt|转发|轉寄|転送|전달)(?:\[\d+\])?\s*[:：]", re.IGNORECASE
)
_TAGS = re.compile(r"(?:\[[^\]]{0,40}\]\s*)+")
_QUOTE_MARKS = "> *\t"
_SEPARATOR = re.compile(r"[-_=*]{2,}.{0,80}")


def forwarded_sender(subject: str | None, body: str | None) -> Mailbox | None:
    """Who sent the mail that a mail forwards in its text; None where it is no forward, or names no address.

    A forward's head stands behind a separating line, or the subject says so. A reply quotes with the same lines: what
    calls itself one is none.
    """
    title = _TAGS.sub("", (subject or "").strip(), count=1)
    if not body or _REPLY_PREFIX.match(title):
        return None
    lines = [line.strip(_QUOTE_MARKS) for line in _lines(body)]
    for number in range(len(lines)):
        sender = _head_at(lines, number)
        if sender is not None and (_FORWARD_PREFIX.match(title) or _is_separated(lines, number)):
            return mailbox_in(sender)
    return None


def _head_at(lines: Sequence[str], number: int) -> str | None:
    """What the From line says of a head that begins here: two lines of such names at least."""
    if _word_of(lines[number]) is None:
        return None
    block: list[str] = []
    for line in lines[number : number + _BLOCK_LINES]:
        if not line:
            break
        block.append(line)
    first = next((n for n, line in enumerate(block) if _word_of(line) in _FROM_FOLDED), None)
    if first is None or not any(_word_of(line) in _OTHERS_FOLDED for line in block):
        return None
    wrapped = takewhile(lambda line: _word_of(line) is None, block[first + 1 :])
    return " ".join((re.split("[:：]", block[first], maxsplit=1)[1], *wrapped))


def _word_of(line: str) -> str | None:
    word, colon, _ = line[:40].replace("：", ":").partition(":")
    folded = word.strip(_QUOTE_MARKS).casefold()
    return folded if colon and (folded in _FROM_FOLDED or folded in _OTHERS_FOLDED) else None


def _is_separated(lines: Sequence[str], number: int) -> bool:
    """Whether the line above says that something begins: dashes around words, or words that end in a colon."""
    above = next((line for line in reversed(lines[max(0, number - 3) : number]) if line), "")
    return _SEPARATOR.match(above) is not None or above.endswith((":", "："))


_FROM_FOLDED = frozenset(word.casefold() for word in _FROM_WORDS)
_OTHERS_FOLDED = frozenset(word.casefold() for word in _OTHER_WORDS)
