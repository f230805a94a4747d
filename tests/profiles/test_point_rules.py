"""Profiles edited by hand: the rules PRO as cases."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.contact_points.points import HeldPoint, Holder
from onefold.core.errors import AlreadyInUse, Conflict, InvalidValue
from onefold.profiles.display_name import display_name
from onefold.profiles.point_rules import check_sms, plan_point
from onefold.profiles.relationships import seen_from_other
from onefold.settings.mobile_rules import becomes_mobile
from tests.dsl.cases import policy

ME, OTHER = "profile-me", "profile-other"


def point(kind: str = "email", value: str = "ada@example.com", point_id: str = "p1", **fields: Any) -> HeldPoint:
    given: dict[str, Any] = {
        "written": None,
        "phone_type": None,
        "main": False,
        "sms": False,
        "handle": None,
        "identifying": False,
        "contacted": False,
    }
    return HeldPoint(point_id, kind, value, **{**given, **fields})  # type: ignore[arg-type]


def phone(phone_type: str, **fields: Any) -> HeldPoint:
    return point("phone", "+447911123456", phone_type=phone_type, **fields)


# What is identifying: kind × mode (PRO-3, RES-9) ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("added", "listed", "contacted_only"),
    [
        (point(), True, False),
        (point(standing="contacted"), True, True),
        (point("social", "x:1"), True, False),
        (phone("mobile"), True, False),
        (phone("mobile", standing="contacted"), True, True),
        (phone("home"), False, False),
        (phone("office"), False, False),
        (phone("other", standing="contacted"), False, False),
        (point(value="test@test.com"), False, False),
        (point(standing="claimed"), False, False),
        (phone("mobile", standing="claimed"), False, False),
        (point("customer_id", "null", standing="contacted"), False, False),
    ],
)
def test_what_alone_opens_a_profile__PRO_3_RES_9_PRO_12(added: HeldPoint, listed: bool, contacted_only: bool) -> None:
    for mode, opens in (("listed", listed), ("contacted", contacted_only)):
        assert plan_point(added, [], None, ME, policy(matching_mode=mode)).point.identifying is opens


# Taken values (PRO-4, PRO-5) ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("added", [point(), point("social", "x:1"), phone("mobile")])
def test_a_taken_value_is_refused_and_names_the_holder__PRO_4(added: HeldPoint) -> None:
    with pytest.raises(AlreadyInUse) as refusal:
        plan_point(added, [], Holder("p9", OTHER), ME, policy())
    assert refusal.value.facts == {"profile_id": OTHER, "offer": "merge"}
    assert added.value not in refusal.value.detail


@pytest.mark.parametrize("phone_type", ["home", "office", "other"])
def test_shared_phones_may_be_on_many_profiles__PRO_3(phone_type: str) -> None:
    assert not plan_point(phone(phone_type), [], Holder("p9", OTHER, "mobile"), ME, policy()).point.identifying


def test_a_phone_set_to_mobile_begins_to_open_the_profile__PRO_5() -> None:
    assert plan_point(phone("mobile"), [phone("home")], None, ME, policy()).point.identifying


def test_a_phone_set_back_from_mobile_opens_nothing_any_more__PRO_5() -> None:
    mobile_phone = phone("mobile", identifying=True)
    assert not plan_point(phone("home"), [mobile_phone], Holder("p1", ME, "mobile"), ME, policy()).point.identifying


def test_where_contacting_counts_a_listed_value_may_be_on_several_profiles__RES_9() -> None:
    plan = plan_point(point(), [], Holder("p9", OTHER), ME, policy(matching_mode="contacted"))
    assert not plan.point.identifying


def test_a_profile_has_a_value_once_and_one_customer_id__PRO_1() -> None:
    with pytest.raises(Conflict, match="already has this contact point"):
        plan_point(point(point_id="p2"), [point()], None, ME, policy())
    with pytest.raises(Conflict, match="already has a customer ID"):
        plan_point(point("customer_id", "C2", "p2"), [point("customer_id", "C1")], None, ME, policy())


def test_a_customer_id_that_another_has_is_listed_without_opening__PRO_1_SUG_1() -> None:
    assert not plan_point(point("customer_id", "C1"), [], Holder("p9", OTHER), ME, policy()).point.identifying


# Tags (PRO-2, PRO-11) -------------------------------------------------------------------------------------------------


def test_main_moves_from_one_email_to_another_and_phones_keep_theirs__PRO_2() -> None:
    points = [point(main=True), phone("mobile", point_id="p7", main=True)]
    plan = plan_point(point(value="new@example.com", point_id="p2", main=True), points, None, ME, policy())
    assert plan.demoted_id == "p1"


@pytest.mark.parametrize(
    "wrong",
    [
        point(sms=True),
        point(phone_type="mobile"),
        point("social", "x:1", main=True),
        point("phone", "+447911123456"),
        point("phone", "+447911123456", phone_type="fax"),
    ],
)
def test_tags_that_do_not_belong_are_refused__PRO_2(wrong: HeldPoint) -> None:
    with pytest.raises(InvalidValue):
        plan_point(wrong, [], None, ME, policy())


def test_an_sms_needs_the_tag__PRO_11() -> None:
    check_sms(phone("mobile", sms=True))
    for without in (phone("mobile"), point()):
        with pytest.raises(Conflict, match="SMS tag"):
            check_sms(without)


# Relationships and names (PRO-8, MRG-8) -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        ("spouse", "spouse"),
        ("colleague", "colleague"),
        ("parent", "child"),
        ("child", "parent"),
        ("godmother", "godmother of"),
        ("landlord of", "landlord"),
    ],
)
def test_a_relationship_is_seen_from_both_sides__PRO_8(kind: str, seen: str) -> None:
    assert seen_from_other(kind) == seen


def test_without_a_name_the_best_contact_point_names_the_customer__MRG_8() -> None:
    email, handle = point(standing="contacted"), point("social", "x:1", "p2", handle="@ada")
    assert display_name("Ada", [email]) == "Ada"
    assert display_name(None, [email, handle]) == "ada@example.com"
    assert display_name(None, [handle]) == "@ada"
    assert display_name(None, [email, phone("mobile", point_id="p3", main=True)]) == "+447911123456"
    assert display_name(None, [point("visitor", "v1")]) == "Unknown customer"


# Finding mobiles (RES-7) ----------------------------------------------------------------------------------------------

HOLDERS = [
    ([("a", "other")], "a"),
    ([("a", "other"), ("b", "home"), ("c", "office")], "a"),
    ([("a", "other"), ("b", "other")], None),
    ([("a", "home")], None),
    ([("a", "office"), ("b", "home")], None),
    ([("a", "other"), ("b", "mobile")], None),
    ([], None),
]


@pytest.mark.parametrize(("holders", "changed"), HOLDERS)
def test_only_a_number_that_one_holds_as_other_becomes_mobile__RES_7(
    holders: list[tuple[str, Any]], changed: str | None
) -> None:
    holder = becomes_mobile([Holder(profile_id, profile_id, phone_type) for profile_id, phone_type in holders])
    assert (holder and holder.profile_id) == changed
