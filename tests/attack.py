"""`make attack`: what strangers and customers can send to make a service slow, large or open, against a real process.

On loopback and bounded (some minutes). While each attack runs, somebody uninvolved asks for `/health` five times a
second. Printed for each: what was sent, what came of it, the longest that the uninvolved waited, the process's memory.
Ends with 1 where an outcome is not the one meant, `/health` took over a second, or memory went over 500 MB.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import httpx

from tests.channels.worst_mails import WORST

MOST_MB, MOST_SECONDS = 500, 1.0
MAIL_BYTES = 25_000_000


class Target(NamedTuple):
    """The service that is attacked."""

    port: int
    pid: int
    key: str
    cookie: str

    @property
    def address(self) -> str:
        """Where it is served."""
        return f"http://127.0.0.1:{self.port}"

    def connect(self) -> socket.socket:
        """A connection of one's own."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def megabytes(self) -> float:
        """What the process holds in memory of its own; the pages of the database's file, which it maps, are not its."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.findall(r"RssAnon:\s+(\d+)", status)[0]) / 1024


class Outcome(NamedTuple):
    """What came of an attack, and whether that was meant."""

    said: str
    meant: bool


class Watch:
    """Somebody uninvolved, and the memory, while something else goes on."""

    def __init__(self, target: Target) -> None:
        self.slowest, self.largest, self._target = 0.0, 0.0, target
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while True:
            begun = time.monotonic()
            try:
                answer = httpx.get(f"{self._target.address}/health", timeout=30.0)
                waited = time.monotonic() - begun if answer.status_code == 200 else 99.0
            except httpx.HTTPError:
                waited = 99.0
            self.slowest = max(self.slowest, waited)
            self.largest = max(self.largest, self._target.megabytes())
            if self._stop.wait(0.2):
                return


def answer_to(target: Target, pieces: Iterator[bytes]) -> bytes:
    """The first line that comes back while pieces are sent, or what closes the connection."""
    with closing(target.connect()) as connection:
        connection.settimeout(0.0)
        with suppress(OSError):
            for piece in pieces:
                connection.settimeout(20)
                connection.sendall(piece)
                connection.settimeout(0.0)
                with suppress(BlockingIOError):
                    if got := connection.recv(200):
                        return got.partition(b"\r\n")[0]
        connection.settimeout(20)
        try:
            return connection.recv(200).partition(b"\r\n")[0] or b"closed"
        except OSError:
            return b"closed"


def status(said: bytes) -> str:
    """The status of an answer's first line."""
    return said.split()[1].decode() if said.startswith(b"HTTP/") else said.decode("latin-1")


# What is sent --------------------------------------------------------------------------------------------------------


def headers_without_end(target: Target) -> Outcome:
    """100 MB of small headers on one connection."""
    head = b"GET /health HTTP/1.1\r\nHost: x\r\n"
    said = status(answer_to(target, iter([head, *[b"X: y\r\n" * 20_000] * 833])))
    return Outcome(said, said in ("431", "closed"))


def silent_connections(target: Target) -> Outcome:
    """1,100 connections that say nothing."""
    held: list[socket.socket] = []
    with suppress(OSError):
        held += [target.connect() for _ in range(1_100)]
    time.sleep(3)
    for connection in held:
        connection.close()
    return Outcome(f"{len(held):,} were opened", len(held) > 200)


