"""Meta's webhooks (JSON): WhatsApp Cloud API, Messenger and Instagram.

One webhook brings many events. Those that are no contact (states of what was sent, echoes of our own messages) and
those that cannot be read are counted, and do not hold up the others.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from onefold.contact_points.phones import parse_phone
from onefold.core.errors import InvalidValue
from onefold.core.text import cut_name, mend_text
from onefold.receiving.contact import Contact, Sender
from onefold.receiving.normalise import MESSAGE_ID_LENGTH

Json = Mapping[str, Any]

_NETWORKS = {"page": "facebook", "instagram": "instagram"}
_DATA_LENGTH = 1_000
_USER_ID_LENGTH = 200
_MOST_MEDIA = 50
_SECONDS_LENGTH = 11
"""Of a time in seconds, as a text; those in milliseconds are longer."""
_NOBODY: Json = {}
_POSTS = frozenset(("post", "status", "photo", "video", "share", "link"))
_EDITS = frozenset(("edit", "edited"))
_SAYS = frozenset(("", "add", *_EDITS))
"""What is done with a comment or post when it says something; Instagram does not say."""
_KINDS = {
    "image": "image",
    "video": "video",
    "audio": "voice message",
    "document": "file",
    "sticker": "sticker",
    "contacts": "contact card",
    "location": "location",
    "order": "order",
    "reaction": "reaction taken back",
    "system": "change of the account",
    "call": "call",
    "deleted": "deleted a message",
}
"""What a message without words is; other kinds are named as the network names them."""


class FromMeta(NamedTuple):
    """The contacts of a webhook, and by what they are, how many of its events are none (RES-20)."""

    contacts: list[Contact]
    not_shown: Counter[str]


Event = tuple[str, Contact | None]
"""What an event is called, and the contact that it is; None of what only tells what became of our own messages, and of
what cannot be read."""


def from_meta(payload: Json, *, inbox_id: str | None = None) -> FromMeta:
    """A webhook of WhatsApp (each contact from the phone of its sender), Messenger or Instagram (each from its sender's
    account on the network), RES-1."""
    network = _text(payload.get("object"))
    if network == "whatsapp_business_account":
        events = list(_whatsapp_events(payload, inbox_id))
    elif network in _NETWORKS:
        events = list(_messenger_events(payload, _NETWORKS[network], inbox_id))
    else:
        events = [("unknown", None)]
    contacts = [contact for _, contact in events if contact is not None]
    return FromMeta(contacts, Counter(_event_name(name) for name, contact in events if contact is None))


def _event_name(name: str) -> str:
    """As the network calls it, if that is a name."""
    return name if re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name) else "unknown"


def _whatsapp_events(payload: Json, inbox_id: str | None) -> Iterator[Event]:
    for entry in _objects(payload.get("entry")):
        for change in _objects(entry.get("changes")):
            field, value = _text(change.get("field")) or "messages", _object(change.get("value"))
            people = _people(value)
            if field == "messages":
                for message in _objects(value.get("messages")):
                    yield _text(message.get("type")) or "message", _whatsapp(message, people, inbox_id)
            elif field == "calls":
                for call in _objects(value.get("calls")):
                    yield "calls", _whatsapp_call(call, people, inbox_id)
            else:
                yield field, None
            for name in ("statuses", "errors"):
                yield from ((name, None) for _ in _objects(value.get(name)))


def _messenger_events(payload: Json, network: str, inbox_id: str | None) -> Iterator[Event]:
    """What another app answers (`standby`) the customer has said as well; Instagram sends messages as changes too."""
    for entry in _objects(payload.get("entry")):
        own_id = _text(entry.get("id"))
        for event in (*_objects(entry.get("messaging")), *_objects(entry.get("standby"))):
            yield _messenger_event(event, own_id, network, inbox_id)
        for change in _objects(entry.get("changes")):
            field, value = _text(change.get("field")), _object(change.get("value"))
            if _object(value.get("sender")):
                yield _messenger_event(value, own_id, network, inbox_id)
            elif own_id and _text(_object(value.get("from")).get("id")) == own_id:
                yield "echo", None
            else:
                yield field, _comment(field, value, network, inbox_id)


def _messenger_event(event: Json, own_id: str, network: str, inbox_id: str | None) -> Event:
    says = next((key for key in event if key not in ("sender", "recipient", "timestamp")), "unknown")
    is_ours = bool(own_id) and _text(_object(event.get("sender")).get("id")) == own_id
    if says == "message" and (is_ours or _object(event.get("message")).get("is_echo")):
        return "echo", None
    return says, None if is_ours else _messenger(event, network, inbox_id)


def meta_signature_valid(app_secret: str, body: bytes, header: str) -> bool:
    """Whether the X-Hub-Signature-256 header is the app's signature of the body, byte for byte as it came in."""
    if not app_secret:
        return False
    expected = "sha256=" + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), header.strip().encode("utf-8", "replace"))


