"""HTTP as uvicorn speaks it, with bounds on what a stranger may send before anything of it is looked at.

A head of at most 100 lines and 32 kB with an address of at most 8 kB, complete within ten seconds; a body that keeps
coming; exactly one Host. Whatever is beyond is answered (414, 431, 408, 400, 503) and the connection closed.
"""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import ClassVar, NamedTuple
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from onefold.core.networks import Networks
from onefold.core.process_settings import HSTS, Settings
from onefold.server.connections import Connections, Limits, files_of_process

MOST_LINES = 100
MOST_HEAD_BYTES = 32 * 1024
MOST_ADDRESS_BYTES = 8 * 1024
HEAD_SECONDS = 10.0
BODY_SECONDS = 10.0
LEAST_BODY_RATE = 1_000
"""Bytes a second, over BODY_SECONDS."""
_LOOK_SECONDS = 1.0
_LINGER_SECONDS = 2.0


class _Refusal(NamedTuple):
    status: int
    code: str
    detail: str

    def to_bytes(self, *, https: bool) -> bytes:
        """As an answer after which the connection ends. `https` is whether the service is reached by nothing else."""
        title = HTTPStatus(self.status).phrase
        members = {"type": "about:blank", "title": title, "status": self.status, **self._asdict()}
        body = json.dumps(members).encode()
        headers = {
            "content-type": "application/problem+json",
            "x-content-type-options": "nosniff",
            "content-length": len(body),
            "cache-control": "no-store",
            **({"strict-transport-security": HSTS} if https else {}),
            "connection": "close",
        }
        lines = [f"HTTP/1.1 {self.status} {title}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        return "\r\n".join(lines).encode() + body


_HEAD_TOO_LARGE = _Refusal(
    431, "head_too_large", f"The head of a request has at most {MOST_LINES} lines and {MOST_HEAD_BYTES:,} bytes."
)
_ADDRESS_TOO_LONG = _Refusal(414, "address_too_long", f"An address has at most {MOST_ADDRESS_BYTES:,} bytes.")
_HOST_UNCLEAR = _Refusal(400, "host_unclear", "A request names exactly one Host.")
_MALFORMED = _Refusal(400, "malformed_request", "This is not a request as HTTP has them.")
_TOO_SLOW = _Refusal(408, "too_slow", "The request did not come fast enough.")
_TOO_MANY = _Refusal(503, "too_many_connections", "There are too many connections; try again later.")


class _Stopped(Exception):
    """Ends the reading of a request from inside the parser's callbacks."""


class Watch:
    """The connections of one event loop, looked through every second for those that are too slow."""

    def __init__(self, connections: Connections, loop: asyncio.AbstractEventLoop, *, https: bool) -> None:
        self.connections, self._loop, self.https = connections, loop, https
        self._watched: set[BoundedProtocol] = set()
        self._next: asyncio.TimerHandle | None = None

    def begin(self, protocol: BoundedProtocol) -> None:
        """Watches a connection until it ends."""
        self._watched.add(protocol)
        if self._next is None:
            self._next = self._loop.call_later(_LOOK_SECONDS, self._look)

    def end(self, protocol: BoundedProtocol) -> None:
        """It is gone."""
        self._watched.discard(protocol)
        self.connections.leave(protocol)

    def _look(self) -> None:
        now = self._loop.time()
        for protocol in list(self._watched):
            protocol.refuse_if_slow(now)
        self._next = self._loop.call_later(_LOOK_SECONDS, self._look) if self._watched else None


_WATCHES: WeakKeyDictionary[ServerState, Watch] = WeakKeyDictionary()


class BoundedProtocol(HttpToolsProtocol):
    """One connection, counted as it is read.

    `_head_since` and `_body_since` are when the head or the body that is being read began (the body's rate is taken
    anew every BODY_SECONDS); None while none is.
    """

    limits: ClassVar[Limits | None] = None
    """Those of the process where none are given."""
    _head_since: float | None
    _body_since: float | None
    _refusal: _Refusal | None = None

    @property
    def watch(self) -> Watch:
        """The watch over the connections of this one's server."""
        watch = _WATCHES.get(self.server_state)
        if watch is None:
            limits = self.limits or Limits.of_files(files_of_process())
            settings = Settings()  # type: ignore[call-arg]
            connections = Connections(limits, Networks(settings.proxies), self.loop.time)
            watch = _WATCHES[self.server_state] = Watch(connections, self.loop, https=settings.is_https)
        return watch

    @property
    def address(self) -> str:
        """The network address at the other end; of a socket that has none, nothing."""
        return self.client[0] if self.client else ""

    def end(self) -> None:
        """Closes the connection at once."""
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_since, self._body_since = self.loop.time(), None
        self._head_bytes = self._lines = self._counted = self._body_bytes = 0
        if self.watch.connections.enter(self):
            self.watch.begin(self)
        else:
            self._refusal = _TOO_MANY
            transport.write(_TOO_MANY.to_bytes(https=self.watch.https))
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.watch.end(self)
        super().connection_lost(exc)

    # Reading

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None:
            return
        if self._head_since is None and self._body_since is None:
            self._begin_head()
        in_head_only = self._head_since is not None
        super().data_received(data)
        if in_head_only and self._head_since is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self._refuse(_HEAD_TOO_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._head_since is None:
            self._begin_head()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MOST_ADDRESS_BYTES:
            self._stop(_ADDRESS_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._lines += 1
        self._counted += len(name) + len(value)
        if self._lines > MOST_LINES or self._counted > MOST_HEAD_BYTES:
            self._stop(_HEAD_TOO_LARGE)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            self._stop(_HOST_UNCLEAR)
        self._head_since, self._body_since, self._body_bytes = None, self.loop.time(), 0
        self.watch.connections.works(self)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._body_since = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete:
            self.watch.connections.rests(self)

    def _begin_head(self) -> None:
        self._head_since, self._head_bytes, self._lines, self._counted = self.loop.time(), 0, 0, 0

    # Refusing

    def refuse_if_slow(self, now: float) -> None:
        """Ends a connection whose head is not complete in time, or whose body comes too slowly."""
        if self._refusal is not None:
            return
        if self._head_since is not None and now - self._head_since >= HEAD_SECONDS:
            self._refuse(_TOO_SLOW)
        elif self._body_since is not None and now - self._body_since >= BODY_SECONDS:
            # Where this side has stopped reading, or has not asked for the body yet, it is not the other that is slow.
            ours = self.flow.read_paused or self.cycle.waiting_for_100_continue
            if self._body_bytes < LEAST_BODY_RATE * BODY_SECONDS and not ours:
                self._refuse(_TOO_SLOW)
            self._body_since, self._body_bytes = now, 0

    def _stop(self, refusal: _Refusal) -> None:
        """Refuses from inside the parser, which then reports an error: `send_400_response` answers it."""
        self._refusal = refusal
        raise _Stopped

    def send_400_response(self, msg: str) -> None:
        """What the parser could not read, or was stopped at."""
        refusal, self._refusal = self._refusal or _MALFORMED, None
        self._refuse(refusal)

    def _refuse(self, refusal: _Refusal) -> None:
        if self._refusal is not None or self.transport.is_closing():
            return
        self._refusal = refusal
        if refusal is _TOO_SLOW and not self._head_bytes and self._body_since is None:
            self.transport.close()  # nothing was asked
            return
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering and self._body_since is None:
            self.cycle.keep_alive = False  # the request before this one gets its answer, and that is the last
            return
        if answering and self.cycle.response_started:
            self.transport.close()  # in the middle of an answer there is no place for another
            return
        self.transport.write(refusal.to_bytes(https=self.watch.https))
        # Closing under a client that is still sending resets the connection, and the answer is lost on the way.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)
