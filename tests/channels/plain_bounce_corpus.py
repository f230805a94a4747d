"""Failure notices without a report, of servers that write to people only. Each text is written for this corpus."""

from __future__ import annotations

from collections.abc import Iterator

from tests.channels.bounce_corpus import Failure, Notice, notice, original, part

_TO = "anna.b@away.example"
_NULL = "Return-Path: <>\n"
_DAEMON = "From: MAILER-DAEMON@mx.away.example\n"
_POSTMASTER = "Return-Path: <>\nFrom: postmaster@away.example\n"
_RETURNED = "\n{original}"

# name, headers, text, recipients; {original} is the mail that comes back
_PLAIN: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (
        "qmail",
        _NULL + _DAEMON + "Subject: failure notice",
        "Hi. This is the qmail-send program at mx.away.example.\nI'm afraid I wasn't able to deliver your message to "
        "the following addresses.\n\n<anna.b@away.example>:\nNo mailbox here by that name. (#5.1.1)\n\n"
        "--- Below this line is a copy of the message.\n\nReturn-Path: <support@shop.example>" + _RETURNED,
        (_TO,),
    ),
    (
        "qmail, two addresses, names the return path",
        _NULL + _DAEMON + "To: prvs=12ab34=support@shop.example\nSubject: failure notice",
        "Hi. This is the qmail-send program at mx.away.example.\nThis is a permanent error; I've given up.\n\n"
        "<anna.b@away.example>:\n192.0.2.7 does not like recipient.\nRemote host said: 550\n\n<ben@away.example>:\n"
        "Sorry, no mailbox here. (#5.1.1)\n\n--- Below this line is a copy of the message.\n" + _RETURNED,
        (_TO, "ben@away.example"),
    ),
    (
        "exim without its header",
        _NULL + "From: Mail Delivery System <Mailer-Daemon@host.example>\nSubject: Mail delivery failed",
        "This message was created automatically by mail delivery software.\n\nA message that you sent could not be "
        "delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n"
        "  anna.b@away.example\n    SMTP error from remote mail server after RCPT TO:<anna.b@away.example>:\n"
        "    host mx.away.example [192.0.2.7]: 550 nobody\n\n"
        "------ This is a copy of the message, including all the headers. ------\n" + _RETURNED,
        (_TO,),
    ),
    (
        "exim, an address that was expanded",
        _NULL + "From: Mail Delivery System <Mailer-Daemon@host.example>\nSubject: Mail delivery failed\n"
        "X-Failed-Recipients: box7@store.example",
        "A message that you sent could not be delivered to one or more of its recipients.\n\n  box7@store.example\n"
        "    (generated from anna.b@away.example)\n    mailbox is gone\n\n"
        "------ This is a copy of the message, including all the headers. ------\n" + _RETURNED,
        (_TO,),
    ),
    (
        "exim, header only",
        "Auto-Submitted: auto-replied\nFrom: Mail Delivery System <Mailer-Daemon@host.example>\nSubject: Mail failed\n"
        "X-Failed-Recipients: anna.b@away.example,\n ben@away.example",
        "Not delivered.\n" + _RETURNED,
        (_TO, "ben@away.example"),
    ),
    (
        "old sendmail",
        _DAEMON + "Subject: Returned mail: User unknown",
        "   ----- The following addresses had permanent fatal errors -----\n<anna.b@away.example>\n\n"
        "   ----- Transcript of session follows -----\n... while talking to mx.away.example.:\n"
        ">>> RCPT To:<anna.b@away.example>\n<<< 550 nobody\n550 <anna.b@away.example>... User unknown\n\n"
        "   ----- Original message follows -----\n" + _RETURNED,
        (_TO,),
    ),
    (
        "sendmail, some were reached",
        _DAEMON + "Subject: Returned mail: User unknown",
        "   ----- The following addresses had successful delivery notifications -----\n<ben@away.example>\n\n"
        "   ----- The following addresses had permanent fatal errors -----\n<anna.b@away.example>\n\n"
        "   ----- Original message follows -----\n" + _RETURNED,
        (_TO,),
    ),
    (
        "old exchange, en",
        'From: "System Administrator" <postmaster@away.example>\nSubject: Undeliverable: Your order 4711',
        "Your message did not reach some or all of the intended recipients.\n\n      Subject:\tYour order 4711\n"
        "      Sent:\t3/3/2025 10:00 AM\n\nThe following recipient(s) could not be reached:\n\n"
        "      'anna.b@away.example' on 3/3/2025 10:01 AM\n            Nobody has this account.\n"
        "            <mx.away.example #5.1.1>\n" + _RETURNED,
        (_TO,),
    ),
    (
        "old exchange, de",
        'From: "Systemadministrator" <postmaster@away.example>\n' + _NULL + "Subject: Unzustellbar: Your order 4711",
        "Ihre Nachricht hat einige oder alle Empfänger nicht erreicht.\n\n      Betreff:\tYour order 4711\n\n"
        "Folgende Empfänger können nicht erreicht werden:\n\n      anna.b@away.example am 03.03.2025 10:01\n"
        "            Das Konto gibt es nicht.\n" + _RETURNED,
        (_TO,),
    ),
    (
        "old exchange, fr",
        _POSTMASTER + "Subject: Non remis : Your order 4711",
        "Votre message n'a pas atteint certains ou tous les destinataires.\n\n      Objet :\tYour order 4711\n\n"
        "Impossible de joindre :\n\n      'anna.b@away.example' le 03/03/2025 10:01\n            Adresse inconnue.\n",
        (_TO,),
    ),
    (
        "old exchange, es",
        _POSTMASTER + "Subject: No se puede entregar: Your order 4711",
        "El mensaje no llegó a todos los destinatarios.\n\n      anna.b@away.example el 03/03/2025 10:01\n"
        "            No existe esa cuenta.\n",
        (_TO,),
    ),
    (
        "old exchange, it",
        _POSTMASTER + "Subject: Non recapitabile: Your order 4711",
        "Il messaggio non ha raggiunto alcuni destinatari.\n\n      anna.b@away.example il 03/03/2025 10.01\n"
        "            Account inesistente.\n",
        (_TO,),
    ),
    (
        "old exchange, nl",
        _POSTMASTER + "Subject: Onbestelbaar: Your order 4711",
        "Uw bericht is niet bij alle geadresseerden bezorgd.\n\n      'anna.b@away.example' op 3-3-2025 10:01\n",
        (_TO,),
    ),
    (
        "old exchange, pt",
        _POSTMASTER + "Subject: =?utf-8?q?N=C3=A3o_entregue=3A_Your_order_4711?=",
        "A mensagem não foi entregue a:\n\nDestinatário: anna.b@away.example\nA conta não existe.\n",
        (_TO,),
    ),
    (
        "old exchange, a name and no address",
        'From: "System Administrator" <postmaster@away.example>\nSubject: Undeliverable: Your order 4711',
        "Your message did not reach some or all of the intended recipients.\n\n      Berg, Anna on 3/3/2025 10:01 AM\n"
        "            Nobody has this account.\n\n----- Original message -----\n" + _RETURNED,
        (_TO,),
    ),
    (
        "gmail, old",
        "From: Mail Delivery Subsystem <mailer-daemon@googlemail.com>\nX-Failed-Recipients: anna.b@away.example\n"
        "Subject: Delivery Status Notification (Failure)",
        "Delivery to the following recipient failed permanently:\n\n     anna.b@away.example\n\n"
        "The other server said: 550 5.1.1 nobody. See http://mail.example/?p=NoSuchUser\n\n"
        "----- Original message -----\n" + _RETURNED,
        (_TO,),
    ),
    (
        "yahoo",
        "From: MAILER-DAEMON@yahoo.example\nSubject: Failure Notice",
        "Sorry, we were unable to deliver your message to the following address.\n\n<anna.b@away.example>:\n"
        "554: delivery error: this user has no account\n\n--- Original message follows ---\n" + _RETURNED,
        (_TO,),
    ),
    (
        "yahoo, in a sentence",
        "From: MAILER-DAEMON@yahoo.example\nSubject: Failure Notice",
        "Sorry, we were unable to deliver your message to <anna.b@away.example> because nobody has it.\n"
        "Write to helpdesk@yahoo.example if you need help.\n\nMore help: care@yahoo.example",
        (_TO,),
    ),
    (
        "domino, text only",
        "From: Postmaster@notes.example\n" + _NULL + "Subject: DELIVERY FAILURE: 550 nobody",
        "Your message\n\n  Subject: Your order 4711\n\nwas not delivered to:\n\n  anna.b@away.example\n\nbecause:\n\n"
        "  550 nobody\n",
        (_TO,),
    ),
    (
        "gateway with a table",
        "From: postmaster@gateway.example\n" + _NULL + "Subject: [Postmaster] Email Delivery Failure",
        "Your message could not be delivered.\n\nFrom: support@shop.example\nTo: anna.b@away.example\n"
        "Subject: Your order 4711\nReason: 550 nobody\n\nQuestions: helpdesk@gateway.example answers them all day.\n",
        (_TO,),
    ),
    (
        "gateway, recipient address in a row",
        "From: no-reply@gateway.example\n" + _NULL + "Subject: Message undeliverable",
        "A message was rejected.\n\nSender address: support@shop.example\nRecipient address: anna.b@away.example\n"
        "Error: 550 5.7.1 not wanted\n",
        (_TO,),
    ),
    (
        "mail.ru",
        "From: mailer-daemon@corp.mail.example\nSubject: Mail failure.",
        "Это письмо создано автоматически сервером. Не удалось доставить письмо следующим получателям:\n\n"
        "  anna.b@away.example\n    нет такого ящика\n\n-------- исходное письмо --------\n" + _RETURNED,
        (_TO,),
    ),
    (
        "yandex, in a sentence",
        "From: MAILER-DAEMON@yandex.example\nSubject: =?utf-8?b?0J3QtdC00L7RgdGC0LDQstC70LXQvdC90L7QtQ==?=",
        "Здравствуйте! Письмо для anna.b@away.example не было доставлено: такого адреса нет.\n",
        (_TO,),
    ),
    (
        "gmx",
        'From: "GMX Mailer Daemon" <mailer-daemon@gmx.example>\nSubject: Mail delivery failed',
        "Diese Nachricht wurde automatisch erzeugt.\n\n"
        "Ihre E-Mail konnte an die folgende Adresse nicht zugestellt werden:\n\n"
        "anna.b@away.example:\nSMTP error: 550 nobody\n\n"
        "--- Der Kopf der ursprünglichen Nachricht folgt ---\n" + _RETURNED,
        (_TO,),
    ),
    (
        "web.de",
        "From: mailer-daemon@web.example\nSubject: Mail delivery failed",
        "Leider konnte Ihre Nachricht nicht zugestellt werden.\n\nEmpfänger: <anna.b@away.example>\nGrund: niemand\n",
        (_TO,),
    ),
    (
        "office 365 as html, names it in a sentence",
        "From: Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@away.example>\n"
        "In-Reply-To: <{id}>\nSubject: Undeliverable: Your order 4711\nX-HTML: 1",
        "<html><body><p>Your message to <a href='mailto:anna.b@away.example'>anna.b@away.example</a> couldn't be "
        "delivered.</p><table><tr><td>support</td><td>Office 365</td><td>anna.b</td></tr></table></body></html>",
        (_TO,),
    ),
    (
        "exchange as html, diagnostics below",
        "From: Microsoft Outlook <postmaster@away.example>\n"
        + _NULL
        + "Subject: Undeliverable: Your order 4711\nX-HTML: 1",
        "<p><b>Delivery has failed to these recipients or groups:</b></p><p><a href='mailto:anna.b@away.example'>"
        "anna.b@away.example</a><br>Nobody has this address.</p><p>Diagnostic information for administrators:</p>"
        "<p>Generating server: mx.away.example</p><p>anna.b@away.example<br>#550 5.1.1 nobody ##</p>"
        "<p>Original message headers:</p><pre>{original}</pre>",
        (_TO,),
    ),
    (
        "japanese, no spaces around the address",
        _NULL + "From: mailer-daemon@mx.away.example\nSubject: =?utf-8?b?44Ko44Op44O844Oh44O844Or?=",
        "お送りいただいたメールはanna.b@away.exampleへ配信できませんでした。\n",
        (_TO,),
    ),
    (
        "chinese",
        _NULL + "From: postmaster@qq.example\nSubject: =?utf-8?b?6YCA5L+h?=",
        "抱歉,您的邮件被退回。\n\n收件人:anna.b@away.example\n原因:没有这个帐户\n",
        (_TO,),
    ),
    (
        "polish",
        _NULL + _DAEMON + "Subject: Niedostarczona wiadomość",
        "Wiadomość nie mogła zostać dostarczona.\n\n<anna.b@away.example>: nie ma takiej osoby\n",
        (_TO,),
    ),
    (
        "the report as text",
        _NULL + _DAEMON + "Subject: Delivery report",
        "Something failed.\n\nReporting-MTA: dns; mx.away.example\n\nFinal-Recipient: rfc822; anna.b@away.example\n"
        "Action: failed\nStatus: 5.1.1\n\n" + _RETURNED,
        (_TO,),
    ),
    (
        "a language nobody here reads",
        _NULL + _DAEMON + "Subject: Delivery failure",
        "Ongelma.\n\n   <anna.b@away.example>\n\n",
        (_TO,),
    ),
    (
        "internet mail service, the day in words, no null path",
        "From: postmaster@away.example\nSubject: Undeliverable: Your order 4711\nX-MS-Embedded-Report:",
        "Your message\n\n  To:      support@shop.example\n  Subject: Your order 4711\n\n"
        "did not reach the following recipient(s):\n\nanna.b@away.example on Mon, 3 Mar 2025 10:00:07 +0000\n"
        "    Nobody here\n\tThe MTS-ID of the original message is: c=x;a= ;p=y\n" + _RETURNED,
        (_TO,),
    ),
    (
        "gateway, addresses below a label",
        "From: postmaster@gateway.example\nSubject: Undeliverable Mail: Your order",
        "Your message:\n   From:    support@shop.example\n   Subject: Your order\n\nCould not be delivered due to\n\n"
        "550 5.1.1 nobody\n\nThe following recipients were affected:\n    anna.b@away.example\n\n\n"
        "Additional Information\n======================\nOriginal Sender:    <support@shop.example>\n",
        (_TO,),
    ),
    (
        "exchange, fr, in other words",
        "From: postmaster@away.example\nSubject: Non remis : Your order 4711",
        "La remise à ces destinataires ou groupes a échoué :\n\nanna.b@away.example<mailto:anna.b@away.example>\n",
        (_TO,),
    ),
    (
        "a language nobody here reads, a code that everybody does",
        "From: postmaster@away.example\nSubject: Undeliverable: Your order 4711",
        "Posta ez da iritsi:\n\n550 5.1.1 <anna.b@away.example>\n",
        (_TO,),
    ),
    (
        "a numbered list",
        _DAEMON + "Subject: failure notice",
        "Not delivered to:\n\n  1. anna.b@away.example\n  2) ben@away.example\n",
        (_TO, "ben@away.example"),
    ),
    (
        "one line",
        'From: "Postmaster" <postmaster@away.example>\nSubject: Undeliverable Mail',
        "Unknown user: anna.b@away.example\n\n\nOriginal message follows.\n" + _RETURNED,
        (_TO,),
    ),
    (
        "one sentence",
        'From: "Postmaster" <postmaster@away.example>\nSubject: Undeliverable Mail',
        "Delivery failed 20 attempts: anna.b@away.example\n",
        (_TO,),
    ),
    (
        "a reason in brackets",
        'Return-Path: <MAILER-DAEMON@away.example>\nFrom: "Mail Deliver System" <system@away.example>\n'
        "Subject: Returned Mail: User unknown",
        "The original message was received at Mon, 3 Mar 2025\nfrom support@shop.example\n\n"
        "---The following addresses had delivery errors---\n\nanna.b@away.example [User unknown]\n" + _RETURNED,
        (_TO,),
    ),
    (
        "the header fields of the mail in front of the recipients",
        _POSTMASTER + "Subject: Delivery Notification: Delivery has failed",
        "This report relates to a message you sent with the following header fields:\n\n  Message-id: <{id}>\n"
        "  From: Shop <support@shop.example>\n  To: list@shop.example\n\n"
        "Your message cannot be delivered to the following recipients:\n\n  Recipient address: anna.b@away.example\n"
        "  Reason: nobody\n",
        (_TO,),
    ),
    (
        "a transcript alone",
        "From: InterScan <postmaster@gateway.example>\nSubject: メッセージを配信できません。",
        "Sent <<< RCPT TO:<anna.b@away.example>\nReceived >>> 550 5.1.1 <anna.b@away.example>... user unknown\n",
        (_TO,),
    ),
    (
        "a filter in japanese",
        "From: POSTMASTER <postmaster@away.example>\nSubject: failure notice",
        "下記の理由によりこのメールは送信できませんでした。\n\nanna.b@away.example\n\n-------server message\n"
        "550 unknown user <anna.b@away.example>\n\n-------original message" + _RETURNED,
        (_TO,),
    ),
    (
        "only the returned mail tells",
        "From: Mail Delivery Subsystem <MAILER-DAEMON@away.example>\nSubject: Returned mail: Cannot send message",
        "   ----- Transcript of session follows -----\n550 away.example (smtp)... gone\n\n"
        "   ----- Unsent message follows -----" + _RETURNED,
        (_TO,),
    ),
    (
        "nobody is named",
        _NULL + _DAEMON + "Subject: failure notice",
        "Hi. This is the qmail-send program at mx.away.example.\nI could not deliver it.\n",
        (),
    ),
    (
        "only the return path is named",
        _NULL + _DAEMON + "To: bounces+anna=away.example@shop.example\nSubject: failure notice",
        "Hi. This is the qmail-send program. I could not deliver it for <bounces+anna=away.example@shop.example>.\n",
        (),
    ),
)

