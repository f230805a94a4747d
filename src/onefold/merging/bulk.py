"""Many merges at once (MRG-16): a run of pairs, each merged by the same rules in a transaction of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, get_args

from onefold.audit import service as audit
from onefold.core.actor import Actor
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import Conflict, DomainError, InvalidValue
from onefold.core.text import validate_text
from onefold.database.engine import Database, UnitOfWork
from onefold.database.transactions import run_in_transaction
from onefold.merging import service as merging
from onefold.merging.service import MergeRequest
from onefold.organizations.store import mark_runs
from onefold.profiles.service import resolve_redirect
from onefold.runs import service as runs
from onefold.runs import store
from onefold.runs.store import PairOutcome, PairRow, RunRow

OUTCOMES: tuple[PairOutcome, ...] = get_args(PairOutcome)
MOST_PAIRS = 100_000


def begin(
    unit: UnitOfWork, pairs: Sequence[tuple[str, str]], actor: Actor, *, name: str = "", state: str = "running"
) -> RunRow:
    """A run over pairs of (source, destination). A running one is taken up by the background worker; one begun as
    `stopped` waits for whoever advances it. `name` finds it again."""
    if not pairs:
        raise InvalidValue("There is no pair to merge.", code="no_pairs", field="pairs")
    if len(pairs) > MOST_PAIRS:
        raise InvalidValue(f"A run merges at most {MOST_PAIRS:,} pairs.", code="too_many_values", field="pairs")
    valid_pairs = [
        (validate_text(source, "pairs"), validate_text(destination, "pairs")) for source, destination in pairs
    ]
    now = utc_now()
    counts: dict[str, Any] = dict.fromkeys(OUTCOMES, 0)
    run = RunRow(
        new_id(),
        runs.MERGE_PAIRS,
        name,
        state=state,
        position="0",
        done=0,
        total=len(pairs),
        counts=counts,
        created_at=now,
        updated_at=now,
        agent_id=actor.agent_id,
    )
    store.add_run(unit, run)
    store.add_pairs(unit, run.id, valid_pairs)
    if state == "running":
        mark_runs(unit, True)
    audit.record(unit, actor, "merges.started", details={"run_id": run.id, "pairs": len(pairs)})
    return run


def advance(database: Database, organization_id: int, run_id: str, limit: int) -> RunRow:
    """Merges the next pairs of a running run, each on its own; returns the run as it stands then.

    A merge and the note of its outcome are one transaction: interrupted anywhere, the run goes on behind the last pair
    that is done, and none is done twice.
    """
    run = run_in_transaction(database, organization_id, lambda unit: store.read_run(unit, run_id))
    for _ in range(limit):
        if run.state != "running":
            break
        run = run_in_transaction(database, organization_id, lambda unit: _next(unit, run_id))
    return run


def _next(unit: UnitOfWork, run_id: str) -> RunRow:
    run = store.read_run(unit, run_id, lock=True)
    pairs = store.pairs_of(unit, run_id, int(run.position), 1)
    if run.state != "running":
        return run
    if not pairs:
        store.change_run(unit, run_id, utc_now(), state="finished")
        return store.read_run(unit, run_id)
    pair = _merge_pair(unit, run, pairs[0])
    store.close_pair(unit, run_id, pair)
    counts = Counter(run.counts)
    counts[str(pair.outcome)] += 1
    state = "finished" if pair.position == run.total else "running"
    store.change_run(
        unit, run_id, utc_now(), position=str(pair.position), done=pair.position, counts=dict(counts), state=state
    )
    return store.read_run(unit, run_id)


def _merge_pair(unit: UnitOfWork, run: RunRow, pair: PairRow) -> PairRow:
    """The pair with its outcome. Pairs of one customer follow each other: an id merged away stands for its survivor."""
    actor = Actor(run.agent_id, None, f"run {run.id}")
    try:
        source, destination = (resolve_redirect(unit, one.strip()) for one in (pair.source_id, pair.destination_id))
        if source == destination:
            return pair._replace(outcome="one_already")
        merging.merge(unit, MergeRequest(source, destination), actor)
    except DomainError as refusal:  # decided before anything was written: the outcome can be kept in this transaction
        obstacles = refusal.facts.get("obstacles", ())
        codes = dict.fromkeys(obstacle["code"] for obstacle in obstacles)  # type: ignore[attr-defined]
        outcome: PairOutcome = "no_match" if refusal.code == "no_match_said" else "refused"
        return pair._replace(outcome=outcome, code=" ".join(codes) or refusal.code, detail=refusal.detail)
    return pair._replace(outcome="merged")


def resume(unit: UnitOfWork, run: RunRow) -> RunRow:
    """Takes up a run that was begun, or stopped, before."""
    if run.state == "finished":
        raise Conflict("The run is finished.", code="run_state")
    store.change_run(unit, run.id, utc_now(), state="running")
    return store.read_run(unit, run.id)