# WhatsApp


def _people(value: Json) -> dict[str, Json]:
    """Who is named in a change, by the WhatsApp id and by the id of users who hide their number."""
    people = list(_objects(value.get("contacts")))
    return {
        key: person
        for person in people
        for key in (_text(person.get("wa_id")), _text(person.get("user_id") or person.get("from_user_id")))
        if key
    }


def _whatsapp(message: Json, people: Mapping[str, Json], inbox_id: str | None) -> Contact | None:
    message_id, kind, sender = _id(message.get("id")), _text(message.get("type")), _text(message.get("from"))
    if message_id is None:
        return None
    phone = _phone(sender)
    content = _object(message.get(kind))
    changed = _changed_identity(kind, content)
    named = changed.previous_account or message.get("from_user_id") or message.get("user_id")
    user_id = _user_id(_text(named) or ("" if phone else sender))
    person = people.get(sender) or people.get(user_id or "") or _NOBODY
    profile = _object(person.get("profile"))
    name, handle = _name(profile.get("name")), _name(profile.get("username") or person.get("username"))
    return Contact(
        channel="whatsapp",
        message_id=message_id,
        sender=Sender(
            phone=phone,
            user_id=user_id,
            handle=handle,
            name=name,
            changed_to=changed.number,
            changed_account=changed.account,
        ),
        body=_whatsapp_body(kind, content),
        occurred_at=_moment(message.get("timestamp"), 1),
        inbox_id=inbox_id,
        reply_to=_ids(_object(message.get("context")).get("id"), content.get("message_id")),
        data=_data(
            {"from": sender, "type": kind, **{key: content.get(key) for key in ("id", "mime_type", "filename")}}
        ),
    )


def _whatsapp_call(call: Json, people: Mapping[str, Json], inbox_id: str | None) -> Contact | None:
    """A call by WhatsApp, from the same sender as its messages; what is told of one call carries one id (RES-12)."""
    if _text(call.get("direction")).upper() == "BUSINESS_INITIATED":
        return None
    return _whatsapp({**call, "type": "call"}, people, inbox_id)


def _phone(wa_id: str) -> str | None:
    """The phone of a WhatsApp id, which is its digits; None where it is not one."""
    number = "+" + wa_id.strip().lstrip("+")
    try:
        parse_phone(number, "ZZ")
    except InvalidValue:
        return None
    return number


class _ChangedIdentity(NamedTuple):
    number: str | None = None
    account: str | None = None
    previous_account: str | None = None


def _changed_identity(kind: str, content: Json) -> _ChangedIdentity:
    """The number and the user id that WhatsApp says a customer has changed to, and the user id before (RES-20).

    A user id changes with the number or by itself. Other changes name a number as well, and change none.
    """
    said = _text(content.get("type")) or "changed_number"
    if kind != "system" or not said.endswith(("changed_number", "changed_user_id")):
        return _ChangedIdentity()
    number = _text(content.get("new_wa_id") or content.get("wa_id"))
    return _ChangedIdentity(
        number=_phone(number) if number and said.endswith("changed_number") else None,
        account=_user_id(_text(content.get("user_id"))),
        previous_account=_user_id(_text(content.get("previous_user_id"))),
    )


def _whatsapp_body(kind: str, content: Json) -> str:
    """What was said; of what has no words, what it is (RES-20)."""
    if kind == "interactive":
        content = _object(content.get(_text(content.get("type"))))
    if kind == "location":
        values = [content.get(key) for key in ("name", "address", "latitude", "longitude")]
        said = ", ".join(_text(value) for value in values if value is not None)
    elif kind == "contacts":
        said = ""
    else:
        texts = (_text(content.get(key)) for key in ("body", "caption", "text", "title", "emoji"))
        said = next((text for text in texts if text), "")
    return mend_text(said) or _what_it_is(kind)


def _what_it_is(kind: str) -> str:
    return f"({_KINDS.get(kind) or 'message that cannot be shown here: ' + kind})"


# Messenger and Instagram


def _messenger(event: Json, network: str, inbox_id: str | None) -> Contact | None:
    """A contact of an event that says something; None of what only tells what became of our own messages."""
    message, user_id = _object(event.get("message")), _text(_object(event.get("sender")).get("id"))
    said = _read_event(event)
    if said is None:
        return None
    own_id, body = said
    moment = _text(event.get("timestamp"))
    message_id = own_id or (_id(f"{user_id}:{moment}:{_digest(body)}") if user_id and moment else None)
    if message_id is None:
        return None
    return Contact(
        channel="social",
        message_id=message_id,
        sender=Sender(network=network, user_id=_user_id(user_id)),
        body=mend_text(body) or None,
        occurred_at=_moment(moment, 1_000 if len(moment) > _SECONDS_LENGTH else 1),
        inbox_id=inbox_id,
        reply_to=_ids(_object(message.get("reply_to")).get("mid")),
        data=_data({"from": user_id, "media": _media(message)}),
    )


