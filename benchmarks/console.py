"""The console: a customer's page with a long history, and search as one types, each beside the API's own answer."""

from __future__ import annotations

import gzip
from urllib.parse import quote

from benchmarks.bases import Pair
from benchmarks.events import credentials
from benchmarks.histories import customer, write
from benchmarks.load import load
from benchmarks.over_http import Server, serving
from benchmarks.report import Effort, Line, percentile
from benchmarks.workload import Workload
from onefold.console.pages import STATIC
from onefold.database.transactions import run_in_transaction

_ITEMS, _CONVERSATIONS = 10_000, 200
_FILES = (
    "app.css",
    "queue.css",
    "settings.css",
    "insights.css",
    "origins.css",
    "app.js",
    "queue.js",
    "vendor/htmx.min.js",
    "icon.svg",
)


def measure(pair: Pair, workload: Workload, effort: Effort) -> list[Line]:
    """Pages and the API's reading of the same in turns, over one connection."""
    database = pair.ours.open()
    try:
        key, [cookie] = run_in_transaction(database, pair.organization_id, credentials)
        who = customer("Ada Long", 2, _CONVERSATIONS)
        write(database, pair.organization_id, [who], _ITEMS)
    finally:
        database.dispose()
    page, profile = f"/customers/{who.profile_id}", f"/v1/profiles/{who.profile_id}"
    queries = list(workload.queries(effort.queries))
    with serving(pair.ours) as server:
        _times(server, [page] * 10, cookie)
        pages = _times(server, [page] * effort.queries, cookie)
        plain = _times(server, [f"{profile}/items?limit=40"] * effort.queries, key=key)
        found = _times(server, [f"/palette?q={quote(q)}" for q in queries], cookie)
        baseline = _times(server, [f"/v1/profiles/search?q={quote(q)}&limit=8" for q in queries], key=key)
    lines = [
        _line(f"customer page, {_ITEMS:,} items", part, pages, plain, "the API's 40 newest items")
        for part in (0.5, 0.95)
    ]
    lines += [_line("search as one types", part, found, baseline, "the API's search") for part in (0.5, 0.95)]
    return [*lines, Line("stylesheet, scripts and icon, compressed: kB", _weight(), None, None, "kept by browsers")]


def _times(server: Server, paths: list[str], cookie: str = "", key: str = "") -> list[float]:
    """Milliseconds of each request, one after the other."""
    who = f"Cookie: {cookie}" if cookie else f"Authorization: Bearer {key}"
    head = f"Host: localhost\r\nAccept-Encoding: gzip\r\n{who}"
    found = load(server.port, 1, [f"GET {path} HTTP/1.1\r\n{head}\r\n\r\n".encode() for path in paths])
    if found.failures or len(found.latencies) != len(paths):
        raise RuntimeError(f"{found.failures} of {len(paths)} failed: {found.first_failure}")
    return [latency * 1000 for latency in found.latencies]


def _line(what: str, part: float, times: list[float], baselines: list[float], baseline: str) -> Line:
    ours, theirs = percentile(times, part), percentile(baselines, part)
    return Line(f"{what}, p{part * 100:.0f}: ms", ours, theirs, ours / theirs, baseline)


def _weight() -> float:
    return sum(len(gzip.compress((STATIC / name).read_bytes(), 6)) for name in _FILES) / 1000
