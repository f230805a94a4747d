"""Detaching a contact point (DET): what came through it goes with it, the rest stays, both sides are told."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.audit import service as audit
from onefold.conversations import drafts
from onefold.conversations import service as conversations
from onefold.conversations.drafts import Composed
from onefold.conversations.service import Written
from onefold.core.clock import new_id
from onefold.core.errors import Conflict, NotFound, VersionConflict
from onefold.merging import detach as detaching
from onefold.profiles.service import PointInput
from onefold.receiving.contact import Further, ListedPhone
from onefold.suggestions import service as suggestions
from tests.conftest import Base
from tests.dsl.words import (
    COMMAND,
    add_draft,
    agent,
    conversation,
    detach,
    do,
    edit,
    events,
    everything,
    found_by,
    merge,
    point_of,
    profile,
    receive,
    said,
    said_in,
    set_conversation,
    show,
    suggested,
    told,
)
from tests.invariants import check_base

ADA, WORK = "ada@kite.example", "ada@work.example"
MOBILE, HOME = "+447911123456", "+442079460001"


def two_emails(base: Base) -> tuple[str, str, str]:
    """A profile with two emails and nothing said yet: its id, and theirs."""
    one = profile(base, PointInput("email", ADA), PointInput("email", WORK), name="Ada")
    return one, *(point_of(base, one, value).contact_point_id for value in (ADA, WORK))  # type: ignore[return-value]


def write(base: Base, profile_id: str, body: str, point_id: str | None = None) -> None:
    written = Written(body, None if point_id is None else "email", point_id)
    do(base, lambda unit: conversations.write(unit, profile_id, written, None))


# What goes and what stays --------------------------------------------------------------------------------------------


def test_a_conversation_that_came_through_it_alone_goes_whole__DET_1(base: Base) -> None:
    one, _, work = two_emails(base)
    begun = receive(base, "email", email=WORK, body="from work")
    write(base, one, "answer", work)
    write(base, one, "a note")
    set_conversation(base, begun.conversation_id, state="closed")
    receive(base, "email", email=ADA, body="from home")
    done = detach(base, one, work)
    assert (done.moved, done.split) == ((begun.conversation_id,), {})
    assert said(base, done.new_profile_id) == ["from work", "answer", "a note"]
    assert said(base, one) == ["from home"]
    assert conversation(base, begun.conversation_id).state == "closed"
    assert receive(base, "email", email=WORK).profile_id == done.new_profile_id
    assert receive(base, "email", email=ADA).profile_id == one
    check_base(base.database, base.organization_id)


def test_of_a_shared_conversation_its_messages_and_answers_go_notes_and_events_stay__DET_2(base: Base) -> None:
    one, home, work = two_emails(base)
    begun = receive(base, "email", email=ADA, body="from home")
    receive(base, "email", email=WORK, body="from work")
    write(base, one, "to work", work)
    write(base, one, "to home", home)
    write(base, one, "a note")
    other = profile(base)
    merge(base, other, one)  # an event in it
    done = detach(base, one, work)
    copy = done.split[begun.conversation_id]
    assert (done.moved, set(done.split)) == ((), {begun.conversation_id})
    assert said_in(base, begun.conversation_id) == ["from home", "to home", "a note"]
    assert said_in(base, copy) == ["from work", "to work"]
    assert "Onefold merged a customer into Ada" in events(base, one)
    assert events(base, done.new_profile_id) == [f"Onefold detached {WORK} from Ada"]
    check_base(base.database, base.organization_id)


@pytest.mark.parametrize("state", ["open", "closed"])
def test_the_part_that_is_split_off_is_as_the_conversation_was__DET_2(base: Base, state: str) -> None:
    one, _, work = two_emails(base)
    begun = receive(base, "email", email=ADA)
    receive(base, "email", email=WORK)
    ann = agent(base, "Ann")
    set_conversation(base, begun.conversation_id, ann, state=state)
    done = detach(base, one, work)
    left, gone = conversation(base, begun.conversation_id), conversation(base, done.split[begun.conversation_id])
    assert (left.state, left.assignee_id, left.inbox_id) == (state, ann, gone.inbox_id)
    assert (gone.state, gone.assignee_id, gone.profile_id) == (state, ann, done.new_profile_id)


def test_what_came_before_a_merge_goes_as_well__DET_1_MRG_2(base: Base) -> None:
    """The conversations of a profile merged away are found by the contact point they came through."""
    ada, work = receive(base, "email", email=ADA, body="home"), receive(base, "email", email=WORK, body="work")
    merge(base, work.profile_id, ada.profile_id)
    receive(base, "email", email=WORK, body="work again")
    point = point_of(base, ada.profile_id, WORK).contact_point_id
    done = detach(base, ada.profile_id, point)
    assert said(base, done.new_profile_id) == ["work", "work again"]
    assert said(base, ada.profile_id) == ["home"]
    check_base(base.database, base.organization_id)


def test_a_closed_conversation_from_before_a_merge_goes_whole__DET_1_MRG_5(base: Base) -> None:
    ada, work = receive(base, "email", email=ADA, body="home"), receive(base, "email", email=WORK, body="work")
    set_conversation(base, work.conversation_id, state="closed")
    merge(base, work.profile_id, ada.profile_id)
    done = detach(base, ada.profile_id, point_of(base, ada.profile_id, WORK).contact_point_id)
    assert done.moved == (work.conversation_id,)
    assert said(base, done.new_profile_id) == ["work"]
    check_base(base.database, base.organization_id)


def test_the_new_profile_is_empty_but_for_the_contact_point__DET_1(base: Base) -> None:
    one, _, work = two_emails(base)
    edit(base, one, username="ada", image="a.png", attributes={"tier": 1}, customer_id="C-1")
    view = show(base, detach(base, one, work).new_profile_id)
    assert [p.value for p in view.points] == [WORK]
    assert (view.row.name, view.row.username, view.row.image, view.customer_id) == (None, None, None, None)
    assert not view.row.attributes
    assert show(base, one).row.name == "Ada"


POINTS = [
    PointInput("email", WORK, main=True),
    PointInput("phone", MOBILE, phone_type="mobile", sms=True),
    PointInput("phone", HOME, phone_type="home", main=True),
    PointInput("phone", HOME, phone_type="office", sms=True),
    PointInput("social", "7", network="facebook", handle="@ada"),
]


@pytest.mark.parametrize("given", POINTS, ids=lambda p: f"{p.kind} {p.phone_type or ''}")
def test_tags_and_types_go_along__DET_1_PRO_2(base: Base, given: PointInput) -> None:
    one = profile(base, PointInput("email", ADA), given)
    before = next(p for p in show(base, one).points if p.value != ADA)
    done = detach(base, one, before.contact_point_id)
    assert show(base, done.new_profile_id).points == [before]
    assert [p.value for p in show(base, one).points] == [ADA]
    check_base(base.database, base.organization_id)


def test_another_account_of_the_network_is_shown_then__DET_1_MRG_3(base: Base) -> None:
    one, other = (receive(base, "social", network="facebook", user_id=n).profile_id for n in "12")
    merge(base, other, one)
    point_id = point_of(base, one, "facebook:1").contact_point_id
    done = detach(base, one, point_id)
    assert [(p.value, p.current) for p in show(base, one).points] == [("facebook:2", True)]
    assert [(p.value, p.current) for p in show(base, done.new_profile_id).points] == [("facebook:1", True)]


def test_drafts_to_the_contact_point_go_along__DET_1_MRG_9(base: Base) -> None:
    one, home, work = two_emails(base)
    mara = agent(base, "Mara")
    for kind, body, point in (("email", "to work", work), ("email", "to home", home), ("note", "a note", None)):
        composed = Composed(kind, body, contact_point_id=point)  # type: ignore[arg-type]
        add_draft(base, one, mara, composed)
    done = detach(base, one, work)
    with base.database.read(base.organization_id) as unit:
        bodies = {p: [d.body for d in drafts.of_profile(unit, p, mara, None, 9)] for p in (one, done.new_profile_id)}
    assert bodies == {one: ["a note", "to home"], done.new_profile_id: ["to work"]}


def test_search_follows_the_contact_point__DET_1_MRG_1(base: Base) -> None:
    one, _, work = two_emails(base)
    new = detach(base, one, work).new_profile_id
    assert found_by(base, WORK) == [new]
    assert found_by(base, ADA) == [one]


# What is told --------------------------------------------------------------------------------------------------------


def test_both_timelines_and_the_audit_log_say_so__DET_1_MRG_14(base: Base) -> None:
    one, _, work = two_emails(base)
    ann = agent(base, "Ann")
    new = detach(base, one, work, ann).new_profile_id
    assert events(base, one) == [f"Ann detached {WORK} into a new customer"]
    assert events(base, new) == [f"Ann detached {WORK} from Ada"]
    with base.database.read(base.organization_id) as unit:
        (entry,) = audit.page(unit, action="profile.detached")
        before: Any = audit.read(unit, entry.seq).before
    assert (entry.action, entry.profile_id, entry.other_id, entry.actor.agent_id) == ("profile.detached", one, new, ann)
    assert {p["value"] for p in before["profile"]["points"]} == {ADA, WORK}


def test_a_detach_is_told_once__EVT_1(base: Base) -> None:
    one, _, work = two_emails(base)
    begun = receive(base, "email", email=WORK)
    already = len(told(base))
    new = detach(base, one, work).new_profile_id
    data = {
        "from": one,
        "to": new,
        "contact_point_id": work,
        "moved_conversations": [begun.conversation_id],
        "split_conversations": {},
    }
    assert told(base)[already:] == [("profile.detached", one, data)]


# What is not one customer --------------------------------------------------------------------------------------------


def test_the_pair_counts_as_no_match__DET_3_SUG_4(base: Base) -> None:
    one = profile(
        base, PointInput("email", "ada.lovelace@kite.example"), PointInput("email", "ada.lovelacee@kite.example")
    )
    new = detach(base, one, point_of(base, one, "ada.lovelacee@kite.example").contact_point_id).new_profile_id
    assert suggested(base, one) == suggested(base, new) == {}
    with base.database.read(base.organization_id) as unit:
        (view,) = suggestions.of_profile(unit, one, dismissed=True)
    assert (view.row.state, view.row.kinds, view.dismissed_kinds) == (
        "dismissed",
        ("similar_email",),
        ("similar_email",),
    )


def test_the_only_contact_point_cannot_be_detached__DET_3(base: Base) -> None:
    one = profile(base, PointInput("email", ADA), customer_id="C-1")
    before = everything(base)
    with pytest.raises(Conflict) as refusal:
        detach(base, one, point_of(base, one, ADA).contact_point_id)
    assert refusal.value.code == "only_contact_point"
    assert everything(base) == before


def test_only_a_contact_point_of_the_profile_can_be_detached__DET_1(base: Base) -> None:
    one, _, _ = two_emails(base)
    edit(base, one, customer_id="C-1")
    theirs = point_of(base, profile(base, PointInput("email", "bob@kite.example")), "bob@kite.example")
    for wrong in (theirs.contact_point_id, point_of(base, one, "C-1").contact_point_id, new_id(), "x"):
        with pytest.raises(NotFound, match="contact point"):
            detach(base, one, wrong)


def test_a_profile_that_has_changed_since_it_was_seen_refuses__MRG_12(base: Base) -> None:
    one, _, work = two_emails(base)
    seen = show(base, one).row.version
    edit(base, one, name="Ada King")
    with pytest.raises(VersionConflict):
        do(base, lambda unit: detaching.detach(unit, one, work, seen, COMMAND, None))
    assert len(show(base, one).points) == 2


def test_detaching_through_the_id_of_one_merged_away_reaches_the_survivor__EVT_2(base: Base) -> None:
    one, _, work = two_emails(base)
    gone = profile(base)
    merge(base, gone, one)
    assert detach(base, gone, work).profile_id == one


def test_evidence_goes_with_the_value_it_rests_on__DET_1_SUG_1(base: Base) -> None:
    one = receive(base, "email", email=ADA, further=Further(phones=(ListedPhone(HOME, "home"),))).profile_id
    caller = receive(base, "voice", phone=HOME).profile_id
    assert suggested(base, one) == {caller: ("phone",)}
    new = detach(base, one, point_of(base, one, HOME).contact_point_id).new_profile_id
    assert suggested(base, one) == {}
    assert (suggested(base, new), suggested(base, caller)) == ({caller: ("phone",)}, {new: ("phone",)})
    check_base(base.database, base.organization_id)
