"""Which profile a contact opens: the rules RES as cases. `A`, `B`, `C` are profiles that are there before."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.contact_points.standing import MOST_CLAIMED
from onefold.core.errors import InvalidValue
from onefold.receiving.contact import Further, ListedPhone, ListedSocial
from tests.dsl.cases import INBOX, OTHER_INBOX, Base, contact

A, B, C = (f"00000000-0000-7000-9000-00000000000{n}" for n in (1, 2, 3))
MOBILE, LANDLINE, AMBIGUOUS = "+447911123456", "+442079460000", "+14155552671"


# RES-1: the identifier of each channel --------------------------------------------------------------------------------

IDENTIFIERS = [
    ("email", {"email": "Ada@Example.com"}, ("email", "ada@example.com")),
    ("voice", {"phone": MOBILE}, ("phone", MOBILE)),
    ("sms", {"phone": MOBILE}, ("phone", MOBILE)),
    ("whatsapp", {"phone": MOBILE}, ("phone", MOBILE)),
    ("social", {"network": "Instagram", "user_id": "178", "handle": "@ada"}, ("social", "instagram:178")),
    ("chat", {"visitor": "v1", "customer_id": "C1", "proven": True}, ("customer_id", "C1")),
    ("chat", {"visitor": "v1", "email": "ada@example.com", "proven": True}, ("email", "ada@example.com")),
    ("chat", {"visitor": "v1", "email": "ada@example.com", "customer_id": "C1"}, ("visitor", "v1")),
    ("chat", {"visitor": "v1"}, ("visitor", "v1")),
]


@pytest.mark.parametrize(("channel", "sender", "identifier"), IDENTIFIERS)
def test_each_channel_has_its_identifier__RES_1(channel: str, sender: dict[str, Any], identifier: Any) -> None:
    base = Base()
    decision = base.receives(contact(channel, **sender))
    new = next(n for n in decision.new_points if n.contact_point_id == decision.contact_point_id)
    assert (new.point.kind, new.point.value) == identifier


def test_voice_sms_and_whatsapp_share_one_identifier_type__RES_1() -> None:
    base = Base()
    first = base.receives(contact("sms", phone=MOBILE))
    assert {base.receives(contact(c, phone=MOBILE)).profile_id for c in ("voice", "whatsapp")} == {first.profile_id}


# RES-2, RES-3: known and unknown senders ------------------------------------------------------------------------------


def test_a_known_identifier_opens_its_profile_and_its_open_conversation__RES_2() -> None:
    base = Base()
    base.holds(A, "email", "ada@example.com")
    base.book.open_conversations[A] = "open"
    decision = base.receives(contact("email", email="ADA@example.com"))
    assert (decision.outcome, decision.profile_id, decision.conversation_id) == ("opened", A, "open")
    assert not decision.opens_conversation
    assert not decision.new_points


def test_without_an_open_conversation_a_new_one_begins__RES_2() -> None:
    base = Base()
    base.holds(A, "email", "ada@example.com")
    decision = base.receives(contact("email", email="ada@example.com", inbox_id=OTHER_INBOX))
    assert decision.opens_conversation
    assert decision.arrival.contact.inbox_id == OTHER_INBOX


def test_an_unknown_identifier_makes_a_profile_that_holds_it__RES_3() -> None:
    base = Base()
    decision = base.receives(contact("email", email="new@example.com", name="  New   Customer "))
    assert decision.outcome == "created"
    assert decision.arrival.name == "New Customer"
    assert base.points[decision.profile_id]["email", "new@example.com"]["identifying"]


def test_an_inbox_that_is_not_there_is_refused__RES_3() -> None:
    with pytest.raises(InvalidValue, match="inbox_id"):
        Base().receives(contact("email", email="a1@example.com", inbox_id=INBOX[:-1] + "f"))


# RES-4: an SMS or WhatsApp message ------------------------------------------------------------------------------------
# who holds the number before → which profile is opened, its point afterwards, who is suggested

HELD_BEFORE = [
    pytest.param([], "new", {A}, id="nobody"),
    pytest.param([(A, "mobile")], A, set(), id="one as mobile"),
    pytest.param([(A, "home")], A, set(), id="one as home"),
    pytest.param([(A, "office")], A, set(), id="one as office"),
    pytest.param([(A, "other")], A, set(), id="one as other"),
    pytest.param([(A, "home"), (B, "other")], "new", {A, B}, id="two, none as mobile"),
    pytest.param([(A, "home"), (B, "office"), (C, "other")], "new", {A, B, C}, id="three, none as mobile"),
    pytest.param([(A, "home"), (B, "mobile")], B, set(), id="two, one of them as mobile"),
]


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
@pytest.mark.parametrize(("holders", "opens", "suggested"), HELD_BEFORE)
def test_a_text_message_makes_its_number_mobile__RES_4(
    channel: str, holders: list[tuple[str, str]], opens: str, suggested: set[str]
) -> None:
    base = Base()
    for profile_id, phone_type in holders:
        base.holds(profile_id, "phone", LANDLINE, phone_type)
    decision = base.receives(contact(channel, phone=LANDLINE))
    if opens == "new":
        assert decision.outcome == "created"
        assert {p for pair, _, _ in base.suggested for p in pair} - {decision.profile_id} == suggested - (
            set() if holders else {A}
        )
    else:
        assert (decision.outcome, decision.profile_id) == ("opened", opens)
    point = base.points[decision.profile_id]["phone", LANDLINE]
    assert point == {"type": "mobile", "sms": channel == "sms", "identifying": True}


def test_an_sms_adds_the_tag_to_a_mobile_that_had_none__RES_4() -> None:
    base = Base()
    base.holds(A, "phone", MOBILE, "mobile", sms=False)
    base.receives(contact("sms", phone=MOBILE))
    assert base.points[A]["phone", MOBILE]["sms"]


def test_whatsapp_takes_no_sms_tag_away__RES_4() -> None:
    base = Base()
    base.holds(A, "phone", MOBILE, "mobile", sms=True)
    assert base.receives(contact("whatsapp", phone=MOBILE)).changes == ()


# RES-5: a call from a shared number -----------------------------------------------------------------------------------

SHARED = [
    pytest.param([(A, "home")], "home", id="one as home"),
    pytest.param([(A, "office"), (B, "office")], "office", id="two alike"),
    pytest.param([(A, "home"), (B, "office")], "other", id="two that differ"),
    pytest.param([(A, "other"), (B, "home"), (C, "home")], "other", id="three that differ"),
]


@pytest.mark.parametrize("identification", [False, True])
@pytest.mark.parametrize(("holders", "held_as"), SHARED)
def test_a_call_from_a_shared_number_makes_a_profile_every_time__RES_5(
    holders: list[tuple[str, str]], held_as: str, identification: bool
) -> None:
    base = Base(mobile_identification=identification)
    for profile_id, phone_type in holders:
        base.holds(profile_id, "phone", MOBILE, phone_type)
    calls = [base.receives(contact("voice", phone=MOBILE)) for _ in range(2)]
    assert [c.outcome for c in calls] == ["created", "created"]
    assert calls[0].profile_id != calls[1].profile_id
    assert base.points[calls[0].profile_id]["phone", MOBILE] == {"type": held_as, "sms": False, "identifying": False}
    assert {s.other_id for s in calls[0].suggestions} == {profile_id for profile_id, _ in holders}
    assert calls[0].profile_id in {s.other_id for s in calls[1].suggestions}


def test_a_call_from_a_number_that_one_holds_as_mobile_opens_that_one__RES_5_PRO_5() -> None:
    base = Base()
    base.holds(A, "phone", MOBILE, "home")
    base.holds(B, "phone", MOBILE, "mobile")
    assert base.receives(contact("voice", phone=MOBILE)).profile_id == B


def test_a_line_that_too_many_share_raises_no_suggestions__SUG_6() -> None:
    base = Base(shared_limit=3)
    calls = [base.receives(contact("voice", phone=LANDLINE)) for _ in range(6)]
    assert [len(call.suggestions) for call in calls] == [0, 1, 2, 0, 0, 0]


# RES-6: a call from a number never seen -------------------------------------------------------------------------------

NEVER_SEEN = [
    (True, MOBILE, "mobile"),
    (True, LANDLINE, "home"),
    (True, AMBIGUOUS, "other"),
    (True, "+18005550123", "other"),
    (False, MOBILE, "other"),
    (False, LANDLINE, "other"),
]


@pytest.mark.parametrize(("identification", "number", "becomes"), NEVER_SEEN)
def test_a_number_never_seen_is_detected_if_that_is_on__RES_6(identification: bool, number: str, becomes: str) -> None:
    base = Base(mobile_identification=identification)
    decision = base.receives(contact("voice", phone=number))
    point = base.points[decision.profile_id]["phone", number]
    assert (point["type"], point["identifying"]) == (becomes, becomes == "mobile")


def test_a_lookup_service_tells_what_the_numbering_plan_does_not__RES_6() -> None:
    base = Base(mobile_identification=True)
    decision = base.receives(contact("voice", phone=AMBIGUOUS), line_types=lambda _: "mobile")
    assert base.points[decision.profile_id]["phone", AMBIGUOUS]["type"] == "mobile"


# RES-8, PRO-12: contacts that identify nobody -------------------------------------------------------------------------


@pytest.mark.parametrize("channel", ["email", "voice", "sms", "whatsapp", "chat"])
def test_without_an_identifier_every_contact_is_anonymous__RES_8(channel: str) -> None:
    base = Base()
    one, other = (base.receives(contact(channel)) for _ in range(2))
    assert one.outcome == other.outcome == "created"
    assert one.profile_id != other.profile_id
    assert not one.new_points


def test_a_visitor_continues_on_the_same_profile__RES_8() -> None:
    base = Base()
    first = base.receives(contact("chat", visitor="v1"))
    assert base.receives(contact("chat", visitor="v1")).profile_id == first.profile_id
    assert base.receives(contact("chat", visitor="v2")).profile_id != first.profile_id


BLOCKED = [
    ("email", {"email": "test@test.com"}),
    ("email", {"email": "NoEmail@anything.example"}),
    ("voice", {"phone": "anonymous"}),
    ("voice", {"phone": "Restricted"}),
    ("voice", {"phone": "+266696687"}),
    ("voice", {"phone": "+86282452253"}),
    ("voice", {"phone": "+464"}),
    ("sms", {"phone": "+7378742883"}),
    ("chat", {"customer_id": "NULL", "proven": True}),
    ("chat", {"customer_id": "-1", "proven": True}),
    ("chat", {"customer_id": "00000", "proven": True}),
    ("social", {"network": "facebook", "user_id": "0"}),
]


@pytest.mark.parametrize(("channel", "sender"), BLOCKED)
def test_a_blocklisted_value_is_text_and_joins_nobody__PRO_12_RES_8(channel: str, sender: dict[str, Any]) -> None:
    base = Base()
    one, other = (base.receives(contact(channel, **sender)) for _ in range(2))
    assert one.profile_id != other.profile_id
    assert [n.identifying for n in one.new_points] == [False]
    assert not one.suggestions
    assert not other.suggestions


# RES-9: what is identifying -------------------------------------------------------------------------------------------


def test_listed_values_open_their_profile__RES_9() -> None:
    base = Base(matching_mode="listed")
    base.holds(A, "email", "ada@example.com", contacted=False)
    assert base.receives(contact("email", email="ada@example.com")).profile_id == A


@pytest.mark.parametrize(
    ("channel", "kind", "value", "sender"),
    [
        ("email", "email", "ada@example.com", {"email": "ada@example.com"}),
        ("sms", "phone", MOBILE, {"phone": MOBILE}),
        ("voice", "phone", MOBILE, {"phone": MOBILE}),
        ("social", "social", "x:1", {"network": "x", "user_id": "1"}),
    ],
)
def test_merely_listed_values_only_suggest_where_contacting_counts__RES_9(
    channel: str, kind: str, value: str, sender: dict[str, Any]
) -> None:
    base = Base(matching_mode="contacted")
    base.holds(A, kind, value, "mobile" if kind == "phone" else None, contacted=False)
    decision = base.receives(contact(channel, **sender))
    assert decision.outcome == "created"
    assert [(s.other_id, s.kind) for s in decision.suggestions] == [(A, kind)]
    assert base.points[decision.profile_id][kind, value]["identifying"]
    assert base.receives(contact(channel, **sender)).profile_id == decision.profile_id


def test_the_same_number_on_two_channels_joins_where_contacting_counts__RES_9_RES_10() -> None:
    base = Base(matching_mode="contacted")
    first = base.receives(contact("whatsapp", phone=MOBILE))
    assert base.receives(contact("sms", phone=MOBILE)).profile_id == first.profile_id


# RES-10, RES-11: further values ---------------------------------------------------------------------------------------


FORM = Further(emails=("Ada@Example.com",), phones=(ListedPhone(MOBILE, "mobile"), ListedPhone(LANDLINE, "home")))


def test_further_values_nobody_holds_are_listed_as_claims__RES_11_PRO_13() -> None:
    base = Base()
    decision = base.receives(contact("chat", visitor="v1", further=FORM))
    points = base.points[decision.profile_id]
    for key in (("email", "ada@example.com"), ("phone", MOBILE), ("phone", LANDLINE)):
        standing = base.standings[decision.profile_id][key]
        assert (standing, points[key]["identifying"]) == ("claimed", False), key


def test_further_values_that_a_system_vouches_for_open_the_profile__RES_11() -> None:
    base = Base()
    decision = base.receives(contact("chat", visitor="v1", further=FORM._replace(vouched=True)))
    points = base.points[decision.profile_id]
    assert {key: point["identifying"] for key, point in points.items()} == {
        ("visitor", "v1"): True,
        ("email", "ada@example.com"): True,
        ("phone", MOBILE): True,
        ("phone", LANDLINE): False,
    }
    assert base.receives(contact("email", email="ada@example.com")).profile_id == decision.profile_id


CLAIMED = [
    ("an email", {"further": FORM}, contact("email", email="ada@example.com")),
    ("an SMS", {"further": FORM}, contact("sms", phone=MOBILE)),
    ("an SMS to what is claimed as a home phone", {"further": FORM}, contact("sms", phone=LANDLINE)),
    ("a WhatsApp message", {"further": FORM}, contact("whatsapp", phone=MOBILE)),
    ("a call", {"further": FORM}, contact("voice", phone=MOBILE)),
    (
        "a social account",
        {"further": Further(social=(ListedSocial("x", "17"),))},
        contact("social", network="x", user_id="17"),
    ),
    ("a customer ID", {"further": Further(customer_id="C-1")}, contact("chat", customer_id="C-1", proven=True)),
    ("what a sender says of itself", {"email": "ada@example.com"}, contact("email", email="ada@example.com")),
    (
        "what a failed sender names",
        {"further": FORM, "sender_state": "failed"},
        contact("email", email="ada@example.com"),
    ),
]


@pytest.mark.parametrize("matching_mode", ["listed", "contacted"])
@pytest.mark.parametrize(("what", "claim", "real"), CLAIMED, ids=[case[0] for case in CLAIMED])
def test_a_claim_opens_nothing_for_the_owner__PRO_13(what: str, claim: Any, real: Any, matching_mode: str) -> None:
    base = Base(matching_mode=matching_mode)
    stranger = base.receives(contact("chat", visitor="m1", **claim))
    owner = base.receives(real)
    assert (owner.outcome, owner.profile_id != stranger.profile_id) == ("created", True)
    assert [s.other_id for s in owner.suggestions] == [stranger.profile_id]
    assert base.receives(real._replace(message_id="again")).outcome == ("created" if what == "a call" else "opened")


def test_a_claim_keeps_nobody_from_claiming_the_same__PRO_13() -> None:
    base = Base()
    first = base.receives(contact("chat", visitor="m1", further=FORM))
    second = base.receives(contact("chat", visitor="m2", further=FORM))
    assert base.points[second.profile_id].keys() - {("visitor", "m2")} == base.points[first.profile_id].keys() - {
        ("visitor", "m1")
    }


def test_a_profile_takes_so_many_claims_and_the_item_keeps_the_others__RES_11() -> None:
    base = Base()
    emails = tuple(f"ada{n}@example.com" for n in range(MOST_CLAIMED + 3))
    decision = base.receives(contact("chat", visitor="m1", further=Further(emails=emails)))
    assert len(base.points[decision.profile_id]) == 1 + MOST_CLAIMED
    assert [point.value for point in decision.left_out] == list(emails[MOST_CLAIMED:])
    again = base.receives(contact("chat", visitor="m1", further=Further(emails=("late@example.com",))))
    assert [point.value for point in again.left_out] == ["late@example.com"]


FAILED = {"sender_state": "failed"}


def test_a_failed_sender_opens_the_holder_and_proves_nothing__RES_14() -> None:
    base = Base()
    base.holds(A, "email", "ada@example.com", contacted=False)
    decision = base.receives(contact("email", email="ada@example.com", **FAILED))
    assert (decision.profile_id, decision.changes) == (A, ())


def test_failed_senders_of_one_address_meet_and_never_the_one_who_only_named_it__RES_14() -> None:
    base = Base()
    named = base.receives(contact("chat", visitor="m1", further=Further(emails=("ada@example.com",))))
    failed = base.receives(contact("email", email="ada@example.com", **FAILED))
    again = base.receives(contact("email", email="ada@example.com", **FAILED))
    assert (failed.outcome, again.outcome) == ("created", "opened")
    assert named.profile_id != failed.profile_id == again.profile_id
    real = base.receives(contact("email", email="ada@example.com"))
    assert (real.outcome, {s.other_id for s in real.suggestions}) == ("created", {named.profile_id, failed.profile_id})
    assert base.receives(contact("email", email="ada@example.com", **FAILED)).profile_id == real.profile_id


def test_further_values_of_others_are_not_taken_but_suggest__RES_11_RES_10() -> None:
    base = Base()
    base.holds(A, "email", "ada@example.com")
    base.holds(B, "phone", LANDLINE, "home")
    form = Further(emails=("ada@example.com",), phones=(ListedPhone(LANDLINE, "home"),))
    decision = base.receives(contact("chat", visitor="v1", further=form))
    assert decision.outcome == "created"
    assert set(base.points[decision.profile_id]) == {("visitor", "v1")}
    assert {(s.other_id, s.kind) for s in decision.suggestions} == {(A, "email"), (B, "phone")}


def test_further_values_the_profile_has_already_change_nothing__RES_11() -> None:
    base = Base()
    base.holds(A, "visitor", "v1")
    base.holds(A, "email", "ada@example.com")
    decision = base.receives(contact("chat", visitor="v1", further=Further(emails=("ada@example.com",))))
    assert (decision.profile_id, decision.new_points, decision.suggestions) == (A, (), ())


def test_two_known_values_never_merge_two_profiles__RES_10() -> None:
    base = Base()
    base.holds(A, "email", "ada@example.com")
    base.holds(B, "phone", MOBILE, "mobile")
    form = Further(phones=(ListedPhone(MOBILE, "mobile"),))
    decision = base.receives(contact("email", email="ada@example.com", further=form))
    assert decision.profile_id == A
    assert base.book.identified["phone", MOBILE].profile_id == B
    assert [(s.profile_id, s.other_id) for s in decision.suggestions] == [(A, B)]


def test_where_contacting_counts_further_values_are_listed_as_well__RES_11_RES_9() -> None:
    base = Base(matching_mode="contacted")
    base.holds(A, "email", "ada@example.com")
    decision = base.receives(contact("chat", visitor="v1", further=Further(emails=("ada@example.com",))))
    assert not base.points[decision.profile_id]["email", "ada@example.com"]["identifying"]
    assert [s.other_id for s in decision.suggestions] == [A]


def test_a_second_customer_id_is_not_listed__RES_11_PRO_1() -> None:
    base = Base()
    base.holds(A, "visitor", "v1")
    base.holds(A, "customer_id", "C1")
    decision = base.receives(contact("chat", visitor="v1", customer_id="C2"))
    assert (decision.profile_id, decision.new_points) == (A, ())


# Customer IDs that the site proves: none, one, many -------------------------------------------------------------------


@pytest.mark.parametrize(("listed_by", "opens"), [([], "new"), ([A], A), ([A, B], "new")])
def test_a_proven_customer_id_opens_the_one_profile_that_has_it__RES_1(listed_by: list[str], opens: str) -> None:
    base = Base()
    for number, profile_id in enumerate(listed_by):
        base.book.listed.setdefault(("customer_id", "C1"), []).append(_holder(f"p{number}", profile_id))
    decision = base.receives(contact("chat", customer_id="C1", proven=True))
    if opens == "new":
        assert decision.outcome == "created"
        assert {s.other_id for s in decision.suggestions} == set(listed_by)
    else:
        assert decision.profile_id == opens


def _holder(point_id: str, profile_id: str) -> Any:
    from onefold.contact_points.points import Holder

    return Holder(point_id, profile_id)


# RES-12: the same delivery again --------------------------------------------------------------------------------------


def test_the_same_delivery_again_changes_nothing__RES_12() -> None:
    base = Base()
    first = base.receives(contact("email", "m-1", email="ada@example.com"))
    again = base.receives(contact("email", "<m-1>", email="Ada@Example.com"))
    assert again.repeats is not None
    assert (again.profile_id, again.conversation_id) == (first.profile_id, first.conversation_id)
    assert (again.new_points, again.changes, again.suggestions) == ((), (), ())


def test_the_same_id_from_another_sender_is_another_message__RES_12() -> None:
    base = Base()
    first = base.receives(contact("email", "m-1", email="ada@example.com"))
    other = base.receives(contact("email", "m-1", email="somebody@else.example"))
    assert (other.repeats, other.profile_id != first.profile_id) == (None, True)
    assert base.receives(contact("email", "m-1", email="somebody@else.example")).repeats is not None


def test_channels_and_networks_number_their_messages_by_themselves__RES_12() -> None:
    base = Base()
    base.receives(contact("email", "m-1", email="ada@example.com"))
    assert base.receives(contact("sms", "m-1", phone=MOBILE)).repeats is None
    base.receives(contact("social", "m-1", network="facebook", user_id="1"))
    assert base.receives(contact("social", "m-1", network="instagram", user_id="1")).repeats is None


@pytest.mark.parametrize("message_id", ["", "   ", "x" * 1_001, "a\x00b"])
def test_a_contact_without_a_usable_message_id_is_refused__RES_12(message_id: str) -> None:
    with pytest.raises(InvalidValue):
        Base().receives(contact("email", message_id or " ", email="ada@example.com"))


# RES-13: naming a conversation ----------------------------------------------------------------------------------------


def test_a_bounce_lands_where_the_message_it_names_does__RES_13() -> None:
    base = Base()
    base.thread("sent-1", "c1", A)
    decision = base.receives(contact("email", email="mailer-daemon@mail.example", reply_to=("sent-1",)))
    assert (decision.outcome, decision.profile_id) == ("opened", A)
    assert not decision.new_points


def test_a_chat_thread_without_a_token_continues__RES_13() -> None:
    base = Base()
    thread = base.new_id()
    base.thread(thread, thread, A)
    assert base.receives(contact("chat", conversation_id=thread)).profile_id == A


def test_the_senders_own_identifier_comes_before_the_thread__RES_13_RES_2_RES_10() -> None:
    base = Base()
    base.thread("sent-1", "c1", A)
    base.holds(B, "email", "bob@example.com")
    assert base.receives(contact("email", email="bob@example.com", reply_to=("sent-1",))).profile_id == B
    assert base.receives(contact("email", email="carol@example.com", reply_to=("sent-1",))).outcome == "created"


# RES-15: other spellings of a number ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+5215512345678", "+525512345678"),
        ("+551187654321", "+5511987654321"),
        ("+5491123456789", "+541123456789"),
        ("+54 11 15 2345 6789", "+5491123456789"),
        ("+54 9 11 15 2345 6789", "+541123456789"),
        ("+54 351 15 234 5678", "+543512345678"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_every_spelling_of_a_line_opens_the_same_profile__RES_15(one: str, other: str, turned: bool) -> None:
    base = Base()
    first, second = (other, one) if turned else (one, other)
    opened = base.receives(contact("whatsapp", phone=first))
    assert base.receives(contact("sms", phone=second)).profile_id == opened.profile_id
