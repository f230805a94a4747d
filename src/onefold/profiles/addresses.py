"""Which addresses of the network a webhook may be sent to: public ones, whatever they are written as."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from onefold.core.networks import Networks

_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
# IANA's special-purpose registries (2026-11): what this or another Python takes for public, and nobody has a server in.
_SPECIAL = Networks(
    (
        "192.0.0.0/24",  # protocol assignments
        "192.31.196.0/24",  # AS112: what is asked of there is thrown away
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays, deprecated
        "192.175.48.0/24",  # AS112
        "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID and others
        "2001:db8::/32",  # documentation
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)


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
    special = str(address) in _SPECIAL or address.is_multicast or address.is_reserved
    return address.is_global and not special


def _public_6(address: IPv6Address) -> bool:
    inner = _embedded_address(address)
    if inner is not None:
        return _public_4(inner)
    # An allow-list: what is outside of global unicast has a special meaning, known to this Python or not.
    special = str(address) in _SPECIAL or address.is_multicast
    return address in _UNICAST and address.is_global and not special


def _embedded_address(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour
