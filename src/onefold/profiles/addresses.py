"""Which addresses of the network a webhook may be sent to: public ones, whatever they are written as."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet; not for ranges that are private, reserved or multicast.

    Addresses that carry another (IPv4-mapped, NAT64, 6to4) are judged by the one they lead to.
    """
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return _public_4(ip) if isinstance(ip, IPv4Address) else _public_6(ip)


def _public_4(address: IPv4Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _public_6(address: IPv6Address) -> bool:
    inner = _embedded_address(address)
    if inner is not None:
        return _public_4(inner)
    # An allow-list: what is outside of global unicast has a special meaning, known to this Python or not.
    return address in _UNICAST and address.is_global and not address.is_multicast


def _embedded_address(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour
