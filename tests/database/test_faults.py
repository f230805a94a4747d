"""Databases that cannot take it now: each says so with its own code, keeps what it had, and works again by itself.

No text of a driver reaches a refusal: it may quote a customer's values, or the place of the database.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import event

from onefold.core.clock import new_id
from onefold.core.errors import Unavailable
from onefold.database import engine as storage
from onefold.database import engines
from onefold.database.engine import Database
from onefold.receiving.contact import Contact, Sender
from onefold.receiving.service import Receiver
from tests.children import child
from tests.conftest import Base
from tests.invariants import check_base
from tests.races.server import PROBLEM, Server, api_key, message, serving

only_sqlite = pytest.mark.parametrize("make_url", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("make_url", ["postgresql"], indirect=True)
SECRET = "ada.lovelace"
LEAKS = (SECRET, "sqlite3", "psycopg", "FATAL", "SELECT", "INSERT", "127.0.0.1", "onefold_app", "statement", "relation")


def receive(database: Database, organization_id: int) -> None:
    """A contact of a customer that nobody has met."""
    contact = Contact("email", new_id(), Sender(email=f"{SECRET}.{new_id()[-8:]}@example.com"), body="Hello")
    [answer] = Receiver(database).receive(organization_id, [contact])
    if isinstance(answer, Exception):
        raise answer


def receive_again(database: Database, organization_id: int) -> None:
    """As the refusal asks: again in a moment. A busy machine may meet the short limits of these tests once more."""
    end = time.monotonic() + 20
    while True:
        try:
            return receive(database, organization_id)
        except Unavailable:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def check_refuses(code: str, work: Callable[[], object]) -> None:
    """Unavailable with this code, and nothing in it that is not for everybody's eyes; not even as its cause."""
    with pytest.raises(Unavailable) as refused:
        work()
    assert refused.value.code == code
    assert refused.value.__cause__ is None
    hidden = refused.value.__context__ is None or refused.value.__suppress_context__
    assert hidden, "a log of the refusal would show the driver's text"
    text = f"{refused.value.detail} {refused.value.facts} {refused.value.field}"
    assert [leak for leak in LEAKS if leak.lower() in text.lower()] == []


def sqlite_path(base: Base) -> Path:
    return Path(base.url.removeprefix("sqlite:///"))


def contacts_of(base: Base) -> int:
    with base.database.read(base.organization_id) as unit:
        return int(unit.execute(sa.text("SELECT count(*) FROM items")).scalar_one())


# SQLite --------------------------------------------------------------------------------------------------------------

_HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.readline()
"""


@contextlib.contextmanager
def held_by_another_process(path: Path) -> Iterator[None]:
    """Another process has the file to itself (a backup, a migration, somebody's shell)."""
    with child([sys.executable, "-c", _HOLD, str(path)]) as holder:
        assert holder.says() == "held"
        yield
        holder.end()


@pytest.fixture
def impatient(base: Base, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """The same database with limits a test can wait for."""
    for module in (storage, engines):
        monkeypatch.setattr(module, "BUSY_SECONDS", 0.3)
    limits = "-c lock_timeout=300ms -c statement_timeout=10s"
    monkeypatch.setattr(engines, "_POSTGRES_LIMITS", limits)
    database = Database(base.url)
    yield database
    database.dispose()


@only_sqlite
def test_a_file_locked_by_another_process_is_busy(base: Base, impatient: Database) -> None:
    receive(impatient, base.organization_id)
    with held_by_another_process(sqlite_path(base)):
        check_refuses("database_busy", lambda: receive(impatient, base.organization_id))
        with impatient.read(base.organization_id) as unit:
            assert unit.execute(sa.text("SELECT count(*) FROM items")).scalar_one() == 1, "readers go on"
    receive(impatient, base.organization_id)
    assert contacts_of(base) == 2


@only_sqlite
def test_a_writer_of_the_same_process_that_does_not_end_is_busy(base: Base, impatient: Database) -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with impatient.write(base.organization_id):
            entered.set()
            leave.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    assert entered.wait(30)
    check_refuses("database_busy", lambda: receive(impatient, base.organization_id))
    leave.set()
    holder.join(30)
    assert not holder.is_alive()
    receive(impatient, base.organization_id)


@only_sqlite
def test_a_full_disk_is_full_and_what_was_there_stays(base: Base) -> None:
    """SQLite's own page limit answers as a full disk does (SQLITE_FULL)."""
    receive(base.database, base.organization_id)
    database, limit = Database(base.url), [1]

    @event.listens_for(database._engine, "checkout")
    def limited(driver: Any, *_: object) -> None:
        driver.execute(f"PRAGMA max_page_count = {limit[0]}")

    def fill() -> None:
        for _ in range(2_000):
            receive(database, base.organization_id)

    check_refuses("database_full", fill)
    before = contacts_of(base)
    limit[0] = 1_073_741_823
    receive(database, base.organization_id)
    assert contacts_of(base) == before + 1
    check_base(base.database, base.organization_id)
    database.dispose()


_AS_NOBODY = """
import os, sys
from onefold.core.clock import new_id
from onefold.core.errors import Unavailable
from onefold.database.engine import Database
from onefold.receiving.contact import Contact, Sender
from onefold.receiving.service import Receiver
url, organization_id = sys.argv[1], int(sys.argv[2])

def attempt(database):
    contact = Contact("email", new_id(), Sender(email=new_id()[-8:] + "@example.com"))
    try:
        Receiver(database).receive(organization_id, [contact])
    except Unavailable as refusal:
        return refusal.code
    return "received"

first = Database(url)
assert attempt(first) == "received"  # everything is imported before root's rights are given up
first.dispose()
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
database = Database(url)
print("begun", flush=True)
for line in sys.stdin:
    print(attempt(database), flush=True)
"""


@only_sqlite
def test_a_file_that_became_read_only_says_so_and_is_written_again_when_it_may_be(base: Base, tmp_path: Path) -> None:
    """A process without root's rights, because those write to any file."""
    # Not below pytest's own folder, which is its user's alone.
    folder = Path("/tmp") / f"onefold-{new_id()}"
    folder.mkdir()
    try:
        base.database.dispose()
        path = folder / "base.db"
        shutil.copy(sqlite_path(base), path)
        _let(folder, writable=True)
        command = [sys.executable, "-c", _AS_NOBODY, f"sqlite:///{path}", str(base.organization_id)]
        with child(command) as writer:
            answers = []
            assert writer.says() == "begun"
            for writable in (False, True):
                _let(folder, writable=writable)
                writer.tell("again")
                answers.append(writer.says())
        assert answers == ["database_read_only", "received"]
    finally:
        shutil.rmtree(folder)


def _let(folder: Path, *, writable: bool) -> None:
    folder.chmod(0o777 if writable else 0o555)
    for path in folder.iterdir():
        path.chmod(0o666 if writable else 0o444)


def _wait_for(true: Callable[[], bool], seconds: float = 30) -> None:
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < seconds
        time.sleep(0.02)


@only_sqlite
def test_a_database_opened_for_reading_only_is_read_only(base: Base) -> None:
    database = Database(f"sqlite:///file:{sqlite_path(base)}?mode=ro&uri=true")
    with database.read(base.organization_id) as unit:
        assert unit.execute(sa.text("SELECT count(*) FROM inboxes")).scalar_one() == 1
    check_refuses("database_read_only", lambda: receive(database, base.organization_id))
    database.dispose()


@only_sqlite
def test_a_file_that_is_not_a_database_says_so_and_works_once_it_is_put_back(base: Base, tmp_path: Path) -> None:
    base.database.dispose()
    path = tmp_path / "other.db"
    path.write_bytes(f"name,email\nAda,{SECRET}@example.com\n".encode() * 100)
    database = Database(f"sqlite:///{path}")
    check_refuses("database_corrupt", lambda: receive(database, base.organization_id))
    check_refuses("database_corrupt", database.ping)
    shutil.copy(sqlite_path(base), path)
    receive(database, base.organization_id)
    database.dispose()


@only_sqlite
def test_a_folder_that_is_not_there_says_so_and_works_once_it_is(base: Base, tmp_path: Path) -> None:
    base.database.dispose()
    path = tmp_path / "away" / "base.db"
    database = Database(f"sqlite:///{path}")
    check_refuses("database_unavailable", lambda: receive(database, base.organization_id))
    path.parent.mkdir()
    shutil.copy(sqlite_path(base), path)
    receive(database, base.organization_id)
    database.dispose()


# PostgreSQL ----------------------------------------------------------------------------------------------------------


class Proxy:
    """A port in front of PostgreSQL: while it is down nobody listens, and its connections are cut."""

    def __init__(self, url: str) -> None:
        head, _, name = url.rpartition("/")
        before, _, place = head.rpartition("@")
        host, _, port = place.rpartition(":")
        self._target = (host, int(port))
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self._port = int(listener.getsockname()[1])
        self.url = f"{before}@127.0.0.1:{self._port}/{name}"
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def up(self) -> None:
        """Listens and forwards."""
        listener = socket.create_server(("127.0.0.1", self._port), reuse_port=True)
        self._stop.clear()
        self._thread = threading.Thread(target=self._forward, args=(listener,), daemon=True)
        self._thread.start()

    def down(self) -> None:
        """Cuts every connection and stops listening."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(30)
            assert not self._thread.is_alive(), "the proxy still forwards"

    def _forward(self, listener: socket.socket) -> None:
        others: dict[socket.socket, socket.socket] = {}
        while not self._stop.is_set():
            readable, _, _ = select.select([listener, *others], [], [], 0.05)
            for ready in readable:
                if ready is listener:
                    client, server = listener.accept()[0], socket.create_connection(self._target)
                    others[client], others[server] = server, client
                elif ready in others:
                    self._pass_on(ready, others)
        for open_socket in (listener, *others):
            open_socket.close()

    @staticmethod
    def _pass_on(ready: socket.socket, others: dict[socket.socket, socket.socket]) -> None:
        other = others[ready]
        try:
            data = ready.recv(65_536)
            other.sendall(data)
        except OSError:
            data = b""
        if not data:
            for gone in (ready, other):
                others.pop(gone)
                gone.close()


@pytest.fixture
def proxy(base: Base) -> Iterator[Proxy]:
    new_proxy = Proxy(base.url)
    yield new_proxy
    new_proxy.down()


def superuser(postgres_server: str, statement: str) -> None:
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(statement)


def name_of(base: Base) -> str:
    return base.url.rpartition("/")[2]


@only_postgresql
def test_a_database_that_is_away_is_unavailable_until_it_is_there_again(base: Base, proxy: Proxy) -> None:
    database = Database(proxy.url)
    check_refuses("database_unavailable", lambda: receive(database, base.organization_id))
    check_refuses("database_unavailable", database.ping)
    proxy.up()
    receive(database, base.organization_id)
    proxy.down()  # and cuts the connection that is kept
    check_refuses("database_unavailable", lambda: receive(database, base.organization_id))
    proxy.up()
    receive(database, base.organization_id)
    database.dispose()
    assert contacts_of(base) == 2


@only_postgresql
def test_a_read_only_database_says_so_and_is_written_again_when_it_may_be(base: Base, postgres_server: str) -> None:
    name = name_of(base)
    superuser(postgres_server, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    database = Database(base.url)
    check_refuses("database_read_only", lambda: receive(database, base.organization_id))
    superuser(postgres_server, f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
    receive_again(database, base.organization_id)
    database.dispose()


@only_postgresql
def test_waiting_too_long_for_a_lock_is_busy(base: Base, impatient: Database) -> None:
    with base.database.write(base.organization_id, exclusive=True):
        check_refuses("database_busy", lambda: receive(impatient, base.organization_id))
    receive_again(impatient, base.organization_id)


@only_postgresql
def test_a_statement_that_takes_too_long_is_busy(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_POSTGRES_LIMITS", "-c statement_timeout=200ms")
    database = Database(base.url)
    with base.database.write(base.organization_id, exclusive=True):
        check_refuses("database_busy", lambda: receive(database, base.organization_id))
    receive_again(database, base.organization_id)
    database.dispose()


@only_postgresql
def test_a_transaction_that_was_left_idle_is_unavailable(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service was stopped in the middle (a suspended machine, a debugger) and goes on."""
    monkeypatch.setattr(engines, "_POSTGRES_LIMITS", "-c idle_in_transaction_session_timeout=300ms")
    database = Database(base.url)

    def sleep() -> None:
        with database.write(base.organization_id) as unit:
            time.sleep(1.0)
            unit.execute(sa.text("SELECT 1"))

    check_refuses("database_unavailable", sleep)
    receive_again(database, base.organization_id)
    database.dispose()


@only_postgresql
def test_no_connection_left_in_the_database_is_unavailable(base: Base, postgres_server: str) -> None:
    """A failed connection has no error code of its own in the driver: "cannot be reached" is all that is known."""
    base.database.dispose()
    superuser(postgres_server, f'ALTER DATABASE "{name_of(base)}" CONNECTION LIMIT 0')
    database = Database(base.url)
    check_refuses("database_unavailable", lambda: receive(database, base.organization_id))
    superuser(postgres_server, f'ALTER DATABASE "{name_of(base)}" CONNECTION LIMIT -1')
    receive_again(database, base.organization_id)
    database.dispose()


def test_no_connection_left_in_the_pool_is_busy(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (storage, engines):
        monkeypatch.setattr(module, "BUSY_SECONDS", 0.2)
    database = Database(base.url, pool_size=1)
    database._engine.pool._timeout = 0.2  # type: ignore[attr-defined]
    with contextlib.ExitStack() as connections:
        for _ in range(2):  # one, and as many again that the pool may open beyond
            connections.enter_context(database.read(base.organization_id))
        check_refuses("database_busy", lambda: receive(database, base.organization_id))
    receive_again(database, base.organization_id)
    database.dispose()


# Over HTTP -----------------------------------------------------------------------------------------------------------


def check_put_off(server: Server, code: str) -> None:
    """503 as problem+json with Retry-After, for contacts and for everything else; the process stays alive."""
    requests = [
        ("/v1/contacts", message(f"{SECRET}-{new_id()}")),
        ("/v1/contacts/batch", {"contacts": [message(f"{SECRET}-{new_id()}")]}),
        ("/v1/profiles", {"name": SECRET}),
    ]
    with server.client() as client, ThreadPoolExecutor() as pool:
        # At once, because each may wait for as long as the database's patience lasts.
        responses = list(pool.map(lambda request: client.post(request[0], json=request[1]), requests))
        assert client.get("/health").status_code == 200
    for response in responses:
        assert response.status_code == 503, response.text
        assert response.headers["content-type"] == PROBLEM
        assert int(response.headers["Retry-After"]) > 0
        assert response.json()["code"] == code
        assert [leak for leak in LEAKS if leak.lower() in response.text.lower()] == []
    assert SECRET not in server.log.read_text(), "no customer's data in the log"


def check_works(server: Server) -> None:
    with server.client() as client:
        _wait_for(lambda: client.post("/v1/contacts", json=message(new_id())).status_code == 200)
        assert client.post("/v1/profiles", json={"name": "Grace"}).status_code == 201
        assert client.get("/ready").status_code == 200


@only_sqlite
def test_a_server_says_503_while_its_file_is_locked_and_recovers_by_itself(base: Base, tmp_path: Path) -> None:
    with serving(base.url, api_key(base), tmp_path) as server:
        check_works(server)
        with held_by_another_process(sqlite_path(base)):
            check_put_off(server, "database_busy")
        check_works(server)
    check_base(base.database, base.organization_id)


@only_postgresql
def test_a_server_says_503_while_its_database_is_away_and_recovers_by_itself(
    base: Base, proxy: Proxy, tmp_path: Path
) -> None:
    proxy.up()
    with serving(proxy.url, api_key(base), tmp_path) as server:
        check_works(server)
        proxy.down()
        check_put_off(server, "database_unavailable")
        with server.client() as client:
            assert client.get("/ready").status_code == 503
        proxy.up()
        check_works(server)
    check_base(base.database, base.organization_id)


@only_postgresql
def test_a_server_is_not_started_without_its_database_and_says_why(base: Base, proxy: Proxy, tmp_path: Path) -> None:
    """One line for the person at the screen, no traceback."""
    environment = {**os.environ, "ONEFOLD_DATABASE_URL": proxy.url}
    ended = subprocess.run(
        [sys.executable, "-m", "onefold", "serve"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.strip() == "onefold: The database cannot be reached; try again in a moment."
