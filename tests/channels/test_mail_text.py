"""Bytes of mail in every charset that senders name, as text."""

from __future__ import annotations

import pytest
import webencodings
from hypothesis import given
from hypothesis import strategies as st

from onefold.channels.email import contact_of_email
from onefold.channels.mail_text import text_of

GERMAN = "Grüße, Mörder"


def body(content: bytes, *, kind: str = "text/plain", charset: str | None = None) -> str:
    said = "" if charset is None else f"; charset={charset}"
    return contact_of_email(f"From: a@x.com\nContent-Type: {kind}{said}\n\n".encode() + content).body or ""


@pytest.mark.parametrize(
    ("charset", "content", "text"),
    [
        ("windows-874", "สวัสดี".encode("cp874"), "สวัสดี"),
        ("TIS-620", "สวัสดี".encode("cp874"), "สวัสดี"),
        ("windows-31j", "①注文㈱髙".encode("cp932"), "①注文㈱髙"),
        ("x-sjis", "注文".encode("cp932"), "注文"),
        ("cp932", "ﾃｽﾄ".encode("cp932"), "ﾃｽﾄ"),
        ("x-mac-roman", GERMAN.encode("mac-roman"), GERMAN),
        ("macintosh", GERMAN.encode("mac-roman"), GERMAN),
        ("x-mac-ce", "žluťoučký".encode("mac-latin2"), "žluťoučký"),
        ("x-mac-cyrillic", "Где".encode("mac-cyrillic"), "Где"),
        ("x-mac-greek", "Πού".encode("mac-greek"), "Πού"),
        ("x-mac-turkish", "ağ".encode("mac-turkish"), "ağ"),
        ("big5", "訂單".encode("big5"), "訂單"),
        ("big5-hkscs", "喺".encode("big5hkscs"), "喺"),
        ("x-x-big5", "訂單".encode("big5"), "訂單"),
        ("gb2312", "订单镕".encode("gbk"), "订单镕"),
        ("x-gbk", "订单".encode("gbk"), "订单"),
        ("gb18030", "订单😀".encode("gb18030"), "订单😀"),
        ("hz-gb-2312", "订单".encode("hz"), "订单"),
        ("ks_c_5601-1987", "주문똠".encode("cp949"), "주문똠"),
        ("euc-kr", "주문똠".encode("cp949"), "주문똠"),
        ("iso-2022-kr", "주문".encode("iso2022_kr"), "주문"),
        ("euc-jp", "注文".encode("euc_jp"), "注文"),
        ("x-euc-jp", "①".encode("euc_jis_2004"), "①"),
        ("iso-2022-jp", "注文、ＡＢ".encode("iso2022_jp"), "注文、ＡＢ"),
        ("iso-2022-jp", b"\x1b(I\x43\x3d\x44\x1b(B ok", "ﾃｽﾄ ok"),
        ("iso-2022-jp", b"\x1b$B-!\x1b(B", "①"),
        ("iso-2022-jp", b"\x0e\x43\x3d\x44\x0f ok", "ﾃｽﾄ ok"),
        ("iso-2022-jp", "ﾃｽﾄ ok".encode("cp932"), "ﾃｽﾄ ok"),
        ("csISO2022JP", "注文".encode("iso2022_jp"), "注文"),
        ("cp50221", "注文".encode("iso2022_jp"), "注文"),
        ("iso-2022-jp-ms", "注文".encode("iso2022_jp"), "注文"),
        ("unicode-1-1-utf-8", GERMAN.encode(), GERMAN),
        ("utf8", GERMAN.encode(), GERMAN),
        ("utf8mb4", GERMAN.encode(), GERMAN),
        ("cp65001", GERMAN.encode(), GERMAN),
        ("utf-8", b"\xef\xbb\xbf" + GERMAN.encode(), GERMAN),
        ("utf-16", GERMAN.encode("utf-16"), GERMAN),
        ("utf-16le", GERMAN.encode("utf-16le"), GERMAN),
        ("utf-16be", b"\xfe\xff" + GERMAN.encode("utf-16be"), GERMAN),
        ("cp-850", GERMAN.encode("cp850"), GERMAN),
        ("CP850", GERMAN.encode("cp850"), GERMAN),
        ("ibm-850", GERMAN.encode("cp850"), GERMAN),
        ("dos-866", "Где".encode("cp866"), "Где"),
        ("win-1251", "Где".encode("cp1251"), "Где"),
        ("x-cp1251", "Где".encode("cp1251"), "Где"),
        ("windows_1251", "Где".encode("cp1251"), "Где"),
        ("koi8-r", "Где".encode("koi8-r"), "Где"),
        ("koi8-u", "Її".encode("koi8-u"), "Її"),
        ("iso_8859-2", "žluť".encode("iso-8859-2"), "žluť"),
        ("iso-8859-8-i", "שלום".encode("iso-8859-8"), "שלום"),
        ("latin1", b"\x80", "€"),
        ("iso-8859-9", b"\x80 \xf0", "€ ğ"),
        ("x-user-defined", b"a\x80", "a\uf780"),
        ("x-user-defined", GERMAN.encode(), GERMAN),
        ("x-unknown", GERMAN.encode(), GERMAN),
        ("unknown-8bit", GERMAN.encode("cp1252"), GERMAN),
        ("ansi_x3.4-1968", GERMAN.encode(), GERMAN),
        ("replacement", b"abc", "abc"),
        ("rot13", b"abc", "abc"),
        ("hex", b"abc", "abc"),
    ],
)
def test_a_charset_is_known_by_every_name_it_goes_by(charset: str, content: bytes, text: str) -> None:
    assert text_of(content, charset).removeprefix("\ufeff") == text
    assert body(content, charset=charset) == text or "\x00" in content.decode("latin-1")


