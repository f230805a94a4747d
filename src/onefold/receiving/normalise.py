"""From a contact as it was sent to one whose values are in normal form (PRO-10, RES-1, RES-11)."""

from __future__ import annotations

from onefold.contact_points.kinds import PHONE_CHANNELS
from onefold.contact_points.normalise import customer_id_point, email_point, phone_point, social_point, visitor_point
from onefold.contact_points.points import Point
from onefold.core.errors import InvalidValue
from onefold.core.ids import is_id
from onefold.core.text import BODY_LENGTH, clean_name, validate_text
from onefold.organizations.policy import Policy
from onefold.receiving.contact import Contact, Further, NormalizedContact, Sender

MESSAGE_ID_LENGTH = 1_000
_MOST_FURTHER = 50
_MOST_REFERENCES = 200


def normalise_contact(contact: Contact, policy: Policy) -> NormalizedContact:
    """The contact with its identifier (RES-1) and further values (RES-11) in normal form.

    Raises InvalidValue, naming the field, for what cannot be stored or is not what it is said to be.
    """
    sender = contact.sender
    message_key = _message_key(contact)
    if contact.subject:
        validate_text(contact.subject, "subject", BODY_LENGTH)
    if contact.body:
        validate_text(contact.body, "body", BODY_LENGTH)
    identifier = _identifier(contact.channel, sender, policy)
    further = _besides(sender, identifier, policy)
    if contact.further is not None:
        further = (*further, *_further(contact.further, policy))
    _check_names(contact, policy)
    if identifier is not None and further:
        further = tuple(p for p in further if (p.kind, p.value) != (identifier.kind, identifier.value))
    if contact.state_of_sender == "failed":
        identifier = None if identifier is None else identifier._replace(proven=False)
        further = tuple(p._replace(proven=False) for p in further)
    name = clean_name(sender.name, "sender.name")
    return NormalizedContact(contact, message_key, identifier, further, name, _named_messages(contact))


def _message_key(contact: Contact) -> str:
    key = _mail_id(contact.message_id) if contact.channel == "email" else contact.message_id.strip()
    if not key:
        raise InvalidValue(
            "message_id is empty; every contact carries the channel's own message id.",
            code="message_id_missing",
            field="message_id",
        )
    validate_text(key, "message_id", MESSAGE_ID_LENGTH)
    # Networks number their messages independently of each other.
    return f"{contact.sender.network}:{key}" if contact.channel == "social" else key


def _named_messages(contact: Contact) -> tuple[str, ...]:
    """The messages that a contact answers, by the ids under which they are kept, nearest first (RES-13)."""
    return tuple(map(_mail_id, contact.reply_to)) if contact.channel == "email" else contact.reply_to


def _mail_id(text: str) -> str:
    """A Message-ID is one with and without its angle brackets, by whatever way it comes (RFC 5322, RES-13)."""
    return text.strip().strip("<>").strip()


def _identifier(channel: str, sender: Sender, policy: Policy) -> Point | None:
    if channel in PHONE_CHANNELS:
        return (
            None
            if sender.phone is None
            else phone_point(sender.phone, policy.default_region, policy.blocklist, "sender.phone")
        )
    if channel == "email":
        return None if sender.email is None else email_point(sender.email, policy.blocklist, "sender.email")
    if channel == "social":
        return _social_sender(sender, policy)
    return _chat_sender(sender, policy)


def _social_sender(sender: Sender, policy: Policy) -> Point | None:
    if sender.network is None:
        raise InvalidValue(
            "sender.network is missing on a social contact.", code="network_missing", field="sender.network"
        )
    if sender.user_id is None:
        return None
    return social_point(sender.network, sender.user_id, sender.handle, policy.blocklist, "sender")


def _chat_sender(sender: Sender, policy: Policy) -> Point | None:
    if sender.proven and sender.customer_id is not None:
        return customer_id_point(sender.customer_id, policy.blocklist, "sender.customer_id")
    if sender.proven and sender.email is not None:
        return email_point(sender.email, policy.blocklist, "sender.email")
    return None if sender.visitor is None else visitor_point(sender.visitor)


def _besides(sender: Sender, identifier: Point | None, policy: Policy) -> tuple[Point, ...]:
    """What a sender says of itself beyond its identifier: further values, no more (RES-11)."""
    kind = None if identifier is None else identifier.kind
    points = []
    if sender.email is not None and kind != "email":
        points.append(email_point(sender.email, policy.blocklist, "sender.email"))
    if sender.phone is not None and kind != "phone":
        points.append(phone_point(sender.phone, policy.default_region, policy.blocklist, "sender.phone", "other"))
    if sender.customer_id is not None and kind != "customer_id":
        points.append(customer_id_point(sender.customer_id, policy.blocklist, "sender.customer_id"))
    if sender.visitor is not None and kind != "visitor":
        points.append(visitor_point(sender.visitor))
    return tuple(points)


def _check_names(contact: Contact, policy: Policy) -> None:
    """The inbox must be one of the organization's; a thread that is not one of ours is no reason to refuse."""
    if contact.inbox_id is not None and contact.inbox_id not in policy.inbox_ids:
        raise InvalidValue("inbox_id is none of the organization's inboxes.", code="unknown_inbox", field="inbox_id")
    if len(contact.reply_to) > _MOST_REFERENCES:
        raise InvalidValue(
            f"reply_to names more than {_MOST_REFERENCES} messages.", code="too_many_values", field="reply_to"
        )
    for name in contact.reply_to:
        validate_text(name, "reply_to", MESSAGE_ID_LENGTH)
    if contact.conversation_id is not None and not is_id(contact.conversation_id):
        raise InvalidValue("conversation_id is not an id.", code="invalid_id", field="conversation_id")


def _further(further: Further, policy: Policy, field: str = "further") -> tuple[Point, ...]:
    points = [email_point(email, policy.blocklist, f"{field}.email") for email in further.emails]
    points += [
        phone_point(p.number, policy.default_region, policy.blocklist, f"{field}.phone", p.type) for p in further.phones
    ]
    points += [
        social_point(s.network, s.user_id, s.handle, policy.blocklist, f"{field}.social") for s in further.social
    ]
    if further.customer_id is not None:
        points.append(customer_id_point(further.customer_id, policy.blocklist, f"{field}.customer_id"))
    if len(points) > _MOST_FURTHER:
        raise InvalidValue(f"{field} holds more than {_MOST_FURTHER} values.", code="too_many_values", field=field)
    return tuple({(point.kind, point.value): point for point in points}.values())
