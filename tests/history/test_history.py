"""How a profile came to be, read back: merges however deep, undone, detached, and what an erasure has left of it."""

from __future__ import annotations

import pytest

from onefold.audit import service as audit
from onefold.contact_points.blocklist import DEFAULT_ENTRIES
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import NotFound
from onefold.history import service as origins
from onefold.history.history import History
from onefold.organizations.store import add_organization
from onefold.privacy import erasure as erasing
from onefold.profiles.service import PointInput
from tests.conftest import Base
from tests.dsl.words import (
    COMMAND,
    agent,
    detach,
    do,
    edit,
    list_point,
    merge,
    point_of,
    profile,
    receive,
    undo,
)

ADA, BOB, EVE = "ada@kite.example", "bob@kite.example", "eve@kite.example"
HOME, MOBILE = "+442079460001", "+447911123456"


def read_history(base: Base, profile_id: str) -> History:
    with base.database.read(base.organization_id) as unit:
        return origins.read(unit, profile_id)


def lanes(history: History) -> dict[str, list[str]]:
    """The contact points that came on each profile."""
    return {o.id: [a.text for a in history.arrivals if a.profile_id == o.id] for o in history.origins}


def parts(history: History) -> set[str]:
    return {o.id for o in history.origins if o.part}


def test_of_one_that_was_never_merged_there_are_its_contact_points(base: Base) -> None:
    one = receive(base, "email", email=ADA).profile_id
    list_point(base, one, PointInput("phone", HOME, phone_type="home"))
    history = read_history(base, one)
    assert [(a.text, a.contacted, a.known) for a in history.arrivals] == [(ADA, True, True), (HOME, False, True)]
    assert (lanes(history), history.joins, history.departures) == ({one: [ADA, HOME]}, (), ())
    assert history.origins[0].created_at <= history.arrivals[0].at <= history.now


def test_who_added_it_by_hand_is_told(base: Base) -> None:
    bea = agent(base, "Bea")
    one = profile(base, PointInput("email", ADA), name="Ada", agent_id=bea)
    assert read_history(base, one).origins[0].created_by == "Bea"


def test_each_contact_point_is_on_the_profile_it_came_on_however_deep__MRG_2(base: Base) -> None:
    bea = agent(base, "Bea")
    ada, bob, eve = (receive(base, "email", email=email).profile_id for email in (ADA, BOB, EVE))
    first = merge(base, eve, bob, bea)
    list_point(base, bob, PointInput("phone", HOME, phone_type="home"))
    second = merge(base, bob, ada)
    list_point(base, ada, PointInput("phone", MOBILE, phone_type="mobile"))
    history = read_history(base, ada)
    assert lanes(history) == {ada: [ADA, MOBILE], bob: [BOB, HOME], eve: [EVE]}
    assert [(j.id, j.source_id, j.destination_id, j.by) for j in history.joins] == [
        (first.id, eve, bob, "Bea"),
        (second.id, bob, ada, "Onefold"),
    ]
    assert parts(history) == {ada, bob, eve}
    assert all(a.known for a in history.arrivals)


def test_a_former_id_leads_to_the_living_one__EVT_2(base: Base) -> None:
    ada, bob = (receive(base, "email", email=email).profile_id for email in (ADA, BOB))
    merge(base, bob, ada)
    assert read_history(base, bob).profile_id == ada
    with pytest.raises(NotFound):
        read_history(base, new_id())


def test_profiles_have_the_names_they_had_then(base: Base) -> None:
    ada, bob = profile(base, PointInput("email", ADA), name="A. L."), profile(base, PointInput("email", BOB))
    merge(base, bob, ada)
    edit(base, ada, name="Ada Lovelace")
    history = read_history(base, ada)
    assert {o.id: o.name for o in history.origins} == {ada: "Ada Lovelace", bob: BOB}
    assert history.joins[0].into == "A. L."


def test_what_both_sides_held_came_on_both(base: Base) -> None:
    phone = PointInput("phone", HOME, phone_type="home")
    ada, bob = (profile(base, PointInput("email", email), phone) for email in (ADA, BOB))
    merge(base, bob, ada)
    assert lanes(read_history(base, ada)) == {ada: [ADA, HOME], bob: [BOB, HOME]}


def test_an_undone_merge_is_told_with_who_undid_it__MRG_13(base: Base) -> None:
    mona = agent(base, "Mona", "lead")
    ada, bob = (receive(base, "email", email=email).profile_id for email in (ADA, BOB))
    undo(base, merge(base, bob, ada).id, COMMAND._replace(agent_id=mona))
    for one, own in ((ada, ADA), (bob, BOB)):
        history = read_history(base, one)
        (join,) = history.joins
        assert (join.source_id, join.destination_id, join.undone_by) == (bob, ada, "Mona")
        assert join.undone_at is not None and join.at <= join.undone_at
        assert parts(history) == {one}
        assert lanes(history)[one] == [own]


