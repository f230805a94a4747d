"""Sending one webhook: to an address that was looked at just now, within a time that is over when it is over."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpcore
import httpx

from onefold.webhooks.addresses import Addresses, NotReachable
from onefold.webhooks.rules import Outcome, outcome_of_answer

SECONDS = 15.0
"""How long a try may take, from the first look at the name to the status line of the answer."""

Post = Callable[[str, Mapping[str, str], bytes], Outcome]
"""Sends a body with headers to a URL. Never raises for what the receiver does."""


class Poster:
    """Posts over connections of its own: no proxy, no redirect, no address that has not been checked.

    Name and certificate stay those of the URL. Of the answer only status and headers are read.
    """

    def __init__(self, addresses: Addresses, *, seconds: float = SECONDS, tls: ssl.SSLContext | None = None) -> None:
        self._addresses, self._seconds = addresses, seconds
        self._tls = tls or httpcore.default_ssl_context()

    def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        deadline = _Deadline(self._seconds)
        try:
            return self._post(httpx.URL(url), headers, body, deadline)
        except NotReachable as refusal:
            return Outcome(error="name_unresolved" if refusal.code == "name_unresolved" else "address_refused")
        except (httpcore.TimeoutException, TimeoutError):
            return Outcome(error="timeout")
        except httpcore.ProtocolError:
            return Outcome(error="bad_answer")
        except (httpcore.NetworkError, OSError) as error:
            return Outcome(error="tls_failed" if _is_tls(error) else "connection_failed")

    def _post(self, url: httpx.URL, headers: Mapping[str, str], body: bytes, deadline: _Deadline) -> Outcome:
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        sent = [("Host", url.netloc.decode("ascii")), ("Content-Length", str(len(body))), *headers.items()]
        backend = _Pinned(self._addresses, deadline)
        with (
            httpcore.ConnectionPool(ssl_context=self._tls, max_connections=1, network_backend=backend) as pool,
            pool.stream("POST", target, headers=sent, content=body) as answer,
        ):
            return outcome_of_answer(answer.status, _retry_after(answer.headers))


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _retry_after(headers: Iterable[tuple[bytes, bytes]]) -> float | None:
    """Seconds, or a date (RFC 9110); None where there is none that can be read."""
    text = next((v.decode("latin-1") for k, v in headers if k.lower() == b"retry-after"), "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:10])
    try:
        return (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds() if text else None
    except (TypeError, ValueError):
        return None


class _Deadline:
    """One span of time for everything a try does: a receiver that sends a byte now and then does not prolong it."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds that are left; raises TimeoutError where none are."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _Pinned(httpcore.NetworkBackend):
    """Connects to what the name means now, after every address of it was checked, and to nothing else."""

    def __init__(self, addresses: Addresses, deadline: _Deadline) -> None:
        self._addresses, self._deadline = addresses, deadline
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first of the host's addresses that takes one."""
        failure: Exception = OSError()
        for address in self._addresses.of(host, port):
            try:
                stream = self._network.connect_tcp(
                    address, port, self._deadline.left(), local_address=None, socket_options=socket_options
                )
                return _Timed(stream, self._deadline)
            except httpcore.ConnectError as error:
                failure = error
        raise failure


class _Timed(httpcore.NetworkStream):
    """A connection whose reading and writing end with the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come."""
        return self._stream.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Sends."""
        self._stream.write(buffer, self._deadline.left())

    def close(self) -> None:
        """Ends the connection."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """The same connection, encrypted, to whom the URL names."""
        stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left())
        return _Timed(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """What the connection beneath knows."""
        return self._stream.get_extra_info(info)
