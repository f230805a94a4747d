"""/v1/profiles: adding, reading, searching and editing profiles."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from onefold.api import schemas, views
from onefold.api.call import AnyCall, Result, header_parameters
from onefold.api.problems import responses
from onefold.database.engine import UnitOfWork
from onefold.profiles import parts
from onefold.profiles import service as profiles
from onefold.profiles.searching import search
from onefold.profiles.service import PointInput
from onefold.profiles.store import ADDRESSES, DETAILS, Part
from onefold.profiles.store import read_profile as read_row

router = APIRouter(prefix="/v1/profiles", tags=["profiles"])
READ, WRITE = "profiles:read", "profiles:write"
MOVED: dict[int | str, dict[str, Any]] = {308: {"description": "Merged away: Location is the survivor (EVT-2)."}}
_EDITED = responses(404, 409, 412)
_EDITS, _ADDS = header_parameters(post=False, edits=True), header_parameters(edits=True)


def _profile(unit: UnitOfWork, profile_id: str) -> Result:
    view = profiles.read(unit, profile_id)
    return Result(views.profile(view), view.row.version)


@router.post(
    "",
    status_code=201,
    response_model=schemas.Profile,
    responses=responses(404, 409),
    openapi_extra=header_parameters(),
)
def create_profile(call: AnyCall, body: schemas.NewProfile) -> Response:
    """Adds a profile by hand (PRO-6). A taken identifying value is refused and names its holder (PRO-4)."""

    def work(unit: UnitOfWork) -> Result:
        row = profiles.create(
            unit,
            name=body.name,
            username=body.username,
            image=body.image,
            customer_id=body.customer_id,
            points=[_point(p) for p in body.contact_points],
            attributes=body.attributes,
            agent_id=call.principal.agent_id,
        )
        for detail in body.details:
            parts.add_part(unit, DETAILS, row.id, values=detail.model_dump(), version=None)
        for relationship in body.relationships:
            parts.relate(unit, row.id, relationship.profile_id, kind=relationship.kind, version=None)
        return _profile(unit, row.id)

    return call.write(WRITE, work, status=201)


def _point(p: schemas.NewContactPoint) -> PointInput:
    return PointInput(p.kind, p.value, p.network, phone_type=p.type, main=p.main, sms=p.sms, handle=p.handle)


@router.get("", response_model=schemas.Page[schemas.ProfileSummary], responses=responses())
def list_profiles(
    call: AnyCall,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Profiles, newest first. Those merged away are not among them (MRG-2)."""
    after = schemas.id_of(cursor)

    def work(unit: UnitOfWork) -> Result:
        summaries = profiles.page(unit, after, limit + 1)
        more = schemas.cursor_of(summaries[limit - 1].row.id) if len(summaries) > limit else None
        data = [views.summary(s) for s in summaries[:limit]]
        return Result(schemas.Page[schemas.ProfileSummary](data=data, next_cursor=more))

    return call.read(READ, work)


@router.get("/search", response_model=schemas.Listing[schemas.ProfileSummary], responses=responses())
def search_profiles(
    call: AnyCall,
    q: Annotated[str, Query(min_length=1, max_length=200)],
    limit: Annotated[int, Query(ge=1, le=50)] = 10,
) -> Response:
    """Search as one types: the beginning of a name, email, phone (digits in any format), handle or customer ID."""

    def work(unit: UnitOfWork) -> Result:
        hits = [views.summary(s) for s in search(unit, q, limit)]
        return Result(schemas.Listing[schemas.ProfileSummary](data=hits))

    return call.read(READ, work)


@router.get("/{profile_id}", response_model=schemas.Profile, responses={**responses(404), **MOVED})
def read_profile(call: AnyCall, profile_id: str) -> Response:
    """One profile, whole, without its conversations."""
    return call.read(READ, lambda unit: _profile(unit, profile_id))


@router.patch("/{profile_id}", response_model=schemas.Profile, responses=_EDITED, openapi_extra=_EDITS)
def edit_profile(call: AnyCall, profile_id: str, body: schemas.ProfileChange) -> Response:
    """Sets the profile's own fields; with If-Match only if nobody was faster."""
    changes = body.model_dump(exclude_unset=True)

    def work(unit: UnitOfWork) -> Result:
        return _profile(unit, profiles.edit(unit, profile_id, changes, call.version).id)

    return call.write(WRITE, work)


@router.post(
    "/{profile_id}/contact-points",
    status_code=201,
    response_model=schemas.Profile,
    responses=_EDITED,
    openapi_extra=_ADDS,
)
def add_contact_point(call: AnyCall, profile_id: str, body: schemas.NewContactPoint) -> Response:
    """Lists an email, phone or social account (PRO-2 … PRO-4)."""

    def work(unit: UnitOfWork) -> Result:
        row, _ = profiles.add_point(unit, profile_id, _point(body), call.version)
        return _profile(unit, row.id)

    return call.write(WRITE, work, status=201)


_POINT_FIELDS = {"type": "phone_type"}


@router.patch(
    "/{profile_id}/contact-points/{point_id}", response_model=schemas.Profile, responses=_EDITED, openapi_extra=_EDITS
)
def edit_contact_point(call: AnyCall, profile_id: str, point_id: str, body: schemas.ContactPointChange) -> Response:
    """Changes a contact point's value, type or tags. A phone set to mobile begins to open the profile (PRO-5)."""
    values = body.model_dump(exclude_unset=True)
    changes = {_POINT_FIELDS.get(k, k): v for k, v in values.items() if v is not None or k == "handle"}

    def work(unit: UnitOfWork) -> Result:
        return _profile(unit, profiles.edit_point(unit, profile_id, point_id, changes=changes, version=call.version).id)

    return call.write(WRITE, work)


