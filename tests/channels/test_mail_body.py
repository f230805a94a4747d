"""Which text of a mail is its body, and how its lines are put together."""

from __future__ import annotations

import time

import pytest

from onefold.channels.email import contact_of_email
from onefold.channels.mail_body import unflow
from onefold.receiving.contact import Contact


def mail(kind: str, *parts: tuple[str, str]) -> Contact:
    lines = ["From: a@x.com", f'Content-Type: multipart/{kind}; boundary="b"', ""]
    for headers, content in parts:
        lines += ["--b", headers, "", content]
    return contact_of_email("\n".join([*lines, "--b--", ""]).encode())


def names(contact: Contact) -> list[str]:
    return [file.filename for file in contact.attachments]


# Text with a file name

NAMED = 'Content-Type: text/plain; name="message.txt"'
INLINE = 'Content-Type: text/plain\nContent-Disposition: inline; filename="note.txt"'
ATTACHED = 'Content-Type: text/plain\nContent-Disposition: attachment; filename="log.txt"'
PLAIN = "Content-Type: text/plain"
HTML = "Content-Type: text/html"
PDF = 'Content-Type: application/pdf; name="a.pdf"'


@pytest.mark.parametrize(
    ("parts", "body", "files"),
    [
        (((NAMED, "Hello"),), "Hello", ["message.txt"]),
        (((INLINE, "Hello"),), "Hello", ["note.txt"]),
        (((INLINE, "Hello"), (PDF, "x")), "Hello", ["note.txt", "a.pdf"]),
        (((PLAIN, " \n"), (INLINE, "Hello")), "Hello", ["note.txt"]),
        (((INLINE, "Hello"), (ATTACHED, "log")), "Hello", ["note.txt", "log.txt"]),
        (((PLAIN, "Hello"), (INLINE, "Note")), "Hello", ["note.txt"]),
        (((ATTACHED, "log"),), None, ["log.txt"]),
    ],
)
def test_a_text_with_a_file_name_is_the_body_where_there_is_no_other(
    parts: tuple[tuple[str, str], ...], body: str | None, files: list[str]
) -> None:
    contact = mail("mixed", *parts)
    assert (contact.body, names(contact)) == (body, files)


def test_a_mail_that_is_one_named_text_shows_it_and_keeps_the_file() -> None:
    contact = contact_of_email(f"From: a@x.com\n{INLINE}\n\nHello".encode())
    assert (contact.body, names(contact), contact.attachments[0].content) == ("Hello", ["note.txt"], b"Hello")
    rich = contact_of_email(b"From: a@x.com\nContent-Type: text/html; name=a.html\n\n<b>Hello</b>")
    assert (rich.body, names(rich)) == ("Hello", ["a.html"])


# Stubs


@pytest.mark.parametrize(
    "stub",
    [
        "Your mail client does not support HTML.",
        "This is an HTML message. Please use a mail reader that can show it.",
        "View this email in your browser: https://news.example/1",
        "To view the message, please use an HTML compatible email viewer!",
        "Ihr E-Mail-Programm unterstützt leider keine HTML-Mails.",
        "Votre messagerie ne prend pas en charge le HTML.",
        "Su cliente de correo no admite HTML.",
        "Ваша почтовая программа не поддерживает HTML.",
        "このメールはHTML形式です。",
        "请用浏览器查看此邮件 https://news.example/1",
        "This message has no plain-text version.",
    ],
)
def test_a_stub_gives_way_to_the_html(stub: str) -> None:
    assert mail("alternative", (PLAIN, stub), (HTML, "<p>Where is my order?</p>")).body == "Where is my order?"


@pytest.mark.parametrize(
    ("plain", "html"),
    [
        ("Where is my order?", "<p>Where is my order?</p>"),
        ("I cannot open the HTML file in my browser", "<p>I cannot open the <b>HTML</b> file in my browser</p><p>Ada"),
        ("Your mail client does not support HTML.", '<img src="all.png">'),
        ("Your mail client does not support HTML. " * 20, "<p>Where is my order?</p>"),
        ("Short", "<p>Something else</p>"),
    ],
)
def test_a_text_that_somebody_wrote_does_not_give_way(plain: str, html: str) -> None:
    assert mail("alternative", (PLAIN, plain), (HTML, html)).body == plain.strip("\n")


def test_a_stub_without_an_alternative_is_all_there_is() -> None:
    stub = "Your mail client does not support HTML."
    assert mail("mixed", (PLAIN, stub)).body == stub
    assert mail("mixed", (PLAIN, stub), (HTML, "<p>More</p>")).body == f"{stub}\nMore"


# format=flowed


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("One \nparagraph.\nAnother.", "One paragraph.\nAnother."),
        ("One \n\nAnother.", "One \n\nAnother."),
        (" From here\n  indented\n >not quoted", "From here\n indented\n>not quoted"),
        ("> quoted \n> on.\n>> deeper \n>> on.\nAnswer", "> quoted on.\n>> deeper on.\nAnswer"),
        ("> quoted \nnot quoted", "> quoted \nnot quoted"),
        (">>quoted \n>> on.", ">> quoted on."),
        ("Bye \n-- \nAda \nLee", "Bye \n-- \nAda Lee"),
        ("> Bye\n> -- \n> Ada", "> Bye\n> -- \n> Ada"),
        ("ends open ", "ends open "),
        ("fixed\nlines", "fixed\nlines"),
        ("", ""),
    ],
)
def test_flowed_lines_are_joined(written: str, read: str) -> None:
    assert unflow(written) == read


def test_flowed_lines_without_their_space_are_joined() -> None:
    assert unflow("注文は \nどこ ですか。\nさて", True) == "注文はどこ ですか。\nさて"
    assert unflow("a  \nb", True) == "a b"


def test_flowed_is_said_by_the_content_type() -> None:
    def body(parameters: str) -> str | None:
        return contact_of_email(f"From: a@x.com\nContent-Type: text/plain{parameters}\n\nOne \nline".encode()).body

    assert body("; format=flowed") == "One line"
    assert body('; charset=utf-8; Format="Flowed"; DelSp=yes') == "Oneline"
    assert body("; format=fixed") == body("") == "One \nline"


@pytest.mark.parametrize(
    "text", ["a \n" * 300_000, ">" * 1_000_000, "> \n>> \n" * 150_000, ">" * 500 + " \n" * 500_000]
)
def test_flowed_text_is_read_quickly(text: str) -> None:
    begun = time.process_time()
    contact_of_email(b"From: a@x.com\nContent-Type: text/plain; format=flowed\n\n" + text.encode())
    assert time.process_time() - begun < 5
