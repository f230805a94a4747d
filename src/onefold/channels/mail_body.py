"""What of a mail is read as its text: which parts, and their lines put together as they were written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from email.message import Message

from onefold.channels.html_text import html_text
from onefold.channels.mail_parts import Leaf, is_html, is_named_text, is_text, parameter, text_in
from onefold.core.text import mend_text

_SIGNATURE = "-- "
_DEEPEST_QUOTE = 100
_LONGEST_STUB = 400
# What programs write in place of the text they send as HTML only. Each word is one that such a line can hardly do
# without; a person's text with one of them stands in its HTML, too, and is then no stub.
_OF_STUBS = re.compile(
    r"html|browser|navigateur|navegador|nettleser|webbläsare|selain"
    r"|przegląd|prohlížeč|böngész|tarayıcı"
    r"|браузер|ブラウザ|浏览器|瀏覽器|브라우저"
    r"|text version|plain[- ]text|nur[- ]text|view (?:this|the) (?:e-?mail|message)"
    r"|mail (?:client|reader|program|viewer)",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"https?://\S+|<[^<>]*>")


def body_of(leaves: Sequence[Leaf]) -> str | None:
    """The plain text, and the text of the HTML wherever no plain text was sent beside it; cut at BODY_LENGTH.

    Where every text is a file, those not sent as attachments are what there is to read.
    """
    body = _join_texts([leaf for leaf in leaves if is_text(leaf.part)])
    body = body or _join_texts([leaf for leaf in leaves if is_named_text(leaf.part)])
    return mend_text(body) or None


def _join_texts(leaves: Sequence[Leaf]) -> str:
    texts = {id(leaf): _visible_text(leaf.part) for leaf in leaves if not is_html(leaf.part)}
    dropped: set[int] = set()
    for choices in _alternatives(leaves):
        dropped |= _given_way(choices, texts)
    for leaf in leaves:
        if id(leaf) not in texts and id(leaf) not in dropped:
            texts[id(leaf)] = _visible_text(leaf.part)
    pieces = (texts[id(leaf)] for leaf in leaves if id(leaf) not in dropped)
    return "\n".join(text.strip("\n") for text in pieces if text.strip())


def _alternatives(leaves: Iterable[Leaf]) -> Iterator[list[Leaf]]:
    """The texts of each multipart/alternative."""
    groups: dict[int, list[Leaf]] = {}
    for leaf in leaves:
        if leaf.choice is not None:
            groups.setdefault(leaf.choice, []).append(leaf)
    yield from groups.values()


def _given_way(choices: list[Leaf], texts: dict[int, str]) -> set[int]:
    """Which of the choices are not shown. HTML is put into `texts` where it had to be read for that."""
    rich = [leaf for leaf in choices if is_html(leaf.part)]
    plain = [leaf for leaf in choices if not is_html(leaf.part)]
    text = "\n".join(texts[id(leaf)] for leaf in plain)
    if not rich or not text.strip():
        return set()
    if _may_be_stub(text):
        texts.update((id(leaf), _visible_text(leaf.part)) for leaf in rich)
        if _is_stub(text, "\n".join(texts[id(leaf)] for leaf in rich)):
            return {id(leaf) for leaf in plain}
    return {id(leaf) for leaf in rich}


def _may_be_stub(text: str) -> bool:
    words = _ADDRESS.sub(" ", text[: 10 * _LONGEST_STUB]).strip()
    return len(text) < 10 * _LONGEST_STUB and len(words) <= _LONGEST_STUB and _OF_STUBS.search(words) is not None


def _is_stub(text: str, rich: str) -> bool:
    """Whether the plain text says nothing that the HTML, which has a text of its own, says too."""
    return bool(_letters(rich)) and _letters(_ADDRESS.sub(" ", text)) not in _letters(rich)


def _letters(text: str) -> str:
    return re.sub(r"\W+", "", text.casefold())


def _visible_text(part: Message) -> str:
    text = text_in(part)
    if is_html(part):
        return html_text(text)
    if parameter(part, "format") == "flowed":
        return unflow(text, parameter(part, "delsp") == "yes")
    return text


def unflow(text: str, delete_space: bool = False) -> str:
    """Text in format=flowed (RFC 3676) with its paragraphs on one line each. Quotations keep their marks."""
    lines: list[str] = []
    depth = 0
    is_open = False
    paragraph: list[str] = []
    for written in text.split("\n"):
        quotes = len(written) - len(written.lstrip(">"))
        line = written[quotes:].removeprefix(" ")
        if is_open and (quotes != depth or line in ("", _SIGNATURE)):
            is_open = False
        if not is_open and paragraph:
            lines.append("".join(paragraph))
            paragraph = []
        if not paragraph:
            depth = quotes
            paragraph.append(_mark(quotes))
        is_open = line.endswith(" ") and line != _SIGNATURE
        paragraph.append(line[:-1] if is_open and delete_space else line)
    return "\n".join([*lines, "".join(paragraph)])


def _mark(quotes: int) -> str:
    return ">" * min(quotes, _DEEPEST_QUOTE) + " " if quotes else ""
