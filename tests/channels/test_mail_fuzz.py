"""Mails with things done to them: each is a contact, and none proves a sender whom other readers see otherwise.

A failure prints the seed of its mutant: `mutant(seed)` gives the same bytes again.
"""

from __future__ import annotations

import os
import random
import re
import time
from email.parser import BytesParser
from email.policy import compat32, default

import pytest

from onefold.channels.email import contact_of_email
from onefold.channels.mail_reply import fold_quotes
from onefold.contact_points.blocklist import DEFAULT_ENTRIES, Blocklist
from onefold.contact_points.emails import parse_email
from onefold.core.errors import InvalidValue
from onefold.organizations.policy import Policy
from onefold.receiving.normalise import normalise_contact

SECONDS = float(os.environ.get("ONEFOLD_MAIL_SOAK_SECONDS", "60"))
FIRST_SEED = int(os.environ.get("ONEFOLD_MAIL_SOAK_SEED", "1000000"))
POLICY = Policy(1, "GB", "listed", False, 20, "inbox", frozenset(("inbox",)), Blocklist(DEFAULT_ENTRIES))
PASSED = b"Authentication-Results: mx.shop.example; dmarc=pass header.from=x.example\r\n"
CORPUS = (
    PASSED + b"From: Ada <ada@x.example>\r\nTo: we@shop.example\r\nSubject: Order\r\n\r\nWhere is it?\r\n",
    PASSED
    + b"Received: from x by y\r\n\tfor <we@shop.example>\r\nFrom: ada@x.example (Ada)\r\nSubject: a\r\n b\r\n\r\nHi",
    b"Received: from a by mx.shop.example\nAuthentication-Results: mx.shop.example;\n dkim=pass header.d=x.example;\n"
    b' spf=pass smtp.mailfrom="b c"@x.example\nDKIM-Signature: v=1; d=x.example; h=to:\n from:subject\n'
    b'From: "Lovelace, Ada" <ada@x.example>\nSender: bob@y.example\nReply-To: c@z.example\n\nHi\n',
    b"From x@y Mon Mar  3 08:00:00 2025\n"
    + PASSED
    + b"From: =?utf-8?q?Ad=C3=A1?= <ada@x.example>\n\n> q\nHi\n-- \nAda\n",
    PASSED
    + b"From: ada@x.example\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n"
    + b"Content-Type: text/plain; charset=iso-2022-jp; format=flowed; delsp=yes\r\n\r\n"
    + b"\x1b$BCmJ8\x1b(B \r\nok\r\n--b\r\n"
    + b"Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    + b"<meta charset=3Dkoi8-r><p style=3D'display:none'>x</p>=D0<blockquote>y\r\n--b--\r\n",
    b"Authentication-Results: spf=softfail (open; dkim=fail; dmarc=fail\r\nFrom : ada@x.example\r\n\r\nHi\r\n",
    PASSED
    + b"Return-Path: <>\r\nFrom: Mail <MAILER-DAEMON@x.example>\r\n"
    + b'Content-Type: multipart/report; boundary="r"\r\n\r\n--r\r\n\r\nFailed\r\n--r\r\n'
    + b"Content-Type: message/rfc822\r\n\r\nMessage-ID: <1@shop.example>\r\nFrom: b@y.example\r\n\r\nHi\r\n--r--\r\n",
    PASSED
    + b"From: ada@x.example\r\nContent-Type: text/plain; name*0*=utf-8''a%20; name*1=b.txt\r\n"
    + b'Content-Disposition: inline; filename="=?utf-8?b?w7w=?=.txt"\r\n'
    + b"Content-Transfer-Encoding: base64\r\n\r\nSGVsbG8=\r\n",
    b"Just some text\nwithout: a header\n\nof mail",
)
BYTES = (*b"\x00\x0b\x0c\t \r\n\x85\xff\xc3", *b'<>"\\(),;:@=')
PIECES = (
    *(bytes((one,)) for one in BYTES),
    *(
        b"\r\n",
        b"\r\n\r\n",
        b"\x1b$B",
        b"\xe2\x80\xa8",
        b"\xef\xbb\xbf",
        b"garbage\n",
        b">From x Mon\n",
        b"From x Mon\n",
    ),
    *(b"From: victim@y.example\r\n", b"From : victim@y.example\n", b" From: victim@y.example\n", b"From", b"from:"),
    *(b"Sender: victim@y.example\n", b"Subject: ", b"victim@y.example", b"<victim@y.example>", b"undisclosed:;"),
    *(b"=?utf-8?q?", b"?=", b"=?utf-8?q?victim=40y=2Eexample?=", b"=?utf-8?b?AA==?="),
    *(PASSED, b"Authentication-Results: y.example; dmarc=pass\n", b"dmarc=fail; ", b"dmarc=pass; "),
    *(b"--b", b"--b--", b"boundary=b", b"Content-Type: message/rfc822\n", b"Content-Transfer-Encoding: uue\n"),
    *(b"Content-Type: text/html; charset=x-user-defined\n", b"Received: from y.example by y.example\n"),
)


def mutant(seed: int) -> bytes:
    """A mail of the corpus with up to six things done to it; the same for the same seed."""
    rng = random.Random(seed)
    raw = rng.choice(CORPUS)
    for _ in range(rng.randint(1, 6)):
        raw = _changed(rng, raw)
    return raw


def _changed(rng: random.Random, raw: bytes) -> bytes:
    # What is done to the headers tells more than what is done to the text.
    limit = len(raw) if rng.random() < 0.4 else min(len(raw), 300)
    start = rng.randint(0, limit)
    end = min(start + rng.choice((0, 1, 1, 2, 5, 20)), len(raw))
    lines = raw.splitlines(keepends=True)
    kind = rng.randrange(7)
    if kind == 0:
        return raw[:start] + raw[end:]
    if kind == 1:
        return raw[:start] + bytes((rng.randrange(256),)) + raw[start + 1 :]
    if kind == 2 and lines:
        number = rng.randrange(len(lines))
        moved = lines.pop(number) if rng.random() < 0.5 else lines[number]
        lines.insert(rng.randint(0, len(lines)), moved)
        return b"".join(lines)
    if kind == 3:
        other = rng.choice(CORPUS)
        return raw[:start] + other[rng.randint(0, len(other)) :]
    if kind == 4:
        return raw[:start] + raw[start:end].swapcase() + raw[end:]
    if kind == 5 and lines:
        number = rng.randrange(len(lines))
        lines[number] = rng.choice(PIECES) + lines[number]
        return b"".join(lines)
    return raw[:start] + rng.choice(PIECES) + raw[start:]


def check(raw: bytes) -> bool:
    """Holds the reading of a mail against what must be true of any; tells whether its sender is proven."""
    if not raw.strip():
        with pytest.raises(InvalidValue):
            contact_of_email(raw)
        return False
    contact = contact_of_email(raw)
    assert contact == contact_of_email(raw)
    normalise_contact(contact, POLICY)
    visible, folded = fold_quotes(contact.body or "")
    assert visible + folded == (contact.body or "")
    if contact.sender_state != "proven":
        return False
    assert contact.sender.email is not None
    assert _plain_reading(raw) == [contact.sender.email]
    assert _reading_of_the_library(raw) in ([contact.sender.email], None)
    return True


def _plain_reading(raw: bytes) -> list[str]:
    """The addresses of the first line that begins with `From:`, as somebody would see them who looks at it."""
    lines = raw.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    first = next(number for number, line in enumerate(lines) if line.lower().startswith("from:"))
    last = next((n for n in range(first + 1, len(lines)) if lines[n][:1] not in (" ", "\t")), len(lines))
    line = re.sub(r'"(?:\\.|[^"\\])*"|\((?:\\.|[^()\\])*\)', " ", "".join(lines[first:last])[len("from:") :])
    return [parse_email(address) for address in re.findall(r"[^\s<>,;:]+@[^\s<>,;:]+", line)]


def _reading_of_the_library(raw: bytes) -> list[str] | None:
    """The addresses that the standard library's modern policy reads; None where it breaks down itself."""
    # It is given only the From lines to read: at some other headers it raises, too.
    lines = BytesParser(policy=compat32).parsebytes(raw, headersonly=True).get_all("From", [])
    try:
        headers = [default.header_fetch_parse("From", str(line)) for line in lines]
        specs = [one.addr_spec for header in headers for one in header.addresses]
    except (AttributeError, IndexError):
        return None
    return [parse_email(spec) for spec in specs]


@pytest.mark.parametrize("raw", CORPUS, ids=range(len(CORPUS)))
def test_the_corpus_is_read(raw: bytes) -> None:
    proven = raw not in (CORPUS[5], CORPUS[8])
    assert check(raw) is proven


def test_a_thousand_mutants_are_read_and_prove_nobody_else__RES_14() -> None:
    proven = sum(_checked(seed) for seed in range(1_000))
    assert proven > 50


@pytest.mark.soak
def test_mutants_are_read_and_prove_nobody_else__RES_14() -> None:
    until = time.monotonic() + SECONDS
    seed = FIRST_SEED
    while time.monotonic() < until:
        _checked(seed)
        seed += 1


def _checked(seed: int) -> bool:
    raw = mutant(seed)
    try:
        return check(raw)
    except Exception as fault:
        raise AssertionError(f"mutant({seed}): {raw!r}") from fault
