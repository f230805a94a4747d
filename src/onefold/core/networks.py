"""Networks by which addresses are told apart."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address, ip_network


class Networks:
    """Some networks; a single address is one of its own."""

    def __init__(self, networks: Iterable[str]) -> None:
        """Raises ValueError where one is none."""
        self._networks = [ip_network(network) for network in networks]

    def __contains__(self, address: str) -> bool:
        """Whether an address lies in one of them; one that IPv6 maps from IPv4 lies where that does."""
        try:
            parsed_address = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(parsed_address, IPv6Address) and parsed_address.ipv4_mapped is not None:
            parsed_address = parsed_address.ipv4_mapped
        return any(parsed_address in network for network in self._networks)
