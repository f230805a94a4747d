"""The load generator: a process of its own that sends ready-made requests over kept connections and looks at little.

Reads a pickled (port, clients, requests) from standard input, writes what it found as JSON.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import uvloop


class Found(NamedTuple):
    """What the load generator saw. `cpu` is its own use of a core, as a share of the time."""

    seconds: float
    latencies: list[float]
    failures: int
    first_failure: str
    cpu: float


def load(port: int, clients: int, requests: Sequence[bytes]) -> Found:
    """Sends the requests from so many clients, each waiting for its answer before its next."""
    given = pickle.dumps((port, clients, list(requests)))
    command = [sys.executable, "-m", "benchmarks.load"]
    answer = subprocess.run(command, input=given, stdout=subprocess.PIPE, check=True).stdout
    return Found(*json.loads(answer))


class _Client(asyncio.Protocol):
    def __init__(self, requests: Iterator[bytes], run: _Run) -> None:
        self._requests, self._run = requests, run
        self._received = b""
        self._begun = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def send(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._run.one_is_done()
            return
        self._begun = time.perf_counter()
        self._transport.write(request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._received = received = self._received + data if self._received else data
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return
        at = received.find(b"ontent-length: ", 0, end)
        if at < 0:
            at = received.find(b"ontent-Length: ", 0, end)
        if len(received) < end + 4 + int(received[at + 15 : received.find(b"\r\n", at)]):
            return
        self._received = b""
        self._run.latencies.append(time.perf_counter() - self._begun)
        if received[9:12] != b"200" or b'"refused"' in received:
            self._run.failures.append(received)
        self.send()

    def connection_lost(self, _error: Exception | None) -> None:
        self._run.one_is_done()


class _Run:
    def __init__(self, clients: int) -> None:
        self.latencies: list[float] = []
        self.failures: list[bytes] = []
        self._left = clients
        self.done = asyncio.Event()

    def one_is_done(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.done.set()


async def _main(port: int, clients: int, requests: list[bytes]) -> Found:
    loop = asyncio.get_running_loop()
    stream, run = iter(requests), _Run(clients)
    made = [await loop.create_connection(lambda: _Client(stream, run), "127.0.0.1", port) for _ in range(clients)]
    begun, cpu = time.perf_counter(), time.process_time()
    for _, client in made:
        client.send()
    await run.done.wait()
    seconds = time.perf_counter() - begun
    first = run.failures[0].decode(errors="replace") if run.failures else ""
    return Found(seconds, run.latencies, len(run.failures), first, (time.process_time() - cpu) / seconds)


if __name__ == "__main__":
    print(json.dumps(uvloop.run(_main(*pickle.load(sys.stdin.buffer)))))
