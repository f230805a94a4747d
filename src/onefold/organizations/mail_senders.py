"""Whose mail it is: addresses that are the organization's own, and those that send for others (RES-18)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, get_args

from onefold.contact_points.emails import parse_email
from onefold.core.errors import InvalidValue
from onefold.core.text import validate_text

CustomerIn = Literal["reply_to", "original_from", "body"]
"""Where a mail of a relay names its customer: Reply-To, X-Original-From, or a line of the text."""

PLACES: tuple[CustomerIn, ...] = get_args(CustomerIn)
MOST_ENTRIES = 1_000
_LINE_LENGTH = 200


class Relay(NamedTuple):
    """An address that sends for others: a contact form, a shop, a list that rewrites From.

    `address` is one address or `*@domain`. With `customer_in` `body`, `line` is how the line begins and ends that names
    the customer, a `*` standing for the address: `Email: *`. What it names is claimed, unless it is `proven`.
    """

    address: str
    customer_in: CustomerIn
    line: str | None = None
    proven: bool = False


class _Addresses:
    """Single addresses, and domains as `*@domain`."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = frozenset(patterns)

    def __contains__(self, address: str) -> bool:
        return address in self._patterns or "*" + address[address.rfind("@") :] in self._patterns


class MailSenders:
    """Answers whose mail an address sends. Addresses are in normal form."""

    def __init__(self, own: Iterable[str] = (), agents: Iterable[str] = (), relays: Sequence[Relay] = ()) -> None:
        self.own, self.agents, self.relays = tuple(own), tuple(agents), tuple(relays)
        self._own = _Addresses((*self.own, *self.agents))
        self._relays = _Addresses(relay.address for relay in relays)

    def is_own(self, address: str) -> bool:
        """Whether it is an agent's, or one of the addresses and domains that the admin has named."""
        return address in self._own

    def relays_of(self, address: str) -> list[Relay]:
        """How a mail of this address names its customer, in the order in which it is tried; none for most."""
        if address not in self._relays:
            return []
        return [relay for relay in self.relays if address in _Addresses((relay.address,))]


NO_SENDERS = MailSenders()
"""Every address sends its own mail."""


def read_own_addresses(texts: Iterable[str]) -> list[str]:
    """The addresses and domains in normal form, each once; raises InvalidValue."""
    own = list(dict.fromkeys(_address(text, "own_addresses") for text in texts))
    _check_number(own, "own_addresses")
    return own


def read_relays(relays: Iterable[Relay]) -> list[Relay]:
    """The relays in normal form, each once; raises InvalidValue."""
    read = list(dict.fromkeys(_relay(relay) for relay in relays))
    _check_number(read, "relays")
    return read


def _relay(relay: Relay) -> Relay:
    if relay.customer_in not in PLACES:
        raise InvalidValue(f"The customer stands in {', '.join(PLACES)}.", code="invalid_relay", field="relays")
    line = None
    if relay.customer_in == "body":
        line = " ".join(validate_text(relay.line or "", "relays.line", _LINE_LENGTH).split())
        if line.count("*") != 1 or line == "*":
            detail = "The line needs its text and one * where the address stands, such as: Email: *"
            raise InvalidValue(detail, code="invalid_line", field="relays.line")
    return Relay(_address(relay.address, "relays.address"), relay.customer_in, line, proven=relay.proven)


def _address(text: str, field: str) -> str:
    """An address, or a domain written as `*@domain`, `@domain` or `domain`."""
    text = text.strip()
    local, _, domain = text.rpartition("@")
    try:
        if local in ("", "*"):
            return "*" + parse_email(f"a@{domain}")[1:]
        return parse_email(text)
    except InvalidValue as refusal:
        detail = "That is neither an address (help@shop.example) nor a domain (*@shop.example)."
        raise InvalidValue(detail, code=refusal.code, field=field) from None


def _check_number(entries: Sequence[object], field: str) -> None:
    if len(entries) > MOST_ENTRIES:
        raise InvalidValue(f"{field} takes at most {MOST_ENTRIES:,}.", code="too_many_values", field=field)
