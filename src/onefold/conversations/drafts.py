"""Drafts: written by one agent, seen by nobody else, and never lost to somebody else's merge (MRG-9).

Saving waits for no contact and for no edit. Where a merge moves the draft at the same instant, the database lets one
go after the other and both are kept: a merge sets where the draft is, saving sets what it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from onefold.accounts import store as accounts
from onefold.contact_points import store as contact_points
from onefold.contact_points.store import absorbing
from onefold.conversations import draft_store as store
from onefold.conversations import service as conversations
from onefold.conversations.draft_store import DraftRow
from onefold.conversations.service import Written
from onefold.conversations.store import ItemRow
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import Conflict, InvalidValue, NotFound
from onefold.core.ids import is_id
from onefold.core.text import BODY_LENGTH, validate_text
from onefold.database.engine import RetryTransaction, UnitOfWork
from onefold.profiles import store as profiles
from onefold.profiles.service import resolve_redirect

_MOST_COMPARED = 20
DraftKind = Literal["email", "sms", "whatsapp", "note", "task"]


class Composed(NamedTuple):
    """What the author has written so far. The contact point is the one it shall go to; notes and tasks need none."""

    kind: DraftKind
    body: str
    subject: str | None = None
    contact_point_id: str | None = None


def create(unit: UnitOfWork, profile_id: str, author_id: str | None, composed: Composed) -> DraftRow:
    """A new draft, on the profile or on the one it was merged into (EVT-2)."""
    living_id = _living(unit, profile_id)
    author_id = _author(unit, author_id)
    _check_composed(composed)
    _check_point(unit, living_id, composed.contact_point_id)
    now = utc_now()
    draft = DraftRow(
        new_id(),
        living_id,
        author_id,
        kind=composed.kind,
        contact_point_id=composed.contact_point_id,
        subject=composed.subject,
        body=composed.body,
        created_at=now,
        updated_at=now,
    )
    store.add(unit, draft)
    return draft


def keep(
    unit: UnitOfWork, profile_id: str, author_id: str, composed: Composed, draft_id: str | None, seen: str | None
) -> DraftRow:
    """What somebody has typed: saved as the draft it belongs to, as a new one where it belongs to none, and beside it
    where that draft was written on since it was `seen` (`seen_as`), in another tab: neither overwrites the other."""
    if draft_id is None:
        return _same(unit, profile_id, author_id, composed) or create(unit, profile_id, author_id, composed)
    unit.lock_values([f"draft {draft_id}"])
    try:
        now = read(unit, draft_id, author_id)
    except NotFound:  # sent or thrown away in another tab: what is typed on in this one is a draft of its own
        return create(unit, profile_id, author_id, composed)
    if seen is not None and seen != seen_as(now) and now.body.strip() not in ("", composed.body.strip()):
        return create(unit, profile_id, author_id, composed)
    return save(unit, draft_id, author_id, composed)


def _same(unit: UnitOfWork, profile_id: str, author_id: str, composed: Composed) -> DraftRow | None:
    """The draft that says just this: it was kept already, and whoever kept it was not told."""
    drafts = of_profile(unit, profile_id, author_id, before=None, limit=_MOST_COMPARED)
    said = [(Composed(d.kind, d.body, d.subject, d.contact_point_id), d) for d in drafts]  # type: ignore[arg-type]
    return next((draft for one, draft in said if one == composed), None)


def seen_as(draft: DraftRow) -> str:
    """What tells this state of a draft from a later one."""
    return draft.updated_at.isoformat()


def _living(unit: UnitOfWork, profile_id: str) -> str:
    """The living profile behind the id, which is not merged away before the unit ends; contacts go on meanwhile."""
    living_id = resolve_redirect(unit, profile_id)
    if unit.lock_profiles([living_id], against_edits=False) == []:
        raise RetryTransaction
    return living_id


def _author(unit: UnitOfWork, author_id: str | None) -> str:
    if author_id is None:
        raise InvalidValue("A draft is an agent's: say whose with agent_id.", code="agent_missing", field="agent_id")
    return accounts.read_agent(unit, author_id).id


def _check_composed(composed: Composed) -> None:
    validate_text(composed.body, "body", BODY_LENGTH)
    validate_text(composed.subject or "", "subject", 1_000)
    if composed.contact_point_id is not None and not is_id(composed.contact_point_id):
        raise _no_point()


def _no_point() -> NotFound:
    return NotFound("There is no such contact point on this profile.", code="contact_point_not_found")


def _check_point(unit: UnitOfWork, profile_id: str, point_id: str | None) -> None:
    if point_id is not None and _point_now(unit, profile_id, point_id) is None:
        raise _no_point()


def _point_now(unit: UnitOfWork, profile_id: str, point_id: str) -> str | None:
    """The profile's contact point that was meant: itself, or the one it became one with in a merge. None where it is
    gone, or its number has a new owner."""
    points = contact_points.points_of(unit, [profile_id])[profile_id]
    point_ids = {point.contact_point_id for point in points if not point.is_anothers}
    resolved_id = point_id if point_id in point_ids else absorbing(unit, point_id)
    return resolved_id if resolved_id in point_ids else None


def read(unit: UnitOfWork, draft_id: str, author_id: str | None) -> DraftRow:
    """One of the author's own drafts; raises NotFound, for somebody else's as well."""
    return _as_of_today(unit, [_own(unit, draft_id, author_id)])[0]


def _own(unit: UnitOfWork, draft_id: str, author_id: str | None) -> DraftRow:
    draft = store.read(unit, draft_id)
    if draft.author_id != _author(unit, author_id):
        raise store.missing()
    return draft


def _as_of_today(unit: UnitOfWork, drafts: Sequence[DraftRow]) -> list[DraftRow]:
    """Drafts with the contact point that theirs became one with; without one, where it is gone or another customer's
    (MRG-9): then it has to be chosen where they go."""
    return [
        draft._replace(contact_point_id=_point_now(unit, draft.profile_id, draft.contact_point_id))
        if draft.contact_point_id
        else draft
        for draft in drafts
    ]


def of_profile(
    unit: UnitOfWork, profile_id: str, author_id: str | None, before: str | None, limit: int
) -> list[DraftRow]:
    """The author's own drafts on a profile, newest first."""
    living_id = resolve_redirect(unit, profile_id)
    return _as_of_today(unit, store.page(unit, _author(unit, author_id), living_id, before=before, limit=limit))


