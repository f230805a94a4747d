"""The queue of duplicates: the organization's suggestions, worked through from the keyboard (SUG-7, MRG-16)."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from onefold.console.forms import AnyForm, Form
from onefold.console.pages import HEADERS, page, redirect_to
from onefold.console.routes.matches import say_no_match, side_by_side
from onefold.console.visitor import AnyVisitor, Visitor
from onefold.core.errors import Conflict, DomainError, InvalidValue, NotFound, VersionConflict
from onefold.core.ids import is_id
from onefold.database.engine import UnitOfWork
from onefold.matching import store
from onefold.matching.evidence import Pair, pair_of
from onefold.matching.scoring import EVIDENCE_KINDS
from onefold.merging import bulk as many_merges
from onefold.merging import previews
from onefold.merging import service as merging
from onefold.merging.service import MergeRequest
from onefold.profiles import service as profiles
from onefold.suggestions import service as suggestions
from onefold.suggestions import store as queue_store
from onefold.suggestions.service import SuggestionView
from onefold.suggestions.store import QueueFilter

router = APIRouter(prefix="/queue")
SCOPE = "merges:undo"
_SHOWN = 25
_SUPPORTING = ("name", "name_similar", "address", "birth_date")
"""Features whose values the row does not repeat: the name stands in it, the others raise nothing alone (SUG-5)."""


class Place(NamedTuple):
    """Where a lead is in the queue: what is filtered by, and the suggestion that the page begins behind."""

    state: str = "open"
    kind: str = ""
    rating: str = ""
    after: str = ""

    @property
    def filter(self) -> QueueFilter:
        """The same as the store asks for it."""
        return QueueFilter(self.state, self.kind or None, *suggestions.BANDS.get(self.rating, (0.0, 1.0)))

    @property
    def position(self) -> tuple[float, str, str] | None:
        """The last suggestion of the page before; raises InvalidValue."""
        if not self.after:
            return None
        rating, *pair = self.after.split(" ")
        try:
            number = float(rating)
        except ValueError:
            number = -1
        if not (0 <= number <= 1 and len(pair) == 2 and all(map(is_id, pair))):
            raise InvalidValue("This page of the queue cannot be read.", code="invalid_cursor", field="after")
        return number, pair[0], pair[1]

    def link(self, path: str = "/queue", **changes: str) -> str:
        """The address of this place with some of it changed; a change of filter begins at the first page."""
        there = self._replace(**{**({"after": ""} if changes else {}), **changes})
        query = urlencode({field: value for field, value in there._asdict().items() if value and value != "open"})
        return f"{path}?{query}" if query else path

    @property
    def text(self) -> str:
        """As forms carry it."""
        return self.link("").removeprefix("?")


def _place(given: dict[str, str]) -> Place:
    place = Place(**{field: given[field] for field in Place._fields if given.get(field)})
    known = place.state in ("open", "dismissed") and place.kind in ("", *EVIDENCE_KINDS)
    if not known or place.rating not in ("", *suggestions.BANDS):
        raise InvalidValue("The queue has no such filter.", code="invalid_filter", field="kind")
    return place


def _of_form(form: Form) -> Place:
    return _place(dict(parse_qsl(form.text("here"))))


def token(pair: Pair) -> str:
    """A pair as forms and addresses carry it."""
    return ".".join(pair)


def _pair(given: str) -> Pair:
    low, _, high = given.partition(".")
    if not (is_id(low) and is_id(high) and low < high):
        raise InvalidValue("This is no pair of customers.", code="invalid_pair", field="pair")
    return low, high


class Result(NamedTuple):
    """A row of the queue. `values` are the two columns of what speaks for the pair; `against` what speaks against."""

    view: SuggestionView
    token: str
    versions: tuple[int, int]
    values: tuple[list[tuple[str, str]], list[tuple[str, str]]]
    against: list[str]
    current: bool


@router.get("")
def queue(request: Request, visitor: AnyVisitor) -> Response:
    """The suggestions, the likeliest first; `current` is the pair that keys act on, where it is still there."""
    query = dict(request.query_params)
    place, current = _place(query), query.get("current")
    values = visitor.read(lambda unit: _queue(unit, place, current), SCOPE)
    return page(request, visitor, "queue.html", **values)


def _queue(unit: UnitOfWork, place: Place, current: str | None) -> dict[str, Any]:
    suggestion_views = suggestions.queue(unit, place.filter, place.position, _SHOWN + 1)
    if not suggestion_views and place.after:  # all behind are decided
        place = place._replace(after="")
        suggestion_views = suggestions.queue(unit, place.filter, None, _SHOWN + 1)
    views = suggestion_views[:_SHOWN]
    versions = store.versions_of(unit, {one for view in views for one in view.row.pair})
    tokens = [token(view.row.pair) for view in views]
    # Behind the last one decided there is nothing: the lead goes on with the one before it.
    first = tokens.index(current) if current in tokens else (len(tokens) - 1 if current else 0)
    rows = [_show(view, versions, number == first) for number, view in enumerate(views)]
    last = views[-1].row if len(suggestion_views) > _SHOWN else None
    return {
        "rows": rows,
        "place": place,
        "focus": current is not None,
        "tally": suggestions.tally(unit, place.filter),
        "older": last and place.link(after=f"{last.rating!r} {last.profile_id} {last.other_id}"),
    }


def _show(view: SuggestionView, versions: dict[str, int], current: bool) -> Result:
    row, comparison = view.row, view.comparison
    evidence = [r for r in comparison.reasons if r.bits > 0 and r.feature not in _SUPPORTING]
    speaking = sorted(evidence, key=lambda reason: -reason.bits)
    sides = ([(r.feature, r.value) for r in speaking], [(r.feature, r.other_value) for r in speaking])
    against = [r.feature for r in comparison.reasons if r.bits < 0]
    seen = (versions.get(row.profile_id, 0), versions.get(row.other_id, 0))
    return Result(view, token(row.pair), seen, values=sides, against=against, current=current)


@router.get("/{one_id}/{other_id}")
def pair(request: Request, visitor: AnyVisitor, one_id: str, other_id: str) -> Response:
    """A pair of the queue side by side, to be decided on there."""
    place = _place(dict(request.query_params))

    def work(unit: UnitOfWork) -> dict[str, Any] | None:
        ids = (profiles.resolve_redirect(unit, one_id), profiles.resolve_redirect(unit, other_id))
        views = suggestions.of_profile(unit, ids[0], dismissed=True) if ids[0] != ids[1] else []
        suggestion = next((view for view in views if view.row.pair == pair_of(*ids)), None)
        if suggestion is None:
            return None
        view = profiles.read(unit, suggestion.one.row.id)
        return {"profile": view, **side_by_side(unit, view, suggestion), "token": token(suggestion.row.pair)}

    values = visitor.read(work, SCOPE)
    if values is None:
        return redirect_to(place.link(), "not-suggested")
    return page(request, visitor, "queue_pair.html", place=place, **values)


@router.post("/match")
def match(request: Request, visitor: AnyVisitor, form: AnyForm) -> Response:
    """ "Match": the pair becomes one as it was shown (MRG-12); what stands in the way is shown with the merge."""
    place, pair_ids = _of_form(form), _pair(form.text("pair"))
    seen = {pair_ids[0]: form.number("version"), pair_ids[1]: form.number("other_version")}
    if None in seen.values():
        raise InvalidValue(
            "Open the page again: it does not say what you saw.", code="versions_missing", field="version"
        )

    def work(unit: UnitOfWork) -> tuple[str | None, str | None]:
        source, destination = suggestions.sides_of_match(unit, *pair_ids, swapped=form.flag("turned"))
        if {source, destination} != {*pair_ids}:
            raise VersionConflict("One of the two was merged into another.", code="plan_changed")
        request = MergeRequest(source, destination, versions=(seen[source], seen[destination]))
        if previews.needs_a_look(unit, request, visitor.actor):
            return f"/customers/{destination}/merge/{source}", None
        return None, merging.merge(unit, request, visitor.actor)[0].id

    behind = visitor.read(lambda unit: _behind(unit, place, pair_ids), SCOPE)
    try:
        way, undo = visitor.write(work, SCOPE)
    except VersionConflict:
        return _elsewhere(request, place.link(f"/queue/{pair_ids[0]}/{pair_ids[1]}"), "changed-since")
    except Conflict as refusal:
        return _answer_settled(place, behind, refusal)
    return _elsewhere(request, way) if way else _on(place, behind, "merged", undo)


@router.post("/no-match")
def no_match(visitor: AnyVisitor, form: AnyForm) -> Response:
    """ "No Match": the suggestion is closed, and remembered (SUG-4)."""
    place, pair_ids = _of_form(form), _pair(form.text("pair"))
    behind = visitor.read(lambda unit: _behind(unit, place, pair_ids), SCOPE)
    try:
        undo = visitor.write(lambda unit: say_no_match(unit, visitor, *pair_ids), SCOPE)
    except Conflict as refusal:
        return _answer_settled(place, behind, refusal)
    return _on(place, behind, "dismissed", undo)


@router.post("/withdraw")
def withdraw(visitor: AnyVisitor, form: AnyForm) -> Response:
    """Takes a "No Match" back: the pair is in the queue again, if evidence speaks for it."""
    place, pair_ids = _of_form(form), _pair(form.text("pair"))
    behind = visitor.read(lambda unit: _behind(unit, place, pair_ids), SCOPE)
    visitor.write(lambda unit: suggestions.withdraw(unit, *pair_ids, visitor.actor), SCOPE)
    return _on(place, behind, "reopened")


@router.post("/bulk")
def bulk(visitor: AnyVisitor, form: AnyForm) -> Response:
    """The ticked pairs: "Match" begins a run of merges, which goes on by itself (MRG-16)."""
    place, pairs = _of_form(form), [_pair(value) for value in form.every("pair")]
    if not pairs:
        raise InvalidValue("Tick the pairs first, by their boxes or with x.", code="no_pairs", field="pair")
    if form.text("do") == "match":
        visitor.require(SCOPE)
        # The newer goes into the older (SUG-3): ids sort by the time they were made.
        sides = [(newer, older) for older, newer in pairs]
        run = visitor.write(lambda unit: many_merges.begin(unit, sides, visitor.actor, name="queue"), SCOPE)
        return redirect_to(f"/runs/{run.id}", "started")
    missed = sum(not _dismiss(visitor, one) for one in pairs)
    return _on(place, None, "dismissed-some" if missed else "dismissed-many")


def _dismiss(visitor: Visitor, asked: Pair) -> bool:
    try:
        visitor.write(lambda unit: suggestions.no_match(unit, *asked, visitor.actor), SCOPE)
    except (Conflict, NotFound):  # somebody was faster: the two are one, or one of them is erased
        return False
    return True


def _behind(unit: UnitOfWork, place: Place, asked: Pair) -> str | None:
    """The pair that follows in the queue, as long as the one asked for is in it."""
    row = store.suggestions_between(unit, [asked]).get(asked)
    rows = queue_store.page(unit, place.filter, (row.rating, *asked), 1) if row else []
    return token(rows[0].pair) if rows else "end"


def _on(place: Place, behind: str | None, said: str, undo: str | None = None) -> Response:
    """Back in the queue, at the pair behind the one that was decided on."""
    path = place.link()
    return redirect_to(f"{path}{'&' if '?' in path else '?'}current={behind}" if behind else path, said, undo)


def _answer_settled(place: Place, behind: str | None, refusal: DomainError) -> Response:
    if refusal.code != "same_profile":
        raise refusal
    return _on(place, behind, "already-one")


def _elsewhere(request: Request, path: str, said: str | None = None) -> Response:
    """On to a page that is not the queue: a script of ours would look for the queue in it."""
    answer = redirect_to(path, said)
    if request.headers.get("hx-target") == "queue":
        return Response(status_code=204, headers={**HEADERS, "HX-Redirect": answer.headers["location"]})
    return answer
