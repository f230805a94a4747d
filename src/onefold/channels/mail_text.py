"""Bytes and encoded words of mail as text, in the charset they are said to be in or, failing that, in a likely one."""

from __future__ import annotations

import binascii
import codecs
import itertools
import re
from collections.abc import Callable
from typing import TypeVar

import webencodings

T = TypeVar("T")

_ENCODED_WORD = r"=\?([^?\s*]{1,40})(?:\*[^?\s]{0,40})?\?([bBqQ])\?([^?]*)\?="
_ENCODED_WORDS = re.compile(r"(?:=\?[^?\s]{1,81}\?[bBqQ]\?[^?]*\?=)+")
_CHARSET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,39}\Z", re.ASCII)
# Said by programs that do not know; what the bytes are is then for them to say.
_UNSAID = frozenset(
    """
        ascii us-ascii ansi_x3.4-1968 iso-ir-6 iso646-us iso_646.irv:1991 646 cp367 ibm367 us default unknown
        unknown-8bit x-unknown 8bit 7bit binary none
    """.split()
)
# Names that mail programs use beside those of the web, and the web's decoders by the codecs that read as they do.
_MEANT = {
    "big5": "big5hkscs",
    "chinesebig5": "big5hkscs",
    "cp50220": "iso-2022-jp",
    "cp50221": "iso-2022-jp",
    "cp50222": "iso-2022-jp",
    "cp65001": "utf-8",
    "euc-kr": "cp949",
    "gb2312_charset": "gb18030",
    "gbk": "gb18030",
    "iso-2022-jp-ms": "iso-2022-jp",
    "iso-8859-8-i": "iso-8859-8",
    "mac": "mac-roman",
    "macintosh": "mac-roman",
    "shift_jis": "cp932",
    "utf8mb4": "utf-8",
    "windows-874": "cp874",
    "x-mac-ce": "mac-latin2",
    "x-mac-centraleurroman": "mac-latin2",
    "x-mac-chinesesimp": "gb18030",
    "x-mac-chinesetrad": "big5hkscs",
    "x-mac-cyrillic": "mac-cyrillic",
    "x-mac-icelandic": "mac-iceland",
    "x-mac-japanese": "cp932",
    "x-mac-korean": "cp949",
    "x-mac-ukrainian": "mac-cyrillic",
    "utf-16": "utf-16",
}
_CODE_PAGE = re.compile(r"(?:x-)?(?:cp|ibm|ms|windows|win|dos|oem)[-_]?0*([1-9][0-9]{1,4})")
# Codecs for other things than mail; some take quadratic time.
_NOT_FOR_MAIL = frozenset(("idna", "punycode", "undefined", "unicode_escape", "unicode-escape", "raw_unicode_escape"))
_META = re.compile(rb"""<meta\s[^>]{0,500}?charset\s{0,9}=\s{0,9}["']?\s{0,9}([\w.:-]{1,40})""", re.IGNORECASE)
_FIRST_LINE = re.compile(rb"([\r\n]+)")
_NO_SIGNS = dict.fromkeys(range(0xF8F0, 0xF8F4), "\ufffd")
_USER_DEFINED = {byte: 0xF700 + byte for byte in range(0x80, 0x100)}
_BEYOND_ASCII = re.compile("[^\x00-\x7f]")
_META_WITHIN = 4_096
_JAPANESE = re.compile(rb"(\x1b(?:\([BJIH]|\$[@B]|\$\([@BD])|[\x0e\x0f])")


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
    """The bytes as text: in the charset they are said to be in, if it is one, else as what they look like.

    A byte that has no meaning there costs itself only.
    """
    codec = _codec(charset)
    if codec == "iso2022_jp":
        return _japanese(content)
    if codec == "x-user-defined" and _is_utf_8(content):
        codec = "utf-8"
    text = None if codec is None else or_otherwise(lambda: _decode(content, codec), content.decode("utf-8", "replace"))
    return _likely(content) if text is None else text


def html_charset(content: bytes) -> str | None:
    """The charset that HTML says it is in, if its bytes can be read so."""
    if content.startswith(codecs.BOM_UTF8):
        return "utf-8"
    said = _META.search(content[:_META_WITHIN])
    name = None if said is None else said[1].decode("ascii", "replace").lower()
    # What could be read as ASCII so far is not in UTF-16, whatever it says.
    return "utf-8" if name is not None and name.startswith("utf-16") else name


def _decode(content: bytes, codec: str) -> str:
    if codec == "cp932":
        return _cp932(content)
    if codec == "x-user-defined":
        return content.decode("latin-1").translate(_USER_DEFINED)
    if codec == "euc_jp":
        return or_otherwise(lambda: content.decode(codec), content.decode("euc_jis_2004", "replace"))
    return content.decode(codec, "replace")


