"""An email as it came in (RFC 5322) to a contact. Whatever else is wrong with it, a message is never lost.

The standard library takes messages apart. Headers are read by rules of our own: the library's modern policy recurses on
nested comments and is quadratic in the length of a header (100 kB of `;` hold it for minutes), and it reads
`From: victim@x.com <evil@y.com>` as the victim. Every step here is linear in the length of the message, for the same
reason also the reading of HTML.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import mimetypes
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime

from onefold.channels.machine_mail import MachineMail, machine_mail
from onefold.channels.mail_authentication import sender_state
from onefold.channels.mail_body import body_of
from onefold.channels.mail_parts import (
    Leaf,
    content_of,
    inner_parts,
    is_html,
    is_text,
    leaves_of,
    parse,
    text_file,
)
from onefold.channels.mail_sender import HEADER_LENGTH, display_name, sender_of
from onefold.channels.mail_source import source_of
from onefold.channels.mail_structure import STRUCTURE_LENGTH
from onefold.channels.mail_text import or_otherwise, text_of, words_decoded
from onefold.core.errors import InvalidValue
from onefold.core.text import BODY_LENGTH, mend_text
from onefold.receiving.contact import Attachment, Contact, Machine, NamedInMail, Sender
from onefold.receiving.normalise import MESSAGE_ID_LENGTH

_DATA_LENGTH = 1_000
_FILENAME_LENGTH = 255
_MOST_REFERENCES = 100
_REFERENCES_LENGTH = _MOST_REFERENCES * MESSAGE_ID_LENGTH
_MOST_ATTACHMENTS = 200
_YEARS = range(1980, 2100)


def contact_of_email(raw: bytes, *, inbox_id: str | None = None) -> Contact:
    """The contact that an email is: its sender is the From address (RES-1), whatever its Reply-To says.

    A sender that cannot be an address leaves the contact anonymous (RES-8); one whom readers may not agree on, or whom
    the receiver's own server found false, is `failed` (RES-14). Text without any header of mail is an anonymous mail
    with that text. Raises InvalidValue `not_a_message` for blank input, and nothing else.
    """
    if not raw.strip():
        raise InvalidValue("This is not an email: it is blank.", code="not_a_message", field="raw")
    source = source_of(raw)
    message, whole = parse(source.content)
    whole = whole and source.readable
    leaves = list(leaves_of(message)) if whole else []
    sender = sender_of(message)
    sender = sender._replace(sound=sender.sound and source.sound, strict=sender.strict and source.strict)
    body = body_of(leaves)
    machine = or_otherwise(lambda: machine_mail(message, body), None)
    attached_from = or_otherwise(lambda: _attached_from(leaves), None)
    return Contact(
        channel="email",
        message_id=_message_id(message, raw),
        sender=Sender(email=sender.address, name=sender.name),
        subject=_subject(message),
        body=body,
        occurred_at=_occurred_at(message),
        inbox_id=inbox_id,
        reply_to=_reply_to(message, machine),
        sender_state=sender_state(message, sender),
        data=_data(message, source.stray, machine, attached_from),
        machine=Machine(machine.kind, machine.recipients, machine.permanent) if machine else None,
        names=NamedInMail(
            reply_to=_whole_header(message, "Reply-To"),
            original_from=_whole_header(message, "X-Original-From"),
            attached_from=attached_from,
        ),
        attachments=_attachments(leaves, None if whole else raw),
    )


def _attached_from(leaves: Sequence[Leaf]) -> str | None:
    """The From of the mail that is attached; None where there is none, or more than one (RES-18)."""
    mails = [leaf.part for leaf in leaves if _is_mail(leaf.part)]
    if len(mails) != 1:
        return None
    inner = inner_parts(mails[0]) or [parse(content_of(mails[0]))[0]]
    return _whole_header(inner[0], "From")


def _is_mail(part: Message) -> bool:
    """Whether a part is a mail, also one that is attached as any file is."""
    filename = or_otherwise(part.get_filename, None) or ""
    return part.get_content_type() == "message/rfc822" or filename.lower().endswith(".eml")


# Headers


def _whole_header(message: Message, name: str) -> str | None:
    """A header's text, None if it is not there; where it stands twice, no reader knows which one counts."""
    return _header(message, name) if len(message.get_all(name, [])) == 1 else None


def _header(message: Message, name: str) -> str | None:
    """The first header of the name, decoded, on one line, fit to be stored; None if there is none."""
    value = message.get(name)
    return None if value is None else " ".join(mend_text(words_decoded(value[:HEADER_LENGTH])).split())


def _subject(message: Message) -> str | None:
    return _header(message, "Subject") or None


def _occurred_at(message: Message) -> datetime | None:
    """The Date in UTC; None if it is none, or one that no mail can have."""
    text = (message.get("Date") or "")[:200]
    sent_at = or_otherwise(lambda: parsedate_to_datetime(text), None)
    if sent_at is None or sent_at.year not in _YEARS:
        return None
    return sent_at.replace(tzinfo=UTC) if sent_at.tzinfo is None else sent_at.astimezone(UTC)


