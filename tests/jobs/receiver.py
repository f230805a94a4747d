"""A receiver of webhooks on a real socket, which behaves as it is told, and a clock that is moved by hand."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from onefold.core.clock import utc_now


class Got(NamedTuple):
    """A request that arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """What it says."""
        content: dict[str, Any] = json.loads(self.body)
        return content

    @property
    def what(self) -> Any:
        """The word of the test's own that the event carries, or its type."""
        return self.event["data"].get("word", self.event["type"])


class Handler(BaseHTTPRequestHandler):
    """Keeps what comes, and does with it what the test has said."""

    server: Receiver

    def do_POST(self) -> None:
        """Takes one webhook."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        got = Got(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
        self.server.tries.append(got)
        self.server.behaviour(self, got)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """An ordinary answer."""
        if 200 <= status < 300:
            self.server.taken.append(Got(self.path, dict(self.headers), self.server.tries[-1].body))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


Behaviour = Callable[[Handler, Got], None]


class Receiver(ThreadingHTTPServer):
    """Takes everything, unless told otherwise."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.tries: list[Got] = []
        self.taken: list[Got] = []
        self.behaviour: Behaviour = takes

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}/hook"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers that hang up are what is being tested."""


def takes(handler: Handler, got: Got) -> None:
    """204."""
    handler.server.taken.append(got)
    handler.send_response(204)
    handler.end_headers()


def says(status: int, **headers: str) -> Behaviour:
    """A receiver that always answers so."""
    return lambda handler, got: handler.answer(status, **headers)


def refuses(word: str, status: int = 500) -> Behaviour:
    """A receiver that takes everything but one event."""
    return lambda handler, got: handler.answer(status) if got.what == word else takes(handler, got)


def writes(raw: bytes, *, every: float = 0.0, times: int = 1) -> Behaviour:
    """A receiver that writes these bytes, whatever they are, and hangs up."""

    def behave(handler: Handler, got: Got) -> None:
        for _ in range(times):
            handler.wfile.write(raw)
            handler.wfile.flush()
            time.sleep(every)
        handler.close_connection = True

    return behave


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that is up."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        receiver.server_close()


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = utc_now()

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        """Time passes."""
        self.now += timedelta(**by)
