"""Failure notices in the shapes that mail servers give them, each with whom it names and which mail it returns.

All texts are written for this corpus; only the layout, the headers and the set sentences are those of the servers.
"""

from __future__ import annotations

import base64
import itertools
import quopri
from collections.abc import Callable, Iterator
from typing import NamedTuple

SUPPORT = "support@shop.example"


class Notice(NamedTuple):
    """A notice and what is true of it."""

    name: str
    raw: bytes
    kind: str
    recipients: tuple[str, ...]
    original_id: str | None
    permanent: bool


class Failure(NamedTuple):
    """What a notice is about."""

    to: tuple[str, ...]
    message_id: str
    status: str = "5.1.1"
    action: str = "failed"
    original: str | None = None


class Server(NamedTuple):
    """How a server writes its notices. `text` names the recipient with {to}."""

    name: str
    headers: str
    text: str
    charset: str = "utf-8"


def lines(text: str) -> bytes:
    """The text with the line ends that mail has."""
    return text.strip("\n").replace("\r\n", "\n").replace("\n", "\r\n").encode() + b"\r\n"


def encoded(content: bytes, encoding: str) -> bytes:
    if encoding == "base64":
        return base64.encodebytes(content).replace(b"\n", b"\r\n")
    if encoding == "quoted-printable":
        return quopri.encodestring(content.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    return content


def part(content_type: str, content: bytes, encoding: str = "8bit") -> bytes:
    heading = f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return heading.encode() + encoded(content, encoding)


def multipart(subtype: str, *parts: bytes, boundary: str = "=_b1") -> bytes:
    opened = b"".join(b"--" + boundary.encode() + b"\r\n" + one + b"\r\n" for one in parts)
    heading = f'Content-Type: multipart/{subtype}; boundary="{boundary}"\r\n\r\n'
    return heading.encode() + opened + b"--" + boundary.encode() + b"--\r\n"


def original(failure: Failure, body: str = "Your order is on its way.") -> bytes:
    return lines(f"""
Received: from app.shop.example by mx.shop.example; Mon, 3 Mar 2025 10:00:00 +0000
From: Shop <{SUPPORT}>
To: {", ".join(failure.to if failure.original is None else (failure.original,))}
Subject: Your order 4711
Message-ID: <{failure.message_id}>
In-Reply-To: <question-{failure.message_id}>
References: <first-{failure.message_id}>
\t<question-{failure.message_id}>
Date: Mon, 3 Mar 2025 10:00:00 +0000

{body}
""")


def headers_only(failure: Failure) -> bytes:
    return original(failure).partition(b"\r\n\r\n")[0] + b"\r\n"


def status(failure: Failure, gap: str = "\n") -> bytes:
    """The report, its recipients apart from each other by `gap`."""
    sender_used = f"Original-Recipient: rfc822;{failure.original}\n" if failure.original else ""
    groups = (
        f"{sender_used}Final-Recipient: rfc822; {to}\nAction: {failure.action}\nStatus: {failure.status}\n"
        f"Diagnostic-Code: smtp; {failure.status[0]}50 {failure.status} <{to}> was\n not taken by the server\n"
        for to in failure.to
    )
    return lines(
        "Reporting-MTA: dns; mx.shop.example\nArrival-Date: Mon, 3 Mar 2025 10:00:01 +0000\n" + gap + gap.join(groups)
    )


def notice(headers: str, content: bytes) -> bytes:
    return lines(f"To: {SUPPORT}\nDate: Mon, 3 Mar 2025 10:00:05 +0000\nMIME-Version: 1.0\n{headers.strip()}") + content


# Servers that send a report (RFC 3464)

_POSTFIX = "Return-Path: <>\nFrom: MAILER-DAEMON@mx.shop.example (Mail Delivery System)\nAuto-Submitted: auto-replied\n"
_EXCHANGE = "From: <postmaster@outlook.example>\nAuto-Submitted: auto-replied\nX-MS-Exchange-Message-Is-Ndr:\n"
_EXIM = "Return-path: <>\nAuto-Submitted: auto-replied\nFrom: Mail Delivery System <Mailer-Daemon@host.example>\n"

SERVERS = (
    Server(
        "postfix",
        _POSTFIX + "Subject: Undelivered Mail Returned to Sender\n",
        "This is the mail system at host mx.shop.example.\n\nI'm sorry, but your mail got no further.\n\n"
        "<{to}>: host mx.away.example[192.0.2.7] said: 550 5.1.1 no such person (in reply to RCPT TO command)",
    ),
    Server(
        "sendmail",
        "From: Mail Delivery Subsystem <MAILER-DAEMON>\nSubject: Returned mail: see transcript for details\n"
        "Auto-Submitted: auto-generated (failure)\n",
        "The original message was received at Mon, 3 Mar 2025 10:00:00 GMT\n\n"
        "   ----- The following addresses had permanent fatal errors -----\n<{to}>\n    (reason: 550 5.1.1 nobody)\n\n"
        "   ----- Transcript of session follows -----\n... while talking to mx.away.example.:\n>>> RCPT To:<{to}>",
    ),
    Server(
        "exim",
        _EXIM + "Subject: Mail delivery failed: returning message to sender\nX-Failed-Recipients: {all}\n",
        "This message was created automatically by mail delivery software.\n\n"
        "A message that you sent could not be delivered to one or more of its\nrecipients.\n\n  {to}\n"
        "    host mx.away.example [192.0.2.7]\n    550 no such person",
    ),
    Server(
        "gmail",
        "From: Mail Delivery Subsystem <mailer-daemon@googlemail.com>\nAuto-Submitted: auto-replied\n"
        "Subject: Delivery Status Notification (Failure)\nX-Failed-Recipients: {all}\n",
        "** Address not found **\n\nYour message wasn't delivered to {to} because the address couldn't be found.",
    ),
    Server(
        "amazon-ses",
        "From: MAILER-DAEMON@amazonses.com\nSubject: Delivery Status Notification (Failure)\n",
        "An error occurred while trying to deliver the mail to the following recipients:\n{to}",
    ),
    Server(
        "office365-en",
        _EXCHANGE + "Subject: Undeliverable: Your order 4711\n",
        "Your message to {to} couldn't be delivered.\n\nNobody of that name was there.",
    ),
    Server(
        "exchange-de",
        _EXCHANGE + "Subject: Unzustellbar: Your order 4711\n",
        "Fehler bei der Nachrichtenzustellung an folgende Empfänger oder Gruppen:\n\n{to}\nDie Adresse gibt es nicht.",
        "iso-8859-1",
    ),
    Server(
        "exchange-fr",
        _EXCHANGE + "Subject: Non remis : Your order 4711\n",
        "Échec de la remise pour ces destinataires ou groupes :\n\n{to}\nCette adresse n'existe pas.",
        "windows-1252",
    ),
    Server(
        "exchange-es",
        _EXCHANGE + "Subject: =?utf-8?q?No_se_puede_entregar=3A?= Your order 4711\n",
        "Error de entrega a estos destinatarios o grupos:\n\n{to}\nLa dirección no existe.",
    ),
    Server(
        "exchange-ja",
        _EXCHANGE + "Subject: =?utf-8?b?6YWN5L+h5LiN6IO9?=: Your order 4711\n",
        "次の受信者またはグループへの配信に失敗しました:\n\n{to}\nこの宛先はありません。",
        "iso-2022-jp",
    ),
    Server(
        "domino",
        "From: Postmaster@notes.example\nSubject: DELIVERY FAILURE: User (x) not listed in Directory\n",
        "Your message\n\n  Subject: Your order 4711\n\nwas not delivered to:\n\n  {to}\n\nbecause:\n\n  nobody is",
    ),
    Server(
        "zimbra",
        _POSTFIX.replace("mx.shop", "zimbra.shop") + "Subject: Undelivered Mail Returned to Sender\n",
        "This is the mail system at host zimbra.shop.example.\n\n<{to}>: unknown user",
    ),
    Server(
        "yandex",
        "From: mailer-daemon@yandex.ru\n"
        "Subject: =?utf-8?b?0J3QtdC00L7RgdGC0LDQstC70LXQvdC90L7QtSDRgdC+0L7QsdGJ0LXQvdC40LU=?=\n",
        "Это письмо отправлено почтовым сервером.\n\n"
        "К сожалению, письмо не было доставлено получателю:\n\n<{to}>: нет такого",
        "koi8-r",
    ),
)


def _text_of(server: Server, failure: Failure) -> str:
    """The server's text, what names the recipient written once for each."""
    if len(failure.to) == 1:
        return server.text.format(to=failure.to[0])
    before, _, after = server.text.partition("\n{to}")
    if not after and "{to}" not in before:
        return "\n".join(f"<{to}>: no such person" for to in failure.to)
    return server.text.format(to=", ".join(failure.to))


def _report(
    server: Server,
    failure: Failure,
    *,
    text_encoding: str = "8bit",
    report: bytes | None = None,
    returned: bytes | None = None,
) -> bytes:
    text = _text_of(server, failure).encode(server.charset, "replace")
    content = multipart(
        "report; report-type=delivery-status",
        part(f"text/plain; charset={server.charset}", text, text_encoding),
        part("message/delivery-status", status(failure)) if report is None else report,
        part("message/rfc822", original(failure)) if returned is None else returned,
    )
    return notice(server.headers.format(all=", ".join(failure.to)), content)


def _plainly(server: Server, failure: Failure) -> bytes:
    return _report(server, failure)


def _text_in_base64(server: Server, failure: Failure) -> bytes:
    return _report(server, failure, text_encoding="base64")


def _headers_only(server: Server, failure: Failure) -> bytes:
    returned = part("text/rfc822-headers", headers_only(failure), "quoted-printable")
    return _report(server, failure, text_encoding="quoted-printable", returned=returned)


def _report_in_base64(server: Server, failure: Failure) -> bytes:
    returned = part("message/rfc822", original(failure), "base64")
    return _report(
        server, failure, report=part("message/delivery-status", status(failure), "base64"), returned=returned
    )


def _without_blank_lines(server: Server, failure: Failure) -> bytes:
    return _report(server, failure, report=part("message/delivery-status", status(failure, gap="")))


def _global(server: Server, failure: Failure) -> bytes:
    report = part("message/global-delivery-status", status(failure).replace(b"rfc822;", b"utf-8;"))
    return _report(server, failure, report=report, returned=part("message/global-headers", headers_only(failure)))


def _wrapped(server: Server, failure: Failure) -> bytes:
    """As a gateway passes it on that adds a notice of its own."""
    head, _, content = _report(server, failure).partition(b"Content-Type: multipart/report")
    inner = (b"Content-Type: multipart/report" + content).replace(b"=_b1", b"=_b2")
    return head + multipart("mixed", inner, part("text/plain", b"Scanned by helpdesk@gateway.example."))


def _without_report(server: Server, failure: Failure) -> bytes:
    """With the text alone to tell whom it is about, and the mail attached."""
    text = _text_of(server, failure).encode(server.charset, "replace")
    content = multipart(
        "mixed", part(f"text/plain; charset={server.charset}", text), part("message/rfc822", original(failure))
    )
    return notice(server.headers.replace("X-Failed-Recipients: {all}\n", ""), content)


_SHAPES: tuple[tuple[Callable[[Server, Failure], bytes], dict[str, object]], ...] = (
    (_plainly, {}),
    (_text_in_base64, {"to": ("ben@away.example", "cleo@away.example")}),
    (_headers_only, {"status": "5.2.2"}),
    (_report_in_base64, {"to": ("d'arcy+news@away.example",)}),
    (_without_blank_lines, {"to": ("eve@away.example", "finn@away.example"), "status": "4.4.7"}),
    (_global, {"to": ("grüße@büro.example",)}),
    (_wrapped, {"to": ("hana@hidden.example",), "original": "Hana@Away.example"}),
    (_without_report, {"to": ("ivo_2@mail.away.example",)}),
    (_plainly, {"action": "delayed", "status": "4.4.1"}),
)


def reports() -> Iterator[Notice]:
    """Every server in every shape, and parts that are arranged otherwise."""
    for number, (server, (shape, about)) in enumerate(itertools.product(SERVERS, _SHAPES)):
        basis = Failure(("anna.b@away.example",), f"m{number}.{server.name}@shop.example")
        failure = basis._replace(**about)  # type: ignore[arg-type]
        recipients = failure.to if failure.original is None else (failure.original,)
        kind = "delay" if failure.action == "delayed" else "bounce"
        permanent = kind == "bounce" and failure.status == "5.1.1"
        name = f"{server.name}{shape.__name__}-{failure.status}-{len(failure.to)}"
        yield Notice(name, shape(server, failure), kind, recipients, failure.message_id, permanent)
    yield from _attached()
    yield from _unusual()


def _unusual() -> Iterator[Notice]:
    """Parts that are not what they should be."""
    failure = Failure(("anna.b@away.example",), "unusual@shop.example")
    text = part("text/plain", b"The following addresses had permanent delivery errors\n")
    daemon = "From: Mail Delivery Subsystem <MAILER-DAEMON@away.example>\nSubject: Returned mail: User unknown"
    report = part("message/delivery-status", status(failure))
    inner = multipart("report", text, report, part("message/rfc822", original(failure)), boundary="=_i")
    attached = part("message/rfc822", notice(daemon, inner))
    for name, parts in (
        ("the bounce is attached to a bounce", (text, attached)),
        ("the returned mail is a part of its own", (text, report, original(failure))),
        ("the returned mail is called partial", (text, report, part("message/partial", original(failure)))),
        (
            "the report has another type",
            (text, part("text/plain", status(failure)), part("message/rfc822", original(failure))),
        ),
    ):
        yield Notice(
            name,
            notice(daemon, multipart("mixed", *parts)),
            "bounce",
            ("anna.b@away.example",),
            failure.message_id,
            True,
        )


def _attached() -> Iterator[Notice]:
    """The text in alternatives, the mail that comes back beside it."""
    failure = Failure(("anna.b@away.example",), "attached@shop.example")
    text = "Delivery has failed to these recipients or groups:\n\nanna.b@away.example\nNobody.\n"
    alternatives = multipart(
        "alternative",
        part("text/plain; charset=utf-8", text.encode(), "quoted-printable"),
        part("text/html; charset=utf-8", f"<p>{text}</p>".encode(), "base64"),
        boundary="=_a",
    )
    for name, returned in (
        ("whole", part("message/rfc822", original(failure))),
        ("headers", part("text/rfc822-headers", headers_only(failure))),
    ):
        raw = notice(
            "Return-Path: <>\nFrom: postmaster@away.example\nSubject: Undeliverable: Your order",
            multipart("mixed", alternatives, returned),
        )
        yield Notice(f"attached, {name}", raw, "bounce", ("anna.b@away.example",), failure.message_id, True)