def test_one_merged_again_after_an_undo_has_both_merges(base: Base) -> None:
    ada, bob = (receive(base, "email", email=email).profile_id for email in (ADA, BOB))
    undo(base, merge(base, bob, ada).id)
    merge(base, bob, ada)
    history = read_history(base, ada)
    assert [join.undone_at is None for join in history.joins] == [False, True]
    assert (parts(history), lanes(history)) == ({ada, bob}, {ada: [ADA], bob: [BOB]})


def test_a_detach_is_told_on_both_sides__DET_1(base: Base) -> None:
    bea = agent(base, "Bea")
    ada = profile(base, PointInput("email", ADA), PointInput("email", BOB), name="Ada")
    new = detach(base, ada, point_of(base, ada, BOB).contact_point_id, bea).new_profile_id
    for one in (ada, new):
        history = read_history(base, one)
        (left,) = history.departures
        assert (left.from_id, left.to_id, left.text, left.by) == (ada, new, BOB, "Bea")
        assert parts(history) == {one}
    assert lanes(read_history(base, new))[new] == [BOB]
    arrival = read_history(base, new).arrivals[0]
    assert arrival.at >= next(o.created_at for o in read_history(base, new).origins if o.id == new)


def test_what_was_detached_and_merged_back_is_part_of_it_again(base: Base) -> None:
    ada = profile(base, PointInput("email", ADA), PointInput("email", BOB), name="Ada")
    new = detach(base, ada, point_of(base, ada, BOB).contact_point_id).new_profile_id
    merge(base, new, ada, despite_no_match=True)
    history = read_history(base, ada)
    assert parts(history) == {ada, new}
    assert sorted(a.text for a in history.arrivals) == [ADA, BOB]


# What is not known any more ------------------------------------------------------------------------------------------


def test_without_a_merges_record_what_it_brought_may_be_either_ones__MRG_14(base: Base) -> None:
    ada = receive(base, "email", email=ADA).profile_id
    bob = receive(base, "email", email=BOB).profile_id
    merged = merge(base, bob, ada)
    do(base, lambda unit: audit.erase_records(unit, [bob]))
    receive(base, "email", email=ADA)
    list_point(base, ada, PointInput("phone", HOME, phone_type="home"))
    history = read_history(base, ada)
    assert {a.text: a.known for a in history.arrivals} == {ADA: False, BOB: False, HOME: True}
    assert [(j.id, j.into) for j in history.joins] == [(merged.id, None)]
    assert parts(history) == {ada, bob}


def test_what_came_before_the_living_one_was_made_is_on_the_source_that_was_there(base: Base) -> None:
    bob = receive(base, "email", email=BOB).profile_id
    ada = receive(base, "email", email=ADA).profile_id
    merge(base, bob, ada)
    do(base, lambda unit: audit.erase_records(unit, [bob]))
    assert lanes(read_history(base, ada)) == {ada: [ADA], bob: [BOB]}


def test_one_that_was_erased_since_is_told_of_no_more(base: Base) -> None:
    ada, bob = (receive(base, "email", email=email).profile_id for email in (ADA, BOB))
    undo(base, merge(base, bob, ada).id)
    new = detach(base, ada, list_point(base, ada, PointInput("email", EVE))).new_profile_id
    for one in (bob, new):
        do(base, lambda unit, one=one: erasing.erase(unit, one, one, COMMAND), exclusive=True)
    history = read_history(base, ada)
    assert (lanes(history), history.joins, history.departures) == ({ada: [ADA]}, (), ())
    assert BOB not in str(history) and EVE not in str(history)


def test_of_too_many_the_newest_are_told_and_the_rest_is_counted(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origins, "MOST_PROFILES", 2)
    monkeypatch.setattr(origins, "MOST_POINTS", 3)
    emails = [f"n{n}@kite.example" for n in range(5)]
    ids = [receive(base, "email", email=email).profile_id for email in emails]
    for one, into in ((4, 3), (3, 2), (2, 1), (1, 0)):
        merge(base, ids[one], ids[into])
    history = read_history(base, ids[0])
    assert parts(history) == {ids[0], ids[1], ids[2]}
    assert (len(history.arrivals), history.more_profiles, history.more_arrivals) == (3, 2, 2)


def test_another_organizations_profile_is_not_there(base: Base) -> None:
    one = receive(base, "email", email=ADA).profile_id
    other = add_organization(base.database, "Other", "US", new_id(), "General", DEFAULT_ENTRIES, utc_now())
    with base.database.read(other) as unit, pytest.raises(NotFound):
        origins.read(unit, one)
