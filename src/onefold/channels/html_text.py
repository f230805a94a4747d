"""HTML of a message as the text a reader sees; linear in its length, because senders are strangers.

Lists keep their bullets and numbers, `<pre>` its lines, quotations their `>`. What a style hides, such as the line that
only a list of mails shows, is left out, unless it is hidden without an end: then a sender's slip would cost the rest.
"""

from __future__ import annotations

import html
import re
from typing import NamedTuple

from onefold.core.text import BODY_LENGTH

_UNREAD = frozenset(("script", "style", "title", "template"))
_LINES = frozenset(
    """
        address article blockquote br dd div dl dt footer h1 h2 h3 h4 h5 h6 header hr li ol p pre section table tr ul
    """.split()
)
_SPACES = frozenset(("td", "th"))
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
)
_TAG = re.compile(r"/?([a-zA-Z][a-zA-Z0-9]{0,15})")
_TAG_END = re.compile(r"""[^>"']*+(?:"[^"]*+"[^>"']*+|'[^']*+'[^>"']*+)*+>""")
_ATTRIBUTE = re.compile(r"""([^\s=>/"']++)(?:\s*+=\s*+("[^"]*+"|'[^']*+'|[^\s>]*+))?+""")
_HIDING = re.compile(r"\b(display\s*:\s*none|visibility\s*:\s*hidden|(opacity|max-height)\s*:\s*0(?![.\d]))", re.I)
_MOST_TAGS = 20_000
_DEEPEST = 8
"""Quotations within each other: deeper ones are written as if they were this deep."""


def html_text(source: str) -> str:
    """What a reader sees of HTML, in lines, as far as it is read. Nothing is looked for further than the next `<`."""
    first, *pieces = source[:BODY_LENGTH].split("<", _MOST_TAGS)
    reader = _Reader()
    reader.text(first)
    until: str | None = None
    for piece in pieces:
        until = _read_piece(reader, piece, until)
    return re.sub(r"\n{3,}", "\n\n", reader.end()).strip("\n")


def _read_piece(reader: _Reader, piece: str, until: str | None) -> str | None:
    """Reads from one `<` to the next; returns what has to come before anything is read again."""
    if until == "-->" or (until is None and piece.startswith("!--")):
        _, ended, rest = piece[until is None :].partition("-->")
        reader.text(rest)
        return None if ended else "-->"
    if until is not None and piece[: len(until)].lower() != until:
        return until
    tag = _TAG.match(piece)
    if tag is None:
        reader.text(_after_tag(piece) if piece[:1] in ("!", "?", "/") else f"&lt;{piece}")
        return None
    name = tag[1].lower()
    if piece[0] == "/":
        reader.close(name)
    elif name in _UNREAD:
        return f"/{name}"
    else:
        attributes = _attributes(piece[tag.end() :])
        reader.open(name, _is_hidden(attributes), _mail_address(attributes) if name == "a" else None)
    reader.text(_after_tag(piece))
    return None


def _after_tag(piece: str) -> str:
    end = _TAG_END.match(piece)
    return piece.partition(">")[2] if end is None else piece[end.end() :]


def _attributes(rest: str) -> list[tuple[str, str]]:
    """(name, value) of a tag's attributes; `rest` begins behind the tag's name."""
    end = _TAG_END.match(rest)
    inside = rest[: end.end()] if end else ""
    return [(one[1].lower(), one[2] or "") for one in _ATTRIBUTE.finditer(inside)]


def _is_hidden(attributes: list[tuple[str, str]]) -> bool:
    """Whether a tag hides what is in its element."""
    return any(name == "hidden" or (name == "style" and _HIDING.search(value)) for name, value in attributes)


def _mail_address(attributes: list[tuple[str, str]]) -> str | None:
    """The address that a link writes to."""
    href = next((value.strip("\"'") for name, value in attributes if name == "href"), "")
    return href[7:].partition("?")[0] if href[:7].lower() == "mailto:" else None


class _Line(NamedTuple):
    text: str
    quotes: int
    is_preformatted: bool

    def __str__(self) -> str:
        text = html.unescape(self.text)
        text = text.rstrip() if self.is_preformatted else " ".join(text.split())
        return f"{'> ' * self.quotes}{text}" if text else ""


class _Around(NamedTuple):
    """What was seen before an element that hides what is in it."""

    name: str
    lines: list[_Line]
    line: list[str]


class _Reader:
    """Puts what is seen into lines, a tag and a text after the other."""

    def __init__(self) -> None:
        self._lines: list[_Line] = []
        self._line: list[str] = []
        self._quotes = 0
        self._is_preformatted = self._begins_item = False
        self._lists: list[int | None] = []  # of each list around: the number of its last item, None without numbers
        self._around: _Around | None = None
        self._depth = 0  # of elements that have the hiding one's name, within it
        self._link: tuple[int, str] | None = None  # where a link begins that writes to an address, and to which

    def text(self, text: str) -> None:
        first, *others = text.split("\n") if self._is_preformatted else [re.sub(r"\s+", " ", text)]
        self._add(first)
        for other in others:
            self._end_line()
            self._add(other)

    def open(self, name: str, hides: bool, mail_address: str | None = None) -> None:
        if mail_address is not None:
            self._link = len(self._line), mail_address
        if self._around and name == self._around.name:
            self._depth += 1
        elif hides and not self._around and name not in _VOID:
            self._around, self._depth = _Around(name, self._lines, self._line), 1
            self._lines, self._line = [], []
        if not self._begins_item or name == "li":
            self._separate(name)
        if name == "blockquote":
            self._quotes += 1
        elif name == "pre":
            self._is_preformatted = True
        elif name in ("ul", "ol"):
            self._lists.append(0 if name == "ol" else None)
        elif name == "li":
            self._line.append(self._bullet())
            self._begins_item = True
        elif name == "q":
            self._add('"')

    def close(self, name: str) -> None:
        if self._around and name == self._around.name:
            self._depth -= 1
            if self._depth == 0:
                _, self._lines, self._line = self._around
                self._around = None
        if name == "a" and self._link is not None:
            self._say_address(*self._link)
        self._separate(name)
        if name == "blockquote":
            self._quotes = max(self._quotes - 1, 0)
        elif name == "pre":
            self._is_preformatted = False
        elif name in ("ul", "ol") and self._lists:
            self._lists.pop()
        elif name == "q":
            self._add('"')

    def end(self) -> str:
        """All of it, what is hidden without an end too."""
        self._end_line()
        around = [] if self._around is None else [*self._around.lines, _Line("".join(self._around.line), 0, False)]
        return "\n".join(map(str, around + self._lines))

    def _add(self, text: str) -> None:
        self._line.append(text)
        self._begins_item = self._begins_item and not text.strip()

    def _say_address(self, start: int, address: str) -> None:
        """A link that shows a name alone tells nobody whom it writes to."""
        self._link = None
        if "@" not in "".join(self._line[start:]) and "@" in address:
            self._line.append(f" &lt;{address}&gt;")

    def _separate(self, name: str) -> None:
        if name in _LINES:
            self._end_line()
        elif name in _SPACES:
            self._line.append(" ")

    def _bullet(self) -> str:
        number = self._lists[-1] if self._lists else None
        if number is None:
            return "- "
        self._lists[-1] = number + 1
        return f"{number + 1}. "

    def _end_line(self) -> None:
        self._lines.append(_Line("".join(self._line), min(self._quotes, _DEEPEST), self._is_preformatted))
        self._line, self._begins_item = [], False
