"""What a telephony provider names a sender by: a phone number, or an account of a network (RES-1)."""

from __future__ import annotations

import re

from onefold.contact_points.blocklist import Blocklist
from onefold.contact_points.kinds import Channel
from onefold.contact_points.normalise import phone_point, social_point
from onefold.contact_points.points import Point
from onefold.core.errors import InvalidValue

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{1,30}):(.+)\Z", re.DOTALL)
_ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9 ._&+-]{0,14}\Z", re.ASCII)
_NUMBERED = ("tel", "sms", "whatsapp", "rcs")
# By what it is called when the network itself says who wrote: one person has one account of it.
_NETWORKS = {"messenger": "facebook", "fb-messenger": "facebook", "facebook": "facebook"}


def network_account(text: str) -> tuple[str, str] | None:
    """(network, id) of a sender that a provider names as the account of a social network: `messenger:17`."""
    address = _ADDRESS.match(text.strip())
    scheme = address[1].lower() if address else "tel"
    if address is None or scheme in (*_NUMBERED, "sip", "sips", "client"):
        return None
    return _NETWORKS.get(scheme, scheme), address[2].strip()


def telephony_point(text: str, channel: Channel, region: str, blocklist: Blocklist, field: str) -> Point:
    """The sender as a contact point; `region` (ISO 3166) reads a number without a country code.

    A short code, an alphanumeric sender and an address such as `messenger:17` are accounts: network and id. Raises
    InvalidValue for what is neither that nor a number.
    """
    if text.startswith("+"):
        return _number_or_account(text, "tel", channel, region=region, blocklist=blocklist, field=field)
    address = _ADDRESS.match(text.strip())
    scheme, rest = (address[1].lower(), address[2].strip()) if address else ("tel", text.strip())
    if scheme in ("sip", "sips"):
        return _sip_point(rest, region, blocklist, field)
    if scheme not in _NUMBERED:
        return social_point(_NETWORKS.get(scheme, scheme), rest, None, blocklist=blocklist, field=field)
    if scheme == "whatsapp" and rest.isascii() and rest.isdigit():
        rest = f"+{rest}"  # WhatsApp's ids of people are their numbers
    return _number_or_account(rest, scheme, channel, region=region, blocklist=blocklist, field=field)


def _number_or_account(
    rest: str, scheme: str, channel: Channel, *, region: str, blocklist: Blocklist, field: str
) -> Point:
    try:
        return phone_point(rest, region, blocklist, field)
    except InvalidValue as refusal:
        by_network = refusal.code == "short_code" or scheme in ("whatsapp", "rcs")
        is_account = by_network or (channel != "voice" and _ALPHANUMERIC.match(rest))
        if not is_account:
            raise
    network = "whatsapp" if "whatsapp" in (scheme, channel) else "rcs" if scheme == "rcs" else "sms"
    return social_point(network, rest.removeprefix("+"), None, blocklist=blocklist, field=field)


def _sip_point(rest: str, region: str, blocklist: Blocklist, field: str) -> Point:
    """`+442079460000@pbx` is that number; any other user is one of that host."""
    user, _, host = re.split(r"[;?]", rest, maxsplit=1)[0].partition("@")
    if user.startswith(("+", "00")):
        try:
            return phone_point(user, region, blocklist, field)
        except InvalidValue:
            pass
    account = f"{user}@{host.lower()}" if host else user
    return social_point("sip", account, None, blocklist=blocklist, field=field)
