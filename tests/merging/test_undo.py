"""Undoing a merge (MRG-13): both are as they were, but for what has happened since, which goes to whom it came to."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from onefold.audit import service as audit
from onefold.conversations import drafts
from onefold.conversations import service as conversations
from onefold.conversations.drafts import Composed
from onefold.conversations.service import Written
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import DomainError, MergedAway, NotFound, VersionConflict
from onefold.database import tables
from onefold.merging import undo as undoing
from onefold.merging.store import MergeRow
from onefold.organizations.store import change_settings
from onefold.profiles import parts
from onefold.profiles import service as profiles
from onefold.profiles.service import PointInput
from onefold.receiving.contact import Further, ListedPhone
from tests.conftest import Base
from tests.dsl import words
from tests.dsl.words import (
    COMMAND,
    add_address,
    add_detail,
    add_draft,
    agent,
    conversation,
    detach,
    do,
    edit,
    events,
    everything,
    found_by,
    holders,
    list_point,
    merge,
    point_of,
    profile,
    receive,
    relate,
    rows,
    said,
    said_in,
    set_conversation,
    show,
    suggested,
    told,
    undo,
)
from tests.invariants import check_base

ADA, BOB = "ada.lovelace@kite.example", "bob@kite.example"
HOME, MOBILE = "+442079460001", "+447911123456"

HISTORY = {"audit", "audit_records", "merges", "outbox", "agents", "organizations"}
"""What says that there was a merge, and stays."""


def kept(base: Base) -> dict[str, list[str]]:
    """The base without what says that there was a merge: events, versions, logs."""
    rows_by_table = {name: rows_ for name, rows_ in everything(base).items() if name not in HISTORY}
    rows_by_table["items"] = [str(row) for row in rows(base, "SELECT * FROM items WHERE kind <> 'event' ORDER BY seq")]
    p = tables.profiles.c
    fields = sa.select(p.id, p.name, p.name_confirmed, p.username, p.image, p.attributes, p.survivor_id).order_by(p.id)
    with base.database.read(base.organization_id) as unit:
        own = unit.execute(fields.where(p.organization_id == unit.organization_id)).all()
    rows_by_table["profiles"] = [
        str((*row[:5], sorted((row.attributes or {}).items()), row.survivor_id)) for row in own
    ]
    return rows_by_table


# Straight back -------------------------------------------------------------------------------------------------------


def home(base: Base, email: str, **fields: Any) -> str:
    """A profile with an email and the home phone of the house."""
    points = (PointInput("email", email, main=True), PointInput("phone", HOME, phone_type="home"))
    return profile(base, *points, **fields)


def plain(base: Base) -> tuple[str, str]:
    return profile(base, name="Ada"), profile(base, name="Bob")


def both_open(base: Base) -> tuple[str, str]:
    ada, bob = (receive(base, "email", email=e, name=e[:3], body=e) for e in (ADA, BOB))
    set_conversation(base, ada.conversation_id, agent(base, "Ann"))
    set_conversation(base, bob.conversation_id, agent(base, "Bea"))
    return ada.profile_id, bob.profile_id


def source_open(base: Base) -> tuple[str, str]:
    return receive(base, "email", email=ADA).profile_id, profile(base, PointInput("email", BOB))


def both_closed(base: Base) -> tuple[str, str]:
    answers = [receive(base, "email", email=e) for e in (ADA, BOB)]
    for answer in answers:
        set_conversation(base, answer.conversation_id, state="closed")
    return answers[0].profile_id, answers[1].profile_id


def same_house(base: Base) -> tuple[str, str]:
    return home(base, ADA, name="Ada Lovelace", username="ada"), home(base, BOB, name="Bob", username="bob")


def everything_twice(base: Base) -> tuple[str, str]:
    friend, author = profile(base, name="Kit"), agent(base, "Mara")
    like = receive(base, "voice", phone=HOME).profile_id  # who is suggested with both
    profile_ids = []
    for email, name in ((ADA, "Ada Lovelace"), (BOB, "Bob")):
        answer = receive(
            base,
            "email",
            email=email,
            name=name,
            body=f"Hello, {name}",
            further=Further(phones=(ListedPhone(HOME, "home"),)),
        )
        one = answer.profile_id
        edit(base, one, username=name[:3], image=f"{name}.png", attributes={"tier": name, name[:3]: True})
        for key, value in (("colour", name), ("shoe", "41")):
            add_detail(base, one, key, value)
        for street in ("1 High St", f"{len(name)} Low St"):
            add_address(base, one, street)
        relate(base, one, friend, "friend")
        add_draft(base, one, author, Composed("note", "x"))
        write_note(base, one, "a note")
        receive(base, "social", network="facebook", user_id=name[:3], handle=name[:3])
        profile_ids.append(one)
    do(base, lambda unit: parts.relate(unit, profile_ids[0], profile_ids[1], "spouse", None))
    assert like
    return profile_ids[0], profile_ids[1]


def write_note(base: Base, profile_id: str, text: str) -> None:
    do(base, lambda unit: conversations.write(unit, profile_id, Written(text), None))


def social_twice(base: Base) -> tuple[str, str]:
    one, other = (receive(base, "social", network="facebook", user_id=n, handle="ada").profile_id for n in "12")
    return one, other


PAIRS: list[Callable[[Base], tuple[str, str]]] = [
    plain,
    both_open,
    source_open,
    both_closed,
    same_house,
    everything_twice,
    social_twice,
]


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("turned", [False, True])
def test_undone_at_once_everything_is_as_it_was__MRG_13(
    base: Base, pair: Callable[[Base], tuple[str, str]], turned: bool
) -> None:
    source, stays = pair(base)[::-1] if turned else pair(base)
    before = kept(base)
    merged = merge(base, source, stays, agent(base, "Cy"))
    undo(base, merged.id)
    after = kept(base)
    for table in before:
        assert after[table] == before[table], table
    check_base(base.database, base.organization_id)


def test_both_timelines_say_so__MRG_13(base: Base) -> None:
    source, stays = plain(base)
    undo(base, merge(base, source, stays).id)
    assert events(base, source) == ["Onefold undid the merge of this customer into Bob"]
    assert events(base, stays) == [
        "Onefold merged a customer into Bob",
        "Onefold undid the merge of Ada into this customer",
    ]


def test_the_source_is_found_and_opened_again__MRG_13_RES_2(base: Base) -> None:
    source, stays = both_open(base)
    undo(base, merge(base, source, stays).id)
    assert found_by(base, "ada") == [source]
    assert receive(base, "email", email=ADA).profile_id == source
    assert receive(base, "email", email=BOB).profile_id == stays


def test_replies_land_where_they_did_before__RES_13(base: Base) -> None:
    ada, bob = receive(base, "email", "<1@x>", email=ADA), receive(base, "email", "<2@x>", email=BOB)
    undo(base, merge(base, ada.profile_id, bob.profile_id).id)
    for message, one in (("<1@x>", ada), ("<2@x>", bob)):
        bounce = receive(base, "email", email="mailer-daemon@mx.example", reply_to=(message,))
        assert (bounce.profile_id, bounce.conversation_id) == (one.profile_id, one.conversation_id)


def test_undoing_is_told_once_with_the_map_of_what_came_back__EVT_1(base: Base) -> None:
    a, b, c = (profile(base, name=name) for name in "abc")
    merge(base, a, b)
    merged = merge(base, b, c)
    already = len(told(base))
    undo(base, merged.id)
    data = {"merge_id": merged.id, "unmerged": {a: b, b: b}}
    assert told(base)[already:] == [("profile.unmerged", c, data)]


# What has arrived since ----------------------------------------------------------------------------------------------


def test_what_arrived_in_the_joined_conversation_is_split_by_contact_point__MRG_13(base: Base) -> None:
    ada, bob = (receive(base, "email", email=e, body=f"{e[:3]} before") for e in (ADA, BOB))
    merged = merge(base, ada.profile_id, bob.profile_id)
    for n in (1, 2):
        for email in (ADA, BOB):
            receive(base, "email", email=email, body=f"{email[:3]} {n}")
    to = point_of(base, bob.profile_id, ADA).contact_point_id
    answer = Written("answer to ada", "email", to)
    do(base, lambda unit: conversations.write(unit, bob.profile_id, answer, None))
    do(base, lambda unit: conversations.write(unit, bob.profile_id, Written("a note since"), None))
    undo(base, merged.id)
    assert said_in(base, ada.conversation_id) == ["ada before", "ada 1", "ada 2", "answer to ada"]
    assert said_in(base, bob.conversation_id) == ["bob before", "bob 1", "bob 2", "a note since"]
    assert said(base, ada.profile_id) == said_in(base, ada.conversation_id)
    assert said(base, bob.profile_id) == said_in(base, bob.conversation_id)
    check_base(base.database, base.organization_id)


@pytest.mark.parametrize("first", [ADA, BOB])
def test_of_a_conversation_begun_since_each_gets_what_is_theirs__MRG_13(base: Base, first: str) -> None:
    ada, bob = both_closed(base)
    merged = merge(base, ada, bob)
    for email in (ADA, BOB) if first == ADA else (BOB, ADA):
        answer = receive(base, "email", email=email, body=f"{email[:3]} since")
    undo(base, merged.id)
    assert said(base, ada)[1:] == ["ada since"]
    assert said(base, bob)[1:] == ["bob since"]
    begun = ada if first == ADA else bob
    with base.database.read(base.organization_id) as unit:
        assert conversations.owner(unit, conversation(base, answer.conversation_id)) == begun
    check_base(base.database, base.organization_id)


def test_an_open_conversation_of_the_source_goes_back_with_what_went_on_in_it__MRG_13(base: Base) -> None:
    ada, bob = receive(base, "email", email=ADA, body="ada before"), profile(base, PointInput("email", BOB))
    merged = merge(base, ada.profile_id, bob)
    for email in (ADA, BOB):
        receive(base, "email", email=email, body=f"{email[:3]} since")
    undo(base, merged.id)
    assert said_in(base, ada.conversation_id) == ["ada before", "ada since"]
    assert said(base, ada.profile_id) == ["ada before", "ada since"]
    assert said(base, bob) == ["bob since"]
    check_base(base.database, base.organization_id)


def test_both_go_on_after_it_in_conversations_of_their_own__MRG_13_RES_2(base: Base) -> None:
    ada, bob = receive(base, "email", email=ADA), receive(base, "email", email=BOB)
    undo(base, merge(base, ada.profile_id, bob.profile_id).id)
    for one, email in ((ada, ADA), (bob, BOB)):
        again = receive(base, "email", email=email)
        assert (again.profile_id, again.conversation_id) == (one.profile_id, one.conversation_id)


def test_the_preview_says_how_much_has_arrived_and_changes_nothing__MRG_13(base: Base) -> None:
    ada, bob = both_open(base)
    merged = merge(base, ada, bob)
    for n in range(3):
        receive(base, "email", email=ADA, body=str(n))
    receive(base, "email", email=BOB)
    before = everything(base)
    with base.database.read(base.organization_id) as unit:
        preview = undoing.preview(unit, merged.id)
    assert everything(base) == before
    assert (preview.profile_id, preview.arrived, preview.returning) == (bob, 3, (ada,))
    assert undo(base, merged.id).arrived == 3


def test_a_number_both_held_is_held_by_both_again_and_what_came_on_it_stays__MRG_13(base: Base) -> None:
    ada, bob = same_house(base)
    merged = merge(base, ada, bob)
    to = point_of(base, bob, HOME).contact_point_id
    do(base, lambda unit: conversations.write(unit, bob, Written("called back", "voice", to), None))
    undo(base, merged.id)
    assert holders(base, "phone", HOME) == {ada: "home", bob: "home"}
    assert said(base, bob) == ["called back"]
    assert said(base, ada) == []
    check_base(base.database, base.organization_id)


# What was changed since ----------------------------------------------------------------------------------------------


def test_what_was_edited_since_stays_as_it_is_now__MRG_13(base: Base) -> None:
    ada, bob = same_house(base)
    merged = merge(base, ada, bob)
    assert show(base, bob).row.name == "Ada Lovelace"  # the longer one
    edit(base, bob, name="Ada King")
    list_point(base, bob, PointInput("email", "new@kite.example"))
    undo(base, merged.id)
    assert (show(base, bob).row.name, show(base, ada).row.name) == ("Ada King", "Ada Lovelace")
    assert {p.value for p in show(base, bob).points} == {BOB, HOME, "new@kite.example"}
    assert {p.value for p in show(base, ada).points} == {ADA, HOME}
    check_base(base.database, base.organization_id)


def test_a_contact_point_edited_since_goes_back_as_it_is_now__MRG_13(base: Base) -> None:
    ada, bob = profile(base, PointInput("phone", MOBILE, phone_type="mobile")), profile(base, name="Bob")
    merged = merge(base, ada, bob)
    point = point_of(base, bob, MOBILE).contact_point_id
    do(base, lambda unit: profiles.edit_point(unit, bob, point, {"phone_type": "office", "sms": True}, None))
    undo(base, merged.id)
    back = point_of(base, ada, MOBILE)
    assert (back.phone_type, back.sms, back.identifying) == ("office", True, False)
    check_base(base.database, base.organization_id)


def test_what_was_taken_away_since_does_not_come_back__MRG_13(base: Base) -> None:
    ada, bob = same_house(base)
    merged = merge(base, ada, bob)
    gone = point_of(base, bob, ADA).contact_point_id
    do(base, lambda unit: profiles.remove_point(unit, bob, gone, None))
    with base.database.read(base.organization_id) as unit:
        assert undoing.preview(unit, merged.id).plan.gone == (("contact point", gone),)
    undo(base, merged.id)
    assert [p.value for p in show(base, ada).points] == [HOME]
    check_base(base.database, base.organization_id)


def test_undoing_after_one_of_its_contact_points_was_detached__MRG_13_DET_1(base: Base) -> None:
    ada = receive(base, "email", email=ADA, body="hello", further=Further(phones=(ListedPhone(MOBILE, "mobile"),)))
    bob = profile(base, PointInput("email", BOB))
    merged = merge(base, ada.profile_id, bob)
    new = detach(base, bob, point_of(base, bob, ADA).contact_point_id).new_profile_id
    undo(base, merged.id)
    points = {owner: {p.value for p in show(base, owner).points} for owner in (ada.profile_id, bob, new)}
    assert points == {ada.profile_id: {MOBILE}, bob: {BOB}, new: {ADA}}
    assert said(base, new) == ["hello"]
    check_base(base.database, base.organization_id)


def test_undoing_after_the_number_both_held_was_detached__MRG_13_DET_1(base: Base) -> None:
    ada, bob = same_house(base)
    merged = merge(base, ada, bob)
    new = detach(base, bob, point_of(base, bob, HOME).contact_point_id).new_profile_id
    undo(base, merged.id)
    assert holders(base, "phone", HOME) == {new: "home"}
    check_base(base.database, base.organization_id)


def test_drafts_of_the_source_go_back_those_begun_since_stay__MRG_13_MRG_9(base: Base) -> None:
    mara = agent(base, "Mara")
    ada, bob = plain(base)
    first = add_draft(base, ada, mara, Composed("note", "of ada"))
    merged = merge(base, ada, bob)
    add_draft(base, bob, mara, Composed("note", "since"))
    do(base, lambda unit: drafts.save(unit, first.id, mara, Composed("note", "of ada, and more")))
    undo(base, merged.id)
    with base.database.read(base.organization_id) as unit:
        bodies = [[d.body for d in drafts.of_profile(unit, one, mara, None, 9)] for one in (ada, bob)]
    assert bodies == [["of ada, and more"], ["since"]]


def test_evidence_found_since_goes_with_the_value_it_rests_on__MRG_13_SUG_1(base: Base) -> None:
    ada = profile(base, PointInput("email", ADA), PointInput("phone", HOME, phone_type="home"))
    bob = profile(base, PointInput("email", BOB))
    merged = merge(base, ada, bob)
    caller = receive(base, "voice", phone=HOME).profile_id
    slip = receive(base, "email", email="ada.lovelacee@kite.example").profile_id
    assert suggested(base, bob) == {caller: ("phone",), slip: ("similar_email",)}
    undo(base, merged.id)
    assert suggested(base, ada) == {caller: ("phone",), slip: ("similar_email",)}
    assert suggested(base, bob) == {}
    check_base(base.database, base.organization_id)


OTHER_REPLIED = "Another sender replied into this conversation"


@pytest.mark.parametrize("is_source", [True, False])
@pytest.mark.parametrize("state", ["open", "closed"])
@pytest.mark.parametrize("writes_since", [True, False])
def test_a_reply_of_somebody_else_is_told_of_whose_conversation_it_is__MRG_13_RES_13(
    base: Base, is_source: bool, state: str, writes_since: bool
) -> None:
    """Eve replied into Ada's conversation while Ada was one with Bob: it, and what it suggests, is Ada's again."""
    ada, bob = (receive(base, "email", f"<{email}>", email=email) for email in (ADA, BOB))
    set_conversation(base, ada.conversation_id, state=state)
    pair = (ada.profile_id, bob.profile_id) if is_source else (bob.profile_id, ada.profile_id)
    merged = merge(base, *pair)
    eve = receive(base, "email", email="eve@kite.example", reply_to=(f"<{ADA}>",))
    if writes_since:
        receive(base, "email", email=ADA)
    undo(base, merged.id)
    assert [OTHER_REPLIED in events(base, one) for one in (ada.profile_id, bob.profile_id)] == [True, False]
    assert suggested(base, ada.profile_id) == {eve.profile_id: ("thread",)}
    assert suggested(base, bob.profile_id) == {}
    check_base(base.database, base.organization_id)


def test_the_two_are_suggested_again_by_what_they_share__MRG_13_SUG_1(base: Base) -> None:
    ada, bob = same_house(base)
    undo(base, merge(base, ada, bob).id)
    assert suggested(base, ada) == {bob: ("phone",)}


# Chains --------------------------------------------------------------------------------------------------------------


def test_undoing_the_first_of_two_takes_the_first_source_out_of_the_last_destination__MRG_13(base: Base) -> None:
    a, b, c = (receive(base, "email", email=f"{n}{n}@kite.example", body=f"{n} before") for n in "abc")
    first = merge(base, a.profile_id, b.profile_id)
    merge(base, b.profile_id, c.profile_id)
    for n in "abc":
        receive(base, "email", email=f"{n}{n}@kite.example", body=f"{n} since")
    done = undo(base, first.id)
    assert (done.profile_id, done.returning) == (c.profile_id, (a.profile_id,))
    assert said(base, a.profile_id) == ["a before", "a since"]
    assert said(base, c.profile_id) == ["b before", "c before", "b since", "c since"]
    assert {p.value for p in show(base, c.profile_id).points} == {"bb@kite.example", "cc@kite.example"}
    with pytest.raises(MergedAway) as leads:
        show(base, b.profile_id)
    assert leads.value.facts == {"survivor_id": c.profile_id}
    check_base(base.database, base.organization_id)


def test_undoing_both_of_a_chain_in_either_order_ends_at_the_beginning__MRG_13(base: Base) -> None:
    for order in ((0, 1), (1, 0)):
        a, b, c = (receive(base, "email", email=f"{n}{order[0]}@kite.example").profile_id for n in "abc")
        before = kept(base)
        chain = merge(base, a, b), merge(base, b, c)
        for at in order:
            undo(base, chain[at].id)
            check_base(base.database, base.organization_id)
        after = kept(base)
        for table in before:
            assert after[table] == before[table], (order, table)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("held_by", ["abc", "ac", "ab", "bc"])
def test_a_number_that_some_of_a_chain_held_comes_back_to_them__MRG_13_SUG_1(
    base: Base, held_by: str, order: tuple[int, int]
) -> None:
    phone = PointInput("phone", HOME, phone_type="home")
    a, b, c = (
        profile(base, PointInput("email", f"{n}{n}@kite.example"), *[phone][: n in held_by], name=n) for n in "abc"
    )
    before, shared = kept(base), {one: suggested(base, one) for one in (a, b, c)}
    chain = merge(base, a, b), merge(base, b, c)
    for at in order:
        undo(base, chain[at].id)
        check_base(base.database, base.organization_id)
    after = kept(base)
    for table in ("profiles", "contact_points", "conversations", "items", "absorbed_points", "match_keys"):
        assert after[table] == before[table], table
    assert {one: suggested(base, one) for one in (a, b, c)} == shared


def test_names_and_details_of_a_chain_undone_backwards_end_as_they_began__MRG_13(base: Base) -> None:
    a, b, c = (profile(base, name=name) for name in ("Ada Lovelace", "Bob", "Cy"))
    for owner in (a, c):
        add_detail(base, owner, "shoe", "41")
    before = kept(base)
    chain = merge(base, a, b), merge(base, b, c)
    for merged in chain[::-1]:
        undo(base, merged.id)
    assert kept(base) == before


def test_what_was_merged_into_the_source_before_comes_back_under_it__MRG_13(base: Base) -> None:
    x, a, b = (receive(base, "email", email=f"{n}{n}@kite.example", body=n) for n in "xab")
    merge(base, x.profile_id, a.profile_id)
    second = merge(base, a.profile_id, b.profile_id)
    receive(base, "email", email="xx@kite.example", body="x since")
    done = undo(base, second.id)
    assert sorted(done.returning) == sorted([x.profile_id, a.profile_id])
    with pytest.raises(MergedAway) as leads:
        show(base, x.profile_id)
    assert leads.value.facts == {"survivor_id": a.profile_id}
    assert said(base, a.profile_id) == ["x", "a", "x since"]
    assert said(base, b.profile_id) == ["b"]
    assert conversation(base, x.conversation_id).id == a.conversation_id
    check_base(base.database, base.organization_id)


def test_two_that_were_alike_become_one_and_a_third_is_taken_out_of_them__MRG_13_SUG_1(base: Base) -> None:
    """A goes into B; B, which is like C, into C; then A is taken out: nothing is left to be alike."""
    a, b, c = (
        profile(base, PointInput("email", email))
        for email in ("zoe@elsewhere.example", "ada.lovelace@kite.example", "adalovelace@kite.example")
    )
    assert suggested(base, b) == {c: ("similar_email",)}
    first = merge(base, a, b)
    merge(base, b, c)
    undo(base, first.id)
    assert [suggested(base, one) for one in (a, c)] == [{}, {}]
    check_base(base.database, base.organization_id)


def test_what_became_one_with_a_conversation_goes_back_with_it__MRG_5_MRG_13(base: Base) -> None:
    """A's conversation becomes one with S's. S goes into B, which has none, and B into D, with whose it all becomes
    one. Then S is taken out: its conversation returns, and A's leads to that one, not to D's any more."""
    a, s = (receive(base, "email", email=f"{n}{n}@kite.example", body=n) for n in "as")
    b, d = profile(base, name="B"), receive(base, "email", email="dd@kite.example", body="d")
    merge(base, a.profile_id, s.profile_id)
    second = merge(base, s.profile_id, b)
    merge(base, b, d.profile_id)
    assert {conversation(base, one.conversation_id).id for one in (a, s, d)} == {d.conversation_id}
    undo(base, second.id)
    check_base(base.database, base.organization_id)
    assert conversation(base, a.conversation_id).id == s.conversation_id
    assert said_in(base, s.conversation_id) == ["a", "s"]
    assert said_in(base, d.conversation_id) == ["d"]


def test_what_became_one_with_a_conversation_that_left_goes_on_without_it__MRG_5_MRG_13(base: Base) -> None:
    """X goes into S, which has no conversation of its own; A into S: theirs become one. S goes into D, with whose it
    all becomes one. X is taken out, with its conversation; then S: A's returns, and goes on as one of S."""
    x, a, d = (receive(base, "email", email=f"{n}{n}@kite.example", body=n) for n in "xad")
    s = profile(base, name="S")
    first = merge(base, x.profile_id, s)
    merge(base, a.profile_id, s)
    last = merge(base, s, d.profile_id)
    receive(base, "email", email="aa@kite.example", body="a since")
    undo(base, first.id)
    assert said_in(base, x.conversation_id) == ["x"]
    undo(base, last.id)
    check_base(base.database, base.organization_id)
    assert conversation(base, a.conversation_id).state == "open"
    assert said_in(base, a.conversation_id) == ["a", "a since"]
    assert said_in(base, d.conversation_id) == ["d"]
    assert (said(base, s), said(base, x.profile_id)) == (["a", "a since"], ["x"])


