"""A contact: one incoming event on a channel, as it arrives and after normalising."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

from onefold.contact_points.kinds import Channel, PhoneType
from onefold.contact_points.points import Point
from onefold.contact_points.standing import SenderState


class Sender(NamedTuple):
    """Who a contact comes from, as the channel says; RES-1 tells which of it identifies on which channel.

    `proven` is for chat: the site vouches for `customer_id` or `email` (a signed token); unproven, they are only
    further values (RES-11). `name` is a display name sent by the channel, never confirmed;
    `changed_to` a number, and `changed_account` a user id, that the channel itself says the sender has now (RES-20).
    """

    email: str | None = None
    phone: str | None = None
    network: str | None = None
    user_id: str | None = None
    handle: str | None = None
    visitor: str | None = None
    customer_id: str | None = None
    proven: bool = False
    name: str | None = None
    changed_to: str | None = None
    changed_account: str | None = None


class ListedPhone(NamedTuple):
    """A phone that a contact brings as a further value, with the type the customer gave it."""

    number: str
    type: PhoneType = "other"


class ListedSocial(NamedTuple):
    """A social account that a contact brings as a further value."""

    network: str
    user_id: str
    handle: str | None = None


class Further(NamedTuple):
    """Values a contact brings besides its sender (RES-11): a form's fields, a signature, an API call.

    They are claims, unless the system that sends the contact vouches for them (PRO-13).
    """

    emails: tuple[str, ...] = ()
    phones: tuple[ListedPhone, ...] = ()
    social: tuple[ListedSocial, ...] = ()
    customer_id: str | None = None
    vouched: bool = False


MachineKind = Literal["bounce", "delay", "auto_reply", "receipt", "list", "other"]


class Machine(NamedTuple):
    """That no person wrote a mail (RES-19).

    `recipients` are those that a bounce could not reach, as written; `permanent` says that it is for good.
    """

    kind: MachineKind
    recipients: tuple[str, ...] = ()
    permanent: bool = False


class NamedInMail(NamedTuple):
    """Whom a mail names beside its From, as its headers have it: looked at where the From is no customer (RES-18).

    `attached_from` is the From of the one mail that is attached to it.
    """

    reply_to: str | None = None
    original_from: str | None = None
    attached_from: str | None = None


class Attachment(NamedTuple):
    """A file that came with a message."""

    filename: str
    content_type: str
    content: bytes


class Contact(NamedTuple):
    """One incoming event on a channel (RES). Values are as they were sent; nothing is normalised yet.

    `message_id` is the channel's own id (RES-12). `reply_to` holds the message ids it answers, nearest first, and
    `conversation_id` a thread of ours that it names (RES-13). `inbox_id` is the queue it was routed to, None for the
    organization's default. `occurred_at` is when the channel says it happened; it never decides an order.
    `sender_state` is None where only the channel speaks for the sender (RES-14); see `state_of_sender`.
    """

    channel: Channel
    message_id: str
    sender: Sender
    subject: str | None = None
    body: str | None = None
    occurred_at: datetime | None = None
    inbox_id: str | None = None
    reply_to: tuple[str, ...] = ()
    conversation_id: str | None = None
    further: Further | None = None
    sender_state: SenderState | None = None
    data: str | None = None
    attachments: tuple[Attachment, ...] = ()
    machine: Machine | None = None
    names: NamedInMail = NamedInMail()

    @property
    def state_of_sender(self) -> SenderState:
        """RES-14: a provider or a site knows whom it hears; of mail nobody does, unless somebody says so."""
        return self.sender_state or ("unchecked" if self.channel == "email" else "proven")

    @property
    def is_proven_by_site(self) -> bool:
        """Whether a site says, with its own proof, which customer chats (RES-1); no other channel has such a proof."""
        return self.channel == "chat" and self.sender.proven


class Unread(NamedTuple):
    """A value of a contact that could not be read, and why; `value` is its text as far as it can be kept (RES-11)."""

    field: str
    code: str
    detail: str
    value: str


Outcome = Literal["opened", "created", "set_aside"]
SetAsideReason = Literal["machine", "own_address", "relay"]
"""Why a contact is nobody's yet: a machine wrote about nobody known, one of the organization's own addresses did, or
one that sends for others and did not say for whom (RES-18, RES-19)."""


class NormalizedContact(NamedTuple):
    """A contact after normalising: what the resolver decides on.

    `answers` are the ids of messages it replies to. `account` is the one that the channel names beside the sender's
    phone: either opens the profile (RES-1); it is among `further` as well. The same message id with another
    `sender_key` is another message (RES-12). `recipients` are those that a bounce could not reach (RES-19). `nobodys`
    says why a mail's From is no customer, where nobody else can be read from it, and `was_sent_for` that its From is
    not whose mail it is (RES-18).
    """

    contact: Contact
    message_key: str
    identifier: Point | None
    further: tuple[Point, ...]
    name: str | None
    answers: tuple[str, ...] = ()
    account: Point | None = None
    unread: tuple[Unread, ...] = ()
    sender_key: str = ""
    recipients: tuple[Point, ...] = ()
    nobodys: SetAsideReason | None = None
    was_sent_for: bool = False

    @property
    def token(self) -> Point | None:
        """The browser's token of a chat whose customer the site has signed in (RES-17)."""
        who = self.identifier
        if not self.contact.is_proven_by_site or who is None or who.standing == "claimed":
            return None
        return next((point for point in self.further if point.kind == "visitor" and not point.blocked), None)


class Answer(NamedTuple):
    """Where a contact has landed. The same delivery again gets the same answer, `repeated` aside (RES-12).

    What was `set_aside` is on no profile and in no conversation: then their ids are empty.
    """

    outcome: Outcome
    profile_id: str
    conversation_id: str
    item_id: str
    repeated: bool = False
    warnings: tuple[Unread, ...] = ()
