"""From a contact as it was sent to one whose values are in normal form (PRO-10, RES-1, RES-11)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

from onefold.contact_points.kinds import PHONE_CHANNELS, PhoneType
from onefold.contact_points.normalise import customer_id_point, email_point, phone_point, social_point, visitor_point
from onefold.contact_points.points import Point
from onefold.contact_points.provider_senders import telephony_point
from onefold.contact_points.standing import Standing, standing_of_sender
from onefold.core.errors import InvalidValue
from onefold.core.ids import is_id
from onefold.core.text import BODY_LENGTH, VALUE_LENGTH, clean_name, cut_name, mend_text, validate_text
from onefold.organizations.policy import Policy
from onefold.receiving.contact import Contact, Further, Machine, NormalizedContact, Sender, SetAsideReason, Unread
from onefold.receiving.whose_mail import SentBy, sent_by

MESSAGE_ID_LENGTH = 1_000
_MOST_FURTHER = 50
_MOST_REFERENCES = 200


def normalise_contact(contact: Contact, policy: Policy) -> NormalizedContact:
    """The contact with its identifier (RES-1) and further values (RES-11) in normal form.

    A value, name or id that cannot be read is left out and named in `unread`. Raises InvalidValue, naming the field,
    for a contact without a message id, for an inbox that is none, and for text that is too long to be kept.
    """
    message_key = _message_key(contact)
    reader = _Reader(policy)
    if contact.inbox_id is not None and contact.inbox_id not in policy.inbox_ids:
        raise InvalidValue("inbox_id is none of the organization's inboxes.", code="unknown_inbox", field="inbox_id")
    contact = reader.texts(contact)
    identifier, account = reader.sender(contact)
    written_by, nobodys, was_sent_for = identifier, None, False
    if contact.channel == "email" and identifier is not None:
        by = sent_by(contact, identifier.value, policy.mail_senders)
        if by is not None:
            was_sent_for = True
            contact, identifier, nobodys = reader.of_customer(contact, by)
    further: tuple[Point, ...] = ()
    if nobodys is None:
        further = reader.besides(contact, identifier)
        if contact.further is not None:
            further = (*further, *reader.further(contact.further))
    is_failed = contact.state_of_sender == "failed"
    if identifier is not None and (standing := standing_of_sender(contact.state_of_sender)) != identifier.standing:
        identifier = identifier._replace(standing=standing)
    if account is not None:
        further = (account, *further)
    if further:
        further = _once(further, identifier, only_claimed=is_failed)
    name = None if contact.machine else reader.name(contact.sender.name)
    answers = _named_messages(contact)
    return NormalizedContact(
        contact,
        message_key,
        identifier,
        further,
        name,
        answers,
        account=account,
        unread=tuple(reader.unread),
        sender_key=_sender_key(written_by),
        recipients=reader.recipients(contact.machine) if contact.machine else (),
        nobodys=nobodys,
        was_sent_for=was_sent_for,
    )


def _sender_key(identifier: Point | None) -> str:
    """Tells senders apart who use one message id (RES-12), without naming them."""
    if identifier is None:
        return ""
    return hashlib.blake2b(f"{identifier.kind}:{identifier.value}".encode(), digest_size=8).hexdigest()


def _once(points: tuple[Point, ...], identifier: Point | None, *, only_claimed: bool) -> tuple[Point, ...]:
    """Each value once, as it was named first, and not the identifier's; a failed sender only claims (RES-14)."""
    first: dict[tuple[str, str], Point] = {}
    for point in points:
        first.setdefault((point.kind, point.value), point._replace(standing="claimed") if only_claimed else point)
    if identifier is not None:
        first.pop((identifier.kind, identifier.value), None)
    return tuple(first.values())


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


