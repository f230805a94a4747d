"""Several profiles are merged into one in one step, and come out again in one (MRG-18)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from onefold.core.errors import Conflict, InvalidValue, NotFound, VersionConflict
from onefold.merging import together
from onefold.merging import undo as undoing
from onefold.merging.outcomes import Step
from onefold.merging.store import MergeRow, read_side
from onefold.merging.together import TogetherPreview, TogetherRequest
from onefold.profiles import store as profiles
from onefold.profiles.service import PointInput
from onefold.settings import service as settings
from onefold.suggestions import service as suggestions
from tests.conftest import Base
from tests.dsl.words import (
    COMMAND,
    add_detail,
    agent,
    do,
    everything,
    profile,
    receive,
    relate,
    show,
    timeline,
)
from tests.invariants import check_base


def four(base: Base) -> list[str]:
    """Four customers, oldest first: the last is the one that stays."""
    made = []
    for number, name in enumerate(("Al", "Alexander", "Alex", "A.")):
        answer = receive(base, "email", email=f"a{number}@kite.example", name=name, body=name)
        add_detail(base, answer.profile_id, "size", name)
        made.append(answer.profile_id)
    return made


def planned(base: Base, *source_ids: str, to: str, **more: Any) -> TogetherPreview:
    with base.database.read(base.organization_id) as unit:
        return together.preview(unit, TogetherRequest(source_ids, to, **more), COMMAND)


def merge(base: Base, *source_ids: str, to: str, **more: Any) -> list[MergeRow]:
    return do(base, lambda unit: together.merge(unit, TogetherRequest(source_ids, to, **more), COMMAND))


def undo(base: Base, together_id: str) -> None:
    do(base, lambda unit: together.undo(unit, together_id, COMMAND))


def test_all_of_them_become_one_and_the_oldest_goes_first(base: Base) -> None:
    *sources, last = four(base)
    rows = merge(base, *reversed(sources), to=last)
    assert [row.source_id for row in rows] == sources
    view = show(base, last)
    assert view.row.name == "Alexander"
    assert {point.value for point in view.points} == {f"a{number}@kite.example" for number in range(4)}
    assert len({row.together_id for row in rows}) == 1
    check_base(base.database, base.organization_id)


def test_who_was_merged_before_counts_as_old_as_the_oldest_of_them(base: Base) -> None:
    """As its page says: since when the customer is known."""
    oldest, one, two, last = four(base)
    do(base, lambda unit: together.merge(unit, TogetherRequest([oldest], two), COMMAND))
    assert [row.source_id for row in merge(base, one, two, to=last)] == [two, one]


def test_a_contact_point_is_not_detached_together_with_several_merges(base: Base) -> None:
    one, two, three, _ = four(base)
    steps = {one: [Step("detach", contact_point_id=show(base, one).points[0].contact_point_id)]}
    for ask in (planned, merge):
        with pytest.raises(InvalidValue, match="Detach"):
            ask(base, one, two, to=three, steps=steps)  # type: ignore[operator]


def test_what_the_preview_shows_is_what_happens(base: Base) -> None:
    one, two, three, four_ = four(base)
    relate(base, one, two, "friend")  # with whom it becomes one
    relate(base, one, three, "spouse")
    relate(base, two, four_, "colleague")
    eve = profile(base, PointInput("email", "eve@kite.example"), name="Eve")
    relate(base, two, eve, "sibling")
    relate(base, three, eve, "sibling")
    shown = planned(base, one, two, three, to=four_)
    merge(base, one, two, three, to=four_, digest=shown.digest)
    with base.database.read(base.organization_id) as unit:
        now = read_side(unit, profiles.read_profile(unit, four_))
    after = shown.previews[-1].plan.after
    rows = {"points", "details", "addresses", "relations"}
    for field in set(after._fields) - {"version", "conversation"}:
        expected, found = getattr(after, field), getattr(now, field)
        assert (sorted(found) if field in rows else found) == (sorted(expected) if field in rows else expected), field
    assert now.conversation is not None
    assert after.conversation is not None
    assert now.conversation[:3] == after.conversation[:3]
    said = [item.text for item in timeline(base, four_) if item.kind == "event"]
    events = [event.in_words() for one in shown.previews for event in one.plan.events]
    assert sorted(filter(None, said)) == sorted(events)
    check_base(base.database, base.organization_id)


def test_one_undo_takes_all_of_them_out(base: Base) -> None:
    made = four(base)
    before = {one: show(base, one) for one in made}
    rows = merge(base, *made[:3], to=made[3])
    undo(base, rows[0].id)
    for one in made:
        after = show(base, one)
        assert (after.row.name, after.points, [d["value"] for d in after.details]) == (
            before[one].row.name,
            before[one].points,
            [d["value"] for d in before[one].details],
        )
    with pytest.raises(Conflict):
        undo(base, rows[0].id)
    check_base(base.database, base.organization_id)


@pytest.mark.parametrize("alone", range(3))
def test_one_of_them_may_be_undone_by_itself_and_the_rest_together(base: Base, alone: int) -> None:
    made = four(base)
    rows = merge(base, *made[:3], to=made[3])
    do(base, lambda unit: undoing.undo(unit, rows[alone].id, None, COMMAND))
    undo(base, rows[0].id)
    assert [show(base, one).row.name for one in made] == ["Al", "Alexander", "Alex", "A."]
    check_base(base.database, base.organization_id)


def test_choices_and_steps_are_each_source_s_own(base: Base) -> None:
    do(base, lambda unit: settings.change(unit, {"merge_policies": {"customer_id": "choose"}}, COMMAND), exclusive=True)
    one, two, three = (profile(base, name=f"N{n}", customer_id=f"C-{n}") for n in range(3))
    assert planned(base, one, two, to=three).is_obstructed
    choices = {one: {"customer_id": "source"}, two: {"customer_id": "destination"}}
    merge(base, one, two, to=three, choices=choices)
    assert (show(base, three).customer_id, sorted(show(base, three).former_customer_ids)) == ("C-0", ["C-1", "C-2"])


def test_one_that_cannot_be_merged_keeps_all_of_them_apart(base: Base) -> None:
    one, two, three = (profile(base, name=f"N{n}", customer_id=f"C-{n}" if n else None) for n in range(3))
    before = everything(base)
    with pytest.raises(Conflict, match="refused"):
        merge(base, one, two, to=three)
    assert everything(base) == before


def test_what_was_confirmed_is_what_happens_or_nothing__MRG_12(base: Base) -> None:
    *sources, last = four(base)
    digest = planned(base, *sources, to=last).digest
    add_detail(base, sources[0], "shoe", "42")
    with pytest.raises(VersionConflict):
        merge(base, *sources, to=last, digest=digest)


def test_a_no_match_between_any_two_has_to_be_meant__SUG_4(base: Base) -> None:
    *sources, last = four(base)
    mara = COMMAND._replace(agent_id=agent(base, "Mara"))
    do(base, lambda unit: suggestions.no_match(unit, sources[0], sources[2], mara))
    assert planned(base, *sources, to=last).previews[2].no_match
    with pytest.raises(Conflict) as refused:
        merge(base, *sources, to=last)
    assert refused.value.code == "no_match_said"
    assert len(merge(base, *sources, to=last, despite_no_match=True)) == 3


@pytest.mark.parametrize("order", list(itertools.permutations(range(3)))[:3])
def test_the_order_they_are_named_in_makes_no_difference(base: Base, order: tuple[int, ...]) -> None:
    *sources, last = four(base)
    rows = merge(base, *(sources[n] for n in order), to=last)
    assert [row.source_id for row in rows] == sources


def test_what_cannot_be_meant_is_refused(base: Base) -> None:
    one, two, *_ = four(base)
    for source_ids, refusal in (((), InvalidValue), ((one, two), Conflict), (("x",), NotFound)):
        with pytest.raises(refusal):
            merge(base, *source_ids, to=two)
    with pytest.raises(InvalidValue):
        merge(base, *(f"p{n}" for n in range(21)), to=two)
    with pytest.raises(NotFound):
        undo(base, "x")
