"""Suggestions as the base raises, rates, remembers and forgets them (SUG)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from onefold.contact_points.blocklist import Entry
from onefold.core.actor import Actor
from onefold.core.errors import Conflict
from onefold.matching.scoring import EVIDENCE_KINDS, HIGH_RATING, UNPROVEN_RATING
from onefold.matching.store import SuggestionRow, suggestions_of
from onefold.merging import bulk as many_merges
from onefold.organizations.store import add_entries, change_settings
from onefold.profiles import service as profiles
from onefold.profiles.service import PointInput
from onefold.receiving.contact import Further, ListedPhone, ListedSocial
from onefold.settings import service as settings
from onefold.suggestions import service as suggestions
from onefold.suggestions.service import SuggestionView
from onefold.suggestions.store import QueueFilter
from tests.conftest import Base
from tests.dsl.cases import contact
from tests.dsl.words import (
    COMMAND,
    add_address,
    add_detail,
    detach,
    do,
    edit,
    list_point,
    merge,
    point_of,
    profile,
    receive,
    rows,
    suggested,
    told,
)
from tests.invariants import check_base

ADA, SLIP = "ada.lovelace@kite.example", "ada.lovelacee@kite.example"
PHONE, OTHER_PHONE = "+442079460001", "+442079460002"


def contacted(base: Base) -> None:
    """RES-9: what is merely listed may be on several profiles, and suggests them."""
    do(base, lambda unit: settings.change(unit, {"matching_mode": "contacted"}, COMMAND), exclusive=True)


def views(base: Base, profile_id: str, *, dismissed: bool = False) -> list[SuggestionView]:
    with base.database.read(base.organization_id) as unit:
        return suggestions.of_profile(unit, profile_id, dismissed=dismissed)


def no_match(base: Base, one: str, other: str) -> SuggestionRow | None:
    return do(base, lambda unit: suggestions.no_match(unit, one, other, COMMAND))


def take_back(base: Base, one: str, other: str) -> SuggestionRow | None:
    return do(base, lambda unit: suggestions.withdraw(unit, one, other, COMMAND))


def why(base: Base, one: str, other: str) -> Any:
    with base.database.read(base.organization_id) as unit:
        return suggestions.why(unit, one, other)


def caller(base: Base, phone: str = PHONE, **further: Any) -> str:
    """A profile that a call from a shared number makes."""
    return receive(base, "voice", phone=phone, further=Further(**further, vouched=True) if further else None).profile_id


# What two share ------------------------------------------------------------------------------------------------------


def handed(*points: PointInput, **fields: Any) -> Callable[[Base], str]:
    return lambda base: profile(base, *points, **fields)


def sent(channel: str, **given: Any) -> Callable[[Base], str]:
    return lambda base: receive(base, channel, **given).profile_id


def email(value: str) -> PointInput:
    return PointInput("email", value)


SHARED = [
    # one, another → the kinds of evidence between them (none: no suggestion)
    ("a phone, by calls", sent("voice", phone=PHONE), sent("voice", phone=PHONE), ("phone",)),
    (
        "a phone of two types",
        handed(PointInput("phone", PHONE, phone_type="home")),
        handed(PointInput("phone", PHONE, phone_type="office")),
        ("phone",),
    ),
    (
        "a mobile that is another's home",
        sent("sms", phone=PHONE),
        handed(PointInput("phone", PHONE, phone_type="home")),
        ("phone",),
    ),
    (
        "an email in a form",
        sent("email", email=ADA),
        sent("sms", phone=OTHER_PHONE, further=Further(emails=(ADA,))),
        ("email",),
    ),
    (
        "a social account in a form",
        sent("social", network="facebook", user_id="7"),
        sent("email", email=ADA, further=Further(social=(ListedSocial("facebook", "7"),))),
        ("social",),
    ),
    (
        "a customer ID in a form",
        handed(customer_id="C-1"),
        sent("email", email=ADA, further=Further(customer_id="C-1")),
        ("customer_id",),
    ),
    (
        "handles of two networks",
        sent("social", network="facebook", user_id="7", handle="Ada.L"),
        sent("social", network="instagram", user_id="8", handle="@ada.l"),
        ("handle",),
    ),
    (
        "a username and a handle",
        handed(username="Ada.L"),
        sent("social", network="instagram", user_id="8", handle="@ada.l"),
        ("handle",),
    ),
    ("two usernames", handed(username="Ada.L"), handed(username="ada.l"), ("handle",)),
    ("a slip in an email, by contacts", sent("email", email=ADA), sent("email", email=SLIP), ("similar_email",)),
    ("a slip in an email, by hand", handed(email(ADA)), handed(email(SLIP)), ("similar_email",)),
    ("a tag", sent("email", email="ada+news@kite.example"), handed(email("ada@kite.example")), ("similar_email",)),
    ("dots at Gmail", handed(email("ada.l@gmail.com")), sent("email", email="adal@googlemail.com"), ("similar_email",)),
    (
        "a mistyped domain",
        sent("email", email="ada.l@gmial.com"),
        sent("email", email="ada.l@gmail.com"),
        ("similar_email",),
    ),
    ("role addresses", sent("email", email="info@kite.example"), sent("email", email="info+x@kite.example"), None),
    ("a name alone", handed(name="Ada Lovelace"), handed(name="Ada Lovelace"), None),
    (
        "two values at once",
        sent("email", email=ADA, further=Further(phones=(ListedPhone(PHONE, "home"),))),
        sent("email", email=SLIP, further=Further(phones=(ListedPhone(PHONE, "home"),))),
        ("phone", "similar_email"),
    ),
]


MATTERS_WHO_IS_FIRST = ("a mobile", "an email in a form", "a social account in a form", "a customer ID in a form")
"""Turned round, the first holds the value and the second opens it (RES-2): nothing is shared."""

BOTH_WAYS = [
    pytest.param(*row[1:], turned, id=f"{row[0]}{', turned' * turned}")
    for row in SHARED
    for turned in (False, True)
    if not (turned and row[0].startswith(MATTERS_WHO_IS_FIRST))
]


@pytest.mark.parametrize(("one", "another", "kinds", "turned"), BOTH_WAYS)
def test_two_who_share_this_are_suggested_at_once_and_from_both_sides__SUG_1_SUG_2(
    base: Base, one: Callable[[Base], str], another: Callable[[Base], str], kinds: tuple[str, ...] | None, turned: bool
) -> None:
    first, second = (make(base) for make in ((another, one) if turned else (one, another)))
    assert first != second
    assert suggested(base, first) == ({} if kinds is None else {second: kinds})
    assert suggested(base, second) == ({} if kinds is None else {first: kinds})
    check_base(base.database, base.organization_id)


def test_withheld_numbers_share_nothing__PRO_12_SUG_1(base: Base) -> None:
    one, other = caller(base, "Anonymous"), caller(base, "Anonymous")
    assert suggested(base, one) == suggested(base, other) == {}


def test_a_listed_email_of_two_suggests_them_where_only_contact_identifies__SUG_1_RES_9(base: Base) -> None:
    contacted(base)
    one, other = profile(base, email(ADA)), profile(base, email(ADA))
    assert suggested(base, one) == {other: ("email",)}


def test_two_of_one_batch_are_suggested__SUG_1_SUG_2(base: Base) -> None:
    batch = [
        contact("email", email=ADA),
        contact("email", email=SLIP),
        contact("voice", phone=PHONE),
        contact("voice", phone=PHONE),
        contact("social", network="facebook", user_id="1", handle="ada.l"),
        contact("social", network="instagram", user_id="2", handle="Ada.L"),
    ]
    answers = base.receiver.receive(base.organization_id, batch)
    ids = [answer.profile_id for answer in answers]  # type: ignore[union-attr]
    suggested_by_id = {one: suggested(base, one) for one in ids}
    expected: dict[str, dict[str, tuple[str, ...]]] = {}
    for at, kind in ((0, "similar_email"), (2, "phone"), (4, "handle")):
        expected |= {ids[at]: {ids[at + 1]: (kind,)}, ids[at + 1]: {ids[at]: (kind,)}}
    assert suggested_by_id == expected


def test_the_same_account_is_no_further_evidence_by_its_handle__SUG_1(base: Base) -> None:
    contacted(base)
    given = PointInput("social", "7", network="facebook", handle="ada.l")
    one, other = profile(base, given), profile(base, given)
    assert suggested(base, one) == {other: ("social",)}


# Edits ---------------------------------------------------------------------------------------------------------------

LOST: list[tuple[str, Callable[[Base], tuple[str, str]], Callable[[Base, str], object]]] = [
    ("a phone is removed", lambda b: (caller(b), caller(b)), lambda b, one: remove(b, one, PHONE)),
    (
        "an email is removed",
        lambda b: (profile(b, email(ADA)), profile(b, email(SLIP))),
        lambda b, one: remove(b, one, ADA),
    ),
    (
        "an email is corrected",
        lambda b: (profile(b, email(ADA)), profile(b, email(SLIP))),
        lambda b, one: change_point(b, one, ADA, value="somebody.else@kite.example"),
    ),
    (
        "a username is emptied",
        lambda b: (profile(b, username="ada"), profile(b, username="ada")),
        lambda b, one: edit(b, one, username=None),
    ),
    (
        "a handle is corrected",
        lambda b: (profile(b, PointInput("social", "1", network="facebook", handle="ada")), profile(b, username="ada")),
        lambda b, one: change_point(b, one, "facebook:1", handle="eve"),
    ),
    (
        "a contact point is detached",
        lambda b: (caller(b, emails=(ADA,)), caller(b)),
        lambda b, one: detach(b, one, point_of(b, one, PHONE).contact_point_id),
    ),
    (
        "a customer ID is changed",
        lambda b: (
            profile(b, customer_id="C-1"),
            receive(b, "email", email=ADA, further=Further(customer_id="C-1")).profile_id,
        ),
        lambda b, one: edit(b, one, customer_id="C-2"),
    ),
]


def remove(base: Base, profile_id: str, value: str) -> None:
    point = point_of(base, profile_id, value).contact_point_id
    do(base, lambda unit: profiles.remove_point(unit, profile_id, point, None))


def change_point(base: Base, profile_id: str, of: str, **changes: Any) -> None:
    point = point_of(base, profile_id, of).contact_point_id
    do(base, lambda unit: profiles.edit_point(unit, profile_id, point, changes, None))


@pytest.mark.parametrize(("pair", "edited"), [row[1:] for row in LOST], ids=[row[0] for row in LOST])
def test_without_the_value_there_is_no_evidence_and_no_suggestion__SUG_1(
    base: Base, pair: Callable[[Base], tuple[str, str]], edited: Callable[[Base, str], object]
) -> None:
    one, other = pair(base)
    assert set(suggested(base, one)) == {other}
    edited(base, one)
    assert suggested(base, one) == {}
    between = "SELECT kind FROM evidence WHERE profile_id IN (:one, :other) AND other_id IN (:one, :other)"
    assert rows(base, between, one=one, other=other) == []
    check_base(base.database, base.organization_id)


def test_a_value_that_is_put_back_suggests_again__SUG_1(base: Base) -> None:
    one, other = profile(base, email(ADA)), profile(base, email(SLIP))
    remove(base, one, ADA)
    list_point(base, one, email(ADA))
    assert suggested(base, one) == {other: ("similar_email",)}


def test_names_addresses_and_birth_dates_rate_anew__SUG_5(base: Base) -> None:
    one, other = caller(base), caller(base)
    ratings = [views(base, one)[0].row.rating]

    def both(key: str, *values: str) -> None:
        for profile_id, value in zip((one, other), values, strict=True):
            if key == "name":
                edit(base, profile_id, name=value)
            elif key == "street":
                add_address(base, profile_id, value)
            else:
                add_detail(base, profile_id, "birthday", value)
        ratings.append(views(base, one)[0].row.rating)

    both("name", "Ada Lovelace", "Lovelace, Ada")
    both("street", "1 High St", "1 HIGH ST")
    both("birthday", "1815-12-10", "1815-12-10")
    assert ratings == sorted(set(ratings)), "each says more than the one before"
    both("name", "Ada Lovelace", "Charles Babbage")
    assert ratings[-1] < ratings[-2]


# "No Match" ----------------------------------------------------------------------------------------------------------


def test_no_match_closes_the_suggestion_and_is_remembered__SUG_3_SUG_4(base: Base) -> None:
    one, other = caller(base), caller(base)
    row = no_match(base, one, other)
    assert row is not None
    assert row.state == "dismissed"
    assert suggested(base, one) == suggested(base, other) == {}
    (view,) = views(base, other, dismissed=True)
    assert (view.row.state, view.dismissed_kinds, view.new_kinds) == ("dismissed", ("phone",), ())


def test_another_value_of_the_same_kind_does_not_raise_it_again__SUG_4(base: Base) -> None:
    one, other = caller(base), caller(base)
    no_match(base, one, other)
    for profile_id in (one, other):
        list_point(base, profile_id, PointInput("phone", OTHER_PHONE, phone_type="home"))
    assert suggested(base, one) == {}
    assert len(rows(base, "SELECT value FROM evidence")) == 2


def test_evidence_of_a_new_kind_raises_it_again_and_says_what_is_new__SUG_4(base: Base) -> None:
    one, other = caller(base), caller(base)
    no_match(base, one, other)
    list_point(base, one, email(ADA))
    list_point(base, other, email(SLIP))
    (view,) = views(base, one)
    assert (view.row.kinds, view.new_kinds, view.dismissed_kinds) == (
        ("phone", "similar_email"),
        ("similar_email",),
        ("phone",),
    )
    no_match(base, one, other)
    assert suggested(base, one) == {}


@pytest.mark.parametrize("into", ["source", "destination"])
def test_no_match_holds_also_where_either_is_merged_into_a_third__SUG_4(base: Base, into: str) -> None:
    one, other = caller(base), caller(base)
    no_match(base, one, other)
    third = profile(base, name="Third")
    if into == "destination":
        merge(base, other, third)
        survivor = third
    else:
        merge(base, third, other)
        survivor = other
    assert suggested(base, one) == {}
    (view,) = views(base, one, dismissed=True)
    assert {view.row.profile_id, view.row.other_id} == {one, survivor}
    edit(base, survivor, username="x")  # looked at again
    assert suggested(base, one) == {}


def test_no_match_holds_where_both_are_merged_away__SUG_4(base: Base) -> None:
    one, other = caller(base), caller(base)
    no_match(base, one, other)
    thirds = [profile(base, name=name) for name in ("Third", "Fourth")]
    for gone, third in zip((one, other), thirds, strict=True):
        merge(base, gone, third)
    assert suggested(base, thirds[0]) == {}
    check_base(base.database, base.organization_id)


def test_taking_it_back_opens_it_again__SUG_4(base: Base) -> None:
    one, other = caller(base), caller(base)
    no_match(base, one, other)
    row = take_back(base, other, one)
    assert row is not None
    assert (row.state, suggested(base, one)) == ("open", {other: ("phone",)})
    with pytest.raises(Conflict) as refusal:
        take_back(base, one, other)
    assert refusal.value.code == "no_verdict"
    assert [kind for kind, _, _ in told(base)][-2:] == ["suggestion.dismissed", "suggestion.reopened"]
    assert len(rows(base, "SELECT id FROM verdicts WHERE withdrawn_at IS NOT NULL")) == 1


def test_no_match_through_an_old_id_reaches_the_survivor__EVT_2_SUG_4(base: Base) -> None:
    one, other, gone = caller(base), caller(base), profile(base)
    merge(base, gone, other)
    no_match(base, one, gone)
    assert suggested(base, one) == {}
    with pytest.raises(Conflict, match="same profile"):
        no_match(base, gone, other)


def test_no_match_between_two_who_share_nothing_yet_leaves_room_for_evidence__SUG_4(base: Base) -> None:
    one, other = profile(base, email(ADA)), profile(base)
    assert no_match(base, one, other) is None
    list_point(base, other, email(SLIP))
    assert suggested(base, one) == {other: ("similar_email",)}


# Why -----------------------------------------------------------------------------------------------------------------


def test_why_adds_up_and_names_both_values_and_how_rare_they_are__SUG_5(base: Base) -> None:
    one, other, _ = (caller(base) for _ in range(3))
    for profile_id, given in ((one, ADA), (other, SLIP)):
        list_point(base, profile_id, email(given))
        edit(base, profile_id, name="Ada Lovelace")
    comparison = why(base, one, other)
    assert [(r.feature, r.value, r.other_value, r.holders) for r in comparison.reasons] == [
        ("phone", PHONE, PHONE, 3),
        ("typing_slip", ADA, SLIP, None),
        ("name", "Ada Lovelace", "Ada Lovelace", None),
    ]
    assert comparison.bits == pytest.approx(comparison.prior + sum(r.bits for r in comparison.reasons))
    assert comparison.rating == pytest.approx(1 / (1 + math.pow(2, -comparison.bits)), abs=1e-4)
    (view,) = [v for v in views(base, one) if other in v.row.pair]
    assert (view.comparison, view.row.rating) == (comparison, comparison.rating)


def test_why_answers_where_nothing_is_suggested__SUG_5(base: Base) -> None:
    one, other = profile(base, name="Ada"), profile(base, name="Bob")
    comparison = why(base, one, other)
    assert ([r.feature for r in comparison.reasons], comparison.kinds) == (["name_differs"], ())
    assert comparison.rating < 0.05


def test_a_rarer_value_says_more__SUG_5(base: Base) -> None:
    pair = caller(base), caller(base)
    rare = why(base, *pair).rating
    for _ in range(6):
        caller(base)
    assert why(base, *pair).rating < rare


# Too common to say anything ------------------------------------------------------------------------------------------


def test_the_value_of_a_switchboard_raises_nothing_more_and_what_rests_on_it_alone_goes__SUG_6(base: Base) -> None:
    do(base, lambda unit: change_settings(unit, shared_limit=3))
    one, two, three = (caller(base) for _ in range(3))
    assert set(suggested(base, one)) == {two, three}
    for who in (one, two):
        list_point(base, who, email("ada+1@kite.example" if who == one else "ada@kite.example"))
    assert suggested(base, one)[two] == ("phone", "similar_email")
    fourth = caller(base)
    assert suggested(base, fourth) == suggested(base, three) == {}
    by_hand = profile(base, PointInput("phone", PHONE, phone_type="office"))
    assert suggested(base, by_hand) == {}
    edit(base, one, name="Ada")
    assert suggested(base, one) == {two: ("similar_email",)}  # which is another reason
    assert suggested(base, fourth) == {}


def test_a_hand_that_makes_a_value_common_takes_it_back_as_a_contact_does__SUG_6(base: Base) -> None:
    do(base, lambda unit: change_settings(unit, shared_limit=3))
    one, *_ = (caller(base) for _ in range(3))
    profile(base, PointInput("phone", PHONE, phone_type="office"))
    assert suggested(base, one) == {}


def test_a_shared_role_address_is_weak_evidence__SUG_6(base: Base) -> None:
    do(base, lambda unit: settings.change(unit, {"matching_mode": "contacted"}, COMMAND), exclusive=True)
    for local, is_weak in (("info", True), ("ada.lovelace", False)):
        one, _ = (profile(base, email(f"{local}@kite.example")) for _ in range(2))
        with base.database.read(base.organization_id) as unit:
            (row,) = suggestions_of(unit, one)
        assert (row.rating < 0.5) == is_weak


def test_who_has_brought_a_value_counts_at_every_look__RES_11_SUG_6(base: Base) -> None:
    """Also when the one they brought it of is looked at again, and not only when somebody else lists it."""
    do(base, lambda unit: change_settings(unit, shared_limit=3))
    one = profile(base, PointInput("phone", PHONE, phone_type="office"))
    brought = Further(phones=(ListedPhone(PHONE, "office"),))
    bringing = {receive(base, "chat", further=brought, name=f"Visitor {n}").profile_id for n in range(2)}
    assert set(suggested(base, one)) == bringing
    two = profile(base, PointInput("phone", PHONE, phone_type="office"))
    assert suggested(base, two) == {}
    edit(base, one, name="Ada")
    assert suggested(base, two) == {}


def test_twenty_may_share_a_value_and_the_twenty_first_is_silent__SUG_6(base: Base) -> None:
    calls = [contact("voice", phone=PHONE) for _ in range(20)]
    answers = base.receiver.receive(base.organization_id, calls)
    twentieth = answers[-1].profile_id  # type: ignore[union-attr]
    assert len(suggested(base, twentieth)) == 19
    assert suggested(base, caller(base)) == {}


def test_handles_and_similar_emails_are_silent_beyond_the_limit_as_well__SUG_6(base: Base) -> None:
    do(base, lambda unit: change_settings(unit, shared_limit=3))
    shared = [profile(base, username="kitty") for _ in range(5)]
    tagged = [profile(base, email(f"ada+{n}@kite.example")) for n in range(5)]
    for many in (shared, tagged):
        assert suggested(base, many[-1]) == {}
        assert suggested(base, many[0]) == {}


def test_what_is_on_the_blocklist_never_suggests__PRO_12_SUG_6(base: Base) -> None:
    do(base, lambda unit: add_entries(unit, [Entry("phone", PHONE), Entry("email", "*@kite.example")]))
    do(base, lambda unit: change_settings(unit))
    one, other = caller(base), caller(base)
    first, second = profile(base, email(ADA)), profile(base, email(SLIP))
    assert [suggested(base, each) for each in (one, other, first, second)] == [{}] * 4


# Rank and queue ------------------------------------------------------------------------------------------------------


def crowd(base: Base) -> dict[str, str]:
    """One profile with three suggestions, from likely to unlikely."""
    one = caller(base, emails=(ADA,), customer_id="C-1")
    edit(base, one, name="Ada Lovelace", username="ada")
    likely = caller(base, emails=(SLIP,))
    edit(base, likely, name="Ada Lovelace")
    maybe = caller(base)
    hardly = profile(base, username="ada", name="Somebody Else")
    return {"one": one, "likely": likely, "maybe": maybe, "hardly": hardly}


def queued(base: Base, after: tuple[float, str, str] | None = None, limit: int = 50, **filters: Any) -> list[Any]:
    with base.database.read(base.organization_id) as unit:
        return [view.row for view in suggestions.queue(unit, QueueFilter(**filters), after, limit)]


def test_a_profiles_suggestions_are_ranked__SUG_7(base: Base) -> None:
    named = crowd(base)
    ratings = [view.row.rating for view in views(base, named["one"])]
    assert ratings == sorted(ratings, reverse=True)
    assert list(suggested(base, named["one"])) == [named["likely"], named["maybe"], named["hardly"]]


def test_the_queue_has_them_all_by_rating_page_by_page__SUG_7(base: Base) -> None:
    crowd(base)
    whole = queued(base)
    assert len(whole) == 4  # the two callers of one's number are suggested with each other as well
    order = [(row.rating, row.profile_id, row.other_id) for row in whole]
    assert order == sorted(order, reverse=True)
    paged: list[Any] = []
    while page := queued(base, order[len(paged) - 1] if paged else None, 1):
        paged += page
    assert paged == whole


def test_ties_are_paged_without_gap_or_double__SUG_7(base: Base) -> None:
    for n in range(10, 15):
        for _ in range(2):
            caller(base, f"+4420794600{n}")
    whole = queued(base)
    assert (len(whole), len({row.rating for row in whole})) == (5, 1)
    paged: list[Any] = []
    while page := queued(base, (paged[-1].rating, *paged[-1].pair) if paged else None, 2):
        paged += page
    assert paged == whole


FILTERS = [
    # filter → who of the four is left, by the kinds of evidence
    ({"kind": "phone"}, [("phone", "similar_email"), ("phone",), ("phone",)]),
    ({"kind": "handle"}, [("handle",)]),
    ({"kind": "similar_email"}, [("phone", "similar_email")]),
    ({"kind": "email"}, []),
    ({"lowest": 0.9}, [("phone", "similar_email")]),
    ({"highest": 0.9, "kind": "handle"}, [("handle",)]),
    ({"lowest": 1.1}, []),
    ({"state": "dismissed"}, []),
]


@pytest.mark.parametrize(("filters", "kinds"), FILTERS, ids=lambda value: str(value))
def test_the_queue_is_filtered_by_evidence_and_rating__SUG_7(
    base: Base, filters: dict[str, Any], kinds: list[tuple[str, ...]]
) -> None:
    crowd(base)
    assert [row.kinds for row in queued(base, **filters)] == kinds


def test_what_was_dismissed_is_in_a_queue_of_its_own__SUG_4_SUG_7(base: Base) -> None:
    one, other = caller(base), caller(base)
    no_match(base, one, other)
    assert (len(queued(base)), len(queued(base, state="dismissed"))) == (0, 1)


# Who is not proven ---------------------------------------------------------------------------------------------------


def unproven(base: Base, state: str = "failed") -> tuple[str, str]:
    """One who is said to write from an email, and another who has it listed; much else speaks for them."""
    contacted(base)
    one = receive(base, "email", email=ADA, name="Ada Lovelace", sender_state=state).profile_id
    other = profile(base, email(ADA), name="Ada Lovelace")
    for profile_id in (one, other):
        add_address(base, profile_id, "1 High St")
    return one, other


def test_an_unproven_email_alone_never_rates_high__RES_14(base: Base) -> None:
    one, _ = unproven(base)
    (view,) = views(base, one)
    assert view.row.rating == UNPROVEN_RATING
    assert not view.comparison.reasons[0].proven


def test_a_proven_one_does__RES_14(base: Base) -> None:
    one, _ = unproven(base, "unchecked")
    assert views(base, one)[0].row.rating > HIGH_RATING


def test_further_evidence_that_is_proven_lifts_the_limit__RES_14(base: Base) -> None:
    one, other = unproven(base)
    for profile_id in (one, other):
        list_point(base, profile_id, PointInput("phone", PHONE, phone_type="home"))
    assert views(base, one)[0].row.rating > HIGH_RATING


def test_an_agent_who_confirms_it_lifts_the_limit__PRO_13(base: Base) -> None:
    one, _ = unproven(base)
    point_id = point_of(base, one, ADA).contact_point_id
    do(base, lambda unit: profiles.confirm_point(unit, one, point_id, None))
    assert point_of(base, one, ADA).standing == "entered"
    assert views(base, one)[0].row.rating > HIGH_RATING


def test_the_order_of_kinds_is_that_of_the_evidence__SUG_5(base: Base) -> None:
    named = crowd(base)
    for view in views(base, named["one"]):
        places = [EVIDENCE_KINDS.index(kind) for kind in view.row.kinds]
        assert places == sorted(places)


# "No Match" and the merge of the two (SUG-4) --------------------------------------------------------------------------


ACTOR = Actor(None, None, "a test")


def said_no_match(base: Base) -> tuple[str, str]:
    """Two that share a phone, of whom somebody has said that they are not one."""
    one, other = caller(base), caller(base)
    do(base, lambda unit: suggestions.no_match(unit, one, other, ACTOR))
    return one, other


def test_a_no_match_is_not_merged_over_without_a_word__SUG_4(base: Base) -> None:
    one, other = said_no_match(base)
    with pytest.raises(Conflict) as refusal:
        merge(base, one, other)
    assert refusal.value.code == "no_match_said"
    assert [set(said) for said in refusal.value.facts["no_match"]] == [{"agent_id", "agent", "at"}]  # type: ignore[attr-defined]
    merge(base, one, other, despite_no_match=True)
    assert do(base, lambda unit: profiles.read(unit, other)).former_ids == [one]


def test_a_no_match_holds_for_whoever_the_two_were_merged_into__SUG_4(base: Base) -> None:
    one, other = said_no_match(base)
    third, fourth = (profile(base, email(f"{name}@kite.example")) for name in ("third", "fourth"))
    merge(base, one, third)
    merge(base, other, fourth)
    with pytest.raises(Conflict, match="No Match"):
        merge(base, third, fourth)


def test_a_no_match_that_was_taken_back_stands_in_nobodys_way__SUG_4(base: Base) -> None:
    one, other = said_no_match(base)
    do(base, lambda unit: suggestions.withdraw(unit, one, other, ACTOR))
    merge(base, one, other)


def test_many_merges_leave_a_no_match_out__SUG_4_MRG_16(base: Base) -> None:
    one, other = said_no_match(base)
    third = profile(base, email("third@kite.example"))
    run = do(base, lambda unit: many_merges.begin(unit, [(one, other), (third, other)], ACTOR))
    run = many_merges.advance(base.database, base.organization_id, run.id, 10)
    assert (run.state, run.counts["no_match"], run.counts["merged"], run.counts["refused"]) == ("finished", 1, 1, 0)
