"""From what services return to the JSON of the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onefold.api import organization_schemas, schemas
from onefold.contact_points.points import HeldPoint
from onefold.conversations import sending
from onefold.conversations.store import ConversationRow, ItemRow
from onefold.profiles.service import ProfileSummary, ProfileView
from onefold.runs.store import RunRow


def profile(view: ProfileView) -> schemas.Profile:
    """A profile, whole."""
    row = view.row
    return schemas.Profile(
        id=row.id,
        display_name=view.display_name,
        name=row.name,
        name_confirmed=row.name_confirmed,
        username=row.username,
        image=row.image,
        customer_id=view.customer_id,
        contact_points=[_point(p, view.dialled) for p in view.points],
        details=[schemas.Detail(**d) for d in view.details],
        addresses=[schemas.Address(**a) for a in view.addresses],
        relationships=[schemas.Relationship(**r._asdict()) for r in view.relationships],
        attributes=row.attributes,
        claimed_customer_ids=view.claimed_customer_ids,
        former_customer_ids=view.former_customer_ids,
        suggestions=[
            schemas.Suggestion(
                profile_id=s.other_id if s.profile_id == row.id else s.profile_id, rating=s.rating, kinds=list(s.kinds)
            )
            for s in view.suggestions
        ],
        former_ids=view.former_ids,
        created_by=row.created_by,
        created_at=row.created_at,
        version=row.version,
    )


def _point(p: HeldPoint, dialled: Mapping[str, str]) -> schemas.ContactPoint:
    return schemas.ContactPoint(
        id=p.contact_point_id,
        kind=p.kind,  # type: ignore[arg-type]
        value=dialled.get(p.contact_point_id, p.value),
        written=p.written,
        type=p.phone_type,
        main=p.main,
        sms=p.sms,
        handle=p.handle,
        identifying=p.identifying,
        contacted=p.standing == "contacted",
        undeliverable=p.undeliverable,
        current=p.current,
        standing=p.standing,
        proven=p.standing != "claimed",
    )


def summary(entry: ProfileSummary) -> schemas.ProfileSummary:
    """A profile in a list."""
    points = entry.points
    return schemas.ProfileSummary(
        id=entry.row.id,
        display_name=entry.display_name,
        name=entry.row.name,
        name_confirmed=entry.row.name_confirmed,
        customer_id=next((p.value for p in points if p.kind == "customer_id" and p.current), None),
        emails=[p.value for p in points if p.kind == "email"],
        phones=[p.value for p in points if p.kind == "phone"],
        created_at=entry.row.created_at,
    )


def conversation(row: ConversationRow, owner: str) -> schemas.Conversation:
    """A conversation, as of the profile it belongs to today."""
    fields = {k: v for k, v in row._asdict().items() if k != "merged_into_id"}
    return schemas.Conversation(**{**fields, "profile_id": owner})


def item(row: ItemRow, files: Sequence[tuple[int, str, str, int]], inboxes: Sequence[str] = ()) -> schemas.Item:
    """An entry of a timeline."""
    own = ("seq", "profile_id", "body", "data")
    return schemas.Item(
        **{field: value for field, value in row._asdict().items() if field not in own},
        id=str(row.seq),
        body=row.text,
        state=sending.state_of(row),
        further_inbox_ids=list(inboxes),
        verified=row.sender_state != "failed",
        attachments=[schemas.Attachment(position=p, filename=n, content_type=t, size=size) for p, n, t, size in files],
    )


def run(row: RunRow) -> organization_schemas.Run:
    """A run and its progress."""
    return organization_schemas.Run(**{k: getattr(row, k) for k in organization_schemas.Run.model_fields})
