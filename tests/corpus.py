"""A made-up but realistic day of mail and telephony, with the truth of it: where each message has to land.

The same seed gives the same bytes. Mail is put together by hand, because real mail is: the library would only write
what it can read.
"""

from __future__ import annotations

import base64
import quopri
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

_START = datetime(2025, 3, 3, 6, 0, tzinfo=UTC)
_DAEMON = "mailer-daemon@mx.example.com"
_SHOP = "service@shop.example.com"
_PEOPLE = (
    ("Anna Müller", "iso-8859-1", "Grüße aus Köln, wo bleibt meine Bestellung?"),
    ("José Peña", "windows-1252", "¿Dónde está mi pedido? Costó 20 € – ¡gracias!"),
    ("佐藤 花子", "iso-2022-jp", "注文した商品がまだ届きません。"),
    ("Ольга Иванова", "utf-8", "Где мой заказ? Спасибо!"),
    ("John Smith", "us-ascii", "Where is my order? Thanks."),
    ("Siobhán O'Neill", "utf-8", "The parcel is torn — please advise 🙏"),
)
_SITES = ("gmail.com", "mail.example.com", "example.org", "example.net", "post.example.com")
_ROLES = ("info", "billing", "office", "support")


@dataclass(frozen=True)
class Mail:
    """One mail and what is true of it.

    `sender` is the address in normal form. `reaches` is the address whose profile the mail has to land on: the sender's
    own, and for a bounce that of the customer whose mail was answered. `customer` is who wrote it, under whatever
    address; None for a bounce. `thread` is the message id of the thread's first mail. `resent` says that the same mail
    came before.
    """

    raw: bytes
    sender: str
    reaches: str
    message_id: str
    customer: int | None
    thread: str
    kind: str
    resent: bool = False


@dataclass
class _Customer:
    number: int
    name: str
    charset: str
    text: str
    addresses: list[str]
    threads: list[list[str]] = field(default_factory=list)


def mbox_messages(count: int = 400, seed: int = 1) -> list[bytes]:
    """The raw mails of `mails`."""
    return [mail.raw for mail in mails(count, seed)]


