"""Merging two profiles as the base keeps it: what moves, what is refused, what the timeline and others are told."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, NamedTuple

import pytest

from onefold.contact_points.blocklist import DEFAULT_ENTRIES
from onefold.conversations import drafts
from onefold.conversations import service as conversations
from onefold.conversations.drafts import Composed
from onefold.conversations.service import Written
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import Conflict, DomainError, MergedAway, NotFound, VersionConflict
from onefold.merging import service as merging
from onefold.merging.outcomes import Step
from onefold.merging.service import MergeRequest
from onefold.organizations.merge_policies import ASK, BY_RULE
from onefold.organizations.store import add_organization, change_settings
from onefold.profiles import parts
from onefold.profiles import service as profiles
from onefold.profiles.service import PointInput
from onefold.receiving.contact import Further, ListedPhone
from onefold.suggestions import service as suggestions
from tests.conftest import Base
from tests.dsl import words
from tests.dsl.words import (
    COMMAND,
    add_address,
    add_detail,
    add_draft,
    agent,
    conversation,
    do,
    edit,
    events,
    everything,
    found_by,
    inbox,
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
    timeline,
    told,
    undo,
)
from tests.invariants import check_base

ADA, BOB = "ada@kite.example", "bob@kite.example"
LANDLINE, MOBILE = "+442079460001", "+447911123456"
CHOOSE = {**BY_RULE, **dict.fromkeys(("customer_id", "main_phone", "phone_type"), "choose")}


def policies(base: Base, merge_policies: Any) -> None:
    do(base, lambda unit: change_settings(unit, merge_policies=dict(merge_policies)))


def living_ids(base: Base) -> list[str]:
    with base.database.read(base.organization_id) as unit:
        return [summary.row.id for summary in profiles.page(unit, None, 100)]


# What the destination has then ---------------------------------------------------------------------------------------


class Rich(NamedTuple):
    """A profile with something of everything."""

    profile_id: str
    conversation_id: str
    friend: str
    suggested: str
    author: str


def rich(base: Base) -> Rich:
    author, friend = agent(base, "Mara"), profile(base, name="Friend")
    answer = receive(
        base,
        "email",
        email=ADA,
        body="Hello",
        name="Ada Lovelace",
        further=Further(
            phones=(ListedPhone(LANDLINE, "home"),),
            customer_id="C-1",
            vouched=True,
        ),
    )
    ada = answer.profile_id
    like = receive(base, "voice", phone=LANDLINE).profile_id
    edit(base, ada, username="ada")
    add_detail(base, ada, "colour", "blue")
    add_address(base, ada, "1 High St")
    do(base, lambda unit: parts.relate(unit, ada, friend, "colleague", None))
    do(base, lambda unit: drafts.create(unit, ada, author, Composed("email", "Dear Ada")))
    do(base, lambda unit: conversations.write(unit, ada, Written("Ring her", kind="task"), author))
    return Rich(ada, answer.conversation_id, friend, like, author)


def test_everything_of_the_source_belongs_to_the_destination__MRG_2(base: Base) -> None:
    ada, bob = rich(base), profile(base, PointInput("email", BOB))
    merge(base, ada.profile_id, bob)
    view = show(base, bob)
    assert {p.value for p in view.points} == {ADA, BOB, LANDLINE}
    assert (view.row.name, view.row.username, view.customer_id) == ("Ada Lovelace", "ada", "C-1")
    assert [d["value"] for d in view.details] == ["blue"]
    assert [a["street"] for a in view.addresses] == ["1 High St"]
    assert [(r.profile_id, r.kind) for r in view.relationships] == [(ada.friend, "colleague")]
    assert suggested(base, bob) == {ada.suggested: ("phone",)}
    assert said(base, bob) == ["Hello", "Ring her"]
    with base.database.read(base.organization_id) as unit:
        assert [c.id for c in conversations.of_profile(unit, bob, None, 10)] == [ada.conversation_id]
        assert [d.body for d in drafts.of_profile(unit, bob, ada.author, None, 10)] == ["Dear Ada"]
    check_base(base.database, base.organization_id)


def test_the_source_is_gone_from_every_list_and_search__MRG_2(base: Base) -> None:
    ada, bob = rich(base), profile(base, PointInput("email", BOB), name="Bob")
    merge(base, ada.profile_id, bob)
    assert ada.profile_id not in living_ids(base)
    for query in ("Ada", "ada@", "+44 20 7946", "C-1", "bob"):
        assert bob in found_by(base, query), query
        assert ada.profile_id not in found_by(base, query)
    assert {r.profile_id for r in show(base, ada.friend).relationships} == {bob}
    assert set(suggested(base, ada.suggested)) == {bob}


def test_its_id_leads_on_three_merges_deep_in_one_step__MRG_2_EVT_2(base: Base) -> None:
    a, b, c, d = (profile(base, name=name) for name in "abcd")
    for source, destination in ((a, b), (b, c), (c, d)):
        merge(base, source, destination)
    for gone in (a, b, c):
        with pytest.raises(MergedAway) as leads:
            show(base, gone)
        assert leads.value.facts == {"survivor_id": d}
    assert sorted(show(base, d).former_ids) == sorted([a, b, c])
    check_base(base.database, base.organization_id)


def test_writing_through_the_old_id_reaches_the_survivor__EVT_2(base: Base) -> None:
    a, b = profile(base, name="a"), profile(base, PointInput("email", BOB), name="b")
    merge(base, a, b)
    edit(base, a, username="bee")
    do(base, lambda unit: conversations.write(unit, a, Written("a note"), None))
    assert show(base, b).row.username == "bee"
    assert said(base, b) == ["a note"]


def test_every_contact_point_of_a_merged_profile_opens_it__RES_2(base: Base) -> None:
    stays = receive(base, "email", email=BOB)
    for source in (
        receive(base, "email", email=ADA),
        receive(base, "sms", phone=MOBILE),
        receive(base, "social", network="facebook", user_id="7"),
        receive(base, "chat", visitor="token-1"),
        receive(base, "chat", customer_id="C-7", proven=True),
    ):
        merge(base, source.profile_id, stays.profile_id)
    answers = [
        receive(base, "email", email=BOB),
        receive(base, "email", email=ADA),
        receive(base, "sms", phone=MOBILE),
        receive(base, "voice", phone=MOBILE),
        receive(base, "whatsapp", phone=MOBILE),
        receive(base, "social", network="facebook", user_id="7"),
        receive(base, "chat", visitor="token-1"),
        receive(base, "chat", customer_id="C-7", proven=True),
    ]
    assert {(a.outcome, a.profile_id) for a in answers} == {("opened", stays.profile_id)}
    assert {a.conversation_id for a in answers} == {stays.conversation_id}
    check_base(base.database, base.organization_id)


# Fields that both fill -----------------------------------------------------------------------------------------------


def test_a_losing_customer_id_is_a_former_one_that_finds_and_opens__MRG_3_MRG_4(base: Base) -> None:
    source, stays = profile(base, customer_id="C-1"), profile(base, customer_id="C-2")
    policies(base, CHOOSE)
    merge(base, source, stays, choices={"customer_id": "destination"})
    view = show(base, stays)
    assert (view.customer_id, view.former_customer_ids) == ("C-2", ["C-1"])
    assert found_by(base, "C-1") == [stays]
    assert receive(base, "chat", customer_id="C-1", proven=True).profile_id == stays
    check_base(base.database, base.organization_id)


def test_a_losing_main_phone_stays_as_an_ordinary_one__MRG_3_MRG_4(base: Base) -> None:
    source = profile(base, PointInput("phone", MOBILE, phone_type="mobile", main=True, sms=True))
    stays = profile(base, PointInput("phone", LANDLINE, phone_type="home", main=True))
    policies(base, CHOOSE)
    merge(base, source, stays, choices={"main_phone": "destination"})
    phones = {p.value: (p.main, p.phone_type, p.sms, p.identifying) for p in show(base, stays).points}
    assert phones == {LANDLINE: (True, "home", False, False), MOBILE: (False, "mobile", True, True)}


def test_the_losing_main_can_be_the_destinations__MRG_4(base: Base) -> None:
    source = profile(base, PointInput("phone", MOBILE, phone_type="mobile", main=True), customer_id="C-1")
    stays = profile(base, PointInput("phone", LANDLINE, phone_type="home", main=True), customer_id="C-2")
    policies(base, CHOOSE)
    merge(base, source, stays, choices={"main_phone": "source", "customer_id": "source"})
    assert {p.value: p.main for p in show(base, stays).points} == {LANDLINE: False, MOBILE: True}
    assert (show(base, stays).customer_id, show(base, stays).former_customer_ids) == ("C-1", ["C-2"])


def test_social_accounts_of_one_network_both_open_and_one_is_shown__MRG_3(base: Base) -> None:
    source, stays = (receive(base, "social", network="facebook", user_id=n, handle=f"h{n}") for n in "12")
    merge(base, source.profile_id, stays.profile_id)
    current_by_value = {p.value: p.current for p in show(base, stays.profile_id).points}
    assert current_by_value == {"facebook:1": False, "facebook:2": True}
    for user_id in "12":
        assert receive(base, "social", network="facebook", user_id=user_id).profile_id == stays.profile_id


def test_addresses_are_the_destinations_first_without_doubles__MRG_3(base: Base) -> None:
    source, stays = profile(base), profile(base)
    for owner, streets in ((source, ("1 High St", "9 Mill Rd")), (stays, ("5 Low St", "1 HIGH  ST"))):
        for street in streets:
            add_address(base, owner, street)
    merge(base, source, stays)
    assert [a["street"] for a in show(base, stays).addresses] == ["5 Low St", "1 HIGH  ST", "9 Mill Rd"]


def test_a_detail_with_two_values_keeps_both_marked__MRG_3(base: Base) -> None:
    source, stays = profile(base), profile(base)
    for owner, pairs in ((source, ("colour=red", "shoe=41")), (stays, ("Colour=blue", "shoe=41", "pet=cat"))):
        for pair in pairs:
            add_detail(base, owner, *pair.split("="))
    merge(base, source, stays)
    details = rows(base, "SELECT key, value, from_profile_id FROM details WHERE profile_id = :id", id=stays)
    assert sorted(tuple(row) for row in details) == sorted(
        [("Colour", "blue", stays), ("colour", "red", source), ("pet", "cat", None), ("shoe", "41", None)]
    )


def test_a_relationship_between_the_two_vanishes_and_others_move__MRG_3(base: Base) -> None:
    source, stays, child = profile(base), profile(base), profile(base, name="Kit")
    do(base, lambda unit: parts.relate(unit, source, stays, "spouse", None))
    for parent in (source, stays):
        relate(base, parent, child, "child")
    merge(base, source, stays)
    assert [(r.profile_id, r.kind) for r in show(base, stays).relationships] == [(child, "child")]
    assert [(r.profile_id, r.kind) for r in show(base, child).relationships] == [(stays, "parent")]


def test_an_image_a_username_and_an_attribute_are_the_current_profiles__MRG_3(base: Base) -> None:
    source = profile(base, name="Ada Lovelace", username="ada", image="a.png", attributes={"tier": 1, "vip": True})
    stays = profile(base, name="Ada", username="ada2", image="b.png", attributes={"tier": 2})
    merge(base, source, stays)
    row = show(base, stays).row
    assert (row.name, row.username, row.image) == ("Ada Lovelace", "ada2", "b.png")
    assert row.attributes == {"tier": 2, "vip": True}


# Conversations -------------------------------------------------------------------------------------------------------


def customer(base: Base, email: str, state: str) -> str:
    """A profile whose one conversation is in this state; returns its id."""
    if state == "none":
        return profile(base, PointInput("email", email))
    answer = receive(base, "email", f"<first.{email}>", email=email, body=f"first of {email}")
    if state == "closed":
        set_conversation(base, answer.conversation_id, state="closed")
    return answer.profile_id


STATES = [
    # source, destination → the destination's conversations, in the order they were opened (s: was the source's)
    ("none", "none", []),
    ("none", "open", ["d open"]),
    ("none", "closed", ["d closed"]),
    ("open", "none", ["s open"]),
    ("open", "open", ["d open"]),
    ("open", "closed", ["s open", "d closed"]),
    ("closed", "none", ["s closed"]),
    ("closed", "open", ["s closed", "d open"]),
    ("closed", "closed", ["s closed", "d closed"]),
]


@pytest.mark.parametrize(("of_source", "of_destination", "after"), STATES)
def test_open_conversations_become_one_and_others_stay_as_they_are__MRG_5(
    base: Base, of_source: str, of_destination: str, after: list[str]
) -> None:
    source, stays = customer(base, ADA, of_source), customer(base, BOB, of_destination)
    own = {row.id: "s" for row in rows(base, "SELECT id FROM conversations WHERE profile_id = :id", id=source)}
    merge(base, source, stays)
    with base.database.read(base.organization_id) as unit:
        conversation_rows = conversations.of_profile(unit, stays, None, 10)[::-1]
    assert [f"{own.get(c.id, 'd')} {c.state}" for c in conversation_rows] == after
    answer = receive(base, "email", email=ADA)
    already_open = [c.id for c in conversation_rows if c.state == "open"]
    assert answer.profile_id == stays
    assert not already_open or [answer.conversation_id] == already_open
    check_base(base.database, base.organization_id)


def test_two_that_became_one_are_interleaved_and_either_id_leads_to_it__MRG_5_EVT_2(base: Base) -> None:
    ada, bob = (
        receive(base, "email", "<1@x>", email=ADA, body="1"),
        receive(base, "email", "<2@x>", email=BOB, body="2"),
    )
    receive(base, "email", "<3@x>", email=ADA, body="3")
    receive(base, "email", "<4@x>", email=BOB, body="4")
    merge(base, ada.profile_id, bob.profile_id)
    assert conversation(base, ada.conversation_id).id == bob.conversation_id
    assert said_in(base, ada.conversation_id) == said_in(base, bob.conversation_id) == ["1", "2", "3", "4"]
    with base.database.read(base.organization_id) as unit, pytest.raises(MergedAway) as leads:
        conversations.read(unit, ada.conversation_id)
    assert leads.value.facts == {"survivor_id": bob.conversation_id}


def test_a_conversation_that_became_one_leads_on_three_merges_deep__MRG_5_EVT_2(base: Base) -> None:
    answers = [receive(base, "email", f"<{n}@x>", email=f"person{n}@kite.example", body=str(n)) for n in range(4)]
    for source, destination in pairwise(answers):
        merge(base, source.profile_id, destination.profile_id)
    assert {conversation(base, a.conversation_id).id for a in answers} == {answers[-1].conversation_id}
    assert said_in(base, answers[0].conversation_id) == ["0", "1", "2", "3"]
    check_base(base.database, base.organization_id)


@pytest.mark.parametrize("sender", [ADA, BOB, "stranger@elsewhere.example"])
@pytest.mark.parametrize("replied_to", ["<1@x>", "<2@x>"])
def test_a_reply_to_either_lands_in_the_joined_conversation__MRG_5_RES_13(
    base: Base, sender: str, replied_to: str
) -> None:
    ada, bob = receive(base, "email", "<1@x>", email=ADA), receive(base, "email", "<2@x>", email=BOB)
    merge(base, ada.profile_id, bob.profile_id)
    answer = receive(base, "email", email=sender, reply_to=(replied_to,))
    if sender.endswith("kite.example"):
        assert (answer.profile_id, answer.conversation_id) == (bob.profile_id, bob.conversation_id)
    else:  # RES-2 before RES-13: a sender of their own opens their own profile
        assert answer.outcome == "created"


def test_what_names_a_merged_conversation_and_no_customer_lands_in_it__RES_13(base: Base) -> None:
    ada, bob = receive(base, "email", "<1@x>", email=ADA), receive(base, "email", "<2@x>", email=BOB)
    merge(base, ada.profile_id, bob.profile_id)
    bounce = receive(base, "email", email="mailer-daemon@mx.example", reply_to=("<1@x>",))
    thread = receive(base, "chat", conversation_id=ada.conversation_id)
    for answer in (bounce, thread):
        assert (answer.profile_id, answer.conversation_id) == (bob.profile_id, bob.conversation_id)


# The timeline --------------------------------------------------------------------------------------------------------

MERGED, JOINED = "{merger} merged a customer into Dora", "Conversations were merged during the customer merge"

EVENTS = [
    # assignee of the source, of the destination (None: no open conversation), merger → events, assignee afterwards
    (None, None, "Cy", [MERGED], None),
    ("Ann", None, "Cy", [MERGED], "Ann"),
    (None, "Bob", "Cy", [MERGED], "Bob"),
    ("General", None, "Cy", [MERGED], "General"),
    ("Ann", "Ann", "Cy", [MERGED, JOINED], "Ann"),
    ("Ann", "Ann", "Ann", [MERGED, JOINED], "Ann"),
    ("Ann", "Ann", None, [MERGED, JOINED], "Ann"),
    ("General", "General", "Cy", [MERGED, JOINED], "General"),
    ("Ann", "Bob", "Ann", ["Bob to Ann", MERGED, JOINED], "Ann"),
    ("Ann", "Bob", "Bob", ["Bob to Ann", "Ann to Bob", MERGED, JOINED], "Bob"),
    ("Ann", "Bob", "Cy", ["Bob to Ann", "Ann to Cy", MERGED, JOINED], "Cy"),
    ("Ann", "Bob", None, ["Bob to Ann", MERGED, JOINED], "Ann"),
    ("Ann", "General", "Cy", ["General to Ann", "Ann to Cy", MERGED, JOINED], "Cy"),
    ("General", "Bob", "Cy", ["Bob to General", "General to Cy", MERGED, JOINED], "Cy"),
    ("General", "Bob", "Bob", ["Bob to General", "General to Bob", MERGED, JOINED], "Bob"),
    ("General", "Bob", None, ["Bob to General", MERGED, JOINED], "General"),
    ("Sales", "General", "Cy", ["General to Sales", "Sales to Cy", MERGED, JOINED], "Cy"),
    ("Sales", "General", None, ["General to Sales", MERGED, JOINED], "Sales"),
    ("Ann", "Sales", None, ["Sales to Ann", MERGED, JOINED], "Ann"),
]


@pytest.mark.parametrize(("of_source", "of_destination", "merger", "texts", "afterwards"), EVENTS)
def test_the_timeline_tells_exactly_this_in_this_order__MRG_6_MRG_7(
    base: Base,
    of_source: str | None,
    of_destination: str | None,
    merger: str | None,
    texts: list[str],
    afterwards: str | None,
) -> None:
    agents = {name: agent(base, name) for name in ("Ann", "Bob", "Cy")}
    inboxes = {"General": None, "Sales": inbox(base, "Sales")}

    def one(email: str, assignee: str | None) -> str:
        if assignee is None:
            return profile(base, PointInput("email", email), name="Dora")
        answer = receive(base, "email", email=email, name="Dora", inbox_id=inboxes.get(assignee))
        if assignee in agents:
            set_conversation(base, answer.conversation_id, agents[assignee])
        return answer.profile_id

    source, stays = one(ADA, of_source), one(BOB, of_destination)
    merge(base, source, stays, agents.get(merger or ""))
    routed = "Routed from {} due to customer merge"
    expected = [t.format(merger=merger or "Onefold") if t in (MERGED, JOINED) else routed.format(t) for t in texts]
    assert events(base, stays) == expected

    names: dict[str | None, str] = {inboxes["Sales"]: "Sales", **{v: k for k, v in agents.items()}}
    open_now = rows(base, "SELECT id, assignee_id, inbox_id FROM conversations WHERE state = 'open'")
    who = [names.get(c.assignee_id) if c.assignee_id else names.get(c.inbox_id, "General") for c in open_now]
    assert who == ([] if afterwards is None else [afterwards])
    written = [i for i in timeline(base, stays) if i.kind == "event"]
    assert {i.conversation_id for i in written} == ({c.id for c in open_now} or {None})
    assert {i.agent_id for i in written} == {agents.get(merger or "")}


def nameless(base: Base, *points: PointInput) -> str:
    return profile(base, *points)


def anonymous(base: Base) -> str:
    return receive(base, "chat", visitor=new_id()).profile_id


CALLED: list[tuple[Callable[[Base], str], Callable[[Base], str], str]] = [
    # source, destination → <customer>
    (lambda b: profile(b, name="Ada"), lambda b: profile(b, name="Bo"), "Ada"),
    (lambda b: profile(b, name="Ada"), lambda b: profile(b, name="Bob"), "Bob"),
    (lambda b: profile(b, name="Ada"), anonymous, "Ada"),
    (lambda b: nameless(b, PointInput("email", ADA)), anonymous, ADA),
    (lambda b: nameless(b, PointInput("email", ADA, main=True)), lambda b: nameless(b, PointInput("email", BOB)), ADA),
    (lambda b: nameless(b, PointInput("phone", LANDLINE, phone_type="home")), anonymous, LANDLINE),
    (anonymous, anonymous, "Unknown customer"),
    (profile, profile, "Unknown customer"),
]


@pytest.mark.parametrize(("source", "destination", "called"), CALLED)
def test_the_event_names_the_customer_by_name_then_contact_point__MRG_8(
    base: Base, source: Callable[[Base], str], destination: Callable[[Base], str], called: str
) -> None:
    stays = destination(base)
    merge(base, source(base), stays)
    assert events(base, stays)[0] == f"Onefold merged a customer into {called}"


# Drafts --------------------------------------------------------------------------------------------------------------


def test_drafts_of_both_stay_their_authors__MRG_9(base: Base) -> None:
    mara, nils = agent(base, "Mara"), agent(base, "Nils")
    gone, stays = profile(base, PointInput("email", ADA)), profile(base)
    first, second = (add_draft(base, p, a, Composed("note", "begun")) for p, a in ((gone, mara), (stays, nils)))
    merge(base, gone, stays)
    assert do(base, lambda unit: drafts.save(unit, first.id, mara, Composed("note", "more"))).profile_id == stays
    with base.database.read(base.organization_id) as unit:
        assert [d.body for d in drafts.of_profile(unit, stays, mara, None, 9)] == ["more"]
        assert [d.id for d in drafts.of_profile(unit, stays, nils, None, 9)] == [second.id]
    do(base, lambda unit: drafts.send(unit, first.id, mara))
    assert said(base, stays) == ["more"]


def test_a_draft_to_a_number_both_held_goes_to_the_one_that_stays__MRG_9(base: Base) -> None:
    mara = agent(base, "Mara")
    gone, stays = (profile(base, PointInput("phone", LANDLINE, phone_type="home", sms=True)) for _ in range(2))
    to = point_of(base, gone, LANDLINE).contact_point_id
    begun = do(base, lambda unit: drafts.create(unit, gone, mara, Composed("sms", "Hi", contact_point_id=to)))
    merge(base, gone, stays)
    sent = do(base, lambda unit: drafts.send(unit, begun.id, mara))
    assert sent.contact_point_id == point_of(base, stays, LANDLINE).contact_point_id
    assert sent.profile_id == stays


# What was confirmed is what happens ----------------------------------------------------------------------------------

Change = Callable[[Base, str, str], object]
MEANWHILE: dict[str, Change] = {
    "the source is renamed": lambda b, s, d: edit(b, s, name="Somebody Else"),
    "the destination is renamed": lambda b, s, d: edit(b, d, name="Somebody Else"),
    "the source gets a contact point": lambda b, s, d: words.list_point(b, s, PointInput("email", "new@kite.example")),
    "the destination gets one by a contact": lambda b, s, d: receive(
        b, "email", email=BOB, further=Further(emails=("new@kite.example",))
    ),
    "the source's conversation is assigned": lambda b, s, d: assign(b, s),
    "the destination's conversation is closed": lambda b, s, d: close(b, d),
    "the policy asks where it decided": lambda b, s, d: policies(b, ASK),
    "the merger is called another name": lambda b, s, d: do(b, lambda u: rename_merger(u)),
}


def rename_merger(unit: Any) -> None:
    from onefold.accounts.service import change_agent
    from onefold.accounts.store import list_agents

    change_agent(unit, list_agents(unit)[0].id, {"name": "Another"}, words.COMMAND)


def _open_of(base: Base, profile_id: str) -> str:
    conversation_rows = rows(
        base, "SELECT id FROM conversations WHERE profile_id = :id AND state = 'open'", id=profile_id
    )
    return str(conversation_rows[0].id)


def assign(base: Base, profile_id: str) -> None:
    set_conversation(base, _open_of(base, profile_id), agent(base, "Zoe"))


def close(base: Base, profile_id: str) -> None:
    set_conversation(base, _open_of(base, profile_id), state="closed")


def confirmed(base: Base, source: str, stays: str, **given: Any) -> MergeRequest:
    """What an agent sends who has seen the preview as it is now."""
    request = MergeRequest(source, stays, **given)
    with base.database.read(base.organization_id) as unit:
        plan = merging.preview(unit, request, COMMAND)
    return request._replace(versions=plan.versions, digest=plan.digest)


@pytest.mark.parametrize("meanwhile", MEANWHILE)
def test_a_merge_is_refused_where_it_is_not_what_was_shown__MRG_12(base: Base, meanwhile: str) -> None:
    cy = agent(base, "Cy")
    source, stays = (receive(base, "email", email=e, name=n).profile_id for e, n in ((ADA, "Ada"), (BOB, "Bob")))
    request = confirmed(base, source, stays, agent_id=cy)
    MEANWHILE[meanwhile](base, source, stays)
    before = everything(base)
    with pytest.raises(VersionConflict) as refusal:
        do(base, lambda unit: merging.merge(unit, request, COMMAND))
    assert refusal.value.code == "plan_changed"
    assert everything(base) == before


def test_a_conversation_opened_meanwhile_refuses_as_well__MRG_12(base: Base) -> None:
    source, stays = customer(base, ADA, "closed"), customer(base, BOB, "open")
    request = confirmed(base, source, stays)
    receive(base, "email", email=ADA)
    with pytest.raises(VersionConflict) as refusal:
        do(base, lambda unit: merging.merge(unit, request, COMMAND))
    assert refusal.value.code == "plan_changed"


def test_a_further_message_does_not_stand_in_the_way__MRG_12(base: Base) -> None:
    source, stays = customer(base, ADA, "open"), customer(base, BOB, "open")
    request = confirmed(base, source, stays)
    receive(base, "email", email=ADA, body="one more")
    do(base, lambda unit: merging.merge(unit, request, COMMAND))
    assert "one more" in said(base, stays)


# Pairs that cannot be ------------------------------------------------------------------------------------------------


def refused(base: Base, source: str, destination: str, **given: Any) -> DomainError:
    """The refusal of a merge that changes nothing; the preview refuses what cannot be as well."""
    before = everything(base)
    with pytest.raises(DomainError) as refusal:
        merge(base, source, destination, **given)
    assert everything(base) == before
    return refusal.value


def test_a_profile_is_not_merged_with_itself__MRG_15(base: Base) -> None:
    ada = profile(base, name="Ada")
    assert refused(base, ada, ada).code == "same_profile"


def test_nor_with_one_of_another_organization__MRG_15(base: Base) -> None:
    other = add_organization(base.database, "Other", "US", new_id(), "General", DEFAULT_ENTRIES, utc_now())
    ada, theirs = profile(base, name="Ada"), profile(base._replace(organization_id=other), name="Eve")
    for pair in ((ada, theirs), (theirs, ada), (ada, new_id()), ("x", ada)):
        assert isinstance(refused(base, *pair), NotFound)


def test_nor_with_one_merged_away_and_says_where_it_went__MRG_15(base: Base) -> None:
    gone, stays, third = profile(base), profile(base), profile(base)
    merge(base, gone, stays)
    for pair in ((gone, third), (third, gone), (gone, stays)):
        refusal = refused(base, *pair)
        assert (refusal.code, refusal.facts) == ("merged_away", {"profile_id": gone, "survivor_id": stays})


@pytest.mark.parametrize("round_", range(3))
def test_two_agents_in_opposite_directions_at_once_have_one_outcome__MRG_15(base: Base, round_: int) -> None:
    one, other = customer(base, ADA, "open"), customer(base, BOB, "open")

    def attempt(pair: tuple[str, str]) -> str:
        try:
            merge(base, *pair)
        except Conflict as conflict:
            return conflict.code
        return "merged"

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(attempt, [(one, other), (other, one)]))
    assert sorted(outcomes) == ["merged", "merged_away"]
    (survivor,) = living_ids(base)
    assert {p.value for p in show(base, survivor).points} == {ADA, BOB}
    assert len(rows(base, "SELECT id FROM merges")) == 1
    check_base(base.database, base.organization_id)


# What stands in the way, and the steps that clear it -----------------------------------------------------------------


def two_mains(base: Base) -> tuple[str, str]:
    return (
        profile(base, PointInput("phone", MOBILE, phone_type="mobile", main=True), customer_id="C-1"),
        profile(base, PointInput("phone", LANDLINE, phone_type="home", main=True), customer_id="C-2"),
    )


def test_a_refused_merge_says_all_that_stands_in_the_way__MRG_3_MRG_17(base: Base) -> None:
    refusal = refused(base, *two_mains(base))
    assert refusal.code == "merge_refused"
    obstacles: Any = refusal.facts["obstacles"]
    assert [(o["code"], [s["step"] for s in o["steps"]]) for o in obstacles] == [
        ("customer_ids_differ", ["keep_former", "keep_former"]),
        ("main_phones_differ", ["make_ordinary", "make_ordinary"]),
    ]
    for value in (MOBILE, LANDLINE, "C-1", "C-2"):
        assert value not in f"{refusal.detail} {refusal.facts}"


def test_the_steps_are_applied_together_with_the_merge__MRG_17(base: Base) -> None:
    source, stays = two_mains(base)
    steps = (Step("keep_former", "source"), Step("make_ordinary", "destination"))
    merge(base, source, stays, steps=steps)
    view = show(base, stays)
    assert (view.customer_id, view.former_customer_ids) == ("C-2", ["C-1"])
    assert {p.value: p.main for p in view.points} == {MOBILE: True, LANDLINE: False}


def two_types(base: Base) -> tuple[str, str]:
    """Two who hold one number, as home and as office, and an email each."""
    return (
        profile(base, PointInput("phone", LANDLINE, phone_type="home"), PointInput("email", ADA)),
        profile(base, PointInput("phone", LANDLINE, phone_type="office"), PointInput("email", BOB)),
    )


@pytest.mark.parametrize(("side", "phone_type"), [("source", "office"), ("destination", "home")])
def test_detaching_clears_a_number_with_two_types_all_at_once__MRG_17(base: Base, side: str, phone_type: str) -> None:
    source, stays = two_types(base)
    assert refused(base, source, stays).code == "merge_refused"
    point = point_of(base, source if side == "source" else stays, LANDLINE)
    merge(base, source, stays, steps=[Step("detach", contact_point_id=point.contact_point_id)])
    holders = words.holders(base, "phone", LANDLINE)
    assert len(holders) == 2
    assert holders[stays] == phone_type
    assert {p.value for p in show(base, stays).points} == {ADA, BOB, LANDLINE}
    check_base(base.database, base.organization_id)


def test_a_step_is_not_done_where_the_merge_is_refused_all_the_same__MRG_17_MRG_10(base: Base) -> None:
    source, stays = two_types(base)
    for owner, customer_id in ((source, "C-1"), (stays, "C-2")):
        edit(base, owner, customer_id=customer_id)
    step = Step("detach", contact_point_id=point_of(base, source, LANDLINE).contact_point_id)
    refusal = refused(base, source, stays, steps=[step])
    assert [o["code"] for o in refusal.facts["obstacles"]] == ["customer_ids_differ"]  # type: ignore[attr-defined]


def test_an_only_contact_point_is_not_detached_for_a_merge__MRG_17_DET_3(base: Base) -> None:
    source = profile(base, PointInput("phone", LANDLINE, phone_type="home"))
    stays = profile(base, PointInput("phone", LANDLINE, phone_type="office"), PointInput("email", BOB))
    point = point_of(base, source, LANDLINE)
    step = Step("detach", contact_point_id=point.contact_point_id)
    refusal = refused(base, source, stays, steps=[step])
    assert {o["code"] for o in refusal.facts["obstacles"]} == {"only_contact_point", "phone_types_differ"}  # type: ignore[attr-defined]


def test_a_number_that_is_other_on_one_side_takes_the_specific_type__MRG_3(base: Base) -> None:
    source = profile(base, PointInput("phone", LANDLINE, phone_type="office"))
    stays = profile(base, PointInput("phone", LANDLINE, phone_type="other"))
    merge(base, source, stays)
    assert words.holders(base, "phone", LANDLINE) == {stays: "office"}


# What others are told ------------------------------------------------------------------------------------------------


def test_a_merge_is_told_once_with_the_map_from_old_ids_to_new__EVT_1(base: Base) -> None:
    a, b, c = (receive(base, "email", email=f"person{n}@kite.example") for n in range(3))
    merge(base, a.profile_id, b.profile_id)
    already = len(told(base))
    merged = merge(base, b.profile_id, c.profile_id)
    assert told(base)[already:] == [
        (
            "profile.merged",
            c.profile_id,
            {
                "merge_id": merged.id,
                "merged": {a.profile_id: c.profile_id, b.profile_id: c.profile_id},
                "conversations": {
                    a.conversation_id: c.conversation_id,
                    b.conversation_id: c.conversation_id,
                },
            },
        )
    ]


def test_a_refused_merge_tells_nobody__EVT_1(base: Base) -> None:
    source, stays = two_mains(base)
    before = told(base)
    refused(base, source, stays)
    assert told(base) == before


def test_the_entry_in_the_audit_log_keeps_both_sides_before__MRG_14(base: Base) -> None:
    from onefold.audit import service as audit

    ada, bob = rich(base), profile(base, PointInput("email", BOB))
    cy = agent(base, "Cy")
    merged = merge(base, ada.profile_id, bob, cy)
    with base.database.read(base.organization_id) as unit:
        entry = audit.read(unit, merged.audit_seq)
    assert (entry.action, entry.profile_id, entry.other_id) == ("profile.merged", bob, ada.profile_id)
    assert (entry.actor.agent_id, entry.actor.origin) == (cy, "command line")
    assert entry.before is not None
    assert {p["value"] for p in entry.before["source"]["points"]} == {ADA, LANDLINE, "C-1"}
    assert {p["value"] for p in entry.before["destination"]["points"]} == {BOB}


def test_merging_two_that_were_suggested_ends_the_suggestion__MRG_2_SUG_1(base: Base) -> None:
    one, other = (receive(base, "voice", phone=LANDLINE).profile_id for _ in range(2))
    merge(base, one, other)
    with base.database.read(base.organization_id) as unit:
        assert suggestions.of_profile(unit, other, dismissed=True) == []
    assert rows(base, "SELECT profile_id FROM evidence") == []


# What the two were called, and since when (MRG-19) --------------------------------------------------------------------


def test_a_name_that_lost_still_finds_the_customer_until_the_merge_is_undone__MRG_19(base: Base) -> None:
    ada = profile(base, PointInput("email", ADA), name="Ada Lovelace")
    gus = profile(base, PointInput("email", BOB), name="Augusta King")
    merged = merge(base, gus, ada, choices={"name": "destination"})
    assert found_by(base, "king aug") == found_by(base, "lovelace") == [ada]
    edit(base, ada, username="ada")
    assert found_by(base, "augusta") == [ada]
    undo(base, merged.id)
    assert (found_by(base, "augusta"), found_by(base, "lovelace")) == ([gus], [ada])


def test_the_destinations_own_name_is_found_as_well_where_it_lost__MRG_19(base: Base) -> None:
    ada = profile(base, PointInput("email", ADA), name="Ada Lovelace")
    gus = profile(base, PointInput("email", BOB), name="Augusta King")
    merge(base, gus, ada, choices={"name": "source"})
    assert show(base, ada).row.name == "Augusta King"
    assert found_by(base, "lovelace") == [ada]


def test_a_customer_is_one_since_the_oldest_of_those_merged__MRG_19(base: Base) -> None:
    old, new = (profile(base, PointInput("email", address)) for address in (ADA, BOB))
    since = show(base, old).row.created_at
    merged = merge(base, old, new)
    assert show(base, new).row.created_at == since
    undo(base, merged.id)
    assert show(base, new).row.created_at > since


def test_an_address_is_found_as_people_write_its_domain__MRG_1(base: Base) -> None:
    jo = profile(base, PointInput("email", "jo@bücher.example"))
    for query in ("jo@bücher.example", "jo@büch", "bücher", "jo@bucher", "jo@xn--bcher-kva.example"):
        assert found_by(base, query) == [jo], query
