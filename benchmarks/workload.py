"""Contacts as they come in: 80 % from known senders, 20 % from new ones, on email, SMS, WhatsApp and voice."""

from __future__ import annotations

import random

import msgspec

from benchmarks.people import Person, mobile_of, person
from onefold.contact_points.kinds import Channel
from onefold.receiving.contact import Contact, Sender

KNOWN = 0.8
_BODY = "Hello, my order was to come on Monday and it is Thursday. Could you look where it is? Thank you."
_PHONE_CHANNELS: tuple[Channel, ...] = ("sms", "whatsapp", "voice")


class Workload:
    """An endless stream of contacts to a base seeded with so many people; no two contacts of it are the same."""

    def __init__(self, profiles: int, seed: int = 1) -> None:
        self._profiles = profiles
        self._choose = random.Random(seed)
        self._new = profiles
        self._count = 0

    def contacts(self, count: int) -> list[Contact]:
        """The next contacts."""
        return [self._contact() for _ in range(count)]

    def batches(self, count: int, size: int) -> list[list[Contact]]:
        """The next contacts, in batches."""
        return [self.contacts(size) for _ in range(count)]

    def queries(self, count: int) -> list[str]:
        """What agents have typed so far of a name, an email or a phone of somebody in the base."""
        return [self._query() for _ in range(count)]

    def _contact(self) -> Contact:
        self._count += 1
        if self._choose.random() < KNOWN:
            sender, new = person(self._choose.randrange(self._profiles)), False
        else:
            sender, new = person(self._new), True
            self._new += 1
        value = self._choose.choice(sender.identifiers)
        return _contact(self._channel(value, new), f"bench-{self._count}@mail.example", value, sender)

    def _channel(self, value: str, new: bool) -> Channel:
        if "@" in value:
            return "email"
        # A call from a number never seen is not identifying (RES-6): it is another piece of work.
        return self._choose.choice(_PHONE_CHANNELS[:2] if new else _PHONE_CHANNELS)

    def _query(self) -> str:
        who = person(self._choose.randrange(self._profiles))
        first, _, last = who.name.partition(" ")
        digits = mobile_of(who.number)[3:]
        text = self._choose.choice(
            [first, last, who.name, f"{last} {first}", who.email or last, f"0{digits}", f"+44 {digits}", digits[-4:]]
        )
        return text[: self._choose.randint(min(3, len(text)), len(text))]


def _contact(channel: Channel, message_id: str, value: str, sender: Person) -> Contact:
    if channel == "email":
        return Contact(channel, message_id, Sender(email=value, name=sender.name), "Where is my order?", _BODY)
    if channel == "voice":
        return Contact(channel, message_id, Sender(phone=value))
    return Contact(channel, message_id, Sender(phone=value, name=sender.name), None, _BODY)


def json_of(contact: Contact) -> dict[str, object]:
    """The contact as `POST /v1/contacts` takes it."""
    sender = {key: value for key, value in contact.sender._asdict().items() if value}
    fields = {"channel": contact.channel, "message_id": contact.message_id, "sender": sender}
    return fields | {key: value for key in ("subject", "body") if (value := getattr(contact, key)) is not None}


def request(path: str, token: str, body: object) -> bytes:
    """A whole HTTP request."""
    content = msgspec.json.encode(body)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content
