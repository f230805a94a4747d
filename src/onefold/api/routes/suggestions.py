"""Suggestions ("Matching customers found!"): a profile's, the organization's queue, why, Match and No Match (SUG)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from onefold.api import merging_schemas as schemas
from onefold.api import merging_views, views
from onefold.api.call import AnyCall, Result, header_parameters
from onefold.api.problems import responses
from onefold.api.routes.conversations import Cursor, Limit
from onefold.api.routes.merging import merge_request
from onefold.api.routes.profiles import READ, WRITE
from onefold.api.schemas import Listing, Page, cursor_of, invalid_cursor, position_of
from onefold.core.actor import Actor
from onefold.core.errors import VersionConflict
from onefold.core.ids import is_id
from onefold.database.engine import UnitOfWork
from onefold.matching.scoring import EvidenceKind
from onefold.merging import service as merging
from onefold.merging import shared_lines
from onefold.suggestions import service as suggestions
from onefold.suggestions.service import SuggestionView
from onefold.suggestions.store import QueueFilter

router = APIRouter(prefix="/v1", tags=["suggestions"])
_POSTS = header_parameters()
Rating = Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)]


def _listing(suggestion_views: list[SuggestionView]) -> Result:
    return Result(Listing[schemas.Suggestion](data=[merging_views.suggestion(view) for view in suggestion_views]))


@router.get("/profiles/{profile_id}/suggestions", response_model=Listing[schemas.Suggestion], responses=responses(404))
def read_profile_suggestions(call: AnyCall, profile_id: str, dismissed: bool = False) -> Response:
    """Who else this customer may be, and why; the likeliest first (SUG-3, SUG-5, SUG-7)."""
    return call.read(READ, lambda unit: _listing(suggestions.of_profile(unit, profile_id, dismissed=dismissed)))


@router.get("/suggestions", response_model=Page[schemas.Suggestion], responses=responses())
def read_queue(
    call: AnyCall,
    state: Literal["open", "dismissed"] = "open",
    kind: Annotated[EvidenceKind | None, Query(description="With evidence of this kind.")] = None,
    min_rating: Rating = 0.0,
    max_rating: Rating = 1.0,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """The organization's suggestions as a queue, the likeliest first (SUG-7)."""
    after = _position(cursor)
    queue_filter = QueueFilter(state, kind, min_rating, max_rating)

    def work(unit: UnitOfWork) -> Result:
        suggestion_views = suggestions.queue(unit, queue_filter, after, limit + 1)
        last = suggestion_views[limit - 1].row if len(suggestion_views) > limit else None
        more = None if last is None else cursor_of(f"{last.rating!r} {last.profile_id} {last.other_id}")
        data = [merging_views.suggestion(view) for view in suggestion_views[:limit]]
        return Result(Page[schemas.Suggestion](data=data, next_cursor=more))

    return call.read(READ, work)


def _position(cursor: str | None) -> tuple[float, str, str] | None:
    position = position_of(cursor)
    if position is None:
        return None
    rating, _, pair = position.partition(" ")
    low, _, high = pair.partition(" ")
    try:
        number = float(rating)
    except ValueError:
        raise invalid_cursor() from None
    if not (0 <= number <= 1 and is_id(low) and is_id(high)):
        raise invalid_cursor()
    return number, low, high


@router.get("/profiles/{profile_id}/why/{other_id}", response_model=schemas.Comparison, responses=responses(404, 409))
def read_why(call: AnyCall, profile_id: str, other_id: str) -> Response:
    """What speaks for and against any two profiles being one customer, as a sum (SUG-5)."""
    return call.read(READ, lambda unit: Result(merging_views.comparison(suggestions.why(unit, profile_id, other_id))))


@router.post(
    "/profiles/{profile_id}/match",
    status_code=201,
    response_model=schemas.Merge,
    responses=responses(404, 409, 412),
    openapi_extra=_POSTS,
)
def match(call: AnyCall, profile_id: str, body: schemas.MatchInput) -> Response:
    """ "Match": merges the newer of the two profiles into the older one, unless turned round (SUG-3). By an id that was
    merged away only with the digest of what was seen (MRG-12)."""

    def work(unit: UnitOfWork) -> Result:
        source, destination = suggestions.sides_of_match(unit, profile_id, body.profile_id, swapped=body.turned)
        if body.digest is None and {source, destination} != {profile_id, body.profile_id}:
            raise VersionConflict(
                "One of the two was merged into another since; look at that one's preview and send its digest.",
                code="plan_changed",
            )
        request = merge_request(source, destination, body)._replace(digest=body.digest)
        return Result(merging_views.merge(merging.merge(unit, request, call.actor)[0]))

    return call.write(WRITE, work, status=201)


@router.post(
    "/profiles/{profile_id}/no-match",
    status_code=204,
    response_class=Response,
    responses=responses(404, 409),
    openapi_extra=_POSTS,
)
def no_match(call: AnyCall, profile_id: str, body: schemas.PairInput) -> Response:
    """ "No Match": the pair is not suggested again on the same evidence (SUG-4)."""
    return _decide(call, suggestions.no_match, profile_id, body.profile_id)


@router.post(
    "/profiles/{profile_id}/no-match/withdraw",
    status_code=204,
    response_class=Response,
    responses=responses(404, 409),
    openapi_extra=_POSTS,
)
def withdraw_no_match(call: AnyCall, profile_id: str, body: schemas.PairInput) -> Response:
    """Takes a "No Match" back; the pair is suggested again if evidence speaks for it."""
    return _decide(call, suggestions.withdraw, profile_id, body.profile_id)


def _decide(
    call: AnyCall, decide: Callable[[UnitOfWork, str, str, Actor], object], profile_id: str, other_id: str
) -> Response:
    """Decides on the pair; the answer has no body."""

    def work(unit: UnitOfWork) -> Result:
        decide(unit, profile_id, other_id, call.actor)
        return Result(None)

    return call.write(WRITE, work, status=204)


@router.get("/profiles/{profile_id}/shared-lines", response_model=Listing[schemas.SharedLine], responses=responses(404))
def read_shared_lines(call: AnyCall, profile_id: str) -> Response:
    """Whom the call that opened this profile may belong to, the most recent contact first: others who hold its shared
    number (RES-16). Nobody where the profile holds anything but the call. File it by a merge with one of them."""

    def work(unit: UnitOfWork) -> Result:
        data = [
            schemas.SharedLine(
                profile=views.summary(line.profile),
                contact_point_id=line.contact_point_id,
                value=line.value,
                last_contact_at=line.last_contact_at,
                last_subject=line.last_subject,
                agent=line.agent,
                inbox=line.inbox,
            )
            for line in shared_lines.candidates(unit, profile_id)
        ]
        return Result(Listing[schemas.SharedLine](data=data))

    return call.read(READ, work)
