"""A contact as JSON: the body of `POST /v1/contacts`, and a line of a file for `onefold ingest`."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from onefold.contact_points.kinds import Channel, PhoneType
from onefold.core.errors import DomainError, InvalidValue
from onefold.core.text import mend_text
from onefold.receiving.contact import Contact, Further, ListedPhone, ListedSocial, NamedInMail, Sender

_Text = Annotated[str, msgspec.Meta(max_length=1_000)]
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class SenderJson(msgspec.Struct, forbid_unknown_fields=True):
    """Who the contact comes from. email: `email`; voice, sms, whatsapp: `phone`; social: `network` and `user_id`;
    chat: `visitor`, and with `proven` (the site's own proof; on other channels it says nothing) the customer's
    `customer_id` or `email`."""

    email: str | None = None
    phone: str | None = None
    network: str | None = None
    user_id: str | None = None
    handle: str | None = None
    visitor: str | None = None
    customer_id: str | None = None
    proven: bool = False
    name: str | None = None


class PhoneJson(msgspec.Struct, forbid_unknown_fields=True):
    """A phone among further values."""

    number: str
    type: PhoneType = "other"


class SocialJson(msgspec.Struct, forbid_unknown_fields=True):
    """A social account among further values."""

    network: str
    user_id: str
    handle: str | None = None


class FurtherJson(msgspec.Struct, forbid_unknown_fields=True):
    """Further values the contact brings (RES-11): what a form asks for, what a signature says."""

    emails: list[str] = []
    phones: list[PhoneJson] = []
    social: list[SocialJson] = []
    customer_id: str | None = None
    vouched: bool = False


class MailJson(msgspec.Struct, forbid_unknown_fields=True):
    """Of a mail, whom its header names besides its sender: looked at where the sender sends for others (RES-18)."""

    reply_to: str | None = None
    original_from: str | None = None


class ContactJson(msgspec.Struct, forbid_unknown_fields=True):
    """One incoming event on a channel."""

    channel: Channel
    message_id: str
    sender: SenderJson = msgspec.field(default_factory=SenderJson)
    subject: str | None = None
    body: str | None = None
    occurred_at: _Moment | None = None
    inbox_id: _Text | None = None
    reply_to: list[str] = []
    conversation_id: _Text | None = None
    further: FurtherJson | None = None
    verified: bool | None = None
    mail: MailJson | None = None


_decoder = msgspec.json.Decoder(ContactJson)


class Malformed(DomainError):
    """The bytes are not JSON at all."""

    code = "malformed_json"


def contact_of_json(body: bytes | msgspec.Raw) -> Contact:
    """The contact in a JSON text; raises Malformed, or InvalidValue for JSON that is not a contact."""
    return _contact(decode(_decoder, body))


def decode(decoder: msgspec.json.Decoder[Any], body: bytes | msgspec.Raw) -> Any:
    """What a decoder makes of JSON from outside, with its errors as refusals that quote nothing of the input."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidValue(_without_values(str(error)), code="invalid_request") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        mended = _without_lone_surrogates(bytes(body))
        if mended != body:
            return decode(decoder, mended)
        raise Malformed("The body is not JSON in UTF-8, or is nested too deeply.") from None


_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.", re.DOTALL
)


def _without_lone_surrogates(body: bytes) -> bytes:
    """Half a character (an emoji that somebody cut) costs that character, not the contact or its batch (RES-11)."""
    return _ESCAPES.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], body)


def _without_values(text: str) -> str:
    """msgspec quotes the input only for values that are none of an enumeration."""
    if text.startswith("Invalid enum value"):
        return "Not one of the known values" + text[text.rfind(" - ") :]
    return text


def _contact(c: ContactJson) -> Contact:
    s = c.sender
    sender = Sender(
        s.email,
        s.phone,
        s.network,
        user_id=s.user_id,
        handle=s.handle,
        visitor=s.visitor,
        customer_id=s.customer_id,
        proven=s.proven,
        name=s.name,
    )
    return Contact(
        c.channel,
        c.message_id,
        sender,
        subject=c.subject,
        body=c.body,
        occurred_at=_in_utc(c.occurred_at),
        inbox_id=c.inbox_id,
        reply_to=tuple(c.reply_to),
        conversation_id=c.conversation_id,
        further=None if c.further is None else _further(c.further),
        sender_state=None if c.verified is None else "proven" if c.verified else "failed",
        names=NamedInMail() if c.mail is None else NamedInMail(c.mail.reply_to, c.mail.original_from),
        data=None if c.mail is None else _data(c.mail),
    )


def _data(mail: MailJson) -> str:
    names = {"reply_to": mail.reply_to, "original_from": mail.original_from}
    texts = {field: mend_text(name, 1_000) for field, name in names.items() if name is not None}
    return json.dumps(texts, ensure_ascii=False)


def _in_utc(moment: datetime | None) -> datetime | None:
    try:
        return None if moment is None else moment.astimezone(UTC)
    except OverflowError:  # the first and the last hours of the calendar
        raise InvalidValue("occurred_at is out of the calendar.", field="occurred_at") from None


def _further(f: FurtherJson) -> Further:
    return Further(
        emails=tuple(f.emails),
        phones=tuple(ListedPhone(p.number, p.type) for p in f.phones),
        social=tuple(ListedSocial(s.network, s.user_id, s.handle) for s in f.social),
        customer_id=f.customer_id,
        vouched=f.vouched,
    )
