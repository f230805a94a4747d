"""Mail of people that looks like a machine's, and of machines that looks like people's, written for this corpus."""

from __future__ import annotations

from tests.channels.bounce_corpus import SERVERS, Failure, multipart, notice, original, part, status

_ANNA = "From: Anna Berg <anna.b@away.example>\n"
_EXCHANGE_ASKS = "X-Auto-Response-Suppress: DR, RN, NRN, OOF, AutoReply\n"
_FAILURE = Failure(("ben@away.example",), "m1@shop.example")
_QMAIL = (
    "Hi. This is the qmail-send program at mx.away.example.\nI could not deliver it.\n\n<ben@away.example>:\nNobody.\n"
)


def _text(headers: str, text: str = "Good morning,\n\nwhere is my order?\n\nAnna") -> bytes:
    return notice(headers, part("text/plain; charset=utf-8", text.encode()))


def _people() -> dict[str, bytes]:
    postfix = SERVERS[0].text.format(to="ben@away.example")
    attached = multipart("mixed", part("text/plain", b"See what came back."), part("message/rfc822", _bounce()))
    apart = multipart(
        "mixed",
        part("text/plain; charset=utf-8", f"What is this?\n\n{postfix}".encode()),
        part("message/delivery-status", status(_FAILURE)),
        part("message/rfc822", original(_FAILURE)),
    )
    return {
        "plain": _text(_ANNA + "Subject: My order"),
        "no subject": _text(_ANNA),
        "no headers that matter": _text("From: anna.b@away.example"),
        "a bounce forwarded as an attachment": notice(_ANNA + "Subject: Fwd: Undelivered Mail", attached),
        "a bounce forwarded part by part": notice(_ANNA + "Subject: Fwd: Undelivered Mail", apart),
        "a bounce forwarded part by part, new subject": notice(_ANNA + "Subject: Undelivered Mail", apart),
        "a bounce forwarded in the text": _text(_ANNA + "Subject: Fwd: failure notice", _QMAIL),
        "a bounce pasted into a new mail": _text(_ANNA + "Subject: failure notice", _QMAIL),
        "a bounce pasted, its headers too": _text(
            _ANNA + "Subject: why?", f"Return-Path: <>\nFrom: MAILER-DAEMON\n\n{_QMAIL}"
        ),
        "a bounce quoted in an answer": _text(
            _ANNA + "Subject: Re: failure notice", "> " + _QMAIL.replace("\n", "\n> ")
        ),
        "undeliverable in the subject": _text(_ANNA + "Subject: Undeliverable: my parcel"),
        "undeliverable, german": _text(_ANNA + "Subject: Unzustellbar: mein Paket"),
        "delivery failed, of a parcel": _text(_ANNA + "Subject: Delivery failed", "The parcel could not be delivered."),
        "an address that failed": _text(_ANNA + "Subject: 550", "550 5.1.1 <ben@away.example>: user unknown. Why?"),
        "a delay": _text(_ANNA + "Subject: Delay: 24 hours", "My order is delayed."),
        "a report's fields": _text(_ANNA + "Subject: ?", "Final-Recipient: rfc822; ben@away.example\nAction: failed\n"),
        "a postmaster who writes": _text(
            "From: postmaster@away.example\nSubject: Re: Undeliverable mail", "I mended it."
        ),
        "a postmaster who asks": _text(
            "From: Postmaster <postmaster@away.example>\nSubject: Undelivered mail", "Hello"
        ),
        "a postmaster who explains": _text(
            "From: Postmaster <postmaster@away.example>\nSubject: Undelivered mail",
            "Your mail was not delivered last week: our disk was full. Send it again.\n\npostmaster@away.example",
        ),
        "a system administrator who writes": _text("From: System Administrator <it@away.example>\nSubject: Invoice"),
        "a post office": _text(
            "From: Mail Delivery Service <maildelivery@post.example>\nSubject: Your delivery failed"
        ),
        "a contact form": _text("From: no-reply@site.example\nReply-To: anna.b@away.example\nSubject: Contact form"),
        "an answer to a newsletter": _text(_ANNA + "In-Reply-To: <n1@news.example>\nSubject: Re: News in March"),
        "a newsletter forwarded": _text(
            _ANNA + "Subject: Fwd: News", "List-Unsubscribe: <https://news.example>\n\nWhat?"
        ),
        "an answer to an auto-reply": _text(_ANNA + _EXCHANGE_ASKS + "Subject: RE: Automatic reply: My order"),
        "an auto-reply forwarded": _text(_ANNA + "Subject: FW: Automatic reply: My order"),
        "out of office, by hand": _text(_ANNA + "Subject: Out of office next week", "I am away, please send it later."),
        "out of office, outlook asks for no answers": _text(
            _ANNA + _EXCHANGE_ASKS + "Subject: Out of office next week"
        ),
        "vacation, outlook asks for no answers": _text(_ANNA + _EXCHANGE_ASKS + "Subject: Vacation in July"),
        "outlook asks for no answers": _text(_ANNA + _EXCHANGE_ASKS + "Subject: Offer"),
        "outlook asks for none at all": _text(_ANNA + "X-Auto-Response-Suppress: All\nSubject: Offer"),
        "automatic reply, the subject alone": _text(_ANNA + "Subject: Automatic reply: what is that?"),
        "a tag in the middle of a subject": _text(
            _ANNA + "X-Auto-Response-Suppress: All\nSubject: Order [4711] automatic reply: no"
        ),
        "a holiday": _text(_ANNA + "Subject: Urlaub im Juli"),
        "auto-submitted: no": _text(_ANNA + "Auto-Submitted: no\nSubject: Offer"),
        "auto-submitted: no, with a comment": _text(_ANNA + "Auto-Submitted: No (by hand)\nSubject: Offer"),
        "x-autoreply: no": _text(_ANNA + "X-Autoreply: no\nSubject: Offer"),
        "asks for a read receipt": _text(_ANNA + "Disposition-Notification-To: anna.b@away.example\nSubject: Offer"),
        "asks for a delivery receipt": _text(_ANNA + "Return-Receipt-To: anna.b@away.example\nSubject: Offer"),
        "read, in the subject": _text(_ANNA + "Subject: Read: the manual"),
        "precedence: normal": _text(_ANNA + "Precedence: normal\nSubject: Offer"),
        "sent by amazon for a help desk": _text(_ANNA + "Feedback-ID: 1.us-east-1.abc=:AmazonSES\nSubject: Offer"),
        "with a return path": _text("Return-Path: <anna.b@away.example>\n" + _ANNA + "Subject: Offer"),
        "redirected by a rule": _text(
            _ANNA + "X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent\nSubject: Offer"
        ),
        "japanese": _text(_ANNA + "Subject: =?utf-8?b?6YWN6YCB?=", "配送されませんでした。"),
        "a mail attached": notice(
            _ANNA + "Subject: Offer", multipart("mixed", part("message/rfc822", original(_FAILURE)))
        ),
        "a daemon in the name of the subject": _text(_ANNA + "Subject: MAILER-DAEMON wrote to me"),
    }


