"""What other own addresses and relays would have done with the mail of late: a dry run (RES-18)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from onefold.database.engine import UnitOfWork
from onefold.organizations.mail_senders import MailSenders, Relay, read_own_addresses, read_relays
from onefold.organizations.policy import Policy
from onefold.organizations.store import load_policy
from onefold.receiving.contact import Contact, NamedInMail, Sender
from onefold.receiving.forwarded import mailbox_in
from onefold.receiving.whose_mail import sent_by
from onefold.settings import recent_mail_store
from onefold.settings.recent_mail_store import RecentMail

_MAILS = 1_000
_EXAMPLES = 20


class FiledOtherwise(NamedTuple):
    """A mail that would be filed otherwise: by whose address, before and after; None where it is set aside."""

    item_id: str | None
    profile_id: str | None
    subject: str | None
    occurred_at: datetime
    sender: str
    customer_before: str | None
    customer_after: str | None


class MailPreview(NamedTuple):
    """How many of the last mails would be filed otherwise, and the newest of them."""

    mails: int
    filed_otherwise: int
    examples: list[FiledOtherwise]


def preview(unit: UnitOfWork, own_addresses: Iterable[str] | None, relays: Iterable[Relay] | None) -> MailPreview:
    """The dry run over the last 1,000 mails that came in; what is None stays as it is, and nothing is changed. Raises
    InvalidValue, as saving would."""
    policy = load_policy(unit)
    before = policy.mail_senders
    after = MailSenders(
        before.own if own_addresses is None else read_own_addresses(own_addresses),
        agents=before.agents,
        relays=before.relays if relays is None else read_relays(relays),
    )
    mails = [*recent_mail_store.list_filed(unit, _MAILS), *recent_mail_store.list_waiting(unit, _MAILS)]
    mails = sorted(mails, key=lambda mail: mail.occurred_at, reverse=True)[:_MAILS]
    changed = [change for mail in mails if (change := _filed_otherwise(mail, before, after, policy))]
    return MailPreview(len(mails), len(changed), changed[:_EXAMPLES])


def _filed_otherwise(
    mail: RecentMail, before: MailSenders, after: MailSenders, policy: Policy
) -> FiledOtherwise | None:
    sender = _from_of(mail)
    if sender is None:
        return None
    customers = _customers(mail, sender, (before, after), policy)
    if customers[0] == customers[1]:
        return None
    return FiledOtherwise(
        None if mail.profile_id is None else mail.id,
        mail.profile_id,
        subject=mail.subject,
        occurred_at=mail.occurred_at,
        sender=sender,
        customer_before=customers[0],
        customer_after=customers[1],
    )


def _from_of(mail: RecentMail) -> str | None:
    """The address that it came from, which is not its customer's where somebody sent it for them."""
    data = mail.data or {}
    if sent_from := data.get("sent_by"):
        return str(sent_from)
    named = mailbox_in(str(data.get("from") or "")) or mailbox_in(mail.sender or "")
    return named and named.address


def _customers(mail: RecentMail, sender: str, settings: Sequence[MailSenders], policy: Policy) -> list[str | None]:
    data = mail.data or {}
    names = NamedInMail(*(data.get(field) for field in NamedInMail._fields))
    contact = Contact("email", mail.id, Sender(email=sender), subject=mail.subject, body=mail.body, names=names)
    customers: list[str | None] = []
    for senders in settings:
        by = sent_by(contact, sender, senders)
        if by is None:
            customers.append(sender)
        else:
            address = by.customer and by.customer.address
            customers.append(None if address is None or policy.blocklist.holds("email", address) else address)
    return customers
