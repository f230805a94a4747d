"""What a stranger may send before anything of it is looked at, on real sockets."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from onefold.server import protocol
from onefold.server.connections import Limits
from onefold.server.protocol import BoundedProtocol
from tests.api.conftest import empty_sqlite, serving

GET = b"GET /health HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose patience is a second, and that keeps a dozen connections of one address, eight of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocol, "HEAD_SECONDS", 1.0)
        patch.setattr(protocol, "BODY_SECONDS", 1.0)
        patch.setattr(protocol, "_LOOK_SECONDS", 0.2)
        patch.setattr(BoundedProtocol, "limits", Limits(in_all=12, of_one=8))
        with serving(empty_sqlite(tmp_path_factory.mktemp("server"))) as served:
            yield served


def connect(address: str, source: str = "127.0.0.1") -> socket.socket:
    parts = urlsplit(address)
    made = socket.create_connection((parts.hostname or "", parts.port or 0), 10, (source, 0))
    made.settimeout(10)
    return made


def everything(one: socket.socket) -> bytes:
    """What comes until the other side closes."""
    found = b""
    try:
        while piece := one.recv(65_536):
            found += piece
    except ConnectionResetError:
        pass
    return found


def send(address: str, *pieces: bytes) -> bytes:
    """The answer to what is sent, once the connection has been closed."""
    with closing(connect(address)) as one:
        try:
            for piece in pieces:
                one.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return everything(one)


def refusal(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"\r\nconnection: close" in head
    assert b"\r\ncontent-type: application/problem+json" in head
    problem = json.loads(body)
    assert {"type", "title", "detail"} <= problem.keys()
    assert int(head.split()[1]) == problem["status"]
    return problem["status"], problem["code"]


def is_well(address: str) -> bool:
    return httpx.get(f"{address}/health", timeout=10).status_code == 200


def test_refusals_too_tell_browsers_to_use_nothing_but_https(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for public_url, said in (("https://desk.example", True), ("http://desk.example", False)):
        monkeypatch.setenv("ONEFOLD_PUBLIC_URL", public_url)
        folder = tmp_path / str(said)
        folder.mkdir()
        with serving(empty_sqlite(folder)) as served:
            answer = send(served, GET, lines(200), b"\r\n")
        assert refusal(answer) == (431, "head_too_large")
        assert (b"strict-transport-security: max-age=63072000; includeSubDomains" in answer) is said


# Heads ---------------------------------------------------------------------------------------------------------------


def lines(count: int, length: int = 1) -> bytes:
    return b"".join(b"X-%d: %s\r\n" % (number, b"v" * length) for number in range(count))


def test_a_usual_head_is_read(address: str) -> None:
    assert send(address, GET, lines(98), b"Connection: close\r\n\r\n").startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ([GET, lines(100), b"\r\n"], 431),
        ([GET, lines(5, 8_000), b"\r\n"], 431),
        ([GET, b"X: " + b"v" * 40_000], 431),
        ([GET, b"n" * 40_000], 431),
        ([GET, *[b"X: " + b"v" * 900 + b"\r\n"] * 50_000], 431),
        ([b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"], 414),
        ([b"GET /?" + b"a" * 9_000], 414),
    ],
    ids=["lines", "bytes", "one line", "one name", "45 MB", "address", "address without end"],
)
def test_a_head_that_is_too_large_is_refused_and_the_connection_closed(
    address: str, pieces: list[bytes], status: int
) -> None:
    code = "address_too_long" if status == 414 else "head_too_large"
    assert refusal(send(address, *pieces)) == (status, code)
    assert is_well(address)


def test_a_second_head_on_the_same_connection_is_bounded_as_well(address: str) -> None:
    """It is refused where the first has its answer already; else that answer is the last."""
    answer = send(address, GET, b"\r\n", GET, lines(100), b"\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.count(b"HTTP/1.1 200") == 1
    assert answer.count(b"HTTP/1.1") == 1 or b"HTTP/1.1 431" in answer


@pytest.mark.parametrize(
    "hosts", [b"Host: x\r\nHost: y\r\n", b"Host: x\r\nhost: x\r\n", b"X: y\r\n"], ids=["two", "twice", "none"]
)
def test_a_request_names_one_host(address: str, hosts: bytes) -> None:
    assert refusal(send(address, b"GET /health HTTP/1.1\r\n", hosts, b"\r\n")) == (400, "host_unclear")


def test_what_is_no_http_is_told_so(address: str) -> None:
    assert refusal(send(address, b"\x16\x03\x01\x02\x00\x01\r\n\r\n")) == (400, "malformed_request")


def test_answers_do_not_say_what_serves_them(address: str) -> None:
    assert "server" not in httpx.get(f"{address}/health").headers


# Time ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("begun", [b"G", GET, GET + b"X: "], ids=["a letter", "lines", "part of a line"])
def test_a_head_that_does_not_end_is_refused(address: str, begun: bytes) -> None:
    assert refusal(send(address, begun)) == (408, "too_slow")


def test_a_head_that_comes_drop_by_drop_is_refused(address: str) -> None:
    with closing(connect(address)) as one:
        began = time.monotonic()
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            for letter in GET * 100:
                one.sendall(bytes([letter]))
                time.sleep(0.05)
        assert time.monotonic() - began < 10


def test_a_connection_that_says_nothing_is_closed_without_a_word(address: str) -> None:
    assert send(address) == b""


@pytest.mark.parametrize("body", [b"", b"email=a", b"email=" + b"a" * 500], ids=["nothing", "a little", "not enough"])
def test_a_body_that_does_not_keep_coming_is_refused(address: str, body: bytes) -> None:
    head = b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n"
    form = b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    assert refusal(send(address, head, form, body)) == (408, "too_slow")


def test_a_body_that_keeps_coming_is_read(address: str) -> None:
    """Two seconds long, at twice the rate that is asked for."""
    head = b"POST /sign-in HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4000\r\n"
    with closing(connect(address)) as one:
        one.sendall(head + b"Content-Type: application/x-www-form-urlencoded\r\n\r\n")
        for _ in range(20):
            one.sendall(b"a" * 200)
            time.sleep(0.1)
        assert b" 408 " not in everything(one)[:20]


# Connections ---------------------------------------------------------------------------------------------------------


def test_silent_connections_keep_nobody_out(address: str) -> None:
    """The one that has been silent longest goes."""
    silent = [connect(address) for _ in range(50)]
    assert is_well(address)
    assert silent[0].recv(1) == b""
    for one in silent:
        one.close()


def test_those_of_one_address_leave_room_for_others(address: str) -> None:
    """Eight that are being answered are all that one address gets; another gets what it wants."""
    waiting = [connect(address) for _ in range(8)]
    for one in waiting:
        one.sendall(b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
    time.sleep(0.2)
    assert refusal(send(address)) == (503, "too_many_connections")
    with closing(connect(address, "127.0.0.2")) as other:
        other.sendall(GET + b"Connection: close\r\n\r\n")
        assert everything(other).startswith(b"HTTP/1.1 200")
    for one in waiting:
        one.close()


def test_more_than_there_may_be_in_all_are_turned_away(address: str) -> None:
    busy = b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
    waiting = [connect(address, f"127.0.0.{2 + number % 3}") for number in range(12)]
    for one in waiting:
        one.sendall(busy)
    time.sleep(0.2)
    assert refusal(send(address)) == (503, "too_many_connections")
    for one in waiting:
        one.close()
    time.sleep(0.2)
    assert is_well(address)