def _bounce() -> bytes:
    report = multipart(
        "report; report-type=delivery-status",
        part("text/plain", _QMAIL.encode()),
        part("message/delivery-status", status(_FAILURE)),
        boundary="=_inner",
    )
    return notice("Return-Path: <>\nFrom: MAILER-DAEMON@mx.away.example\nSubject: Undelivered", report)


def _receipt(disposition: str = "manual-action/MDN-sent-manually; displayed") -> bytes:
    fields = (
        f"Reporting-UA: mail.example\r\nFinal-Recipient: rfc822; anna.b@away.example\r\n"
        f"Original-Message-ID: <m1@shop.example>\r\nDisposition: {disposition}\r\n"
    )
    content = multipart(
        "report; report-type=disposition-notification",
        part("text/plain", b"It was shown."),
        part("message/disposition-notification", fields.encode()),
    )
    return notice(_ANNA + "Subject: Read: Your order", content)


def _delivered(action: str) -> bytes:
    content = multipart(
        "report; report-type=delivery-status",
        part("text/plain", b"It arrived."),
        part("message/delivery-status", status(_FAILURE._replace(action=action, status="2.0.0"))),
    )
    return notice("From: MAILER-DAEMON@mx.away.example\nSubject: Successful delivery", content)


def _complaint() -> bytes:
    content = multipart(
        "report; report-type=feedback-report",
        part("text/plain", b"Somebody complained."),
        part("message/feedback-report", b"Feedback-Type: abuse\r\nVersion: 1\r\n"),
        part("message/rfc822", original(_FAILURE)),
    )
    return notice("From: fbl@mail.example\nSubject: complaint", content)


PEOPLE = _people()

