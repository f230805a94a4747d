"""Receiving contacts on a real database: what needs more than one transaction, or more than one profile, to show."""

from __future__ import annotations

import pytest

from onefold.accounts.service import add_inbox
from onefold.conversations import service as conversations
from onefold.core.errors import DomainError, InvalidValue
from onefold.matching.store import evidence_of, suggestions_of
from onefold.organizations.store import change_settings
from onefold.profiles.searching import search
from onefold.profiles.service import PointInput
from onefold.receiving.contact import Answer, Further, ListedPhone
from onefold.receiving.service import Receiver
from onefold.settings import service as settings
from tests.conftest import Base
from tests.dsl.cases import contact
from tests.dsl.words import COMMAND, do, holders, merge, profile, receive, rows, show

MOBILE, LANDLINE, AMBIGUOUS = "+447911123456", "+442079460000", "+14155552671"


def test_a_profile_and_all_that_belongs_to_it__RES_3(base: Base) -> None:
    answer = receive(base, "email", email="Ada@Example.com", name="Ada Lovelace", subject="Hi", body="Where is it?")
    view = show(base, answer.profile_id)
    assert (view.row.name, view.row.name_confirmed) == ("Ada Lovelace", False)
    point = view.points[0]
    assert (point.value, point.written, point.identifying, point.contacted, point.main) == (
        "ada@example.com",
        "Ada@Example.com",
        True,
        True,
        False,
    )
    with base.database.read(base.organization_id) as unit:
        item = conversations.timeline(unit, answer.profile_id, None, 10)[0]
        assert (str(item.seq), item.subject, item.body, item.direction) == (answer.item_id, "Hi", "Where is it?", "in")
        assert search(unit, "lovel", 5)[0].row.id == answer.profile_id


def test_main_is_never_set_by_a_contact__PRO_2(base: Base) -> None:
    answer = receive(base, "email", email="ada@example.com", further=Further(phones=(ListedPhone(MOBILE, "mobile"),)))
    assert [point.main for point in show(base, answer.profile_id).points] == [False, False]


def test_a_conversation_begins_in_the_inbox_the_contact_was_routed_to__PRO_9(base: Base) -> None:
    inbox_id, _ = do(base, lambda unit: add_inbox(unit, "VIP", COMMAND), exclusive=True)
    answer = receive(base, "email", email="ada@example.com", inbox_id=inbox_id)
    again = receive(base, "email", email="ada@example.com")
    assert again.conversation_id == answer.conversation_id
    with base.database.read(base.organization_id) as unit:
        assert conversations.in_inbox(unit, inbox_id, None, 5)[0].id == answer.conversation_id


def test_after_closing_the_next_contact_opens_a_new_conversation__RES_2(base: Base) -> None:
    first = receive(base, "email", email="ada@example.com")
    do(
        base,
        lambda unit: conversations.change(
            unit, first.conversation_id, inbox_id=None, assignee_id=None, unassign=False, state="closed"
        ),
    )
    second = receive(base, "email", email="ada@example.com")
    assert second.profile_id == first.profile_id
    assert second.conversation_id != first.conversation_id


def test_the_same_delivery_again_answers_as_the_first_time__RES_12(base: Base) -> None:
    first = receive(base, "email", "m-1", email="ada@example.com")
    again = receive(base, "email", "m-1", email="ada@example.com")
    assert again == first._replace(repeated=True)
    assert rows(base, "SELECT count(*) FROM items")[0][0] == 1
    assert rows(base, "SELECT count(*) FROM outbox WHERE type = 'contact.received'")[0][0] == 1


def test_a_batch_holding_the_same_delivery_twice_makes_one_item__RES_12(base: Base) -> None:
    given = [contact("email", "m-1", email="ada@example.com"), contact("email", "m-1", email="ada@example.com")]
    first, again = base.receiver.receive(base.organization_id, given)
    assert isinstance(first, Answer)
    assert again == first._replace(repeated=True)


def test_a_batch_is_what_its_contacts_would_be_one_by_one__RES_4_RES_5(base: Base) -> None:
    given = [
        contact("voice", phone=LANDLINE),
        contact("voice", phone=LANDLINE),
        contact("sms", phone=LANDLINE),
        contact("voice", phone=LANDLINE),
    ]
    answers = [a for a in base.receiver.receive(base.organization_id, given) if isinstance(a, Answer)]
    assert [a.outcome for a in answers] == ["created", "created", "created", "opened"]
    assert holders(base, "phone", LANDLINE)[answers[2].profile_id] == "mobile"
    assert answers[3].profile_id == answers[2].profile_id


def test_one_bad_contact_does_not_touch_the_others__RES_12(base: Base) -> None:
    given = [
        contact("email", email="ada@example.com"),
        contact("email", email="nonsense"),
        contact("email", email="bob@example.com", name="x" * 1_000_000),
        contact("email", " ", email="bob@example.com"),
        contact("sms", phone=MOBILE),
    ]
    answers = base.receiver.receive(base.organization_id, given)
    assert [type(a) for a in answers] == [Answer, Answer, Answer, InvalidValue, Answer]
    assert [a.code for a in answers if isinstance(a, DomainError)] == ["message_id_missing"]
    warned = [[warning.code for warning in a.warnings] for a in answers if isinstance(a, Answer)]
    assert warned == [[], ["not_an_email"], ["text_too_long"], []]


