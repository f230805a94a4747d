"""From suggestions, plans and merges to the JSON of the API."""

from __future__ import annotations

from onefold.api import merging_schemas as schemas
from onefold.api.views import summary
from onefold.matching.scoring import Comparison
from onefold.merging.service import Preview
from onefold.merging.store import MergeRow
from onefold.merging.undo import Undo
from onefold.suggestions.service import SuggestionView


def preview(found: Preview) -> schemas.MergePreview:
    """A plan as the agent sees it."""
    plan = found.plan
    return schemas.MergePreview(
        source=summary(found.source),
        destination=summary(found.destination),
        source_version=plan.versions[0],
        destination_version=plan.versions[1],
        digest=plan.digest,
        outcomes=[schemas.Outcome(**{**o._asdict(), "options": list(o.options)}) for o in plan.outcomes],
        obstacles=[
            schemas.Obstacle(
                code=o.code, field=o.field, detail=o.detail, steps=[schemas.Step(**s._asdict()) for s in o.steps]
            )
            for o in plan.obstacles
        ],
        conversations=found.conversations,
        drafts=found.drafts,
        joined_conversation_id=None if plan.joined is None else plan.joined.conversation_id,
        events=[event.in_words() for event in plan.events],
    )


def merge(row: MergeRow) -> schemas.Merge:
    """A merge that was done."""
    return schemas.Merge(**{field: getattr(row, field) for field in schemas.Merge.model_fields})


def undo(found: Undo) -> schemas.Undo:
    """What undoing does."""
    source = found.plan.source
    return schemas.Undo(
        merge=merge(found.merge),
        profile_id=found.profile_id,
        version=found.version,
        source_id=source.profile_id,
        returning=list(found.returning),
        contact_points=sum(point.kind != "customer_id" for point in source.points),
        details=len(source.details),
        addresses=len(source.addresses),
        relationships=len(source.relations),
        drafts=len(found.drafts),
        items_since=found.arrived,
        gone=[schemas.StayingRow(kind=kind, id=row_id) for kind, row_id in found.plan.gone],
        kept=[schemas.StayingRow(kind=kind, id=row_id) for kind, row_id in found.plan.kept],
    )


def comparison(found: Comparison) -> schemas.Comparison:
    """Why two profiles may be one customer."""
    return schemas.Comparison(
        rating=found.rating,
        bits=found.bits,
        prior=found.prior,
        kinds=list(found.kinds),
        reasons=[schemas.Reason(**reason._asdict()) for reason in found.reasons],
    )


def suggestion(view: SuggestionView) -> schemas.Suggestion:
    """A suggestion with both profiles and why."""
    return schemas.Suggestion(
        profiles=[summary(view.one), summary(view.other)],
        state=view.row.state,  # type: ignore[arg-type]
        rating=view.row.rating,
        kinds=list(view.row.kinds),  # type: ignore[arg-type]
        new_kinds=list(view.new_kinds),  # type: ignore[arg-type]
        why=comparison(view.comparison),
        created_at=view.row.created_at,
    )
