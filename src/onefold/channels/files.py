"""Contacts in files: mbox, .eml, and JSON Lines; a stream that can be taken up again at a position."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from onefold.channels import mailbox
from onefold.channels.contact_json import contact_of_json
from onefold.channels.email import contact_of_email
from onefold.core.errors import DomainError, InvalidValue
from onefold.receiving.contact import Contact

Format = Literal["mail", "jsonl"]
_LONGEST_LINE = 32 * 1024 * 1024


class Entry(NamedTuple):
    """One entry of a file, counted from 1: the contact, or why it is none. `text` is the line itself (JSON Lines)."""

    position: int
    contact: Contact | DomainError
    text: str | None = None


def format_of(path: Path) -> Format:
    """What a file is, by its ending: .jsonl and .ndjson hold contacts, everything else mail."""
    return "jsonl" if path.suffix.lower() in (".jsonl", ".ndjson") else "mail"


def entries(path: Path, after: int = 0, inbox_id: str | None = None) -> Iterator[Entry]:
    """The entries of a file behind a position; one that cannot be read is refused and does not end the others."""
    if format_of(path) == "jsonl":
        yield from _lines(path, after, inbox_id)
        return
    for position, raw in mailbox.messages(path, after):
        try:
            yield Entry(position, contact_of_email(raw, inbox_id=inbox_id))
        except DomainError as refusal:
            yield Entry(position, refusal)


def count(path: Path) -> int:
    """How many entries a file has."""
    if format_of(path) == "mail":
        return mailbox.count(path)
    with path.open("rb") as file:
        return sum(1 for _ in file)


def _lines(path: Path, after: int, inbox_id: str | None) -> Iterator[Entry]:
    with path.open("rb") as file:
        position = 0
        while line := file.readline(_LONGEST_LINE):
            position += 1
            if position <= after or not line.strip():
                continue
            yield Entry(position, _contact(line, inbox_id), line.decode(errors="replace").rstrip("\r\n"))


def _contact(line: bytes, inbox_id: str | None) -> Contact | DomainError:
    if len(line) >= _LONGEST_LINE:
        return InvalidValue("The line is too long to be a contact.", code="line_too_long")
    try:
        contact = contact_of_json(line)
    except DomainError as refusal:
        return refusal
    return contact if contact.inbox_id or inbox_id is None else contact._replace(inbox_id=inbox_id)