def _data(message: Message, stray: Sequence[bytes], machine: MachineMail | None, attached_from: str | None) -> str:
    """What the mail says of itself, for people to read: nothing is looked up by it. `stray` is there only if it is."""
    values = {
        "from": "\n".join(message.get_all("From", [])) or None,
        "to": message.get("To"),
        "cc": message.get("Cc"),
        "reply_to": message.get("Reply-To"),
        **({"original_from": message["X-Original-From"]} if "X-Original-From" in message else {}),
        **({"machine": machine.kind} if machine else {}),
        **({"attached_from": attached_from} if attached_from else {}),
        **({"stray": text_of(b"\n".join(stray), None)} if stray else {}),
    }
    return json.dumps({key: _name_of_file(value) for key, value in values.items()}, ensure_ascii=False)


def _name_of_file(value: str | None) -> str | None:
    return None if value is None else mend_text(words_decoded(value[:HEADER_LENGTH]), _DATA_LENGTH)


# Message ids


def _message_id(message: Message, raw: bytes) -> str:
    """The Message-ID without its angle brackets; where no use can be made of it, one made of the mail (RES-12)."""
    ids = _ids((message.get("Message-ID") or "")[: MESSAGE_ID_LENGTH + 10])
    return ids[0] if ids else f"sha256:{hashlib.sha256(_lasting(message, raw)).hexdigest()}"


def _lasting(message: Message, raw: bytes) -> bytes:
    """What is the same of a mail by whatever way it comes: sender, date, subject and content, not what servers wrote on
    its way. Without a date two mails may say the same and be two: then all of it counts."""
    if _occurred_at(message) is None:
        return raw
    names = ("From", "Reply-To", "X-Original-From", "Date", "Subject", "Content-Type")
    headers = [str(message.get(name) or "") for name in names]
    head = "\n".join(" ".join(header.split()) for header in headers)
    begun = raw.lstrip()
    ends = [at + len(blank) for blank in (b"\n\n", b"\n\r\n", b"\r\r") if (at := begun.find(blank)) >= 0]
    content = begun[min(ends, default=0) :].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return mend_text(head).encode() + b"\n\n" + content.rstrip()


def _reply_to(message: Message, machine: MachineMail | None) -> tuple[str, ...]:
    """The messages it answers, nearest first (RES-13). What a bounce returns is what it answers."""
    ids = machine.original_message_ids if machine else ()
    return tuple(dict.fromkeys((*ids, *_answered_ids(message))))[:_MOST_REFERENCES]


def _answered_ids(message: Message) -> list[str]:
    references = _ids(" ".join(message.get_all("References", [])))
    return _ids(" ".join(message.get_all("In-Reply-To", []))) + references[::-1]


def _ids(text: str) -> list[str]:
    """The message ids in a header: what stands in angle brackets, or the bare words where nothing does."""
    text = text[:_REFERENCES_LENGTH]
    bracketed = ("".join(inner.split()) for inner in re.findall(r"<([^<>]*)>", text))
    ids = [name for name in bracketed if name] or _bare_ids(text)
    return [name for name in ids if len(name) <= MESSAGE_ID_LENGTH and mend_text(name) == name]


def _bare_ids(text: str) -> list[str]:
    words = [word for word in re.split(r"[\s,<>]+", text) if word]
    return words if len(words) == 1 else [word for word in words if "@" in word]


# Attachments


def _attachments(leaves: Iterable[Leaf], unread: bytes | None) -> tuple[Attachment, ...]:
    """The files, inline ones too, the HTML as it was sent and text too long for a body; of a message that was not taken
    apart, all of it.
    """
    if unread is not None:
        return (Attachment("message.eml", "message/rfc822", unread),)
    files = (_attachment(leaf.part) for leaf in leaves if not is_text(leaf.part) or _is_kept(leaf.part))
    return tuple(itertools.islice(files, _MOST_ATTACHMENTS))


def _is_kept(part: Message) -> bool:
    return is_html(part) or len(content_of(part)) > BODY_LENGTH


def _attachment(part: Message) -> Attachment:
    if not is_text(part):
        return Attachment(_filename(part), _content_type(part), content_of(part))
    text = text_file(part)
    return Attachment("body.html", "text/html", text) if is_html(part) else Attachment("body.txt", "text/plain", text)


def _content_type(part: Message) -> str:
    said = part.get_content_type()
    return said if re.fullmatch(r"[a-z0-9.+_-]{1,60}/[a-z0-9.+_-]{1,100}", said) else "application/octet-stream"


def _filename(part: Message) -> str:
    """The name the sender gave it, or one that tells what it is; never a path."""
    original_name = mend_text(
        words_decoded((or_otherwise(part.get_filename, None) or _inner_subject(part))[:STRUCTURE_LENGTH])
    )
    name = re.sub(r"[/\\]+", "_", display_name(_cut_name(original_name)) or "")[:_FILENAME_LENGTH]
    if name.strip(". _"):
        return name
    return "attachment" + (mimetypes.guess_extension(_content_type(part)) or "")


def _cut_name(filename: str) -> str:
    """The name at its greatest length, its ending kept."""
    stem, dot, ending = filename.rpartition(".")
    if len(ending) > 10:
        return filename[:_FILENAME_LENGTH]
    return stem[: _FILENAME_LENGTH - len(dot + ending)] + dot + ending


def _inner_subject(part: Message) -> str:
    if part.get_content_type() != "message/rfc822" or not part.is_multipart():
        return ""
    subjects = (_subject(inner) for inner in inner_parts(part))
    return (next(subjects, None) or "message")[:200] + ".eml"
