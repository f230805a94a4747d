"""Reading, adding and editing profiles by hand (PRO). Every function works inside the caller's unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from onefold.contact_points import store as contact_points
from onefold.contact_points.kinds import Kind, PhoneType
from onefold.contact_points.normalise import customer_id_point, email_point, phone_point, social_point
from onefold.contact_points.phones import dialled_number
from onefold.contact_points.points import HeldPoint, Point
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import AlreadyInUse, DomainError, InvalidValue, MergedAway, NotFound
from onefold.core.ids import is_id
from onefold.core.text import clean_name, validate_text
from onefold.database.engine import UnitOfWork
from onefold.matching import service as matching
from onefold.matching.scoring import Shared, evidence_of_point, handle_key, keys_of_point
from onefold.matching.store import SuggestionRow, remove_keys, suggestions_of
from onefold.organizations.policy import Policy
from onefold.organizations.store import load_policy
from onefold.outbox.store import emit
from onefold.profiles import store
from onefold.profiles.display_name import display_name
from onefold.profiles.point_rules import plan_point
from onefold.profiles.relationships import Relationship
from onefold.profiles.store import ProfileHead, ProfileRow


class RelationshipView(NamedTuple):
    """A relationship as seen from one profile: the other one is `kind` of it (PRO-8)."""

    id: str
    kind: str
    profile_id: str
    name: str


class ProfileView(NamedTuple):
    """One profile, whole (PRO-1), without its conversations."""

    row: ProfileRow
    display_name: str
    customer_id: str | None
    former_customer_ids: list[str]
    claimed_customer_ids: list[str]
    points: list[HeldPoint]
    dialled: dict[str, str]
    details: list[dict[str, Any]]
    addresses: list[dict[str, Any]]
    relationships: list[RelationshipView]
    suggestions: list[SuggestionRow]
    former_ids: list[str]


class ProfileSummary(NamedTuple):
    """One profile as lists and searches show it."""

    row: ProfileHead | ProfileRow
    display_name: str
    points: list[HeldPoint]


class PointInput(NamedTuple):
    """A contact point as a person or system gives it."""

    kind: Kind
    value: str = ""
    network: str = ""
    phone_type: PhoneType | None = None
    main: bool = False
    sms: bool = False
    handle: str | None = None


def read(unit: UnitOfWork, profile_id: str) -> ProfileView:
    """The profile; raises MergedAway with the survivor's id for one that was merged away (EVT-2)."""
    row = store.read_profile(unit, profile_id)
    if row.survivor_id is not None:
        raise MergedAway("This profile was merged into another.", survivor_id=row.survivor_id)
    return view(unit, row)


def resolve_redirect(unit: UnitOfWork, profile_id: str) -> str:
    """The id of the living profile behind an id (EVT-2); raises NotFound."""
    row = store.read_profile(unit, profile_id)
    return row.living_id


def view(unit: UnitOfWork, row: ProfileRow) -> ProfileView:
    """Everything of a living profile."""
    points = contact_points.points_of(unit, [row.id])[row.id]
    visible_points = [p for p in points if p.kind != "customer_id"]
    region = load_policy(unit).default_region
    former_ids = store.merged_into(unit, row.id)[1:]
    return ProfileView(
        row=row._replace(created_at=store.since(unit, [row])[row.id]) if former_ids else row,
        display_name=display_name(row.name, points),
        customer_id=next((p.value for p in points if p.kind == "customer_id" and p.current), None),
        former_customer_ids=[
            p.value for p in points if p.kind == "customer_id" and not p.current and p.standing != "claimed"
        ],
        claimed_customer_ids=[p.value for p in points if p.kind == "customer_id" and p.standing == "claimed"],
        points=visible_points,
        dialled={
            p.contact_point_id: dialled_number(p.value, p.written, region) for p in visible_points if p.kind == "phone"
        },
        details=store.parts_of(unit, store.DETAILS, row.id),
        addresses=store.parts_of(unit, store.ADDRESSES, row.id),
        relationships=relationship_views(unit, [(row.id, store.relationships_of(unit, [row.id, *former_ids]))])[0],
        suggestions=[s for s in suggestions_of(unit, row.id) if s.state == "open"],
        former_ids=former_ids,
    )


