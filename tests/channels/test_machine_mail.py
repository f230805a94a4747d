"""Machine mail told from mail of people, and what bounces name (RES-19)."""

from __future__ import annotations

import time
from email import message_from_bytes, message_from_string
from email.message import Message
from email.policy import SMTP, SMTPUTF8, Policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.channels.email import contact_of_email
from onefold.channels.machine_mail import MachineMail, machine_mail
from tests.channels.bounce_corpus import Notice, multipart, notice, part, reports
from tests.channels.people_corpus import AUTO_REPLIES, OTHERS, PEOPLE
from tests.channels.plain_bounce_corpus import plain_notices

NOTICES = (*reports(), *plain_notices())


def read(raw: bytes) -> MachineMail | None:
    return machine_mail(message_from_bytes(raw), contact_of_email(raw).body)


def kind_of(raw: bytes) -> str | None:
    mail = read(raw)
    return None if mail is None else mail.kind


# The corpus as a whole


def test_the_corpus_is_read_as_well_as_it_has_to_be__RES_19() -> None:
    answers = [(one, read(one.raw)) for one in NOTICES]
    naming = [(one, mail) for one, mail in answers if one.recipients]
    exact = [one for one, mail in naming if mail and mail.recipients == one.recipients]
    lost = [one.name for one, mail in answers if mail is None]
    taken = [name for name, raw in PEOPLE.items() if read(raw) is not None]
    figures = (
        f"{len(NOTICES)} notices, {len(naming)} name a recipient, {len(exact)} of them are read exactly; "
        f"taken for a person's: {lost}; {len(PEOPLE)} mails of people, taken for a machine's: {taken}"
    )
    print(figures)
    assert len(NOTICES) >= 120 and len(PEOPLE) + len(AUTO_REPLIES) >= 40, figures
    assert len(exact) >= 0.95 * len(naming), figures
    assert not lost and not taken, figures


# Each notice


@pytest.mark.parametrize("one", NOTICES, ids=lambda one: one.name)
def test_a_notice_is_read__RES_19(one: Notice) -> None:
    mail = read(one.raw)
    assert mail is not None
    assert (mail.kind, mail.recipients, mail.original_message_id, mail.permanent) == (
        one.kind,
        one.recipients,
        one.original_id,
        one.permanent,
    )


@pytest.mark.parametrize("one", NOTICES, ids=lambda one: one.name)
def test_all_ids_of_the_returned_mail_are_given_nearest_first__RES_19(one: Notice) -> None:
    mail = read(one.raw)
    assert mail is not None
    if len(mail.original_message_ids) > 1:
        name = one.original_id
        assert mail.original_message_ids == (name, f"question-{name}", f"first-{name}")


@pytest.mark.parametrize("policy", [SMTP, SMTPUTF8], ids=["smtp", "smtputf8"])
def test_it_does_not_matter_how_the_message_was_parsed__RES_19(policy: Policy[Message]) -> None:
    for raw in [*(one.raw for one in NOTICES), *PEOPLE.values(), *AUTO_REPLIES.values()]:
        assert machine_mail(message_from_bytes(raw, policy=policy), contact_of_email(raw).body) == read(raw)


# Mail that names nobody


@pytest.mark.parametrize("name", PEOPLE)
def test_mail_of_people_is_no_machine_mail__RES_19(name: str) -> None:
    assert read(PEOPLE[name]) is None


@pytest.mark.parametrize("name", AUTO_REPLIES)
def test_an_auto_reply_is_one__RES_19(name: str) -> None:
    assert read(AUTO_REPLIES[name]) == MachineMail("auto_reply")


@pytest.mark.parametrize("kind, name, raw", OTHERS, ids=lambda one: one if isinstance(one, str) else "")
def test_receipts_lists_and_other_machine_mail__RES_19(kind: str, name: str, raw: bytes) -> None:
    assert kind_of(raw) == kind
    mail = read(raw)
    assert mail is not None and mail.recipients == ()


def test_a_receipt_tells_which_mail_was_read__RES_19() -> None:
    mail = read(OTHERS[0][2])
    assert mail is not None and mail.original_message_id == "m1@shop.example"


