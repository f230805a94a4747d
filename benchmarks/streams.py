"""Readers of event streams: a process of its own that notes when each event arrives at each of them.

Reads a pickled (port, cookies, number) from standard input, writes a line when all are open, and when its input ends a
line of JSON: the moments of arrival, on the machine's monotonic clock, by the event's id.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice

import uvloop

_ID = re.compile(rb"id: ([0-9a-f-]{36})\n")

Arrivals = dict[str, list[float]]


class Streams:
    """So many open streams; `arrivals` is filled when they have been closed."""

    def __init__(self) -> None:
        self.arrivals: Arrivals = {}


@contextmanager
def open_streams(port: int, cookies: Sequence[str], number: int) -> Iterator[Streams]:
    """Open while the block lasts, shared out among the sessions of the cookies."""
    command = [sys.executable, "-m", "benchmarks.streams"]
    streams = Streams()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        pickle.dump((port, cookies, number), process.stdin)
        process.stdin.flush()
        if process.stdout.readline() != b"open\n":
            raise RuntimeError("The streams did not open.")
        yield streams
        process.stdin.close()
        streams.arrivals = json.loads(process.stdout.read())


class _Reader(asyncio.Protocol):
    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._received = b""
        self.begun = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self._received += data
        if not self.begun.done() and b"id: 0\n\n" in self._received:
            self.begun.set_result(None)
        whole, found, rest = self._received.rpartition(b"\n\n")
        for event_id in _ID.findall(whole) if found else ():
            self._arrivals[event_id.decode()].append(now)
        self._received = rest if found else self._received

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.begun.done():
            self.begun.set_exception(ConnectionError(self._received[:200]))


async def _main(port: int, cookies: Sequence[str], number: int) -> Arrivals:
    loop, arrivals = asyncio.get_running_loop(), defaultdict[str, list[float]](list)
    for cookie in islice(cycle(cookies), number):
        request = f"GET /events HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode()
        transport, reader = await loop.create_connection(lambda: _Reader(arrivals), "127.0.0.1", port)
        transport.write(request)
        await reader.begun
    print("open", flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)
    return arrivals


if __name__ == "__main__":
    print(json.dumps(uvloop.run(_main(*pickle.load(sys.stdin.buffer)))))
