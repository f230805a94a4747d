"""Emails, good and bad, as contacts."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from onefold.channels.email import contact_of_email
from onefold.contact_points.blocklist import DEFAULT_ENTRIES, Blocklist
from onefold.core.errors import InvalidValue
from onefold.core.text import BODY_LENGTH, NAME_LENGTH
from onefold.organizations.policy import Policy
from onefold.receiving.contact import Contact, NormalizedContact, Sender
from onefold.receiving.normalise import normalise_contact
from tests.corpus import mails

POLICY = Policy(1, "GB", "listed", False, 20, "inbox", frozenset(("inbox",)), Blocklist(DEFAULT_ENTRIES))


def mail(*headers: str | bytes, body: str | bytes = "Hello") -> bytes:
    parts = [part if isinstance(part, bytes) else part.encode() for part in (*headers, "", body)]
    return b"\r\n".join(parts)


def read(*headers: str | bytes, body: str | bytes = "Hello") -> Contact:
    contact = contact_of_email(mail(*headers, body=body))
    normalised(contact)
    return contact


def normalised(contact: Contact) -> NormalizedContact:
    return normalise_contact(contact, POLICY)


def part(*headers: str, content: str | bytes) -> bytes:
    return b"--b\n" + mail(*headers, body=content) + b"\n"


def multipart(*parts: bytes, subtype: str = "mixed", sender: str = "a@example.com") -> Contact:
    return read(
        f"From: {sender}", f'Content-Type: multipart/{subtype}; boundary="b"', body=b"".join(parts) + b"--b--\n"
    )


# The sender


SENDERS = (
    # From line(s), address, name, sound
    ("From: anna@example.com", "anna@example.com", None, True),
    ("From: <anna@example.com>", "anna@example.com", None, True),
    ("From: Anna Lee <anna@example.com>", "anna@example.com", "Anna Lee", True),
    ('From: "Lee, Anna" <anna@example.com>', "anna@example.com", "Lee, Anna", True),
    ('From: "Anna \\"A\\" <x@y.com>" <anna@example.com>', "anna@example.com", 'Anna "A" <x@y.com>', True),
    ("From: anna@example.com (Anna Lee)", "anna@example.com", "Anna Lee", True),
    ("From: Anna (a, b) <anna@example.com> (c)", "anna@example.com", "Anna", True),
    ("From: ANNA@Example.COM", "anna@example.com", None, True),
    ("From: victim@x.com <evil@y.com>", "evil@y.com", "victim@x.com", False),
    ("From: <victim@x.com> <evil@y.com>", "evil@y.com", None, False),
    ('From: "<victim@x.com>" <evil@y.com>', "evil@y.com", "<victim@x.com>", True),
    ("From: victim@x.com, <evil@y.com>", "evil@y.com", "victim@x.com,", False),
    ("From: a@x.com, b@y.com", "b@y.com", None, False),
    ("From: team: a@x.com;", None, None, False),
    ("From: <evil@y.com> victim@x.com", "evil@y.com", "victim@x.com", False),
    ('From: <"<victim@x.com>"@y.com>', None, None, False),
    ('From: "victim <evil@y.com>', "evil@y.com", None, False),
    ("From: (victim <evil@y.com>", "evil@y.com", "victim <evil@y.com>", False),
    ("From: <evil@y.com", "evil@y.com", None, False),
    ("From: a@x.com\r\nFrom: b@y.com", "a@x.com", None, False),
    ("From: =?utf-8?q?victim=40x.com?=", None, None, False),
    ("From: =?utf-8?q?M=C3=BCller=2C_A?= <a@x.com>", "a@x.com", "Müller, A", True),
    ('From: "=?iso-8859-1?Q?M=FCller?=" <a@x.com>', "a@x.com", "Müller", True),
    ("From: nobody", None, None, False),
    ("From: <>", None, None, False),
    ("From:", None, None, False),
    ("To: we@example.com", None, None, False),
    ("Reply-To: victim@x.com\r\nFrom: evil@y.com", "evil@y.com", None, True),
    ("Sender: victim@x.com\r\nFrom: Evil\r\n <evil@y.com>", "evil@y.com", "Evil", True),
)


@pytest.mark.parametrize(("lines", "address", "name", "sound"), SENDERS)
def test_sender_of_an_email_is_its_from_address__RES_1_RES_14(
    lines: str, address: str | None, name: str | None, sound: bool
) -> None:
    contact = read(lines)
    identifier = normalised(contact).identifier
    assert (None if identifier is None else identifier.value) == address
    assert contact.sender.name == name
    assert (contact.sender_state != "failed") is sound


@pytest.mark.parametrize("raw", [b"From: M\xfcller <a@x.com>", "From: Müller <a@x.com>".encode()])
def test_names_in_bare_bytes_are_read__RES_3(raw: bytes) -> None:
    assert read(raw).sender.name == "Müller"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("=?utf-8?b?w7xiZXI?=", "über"),
        ("=?utf-8?b?w7xiZXI", "=?utf-8?b?w7xiZXI"),
        ("=?utf-8?b?****?=", "=?utf-8?b?****?="),
        ("=?no-such?q?a=C3=BCb?=", "aüb"),
        ("=?no-such?q?a=FCb?=", "aüb"),
        ("=?utf-8?q?=C3?= =?utf-8?q?=BCber?=", "über"),
        ("=?utf-8?q?a?= =?iso-8859-1?q?=FC?=", "aü"),
        ("=?utf-8*en?q?a?= b", "a b"),
        ("=?utf-8?q?a=00b?=", "a\ufffdb"),
        ("=?utf-8?q?a=ED=A0=80b?=", "a\ufffd\ufffd\ufffdb"),
        ("=?utf-8?q?gpj=E2=80=AEexe?=", "gpj exe"),
        ("=?punycode?q?abc-def?=", "abc-def"),
    ],
)
def test_broken_encoded_words_survive__RES_3(name: str, text: str) -> None:
    contact = read(f"From: {name} <a@x.com>", f"Subject: {name}")
    assert contact.sender.name == text
    assert contact.subject is not None


def test_a_display_name_of_a_megabyte_is_cut__RES_3() -> None:
    contact = read("From: " + "ü" * 1_000_000 + " <a@x.com>")
    assert contact.sender.email == "a@x.com"
    assert contact.sender.name == "ü" * NAME_LENGTH


def test_a_name_that_grows_when_composed_is_cut__RES_3() -> None:
    assert len(read("From: " + "\u0958" * 300 + " <a@x.com>").sender.name or "") == NAME_LENGTH


@pytest.mark.parametrize("address", ["anna@bücher.example.com", "anna@xn--bcher-kva.example.com"])
def test_both_spellings_of_a_domain_are_one_sender__PRO_10(address: str) -> None:
    identifier = normalised(read(f"From: <{address}>")).identifier
    assert identifier is not None
    assert identifier.value == "anna@xn--bcher-kva.example.com"


def test_a_homoglyph_domain_is_another_sender__PRO_10() -> None:
    identifier = normalised(read("From: <anna@аpple.com>")).identifier  # the first letter is Cyrillic
    assert identifier is not None
    assert identifier.value.startswith("anna@xn--")


@pytest.mark.parametrize(
    "address", ["a\u202e@x.com", "a\x00@x.com", "a b@x.com", "a@x", "a@" + "x" * 300 + ".com", "@x.com"]
)
def test_an_address_nobody_can_have_leaves_the_contact_anonymous__RES_8(address: str) -> None:
    contact = read(f"From: Anna <{address}>")
    assert contact.sender == Sender(name="Anna")
    assert contact.sender_state == "failed"
    assert "Anna" in json.loads(contact.data or "")["from"]


# Message ids


@pytest.mark.parametrize(
    ("line", "message_id"),
    [
        ("Message-ID: <1@x.com>", "1@x.com"),
        ("MESSAGE-ID:  1@x.com ", "1@x.com"),
        ("Message-Id:\r\n <1@\r\n x.com>", "1@x.com"),
        ("Message-ID: <1@x.com> (added by postmaster)", "1@x.com"),
        ("Message-ID: <1@x.com>\r\nMessage-ID: <2@x.com>", "1@x.com"),
        ("Message-ID: <" + "1" * 1000 + ">", "1" * 1000),
    ],
)
def test_the_message_id_goes_without_its_brackets__RES_12(line: str, message_id: str) -> None:
    contact = read(line)
    assert contact.message_id == message_id
    assert normalised(contact).message_key == message_id


@pytest.mark.parametrize(
    "line",
    ["Subject: hi", "Message-ID:", "Message-ID: <>", "Message-ID: <\x00>", "Message-ID: <" + "1" * 1001 + ">"],
)
def test_a_message_without_a_usable_id_gets_one_from_its_bytes__RES_12(line: str) -> None:
    first, again, other = (read(line, body=body).message_id for body in ("a", "a", "b"))
    assert first == again != other
    assert first.startswith("sha256:")


def test_a_reply_names_what_it_answers_nearest_first__RES_13() -> None:
    contact = read("In-Reply-To: <3@x>", "References: <1@x>\r\n <2@x> <3@x>")
    assert contact.reply_to == ("3@x", "2@x", "1@x")


def test_references_are_no_more_than_a_hundred__RES_13() -> None:
    references = " ".join(f"<{n}@x>" for n in range(1000))
    assert read(f"References: {references} <{'9' * 2000}>").reply_to == tuple(f"{n}@x" for n in range(999, 899, -1))


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("In-Reply-To: 1@x", ("1@x",)),
        ("In-Reply-To: Your message of Monday <1@x>", ("1@x",)),
        ("In-Reply-To: Your message of Monday", ()),
        ("References: <> <\x00>", ()),
        ("References: 1@x,2@x", ("2@x", "1@x")),
    ],
)
def test_broken_references_are_read_as_well_as_can_be__RES_13(line: str, named: tuple[str, ...]) -> None:
    assert read(line).reply_to == named


RETURNED = "Message-ID: <answer@shop>\nIn-Reply-To: <2@x>\nReferences: <1@x> <2@x>\n\n"


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ("Content-Type: multipart/report; report-type=delivery-status; boundary=b", "message/rfc822"),
        ("Content-Type: multipart/report; report-type=delivery-status; boundary=b", "text/rfc822-headers"),
        ("Return-Path: <>\nContent-Type: multipart/mixed; boundary=b", "message/rfc822"),
        ("From: MAILER-DAEMON@mx.example.com\nContent-Type: multipart/mixed; boundary=b", "message/rfc822"),
    ],
)
def test_a_bounce_names_the_message_it_returns__RES_13(headers: str, kind: str) -> None:
    body = part("Content-Type: text/plain", content="Failed") + part(f"Content-Type: {kind}", content=RETURNED)
    contact = read("Subject: Undelivered", headers, body=body + b"--b--")
    assert contact.reply_to == ("answer@shop", "2@x", "1@x")
    assert (contact.body or "").strip() == "Failed"
    assert [file.content_type for file in contact.attachments] == [kind]


def test_a_bounce_comes_from_a_blocked_sender__PRO_12() -> None:
    identifier = normalised(read("From: Mail <MAILER-DAEMON@mx.example.com>")).identifier
    assert identifier is not None
    assert identifier.blocked


def test_a_message_attached_by_a_person_is_not_what_they_answer__RES_13() -> None:
    contact = multipart(part("Content-Type: message/rfc822", content="Message-ID: <1@x>\n\n"))
    assert contact.reply_to == ()


# Text


@pytest.mark.parametrize(
    ("charset", "content", "text"),
    [
        ("utf-8", "Grüße".encode(), "Grüße"),
        ("iso-8859-1", b"Gr\xfc\xdfe \x80", "Grüße €"),
        ("windows-1252", b"\x80 5", "€ 5"),
        ("iso-2022-jp", "注文".encode("iso-2022-jp"), "注文"),
        ("no-such-charset", "Grüße".encode(), "Grüße"),
        ("no-such-charset", b"Gr\xfc\xdfe", "Grüße"),
        ("us-ascii", "Grüße".encode(), "Grüße"),
        ("base64", b"abc", "abc"),
        ("punycode", b"abc-x", "abc-x"),
        ("undefined", b"abc", "abc"),
        ('"\x00"', b"abc", "abc"),
        ("utf-8", b"a\xff", "a\ufffd"),
        ("utf-8", b"a\x00b", "a\ufffdb"),
        ("utf-7", b"a+2AA-b", "a\ufffdb"),
    ],
)
def test_text_is_read_in_whatever_charset_it_is(charset: str, content: bytes, text: str) -> None:
    assert read(f"Content-Type: text/plain; charset={charset}", body=content).body == text


@pytest.mark.parametrize(
    ("encoding", "content", "text"),
    [
        ("base64", b"SGVsbG8=", "Hello"),
        ("base64 ", b"SGVsbG8", "Hello"),
        ("quoted-printable", b"Gr=C3=BC=\r\n=C3=9Fe =", "Grüße"),
        ("no-such", b"Hello", "Hello"),
    ],
)
def test_transfer_encodings_are_undone(encoding: str, content: bytes, text: str) -> None:
    body = read(f"Content-Transfer-Encoding: {encoding}", "Content-Type: text/plain; charset=utf-8", body=content).body
    assert (body or "").strip(" =") == text


PLAIN = part("Content-Type: text/plain", content="Plain")
HTML = part("Content-Type: text/html", content="<p>Rich</p>")


@pytest.mark.parametrize(
    ("subtype", "parts", "body"),
    [
        ("alternative", (PLAIN, HTML), "Plain"),
        ("alternative", (HTML,), "Rich"),
        ("alternative", (part(content=" "), HTML), "Rich"),
        ("mixed", (PLAIN, PLAIN), "Plain\nPlain"),
        ("mixed", (HTML, PLAIN), "Rich\nPlain"),
        ("mixed", (part("Content-Disposition: attachment", content="x"), HTML), "Rich"),
        ("mixed", (), None),
    ],
)
def test_plain_text_goes_before_html(subtype: str, parts: tuple[bytes, ...], body: str | None) -> None:
    contact = multipart(*parts, subtype=subtype)
    assert contact.body == body


def test_html_is_kept_beside_its_text() -> None:
    contact = multipart(PLAIN, HTML, subtype="alternative")
    assert [(file.filename, file.content_type) for file in contact.attachments] == [("body.html", "text/html")]
    assert b"<p>Rich</p>" in contact.attachments[0].content


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>a</p><p>b&amp;c&nbsp;d</p>", "a\n\nb&c d"),
        ("<title>t</title><style>p{}</style><script>if (a<b) '/script'</script>seen", "seen"),
        ("a<!-- <p>no</p> -->b<!-->c", "abc"),
        ('x<img alt="a > b">y', "xy"),
        ("1 < 2 <3", "1 < 2 <3"),
        ("a<br/>b<![CDATA[x]]>c", "a\nbc"),
        ("<td>1</td><td>2</td>", "1 2"),
        ("a<![foo", "a"),
        ("<script>lost", ""),
        ("<p>Buy:<ul><li>milk<li><p>bread</p></li></ul>now", "Buy:\n\n- milk\n- bread\n\nnow"),
        ("<ol><li>one</li><li>two<ul><li>deeper</ul></li><li>three</ol>", "1. one\n\n2. two\n\n- deeper\n\n3. three"),
        ("<li>alone", "- alone"),
        ("a<pre>  x = 1\n\n    y &lt; 2  \n</pre>b  c", "a\n  x = 1\n\n    y < 2\n\nb c"),
        ("yes<blockquote>When?<blockquote>Now</blockquote></blockquote>ok", "yes\n> When?\n> > Now\n\nok"),
        ("<blockquote>" * 50 + "deep", "> " * 8 + "deep"),
        ("She said <q>no</q>.", 'She said "no".'),
        ("&ldquo;So&rdquo; &#39;it&#39; is", "\u201cSo\u201d 'it' is"),
        ('<div style="display:none;max-height:0">Preview</div>Dear Ada', "Dear Ada"),
        ("<div style='DISPLAY : none'>Pre<div>view</div><br></div>Dear Ada", "Dear Ada"),
        ('<span hidden>Preview</span>Dear <b style="visibility:hidden">X</b>Ada', "Dear Ada"),
        ('<span style="opacity:0">P</span><span style="opacity:0.9">Dear</span> Ada', "Dear Ada"),
        ('<p style="display:none">Preview<p>Dear Ada', "Preview\nDear Ada"),
        ('<a title="hidden" href="?display:none">Dear</a> Ada', "Dear Ada"),
        ('<img hidden style="display:none">Dear Ada', "Dear Ada"),
    ],
)
def test_html_is_read_as_a_reader_sees_it(source: str, text: str) -> None:
    assert (read("Content-Type: text/html", body=source).body or "") == text


def test_a_body_too_long_is_cut_and_kept_whole_beside() -> None:
    contact = read("From: a@x.com", body="ü" * (BODY_LENGTH + 1))
    assert len(contact.body or "") == BODY_LENGTH
    assert [(file.filename, len(file.content)) for file in contact.attachments] == [("body.txt", 2 * BODY_LENGTH + 2)]


@pytest.mark.parametrize(
    ("line", "subject"),
    [
        ("Subject: Hello\r\n there", "Hello there"),
        ("Subject: =?iso-2022-jp?b?GyRCQ21KOBsoQg==?=", "注文"),
        ("Subject: a\x00b", "a\ufffdb"),
        ("Subject:", None),
        ("To: x", None),
        (b"Subject: a\xffb", "aÿb"),
        (b"Subject: a\xed\xa0\x80b", "aí\xa0€b"),
    ],
)
def test_subjects_are_decoded_and_mended(line: str | bytes, subject: str | None) -> None:
    decoded = read(line).subject
    assert decoded == (subject if subject is None else " ".join(subject.split()))


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        ("Mon, 3 Mar 2025 08:00:00 +0200", datetime(2025, 3, 3, 6, tzinfo=UTC)),
        ("3 Mar 2025 08:00:00 -0000", datetime(2025, 3, 3, 8, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
        ("Mon, 3 Mar 9999 08:00:00 +0000", None),
        ("Mon, 3 Mar 1900 08:00:00 +0000", None),
        ("Mon, 31 Feb 2025 08:00:00 +0000", None),
        ("Mon, 3 Mar 2025 08:00:00 +999999", None),
        ("Mon, 3 Mar 99999999999999999999 08:00:00 +0000", None),
    ],
)
def test_the_date_is_read_in_utc(date: str, moment: datetime | None) -> None:
    assert read(f"Date: {date}").occurred_at == moment


def test_what_a_mail_says_of_itself_is_kept() -> None:
    data = json.loads(read("From: a@x.com", "To: " + "b" * 2000, "Reply-To: =?utf-8?q?=C3=BC=00?=").data or "")
    assert data == {"from": "a@x.com", "to": "b" * 1000, "cc": None, "reply_to": "ü\ufffd"}


# Attachments


@pytest.mark.parametrize(
    ("header", "filename"),
    [
        ('Content-Disposition: attachment; filename="a.pdf"', "a.pdf"),
        ("Content-Disposition: attachment; filename*=utf-8''%C3%BC.pdf", "ü.pdf"),
        ('Content-Disposition: attachment; filename="=?utf-8?q?=C3=BC.pdf?="', "ü.pdf"),
        ('Content-Disposition: attachment; filename="ü.pdf"', "ü.pdf"),
        ('Content-Disposition: attachment; filename="../../etc/passwd"', ".._.._etc_passwd"),
        ("Content-Disposition: attachment; filename*=utf-8''a%2Fb%5Cc", "a_b_c"),
        ('Content-Disposition: attachment; filename=".."', "attachment.pdf"),
        ("Content-Disposition: attachment", "attachment.pdf"),
        ("Content-Disposition: attachment; filename*=utf-8''a%00b", "a\ufffdb"),
        ("Content-Disposition: attachment; filename*='''%ff", "'ÿ"),
        ("Content-Disposition: attachment; filename*=utf-8''gpj.%E2%80%AEexe", "gpj. exe"),
        (f'Content-Disposition: attachment; filename="{"x" * 500}.pdf"', "x" * 251 + ".pdf"),
        (f'Content-Disposition: attachment; filename="{"x" * 500}"', "x" * 255),
        ('Content-Disposition: inline; filename="a.png"', "a.png"),
    ],
)
def test_attachments_have_a_name_that_is_no_path(header: str, filename: str) -> None:
    contact = multipart(PLAIN, part("Content-Type: application/pdf", header, content="x"))
    (file,) = contact.attachments
    assert (file.filename, file.content_type, file.content.strip()) == (filename, "application/pdf", b"x")


def test_an_attached_message_is_kept_as_it_was() -> None:
    inner = b"Subject: Old news\nX-Raw: \xff\n\nFrom here\n"
    contact = multipart(PLAIN, part("Content-Type: message/rfc822", content=inner))
    (file,) = contact.attachments
    assert (file.filename, file.content_type) == ("Old news.eml", "message/rfc822")
    assert file.content.strip() == inner.strip()


# Absurd mail


def nested(depth: int) -> bytes:
    levels = (b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(depth))
    return b"From: a@example.com\nSubject: Deep\n" + b"".join(levels) + b"Content-Type: text/plain\n\nHello\n"


def test_parts_nested_three_thousand_deep_are_kept_unread() -> None:
    contact = contact_of_email(nested(3_000))
    assert (contact.sender.email, contact.subject, contact.body) == ("a@example.com", "Deep", None)
    assert [(file.filename, file.content) for file in contact.attachments] == [("message.eml", nested(3_000))]


def test_parts_nested_a_little_are_read() -> None:
    assert (contact_of_email(nested(30)).body or "").strip() == "Hello"


ABSURD = (
    nested(3_000),
    nested(99) + b"hello\n" * 100_000,
    b"From: a@x.com\n" + b"Content-Type: message/rfc822\n\n" * 3_000,
    b"From: a@x.com\nContent-Type: text/plain" + b";" * 1_000_000 + b"\n\n",
    b'From: a@x.com\nContent-Type: text/plain; "' + b";" * 1_000_000 + b"\n\n",
    b"From: " + b"(" * 1_000_000 + b"\n\n",
    b"From: " + b'"\\' * 500_000 + b"\n\n",
    b"From: " + b"=?utf-8?q?a?= " * 70_000 + b"<a@x.com>\n\n",
    b"Subject: " + b"=?" * 500_000 + b"\n\n",
    b"References: " + b"<" * 1_000_000 + b"\n\n",
    b"Content-Type: text/html\n\n" + b"<!--" * 200_000,
    b"Content-Type: text/html\n\n" + b"<a " * 200_000,
    b"Content-Type: text/html\n\n" + b'<a b="' * 200_000,
    b"Content-Type: text/html\n\n" + b"<blockquote><ul><li>" * 60_000,
    b"Content-Type: text/html\n\n" + b"a<i hidden>b<br></i>" * 60_000,
    b"Content-Type: text/html\n\n" + b"<i " + b"hidden style=display:" * 60_000 + b">",
    b"Content-Type: text/html\n\n" + b"<pre>" + b"\n <i>" * 200_000,
)


@pytest.mark.parametrize("raw", ABSURD, ids=lambda raw: repr(raw[:40]))
def test_absurd_mail_is_read_quickly(raw: bytes) -> None:
    begun = time.process_time()
    normalised(contact_of_email(raw))
    assert time.process_time() - begun < 5


@pytest.mark.parametrize("raw", [b"", b"\r\n\r\n", b" \t\n"])
def test_only_blank_input_is_no_mail(raw: bytes) -> None:
    with pytest.raises(InvalidValue) as refused:
        contact_of_email(raw)
    assert refused.value.code == "not_a_message"


def test_a_byte_order_mark_and_blank_lines_before_a_mail_are_passed_over() -> None:
    assert contact_of_email(b"\xef\xbb\xbf\r\nFrom: a@x.com\r\n\r\n").sender.email == "a@x.com"


def test_the_inbox_it_was_routed_to_goes_along() -> None:
    assert contact_of_email(mail("From: a@x.com"), inbox_id="inbox").inbox_id == "inbox"


_NAMES = (
    "From",
    "To",
    "Subject",
    "Message-ID",
    "References",
    "Date",
    "Content-Type",
    "Content-Disposition",
    "Content-Transfer-Encoding",
    "Authentication-Results",
    "Return-Path",
)
_PIECES = st.sampled_from(
    (
        b"multipart/report; boundary=b",
        b"multipart/alternative; boundary=b",
        b"message/rfc822",
        b"text/html; charset=",
        b"\n--b\n",
        b"\n--b--\n",
        b"=?utf-8?b?",
        b"?=",
        b"base64",
        b"attachment; filename*0*=",
        b"utf-8''%ff",
        b"<",
        b">",
        b'"',
        b"(",
        b")",
        b"@",
        b"a@x.com",
        b"\\",
        b";",
        b",",
        b":",
        b"\n ",
        b"\n\n",
        b"\x00",
        b"\xed\xa0\x80",
        b"\xff",
    )
)
_LINES = st.builds(
    lambda name, pieces: name.encode() + b": " + b"".join(pieces),
    st.sampled_from(_NAMES),
    st.lists(_PIECES | st.binary(max_size=5), max_size=8),
)
_MAILS = st.builds(
    lambda lines, body: b"\n".join(lines) + b"\n\n" + b"".join(body),
    st.lists(_LINES, max_size=6),
    st.lists(_PIECES | _LINES | st.binary(max_size=10), max_size=10),
)


@given(st.binary(max_size=400) | _MAILS)
@example(b"a:\n\n")
@example(b"From \xff\n\n")
@example(b"Content-Type: text/plain; charset=\x00\n\n\x80")
def test_any_bytes_that_are_not_blank_are_a_contact_and_always_the_same__RES_12(raw: bytes) -> None:
    if not raw.strip():
        with pytest.raises(InvalidValue):
            contact_of_email(raw)
        return
    contact = contact_of_email(raw)
    assert contact == contact_of_email(raw)
    normalised(contact)
    for file in contact.attachments:
        (file.filename + file.content_type).encode()
        assert "\x00" not in file.filename


def test_every_mail_of_the_corpus_is_read_as_it_was_meant__RES_1() -> None:
    for sent in mails(300, seed=7):
        contact = contact_of_email(sent.raw)
        identifier = normalised(contact).identifier
        assert identifier is not None
        assert (identifier.value, contact.message_id) == (sent.sender, sent.message_id)
        assert contact.sender_state != "failed"
        assert contact.body
        assert contact.message_id == sent.thread or sent.thread in contact.reply_to or sent.kind == "bounce"
        assert sent.kind != "attached" or contact.attachments[-1].filename == "Réchnung.pdf"