# What a report says of an address


RECIPIENTS = (
    # Fields of one recipient, what it is
    ("Final-Recipient: rfc822; anna@away.example", "anna@away.example"),
    ("Final-Recipient: RFC822;<anna@away.example>", "anna@away.example"),
    ("Final-Recipient: rfc822; anna@away.example (Anna Berg)", "anna@away.example"),
    ("Final-Recipient: anna@away.example", "anna@away.example"),
    ("Final-Recipient:\n rfc822;\n anna@away.example", "anna@away.example"),
    ("Final-Recipient: rfc822; Anna.B@Away.Example", "Anna.B@Away.Example"),
    ("Final-Recipient: rfc822; a@x.example\nOriginal-Recipient: rfc822; b@y.example", "b@y.example"),
    ("Original-Recipient: rfc822;a+2Bnews@y.example\nFinal-Recipient: rfc822;a+news@y.example", "a+news@y.example"),
    ("Original-Recipient: rfc822;undisclosed\nFinal-Recipient: rfc822;a@x.example", "a@x.example"),
    ("Original-Recipient: unknown;\nFinal-Recipient: rfc822;a@x.example", "a@x.example"),
    ("Final-Recipient: utf-8; gr\\x{FC}n@x.example", "grün@x.example"),
    ("Final-Recipient: rfc822; IMCEASMTP-anna+2Eb+40x+2Eexample@away.example", "anna.b@x.example"),
    ('Final-Recipient: rfc822; "anna berg"@x.example', '"anna berg"@x.example'),
)


def report(fields: str, text: str = "It failed.") -> bytes:
    content = multipart(
        "report; report-type=delivery-status",
        part("text/plain", text.encode()),
        part("message/delivery-status", f"Reporting-MTA: dns; mx.example\n\n{fields}\n".encode()),
    )
    return notice("From: MAILER-DAEMON@mx.example\nSubject: failed", content)


@pytest.mark.parametrize("fields, address", RECIPIENTS)
def test_a_recipient_is_read_as_the_sender_wrote_it__RES_19(fields: str, address: str) -> None:
    mail = read(report(f"{fields}\nAction: failed\nStatus: 5.1.1"))
    assert mail == MachineMail("bounce", (address,), permanent=True)


OUTCOMES = (
    # What the report says, kind, whether it is final
    ("Action: failed\nStatus: 5.1.1", "bounce", True),
    ("Action: Failed (gone)\nStatus: 5.1.1 (gone)", "bounce", True),
    ("Action: failed\nStatus: 4.4.7", "bounce", False),
    ("Action: failed\nStatus: 5.2.2", "bounce", False),
    ("Action: failed", "bounce", True),
    ("Action: failed\nDiagnostic-Code: smtp; 451 4.3.0 later", "bounce", False),
    ("Status: 5.1.1", "bounce", True),
    ("Status: 4.4.1", "delay", False),
    ("Action: delayed\nStatus: 4.4.1", "delay", False),
    ("Action: delayed\nStatus: 5.0.0", "delay", False),
    ("\nAction: failed\nStatus: 5.1.1", "bounce", True),
    ("Action: delivered\nStatus: 2.0.0", "receipt", False),
)


@pytest.mark.parametrize("said, kind, permanent", OUTCOMES)
def test_a_failure_is_final_if_the_report_says_so__RES_19(said: str, kind: str, permanent: bool) -> None:
    mail = read(report(f"Final-Recipient: rfc822; a@x.example\n{said}"))
    assert mail is not None
    assert (mail.kind, mail.permanent) == (kind, permanent)
    assert mail.recipients == (() if kind == "receipt" else ("a@x.example",))


def test_a_report_names_those_that_failed_and_not_those_that_were_reached__RES_19() -> None:
    groups = (("a", "failed", 5), ("b", "delivered", 2), ("c", "delayed", 4), ("d", "failed", 5))
    fields = "\n".join(
        f"Final-Recipient: rfc822; {name}@x.example\nAction: {action}\nStatus: {digit}.0.0\n"
        for name, action, digit in groups
    )
    assert read(report(fields)) == MachineMail("bounce", ("a@x.example", "d@x.example"), permanent=True)