def test_merged_again_and_undone_again__MRG_13(base: Base) -> None:
    ada, bob = everything_twice(base)
    before = kept(base)
    for _ in range(2):
        undo(base, merge(base, ada, bob).id)
        undo(base, merge(base, bob, ada).id)
    after = kept(base)
    for table in before:
        assert after[table] == before[table], table
    check_base(base.database, base.organization_id)


# When it is refused --------------------------------------------------------------------------------------------------


def days_ago(base: Base, merged: MergeRow, days: float) -> None:
    update = tables.merges.update().where(tables.merges.c.organization_id == base.organization_id)
    then = update.where(tables.merges.c.id == merged.id).values(created_at=utc_now() - timedelta(days=days))
    do(base, lambda unit: unit.execute(then))


WINDOWS = [
    # days it can be undone for, days since the merge → refused
    (30, 0, None),
    (30, 29.9, None),
    (30, 30.1, "undo_window_over"),
    (1, 1.1, "undo_window_over"),
    (0, 0, "undo_window_over"),
]


@pytest.mark.parametrize(("window", "age", "code"), WINDOWS)
def test_a_merge_can_be_undone_within_the_window_only__MRG_13(
    base: Base, window: int, age: float, code: str | None
) -> None:
    ada, bob = plain(base)
    merged = merge(base, ada, bob)
    do(base, lambda unit: change_settings(unit, undo_days=window))
    if age:
        days_ago(base, merged, age)
    assert refusal_of(base, merged.id) == code