class _Reader:
    """Reads the values of one contact; what cannot be read is noted in `unread` and costs nothing else (RES-11)."""

    def __init__(self, policy: Policy) -> None:
        self.unread: list[Unread] = []
        self._region, self._blocklist = policy.default_region, policy.blocklist

    def texts(self, contact: Contact) -> Contact:
        """The contact with texts that can be kept, and threads that can be looked for."""
        if contact.subject and (subject := self._text(contact.subject, "subject")) is not contact.subject:
            contact = contact._replace(subject=subject)
        if contact.body and (body := self._text(contact.body, "body")) is not contact.body:
            contact = contact._replace(body=body)
        if contact.reply_to:
            names = contact.reply_to[:_MOST_REFERENCES]
            if len(names) < len(contact.reply_to):
                self._note(f"reply_to names more than {_MOST_REFERENCES} messages.", "too_many_values", "reply_to", "")
            contact = contact._replace(reply_to=tuple(filter(self._is_name, names)))
        if contact.conversation_id is not None and not is_id(contact.conversation_id):
            self._note("conversation_id is not an id.", "invalid_id", "conversation_id", contact.conversation_id)
            contact = contact._replace(conversation_id=None)
        return contact

    def sender(self, contact: Contact) -> tuple[Point | None, Point | None]:
        """RES-1: what identifies the sender and, beside a phone, the account that the channel names as well."""
        sender = contact.sender
        if contact.channel == "email":
            return self._email(sender.email, "sender.email"), None
        if contact.channel in PHONE_CHANNELS:
            return self._telephony(contact)
        if contact.channel == "social":
            return self._social_sender(sender), None
        return self._chat_sender(sender), None

    def of_customer(self, contact: Contact, by: SentBy) -> tuple[Contact, Point | None, SetAsideReason | None]:
        """RES-18: the contact as its customer's, and its identifier; or why it is nobody's."""
        customer, machine = by.customer, contact.machine
        if machine is not None and machine.kind in ("bounce", "delay"):
            return contact, None, by.reason
        point = customer and self._email(customer.address, "sender.email")
        if customer is None or point is None or point.blocked:
            return contact, None, by.reason
        is_proven = by.proven and contact.state_of_sender != "failed"
        data = {**json.loads(contact.data or "{}"), "sent_by": by.address, "sent_how": by.how}
        of_customer = contact._replace(
            sender=Sender(email=customer.address, name=customer.name),
            sender_state=contact.state_of_sender if is_proven else "failed",
            data=json.dumps(data, ensure_ascii=False),
        )
        if by.how == "relay":  # a list, a form: what it says of itself is not said of its customer
            of_customer = of_customer._replace(machine=None)
        return of_customer, point, None

    def _telephony(self, contact: Contact) -> tuple[Point | None, Point | None]:
        sender, channel = contact.sender, contact.channel
        phone = account = None
        if (number := sender.phone) is not None:
            read = partial(
                telephony_point, number, channel, self._region, blocklist=self._blocklist, field="sender.phone"
            )
            phone = self._point(read, "sender.phone", number)
        if (user_id := sender.user_id) is not None:
            network = sender.network or ("whatsapp" if channel == "whatsapp" else "sms")
            account = self._account(network, user_id, sender.handle, "sender")
        if phone is None or phone.blocked:
            return account or phone, None
        return phone, None if account is None or account.blocked else account

    def _social_sender(self, sender: Sender) -> Point | None:
        if (network := sender.network) is None:
            raise InvalidValue(
                "sender.network is missing on a social contact.", code="network_missing", field="sender.network"
            )
        if (user_id := sender.user_id) is None:
            return None
        return self._account(network, user_id, sender.handle, "sender")

    def _chat_sender(self, sender: Sender) -> Point | None:
        proven: list[Point | None] = []
        if sender.proven:
            proven = [
                self._customer_id(sender.customer_id, "sender.customer_id"),
                self._email(sender.email, "sender.email"),
            ]
        known = [point for point in (*proven, self._visitor(sender.visitor)) if point is not None]
        # What is blocked stands for nobody: the next one tells the visitor from others.
        return next((point for point in known if not point.blocked), known[0] if known else None)

    def besides(self, contact: Contact, identifier: Point | None) -> tuple[Point, ...]:
        """What a sender says of itself beyond its identifier: further values, no more (RES-11). Of what a site sends
        with its proof the email, the customer ID and the browser are proven (PRO-14); only a chat has one (RES-1)."""
        sender, kind = contact.sender, None if identifier is None else identifier.kind
        by_site: Standing = "contacted" if contact.is_proven_by_site else "claimed"
        points: list[tuple[Point | None, Standing]] = []
        if sender.email is not None and kind != "email":
            points.append((self._email(sender.email, "sender.email"), by_site))
        if sender.phone is not None and kind not in ("phone", "social"):
            points.append((self._phone(sender.phone, "sender.phone", "other"), "claimed"))
        if sender.changed_to is not None:
            points.append((self._phone(sender.changed_to, "sender.changed_to", "mobile"), "contacted"))
        if sender.changed_account is not None:
            account = self._account("whatsapp", sender.changed_account, None, "sender.changed_account")
            points.append((account, "contacted"))
        if sender.customer_id is not None and kind != "customer_id":
            points.append((self._customer_id(sender.customer_id, "sender.customer_id"), by_site))
        if sender.visitor is not None and kind != "visitor":
            points.append((self._visitor(sender.visitor), by_site))
        return tuple(point._replace(standing=standing) for point, standing in points if point is not None)

    def further(self, further: Further) -> tuple[Point, ...]:
        """Values a contact brings besides (RES-11): claimed, unless its system vouches for them."""
        standing: Standing = "entered" if further.vouched else "claimed"
        points = [point._replace(standing=standing) for point in self._listed_points(further) if point is not None]
        if len(points) > _MOST_FURTHER:
            self._note(f"further holds more than {_MOST_FURTHER} values.", "too_many_values", "further", "")
        return tuple(points[:_MOST_FURTHER])

    def _listed_points(self, further: Further) -> Iterator[Point | None]:
        for n, email in enumerate(further.emails):
            yield self._email(email, f"further.emails[{n}]")
        for n, phone in enumerate(further.phones):
            yield self._phone(phone.number, f"further.phones[{n}].number", phone.type)
        for n, s in enumerate(further.social):
            yield self._account(s.network, s.user_id, s.handle, f"further.social[{n}]")
        yield self._customer_id(further.customer_id, "further.customer_id")

    def recipients(self, machine: Machine) -> tuple[Point, ...]:
        """Whom a bounce names, as far as these are addresses that can be somebody's (RES-19)."""
        points = []
        for text in machine.recipients:
            with suppress(InvalidValue):
                points.append(email_point(text, self._blocklist))
        return tuple(point for point in points if not point.blocked)

    def name(self, name: str | None) -> str | None:
        """A display name; one that cannot be kept as it is, mended and cut."""
        if name is None:
            return None
        try:
            return clean_name(name, "sender.name")
        except InvalidValue as refusal:
            self._note(str(refusal), refusal.code, "sender.name", name)
            return cut_name(name)

    def _email(self, text: str | None, field: str) -> Point | None:
        return text if text is None else self._point(partial(email_point, text, self._blocklist, field), field, text)

    def _phone(self, text: str, field: str, phone_type: PhoneType) -> Point | None:
        read = partial(phone_point, text, self._region, self._blocklist, field, phone_type=phone_type)
        return self._point(read, field, text)

    def _account(self, network: str, user_id: str, handle: str | None, field: str) -> Point | None:
        read = partial(social_point, network, user_id, handle, blocklist=self._blocklist, field=field)
        return self._point(read, f"{field}.user_id", user_id)

    def _customer_id(self, text: str | None, field: str) -> Point | None:
        return (
            text if text is None else self._point(partial(customer_id_point, text, self._blocklist, field), field, text)
        )

    def _visitor(self, text: str | None) -> Point | None:
        if text is None:
            return None
        return self._point(partial(visitor_point, text, self._blocklist), "sender.visitor", text)

    def _point(self, read: Callable[[], Point], field: str, text: str) -> Point | None:
        try:
            return read()
        except InvalidValue as refusal:
            self._note(str(refusal), refusal.code, field, text)
            return None

    def _text(self, text: str, field: str) -> str:
        try:
            return validate_text(text, field, BODY_LENGTH)
        except InvalidValue as refusal:
            if refusal.code == "text_too_long":
                raise
            self._note(str(refusal), refusal.code, field, "")
            return mend_text(text)

    def _is_name(self, text: str) -> bool:
        try:
            validate_text(text, "reply_to", MESSAGE_ID_LENGTH)
        except InvalidValue as refusal:
            self._note(str(refusal), refusal.code, "reply_to", "")
            return False
        return True

    def _note(self, detail: str, code: str, field: str, text: str) -> None:
        if all(field != unread.field for unread in self.unread):  # what did not identify is read once more as further
            self.unread.append(Unread(field, code, detail, mend_text(text, VALUE_LENGTH)))
