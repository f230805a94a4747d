"""A visitor who signs in stays one customer, and a browser that several sign in from is nobody's (RES-17)."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.core.errors import InvalidValue
from onefold.merging import join_browser
from onefold.profiles.service import PointInput, resolve_redirect
from onefold.receiving.contact import Further
from onefold.receiving.service import Receiver
from onefold.settings import service as settings
from onefold.suggestions import service as suggestions
from tests.conftest import Base as Database
from tests.dsl.cases import Base, contact
from tests.dsl.words import COMMAND, add_detail, do, list_point, receive, rows, said, show, suggested, undo

A = "00000000-0000-7000-9000-000000000001"
ID, MAIL = {"customer_id": "C-1"}, {"email": "ada@example.com"}


def signed_in(token: str = "t-1", **who: Any) -> Any:
    return contact("chat", visitor=token, proven=True, **who)


@pytest.mark.parametrize("who", [ID, MAIL, {**ID, **MAIL}], ids=["by customer ID", "by email", "by both"])
def test_nobody_holds_the_identity_and_the_anonymous_profile_gets_it(who: dict[str, str]) -> None:
    base = Base()
    before = base.receives(contact("chat", visitor="t-1", further=Further(emails=("claimed@example.com",))))
    decision = base.receives(signed_in(**who))
    assert (decision.outcome, decision.profile_id) == ("opened", before.profile_id)
    assert decision.conversation_id == before.conversation_id
    for kind, value in who.items():
        assert base.book.identified[kind, value].profile_id == before.profile_id  # type: ignore[index]
    assert base.receives(contact("chat", visitor="t-1")).profile_id == before.profile_id


def test_somebody_holds_the_identity_and_the_anonymous_profile_is_suggested() -> None:
    base = Base()
    base.holds(A, "customer_id", "C-1")
    before = base.receives(contact("chat", visitor="t-1"))
    decision = base.receives(signed_in(**ID))
    assert decision.profile_id == A
    assert [(s.other_id, s.kind, s.value) for s in decision.suggestions if s.kind != "visitor"] == [
        (before.profile_id, "browser", "t-1")
    ]


def test_an_email_customer_who_signs_in_gets_the_customer_id() -> None:
    base = Base()
    base.holds(A, "email", "ada@example.com")
    decision = base.receives(signed_in(**ID, **MAIL))
    assert (decision.outcome, decision.profile_id) == ("opened", A)
    assert base.book.identified["customer_id", "C-1"].profile_id == A


def test_an_email_customer_who_has_another_customer_id_is_somebody_else() -> None:
    base = Base()
    base.holds(A, "email", "ada@example.com")
    base.holds(A, "customer_id", "C-9")
    decision = base.receives(signed_in(**ID, **MAIL))
    assert (decision.outcome, decision.profile_id != A) == ("created", True)


def test_a_browser_that_two_have_signed_in_from_opens_neither() -> None:
    base = Base()
    first = base.receives(signed_in(**ID))
    second = base.receives(signed_in(customer_id="C-2"))
    assert first.profile_id != second.profile_id
    anonymous = base.receives(contact("chat", visitor="t-1"))
    assert anonymous.outcome == "created"
    again = base.receives(signed_in(**ID))
    assert again.profile_id == first.profile_id
    assert [s for s in again.suggestions if s.kind == "browser"] == []
    third = base.receives(signed_in(customer_id="C-3"))
    assert (third.outcome, third.profile_id != anonymous.profile_id) == ("created", True)


def test_a_placeholder_for_a_token_joins_nobody__PRO_12() -> None:
    base = Base()
    before = base.receives(contact("chat", visitor="null"))
    assert base.receives(signed_in("null", **ID)).profile_id != before.profile_id


def test_who_failed_the_sites_own_check_has_not_signed_in__RES_14() -> None:
    base = Base()
    owner = base.receives(signed_in(**ID))
    before = base.receives(contact("chat", visitor="t-2"))
    failed = base.receives(signed_in("t-2", customer_id="C-2", sender_state="failed"))
    assert failed.profile_id not in (owner.profile_id, before.profile_id)
    assert base.receives(contact("chat", visitor="t-2")).profile_id == before.profile_id


def test_what_is_only_claimed_signs_nobody_in__PRO_13() -> None:
    base = Base()
    before = base.receives(contact("chat", visitor="t-1"))
    claimed = base.receives(contact("chat", visitor="t-1", **ID))
    assert claimed.profile_id == before.profile_id
    assert ("customer_id", "C-1") not in base.book.identified
    assert base.receives(signed_in("t-2", **ID)).profile_id != before.profile_id


def test_it_holds_as_it_is_stored(base: Database) -> None:
    anonymous = receive(base, "chat", visitor="t-1")
    known = receive(base, "email", email="ada@example.com")
    there = receive(base, "chat", visitor="t-1", proven=True, **MAIL)
    assert there.profile_id == known.profile_id
    assert suggested(base, known.profile_id) == {anonymous.profile_id: ("browser",)}
    new = receive(base, "chat", visitor="t-2")
    assert receive(base, "chat", visitor="t-2", proven=True, **ID).profile_id == new.profile_id
    assert show(base, new.profile_id).customer_id == "C-1"
    other = receive(base, "chat", visitor="t-2", proven=True, customer_id="C-2")
    assert other.profile_id != new.profile_id
    assert receive(base, "chat", visitor="t-2").outcome == "created"


def test_a_browser_that_two_have_signed_in_from_is_evidence_of_neither(base: Database) -> None:
    """Also where an anonymous profile had it before, which was suggested to the first of them."""
    ada = receive(base, "chat", customer_id="C-1", proven=True).profile_id
    bob = receive(base, "chat", customer_id="C-2", proven=True).profile_id
    before = receive(base, "chat", visitor="t-1").profile_id
    receive(base, "chat", visitor="t-1", customer_id="C-1", proven=True)
    assert suggested(base, ada) == {before: ("browser",)}
    receive(base, "chat", visitor="t-1", customer_id="C-2", proven=True)
    assert suggested(base, ada) == suggested(base, bob) == suggested(base, before) == {}
    assert receive(base, "chat", visitor="t-1").outcome == "created"
    receive(base, "chat", visitor="t-1", customer_id="C-1", proven=True)
    assert suggested(base, ada) == {}


# `join`, where the admin chose it


def test_a_shared_browser_joins_nobody(base: Database) -> None:
    ada = receive(base, "chat", customer_id="C-1", proven=True).profile_id
    receive(base, "chat", customer_id="C-2", proven=True)
    before = receive(base, "chat", visitor="t-1").profile_id
    receiver = joining(base)
    receiver.receive(base.organization_id, [signed_in(customer_id="C-1"), signed_in(customer_id="C-2")])
    assert show(base, before).row.id == before
    assert suggested(base, ada) == {}


def test_what_an_agent_has_written_on_it_is_not_joined(base: Database) -> None:
    receiver = joining(base)
    receive(base, "chat", customer_id="C-1", proven=True)
    before = receive(base, "chat", visitor="t-1").profile_id
    add_detail(base, before, "colour", "green")
    receiver.receive(base.organization_id, [signed_in(customer_id="C-1")])
    assert show(base, before).row.id == before


def joining(base: Database) -> Receiver:
    do(base, lambda unit: settings.change(unit, {"visitor_sign_in": "join"}, COMMAND), exclusive=True)
    return Receiver(base.database, join=join_browser.join)


def test_the_anonymous_profile_joins_at_once(base: Database) -> None:
    receiver = joining(base)
    ada = receive(base, "chat", customer_id="C-1", visitor="t-0", proven=True)
    claims = Further(emails=("claimed@kite.example",))
    before = receive(base, "chat", visitor="t-1", body="hello", further=claims)
    [answer] = receiver.receive(base.organization_id, [signed_in(customer_id="C-1", body="it is me")])
    assert (answer.profile_id, answer.conversation_id) == (ada.profile_id, ada.conversation_id)
    assert do(base, lambda unit: resolve_redirect(unit, before.profile_id)) == ada.profile_id
    assert {"hello", "it is me"} <= set(said(base, ada.profile_id))
    assert receive(base, "chat", visitor="t-1").profile_id == ada.profile_id
    (merged,) = rows(base, "SELECT id FROM merges")
    undo(base, str(merged[0]))
    receiver.receive(base.organization_id, [signed_in(customer_id="C-1")])
    assert show(base, before.profile_id).row.id == before.profile_id  # and is not joined again


@pytest.mark.parametrize("chosen", ["suggest", "join"])
def test_who_holds_more_than_a_token_and_claims_is_never_joined(base: Database, chosen: Any) -> None:
    receiver = joining(base)
    do(base, lambda unit: settings.change(unit, {"visitor_sign_in": chosen}, COMMAND), exclusive=True)
    receive(base, "chat", customer_id="C-1", visitor="t-0", proven=True)
    before = receive(base, "chat", visitor="t-1")
    if chosen == "join":
        list_point(base, before.profile_id, PointInput("email", "bob@kite.example"))
    receiver.receive(base.organization_id, [signed_in(customer_id="C-1")])
    assert show(base, before.profile_id).row.id == before.profile_id


def test_who_was_said_to_be_somebody_else_is_not_joined(base: Database) -> None:
    receiver = joining(base)
    ada = receive(base, "chat", customer_id="C-1", visitor="t-0", proven=True)
    before = receive(base, "chat", visitor="t-1")
    do(base, lambda unit: suggestions.no_match(unit, ada.profile_id, before.profile_id, COMMAND))
    [answer] = receiver.receive(base.organization_id, [signed_in(customer_id="C-1")])
    assert answer.profile_id == ada.profile_id
    assert show(base, before.profile_id).row.id == before.profile_id


def test_anything_else_is_no_setting(base: Database) -> None:
    with pytest.raises(InvalidValue):
        do(base, lambda unit: settings.change(unit, {"visitor_sign_in": "always"}, COMMAND), exclusive=True)  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("channel", "sender"),
    [
        ("email", {"email": "lena@kite.example"}),
        ("sms", {"phone": "+447911123456"}),
        ("whatsapp", {"phone": "+447911123456"}),
        ("voice", {"phone": "+447911123456"}),
        ("social", {"network": "instagram", "user_id": "77"}),
    ],
)
def test_only_a_chat_has_a_sites_proof__RES_1_PRO_14(base: Database, channel: str, sender: dict[str, str]) -> None:
    """What else a sender of another channel says of itself is a claim, and opens nothing for its owner (PRO-13)."""
    owner = receive(base, "email", email="owner@kite.example").profile_id
    claiming = receive(base, channel, **sender, customer_id="C-1", visitor="v1", proven=True).profile_id
    standings = rows(base, f"SELECT kind, standing FROM contact_points WHERE profile_id = '{claiming}'")
    assert {kind: standing for kind, standing in standings if kind in ("customer_id", "visitor")} == {
        "customer_id": "claimed",
        "visitor": "claimed",
    }
    signed_in = receive(base, "chat", visitor="v1", customer_id="C-1", proven=True).profile_id
    assert signed_in not in (claiming, owner)