def of_author(unit: UnitOfWork, author_id: str | None, before: str | None, limit: int) -> list[DraftRow]:
    """All of the author's drafts, newest first."""
    return _as_of_today(unit, store.page(unit, _author(unit, author_id), None, before=before, limit=limit))


def save(unit: UnitOfWork, draft_id: str, author_id: str | None, composed: Composed) -> DraftRow:
    """Keeps what the author has typed, wherever the draft is meanwhile; the answer says on which profile that is.

    Never refused because somebody else has merged the profile, or has taken the chosen contact point away: only a
    newly chosen contact point must be one of the profile's.
    """
    before = _own(unit, draft_id, author_id)
    _check_composed(composed)
    # The profile is asked for its contact points after this, because from here on the draft stays where it is.
    draft = store.change(unit, draft_id, updated_at=utc_now(), **composed._asdict())
    if composed.contact_point_id != before.contact_point_id:
        _check_point(unit, draft.profile_id, composed.contact_point_id)
    return _as_of_today(unit, [draft])[0]


def delete(unit: UnitOfWork, draft_id: str, author_id: str | None) -> None:
    """Throws a draft away."""
    _own(unit, draft_id, author_id)
    store.remove(unit, draft_id)


def send(unit: UnitOfWork, draft_id: str, author_id: str | None) -> ItemRow:
    """Turns a draft into an item of the timeline, by the rules of writing one directly; the draft is gone (PRO-11).

    The item's state says whether it was sent (SND-1). Of two who do this at once, one finds no draft any more.
    """
    draft = _own(unit, draft_id, author_id)
    # Profile first, then draft: in the order a merge takes them.
    profiles.lock_profile(unit, draft.profile_id, against_contacts=True)
    draft = store.remove(unit, draft_id)
    return conversations.write(unit, draft.profile_id, _to_written(unit, draft), draft.author_id)


def _to_written(unit: UnitOfWork, draft: DraftRow) -> Written:
    if draft.kind in ("note", "task"):
        return Written(draft.body, subject=draft.subject, kind="task" if draft.kind == "task" else "note")
    if draft.contact_point_id is None:
        raise Conflict("Choose the contact point that this goes to first.", code="contact_point_missing")
    point_id = _point_now(unit, draft.profile_id, draft.contact_point_id)
    if point_id is None:
        raise Conflict(
            "The contact point this was written to is no longer this customer's. Choose where it goes.",
            code="contact_point_missing",
        )
    return Written(draft.body, draft.kind, point_id, draft.subject)  # type: ignore[arg-type]