def relationship_views(
    unit: UnitOfWork, of_each: Sequence[tuple[str, Sequence[Relationship]]]
) -> list[list[RelationshipView]]:
    """The relationships of each profile as seen from it, with the names of whom they name."""
    seen = [[(row.id, *row.seen_from(profile_id)) for row in relations] for profile_id, relations in of_each]
    others = sorted({other_id for of_one in seen for _, other_id, _ in of_one})
    names = {s.row.id: s.display_name for s in summaries(unit, others)}
    return [
        [RelationshipView(row_id, kind, other_id, names.get(other_id, "")) for row_id, other_id, kind in of_one]
        for of_one in seen
    ]


def summaries(unit: UnitOfWork, ids: Sequence[str]) -> list[ProfileSummary]:
    """Living profiles in the order of the ids."""
    heads, points = store.read_heads(unit, ids), contact_points.points_of(unit, ids)
    return [ProfileSummary(heads[i], display_name(heads[i].name, points[i]), points[i]) for i in ids if i in heads]


def page(unit: UnitOfWork, after: str | None, limit: int) -> list[ProfileSummary]:
    """Living profiles, newest first."""
    if after is not None and not is_id(after):
        raise InvalidValue("cursor is none of this list's.", code="invalid_cursor", field="cursor")
    return summaries(unit, store.list_ids(unit, after, limit))


def create(
    unit: UnitOfWork,
    *,
    name: str | None,
    username: str | None = None,
    image: str | None = None,
    customer_id: str | None = None,
    points: Sequence[PointInput] = (),
    attributes: Mapping[str, Any] | None = None,
    agent_id: str | None = None,
) -> ProfileRow:
    """PRO-6: a profile added by a person or system; the same rules hold as for contacts."""
    policy, now, profile_id = load_policy(unit), utc_now(), new_id()
    store.add_profile(
        unit,
        profile_id,
        now,
        name=clean_name(name),
        name_confirmed=name is not None,
        username=clean_name(username, "username"),
        image=None if image is None else validate_text(image, "image", 2_000),
        attributes=checked_attributes(attributes),
        created_by=agent_id,
    )
    if customer_id is not None:
        _place(unit, profile_id, PointInput("customer_id", customer_id), policy=policy, now=now)
    for number, point in enumerate(points):
        try:
            _place(unit, profile_id, point, policy=policy, now=now)
        except DomainError as refusal:
            refusal.field = f"contact_points[{number}].{refusal.field or 'value'}"
            raise
    store.reindex(unit, profile_id)
    matching.refresh_matches(unit, profile_id, policy, now)
    emit(unit, new_id(), "profile.created", profile_id=profile_id, data={}, now=now)
    return store.read_profile(unit, profile_id)


_PLAIN_FIELDS = ("username", "image", "attributes")


def edit(unit: UnitOfWork, profile_id: str, changes: Mapping[str, Any], version: int | None) -> ProfileRow:
    """Sets the profile's own fields; None empties one. A name set by hand is confirmed (RES-3)."""
    row = store.lock_profile(unit, profile_id, version)
    values = {field: changes[field] for field in _PLAIN_FIELDS if field in changes}
    if "name" in changes:
        values |= {"name": clean_name(changes["name"]), "name_confirmed": changes["name"] is not None}
    if "username" in values:
        values["username"] = clean_name(values["username"], "username")
    if values.get("image") is not None:
        validate_text(values["image"], "image", 2_000)
    if "attributes" in values:
        values["attributes"] = checked_attributes(_patch_attributes(row.attributes, values["attributes"]))
    gone, policy = [], load_policy(unit)
    if "customer_id" in changes:
        gone += _set_customer_id(unit, row.id, changes["customer_id"], policy)
    if "username" in values and row.username:
        gone.append(_lost_username(unit, row))
    return finish_edit(unit, row.id, policy, found_by=True, gone=gone, **values)


def _lost_username(unit: UnitOfWork, row: ProfileRow) -> Shared:
    key = handle_key(row.username or "")
    remove_keys(unit, ["h:" + key], row.id)
    return Shared("handle", key, key)


