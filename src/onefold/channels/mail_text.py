"""Bytes and encoded words of mail as text, in the charset they are said to be in or, failing that, in a likely one."""

from __future__ import annotations

import binascii
import codecs
import itertools
import re
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_ENCODED_WORD = r"=\?([^?\s*]{1,40})(?:\*[^?\s]{0,40})?\?([bBqQ])\?([^?]*)\?="
_ENCODED_WORDS = re.compile(r"(?:=\?[^?\s]{1,81}\?[bBqQ]\?[^?]*\?=)+")
_CHARSET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,39}\Z", re.ASCII)
# What senders say, and what they mean by it.
_MEANT = {
    "ascii": None,
    "us-ascii": None,
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "iso-8859-8-i": "iso-8859-8",
}
# Codecs for other things than mail; some take quadratic time.
_NOT_FOR_MAIL = frozenset(("idna", "punycode", "undefined", "unicode_escape", "unicode-escape", "raw_unicode_escape"))


def words_decoded(text: str) -> str:
    """The text with its encoded words (RFC 2047) read, also broken ones and ones torn inside a character."""
    return _ENCODED_WORDS.sub(_decoded_run, re.sub(r"\?=\s+(?==\?)", "?=", text))


def _decoded_run(run: re.Match[str]) -> str:
    words = re.findall(_ENCODED_WORD, run[0])
    groups = itertools.groupby(words, key=lambda word: str(word[0]).lower())
    decoded = [text_of(b"".join(_word_bytes(word[1], word[2]) for word in group), name) for name, group in groups]
    return "".join(decoded) or run[0]


def _word_bytes(encoding: str, text: str) -> bytes:
    if encoding in "qQ":
        return binascii.a2b_qp(text.encode("utf-8", "replace"), header=True)
    base64_text = re.sub(r"[^A-Za-z0-9+/]", "", text)
    base64_text = base64_text[:-1] if len(base64_text) % 4 == 1 else base64_text
    return binascii.a2b_base64(base64_text + "=" * (-len(base64_text) % 4))


def text_of(content: bytes, charset: str | None) -> str:
    """The bytes as text: in the charset they are said to be in, if it is one, else as UTF-8, else as Windows-1252."""
    codec = _codec(charset)
    if codec is not None:
        return or_otherwise(lambda: content.decode(codec, "replace"), content.decode("utf-8", "replace"))
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _codec(charset: str | None) -> str | None:
    if charset is None or not _CHARSET.match(charset):
        return None
    meant = _MEANT.get(charset.lower(), charset)
    name = None if meant is None else or_otherwise(lambda: codecs.lookup(meant).name, None)
    return None if name in _NOT_FOR_MAIL else name


def or_otherwise(read: Callable[[], T], otherwise: T) -> T:
    """What `read` gives, `otherwise` if it fails: the library raises errors of all kinds, none documented."""
    try:
        return read()
    except Exception:
        return otherwise