def refusal_of(base: Base, merge_id: str) -> str | None:
    """The code with which undoing is refused, changing nothing; None where it is done. The preview refuses the same."""
    before = everything(base)
    try:
        with base.database.read(base.organization_id) as unit:
            undoing.preview(unit, merge_id)
        previewed = None
    except DomainError as refusal:
        previewed = refusal.code
    try:
        undo(base, merge_id)
    except DomainError as refusal:
        assert everything(base) == before
        assert previewed == refusal.code
        return refusal.code
    assert previewed is None
    return None


def test_what_was_undone_is_not_undone_again__MRG_13(base: Base) -> None:
    ada, bob = plain(base)
    merged = merge(base, ada, bob)
    assert [refusal_of(base, merged.id) for _ in range(2)] == [None, "undone"]
    again = merge(base, ada, bob)
    assert refusal_of(base, merged.id) == "undone"
    assert refusal_of(base, again.id) is None


def test_there_must_be_such_a_merge__MRG_13(base: Base) -> None:
    for wrong in (new_id(), "x"):
        with pytest.raises(NotFound, match="merge"):
            undo(base, wrong)


def test_undoing_is_refused_where_the_profile_is_not_as_the_preview_showed__MRG_13(base: Base) -> None:
    ada, bob = plain(base)
    merged = merge(base, ada, bob)
    with base.database.read(base.organization_id) as unit:
        seen = undoing.preview(unit, merged.id)
    edit(base, bob, username="bee")
    before = everything(base)
    with pytest.raises(VersionConflict):
        do(base, lambda unit: undoing.undo(unit, merged.id, seen.version, COMMAND))
    assert everything(base) == before


