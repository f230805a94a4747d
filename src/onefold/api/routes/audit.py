"""/v1/audit: the append-only log of merges, detaches, undos and decisions (MRG-14)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from onefold.api.audit_schemas import AuditEntry, WholeAuditEntry
from onefold.api.call import AnyCall, Result
from onefold.api.organization_schemas import Moment
from onefold.api.problems import responses
from onefold.api.routes.conversations import Cursor, Limit
from onefold.api.schemas import Page, cursor_of, number_of
from onefold.audit import service as audit
from onefold.audit.service import Entry
from onefold.database.engine import UnitOfWork

router = APIRouter(prefix="/v1", tags=["audit"])
READ = "audit:read"
WantedId = Annotated[str | None, Query(max_length=100)]


def _fields(entry: Entry) -> dict[str, Any]:
    return {
        **entry._asdict(),
        "agent_id": entry.actor.agent_id,
        "key_id": entry.actor.key_id,
        "origin": entry.actor.origin,
    }


@router.get("/audit", response_model=Page[AuditEntry], responses=responses())
def list_audit(
    call: AnyCall,
    profile_id: Annotated[str | None, Query(max_length=100, description="Either profile of an entry.")] = None,
    action: Annotated[str | None, Query(max_length=100)] = None,
    agent_id: WantedId = None,
    since: Annotated[Moment | None, Query(description="This moment and later.")] = None,
    until: Annotated[Moment | None, Query(description="Before this moment.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Entries of the audit log, newest first."""
    before = number_of(cursor)

    def work(unit: UnitOfWork) -> Result:
        entries = audit.page(
            unit,
            profile_id=profile_id,
            action=action,
            agent_id=agent_id,
            since=since,
            until=until,
            before_seq=before,
            limit=limit + 1,
        )
        more = cursor_of(str(entries[limit - 1].seq)) if len(entries) > limit else None
        data = [AuditEntry.model_validate(_fields(entry)) for entry in entries[:limit]]
        return Result(Page[AuditEntry](data=data, next_cursor=more))

    return call.read(READ, work)


@router.get("/audit/{seq}", response_model=WholeAuditEntry, responses=responses(404))
def read_audit(call: AnyCall, seq: Annotated[int, Path(ge=0, lt=2**62)]) -> Response:
    """One entry, with both sides before unless an erasure took them away."""
    return call.read(READ, lambda unit: Result(WholeAuditEntry.model_validate(_fields(audit.read(unit, seq)))))
