"""Whom a forwarded mail, or a contact form, names as its customer: the shapes of mail programs and form mailers
(RES-18)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.receiving.forwarded import Mailbox, forwarded_sender, mailbox_in, mailbox_on_line

ADA = Mailbox("ada@kite.example", "Ada Hart")
HEAD = "From: Ada Hart <ada@kite.example>\nSent: Monday\nTo: anna@shop.example\nSubject: Broken\n\nIt broke."

FORWARDS = {
    "Gmail": (
        "Fwd: Broken",
        "Please see below\n\n---------- Forwarded message ---------\nFrom: Ada Hart <ada@kite.example>\n"
        "Date: Mon, 2 Nov 2026 at 10:00\nSubject: Broken\nTo: <anna@shop.example>\n\nIt broke.",
    ),
    "Gmail, its subject changed": (
        "For you",
        "---------- Forwarded message ---------\nVon: Ada Hart <ada@kite.example>\nDate: Mo., 2. Nov.\n\nIt broke.",
    ),
    "Apple Mail": (
        "Fwd: Broken",
        "\n> Begin forwarded message:\n> \n> From: Ada Hart <ada@kite.example>\n> Subject: Broken\n"
        "> Date: 2 November 2026\n> To: anna@shop.example\n> \n> It broke.",
    ),
    "Apple Mail in German": (
        "Neues",
        "Anfang der weitergeleiteten Nachricht:\n\n> Von: Ada Hart <ada@kite.example>\n> Betreff: Kaputt\n> \n> Hallo",
    ),
    "Outlook": ("FW: Broken", f"FYI\n\n{HEAD}"),
    "Outlook with a line": ("WG: Kaputt", f"Bitte\n________________________________\n{HEAD.replace('From', 'Von')}"),
    "Outlook, mailto": (
        "FW: Broken",
        "-----Original Message-----\nFrom: Ada Hart [mailto:ada@kite.example]\nSent: Monday\n\nIt broke.",
    ),
    "bold, from HTML": ("Fwd: Broken", "*From:* Ada Hart <ada@kite.example>\n*Sent:* Monday\n*To:* x@y.example\n\nHi"),
    "behind a gateway's tag": ("[EXTERN] Fwd: Broken", HEAD),
    "a wrapped line": ("Fwd: x", "From: Ada Hart\n <ada@kite.example>\nSubject: Broken\n\nIt broke."),
    "Thunderbird": (
        "Fwd: Broken",
        "-------- Forwarded Message --------\nSubject: \tBroken\nDate: \tMon, 2 Nov 2026\n"
        "From: \tAda Hart <ada@kite.example>\nTo: \tanna@shop.example\n\nIt broke.",
    ),
    "French": ("TR: Panne", "De : Ada Hart <ada@kite.example>\nEnvoyé : lundi\nÀ : anna@shop.example\nObjet : Panne\n"),
    "Spanish": ("RV: Roto", "De: Ada Hart <ada@kite.example>\nEnviado el: lunes\nPara: anna@shop.example\nAsunto: x"),
    "Italian": ("I: Rotto", "Da: Ada Hart <ada@kite.example>\nInviato: lunedì\nA: anna@shop.example\nOggetto: x"),
    "Dutch": ("Doorst: Stuk", "Van: Ada Hart <ada@kite.example>\nVerzonden: maandag\nOnderwerp: x"),
    "Yahoo, on one line": ("Fwd: x", "----- Forwarded Message ----- From: Ada Hart <ada@kite.example>To: x@y.example"),
    "with blank lines, as HTML has it": (
        "Fwd: x",
        "From: Ada Hart <ada@kite.example>\n\nSent: Monday\n\nTo: x@y.example\n",
    ),
    "with bold marks around both": ("Fwd: x", "*From: *Ada Hart <ada@kite.example>\n*To: *x@y.example"),
    "quoted with bars": ("Fwd: x", "| From: Ada Hart <ada@kite.example>\n| Sent: Monday\n| Subject: x"),
    "a note above that looks like a head": (
        "Fwd: x",
        "To: all\nFrom: now on bob@kite.example is in charge\n\n---------- Forwarded message ---------\n"
        "From: Ada Hart <ada@kite.example>\nDate: Monday\n\nHi",
    ),
    "Greek": ("Fwd: x", "Από: Ada Hart <ada@kite.example>\nΣτάλθηκε: Δευτέρα\nΠρος: Bob <bob@kite.example>\nΘέμα: x"),
    "Hebrew": ("Fwd: x", "\u200fמאת: \u202aAda Hart\u202c <\u202aada@kite.example\u202c>\nאל: x@y.example\nנושא: x"),
    "Romanian": ("Fwd: x", "---------- Forwarded message ---------\nDe la: Ada Hart <ada@kite.example>\nDate: x\n\nHi"),
    "Japanese": ("Fwd: 故障", "---------- 転送 ----------\n差出人: Ada Hart <ada@kite.example>\n件名: 故障\n\n壊れた"),
    "Chinese": ("转发：坏了", "发件人：Ada Hart <ada@kite.example>\n发送时间：周一\n收件人：anna@shop.example\n"),
}


@pytest.mark.parametrize("form", FORWARDS)
def test_a_forward_names_whose_mail_it_forwards(form: str) -> None:
    subject, body = FORWARDS[form]
    assert forwarded_sender(subject, body) == ADA


NO_FORWARDS = {
    "a reply that quotes as a forward does": ("RE: Broken", f"Done\n\n{HEAD}"),
    "a reply to a forward": ("Re: Fwd: Broken", f"Done\n\n---------- Forwarded message ---------\n{HEAD}"),
    "a German reply": ("AW: Kaputt", HEAD.replace("From", "Von")),
    "no address beside the name": ("FW: Broken", "From: Ada Hart\nSent: Monday\nTo: Anna\n\nIt broke."),
    "two addresses": ("FW: Broken", "From: ada@kite.example, bob@kite.example\nSent: Monday\n\nIt broke."),
    "a text with such a line, and nothing that says it begins": ("Hello", f"I wrote\nFrom here on: nothing\n{HEAD}"),
    "a From line alone": ("Fwd: Hello", "From: Ada Hart <ada@kite.example>\n\nHello"),
    "no text": ("Fwd: Hello", None),
    "an outer head without an address, and another within": (
        "Fwd: x",
        "From: Ada Hart\nSent: Monday\n\nHi\n\nFrom: Zoe <zoe@x.example>\nSent: Sunday\n\nHo",
    ),
    "a separator whose head is in no known language": (
        "Fwd: x",
        "---------- Forwarded message ---------\nXyz: Ada <ada@kite.example>\nDate: x\n\nHi\n\n"
        "---------- Forwarded message ---------\nFrom: Zoe <zoe@x.example>\nDate: x",
    ),
    "a From without an address, and a recipient with one": (
        "Fwd: x",
        "From: Ada Hart\nRecipient: bob@kite.example\nDate: Monday",
    ),
    "an Italian reply": ("R: Rotto", "-----Messaggio originale-----\nDa: Bob <bob@x.example>\nInviato: lunedì"),
}


@pytest.mark.parametrize("form", NO_FORWARDS)
def test_what_is_no_forward_or_cannot_be_read_names_nobody(form: str) -> None:
    subject, body = NO_FORWARDS[form]
    assert forwarded_sender(subject, body) is None


def test_of_a_forwarded_forward_the_outer_one_counts() -> None:
    inner = "---------- Forwarded message ---------\nFrom: Zoe <zoe@x.example>\nDate: Sunday\n\nHi"
    assert forwarded_sender("Fwd: Broken", f"{HEAD}\n{inner}") == ADA


FORMS = {
    "beside its label": ("Email: *", "Name: Ada\nEmail: ada@kite.example\nText: Hi", "ada@kite.example"),
    "whatever its case and blanks": ("e-mail:*", "E-Mail:\t  ADA@Kite.example", "ada@kite.example"),
    "beneath its label": ("Your email *", "Your email\n\nada@kite.example\n", "ada@kite.example"),
    "in a sentence": ("From * via the shop", "From ada@kite.example via the shop", "ada@kite.example"),
    "in brackets": ("From: *", "From: Ada Hart <ada@kite.example>", "ada@kite.example"),
    "the first line that is like it decides": ("Email: *", "Email: none\nEmail: ada@kite.example", None),
    "an empty field, and a line that is another's": ("Email: *", "Email:\nText: write to bob@kite.example", None),
    "letters that grow when folded": (
        "Kundenstraße/E-Mail:*",
        "Kundenstraße/E-Mail:ada@kite.example",
        "ada@kite.example",
    ),
    "Turkish capitals": ("İLETİŞİM E-POSTASI: *", "İLETİŞİM E-POSTASI: ada@kite.example", "ada@kite.example"),
    "not there": ("Email: *", "Mail: ada@kite.example", None),
    "two on the line": ("Email: *", "Email: ada@kite.example or bob@kite.example", None),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_form_names_its_customer_on_a_line(form: str) -> None:
    line, body, address = FORMS[form]
    mailbox = mailbox_on_line(body, line)
    assert (mailbox and mailbox.address) == address


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        ("Ada Hart <ada@kite.example>", ADA),
        ('"Hart, Ada" <ADA@kite.example>', Mailbox("ada@kite.example", "Hart, Ada")),
        ("ada@kite.example", Mailbox("ada@kite.example")),
        ("ada@kite.example <ada@kite.example>", Mailbox("ada@kite.example")),
        ("Ada Hart <ada@kite.example> <mailto:ada@kite.example>", ADA),
        ('"victim@x.example" <evil@y.example>', None),
        ("Ada Hart", None),
        ("", None),
        ("Sean <o'brien@kite.example>", Mailbox("o'brien@kite.example", "Sean")),
        ("Sean o&#39;brien@kite.example", None),
        ("o&#39;brien@kite.example", Mailbox("o'brien@kite.example")),
        ("'ada@kite.example'", Mailbox("ada@kite.example")),
        ("*ada@kite.example*", Mailbox("ada@kite.example")),
        ("Ada <ada.hart. long@kite.example>", Mailbox("ada.hart.long@kite.example", "Ada")),
        ("\u202aAda\u202c <\u202aada@kite.example\u202c>", Mailbox("ada@kite.example", "Ada")),
        ("email=ada@kite.example", None),
        ("Email/ada@kite.example", None),
        ("邮箱ada@kite.example", None),
        ("now on ada@kite.example is in charge", None),
        ("Bob <bob@kite.example> on behalf of Ada <ada@kite.example>", None),
    ],
)
def test_a_mailbox_in_a_line(text: str, mailbox: Mailbox | None) -> None:
    assert mailbox_in(text) == mailbox


@given(st.text(), st.text())
def test_no_text_breaks_the_reading(subject: str, body: str) -> None:
    forwarded_sender(subject, f"From: {body}\nTo: {body}\n{body}")
    mailbox_on_line(body, f"{subject}*")
    mailbox_in(body)