def slow_heads(target: Target) -> Outcome:
    """20 heads, a byte a second."""

    def drops() -> Iterator[bytes]:
        for char in b"GET /health HTTP/1.1\r\nHost: x\r\nX: ":
            yield bytes([char])
            time.sleep(1)

    said: Counter[str] = Counter()
    threads = [threading.Thread(target=lambda: said.update([status(answer_to(target, drops()))])) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Outcome(str(dict(said)), set(said) <= {"408", "closed"})


def slow_body(target: Target) -> Outcome:
    """A body of a megabyte, a byte a second."""
    head = b"POST /v1/contacts HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nAuthorization: Bearer "

    def drops() -> Iterator[bytes]:
        yield head + target.key.encode() + b"\r\n\r\n"
        for _ in range(30):
            yield b"x"
            time.sleep(1)

    said = status(answer_to(target, drops()))
    return Outcome(said, said in ("408", "closed"))


def two_hosts(target: Target) -> Outcome:
    """Two Host lines."""
    said = status(answer_to(target, iter([b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"])))
    return Outcome(said, said == "400")


def forms_of_ampersands(target: Target) -> Outcome:
    """26 MB of & to the sign-in form, and 2 MB to another."""
    ours = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded"}
    said = []
    for path, size in (("/sign-in", 26_000_000), ("/customers/new", 1_900_000)):
        with suppress(httpx.HTTPError):
            cookies = {"onefold": target.cookie}
            answer = httpx.post(target.address + path, content=b"&" * size, headers=ours, cookies=cookies, timeout=60)
            said.append(answer.status_code)
    return Outcome(str(said), all(code in (413, 422, 303, 400) for code in said))


def wrong_passwords(target: Target) -> Outcome:
    """60 wrong passwords from one address behind the proxy, then one try from another."""
    ours = {"Sec-Fetch-Site": "same-origin"}

    def tries(address: str, email: str) -> int:
        form = {"email": email, "password": "wrong password"}
        headers = {**ours, "X-Forwarded-For": address}
        return httpx.post(f"{target.address}/sign-in", data=form, headers=headers, timeout=60).status_code

    codes = Counter(tries("203.0.113.7", f"a{n}@x.example") for n in range(60))
    other = tries("203.0.113.8", "b@x.example")
    return Outcome(f"{dict(codes)}, another address: {other}", codes[429] == 10 and other == 401)


def made_up_keys(target: Target) -> Outcome:
    """2,000 API keys that somebody makes up."""
    with httpx.Client(base_url=target.address, timeout=60) as client:
        tokens = (f"ofk_1_{n:043d}" for n in range(2_000))
        codes = Counter(
            client.get("/v1/settings", headers={"Authorization": f"Bearer {token}"}).status_code for token in tokens
        )
    return Outcome(str(dict(codes)), set(codes) == {401})


def deep_json(target: Target) -> Outcome:
    """A million brackets, a number of a million digits, and a batch of 26 MB."""
    bodies = (
        b"[" * 1_000_000,
        b'{"channel": ' + b"9" * 1_000_000 + b"}",
        b'{"contacts": [' + b" " * 26_214_400 + b"]}",
    )
    headers = {"Authorization": f"Bearer {target.key}", "Content-Type": "application/json"}
    said = []
    for body in bodies:
        try:
            path = "/v1/contacts/batch" if len(body) > 2_000_000 else "/v1/contacts"
            said.append(httpx.post(target.address + path, content=body, headers=headers, timeout=60).status_code)
        except httpx.HTTPError:
            said.append(413)  # closed while it was being sent
    return Outcome(str(said), all(400 <= code < 500 for code in said))


def event_streams(target: Target) -> Outcome:
    """20 event streams of one session."""
    held = []
    for _ in range(20):
        connection = target.connect()
        cookie = f"Cookie: onefold={target.cookie}\r\n".encode()
        connection.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: same-origin\r\n" + cookie + b"\r\n")
        if status(connection.recv(1_000)) != "200":
            return Outcome("the stream is refused", False)
        held.append(connection)
    time.sleep(2)
    alive = 0
    for connection in held:
        connection.settimeout(0.2)
        read = b""
        with suppress(TimeoutError):
            while got := connection.recv(10_000):
                read += got
        alive += not read.endswith(b"0\r\n\r\n")  # the last chunk: the connection stays, the stream does not
        connection.close()
    return Outcome(f"{alive} stay open", alive == 6)


def paths(target: Target) -> Outcome:
    """Addresses that lead out of where files are, and figures without their token."""
    said = []
    for path in ("/static/../../etc/passwd", "/static/%2e%2e/%2e%2e/etc/passwd", "/static//etc/passwd", "/metrics"):
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        said.append(status(answer_to(target, iter([request]))))
    return Outcome(str(said), not {"200", "500"} & set(said))


def mails(target: Target) -> Iterator[tuple[str, Callable[[Target], Outcome]]]:
    """A mail of 25 MB in each of the worst shapes."""
    for name, make in WORST.items():

        def send(target: Target, make: Callable[[int], bytes] = make) -> Outcome:
            headers = {"Authorization": f"Bearer {target.key}"}
            mail, begun = make(MAIL_BYTES), time.monotonic()
            answer = httpx.post(f"{target.address}/v1/channels/email", content=mail, headers=headers, timeout=120)
            return Outcome(
                f"{answer.status_code} in {time.monotonic() - begun:.1f} s", answer.status_code in (200, 201)
            )

        yield f"a mail of 25 MB: {name}", send


def attacks(target: Target) -> Iterator[tuple[str, Callable[[Target], Outcome]]]:
    """Every attack, by what is sent."""
    for attack in (
        headers_without_end,
        silent_connections,
        slow_heads,
        slow_body,
        two_hosts,
        forms_of_ampersands,
        wrong_passwords,
        made_up_keys,
        deep_json,
        event_streams,
        paths,
    ):
        yield (attack.__doc__ or "").splitlines()[0].rstrip("."), attack
    yield from mails(target)


# The service ---------------------------------------------------------------------------------------------------------


@contextmanager
def served(folder: str) -> Iterator[Target]:
    """`onefold serve`, as a process of its own, with an organization, a key and somebody signed in."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "ONEFOLD_DATABASE_URL": f"sqlite:///{folder}/onefold.db",
        "ONEFOLD_TRUSTED_PROXIES": "127.0.0.1",
        "ONEFOLD_LOG_LEVEL": "error",
    }

    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "onefold", *words], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    run("db", "upgrade")
    run("organization", "add", "Attacked")
    run("agent", "add", "mara@kite.example", "Mara", "--role", "admin")
    key = run("key", "create", "attack", "--scope", "contacts:write", "--scope", "settings:read")
    link = run("agent", "link", "mara@kite.example").partition("token=")[2]
    process = subprocess.Popen([sys.executable, "-m", "onefold", "serve", "--port", str(port)], env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(100):
            with suppress(httpx.HTTPError):
                if httpx.get(f"{address}/health").status_code == 200:
                    break
            time.sleep(0.1)
        ours = {"Sec-Fetch-Site": "same-origin"}
        answer = httpx.post(f"{address}/sign-in/link", data={"token": link}, headers=ours)
        yield Target(port, process.pid, key, answer.cookies["onefold"])
    finally:
        process.terminate()
        process.wait(30)


def main() -> int:
    """Attacks, prints, and says how many went otherwise than meant."""
    wrong = 0
    print(f"{'attack':60} {'what came of it':48} {'/health':>8} {'memory':>8}")
    with TemporaryDirectory() as folder, served(folder) as target:
        for name, attack in attacks(target):
            with Watch(target) as watch:
                outcome = attack(target)
            sound = outcome.meant and watch.slowest <= MOST_SECONDS and watch.largest <= MOST_MB
            wrong += not sound
            sign = "" if sound else "  <- not as it should be"
            print(
                f"{name[:60]:60} {outcome.said[:48]:48} {watch.slowest:6.2f} s {watch.largest:5.0f} MB{sign}",
                flush=True,
            )
    print("Everything went as it should." if not wrong else f"{wrong} went otherwise.")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
