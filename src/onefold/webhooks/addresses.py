"""Where a webhook may lead: checked when it is set up, and again, with fresh eyes, at every try."""

from __future__ import annotations

import socket
from collections.abc import Callable

import httpx

from onefold.core.errors import DomainError, InvalidValue
from onefold.core.text import validate_text
from onefold.profiles.addresses import is_public

Resolve = Callable[[str, int], list[str]]
"""The addresses a name has at this moment; raises OSError where it has none."""


class NotReachable(DomainError):
    """The name leads nowhere, or to where webhooks may not go; `code` says which."""

    code = "address_refused"


def resolve(host: str, port: int) -> list[str]:
    """What the machine's resolver says."""
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in entries))


class Addresses:
    """What webhooks may reach: https on the public internet; with `allow_private`, http and every network as well."""

    def __init__(self, *, allow_private: bool = False, resolver: Resolve = resolve) -> None:
        self._allow_private = allow_private
        self._resolve = resolver

    def check(self, text: str) -> str:
        """The URL, if it may be a webhook's today; raises InvalidValue that says what is wrong. Asks the resolver."""
        url = self._read_url(validate_text(text, "url", 2_000))
        try:
            self.of(url.raw_host.decode("ascii"), url.port or (443 if url.scheme == "https" else 80))
        except NotReachable as refusal:
            raise InvalidValue(refusal.detail, code=refusal.code, field="url") from None
        return str(url)

    def _read_url(self, text: str) -> httpx.URL:
        try:
            url = httpx.URL(text)
        except (httpx.InvalidURL, ValueError):
            raise InvalidValue("url is no URL.", code="invalid_url", field="url") from None
        if url.scheme not in (("https", "http") if self._allow_private else ("https",)):
            raise InvalidValue("url must begin with https://.", code="https_required", field="url")
        if not url.host or (url.port is not None and not 0 < url.port < 65_536):
            raise InvalidValue("url names no host, or no port there is.", code="invalid_url", field="url")
        if url.userinfo:
            raise InvalidValue(
                "url holds credentials; leave them out, the signature tells who is calling.",
                code="credentials_in_url",
                field="url",
            )
        if url.fragment:
            raise InvalidValue(
                "url has a fragment, which is never sent; leave it out.", code="invalid_url", field="url"
            )
        return url

    def of(self, host: str, port: int) -> list[str]:
        """The addresses of a host, every one of which may be reached; raises NotReachable."""
        try:
            addresses = self._resolve(host, port)
        except (OSError, UnicodeError):
            addresses = []
        if not addresses:
            raise NotReachable("url's host has no address.", code="name_unresolved")
        if not self._allow_private and not all(map(is_public, addresses)):
            raise NotReachable(
                "url's host leads to an address that is not public; ONEFOLD_WEBHOOKS_ALLOW_PRIVATE would allow it."
            )
        return addresses
