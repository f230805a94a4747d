"""Mails that nobody writes, of any size: each is made to cost much."""

from __future__ import annotations

from collections.abc import Callable

HEAD = b"From: a@x.example\r\nTo: b@y.example\r\nSubject: s\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n"
MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
PLAIN = b"Content-Type: text/plain\r\n"


def _filled(before: bytes, piece: bytes, after: bytes = b"") -> Callable[[int], bytes]:
    return lambda size: before + piece * max(1, (size - len(before) - len(after)) // len(piece)) + after


def _nested(size: int) -> bytes:
    levels = (b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(size // 60))
    return HEAD + b"".join(levels)


def _deep_and_long(size: int) -> bytes:
    """As deep as mail is read, with all of its lines in the innermost part."""
    levels = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(90))
    return HEAD + levels + b"\r\n" + b"--b\r\n" * ((size - len(levels)) // 5)


WORST: dict[str, Callable[[int], bytes]] = {
    "lines of text": _filled(HEAD + b"\r\n", b"hello world, this is a line\r\n"),
    "empty lines": _filled(HEAD + b"\r\n", b"\n"),
    "bare returns": _filled(HEAD + b"\r\n", b"\r"),
    "quotations": _filled(HEAD + b"\r\n", b"> a\n"),
    "empty parts": _filled(HEAD + MIXED, b"--b\r\n\r\n"),
    "boundaries": _filled(HEAD + MIXED, b"--b\n"),
    "parts": _filled(HEAD + MIXED, b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n"),
    "almost boundaries": _filled(HEAD + MIXED, b"--bx\r\n"),
    "multiparts beside": _filled(HEAD + MIXED, b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n"),
    "multiparts within": _nested,
    "deep and long": _deep_and_long,
    "messages within": _filled(HEAD, b"Content-Type: message/rfc822\r\n\r\n"),
    "reports": _filled(
        HEAD + b"Content-Type: message/delivery-status\r\n\r\n", b"Final-Recipient: rfc822; a@b.example\r\n\r\n"
    ),
    "headers": _filled(HEAD, b"X-A: b\r\n", b"\r\nbody"),
    "short headers": _filled(HEAD, b"X:\n", b"\r\nbody"),
    "one long header": _filled(HEAD + b"X: ", b"a", b"\r\n\r\nbody"),
    "a folded header": _filled(HEAD + b"X: a\r\n", b" b\r\n", b"\r\nbody"),
    "a long From": _filled(b"From: ", b"<a@b>,", b"\r\n\r\nbody"),
    "comments in From": _filled(b"From: ", b"(", b"\r\n\r\nbody"),
    "many From": _filled(b"", b"From: a@b.example\r\n", b"\r\nbody"),
    "references": _filled(HEAD + b"References: ", b"<a@b> ", b"\r\n\r\nbody"),
    "results": _filled(HEAD, b"Authentication-Results: x; dmarc=pass\r\n", b"\r\nbody"),
    "one long result": _filled(HEAD + b"Authentication-Results: x", b"; dkim=pass", b"\r\n\r\nbody"),
    "parameters": _filled(HEAD + b"Content-Type: text/plain; ", b"a=b;", b"\r\n\r\nbody"),
    "encoded words": _filled(HEAD + b"X: y\r\nSubject: ", b"=?utf-8?q?a?= ", b"\r\n\r\nbody"),
    "tags": _filled(HEAD + b"Content-Type: text/html\r\n\r\n", b"<div>"),
    "paragraphs": _filled(HEAD + b"Content-Type: text/html\r\n\r\n", b"<p>hello</p>\n"),
    "entities": _filled(HEAD + b"Content-Type: text/html\r\n\r\n", b"&amp;"),
    "open tags": _filled(HEAD + b"Content-Type: text/html\r\n\r\n", b"<"),
    "open comments": _filled(HEAD + b"Content-Type: text/html\r\n\r\n", b"<!--"),
    "quoted-printable": _filled(HEAD + PLAIN + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n", b"=41=42=\r\n"),
    "base64": _filled(HEAD + PLAIN + b"Content-Transfer-Encoding: base64\r\n\r\n", b"QUFB\r\n"),
    "broken base64": _filled(HEAD + PLAIN + b"Content-Transfer-Encoding: base64\r\n\r\n", b"Q=\r\n"),
    "uuencoded": _filled(
        HEAD + PLAIN + b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 a\n", b"#0V%T\n", b"`\nend\n"
    ),
    "UTF-7": _filled(HEAD + b"Content-Type: text/plain; charset=utf-7\r\n\r\n", b"+AGE-"),
    "flowed": _filled(HEAD + b"Content-Type: text/plain; format=flowed\r\n\r\n", b"> a \n"),
}
