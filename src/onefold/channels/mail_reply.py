"""A reply without what it repeats: the mail it quotes and its signature are folded away, never dropped.

The `mail-parser-reply` library knows how mail programs of a dozen languages introduce what they quote. Its own reading
takes time by the square of a text's length and drops what it does not understand, so only its patterns are used, on a
few lines at a time.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import chain

from mailparser_reply.constants import MAIL_LANGUAGES
from mailparser_reply.parser import EmailMessage

_LONGEST_LINE = 200
_MOST_LINES = 5_000
_INTRODUCTION_LINES = 4  # "On …, … wrote:" or "From: …, Sent: …" go over no more
_MOST_INTRODUCTIONS = 50
_SIGNATURE_LINES = 10
_SIGNATURE_LINE_LENGTH = 80
_BLANKS = " \t\r\n\x0b\x0c\x1c\x1d\x1e\x85\xa0\u200b\u200e\u2028\u2029\ufeff"
_HEADER = re.compile(r"[>* ]*+[^\s:：>*]{1,20}+(?: [^\s:：*]{1,20}+)?[* ]*+[:：]")
_SEPARATOR = re.compile(r"-{4,} ?[^\s-][^-]{2,40} ?-{4,}|_{20,}")
_ADDRESS_OR_DATE = re.compile(r"@|\d{4}|\d{1,2}[./-]\d{1,2}|\d{1,2}:\d{2}")


def fold_quotes(body: str) -> tuple[str, str]:
    """What was written and, behind it, what is repeated; together they are the body, character for character.

    Answers between quoted lines stay where they are, with the lines they answer. A body that is all quotation or
    signature is not folded: there would be nothing to read; nor is one of more than 5,000 lines.
    """
    written = body.splitlines(keepends=True)
    lines = [line.strip(_BLANKS)[:_LONGEST_LINE] for line in written]
    if len(lines) > _MOST_LINES:
        return body, ""
    end = _end_of_answer(lines)
    end = _end_of_text(lines, end) or end
    if not any(lines[:end]):
        return body, ""
    visible = "".join(written[:end])
    return visible, body[len(visible) :]


# Quotations


def _end_of_answer(lines: list[str]) -> int:
    """Where the quotation at the end begins with what introduces it; the end of the lines if there is none."""
    quoted_from = _quoted_to_the_end(lines)
    tried = 0
    for number in range(quoted_from):
        if not _may_introduce(lines, number):
            continue
        tried += 1
        if tried > _MOST_INTRODUCTIONS:
            break
        length = _length_of_introduction(lines, number)
        behind = next((line for line in lines[number + length : quoted_from] if line), None) if length else None
        # An answer that stands between quoted lines is the sender's own.
        if length and (behind is None or not (behind.startswith(">") and not lines[number].startswith(">"))):
            return number
    return _start_of_introduction(lines, quoted_from) if quoted_from < len(lines) else quoted_from


def _quoted_to_the_end(lines: list[str]) -> int:
    """Where the lines begin of which all up to the end are quoted, blank, or a signature behind them."""
    end = _end_of_text(lines, len(lines)) or len(lines)
    number = end
    while number and (not lines[number - 1] or lines[number - 1].startswith((">", "|"))):
        number -= 1
    return next((first for first in range(number, end) if lines[first]), len(lines))


def _start_of_introduction(lines: list[str], quoted_from: int) -> int:
    """A quotation is introduced by the lines just before it, in whatever language: they end in a colon."""
    end = quoted_from
    while end and not lines[end - 1]:
        end -= 1
    if not end or not lines[end - 1].endswith((":", "：")):
        return quoted_from
    for start in range(end - 1, max(end - _INTRODUCTION_LINES, -1), -1):
        if not lines[start]:
            break
        if _ADDRESS_OR_DATE.search(" ".join(lines[start:end])) and (start == 0 or not lines[start - 1]):
            return start
    return end - 1 if _ADDRESS_OR_DATE.search(lines[end - 1]) else quoted_from


def _may_introduce(lines: list[str], number: int) -> bool:
    line = lines[number]
    if not line or (number and lines[number - 1].endswith((":", "：")) and not _HEADER.match(line)):
        return False
    following = lines[number : number + _INTRODUCTION_LINES - 1]
    ends = any(one.endswith((":", "：")) for one in following)
    headers = sum(_HEADER.match(one) is not None for one in following) >= 2
    return ends or headers or _SEPARATOR.fullmatch(line) is not None


def _length_of_introduction(lines: list[str], number: int) -> int:
    """How many lines the library takes for what introduces a quotation; 0 if it does not."""
    if _SEPARATOR.fullmatch(lines[number]):
        following = [line for line in lines[number + 1 : number + 4] if line][:2]
        return 1 if len(following) == 2 and all(map(_HEADER.match, following)) else 0
    # Runs of blanks and asterisks, which the patterns pass over, would take them long.
    window = "\n".join(re.sub(r"[* ]+", " ", line).strip() for line in lines[number : number + _INTRODUCTION_LINES])
    match = _introductions().match(window)
    return match[0].rstrip("\n").count("\n") + 1 if match and match[0].strip() else 0


@cache
def _introductions() -> re.Pattern[str]:
    pattern: re.Pattern[str] = EmailMessage(text="", languages=list(MAIL_LANGUAGES)).HEADER_REGEX
    return pattern


# Signatures


def _end_of_text(lines: list[str], end: int) -> int | None:
    """Where the signature begins that ends the lines before `end`; None if there is none."""
    last = end
    while last and not lines[last - 1]:
        last -= 1
    for number in range(last - 1, max(last - 1 - 3 * _SIGNATURE_LINES, 0), -1):
        if lines[number] == "--" and any(lines[:number]):
            return number
    starts = (n for n in range(max(last - _SIGNATURE_LINES, 0), last) if _begins_signature(lines, n, last))
    return next((number for number in starts if any(lines[:number])), None)


def _begins_signature(lines: list[str], number: int, last: int) -> bool:
    if _closings().fullmatch(lines[number]) is None:
        return False
    return all(len(line) <= _SIGNATURE_LINE_LENGTH and line[-1:] not in ("?", ">") for line in lines[number:last])


@cache
def _closings() -> re.Pattern[str]:
    """Lines that close a letter, and those that telephones add."""
    spoken = [_patterns(language.get("signatures", "")) for language in MAIL_LANGUAGES.values()]
    devices = [_patterns(language.get("sent_from", "")) for language in MAIL_LANGUAGES.values()]
    closings = "|".join(filter(None, spoken))
    added = "|".join(filter(None, devices))
    return re.compile(rf"(?:{closings})[\s,.!]{{0,3}}|(?:{added})[^?]{{0,60}}", re.IGNORECASE)


def _patterns(patterns: str | list[str]) -> str:
    return patterns if isinstance(patterns, str) else "|".join(chain(patterns))
