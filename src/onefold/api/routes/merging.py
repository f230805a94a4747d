"""/v1/merges: previewing, merging, many at once, history and undoing; detaching a contact point."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from onefold.api import merging_schemas as schemas
from onefold.api import merging_views, organization_schemas, views
from onefold.api.call import AnyCall, Result, header_parameters
from onefold.api.problems import responses
from onefold.api.routes.conversations import Cursor, Limit
from onefold.api.routes.profiles import READ, WRITE
from onefold.api.schemas import Listing, Page, cursor_of, id_of, number_of
from onefold.database.engine import UnitOfWork
from onefold.merging import bulk as many_merges
from onefold.merging import detach as detaching
from onefold.merging import move_conversation as moving
from onefold.merging import new_owner, previews, together
from onefold.merging import service as merging
from onefold.merging import undo as undoing
from onefold.merging.outcomes import Step
from onefold.merging.service import MergeRequest
from onefold.merging.together import TogetherRequest
from onefold.profiles import service as profiles
from onefold.runs import store as run_store

router = APIRouter(prefix="/v1", tags=["merging"])
UNDO = "merges:undo"


def _request(body: schemas.MergePreviewInput) -> MergeRequest:
    return merge_request(body.source_id, body.destination_id, body)


def merge_request(source_id: str, destination_id: str, body: schemas.MergeChoices) -> MergeRequest:
    """What a body asks to be merged, and how."""
    steps = [Step(s.step, s.side, s.contact_point_id) for s in body.steps]
    return MergeRequest(
        source_id, destination_id, body.choices, steps, agent_id=body.agent_id, despite_no_match=body.despite_no_match
    )


@router.post(
    "/merges/preview",
    response_model=schemas.MergePreview,
    responses=responses(404, 409),
    openapi_extra=header_parameters(),
)
def preview_merge(call: AnyCall, body: schemas.MergePreviewInput) -> Response:
    """What a merge would do: every field's outcome and why, the mismatches with the rule's choice preselected, what
    refuses it and the steps that would clear it. Nothing is changed (MRG-1, MRG-4, MRG-17)."""
    return call.write(
        WRITE, lambda unit: Result(merging_views.preview(previews.look(unit, _request(body), call.actor)))
    )


@router.post(
    "/merges",
    status_code=201,
    response_model=schemas.Merge,
    responses=responses(404, 409, 412),
    openapi_extra=header_parameters(),
)
def merge(call: AnyCall, body: schemas.MergeInput) -> Response:
    """Merges two profiles, all or nothing (MRG). Refused with `merge_refused` and what stands in the way (MRG-17), or
    with 412 where it is not what the preview showed any more (MRG-12)."""
    versions = (body.source_version, body.destination_version)
    request = _request(body)._replace(versions=versions, digest=body.digest)
    return call.write(
        WRITE, lambda unit: Result(merging_views.merge(merging.merge(unit, request, call.actor)[0])), status=201
    )


@router.get("/merges", response_model=Page[schemas.Merge], responses=responses(404))
def list_merges(
    call: AnyCall,
    profile_id: Annotated[str | None, Query(max_length=100, description="Of this profile and those in it.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Merges, newest first."""
    before = id_of(cursor)

    def work(unit: UnitOfWork) -> Result:
        rows = undoing.history(unit, profile_id, before, limit + 1)
        more = cursor_of(rows[limit - 1].id) if len(rows) > limit else None
        return Result(Page[schemas.Merge](data=[merging_views.merge(row) for row in rows[:limit]], next_cursor=more))

    return call.read(READ, work)


@router.get("/merges/{merge_id}", response_model=schemas.Merge, responses=responses(404))
def read_merge(call: AnyCall, merge_id: str) -> Response:
    """One merge."""
    return call.read(READ, lambda unit: Result(merging_views.merge(merging.read_merge(unit, merge_id))))


@router.get("/merges/{merge_id}/undo", response_model=schemas.Undo, responses=responses(404, 409))
def preview_undo(call: AnyCall, merge_id: str) -> Response:
    """What undoing a merge would do: what comes back, what arrived since, what stays (MRG-13)."""
    return call.read(UNDO, lambda unit: Result(merging_views.undo(undoing.preview(unit, merge_id))))


@router.post(
    "/merges/{merge_id}/undo",
    response_model=schemas.Undo,
    responses=responses(404, 409, 412),
    openapi_extra=header_parameters(),
)
def undo_merge(call: AnyCall, merge_id: str, body: schemas.UndoInput) -> Response:
    """Undoes a merge within the organization's undo window; for leads and admins (MRG-13)."""
    return call.write(
        UNDO, lambda unit: Result(merging_views.undo(undoing.undo(unit, merge_id, body.version, call.actor)))
    )


def _together(body: schemas.TogetherInput) -> TogetherRequest:
    return TogetherRequest(
        tuple(body.source_ids),
        body.destination_id,
        body.choices,
        steps={one: [Step(s.step, s.side, s.contact_point_id) for s in steps] for one, steps in body.steps.items()},
        agent_id=body.agent_id,
        despite_no_match=body.despite_no_match,
    )


@router.post(
    "/merges/together/preview",
    response_model=schemas.TogetherPreview,
    responses=responses(404, 409),
    openapi_extra=header_parameters(),
)
def preview_together(call: AnyCall, body: schemas.TogetherInput) -> Response:
    """What merging several profiles in one step would do; nothing is changed (MRG-18)."""

    def work(unit: UnitOfWork) -> Result:
        planned = together.preview(unit, _together(body), call.actor)
        merges = [merging_views.preview(one) for one in planned.previews]
        return Result(schemas.TogetherPreview(merges=merges, digest=planned.digest))

    return call.write(WRITE, work)