AUTO_REPLIES = {
    "vacation, RFC 3834": _text(_ANNA + "Auto-Submitted: auto-replied (vacation)\nSubject: Re: Your order"),
    "exchange": _text(
        "Return-Path: <>\n" + _ANNA + "Auto-Submitted: auto-generated\nX-Auto-Response-Suppress: All\n"
        "Subject: Automatic reply: Your order"
    ),
    "outlook, the office": _text(_ANNA + "X-Auto-Response-Suppress: All\nSubject: Out of Office: Your order"),
    "exchange, de": _text(_ANNA + "X-Auto-Response-Suppress: All\nSubject: Automatische Antwort: Your order"),
    "exchange, fr": _text(
        _ANNA + "Auto-Submitted: auto-generated\nSubject: =?utf-8?q?R=C3=A9ponse_automatique_=3A?= Your order"
    ),
    "exchange, ja": _text("Return-Path: <>\n" + _ANNA + "Subject: =?utf-8?b?6Ieq5YuV5b+c562U?=: Your order"),
    "exchange, of a bounce-like subject": _text(
        "Return-Path: <>\n" + _ANNA + "X-Auto-Response-Suppress: All\nSubject: Automatic reply: Undeliverable: parcel"
    ),
    "tagged by a gateway": _text("Return-Path: <>\n" + _ANNA + "Subject: [EXTERNAL] Automatic reply: Your order"),
    "unix vacation": _text(_ANNA + "Precedence: junk\nSubject: away from my mail"),
    "precedence: auto_reply": _text(_ANNA + "Precedence: auto_reply\nSubject: Re: Your order"),
    "x-autoreply": _text(_ANNA + "X-Autoreply: yes\nSubject: Re: Your order"),
    "x-autorespond": _text(_ANNA + "X-Autorespond: Your order\nPrecedence: bulk\nSubject: Re: Your order"),
    "cpanel": _text("Return-Path: <>\n" + _ANNA + "Delivered-To: Autoresponder\nSubject: Vacation"),
    "domino": _text(_ANNA + "Auto-Submitted: auto-generated\nSubject: Anna Berg is out of the office"),
    "left the company": _text(
        "Return-Path: <>\n" + _ANNA + "Auto-Submitted: auto-replied\nSubject: Re: Your order",
        "I have left. Your mail was not delivered to anybody; write to office@away.example.",
    ),
}

OTHERS: tuple[tuple[str, str, bytes], ...] = (
    ("receipt", "read", _receipt()),
    ("receipt", "deleted unread", _receipt("automatic-action/MDN-sent-automatically; deleted")),
    ("receipt", "read, without a report", _text("Return-Path: <>\n" + _ANNA + "Subject: Gelesen: Your order")),
    ("receipt", "delivered", _delivered("delivered")),
    ("receipt", "relayed", _delivered("relayed")),
    ("receipt", "expanded", _delivered("expanded")),
    ("list", "list-id", _text(_ANNA + "List-Id: <news.away.example>\nSubject: News")),
    ("list", "list-unsubscribe", _text(_ANNA + "List-Unsubscribe: <https://away.example/u>\nSubject: Undeliverable!")),
    ("list", "precedence: bulk", _text(_ANNA + "Precedence: bulk\nSubject: News")),
    ("list", "precedence: list", _text(_ANNA + "Precedence: List\nSubject: News")),
    ("list", "feedback-id", _text(_ANNA + "Feedback-ID: campaign:shop:news:sender\nSubject: News")),
    ("list", "vacation offers", _text(_ANNA + "Precedence: bulk\nList-Id: <x.example>\nSubject: Vacation in July")),
    (
        "list",
        "generated for a list",
        _text(_ANNA + "Auto-Submitted: auto-generated\nList-Id: <x.example>\nSubject: News"),
    ),
    ("other", "auto-generated", _text(_ANNA + "Auto-Submitted: auto-generated\nSubject: Your invoice")),
    ("other", "auto-notified", _text(_ANNA + "Auto-Submitted: auto-notified; owner-email=a@b.example\nSubject: News")),
    (
        "other",
        "a parcel that failed",
        _text(
            "From: no-reply@parcels.example\nAuto-Submitted: auto-generated\nSubject: Delivery failed", "Nobody opened."
        ),
    ),
    ("other", "a null return path", _text("Return-Path: <>\n" + _ANNA + "Subject: Hello")),
    ("other", "a complaint", _complaint()),
)
