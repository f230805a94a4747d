"""Values in normal form, each as the contact point that it is: done once, at the edge (PRO-10)."""

from __future__ import annotations

import unicodedata

from onefold.contact_points.blocklist import WITHHELD, Blocklist
from onefold.contact_points.emails import parse_email
from onefold.contact_points.kinds import PhoneType
from onefold.contact_points.phones import parse_phone
from onefold.contact_points.points import Point
from onefold.core.errors import InvalidValue
from onefold.core.text import VALUE_LENGTH, clean_name, validate_text


def email_point(text: str, blocklist: Blocklist, field: str = "email") -> Point:
    """An email address as a contact point."""
    value = parse_email(text, field)
    return Point("email", value, None if text == value else text, blocked=blocklist.holds("email", value))


def phone_point(
    text: str, region: str, blocklist: Blocklist, field: str = "phone", phone_type: PhoneType | None = None
) -> Point:
    """A phone as a contact point; `region` (ISO 3166) reads it where it has no country code.

    Withheld-number codes are looked up first: some are possible phone numbers.
    """
    written = text.strip().lower()
    # Withheld-number codes hold even where an admin took them off the list: most of them are no numbers at all, and a
    # call is not lost for that.
    if written in WITHHELD or blocklist.holds("phone", written):
        return Point("phone", validate_text(written, field), None, phone_type, blocked=True)
    value, _ = parse_phone(text, region, field)
    return Point(
        "phone",
        value,
        None if text == value else text,
        phone_type,
        blocked=blocklist.holds("phone", value),
    )


def social_point(network: str, user_id: str, handle: str | None, blocklist: Blocklist, field: str = "social") -> Point:
    """A social account: identified by network and user id; the handle can change hands and is only shown."""
    network = _key(network, f"{field}.network", 40).casefold()
    user = _key(user_id, f"{field}.user_id", 200)
    if ":" in network or not network.isprintable():
        raise InvalidValue("The network's name holds a colon.", code="invalid_network", field=f"{field}.network")
    value = f"{network}:{user}"
    blocked = blocklist.holds("social", value)
    return Point("social", value, None, handle=clean_name(handle, f"{field}.handle"), blocked=blocked)


def visitor_point(token: str, blocklist: Blocklist, field: str = "sender.visitor") -> Point:
    """A browser's chat token (RES-8)."""
    value = _key(token, field, 200)
    return Point("visitor", value, blocked=blocklist.holds("visitor", value))


def customer_id_point(text: str, blocklist: Blocklist, field: str = "customer_id") -> Point:
    """The organization's own key for the customer, case kept: systems that hand them out tell `a1` from `A1`."""
    value = _key(text, field, 200)
    return Point("customer_id", value, blocked=blocklist.holds("customer_id", value))


def _key(text: str, field: str, limit: int) -> str:
    validate_text(text, field, 4 * limit)  # before normalising, which takes time by the square of a run of marks
    key = text if text.isascii() else unicodedata.normalize("NFC", text)
    key = key.strip()
    if not key:
        raise InvalidValue(f"{field} is empty.", code="empty_value", field=field)
    return validate_text(key, field, min(limit, VALUE_LENGTH))
