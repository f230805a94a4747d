"""Exporting and erasing a customer (GDPR art. 15, 17, 20)."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from onefold.api.call import AnyCall, Result, header_parameters
from onefold.api.privacy_schemas import CustomerExport, Erased, Erasure
from onefold.api.problems import responses
from onefold.core.errors import MergedAway
from onefold.database.engine import Database, UnitOfWork
from onefold.privacy import erasure as erasing
from onefold.privacy import export as exporting

router = APIRouter(prefix="/v1/profiles", tags=["privacy"])
EXPORT, ERASE = "profiles:export", "profiles:erase"
_MOVED: dict[int | str, dict[str, Any]] = {308: {"description": "Merged away: Location is the survivor (EVT-2)."}}


@router.get("/{profile_id}/export", response_model=CustomerExport, responses={**responses(404), **_MOVED})
def export_profile(call: AnyCall, profile_id: str) -> Response:
    """Everything that is kept of the customer, as one JSON document that is written while it is read. One that does not
    end with `"complete": true` was cut off: the customer was erased, or the database went away, meanwhile."""

    call.require_proof()
    subjects: list[exporting.Subject] = []

    def work(unit: UnitOfWork) -> Result:
        subjects[:] = [exporting.subject(unit, profile_id)]
        if subjects[0].profile_id != profile_id:
            raise MergedAway("This profile was merged into another.", survivor_id=subjects[0].profile_id)
        return Result(None)

    leads = call.read(EXPORT, work)
    if leads.status_code == 308:
        return leads
    [subject] = subjects
    call.take_out(EXPORT, lambda unit: exporting.note_export(unit, subject, call.actor))
    name = {"Content-Disposition": f'attachment; filename="customer-{subject.profile_id}.json"'}
    pieces = exporting.document(partial(call.fetch, EXPORT), subject)
    return StreamingResponse(pieces, headers=name, media_type="application/json")


@router.post(
    "/{profile_id}/erase", response_model=Erased, responses=responses(404, 409), openapi_extra=header_parameters()
)
def erase_profile(call: AnyCall, request: Request, profile_id: str, body: Erasure) -> Response:
    """Erases the customer for good: the profile, all that were merged into it, and everything of theirs; nothing of it
    can be brought back. Afterwards each of its ids answers 404. `confirm` repeats the id, so that it is meant."""

    call.require_proof()

    def work(unit: UnitOfWork) -> Result:
        return Result(Erased.model_validate(erasing.erase(unit, profile_id, body.confirm, call.actor)._asdict()))

    # Alone: no other request may keep an answer that tells of the customer while it goes.
    answer = call.write(ERASE, work, exclusive=True)
    database: Database = request.app.state.database
    database.empty_log()
    return answer