@pytest.mark.parametrize("label", sorted(webencodings.LABELS))
def test_every_label_of_the_web_reads_plain_text(label: str) -> None:
    encoding = webencodings.lookup(label)
    content = "a1".encode(encoding.name) if encoding.name.startswith("utf-16") else b"a1"
    assert text_of(content, label) == "a1"


@pytest.mark.parametrize(
    ("charset", "content", "text"),
    [
        ("utf-8", "Grüße".encode() + b"\xff" + "Grüße".encode(), "Grüße\ufffdGrüße"),
        (None, "Grüße".encode() + b"\xff" + "Grüße".encode(), "Grüße\ufffdGrüße"),
        ("us-ascii", "Где мой заказ".encode() + b"\xe2", "Где мой заказ\ufffd"),
        ("shift_jis", "注文".encode("cp932") + b"\xff " + "注文".encode("cp932"), "注文\ufffd 注文"),
        ("euc-jp", "注文".encode("euc_jp") + b"\xff " + "注文".encode("euc_jp"), "注文\ufffd 注文"),
        ("euc-kr", "주문".encode("cp949") + b"\xff " + "주문".encode("cp949"), "주문\ufffd 주문"),
        ("big5", "訂單".encode("big5") + b"\xff " + "訂單".encode("big5"), "訂單\ufffd 訂單"),
        ("gbk", "订单".encode("gbk") + b"\xff " + "订单".encode("gbk"), "订单\ufffd 订单"),
        ("windows-1252", b"Gr\xfc\x81\xdfe", "Grü\ufffdße"),
        ("windows-874", "สวัสดี".encode("cp874") + b"\xff", "สวัสดี\ufffd"),
        ("iso-2022-jp", b"\x1b$BCmJ8!\x1b(B ok \x1b$BCmJ8\x1b(B", "注文\ufffd ok 注文"),
        ("iso-2022-jp", b"\x1b$BCm\xffJ8\x1b(B ok", "注\ufffd文 ok"),
        ("iso-2022-jp", b"\x1b$BCmJ8\nok\nok \x1b$BCmJ8\x1b(B", "注文\nok\nok 注文"),
    ],
)
def test_a_byte_without_a_meaning_costs_itself_only(charset: str | None, content: bytes, text: str) -> None:
    assert body(content, charset=charset) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('<meta charset="windows-1251"><p>Где'.encode("cp1251"), "Где"),
        ("<META HTTP-EQUIV=Content-Type CONTENT='text/html; charset=koi8-r'>Где".encode("koi8-r"), "Где"),
        ("<html><head><meta charset=shift_jis></head>注文".encode("cp932"), "注文"),
        ("<meta charset=utf-16>Где".encode(), "Где"),
        (b"\xef\xbb\xbf<meta charset=koi8-r>" + "Где".encode(), "Где"),
        ("<meta charset=no-such>Где".encode(), "Где"),
        ("<meta name=x><p>Где".encode(), "Где"),
    ],
)
def test_html_without_a_charset_parameter_says_it_itself(source: bytes, text: str) -> None:
    assert body(source, kind="text/html") == text


def test_a_charset_parameter_goes_before_what_html_says() -> None:
    assert body("<meta charset=koi8-r>Где".encode("cp1251"), kind="text/html", charset="windows-1251") == "Где"


@given(
    st.binary(max_size=200),
    st.sampled_from([*webencodings.LABELS, "cp850", "hz", "utf-7", "iso2022_jp_2004", "punycode"]),
)
def test_any_bytes_are_text_in_any_charset(content: bytes, charset: str) -> None:
    assert isinstance(text_of(content, charset), str)


@given(st.text(alphabet=st.characters(codec="cp932", exclude_categories=("Cc",)), max_size=20))
def test_japanese_reads_back_as_the_library_wrote_it(text: str) -> None:
    try:
        content = text.encode("iso2022_jp")
    except UnicodeEncodeError:
        return
    assert text_of(content, "iso-2022-jp") == content.decode("iso2022_jp").translate(_WINDOWS)


# Windows maps these signs of JIS X 0208 to others than the standard does.
_WINDOWS = {
    0x301C: 0xFF5E,
    0x2016: 0x2225,
    0x2212: 0xFF0D,
    0xA2: 0xFFE0,
    0xA3: 0xFFE1,
    0xAC: 0xFFE2,
    0x203E: 0x7E,
    0xA5: 0x5C,
}
