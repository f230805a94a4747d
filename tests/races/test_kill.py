"""Servers and databases that are killed in the middle of their work: what was acknowledged is there, exactly once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from tests.conftest import Base
from tests.invariants import check_base
from tests.races.server import PROBLEM, Load, Server, api_key, resend, serving

CUSTOMERS = 40
only_postgresql = pytest.mark.parametrize("make_url", ["postgresql"], indirect=True)


def check_kept(base: Base, acknowledged: Iterable[str]) -> None:
    """Every acknowledged message is an item, exactly once; each customer is one profile; the base is sound."""
    with base.database.read(base.organization_id) as unit:
        stored = Counter(unit.execute(sa.text("SELECT message_id FROM items")).scalars())
        (profiles,) = unit.execute(sa.text("SELECT count(*) FROM profiles")).scalars()
    assert [i for i in acknowledged if stored[i] != 1] == []
    assert max(stored.values()) == 1
    assert profiles <= CUSTOMERS
    check_base(base.database, base.organization_id)


def check_resending_completes(base: Base, server: Server, unanswered: list[str]) -> None:
    """RES-12: what was not acknowledged is sent again, as channels do, and again, and is there once."""
    for _ in range(2):
        answers = resend(server, unanswered, CUSTOMERS)
        assert {a.status_code for a in answers} <= {200}
    assert all(a.headers["Onefold-Repeated"] == "true" for a in answers)
    check_kept(base, unanswered)


@pytest.mark.parametrize("rounds", [1, pytest.param(12, marks=pytest.mark.soak)])
def test_a_killed_server_has_kept_all_it_acknowledged_RES_12(base: Base, tmp_path: Path, rounds: int) -> None:
    """Rounds of SIGKILL under load. Work that was committed and not answered is answered when it is sent again."""
    key = api_key(base)
    acknowledged: list[str] = []
    unanswered: list[str] = []
    for round_number in range(rounds):
        with serving(base.url, key, tmp_path) as server:
            load = Load(server, f"r{round_number}", customers=CUSTOMERS)
            load.wait_for(150 + 100 * round_number)
            server.kill()
            load.stop()
        assert not load.problems
        assert load.unanswered, "the clients were cut off in the middle"
        acknowledged += load.acknowledged
        unanswered += load.unanswered
        check_kept(base, acknowledged)

    with serving(base.url, key, tmp_path) as server:
        check_resending_completes(base, server, unanswered)
        check_kept(base, acknowledged)


def test_a_server_told_to_stop_ends_soon_and_loses_nothing_RES_12(base: Base, tmp_path: Path) -> None:
    """SIGTERM under load: what is under way is finished and answered, or is sent again by its channel."""
    with serving(base.url, api_key(base), tmp_path) as server:
        load = Load(server, "term", customers=CUSTOMERS)
        load.wait_for(150)
        seconds = server.stop()
        load.stop()
    assert seconds < 8, "two seconds for answers under way, and some for a busy machine"
    assert not load.problems
    check_kept(base, load.acknowledged)


def test_a_connection_that_idles_is_not_closed_under_what_is_sent_next__MRG_10(base: Base, tmp_path: Path) -> None:
    """A server that closes a connection while a form is on its way to it has lost the form."""
    with serving(base.url, api_key(base), tmp_path) as server:
        connection = HTTPConnection(server.url.removeprefix("http://"))
        connection.request("GET", "/health")
        assert connection.getresponse().read(), "its answer, whole: what comes next would be the end"
        connection.sock.settimeout(6)
        with closing(connection), pytest.raises(TimeoutError):
            connection.sock.recv(1)


@only_postgresql
def test_a_server_whose_connections_are_killed_says_503_and_recovers_by_itself(
    base: Base, postgres_server: str, tmp_path: Path
) -> None:
    """Every backend of the database is ended again and again for a second, idle, working or committing."""
    with serving(base.url, api_key(base), tmp_path) as server:
        load = Load(server, "cut", customers=CUSTOMERS)
        load.wait_for(100)
        ended = sum(_end_every_backend(postgres_server, base.url, pause=0.05) for _ in range(20))
        load.wait_for(100)
        load.stop()

        assert ended > 20
        assert not load.problems, load.problems
        assert load.put_off, "clients were told to come again"
        for response in load.put_off:
            assert response.headers["content-type"] == PROBLEM
            assert int(response.headers["Retry-After"]) > 0
            assert response.json()["code"] == "database_unavailable"
        base.database.dispose()  # the test's own connections were killed as well
        check_kept(base, load.acknowledged)
        check_resending_completes(base, server, load.unanswered)


def _end_every_backend(superuser_url: str, url: str, pause: float) -> int:
    name = url.rpartition("/")[2]
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        backends = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        ).fetchall()
    time.sleep(pause)
    return len(backends)
