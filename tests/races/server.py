"""A real `onefold serve` in a process of its own, and clients that load it and remember what it acknowledged."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from onefold.accounts.service import SCOPES, create_key
from onefold.database.transactions import run_in_transaction
from tests.conftest import Base
from tests.dsl.words import COMMAND

PROBLEM = "application/problem+json"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def api_key(base: Base) -> str:
    """A key that may do everything."""
    return run_in_transaction(
        base.database, base.organization_id, lambda unit: create_key(unit, "tests", SCOPES, COMMAND)
    )[1]


class Server:
    """One serving process."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, key: str, log: Path) -> None:
        self.process, self.url, self.key, self.log = process, url, key, log

    def client(self) -> httpx.Client:
        """A client with the key."""
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=30)

    def kill(self) -> None:
        """SIGKILL: the process has no time to do anything."""
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> float:
        """SIGTERM; the seconds until the process had ended."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        return time.monotonic() - begun

    def wait_until_ready(self, seconds: float = 120) -> None:
        """Until /ready says so."""
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if httpx.get(f"{self.url}/ready", timeout=10).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"The server is not ready: {self.log.read_text()}")


@contextmanager
def serving(database_url: str, key: str, folder: Path) -> Iterator[Server]:
    """`python -m onefold serve` on a free port; killed at the end if it still runs."""
    port, log = free_port(), folder / "server.log"
    environment = {**os.environ, "ONEFOLD_DATABASE_URL": database_url, "ONEFOLD_METRICS_TOKEN": "figures"}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "onefold", "serve", "--port", str(port)],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=output,
        )
    server = Server(process, f"http://127.0.0.1:{port}", key, log)
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.kill()


class Load:
    """Client threads that send contacts without a pause, until they are told to stop or the server is gone.

    `acknowledged` holds message ids that were answered with 200, `unanswered` all others that were sent, `put_off` the
    answers with 503. `problems` counts the answers that were neither.
    """

    def __init__(self, server: Server, name: str, *, threads: int = 6, customers: int = 40) -> None:
        self.acknowledged: list[str] = []
        self.unanswered: list[str] = []
        self.put_off: list[httpx.Response] = []
        self.problems: Counter[str] = Counter()
        self._server, self._name, self._customers = server, name, customers
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(threads)]
        for thread in self._threads:
            thread.start()

    def wait_for(self, number: int, seconds: float = 30) -> None:
        """Until so many more were acknowledged."""
        target, begun = len(self.acknowledged) + number, time.monotonic()
        while len(self.acknowledged) < target:
            assert time.monotonic() - begun < seconds, (len(self.acknowledged), self.problems)
            time.sleep(0.01)

    def stop(self) -> None:
        """Tells the clients to stop, and waits until they have."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a client still waits for an answer"

    def _send(self, thread: int) -> None:
        with self._server.client() as client:
            for n in range(1_000_000):
                if self._stop.is_set():
                    return
                message_id = f"{self._name}-{thread}-{n}"
                try:
                    response = client.post("/v1/contacts", json=message(message_id, self._customers))
                except httpx.TransportError:
                    self.unanswered.append(message_id)
                    return
                self._note(message_id, response)

    def _note(self, message_id: str, response: httpx.Response) -> None:
        if response.status_code == 200:
            self.acknowledged.append(message_id)
            return
        self.unanswered.append(message_id)
        if response.status_code == 503:
            self.put_off.append(response)
            time.sleep(0.02)
        else:
            self.problems[f"{response.status_code} {response.text[:200]}"] += 1


def message(message_id: str, customers: int = 40) -> dict[str, Any]:
    """A contact of one of so many customers, whose identifier follows from the message id alone."""
    n = sum(message_id.encode()) % customers
    if n % 2:
        return {"channel": "email", "message_id": message_id, "sender": {"email": f"customer.{n}@example.com"}}
    return {"channel": "sms", "message_id": message_id, "sender": {"phone": f"+4477009{n:05}"}, "body": "Hello"}


def resend(server: Server, message_ids: Sequence[str], customers: int = 40) -> list[httpx.Response]:
    """Sends messages again, as a channel does."""
    with server.client() as client:
        return [client.post("/v1/contacts", json=message(i, customers)) for i in message_ids]