def test_an_sms_turns_the_one_shared_number_into_a_mobile__RES_4(base: Base) -> None:
    call = receive(base, "voice", phone=MOBILE)
    message = receive(base, "sms", phone=MOBILE)
    assert message.profile_id == call.profile_id
    point = show(base, call.profile_id).points[0]
    assert (point.phone_type, point.sms, point.identifying) == ("mobile", True, True)
    assert receive(base, "voice", phone=MOBILE).profile_id == call.profile_id


def test_calls_on_a_shared_line_suggest_each_other__RES_5_SUG_1(base: Base) -> None:
    one, other = receive(base, "voice", phone=LANDLINE), receive(base, "voice", phone=LANDLINE)
    with base.database.read(base.organization_id) as unit:
        for profile_id in (one.profile_id, other.profile_id):
            [suggestion], [evidence] = suggestions_of(unit, profile_id), evidence_of(unit, profile_id)
            assert suggestion.pair == evidence.pair == (one.profile_id, other.profile_id)
            assert (suggestion.state, suggestion.kinds) == ("open", ("phone",))
            assert evidence.shared_value == ("phone", LANDLINE, LANDLINE)


def test_a_lookup_is_asked_once_and_only_for_strangers__RES_6(base: Base) -> None:
    from onefold.settings.service import change

    do(base, lambda unit: change(unit, {"mobile_identification": True}, COMMAND), exclusive=True)
    asked: list[str] = []
    receiver = Receiver(base.database, lookup=lambda number: asked.append(number) or "mobile")  # type: ignore[func-returns-value]
    answers = [receiver.receive(base.organization_id, [contact("voice", phone=AMBIGUOUS)])[0] for _ in range(3)]
    assert len({a.profile_id for a in answers if isinstance(a, Answer)}) == 1
    assert asked == [AMBIGUOUS]
    receiver.receive(base.organization_id, [contact("voice", phone=MOBILE), contact("sms", phone="+14155552672")])
    assert asked == [AMBIGUOUS], "the numbering plan knows the first, and texts need no detecting"


def test_a_reply_to_a_profile_merged_away_lands_on_the_survivor__RES_13(base: Base) -> None:
    survivor = receive(base, "email", "m-1", email="ada@example.com")
    source = receive(base, "email", "m-2", email="ada@work.example")
    merge(base, source.profile_id, survivor.profile_id)
    bounce = receive(base, "email", email="mailer-daemon@mx.example", reply_to=("m-2",))
    chat = receive(base, "chat", conversation_id=source.conversation_id)
    reply = receive(base, "email", email="ada@work.example", reply_to=("m-2",))
    assert {a.profile_id for a in (bounce, chat, reply)} == {survivor.profile_id}
    assert {a.conversation_id for a in (bounce, chat, reply)} == {survivor.conversation_id}


def test_withheld_numbers_stay_as_text__PRO_12_RES_8(base: Base) -> None:
    answer = receive(base, "voice", phone="Anonymous")
    point = show(base, answer.profile_id).points[0]
    assert (point.value, point.identifying) == ("anonymous", False)
    with base.database.read(base.organization_id) as unit:
        assert not suggestions_of(unit, answer.profile_id)


@pytest.mark.parametrize("number", ["+14155552671;ext=5", "+1 415 555 2671 ext 5"])
def test_an_extension_is_part_of_the_number__PRO_10(base: Base, number: str) -> None:
    with_extension = receive(base, "sms", phone=number)
    assert receive(base, "sms", phone="+1 (415) 555-2671 x5").profile_id == with_extension.profile_id
    assert receive(base, "sms", phone="+14155552671").profile_id != with_extension.profile_id


def test_what_too_many_list_can_be_listed_once_more_by_any_of_them__RES_11_SUG_6(base: Base) -> None:
    """Not only by those that a batch looks at: the last of many holds the number already, and brings it again."""
    do(base, lambda unit: settings.change(unit, {"matching_mode": "contacted"}, COMMAND), exclusive=True)
    do(base, lambda unit: change_settings(unit, shared_limit=2))
    shared = Further(phones=(ListedPhone(MOBILE, "mobile"),))
    answers = [receive(base, "email", email=f"person{n}@kite.example", further=shared) for n in range(4)]
    again = receive(base, "email", email="person3@kite.example", further=shared)
    assert again.profile_id == answers[3].profile_id
    assert [p.value for p in show(base, again.profile_id).points if p.kind == "phone"] == [MOBILE]


def test_claims_however_many_hide_no_holder__RES_4_PRO_13(base: Base) -> None:
    do(base, lambda unit: settings.change(unit, {"shared_limit": 2}, COMMAND), exclusive=True)
    for number in range(4):
        receive(base, "chat", visitor=f"v{number}", further=Further(phones=(ListedPhone(LANDLINE),)))
    ada = profile(base, PointInput("phone", LANDLINE, phone_type="home"), name="Ada")
    assert receive(base, "sms", phone=LANDLINE).profile_id == ada


def test_a_value_that_many_claim_can_be_claimed_again_by_one_of_them__RES_11(base: Base) -> None:
    """The profile lists it already, beyond those who are looked at, and something else besides."""
    do(base, lambda unit: settings.change(unit, {"shared_limit": 2}, COMMAND), exclusive=True)
    claimed = Further(emails=("ada@kite.example",), phones=(ListedPhone(LANDLINE),))
    for number in range(6):
        receive(base, "chat", visitor=f"v{number}", further=claimed)
    assert receive(base, "chat", visitor="v5", further=claimed).outcome == "opened"