def test_undoing_is_refused_where_the_record_was_erased__MRG_13_MRG_14(base: Base) -> None:
    ada, bob = plain(base)
    merged = merge(base, ada, bob)
    records = tables.audit_records
    do(
        base,
        lambda unit: unit.execute(
            sa.delete(records).where(
                records.c.organization_id == unit.organization_id, records.c.seq == merged.audit_seq
            )
        ),
    )
    assert refusal_of(base, merged.id) == "record_erased"


def test_a_contact_point_taken_by_another_since_is_not_taken_back__MRG_13_PRO_3(base: Base) -> None:
    """The value was removed from the destination and now opens somebody else."""
    ada, bob = profile(base, PointInput("email", ADA), PointInput("email", "a2@kite.example")), profile(base)
    merged = merge(base, ada, bob)
    gone = point_of(base, bob, ADA).contact_point_id
    do(base, lambda unit: profiles.remove_point(unit, bob, gone, None))
    other = receive(base, "email", email=ADA).profile_id
    undo(base, merged.id)
    assert holders(base, "email", ADA) == {other: None}
    assert [p.value for p in show(base, ada).points] == ["a2@kite.example"]
    check_base(base.database, base.organization_id)


# What is kept of it --------------------------------------------------------------------------------------------------


def test_the_audit_log_and_the_history_keep_both__MRG_14(base: Base) -> None:
    ada, bob = plain(base)
    merged = merge(base, ada, bob)
    undo(base, merged.id, words.COMMAND._replace(agent_id=agent(base, "Lea", "lead")))
    with base.database.read(base.organization_id) as unit:
        actions = [entry.action for entry in audit.page(unit)]
        for one in (ada, bob, None):
            (row,) = undoing.history(unit, one, None, 9)
            assert (row.id, row.undone_at is not None) == (merged.id, True)
    assert actions == ["profile.unmerged", "agent.added", "profile.merged"]


