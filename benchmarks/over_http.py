"""The served API: one server process as `onefold serve` starts it, requests from another process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.races.server import free_port

from benchmarks.bases import Base, Pair
from benchmarks.load import Found, load
from benchmarks.pgbench import Pgbench
from benchmarks.recorder import Call, bare_driver, recorded, replay
from benchmarks.report import Effort, Line, compared, percentile, rate
from benchmarks.resolve import BATCH, record
from benchmarks.workload import Workload, json_of, request
from onefold.accounts.service import create_key
from onefold.core.actor import Actor
from onefold.database.transactions import run_in_transaction
from onefold.receiving.service import Receiver

_SINGLE, _BATCH = "/v1/contacts", "/v1/contacts/batch"


class Server(NamedTuple):
    """One serving process."""

    port: int
    process: subprocess.Popen[bytes]

    def memory(self, field: str) -> float:
        """Mebibytes of main memory: `VmRSS` now, `VmHWM` at most."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) / 1024
        return 0.0

    def cpu(self) -> float:
        """Seconds of processor time used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(pair: Pair, workload: Workload, effort: Effort) -> list[Line]:
    """Batches and single contacts over HTTP, then the server's memory."""
    baselines = _recorded_baselines(pair, workload, effort)
    token = _token(pair)
    with serving(pair.ours) as server:
        _send(server, 4, _singles(workload, token, 500))
        lines = [_batches(server, pair, workload, effort, token, clients, baselines) for clients in (1, 4)]
        for clients in (1, 32):
            lines += _compared_singles(server, pair, workload, effort, token, clients, baselines)
        lines.append(
            Line(
                "server's memory after the load, and at most: MiB",
                server.memory("VmRSS"),
                None,
                None,
                f"at most {server.memory('VmHWM'):.0f}",
            )
        )
    return lines


class _Baselines(NamedTuple):
    """What the bare driver replays, a list for every round."""

    batches: Iterator[list[Call]]
    singles: Iterator[list[Call]]


def _recorded_baselines(pair: Pair, workload: Workload, effort: Effort) -> _Baselines:
    database = pair.ours.open()
    tape, receiver = recorded(database), Receiver(database)
    tapes = [
        [record(receiver, tape, pair.organization_id, workload.batches(count, size)) for _ in range(2 * effort.rounds)]
        # pgbench is the baseline of single contacts on PostgreSQL
        for count, size in ((effort.batches, BATCH), (effort.singles if database.is_sqlite else 0, 1))
    ]
    database.dispose()
    return _Baselines(iter(tapes[0]), iter(tapes[1]))


def _token(pair: Pair) -> str:
    database = pair.ours.open()
    _, token = run_in_transaction(
        database,
        pair.organization_id,
        lambda unit: create_key(unit, "bench", ["contacts:write"], Actor(None, None, "benchmark")),
    )
    database.dispose()
    return token


@contextmanager
def serving(base: Base) -> Iterator[Server]:
    """`onefold serve` on a copy of the base, ended afterwards."""
    port = free_port()
    environment = {
        **os.environ,
        "ONEFOLD_DATABASE_URL": base.url,
        "ONEFOLD_LOG_LEVEL": "warning",
        "ONEFOLD_SQLITE_SYNCHRONOUS": base.synchronous or "FULL",
    }
    command = [sys.executable, "-m", "onefold", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=environment)
    try:
        _wait(port, process)
        yield Server(port, process)
    finally:
        process.terminate()
        process.wait(30)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            raise RuntimeError("The server did not start.")
        time.sleep(0.1)
    raise RuntimeError("The server does not answer.")


def _send(server: Server, clients: int, requests: list[bytes]) -> Found:
    found = load(server.port, clients, requests)
    if found.failures or len(found.latencies) != len(requests):
        raise RuntimeError(f"{found.failures} of {len(requests)} failed: {found.first_failure}")
    return found


def _singles(workload: Workload, token: str, count: int) -> list[bytes]:
    return [request(_SINGLE, token, json_of(contact)) for contact in workload.contacts(count)]


def _batches(
    server: Server, pair: Pair, workload: Workload, effort: Effort, token: str, clients: int, baselines: _Baselines
) -> Line:
    ours, baseline = [], []
    count = effort.batches * BATCH
    database = pair.baseline.open()
    with bare_driver(database) as driver:
        for _ in range(effort.rounds):
            calls = next(baselines.batches)
            baseline.append(rate(lambda c=calls: replay(driver, c), count))  # type: ignore[misc]
            batches = workload.batches(effort.batches, BATCH)
            requests = [request(_BATCH, token, {"contacts": [json_of(c) for c in batch]}) for batch in batches]
            ours.append(count / _send(server, clients, requests).seconds)
    database.dispose()
    return compared(
        f"HTTP, batches of {BATCH}, {_clients(clients)}: contacts/s", ours, baseline, "bare driver, batches"
    )


def _compared_singles(
    server: Server, pair: Pair, workload: Workload, effort: Effort, token: str, clients: int, baselines: _Baselines
) -> list[Line]:
    ours: list[float] = []
    baseline: list[float] = []
    runs: list[Found] = []
    used = 0.0
    with _single_baseline(pair, clients, effort, baselines) as (baseline_rate, baseline_is):
        for _ in range(effort.rounds):
            baseline.append(baseline_rate())
            requests = _singles(workload, token, effort.requests if clients > 1 else effort.requests // 8)
            before = server.cpu()
            found = _send(server, clients, requests)
            used += server.cpu() - before
            runs.append(found)
            ours.append(len(requests) / found.seconds)
    seconds = sum(run.seconds for run in runs)
    latencies = [latency * 1000 for run in runs for latency in run.latencies]
    cpu = f"load generator at {sum(run.cpu for run in runs) / len(runs):.0%} of a core, server at {used / seconds:.0%}"
    name = f"HTTP, single, {_clients(clients)}"
    return [
        compared(f"{name}: contacts/s", ours, baseline, baseline_is),
        Line(f"{name}: p50 ms", percentile(latencies, 0.5), None, None, cpu),
        Line(f"{name}: p99 ms", percentile(latencies, 0.99), None, None, ""),
    ]


@contextmanager
def _single_baseline(
    pair: Pair, clients: int, effort: Effort, baselines: _Baselines
) -> Iterator[tuple[Callable[[], float], str]]:
    if pair.name == "postgresql":
        pgbench = pair_pgbench(pair)
        baseline_clients = 8 if clients > 1 else 1
        yield (
            (lambda: pgbench.rate(baseline_clients, effort.seconds)),
            f"pgbench -c {baseline_clients}, one call a contact",
        )
        return
    database = pair.baseline.open()
    with bare_driver(database) as driver:
        yield (
            (lambda: rate(lambda c=next(baselines.singles): replay(driver, c), effort.singles)),  # type: ignore[misc]
            "bare driver, one contact a transaction",
        )
    database.dispose()


_pgbenches: dict[str, Any] = {}


def pair_pgbench(pair: Pair) -> Pgbench:
    """The base's pgbench, set up once."""
    if pair.baseline.url not in _pgbenches:
        _pgbenches[pair.baseline.url] = Pgbench(pair)
    return _pgbenches[pair.baseline.url]


def _clients(count: int) -> str:
    return "1 client" if count == 1 else f"{count} clients"