@router.post(
    "/{profile_id}/contact-points/{point_id}/confirm",
    response_model=schemas.Profile,
    responses=_EDITED,
    openapi_extra=_ADDS,
)
def confirm_contact_point(call: AnyCall, profile_id: str, point_id: str) -> Response:
    """Says that a claimed contact point is the customer's: it counts as entered (PRO-13). Refused where another profile
    holds it (PRO-4)."""
    return call.write(
        WRITE,
        lambda unit: _profile(unit, profiles.confirm_point(unit, profile_id, point_id, call.version).id),
    )


@router.delete(
    "/{profile_id}/contact-points/{point_id}", response_model=schemas.Profile, responses=_EDITED, openapi_extra=_EDITS
)
def remove_contact_point(call: AnyCall, profile_id: str, point_id: str) -> Response:
    """Takes a contact point off the profile; its messages stay."""
    return call.write(
        WRITE,
        lambda unit: _profile(unit, profiles.remove_point(unit, profile_id, point_id, call.version).id),
    )


def _with_part(call: AnyCall, part: Part, profile_id: str, values: dict[str, str | None]) -> Response:
    def work(unit: UnitOfWork) -> Result:
        parts.add_part(unit, part, profile_id, values=values, version=call.version)
        return _living(unit, profile_id)

    return call.write(WRITE, work, status=201)


def _living(unit: UnitOfWork, profile_id: str) -> Result:
    row = read_row(unit, profile_id)
    return _profile(unit, row.living_id)


def _changed_part(
    call: AnyCall, part: Part, profile_id: str, part_id: str, values: dict[str, str | None] | None
) -> Response:
    def work(unit: UnitOfWork) -> Result:
        if values is None:
            parts.remove_part(unit, part, profile_id, part_id=part_id, version=call.version)
        else:
            parts.edit_part(unit, part, profile_id, part_id=part_id, values=values, version=call.version)
        return _living(unit, profile_id)

    return call.write(WRITE, work)


@router.post(
    "/{profile_id}/details",
    status_code=201,
    response_model=schemas.Profile,
    responses=_EDITED,
    openapi_extra=_ADDS,
)
def add_detail(call: AnyCall, profile_id: str, body: schemas.NewDetail) -> Response:
    """Adds a general fact about the customer (PRO-7)."""
    return _with_part(call, DETAILS, profile_id, body.model_dump())


@router.patch(
    "/{profile_id}/details/{detail_id}", response_model=schemas.Profile, responses=_EDITED, openapi_extra=_EDITS
)
def edit_detail(call: AnyCall, profile_id: str, detail_id: str, body: schemas.DetailChange) -> Response:
    """Changes a detail."""
    return _changed_part(call, DETAILS, profile_id, part_id=detail_id, values=body.model_dump(exclude_unset=True))


@router.delete(
    "/{profile_id}/details/{detail_id}", response_model=schemas.Profile, responses=_EDITED, openapi_extra=_EDITS
)
def remove_detail(call: AnyCall, profile_id: str, detail_id: str) -> Response:
    """Takes a detail away."""
    return _changed_part(call, DETAILS, profile_id, part_id=detail_id, values=None)


@router.post(
    "/{profile_id}/addresses",
    status_code=201,
    response_model=schemas.Profile,
    responses=_EDITED,
    openapi_extra=_ADDS,
)
def add_address(call: AnyCall, profile_id: str, body: schemas.AddressFields) -> Response:
    """Adds a postal address."""
    return _with_part(call, ADDRESSES, profile_id, body.model_dump())


@router.patch(
    "/{profile_id}/addresses/{address_id}", response_model=schemas.Profile, responses=_EDITED, openapi_extra=_EDITS
)
def edit_address(call: AnyCall, profile_id: str, address_id: str, body: schemas.AddressFields) -> Response:
    """Changes a postal address."""
    return _changed_part(call, ADDRESSES, profile_id, part_id=address_id, values=body.model_dump(exclude_unset=True))


@router.delete(
    "/{profile_id}/addresses/{address_id}", response_model=schemas.Profile, responses=_EDITED, openapi_extra=_EDITS
)
def remove_address(call: AnyCall, profile_id: str, address_id: str) -> Response:
    """Takes a postal address away."""
    return _changed_part(call, ADDRESSES, profile_id, part_id=address_id, values=None)


@router.post(
    "/{profile_id}/relationships",
    status_code=201,
    response_model=schemas.Profile,
    responses=_EDITED,
    openapi_extra=_ADDS,
)
def add_relationship(call: AnyCall, profile_id: str, body: schemas.NewRelationship) -> Response:
    """Links two profiles; the link is seen from both (PRO-8)."""

    def work(unit: UnitOfWork) -> Result:
        parts.relate(unit, profile_id, body.profile_id, kind=body.kind, version=call.version)
        return _living(unit, profile_id)

    return call.write(WRITE, work, status=201)


@router.delete(
    "/{profile_id}/relationships/{relationship_id}",
    response_model=schemas.Profile,
    responses=_EDITED,
    openapi_extra=_EDITS,
)
def remove_relationship(call: AnyCall, profile_id: str, relationship_id: str) -> Response:
    """Takes a relationship away, from whichever side."""

    def work(unit: UnitOfWork) -> Result:
        parts.unrelate(unit, profile_id, relationship_id, call.version)
        return _living(unit, profile_id)

    return call.write(WRITE, work)