def mails(count: int = 400, seed: int = 1) -> list[Mail]:
    """Mails in the order they come in: threads, bounces of what was answered, resends, every usual encoding."""
    rng = random.Random(seed)
    customers = [_customer(rng, number) for number in range(max(1, count // 6))]
    all_mails: list[Mail] = []
    while len(all_mails) < count:
        all_mails.append(_next(rng, customers, all_mails))
    return all_mails


def write_mbox(path: Path, messages: Iterable[bytes]) -> None:
    """The messages as an mbox file (mboxrd: lines that begin with `From ` are quoted)."""
    with path.open("wb") as file:
        for raw in messages:
            lines = raw.replace(b"\r\n", b"\n").rstrip(b"\n").split(b"\n")
            quoted = (b">" + line if line.lstrip(b">").startswith(b"From ") else line for line in lines)
            file.write(b"From MAILER@example.com Mon Mar  3 06:00:00 2025\n" + b"\n".join(quoted) + b"\n\n")


def _customer(rng: random.Random, number: int) -> _Customer:
    name, charset, text = rng.choice(_PEOPLE)
    if rng.random() < 0.1:
        addresses = [f"{rng.choice(_ROLES)}@firm{number}.example.com"]
    else:
        addresses = [f"customer.{number}@{site}" for site in rng.sample(_SITES, rng.choice((1, 1, 2, 3)))]
    return _Customer(number, name, charset, text, addresses)


def _next(rng: random.Random, customers: list[_Customer], before: list[Mail]) -> Mail:
    chance = rng.random()
    own = [mail for mail in before[-50:] if mail.customer is not None]
    if own and chance < 0.04:
        mail = rng.choice(own)
        return replace(mail, resent=True)
    if own and chance < 0.08:
        return _bounce(rng, len(before), rng.choice(own))
    return _mail(rng, len(before), rng.choice(customers))


def _mail(rng: random.Random, number: int, customer: _Customer) -> Mail:
    message_id = f"{rng.getrandbits(64):x}.{number}@{rng.choice(_SITES)}"
    answers = rng.choice(customer.threads) if customer.threads and rng.random() < 0.5 else []
    address = rng.choice(customer.addresses)
    kind = rng.choice(sorted(_BODIES))
    headers = _headers(rng, number, customer, address, message_id, answers)
    raw = headers + _BODIES[kind](rng, customer.charset, f"{customer.text}\n-- \n{customer.name}")
    if answers:
        answers.append(message_id)
    else:
        customer.threads.append(answers := [message_id])
    return Mail(raw.replace(b"\n", b"\r\n"), address, address, message_id, customer.number, answers[0], kind)


def _headers(
    rng: random.Random, number: int, customer: _Customer, address: str, message_id: str, answers: list[str]
) -> bytes:
    name = _word(rng, customer.name, customer.charset)
    lines = [
        f"Return-Path: <{address}>",
        f"Received: from mx.example.com by shop.example.com; {_date(number)}",
        "Authentication-Results: shop.example.com; spf=pass; dkim=pass; dmarc=pass (p=none)",
        f"From: {name} <{_spelled(rng, address)}>",
        f"To: {_SHOP}",
        f"Subject: {'Re: ' if answers else ''}{_word(rng, customer.text[:20].strip(), customer.charset)}",
        f"Date: {_date(number)}",
        f"Message-ID: <{message_id}>",
        "MIME-Version: 1.0",
    ]
    if answers:
        references = "\n ".join(f"<{name}>" for name in answers)
        lines += [f"In-Reply-To: <{answers[-1]}>", f"References: {references}"]
    return "".join(f"{line}\n" for line in lines).encode()


def _date(number: int) -> str:
    return format_datetime(_START + timedelta(minutes=2 * number))


def _spelled(rng: random.Random, address: str) -> str:
    local, _, domain = address.partition("@")
    return rng.choice((address, address, local.title() + "@" + domain, address.upper()))


def _word(rng: random.Random, text: str, charset: str) -> str:
    if text.isascii():
        return text
    encoded = text.encode(charset, "replace")
    if rng.random() < 0.5:
        return f"=?{charset}?B?{base64.b64encode(encoded).decode()}?="
    quoted = "".join(chr(byte) if chr(byte).isascii() and chr(byte).isalnum() else f"={byte:02X}" for byte in encoded)
    return f"=?{charset.upper()}?q?{quoted}?="


# Bodies


def _part(rng: random.Random, kind: str, charset: str, text: str) -> bytes:
    content = text.encode(charset, "replace")
    encoding = rng.choice(("base64", "quoted-printable"))
    if charset in ("us-ascii", "iso-2022-jp"):
        encoding = "7bit"
    body = {"base64": base64.encodebytes, "quoted-printable": quopri.encodestring}.get(encoding, bytes)(content)
    return (
        f'Content-Type: {kind}; charset="{charset}"\nContent-Transfer-Encoding: {encoding}\n\n'.encode() + body + b"\n"
    )


def _html(text: str) -> str:
    lines = "".join(f"<p>{line}</p>" for line in text.split("\n"))
    return f"<html><head><style>p {{color: red}}</style></head><body>{lines}</body></html>"


def _multipart(rng: random.Random, subtype: str, parts: list[bytes]) -> bytes:
    boundary = f"=_{rng.getrandbits(64):x}"
    inner = b"".join(f"--{boundary}\n".encode() + part for part in parts)
    return (
        f'Content-Type: multipart/{subtype}; boundary="{boundary}"\n\n'.encode() + inner + f"--{boundary}--\n".encode()
    )


def _plain_body(rng: random.Random, charset: str, text: str) -> bytes:
    return _part(rng, "text/plain", charset, text)


def _html_body(rng: random.Random, charset: str, text: str) -> bytes:
    return _part(rng, "text/html", charset, _html(text))


def _alternative_body(rng: random.Random, charset: str, text: str) -> bytes:
    parts = [_part(rng, "text/plain", charset, text), _part(rng, "text/html", charset, _html(text))]
    return _multipart(rng, "alternative", parts)


def _attached_body(rng: random.Random, charset: str, text: str) -> bytes:
    file = (
        b'Content-Type: application/pdf; name="Rechnung.pdf"\nContent-Transfer-Encoding: base64\n'
        b"Content-Disposition: attachment; filename*=utf-8''R%C3%A9chnung.pdf\n\n"
    )
    content = base64.encodebytes(b"%PDF-1.4 " + rng.randbytes(200))
    return _multipart(rng, "mixed", [_alternative_body(rng, charset, text), file + content])


_BODIES: dict[str, Callable[[random.Random, str, str], bytes]] = {
    "plain": _plain_body,
    "html": _html_body,
    "alternative": _alternative_body,
    "attached": _attached_body,
}


def _bounce(rng: random.Random, number: int, answered: Mail) -> Mail:
    """What comes back when the answer to a mail could not be delivered: it names the answer, and what that answered."""
    message_id = f"bounce.{number}.{rng.getrandbits(32):x}@mx.example.com"
    original = (
        f"Message-ID: <answer.{number}@shop.example.com>\nIn-Reply-To: <{answered.message_id}>\n"
        f"References: <{answered.message_id}>\nFrom: {_SHOP}\nTo: {answered.sender}\nSubject: Re: order\n\n"
    ).encode()
    whole = rng.random() < 0.5
    parts = [
        b"Content-Type: text/plain\n\nYour message could not be delivered.\n",
        f"Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.com\n\n"
        f"Final-Recipient: rfc822; {answered.sender}\nAction: failed\nStatus: 5.1.1\n\n".encode(),
        b"Content-Type: message/rfc822\n\n" + original + b"We have sent it.\n"
        if whole
        else b"Content-Type: text/rfc822-headers\n\n" + original,
    ]
    headers = (
        "Return-Path: <>\nFrom: Mail Delivery System <MAILER-DAEMON@mx.example.com>\n"
        f"To: {_SHOP}\nSubject: Undelivered Mail Returned to Sender\nDate: {_date(number)}\n"
        f"Message-ID: <{message_id}>\nMIME-Version: 1.0\n"
    )
    raw = headers.encode() + _multipart(rng, "report", parts)
    return Mail(raw.replace(b"\n", b"\r\n"), _DAEMON, answered.sender, message_id, None, answered.thread, "bounce")


# Telephony


@dataclass(frozen=True)
class Ring:
    """One webhook of Twilio and what is true of it; `phone` is None where the number is withheld or none."""

    form: dict[str, str]
    channel: str
    message_id: str
    phone: str | None
    repeated: bool = False


_OURS = "+442079460000"
_WITHHELD = ("anonymous", "+266696687", "Restricted", "+7378742883")


def twilio_day(seed: int = 1) -> list[dict[str, str]]:
    """The forms of `rings`."""
    return [ring.form for ring in rings(seed)]


def rings(seed: int = 1, count: int = 300) -> list[Ring]:
    """A day of calls (some withheld, some again and again), their callbacks, SMS and WhatsApp of the same numbers."""
    rng = random.Random(seed)
    phones = [f"+4477009{rng.randrange(100_000):05d}" for _ in range(20)]
    phones += [f"+1202555{n:04d}" for n in rng.sample(range(100, 200), 20)]
    all_rings: list[Ring] = []
    while len(all_rings) < count:
        all_rings += rng.choices((_call, _withheld_call, _sms, _whatsapp), (6, 1, 3, 2))[0](rng, rng.choice(phones))
    return all_rings[:count]


def _sid(rng: random.Random, prefix: str) -> str:
    return f"{prefix}{rng.getrandbits(128):032x}"


def _call(rng: random.Random, phone: str, number: str | None = None) -> list[Ring]:
    sid, truth = _sid(rng, "CA"), phone if number is None else None
    form = {"CallSid": sid, "From": number or phone, "To": _OURS, "Direction": "inbound", "CallStatus": "ringing"}
    ended = {**form, "CallStatus": "completed", "CallDuration": str(rng.randrange(600))}
    calls = [Ring(form, "voice", sid, truth)]
    return [*calls, Ring(ended, "voice", sid, truth, repeated=True)] if rng.random() < 0.7 else calls


def _withheld_call(rng: random.Random, phone: str) -> list[Ring]:
    return _call(rng, phone, rng.choice(_WITHHELD))


def _sms(rng: random.Random, phone: str) -> list[Ring]:
    sid = _sid(rng, "SM")
    media = {"NumMedia": "1", "MediaUrl0": "https://api.example.com/media/1", "MediaContentType0": "image/jpeg"}
    form = {
        "MessageSid": sid,
        "SmsSid": sid,
        "SmsMessageSid": sid,
        "SmsStatus": "received",
        "From": phone,
        "To": _OURS,
        "Body": "Where is my order?",
        "NumSegments": "1",
        **(media if rng.random() < 0.2 else {"NumMedia": "0"}),
    }
    return [Ring(form, "sms", sid, phone)]


def _whatsapp(rng: random.Random, phone: str) -> list[Ring]:
    form = _sms(rng, phone)[0].form
    form |= {"From": f"whatsapp:{phone}", "To": f"whatsapp:{_OURS}", "WaId": phone[1:], "ProfileName": "Zoë 🐟"}
    return [Ring(form, "whatsapp", form["MessageSid"], phone)]
