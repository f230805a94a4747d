"""`make bench`: prints one table a database."""

from __future__ import annotations

import argparse
import sys

from tests.postgres import NoPostgreSQL

from benchmarks import console, events, flood, merging, over_http, resolve, search, suggestions, timeline
from benchmarks.bases import NAMES, pair
from benchmarks.report import FULL, QUICK, machine, show
from benchmarks.workload import Workload

_PARTS = {
    "resolve": resolve.measure,
    "search": search.measure,
    "http": over_http.measure,
    "merge": merging.measure,
    "timeline": timeline.measure,
    "suggestions": suggestions.measure,
    "events": events.measure,
    "console": console.measure,
    "flood": flood.measure,
}
_USUAL = [part for part in _PARTS if part != "flood"]  # which takes as long as all others together


def main() -> None:
    """Measures what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--profiles", type=int, nargs="+", default=[10_000, 1_000_000], help="sizes of the base")
    parser.add_argument("--database", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--part", nargs="+", choices=list(_PARTS), default=_USUAL)
    parser.add_argument("--quick", action="store_true", help="few and short rounds")
    asked = parser.parse_args()
    effort = QUICK if asked.quick else FULL
    print(machine())
    for profiles in asked.profiles:
        for name in asked.database:
            workload = Workload(profiles)
            try:
                with pair(name, profiles) as copies:
                    lines = [line for part in asked.part for line in _PARTS[part](copies, workload, effort)]
            except NoPostgreSQL as missing:
                print(f"!! {name} is not measured: {missing}", file=sys.stderr)
                continue
            show(f"{name}, {profiles:,} profiles", lines)


if __name__ == "__main__":
    main()