def test_what_left_the_source_and_came_another_way_stays__MRG_13_MRG_5(base: Base) -> None:
    """A goes into S, S into D; A is taken out again and goes into D by itself; then S is taken out."""
    emails = [f"person{n}@kite.example" for n in "asd"]
    a, s, d = (receive(base, "email", email=email).profile_id for email in emails)
    author = agent(base, "Mara")
    add_draft(base, a, author, Composed("note", "of A"))
    first, second = merge(base, a, s), merge(base, s, d)
    undo(base, first.id)
    merge(base, a, d)
    undo(base, second.id)
    check_base(base.database, base.organization_id)
    assert {p.value for p in show(base, d).points} == {emails[0], emails[2]}
    assert {p.value for p in show(base, s).points} == {emails[1]}
    assert {str(row.profile_id) for row in rows(base, "SELECT profile_id FROM drafts")} == {d}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["the merge first", "the friends' merge first"])
def test_two_relationships_that_have_become_one_come_back_as_one__MRG_13_PRO_8(
    base: Base, order: tuple[int, int]
) -> None:
    """A customer's two friends have become one: undoing the customer's own merge cannot name that one twice."""
    ada, bob, eve, fay = (profile(base, name=name) for name in ("Ada", "Bob", "Eve", "Fay"))
    for friend in (eve, fay):
        do(base, lambda unit, friend=friend: parts.relate(unit, ada, friend, "friend", None))
    pairs = ((ada, bob), (fay, eve))
    merges = {pairs[n]: merge(base, *pairs[n]) for n in order}
    undo(base, merges[ada, bob].id)
    assert [(r.profile_id, r.kind) for r in show(base, ada).relationships] == [(eve, "friend")]
    assert show(base, bob).relationships == []
    check_base(base.database, base.organization_id)
    undo(base, merges[fay, eve].id)
    assert {r.profile_id for r in show(base, ada).relationships} == {eve, fay}
    assert show(base, bob).relationships == []
    check_base(base.database, base.organization_id)