def _patch_attributes(attributes: Mapping[str, Any], changes: Mapping[str, Any] | None) -> dict[str, Any]:
    """Attributes changed key by key; None takes one away, and None for all of them every one (PRO-1, RFC 7396)."""
    if changes is None:
        return {}
    return {key: value for key, value in {**attributes, **changes}.items() if value is not None}


def checked_attributes(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    """Free attributes: up to 100 texts, numbers and truth values by name (PRO-1)."""
    values = dict(attributes or {})
    if len(values) > 100:
        raise InvalidValue("A profile has at most 100 attributes.", code="too_many_values", field="attributes")
    for key, value in values.items():
        validate_text(key, "attributes", 100)
        if isinstance(value, str):
            validate_text(value, "attributes", 2_000)
    return values


def _set_customer_id(unit: UnitOfWork, profile_id: str, customer_id: str | None, policy: Policy) -> list[Shared]:
    """Returns what the profile no longer holds. Former customer IDs stay; one of them can be the customer ID again."""
    gone = []
    own = [p for p in contact_points.points_of(unit, [profile_id])[profile_id] if p.kind == "customer_id"]
    for point in own:
        if point.current:
            contact_points.remove_point(unit, point.contact_point_id)
            gone.append(Shared("customer_id", point.value, point.value))
    if customer_id is None:
        return gone
    value = customer_id_point(customer_id, policy.blocklist).value
    former = next((p for p in own if not p.current and p.value == value and p.standing != "claimed"), None)
    if former is not None:
        _plan_and_save(unit, profile_id, former._replace(current=True), policy=policy, now=utc_now())
    else:
        _place(unit, profile_id, PointInput("customer_id", customer_id), policy=policy, now=utc_now())
    return gone


def finish_edit(
    unit: UnitOfWork,
    profile_id: str,
    policy: Policy,
    *,
    found_by: bool = False,
    gone: Sequence[Shared] = (),
    **values: object,
) -> ProfileRow:
    """Ends every edit: fields, version, event, suggestions, and the search where the edit touched what the profile is
    found by. `gone` are values it no longer holds."""
    store.change_profile(unit, profile_id, **values)
    now = utc_now()
    if found_by:
        store.reindex(unit, profile_id)
        matching.refresh_matches(unit, profile_id, policy, now, gone=gone)
    else:
        matching.rate_again(unit, profile_id, policy, now)
    emit(unit, new_id(), "profile.updated", profile_id=profile_id, data={}, now=now)
    return store.read_profile(unit, profile_id)


def add_point(unit: UnitOfWork, profile_id: str, point: PointInput, version: int | None) -> tuple[ProfileRow, str]:
    """Lists a contact point on a profile (PRO-2 … PRO-4); returns the profile and the point's id."""
    row = store.lock_profile(unit, profile_id, version)
    policy = load_policy(unit)
    point_id = _place(unit, row.id, point, policy=policy, now=utc_now())
    return finish_edit(unit, row.id, policy, found_by=True), point_id


def edit_point(
    unit: UnitOfWork, profile_id: str, point_id: str, changes: Mapping[str, Any], version: int | None
) -> ProfileRow:
    """Changes a contact point's value, type or tags (PRO-4, PRO-5)."""
    row = store.lock_profile(unit, profile_id, version)
    point = _point_of(unit, row.id, point_id)
    policy = load_policy(unit)
    after = point._replace(**{k: changes[k] for k in ("phone_type", "main", "sms") if k in changes})
    if "handle" in changes:
        after = after._replace(handle=clean_name(changes["handle"], "handle"))
    if "value" in changes:
        network = point.value.partition(":")[0] if point.kind == "social" else ""
        new = _normal(PointInput(point.kind, changes["value"], network, phone_type=after.phone_type), policy)
        after = after._replace(value=new.value, written=new.written)
        if new.value != point.value:  # another spelling is the same contact point
            after = after._replace(contacted=False, standing="entered")
    _plan_and_save(unit, row.id, after, policy=policy, now=utc_now())
    same = (point.value, point.handle) == (after.value, after.handle)
    return finish_edit(unit, row.id, policy, found_by=True, gone=() if same else _forget_evidence(unit, point))


def confirm_point(unit: UnitOfWork, profile_id: str, point_id: str, version: int | None) -> ProfileRow:
    """An agent says that a claimed contact point is the customer's: it is entered from now on (PRO-13). Raises
    AlreadyInUse where another profile holds it (PRO-4)."""
    row = store.lock_profile(unit, profile_id, version)
    point, policy = _point_of(unit, row.id, point_id), load_policy(unit)
    if point.standing == "claimed":
        entered = point._replace(contacted=False, standing="entered")
        _plan_and_save(unit, row.id, entered, policy=policy, now=utc_now())
    return finish_edit(unit, row.id, policy, found_by=True)


def remove_point(unit: UnitOfWork, profile_id: str, point_id: str, version: int | None) -> ProfileRow:
    """Takes a contact point off a profile; its messages stay."""
    row = store.lock_profile(unit, profile_id, version)
    point = _point_of(unit, row.id, point_id)
    contact_points.remove_point(unit, point.contact_point_id)
    return finish_edit(unit, row.id, load_policy(unit), found_by=True, gone=_forget_evidence(unit, point))


def _forget_evidence(unit: UnitOfWork, point: HeldPoint) -> list[Shared]:
    """What no longer is evidence when a contact point goes or gets another value."""
    remove_keys(unit, keys_of_point(point.kind, point.value, point.handle), point.contact_point_id)
    return evidence_of_point(point)


def _point_of(unit: UnitOfWork, profile_id: str, point_id: str) -> HeldPoint:
    for point in contact_points.points_of(unit, [profile_id])[profile_id]:
        if point.contact_point_id == point_id and point.kind != "customer_id":
            return point
    raise NotFound("There is no such contact point on this profile.", code="contact_point_not_found")


def _place(unit: UnitOfWork, profile_id: str, given: PointInput, policy: Policy, now: datetime) -> str:
    point = _normal(given, policy)
    on_profile = contact_points.points_of(unit, [profile_id])[profile_id]
    claimed = next(
        (p for p in on_profile if (p.kind, p.value) == (point.kind, point.value) and p.standing == "claimed"), None
    )
    new_point = HeldPoint(
        contact_point_id=new_id() if claimed is None else claimed.contact_point_id,
        kind=point.kind,
        value=point.value,
        written=point.written,
        phone_type=given.phone_type,
        main=given.main,
        sms=given.sms,
        handle=point.handle,
        identifying=False,
        contacted=False,
    )
    _plan_and_save(unit, profile_id, new_point, policy=policy, now=now)
    return new_point.contact_point_id


def _normal(given: PointInput, policy: Policy) -> Point:
    if given.kind == "email":
        return email_point(given.value, policy.blocklist, "value")
    if given.kind == "phone":
        return phone_point(
            given.value, policy.default_region, policy.blocklist, field="value", phone_type=given.phone_type
        )
    if given.kind == "social":
        return social_point(given.network, given.value, given.handle, blocklist=policy.blocklist, field="value")
    if given.kind == "customer_id":
        return customer_id_point(given.value, policy.blocklist)
    raise InvalidValue(
        "Visitor tokens come from chats; they are not entered by hand.", code="invalid_kind", field="kind"
    )


def _plan_and_save(unit: UnitOfWork, profile_id: str, point: HeldPoint, policy: Policy, now: datetime) -> None:
    on_profile = contact_points.points_of(unit, [profile_id])[profile_id]
    identified = contact_points.identified_by(unit, point.kind, point.value)
    if point.kind == "customer_id" and identified is not None and identified.profile_id != profile_id:
        _refuse_former(unit, identified.profile_id, point.value)
    plan = plan_point(point, on_profile, identified, profile_id=profile_id, policy=policy)
    if plan.demoted_id is not None:
        contact_points.clear_main(unit, plan.demoted_id)
    contact_points.save_point(unit, profile_id, plan.point, now)


def _refuse_former(unit: UnitOfWork, holder_id: str, customer_id: str) -> None:
    """A customer ID that a profile had before a merge opens it as before (MRG-4), so it is nobody else's."""
    for point in contact_points.points_of(unit, [holder_id])[holder_id]:
        if (point.kind, point.value, point.current) == ("customer_id", customer_id, False):
            raise AlreadyInUse(
                "Another profile had this customer ID before a merge, and a sign-in with it still opens that profile. "
                "If both are the same customer, merge the two profiles.",
                profile_id=holder_id,
                offer="merge",
            )
