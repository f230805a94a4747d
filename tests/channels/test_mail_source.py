"""Mails whose headers are not as they should be: kept, and not believed (RES-14)."""

from __future__ import annotations

import json
import time

import pytest

from onefold.channels import mail_sender
from onefold.channels.email import contact_of_email
from onefold.receiving.contact import Contact


def read(*lines: str | bytes) -> Contact:
    return contact_of_email(
        b"\r\n".join(line if isinstance(line, bytes) else line.encode("utf-8", "surrogateescape") for line in lines)
    )


PASSED = "Authentication-Results: mx.shop.example; dmarc=pass"


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        # Which of two, spelled in any way
        (("From: a@x.com", "From: b@y.com"), "a@x.com"),
        (("From : a@x.com", "From: b@y.com"), "a@x.com"),
        (("From: a@x.com", "FROM\t: b@y.com"), "a@x.com"),
        ((" From: a@x.com", "From: b@y.com"), "a@x.com"),
        (("\tFrom: a@x.com", "From: b@y.com"), "a@x.com"),
        (("From: a@x.com", "From", " : b@y.com"), "a@x.com"),
        (("From: a@x.com", "Fr", " om: b@y.com"), "a@x.com"),
        (("From: a@x.com", "Fr\x00om: b@y.com"), "a@x.com"),
        (("From: a@x.com", "\x00From: b@y.com"), "a@x.com"),
        (("From: a@x.com", "From\x7f: b@y.com"), "a@x.com"),
        (("From: a@x.com", "From\u200b: b@y.com"), "a@x.com"),
        (("From: a@x.com", "\ufeffFrom: b@y.com"), "a@x.com"),
        (("From: a@x.com", ">From: b@y.com"), "a@x.com"),
        (("From: a@x.com", "Subject: Hi\rFrom: b@y.com"), "a@x.com"),
        (("From: a@x.com", "Subject: Hi", " From: b@y.com"), "a@x.com"),
        (("From: a@x.com", "garbage", "From: b@y.com"), "a@x.com"),
        # One that not every reader sees
        (("From : a@x.com",), "a@x.com"),
        ((" From: a@x.com",), "a@x.com"),
        (("From", " : a@x.com"), "a@x.com"),
        (("F\x00rom: a@x.com",), "a@x.com"),
        (("Subject: Hi\rFrom: a@x.com", "To: b"), "a@x.com"),
        (("garbage", "From: a@x.com"), "a@x.com"),
        (("Subject: Hi", "garbage", "From: a@x.com"), "a@x.com"),
        (("Subject: Hi", " ", "From: a@x.com"), "a@x.com"),
        (("Subject: Hi", ">From x Mon Mar 3 08:00:00 2025", "From: a@x.com"), "a@x.com"),
        (("Subject: Hi", "From x Mon Mar 3 08:00:00 2025", "From: a@x.com"), "a@x.com"),
        (("From:", " ", " a@x.com"), "a@x.com"),
        # One that readers cut in different places
        (('From: "victim@x.com\x00" <b@y.com>',), "b@y.com"),
        (("From: Anna\x0b <a@x.com>",), "a@x.com"),
        (("From: a@x.com\rb: c", "To: d"), None),
        (("From: victim@x.com\x00 <b@y.com>",), "b@y.com"),
        (("From: Anna <\udcf1anna@x.com>",), None),
        (("From: anna@\udce9x.com",), None),
        (("From: =?utf-8?q?anna?=@x.com",), None),
        (("From: \ufeffanna@x.com",), None),
        (("From: \u2028anna@x.com",), "anna@x.com"),
        (("From: \xa0anna@x.com",), "anna@x.com"),
        (("From: Anna <\u3000anna@x.com>",), "anna@x.com"),
        (("From: Anna <=?utf-8?q?anna?=@x.com>",), None),
    ],
)
def test_a_from_line_in_any_other_spelling_is_failed__RES_14(lines: tuple[str, ...], address: str | None) -> None:
    contact = read(PASSED, *lines, "", "Hello") if lines[0][0] not in " \t" else read(*lines, PASSED, "", "Hello")
    assert contact.sender_state == "failed"
    assert contact.body == "Hello"
    assert address is None or contact.sender.email == address


@pytest.mark.parametrize(
    "lines",
    [
        ("From x@y Mon Mar 3 08:00:00 2025", "From: a@x.com"),
        ("From: a@x.com", "garbage", "Subject: Hi"),
        ("From: a@x.com", "Subject : Hi"),
        ("From: a@x.com", "DKIM-Signature: v=1; h=to:", " from:subject; d=x.com; i=@x.com"),
        ("From: a@x.com", "Received: from b", "\tfor <c@y.com>"),
        ("From: a@x.com", "Resent-From: b@y.com", "X-From: c@y.com"),
        ("FROM: a@x.com",),
        ("From:a@x.com",),
        ("From:", "\ta@x.com"),
    ],
)
def test_a_from_line_that_everybody_reads_alike_is_sound__RES_14(lines: tuple[str, ...]) -> None:
    contact = read(*lines, "", "Hello")
    assert (contact.sender.email, contact.sender_state, contact.body) == ("a@x.com", "unchecked", "Hello")


def test_a_from_line_behind_what_some_readers_take_for_the_end_is_sound_but_proves_nobody__RES_14() -> None:
    assert read(PASSED, "Subject : Hi", "From: a@x.com", "", "Hello").sender_state == "unchecked"
    assert read("", PASSED, "From: a@x.com", "", "Hello").sender_state == "unchecked"
    assert read("\ufeff" + PASSED, "From: a@x.com", "", "Hello").sender_state == "unchecked"
    assert read(PASSED, "Subject: Hi", "From: a@x.com", "", "Hello").sender_state == "proven"


