"""A run: how far it is, what became of each pair, stopping and resuming it (MRG-16, RES-7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from onefold.console import names
from onefold.console.pages import is_part, page, redirect_to, render
from onefold.console.visitor import AnyVisitor, Visitor
from onefold.core.actor import Actor
from onefold.database.engine import UnitOfWork
from onefold.merging import bulk as many_merges
from onefold.runs import service as runs
from onefold.runs import store
from onefold.runs.store import RunRow

router = APIRouter(prefix="/runs/{run_id}")
_SHOWN = 50
_ORDER = {name: at for at, name in enumerate((*many_merges.OUTCOMES, "checked", "mobile", "changed"))}
After = Annotated[int, Query(ge=0, lt=2**31)]


def _scope_of(run: RunRow) -> str:
    """Who may see and turn a run: leads those of merges, admins the others."""
    return "merges:undo" if run.kind == runs.MERGE_PAIRS else "settings:write"


@router.get("")
def show(request: Request, visitor: AnyVisitor, run_id: str, after: After = 0) -> Response:
    """A run as it stands, and each of its pairs with its outcome."""
    values = visitor.read(lambda unit: _run(unit, visitor, run_id, after))
    if is_part(request):
        return render(request, "run_progress.html", **values)
    return page(request, visitor, "run.html", **values)


def _run(unit: UnitOfWork, visitor: Visitor, run_id: str, after: int) -> dict[str, Any]:
    run = store.read_run(unit, run_id)
    visitor.require(_scope_of(run))
    rows = store.pairs_of(unit, run.id, after, _SHOWN + 1)
    pairs = rows[:_SHOWN]
    return {
        "run": run,
        "counts": sorted(run.counts.items(), key=lambda count: _ORDER.get(count[0], len(_ORDER))),
        "after": after,
        "pairs": pairs,
        "more": pairs[-1].position if len(rows) > _SHOWN else None,
        "named": names.customers(unit, [one for pair in pairs for one in (pair.source_id, pair.destination_id)]),
        "by": names.actors(unit).agent(run.agent_id),
        "turnable": run.kind in runs.KINDS,
    }


@router.post("/stop")
def stop(visitor: AnyVisitor, run_id: str) -> Response:
    """Stops the run behind the pair it is at; what is done stays done."""
    return _set_running(visitor, run_id, runs.stop, "stopped")


@router.post("/resume")
def resume(visitor: AnyVisitor, run_id: str) -> Response:
    """Takes the run up again where it was stopped."""
    return _set_running(visitor, run_id, runs.resume, "started")


def _set_running(
    visitor: Visitor, run_id: str, turn: Callable[[UnitOfWork, str, Actor], RunRow], said: str
) -> Response:
    def work(unit: UnitOfWork) -> None:
        visitor.require(_scope_of(store.read_run(unit, run_id)))
        turn(unit, run_id, visitor.actor)

    visitor.write(work)
    return redirect_to(f"/runs/{run_id}", said)