def test_a_return_path_made_for_one_mail_is_no_customer__RES_19() -> None:
    fields = "Final-Recipient: rfc822; prvs=12ab=support@shop.example\nAction: failed\nStatus: 5.1.1"
    mail = read(report(fields, "Not reached:\n\nprvs=12ab=support@shop.example\n\nanna@away.example\n"))
    assert mail is not None and mail.recipients == ("anna@away.example",)


# Whatever comes


@given(st.binary(max_size=2_000), st.none() | st.text(max_size=500))
def test_any_bytes_get_an_answer__RES_19(raw: bytes, text: str | None) -> None:
    machine_mail(message_from_bytes(raw), text)


_HEADERS = st.sampled_from(
    """Return-Path: <>|From: MAILER-DAEMON|From: é <a@b>|Subject: failure notice|Auto-Submitted: auto-replied
    |Content-Type: multipart/report; boundary=b|Content-Type: message/delivery-status|Content-Type: message/rfc822
    |Content-Transfer-Encoding: base64|Content-Transfer-Encoding: x|X-Failed-Recipients: a@b.example, @|Precedence: bulk
    |Final-Recipient: ;|Final-Recipient: rfc822; a@b.example|Action: failed|Status: 9.9.9|Message-ID: <|--b|--b--|
    |Original-Recipient: utf-8; \\x{FFFFFF}@b.example|<a@b.example>:|To: a@b.example on 1""".split("|")
)


@given(st.lists(_HEADERS | st.text(max_size=20), max_size=30))
def test_any_lines_get_an_answer__RES_19(lines: list[str]) -> None:
    text = "\n".join(line.strip() for line in lines)
    for message in (message_from_bytes(text.encode("utf-8", "surrogatepass")), message_from_string(text)):
        mail = machine_mail(message, text)
        assert mail is None or all("@" in one for one in mail.recipients)


def test_a_message_without_anything_is_nobodys__RES_19() -> None:
    assert machine_mail(Message(), None) is None


def _long(pieces: int) -> dict[str, tuple[str, str]]:
    daemon = "From: MAILER-DAEMON\nSubject: failure notice\n"
    boundary = "Content-Type: multipart/report; boundary=b\n\n"
    fields = "--b\nContent-Type: message/delivery-status\n\n"
    return {
        "a long subject": ("Subject: " + "re: " * pieces, ""),
        "a long From": ("From: " + "<a@" * pieces, ""),
        "many headers": ("X: y\n" * pieces + daemon, ""),
        "a long content type": ("Content-Type: multipart/report" + ";a=b" * min(pieces, 20_000), ""),
        "many parts": (daemon + boundary + "--b\n\nx\n" * min(pieces, 5_000), ""),
        "many recipients": (daemon + boundary + fields + "Final-Recipient: rfc822; a@b.example\n" * pieces, ""),
        "one long field": (daemon + boundary + fields + "Final-Recipient: rfc822; " + "a (" * pieces, ""),
        "many folds": (daemon + boundary + fields + "Final-Recipient:" + "\n \t" * pieces, ""),
        "many references": (daemon + "References: " + "<a@b> " * pieces, ""),
        **{
            f"a text of {one!r}": (daemon, one * pieces)
            for one in ("-", "<", "a@", '"', "a.", "(", "\n ", "To:", "a@b.c ")
        },
        "a text of lines": (daemon, "a@b.example\n" * pieces),
        "a text of spaces": (daemon, " " * pieces + "\n" + "\t" * pieces),
    }


@pytest.mark.parametrize("name", _long(1))
def test_long_mail_is_read_in_time_linear_in_its_length__RES_19(name: str) -> None:
    """What is looked at is capped, so that even this takes far less than a second; anything quadratic takes minutes."""
    source, text = _long(200_000)[name]
    message = message_from_string(source)
    start = time.perf_counter()
    machine_mail(message, text)
    assert time.perf_counter() - start < 1.5
