"""From suggestions, plans and merges to the JSON of the API."""

from __future__ import annotations

from onefold.api import merging_schemas as schemas
from onefold.api.views import summary
from onefold.matching.scoring import Comparison
from onefold.merging.previews import Preview
from onefold.merging.store import MergeRow
from onefold.merging.undo import Undo
from onefold.suggestions.service import SuggestionView


def preview(merge_preview: Preview) -> schemas.MergePreview:
    """A plan as the agent sees it."""
    plan = merge_preview.plan
    return schemas.MergePreview(
        source=summary(merge_preview.source.summary),
        destination=summary(merge_preview.destination.summary),
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
        no_match=[schemas.NoMatch(**said._asdict()) for said in merge_preview.no_match],
        conversations=merge_preview.conversations,
        drafts=merge_preview.drafts,
        joined_conversation_id=None if plan.joined is None else plan.joined.conversation_id,
        events=[event.in_words() for event in plan.events],
    )


def merge(row: MergeRow) -> schemas.Merge:
    """A merge that was done."""
    return schemas.Merge(**{field: getattr(row, field) for field in schemas.Merge.model_fields})


def undo(merge_undo: Undo) -> schemas.Undo:
    """What undoing does."""
    source = merge_undo.plan.source
    return schemas.Undo(
        merge=merge(merge_undo.merge),
        profile_id=merge_undo.profile_id,
        version=merge_undo.version,
        source_id=source.profile_id,
        returning=list(merge_undo.returning),
        contact_points=sum(point.kind != "customer_id" for point in source.points),
        details=len(source.details),
        addresses=len(source.addresses),
        relationships=len(source.relations),
        drafts=len(merge_undo.drafts),
        items_since=merge_undo.arrived,
        gone=[schemas.StayingRow(kind=kind, id=row_id) for kind, row_id in merge_undo.plan.gone],
        kept=[schemas.StayingRow(kind=kind, id=row_id) for kind, row_id in merge_undo.plan.kept],
    )


def comparison(pair_comparison: Comparison) -> schemas.Comparison:
    """Why two profiles may be one customer."""
    return schemas.Comparison(
        rating=pair_comparison.rating,
        bits=pair_comparison.bits,
        prior=pair_comparison.prior,
        kinds=list(pair_comparison.kinds),
        reasons=[schemas.Reason(**reason._asdict()) for reason in pair_comparison.reasons],
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