@pytest.mark.parametrize("name", ["[Shop] Anna", "Anna \\", "Anna]"])
def test_a_name_that_should_be_quoted_proves_nobody__RES_14(name: str) -> None:
    assert read(PASSED, f"From: {name} <a@x.com>", "", "Hello").sender_state == "unchecked"
    assert read(PASSED, f'From: "{name.replace(chr(92), "")}" <a@x.com>', "", "Hello").sender_state == "proven"


@pytest.mark.parametrize(
    "line",
    [
        "From x@y Mon Mar 3 08:00:00 2025",
        ">From x@y Mon Mar 3 08:00:00 2025",
        "+OK 1234 octets",
        "garbage",
        ": no name",
        "Dear all: this is a line",
        "",
        "X",
        b"\x00\xff\xfe",
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_line_that_is_no_header_hides_none_of_those_after_it(line: str | bytes, place: int) -> None:
    headers: list[str | bytes] = ["From: a@x.com", "Subject: Hi", "Content-Type: text/html"]
    if line == "" and place:
        return
    headers.insert(place, line)
    contact = read(*headers, "", "<b>Hello</b>")
    assert (contact.sender.email, contact.body) == ("a@x.com", "Hello")
    assert (contact.subject or "").startswith("Hi")


def test_what_stands_among_the_headers_and_is_none_is_kept() -> None:
    contact = read("+OK octets", "From: a@x.com", "From b Mon", "gar", " bage", "Subject: Hi", "", "Hello")
    assert json.loads(contact.data or "")["stray"] == "+OK octets\nFrom b Mon\ngar  bage"


def test_text_right_behind_the_headers_is_the_body() -> None:
    assert read("From: a@x.com", "Subject: Hi", "Hello Ada,", "note: see you", "", "Bye").body == (
        "Hello Ada,\nnote: see you\n\nBye"
    )


def test_a_last_line_that_is_no_header_does_not_spoil_an_encoded_body() -> None:
    contact = read("From: a@x.com", "Content-Transfer-Encoding: base64", "garbage", "", "SGVsbG8=")
    assert (contact.body, json.loads(contact.data or "")["stray"]) == ("Hello", "garbage")


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"Hello", "Hello"),
        (b"Hello\r\n\r\nthere\r\n", "Hello\n\nthere"),
        (b"Dear team: call me\n\nBye", "Dear team: call me\n\nBye"),
        (b"Note: milk\n\nBye", "Note: milk\n\nBye"),
        (b"From x Mon\n\n", "From x Mon"),
        (b"  Hello", "  Hello"),
        (b"\x00\xff", "\ufffd\xff"),
        ("Grüße".encode(), "Grüße"),
        (b": empty", ": empty"),
    ],
)
def test_text_without_a_header_is_an_anonymous_mail__RES_8(raw: bytes, body: str) -> None:
    contact = contact_of_email(raw)
    assert (contact.sender.email, contact.sender.name, contact.body) == (None, None, body)
    assert contact.sender_state == "failed"


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r", b"\r\r\n"])
def test_lines_may_end_in_any_way(end: bytes) -> None:
    contact = contact_of_email(end.join((b"Subject: Hi", b"From: a@x.com", b"", b"Hello", b"there", b"")))
    assert (contact.subject, contact.sender.email, (contact.body or "").strip()) == ("Hi", "a@x.com", "Hello\nthere")


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("<taro..s@docomo.example>", "taro..s@docomo.example"),
        ("taro.@docomo.example", "taro.@docomo.example"),
        (".taro@docomo.example (Taro)", ".taro@docomo.example"),
        ('<"john doe"@x.example>', '"john doe"@x.example'),
        ('"john doe"@x.example', '"john doe"@x.example'),
        ('"a@b, c"@x.example', '"a@b, c"@x.example'),
        ('John <"a \\" b"@x.example>', '"a \\" b"@x.example'),
        ("a@my_host.example", "a@my_host.example"),
        ("A <a@printer.local>", "a@printer.local"),
        ("a@x.example.", "a@x.example."),
        ("A <o'neill+x/y=z@x.example>", "o'neill+x/y=z@x.example"),
        ("A <用户@例え.example>", "用户@例え.example"),
    ],
)
def test_an_address_reaches_its_normal_form_as_it_was_written__PRO_10(
    line: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_sender, "parse_email", lambda text: text)
    contact = read(f"From: {line}", "", "Hello")
    assert (contact.sender.email, contact.sender_state) == (address, "unchecked")


@pytest.mark.parametrize(
    "raw",
    [
        b"a\n" * 500_000 + b"From: a@x.com\n\n",
        b"From: a@x.com\n" * 70_000 + b"\n",
        b"Subject: x\n" + b" \n" * 500_000 + b"\n",
        b"F\n " * 300_000 + b": a@x.com\n\n",
        b"From\x00" * 200_000 + b": a@x.com\n\n",
        b"Subject: x\n" + b" from:" * 150_000 + b"\n\n",
        b"\r" * 1_000_000 + b"From: a@x.com",
    ],
    ids=lambda raw: repr(raw[:12]),
)
def test_headers_without_an_end_are_read_quickly(raw: bytes) -> None:
    begun = time.process_time()
    contact_of_email(raw)
    assert time.process_time() - begun < 5