@pytest.mark.parametrize("kind", ["friend", "parent"])
@pytest.mark.parametrize("turned", list(itertools.product((False, True), repeat=2)))
@pytest.mark.parametrize("order", list(itertools.permutations((0, 1))))
@pytest.mark.parametrize("first", (0, 1))
def test_related_sources_of_one_destination_come_out_in_any_order(
    base: Base, kind: str, turned: tuple[bool, bool], order: tuple[int, int], first: int
) -> None:
    """What two relationships of a source named have become one: both cannot come back with it (MRG-3, MRG-13)."""
    sources = [profile(base, name=name) for name in ("Ada", "Bob")]
    last = profile(base, name="Cy")
    for (one, other), around in zip(((sources[0], sources[1]), (sources[0], last)), turned, strict=True):
        relate(base, *((other, one) if around else (one, other)), kind)
    known = {one: {(r.profile_id, r.kind) for r in show(base, one).relationships} for one in (*sources, last)}
    merges = {one: merge(base, sources[one], last) for one in order}
    undo(base, merges[first].id)
    check_base(base.database, base.organization_id)
    undo(base, merges[1 - first].id)
    check_base(base.database, base.organization_id)
    if first == order[1]:  # the last first: as it was
        assert {one: {(r.profile_id, r.kind) for r in show(base, one).relationships} for one in known} == known


