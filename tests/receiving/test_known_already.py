"""What a profile lists or claims already is not put on it a second time, whatever says that it is the customer's."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.merging import new_owner
from onefold.profiles.service import PointInput
from onefold.receiving.contact import Answer, Further, ListedPhone
from onefold.settings import service as settings
from tests.conftest import Base
from tests.dsl.cases import contact
from tests.dsl.words import COMMAND, do, list_point, point_of, profile, receive, rows, suggested
from tests.invariants import check_base
from tests.merging.test_new_owner import NUMBER, ada_then

TOKEN = "tok-123456"
ADA = "ada@kite.example"


def sound(base: Base) -> None:
    check_base(base.database, base.organization_id)


@pytest.mark.parametrize(
    ("before", "proven"),
    [
        ({"further": Further(emails=(ADA,))}, {"email": ADA}),
        ({"customer_id": "C-9"}, {"customer_id": "C-9"}),
        ({"further": Further(customer_id="C-9")}, {"customer_id": "C-9"}),
    ],
    ids=["an email", "a customer ID of the form", "a customer ID"],
)
def test_a_visitor_who_named_a_value_and_then_signs_in_with_it_stays_one__RES_17(
    base: Base, before: dict[str, Any], proven: dict[str, Any]
) -> None:
    do(base, lambda unit: settings.change(unit, {"visitor_sign_in": "suggest"}, COMMAND), exclusive=True)
    asked = receive(base, "chat", visitor=TOKEN, **before)
    signed_in = receive(base, "chat", visitor=TOKEN, proven=True, **proven)
    assert (signed_in.outcome, signed_in.profile_id) == ("opened", asked.profile_id)
    point = point_of(base, asked.profile_id, next(iter(proven.values())))
    assert (point.standing, point.identifying, point.current) == ("contacted", True, True)
    sound(base)


@pytest.mark.parametrize("known", ["listed", "claimed"])
def test_an_account_and_a_phone_that_its_profile_has_already_are_one__RES_1(base: Base, known: str) -> None:
    ada = profile(base, PointInput("social", "wa.77", network="whatsapp"), PointInput("email", ADA))
    if known == "listed":
        list_point(base, ada, PointInput("phone", NUMBER, phone_type="home"))
    else:
        receive(base, "email", email=ADA, further=Further(phones=(ListedPhone(NUMBER, "mobile"),)))
    answer = receive(base, "whatsapp", phone=NUMBER, user_id="wa.77")
    assert (answer.outcome, answer.profile_id) == ("opened", ada)
    point = point_of(base, ada, NUMBER)
    assert (point.phone_type, point.identifying, point.standing) == ("mobile", True, "contacted")
    sound(base)


@pytest.mark.parametrize("mode", ["listed", "contacted"])
@pytest.mark.parametrize("how", ["named", "changed to"])
def test_a_former_number_that_is_named_again_is_kept_as_former__RES_21(base: Base, mode: str, how: str) -> None:
    """Neither is the contact refused, nor its former owner suggested to the new one."""
    do(base, lambda unit: settings.change(unit, {"matching_mode": mode}, COMMAND), exclusive=True)
    ada = ada_then(base, "Zoe Lang")
    list_point(base, ada, PointInput("email", ADA))
    list_point(base, ada, PointInput("phone", "+447911123499", phone_type="mobile"))
    zoe = do(
        base, lambda unit: new_owner.give(unit, ada, point_of_unit(base, ada), version=None, actor=COMMAND)
    ).new_profile_id
    if how == "named":
        receive(base, "email", email=ADA, further=Further(phones=(ListedPhone(NUMBER, "mobile"),)))
    else:
        receive(base, "whatsapp", phone="+447911123499", changed_to=NUMBER)
    assert not point_of(base, ada, NUMBER).current
    assert zoe not in suggested(base, ada)
    assert receive(base, "whatsapp", phone=NUMBER).profile_id == zoe
    sound(base)


def point_of_unit(base: Base, profile_id: str) -> str:
    return str(rows(base, f"SELECT id FROM contact_points WHERE value = '{NUMBER}'")[0][0])


def test_a_change_to_a_number_that_another_has_as_mobile_is_a_suggestion_alone__RES_20(base: Base) -> None:
    ada = receive(base, "whatsapp", phone="+447911123499").profile_id
    list_point(base, ada, PointInput("phone", NUMBER, phone_type="home"))
    bob = profile(base, PointInput("phone", NUMBER, phone_type="mobile"))
    receive(base, "whatsapp", phone="+447911123499", changed_to=NUMBER)
    point = point_of(base, ada, NUMBER)
    assert (point.phone_type, point.identifying) == ("home", False)
    assert list(suggested(base, ada)) == [bob]
    sound(base)


def test_a_browser_that_a_form_named_is_shared_like_any_other__RES_17(base: Base) -> None:
    receive(base, "email", email="c@kite.example", visitor=TOKEN)
    for email in ("ada@kite.example", "c@kite.example"):
        receive(base, "chat", visitor=TOKEN, email=email, proven=True)
    assert receive(base, "chat", visitor=TOKEN).outcome == "created"


def test_a_claim_that_was_proven_makes_room_for_another_in_its_batch_too__RES_11(base: Base) -> None:
    def listed(together: bool) -> int:
        phone = f"+4479111235{int(together)}0"
        claims = Further(phones=tuple(ListedPhone(f"+4479111236{int(together)}{n}", "mobile") for n in range(10)))
        ada = receive(base, "whatsapp", phone=phone, further=claims).profile_id
        given = [
            contact("whatsapp", None, phone=phone, changed_to=claims.phones[0].number),
            contact("whatsapp", None, phone=phone, further=Further(emails=(f"new{together}@kite.example",))),
        ]
        for batch in [given] if together else [[one] for one in given]:
            assert all(isinstance(a, Answer) for a in base.receiver.receive(base.organization_id, batch))
        return len(rows(base, f"SELECT id FROM contact_points WHERE profile_id = '{ada}'"))

    assert listed(together=False) == listed(together=True) == 12
    sound(base)