_LATE: tuple[tuple[str, str, str], ...] = (
    (
        "exim",
        _NULL + "From: Mail Delivery System <Mailer-Daemon@host.example>\n"
        "Subject: Warning: message 1abCDe-0001 delayed 24 hours",
        "A message that you sent has not yet been delivered to one or more of its\nrecipients after 24 hours.\n\n"
        "  anna.b@away.example\n    host mx.away.example [192.0.2.7]: connection timed out\n",
    ),
    (
        "sendmail",
        _DAEMON + "Subject: Warning: could not send message for past 4 hours",
        "    **********************************************\n    **      THIS IS A WARNING MESSAGE ONLY      **\n"
        "    **********************************************\n\n"
        "   ----- The following addresses had transient non-fatal errors -----\n<anna.b@away.example>\n",
    ),
    (
        "gmail",
        "From: Mail Delivery Subsystem <mailer-daemon@googlemail.com>\nSubject: Delivery Status Notification (Delay)\n"
        "X-Failed-Recipients: anna.b@away.example",
        "There was a temporary problem while delivering your message to anna.b@away.example. Gmail will retry.\n",
    ),
    (
        "german",
        _NULL + _DAEMON + "Subject: Zustellung verzoegert",
        "Ihre Nachricht konnte noch nicht zugestellt werden; es wird weiterhin versucht.\n\n<anna.b@away.example>\n",
    ),
)


def plain_notices() -> Iterator[Notice]:
    for number, (name, headers, text, recipients) in enumerate(_PLAIN):
        failure = Failure((_TO,), f"plain{number}@shop.example")
        has_id = "{original}" in text or "{id}" in headers + text
        yield Notice(
            name, _raw(headers, text, failure), "bounce", recipients, failure.message_id if has_id else None, True
        )
    for name, headers, text in _LATE:
        yield Notice(f"late: {name}", _raw(headers, text, Failure((_TO,), "x@y")), "delay", (_TO,), None, False)


def _raw(headers: str, text: str, failure: Failure) -> bytes:
    content = text.replace("{id}", failure.message_id).replace(
        "{original}", original(failure).decode().replace("\r\n", "\n")
    )
    content_type = "text/plain"
    if "X-HTML" in headers:
        content_type = "text/html"
        content = content.replace(f"<{failure.message_id}>", f"&lt;{failure.message_id}&gt;")
    return notice(
        headers.replace("{id}", failure.message_id), part(f"{content_type}; charset=utf-8", content.encode(), "base64")
    )
