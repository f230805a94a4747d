"""Whose mail it is (RES-18): the From is not the customer where one of the organization's own addresses wrote, or one
that sends for others."""

from __future__ import annotations

from typing import Literal, NamedTuple

from onefold.organizations.mail_senders import MailSenders, Relay
from onefold.receiving.contact import Contact, SetAsideReason
from onefold.receiving.forwarded import Mailbox, forwarded_sender, is_reply, mailbox_in, mailbox_on_line

SentHow = Literal["forward", "relay"]


class SentBy(NamedTuple):
    """The address that a mail of somebody else came from, and how it names whose mail it is.

    Without a `customer` nobody can be read from it, and `reason` says why it is nobody's.
    """

    address: str
    reason: SetAsideReason
    customer: Mailbox | None = None
    how: SentHow | None = None
    proven: bool = False


def sent_by(contact: Contact, address: str, senders: MailSenders) -> SentBy | None:
    """Who sent a mail from this address, where that is not its customer; None where it is, as with most mail.

    What a relay names counts before what is the organization's own: a list of its own domain may rewrite From.
    """
    relays = senders.relays_of(address)
    for relay in relays:
        customer = _named_by_relay(contact, relay)
        if customer is not None and not _sends_for_others(customer.address, address, senders):
            return SentBy(address, "relay", customer, "relay", proven=relay.proven)
    if senders.is_own(address):
        customer = _read_forwarded(contact)
        if customer is not None and not _sends_for_others(customer.address, address, senders):
            return SentBy(address, "own_address", customer, "forward")
        return SentBy(address, "own_address")
    return SentBy(address, "relay") if relays else None


def _named_by_relay(contact: Contact, relay: Relay) -> Mailbox | None:
    names = contact.names
    if relay.customer_in == "reply_to":
        return mailbox_in(names.reply_to or "")
    if relay.customer_in == "original_from":
        return mailbox_in(names.original_from or "")
    return mailbox_on_line(contact.body or "", relay.line or "*")


def _read_forwarded(contact: Contact) -> Mailbox | None:
    """Who sent the mail that an agent forwards: in the text, else as a file."""
    if is_reply(contact.subject):
        return None
    in_text = forwarded_sender(contact.subject, contact.body)
    return in_text or mailbox_in(contact.names.attached_from or "")


def _sends_for_others(named: str, sender: str, senders: MailSenders) -> bool:
    """Whether a named address is no customer's either."""
    return named == sender or senders.is_own(named) or bool(senders.relays_of(named))
