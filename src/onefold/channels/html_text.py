"""HTML of a message as the text a reader sees; linear in its length, because senders are strangers."""

from __future__ import annotations

import html
import re

from onefold.domain.text import BODY_LENGTH

_UNSEEN = frozenset(("script", "style", "title", "template"))
_LINES = frozenset((
    "address", "article", "blockquote", "br", "dd", "div", "dl", "dt", "footer", "h1", "h2", "h3", "h4", "h5", "h6",
    "header", "hr", "li", "ol", "p", "pre", "section", "table", "tr", "ul",
))  # fmt: skip
_SPACES = frozenset(("td", "th"))
_TAG = re.compile(r"/?([a-zA-Z][a-zA-Z0-9]{0,15})")
_TAG_END = re.compile(r"""[^>"']*+(?:"[^"]*+"[^>"']*+|'[^']*+'[^>"']*+)*+>""")
_MOST_HTML = 5 * BODY_LENGTH
_MOST_TAGS = 200_000


def html_text(source: str) -> str:
    """What a reader sees of HTML, in lines. Nothing in it is looked for further than the next `<`."""
    first, *pieces = source[:_MOST_HTML].split("<", _MOST_TAGS)
    seen = [_folded(first)]
    until: str | None = None
    for piece in pieces:
        shown, until = _piece_text(piece, until)
        seen.append(shown)
    lines = (" ".join(line.split()) for line in html.unescape("".join(seen)).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _piece_text(piece: str, until: str | None) -> tuple[str, str | None]:
    """What is seen of the text from one `<` to the next, and what has to come before anything is seen again."""
    if until == "-->" or (until is None and piece.startswith("!--")):
        _, ended, rest = piece[until is None :].partition("-->")
        return _folded(rest), None if ended else "-->"
    if until is not None and piece[: len(until)].lower() != until:
        return "", until
    tag = _TAG.match(piece)
    if tag is None:
        return (_after_tag(piece) if piece[:1] in ("!", "?", "/") else f"&lt;{_folded(piece)}"), None
    name = tag[1].lower()
    if name in _UNSEEN and piece[0] != "/":
        return "", f"/{name}"
    return "\n" * (name in _LINES) + " " * (name in _SPACES) + _after_tag(piece), None


def _after_tag(piece: str) -> str:
    end = _TAG_END.match(piece)
    return _folded(piece.partition(">")[2] if end is None else piece[end.end() :])


def _folded(text: str) -> str:
    return re.sub(r"\s+", " ", text)
