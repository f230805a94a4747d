"""Long work that reports progress and can be stopped and resumed: a row each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from onefold.core.errors import NotFound
from onefold.core.ids import is_id
from onefold.database.engine import UnitOfWork
from onefold.database.tables import run_pairs, runs


class RunRow(NamedTuple):
    """A run. `position` is where to go on after an interruption; `state` is running, stopped, finished or failed."""

    id: str
    kind: str
    name: str
    state: str
    position: str
    done: int
    total: int | None
    counts: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    agent_id: str | None = None


_RUN = [runs.c[name] for name in RunRow._fields]


def add_run(unit: UnitOfWork, run: RunRow) -> None:
    """A new run."""
    unit.execute(runs.insert().values(organization_id=unit.organization_id, **run._asdict()))


def read_run(unit: UnitOfWork, run_id: str, *, lock: bool = False) -> RunRow:
    """The run with this id; raises NotFound."""
    row = None
    if is_id(run_id):
        select = unit.select(*_RUN).where(runs.c.id == run_id)
        row = unit.execute(select.with_for_update() if lock else select).one_or_none()
    if row is None:
        raise NotFound("There is no run with this id.", code="run_not_found")
    return RunRow._make(row)


def list_runs(
    unit: UnitOfWork, *, state: str | None = None, kind: str | None = None, name: str | None = None
) -> list[RunRow]:
    """Runs, newest first."""
    select = unit.select(*_RUN)
    for column, wanted in ((runs.c.state, state), (runs.c.kind, kind), (runs.c.name, name)):
        if wanted is not None:
            select = select.where(column == wanted)
    return [RunRow._make(row) for row in unit.execute(select.order_by(runs.c.id.desc()).limit(200))]


def change_run(unit: UnitOfWork, run_id: str, now: datetime, **values: object) -> None:
    """Sets fields of a run."""
    unit.execute(unit.update(runs).where(runs.c.id == run_id).values(updated_at=now, **values))


PairOutcome = Literal["merged", "one_already", "no_match", "refused"]
"""What became of a pair: `one_already` where the two had become one customer before, `no_match` where it was left out
because somebody said "No Match"."""


class PairRow(NamedTuple):
    """A pair of a run of merges (MRG-16). `outcome` is None until its turn."""

    position: int
    source_id: str
    destination_id: str
    outcome: PairOutcome | None
    code: str | None
    detail: str | None


_PAIR = [run_pairs.c[name] for name in PairRow._fields]


def add_pairs(unit: UnitOfWork, run_id: str, pairs: Sequence[tuple[str, str]]) -> None:
    """The pairs of a run, in order, from position 1 on."""
    rows = [
        {"organization_id": unit.organization_id, "run_id": run_id, "position": n, "source_id": s, "destination_id": d}
        for n, (s, d) in enumerate(pairs, 1)
    ]
    if rows:
        unit.execute(run_pairs.insert(), rows)


def pairs_of(unit: UnitOfWork, run_id: str, after: int, limit: int) -> list[PairRow]:
    """The pairs of a run behind a position."""
    r = run_pairs.c
    select = unit.select(*_PAIR).where(r.run_id == run_id, r.position > after)
    return [PairRow._make(row) for row in unit.execute(select.order_by(r.position).limit(limit))]


def close_pair(unit: UnitOfWork, run_id: str, pair: PairRow) -> None:
    """Writes a pair's outcome."""
    r = run_pairs.c
    values = {"outcome": pair.outcome, "code": pair.code, "detail": pair.detail}
    changing = unit.update(run_pairs).where(r.run_id == run_id, r.position == pair.position)
    unit.execute(changing.values(**values))
