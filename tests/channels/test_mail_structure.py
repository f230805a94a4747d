"""A mail taken apart: as the library does it, but in time and room that its length bounds."""

from __future__ import annotations

import time
import tracemalloc
from email.message import Message
from email.parser import BytesParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onefold.channels.email import contact_of_email
from onefold.channels.mail_structure import MOST_HEADER_LINES, MOST_PARTS, TooMuch, _AsWritten, take_apart
from tests.channels.worst_mails import HEAD, MIXED, WORST

LIBRARY: BytesParser[Message] = BytesParser(policy=_AsWritten(mangle_from_=False))
PIECES = (
    b"--b",
    b"--b--",
    b"--c",
    b"--c--",
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b" ",
    b"hello",
    b"Subject: x\r\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n",
    b"Content-Type: multipart/mixed; boundary=c\r\n\r\n",
    b"Content-Type: multipart/digest; boundary=b\n\n",
    b"Content-Type: message/rfc822\r\n\r\n",
    b"Content-Type: message/delivery-status\r\n\r\n",
    b"Content-Type: text/plain\r\n\r\n",
    b"\xc3\xbc",
)


def tree(message: Message) -> object:
    """Kinds, headers and texts; the line end before an end that is missing counts for nothing."""
    payload = message.get_payload()
    if isinstance(payload, list):
        return message.get_content_type(), message.items(), [tree(one) for one in payload if isinstance(one, Message)]
    return message.get_content_type(), message.items(), str(payload).rstrip("\r\n")


@settings(max_examples=1_000, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=20))
def test_parts_are_those_that_the_library_finds(pieces: list[bytes]) -> None:
    mail = b"From: a@b.example\r\n" + b"".join(pieces)
    assert tree(take_apart(mail)) == tree(LIBRARY.parsebytes(mail))


@pytest.mark.parametrize("name", WORST)
def test_a_mail_that_is_made_to_cost_much_costs_no_more_than_any__RES_14(name: str) -> None:
    """No more than ten times the room it takes itself; and no more than ten times the time of a mail that is text."""
    size = 5_000_000
    usual, worst = WORST["lines of text"](size), WORST[name](size)
    tracemalloc.start()
    contact_of_email(worst)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * size
    took = [min(seconds(mail) for _ in range(3)) for mail in (usual, worst)]
    assert took[1] < 10 * took[0] + 0.1


def seconds(mail: bytes) -> float:
    begun = time.process_time()
    contact_of_email(mail)
    return time.process_time() - begun


def test_a_thousand_parts_are_read_and_not_one_more() -> None:
    def mail(parts: int) -> bytes:
        return HEAD + MIXED + b"".join(b"--b\r\n\r\n%d\r\n" % number for number in range(parts)) + b"--b--\r\n"

    assert len(take_apart(mail(MOST_PARTS - 1)).get_payload()) == MOST_PARTS - 1
    with pytest.raises(TooMuch):
        take_apart(mail(MOST_PARTS))
    kept = contact_of_email(mail(MOST_PARTS))
    assert [(file.filename, file.content) for file in kept.attachments] == [("message.eml", mail(MOST_PARTS))]
    assert (kept.sender.email, kept.subject, kept.body) == ("a@x.example", "s", None)


def test_a_mail_with_more_headers_than_any_is_kept_whole_and_its_sender_is_not_believed__RES_14() -> None:
    def mail(lines: int) -> bytes:
        return HEAD + b"X: y\r\n" * (lines - 4) + b"\r\nHello"

    read, kept = contact_of_email(mail(MOST_HEADER_LINES)), contact_of_email(mail(MOST_HEADER_LINES + 1))
    assert (read.body, read.attachments, read.sender_state) == ("Hello", (), "unchecked")
    assert (kept.body, kept.sender_state, kept.sender.email) == (None, "failed", "a@x.example")
    assert [file.content for file in kept.attachments] == [mail(MOST_HEADER_LINES + 1)]


def test_a_text_too_long_to_read_is_kept_as_it_came() -> None:
    mail = HEAD + b"\r\n" + b"a line of text\r\n" * 200_000
    contact = contact_of_email(mail)
    assert contact.body is not None
    assert len(contact.body) <= 1_000_000
    assert [file.content for file in contact.attachments] == [b"a line of text\r\n" * 200_000]