@router.post(
    "/merges/together",
    status_code=201,
    response_model=Listing[schemas.Merge],
    responses=responses(404, 409, 412),
    openapi_extra=header_parameters(),
)
def merge_together(call: AnyCall, body: schemas.TogetherMergeInput) -> Response:
    """Merges several profiles into one, all of them or none, pair by pair, the oldest source first (MRG-18)."""
    request = _together(body)._replace(digest=body.digest)

    def work(unit: UnitOfWork) -> Result:
        rows = together.merge(unit, request, call.actor)
        return Result(Listing[schemas.Merge](data=list(map(merging_views.merge, rows))))

    return call.write(WRITE, work, status=201)


@router.post(
    "/merges/together/{together_id}/undo",
    response_model=Listing[schemas.Undo],
    responses=responses(404, 409),
    openapi_extra=header_parameters(),
)
def undo_together(call: AnyCall, together_id: str) -> Response:
    """Undoes all merges that were done in one step, the last first; for leads and admins (MRG-13, MRG-18)."""

    def work(unit: UnitOfWork) -> Result:
        return Result(
            Listing[schemas.Undo](data=list(map(merging_views.undo, together.undo(unit, together_id, call.actor))))
        )

    return call.write(UNDO, work)


@router.post(
    "/merges/many",
    status_code=202,
    response_model=organization_schemas.Run,
    responses=responses(409),
    openapi_extra=header_parameters(),
)
def merge_many(call: AnyCall, body: schemas.ManyMerges) -> Response:
    """Starts a run that merges pairs one after another by the same rules (MRG-16). It can be stopped and resumed as any
    run; an id that was merged away stands for its survivor."""
    pairs = [(pair.source_id, pair.destination_id) for pair in body.pairs]
    return call.write(WRITE, lambda unit: Result(views.run(many_merges.begin(unit, pairs, call.actor))), status=202)


@router.post(
    "/conversations/{conversation_id}/move",
    response_model=schemas.MovedConversation,
    responses=responses(404, 409),
    openapi_extra=header_parameters(),
)
def move(call: AnyCall, conversation_id: str, body: schemas.MoveInput) -> Response:
    """Moves a conversation to the customer it belongs to, or to a new one; the contact points stay (DET-4). Moving it
    back takes it back."""

    def work(unit: UnitOfWork) -> Result:
        moved = moving.move_conversation(unit, conversation_id, body.profile_id, call.actor)
        return Result(schemas.MovedConversation(**moved._asdict()))

    return call.write(WRITE, work)


@router.get("/runs/{run_id}/pairs", response_model=Page[schemas.RunPair], responses=responses(404))
def read_pairs(call: AnyCall, run_id: str, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """Each pair of a run of merges with its outcome, in order."""
    after = number_of(cursor) or 0

    def work(unit: UnitOfWork) -> Result:
        pairs = run_store.pairs_of(unit, run_store.read_run(unit, run_id).id, after, limit + 1)
        more = cursor_of(str(pairs[limit - 1].position)) if len(pairs) > limit else None
        data = [schemas.RunPair(**pair._asdict()) for pair in pairs[:limit]]
        return Result(Page[schemas.RunPair](data=data, next_cursor=more))

    return call.read(READ, work)


@router.get("/profiles/{profile_id}/new-owner", response_model=schemas.NewOwnerAnswer, responses=responses(404))
def read_new_owner(call: AnyCall, profile_id: str) -> Response:
    """Whether one of the profile's numbers may have a new owner: it was silent for long, and writes under another name
    now (RES-21)."""

    def work(unit: UnitOfWork) -> Result:
        owner = new_owner.find(unit, profiles.read(unit, profile_id).row.id)
        possible_owner = (
            None
            if owner is None
            else schemas.NewOwner(
                contact_point_id=owner.contact_point_id,
                value=owner.value,
                name=owner.name,
                since=str(owner.first.seq),
                silent_since=owner.silent_since,
            )
        )
        return Result(schemas.NewOwnerAnswer(new_owner=possible_owner))

    return call.read(READ, work)


@router.post(
    "/profiles/{profile_id}/contact-points/{point_id}/new-owner",
    status_code=201,
    response_model=schemas.GivenNumber,
    responses=responses(404, 409, 412),
    openapi_extra=header_parameters(edits=True),
)
def give_number(call: AnyCall, profile_id: str, point_id: str) -> Response:
    """ "This is someone else": gives a number that may have a new owner to a new profile, with what came from it since
    it was silent; the old profile keeps it as former (RES-21)."""

    def work(unit: UnitOfWork) -> Result:
        given_number = new_owner.give(
            unit, profile_id, contact_point_id=point_id, version=call.version, actor=call.actor
        )
        return Result(schemas.GivenNumber(**given_number._asdict()))

    return call.write(WRITE, work, status=201)


@router.post(
    "/profiles/{profile_id}/contact-points/{point_id}/detach",
    status_code=201,
    response_model=schemas.Detached,
    responses=responses(404, 409, 412),
    openapi_extra=header_parameters(edits=True),
)
def detach(call: AnyCall, profile_id: str, point_id: str) -> Response:
    """Takes a contact point, with the conversations that came through it, out into a new profile (DET)."""

    def work(unit: UnitOfWork) -> Result:
        detachment = detaching.detach(unit, profile_id, point_id, version=call.version, actor=call.actor, agent_id=None)
        return Result(
            schemas.Detached(
                profile_id=detachment.profile_id,
                new_profile_id=detachment.new_profile_id,
                moved_conversations=list(detachment.moved),
                split_conversations=detachment.split,
            )
        )

    return call.write(WRITE, work, status=201)