@pytest.mark.parametrize("way", ["source claims", "destination claims"])
def test_a_number_that_was_written_from_since_is_no_claim_again__MRG_13_PRO_13(base: Base, way: str) -> None:
    """A failed sender claims the number, another profile was called from; merged, it writes by WhatsApp."""
    words.do(base, lambda unit: change_settings(unit, matching_mode="contacted"), exclusive=True)
    number = "+447911123456"
    called = words.receive(base, "voice", phone=number).profile_id
    claims = words.receive(base, "sms", phone=number, sender_state="failed").profile_id
    assert called != claims
    source, destination = (claims, called) if way == "source claims" else (called, claims)
    made = words.merge(base, source, destination)
    assert words.receive(base, "whatsapp", phone=number).profile_id == destination
    words.do(base, lambda unit: undoing.undo(unit, made.id, None, words.COMMAND))
    point = words.point_of(base, destination, number)
    assert (point.identifying, point.standing) == (True, "contacted")
    check_base(base.database, base.organization_id)
    assert words.receive(base, "whatsapp", phone=number).profile_id == destination


def test_a_number_that_was_taken_away_since_leads_nowhere_after_an_undo__MRG_13_MRG_3(base: Base) -> None:
    """Otherwise it stayed with the number of another, and went along wherever that one was merged."""
    lena, ben, cy = (profile(base, PointInput("phone", HOME, phone_type="home"), name=one) for one in ("L", "B", "C"))
    number = point_of(base, ben, HOME).contact_point_id
    first = merge(base, lena, ben)
    do(base, lambda unit: profiles.edit_point(unit, ben, number, {"value": "+442079460077"}, None))
    do(base, lambda unit: undoing.undo(unit, first.id, None, COMMAND))
    assert not {lena, ben} & set(holders(base, "phone", HOME))
    do(base, lambda unit: profiles.edit_point(unit, ben, number, {"value": HOME}, None))
    second = merge(base, ben, cy)
    do(base, lambda unit: undoing.undo(unit, second.id, None, COMMAND))
    assert rows(base, "SELECT id, contact_point_id FROM absorbed_points") == []
    check_base(base.database, base.organization_id)