def _read_event(event: Json) -> tuple[str | None, str] | None:
    """(the network's id of it, what it says) of a message, a button, a referral, an edit or a reaction (RES-20)."""
    if message := _object(event.get("message")):
        mid = _id(message.get("mid"))
        if message.get("is_deleted"):
            return (None if mid is None else f"{mid}:deleted"), _what_it_is("deleted")
        kinds = [_text(file.get("type")) for file in _objects(message.get("attachments"))]
        return mid, _text(message.get("text")) or (_what_it_is(kinds[0]) if kinds else "")
    if postback := _object(event.get("postback")):
        return _id(postback.get("mid")), _text(postback.get("title")) or _text(postback.get("payload"))
    if edit := _object(event.get("message_edit")):
        text = _text(edit.get("text"))
        return _id(f"{_text(edit.get('mid'))}:{_text(edit.get('num_edit')) or _digest(text)}"), f"(edited) {text}"
    if reaction := _object(event.get("reaction")):
        emoji = _text(reaction.get("emoji")) or _text(reaction.get("reaction"))
        return None, f"({'took back ' if reaction.get('action') == 'unreact' else ''}reaction {emoji})"
    if referral := _object(event.get("referral")):
        words = ("came by", _text(referral.get("source")) or "a link", _text(referral.get("ref")))
        return None, f"({' '.join(filter(None, words))})"
    return None


def _comment(field: str, value: Json, network: str, inbox_id: str | None) -> Contact | None:
    """A comment under a post, or a post on the page, by the account of whoever wrote it; an edited one says it anew."""
    who, item, verb = _object(value.get("from")), _text(value.get("item")), _text(value.get("verb"))
    text = mend_text(_text(value.get("text") or value.get("message")))
    is_comment = field in ("comments", "live_comments") or item == "comment"
    is_post = field == "feed" and bool(text) and item in _POSTS
    message_id = _id((value.get("comment_id") if is_comment else value.get("post_id")) or value.get("id"))
    if not (is_comment or is_post) or message_id is None or verb not in _SAYS:
        return None
    if verb in _EDITS:
        message_id, text = f"{message_id}:{_digest(text)}", f"(edited) {text}"
    return Contact(
        channel="social",
        message_id=message_id,
        sender=Sender(
            network=network,
            user_id=_user_id(_text(who.get("id"))),
            handle=_name(who.get("username")),
            name=_name(who.get("name")),
        ),
        body=text or None,
        occurred_at=_moment(value.get("created_time"), 1),
        inbox_id=inbox_id,
        data=_data({"from": _text(who.get("id")), "type": "comment" if is_comment else "post"}),
    )


def _user_id(text: str) -> str | None:
    text = text.strip()
    return text if text and len(text) <= _USER_ID_LENGTH and mend_text(text) == text else None


def _media(message: Json) -> list[dict[str, str]]:
    files = list(_objects(message.get("attachments")))[:_MOST_MEDIA]
    return [
        {"type": _text_of(file.get("type")), "url": _text_of(_object(file.get("payload")).get("url"))} for file in files
    ]


# Reading JSON that may be anything


def _object(value: object) -> Json:
    return value if isinstance(value, Mapping) else _NOBODY


def _objects(value: object) -> Iterator[Json]:
    return (item for item in value if isinstance(item, Mapping)) if isinstance(value, list) else iter(())


def _text(value: object) -> str:
    """Text, or a number as text: ids arrive as either."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


def _text_of(value: object) -> str:
    return mend_text(_text(value), _DATA_LENGTH)


def _digest(text: str) -> str:
    """Of what has no id of its own: the same words at the same instant are the same."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def _id(value: object) -> str | None:
    text = _text(value).strip()
    return text if text and len(text) <= MESSAGE_ID_LENGTH and mend_text(text) == text else None


def _ids(*values: object) -> tuple[str, ...]:
    ids = (_id(value) for value in values)
    return tuple(dict.fromkeys(name for name in ids if name is not None))


def _name(value: object) -> str | None:
    return cut_name(_text(value))


def _moment(value: object, per_second: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(_text(value)) / per_second, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _data(fields: Mapping[str, object]) -> str:
    texts = {key: value if isinstance(value, list) else _text_of(value) for key, value in fields.items()}
    return json.dumps({key: value for key, value in texts.items() if value}, ensure_ascii=False)