def _cp932(content: bytes) -> str:
    """Python gives the four bytes without a meaning private signs of its own."""
    return content.decode("cp932", "replace").translate(_NO_SIGNS)


def _likely(content: bytes) -> str:
    """As UTF-8, even with some bytes in it that are none, else as Windows-1252."""
    if content.isascii():
        return content.decode("ascii")
    text = content.decode("utf-8", "replace")
    replaced = text.count("\ufffd")
    return text if len(_BEYOND_ASCII.findall(text)) >= 2 * replaced else content.decode("cp1252", "replace")


def _is_utf_8(content: bytes) -> bool:
    return or_otherwise(lambda: content.decode("utf-8"), None) is not None


def _japanese(content: bytes) -> str:
    """ISO-2022-JP as senders write it: with half-width katakana, and with the signs that Windows adds.

    Two bytes stand for one sign between escape sequences; the same sign has other two bytes in Shift JIS, whose
    Windows form knows the added ones.
    """
    first, *rest = _JAPANESE.split(content)
    texts = [_one_byte_run(first)]
    for escape, run in zip(rest[::2], rest[1::2], strict=True):
        # Every line begins in ASCII again, so that a lost sequence does not cost the next one.
        line, end, others = _FIRST_LINE.split(run, 1) if _FIRST_LINE.search(run) else (run, b"", b"")
        texts += [_japanese_run(escape, line), end.decode("ascii"), _one_byte_run(others)]
    return "".join(texts)


def _japanese_run(escape: bytes, run: bytes) -> str:
    if escape in (b"\x1b(I", b"\x0e"):
        return _cp932(bytes(byte | 0x80 if 0x21 <= byte <= 0x5F else byte for byte in run))
    if escape == b"\x1b$(D":
        return (escape + run).decode("iso2022_jp_2", "replace")
    return _two_byte_run(run) if escape.startswith(b"\x1b$") else _one_byte_run(run)


def _one_byte_run(run: bytes) -> str:
    return or_otherwise(lambda: run.decode("utf-8"), _cp932(run))


def _two_byte_run(run: bytes) -> str:
    texts: list[str] = []
    for part in re.findall(rb"(?:[\x21-\x7e]{2})+|[\x21-\x7e](?![\x21-\x7e])|[^\x21-\x7e]+", run):
        if len(part) == 1 and 0x21 <= part[0] <= 0x7E:
            texts.append("\ufffd")
        elif 0x21 <= part[0] <= 0x7E:
            texts.append(_cp932(_shift_jis(part)))
        else:
            texts.append(_one_byte_run(part))
    return "".join(texts)


def _shift_jis(pairs: bytes) -> bytes:
    shifted = bytearray()
    for row, cell in zip(pairs[::2], pairs[1::2], strict=True):
        first = (row + 1) // 2 + (0x70 if row < 0x5F else 0xB0)
        second = cell + (0x7E if row % 2 == 0 else 0x20 if cell > 0x5F else 0x1F)
        shifted += bytes((first, second))
    return bytes(shifted)


def _codec(charset: str | None) -> str | None:
    if charset is None or not _CHARSET.match(charset):
        return None
    name = charset.lower()
    if name in _UNSAID:
        return None
    page = _CODE_PAGE.fullmatch(name)
    spellings = [
        name,
        name.replace("_", "-"),
        name.removeprefix("x-"),
        *([f"cp{page[1]}", f"windows-{page[1]}"] if page else []),
    ]
    return next(filter(None, map(_known_codec, spellings)), None)


def _known_codec(name: str) -> str | None:
    """The codec for a name, by what the web means by it (the WHATWG's labels) or else by what Python does."""
    label = webencodings.lookup(name)
    # "replacement" is the web's refusal to read what might hide a script; a mail is shown as text.
    if label is not None and label.name == "x-user-defined":
        return "x-user-defined"
    meant = _MEANT.get(name) or (label.name if label is not None and label.name != "replacement" else name)
    codec = or_otherwise(lambda: codecs.lookup(_MEANT.get(meant, meant)), None)
    if codec is None or codec.name in _NOT_FOR_MAIL:
        return None
    return "iso2022_jp" if codec.name.startswith("iso2022_jp") else codec.name


def or_otherwise(read: Callable[[], T], otherwise: T) -> T:
    """What `read` gives, `otherwise` if it fails: the library raises errors of all kinds, none documented."""
    try:
        return read()
    except Exception:
        return otherwise
