"""Whose mail it is (RES-18): own addresses are no customer, relays send for others, agents forward."""

from __future__ import annotations

import json
from typing import Any

import pytest

from onefold.channels.email import contact_of_email
from onefold.core.errors import DomainError, InvalidValue
from onefold.organizations.mail_senders import Relay
from onefold.receiving import set_aside_store
from onefold.receiving.contact import Answer, Further, Machine, NamedInMail
from onefold.settings import service as settings
from onefold.settings import whose_mail
from tests.conftest import Base
from tests.dsl.words import COMMAND, agent, do, point_of, receive, rows, set_conversation, show, suggested

FORMS, ADA, BOB = "forms@shop.example", "ada@kite.example", "bob@kite.example"
FORWARD = f"FYI\n\n---------- Forwarded message ---------\nFrom: Ada Hart <{ADA}>\nDate: Monday\n\nIt broke."


def names(base: Base, *, own: tuple[str, ...] = (), relays: tuple[Relay, ...] = ()) -> None:
    do(base, lambda unit: settings.change(unit, {"own_addresses": own, "relays": relays}, COMMAND), exclusive=True)


def from_form(base: Base, reply_to: str | None, **more: Any) -> Answer:
    return receive(base, "email", email=FORMS, names=NamedInMail(reply_to=reply_to), **more)


def profiles(base: Base) -> int:
    return int(rows(base, "SELECT count(*) FROM profiles")[0][0])


def reasons(base: Base) -> list[str]:
    return [row.reason for row in do(base, lambda unit: set_aside_store.page(unit, None, None, 50))]


# Relays: contact forms, shops, lists that rewrite From


def test_each_customer_of_a_contact_form_has_a_profile(base: Base) -> None:
    names(base, relays=(Relay(FORMS, "reply_to"),))
    landed = [from_form(base, f"Customer <c{n}@kite.example>").profile_id for n in (1, 2, 3, 1)]
    assert len(set(landed)) == 3
    assert landed[0] == landed[3]
    view = show(base, landed[0])
    assert [(p.value, p.standing, p.identifying) for p in view.points] == [("c1@kite.example", "claimed", False)]
    assert view.row.name == "Customer"


def test_what_a_form_says_opens_the_holder_marked_and_nothing_for_a_stranger(base: Base) -> None:
    names(base, relays=(Relay(FORMS, "reply_to"),))
    ada = receive(base, "email", email=ADA)
    answer = from_form(base, ADA, body="from the form")
    assert answer.profile_id == ada.profile_id
    assert rows(base, "SELECT sender_state FROM items WHERE body = 'from the form'") == [("failed",)]
    claimed = from_form(base, BOB).profile_id
    assert receive(base, "email", email=BOB).profile_id != claimed  # a claim opens nothing for the proven sender


def test_a_form_that_the_admin_vouches_for_is_as_good_as_its_own_mail(base: Base) -> None:
    names(base, relays=(Relay(FORMS, "reply_to", proven=True),))
    ada = from_form(base, ADA).profile_id
    assert point_of(base, ada, ADA).standing == "contacted"
    assert receive(base, "email", email=ADA).profile_id == ada
    forged = from_form(base, BOB, sender_state="failed").profile_id
    assert point_of(base, forged, BOB).standing == "claimed"


@pytest.mark.parametrize(
    ("relay", "given"),
    [
        (Relay(FORMS, "original_from"), {"names": NamedInMail(original_from=f"Ada <{ADA}>")}),
        (Relay(FORMS, "body", "Email: *"), {"body": f"Name: Ada\nEmail: {ADA}\n"}),
        (Relay("*@shop.example", "reply_to"), {"names": NamedInMail(reply_to=ADA)}),
    ],
    ids=["X-Original-From", "a line of the text", "a whole domain"],
)
def test_where_a_relay_names_its_customer(base: Base, relay: Relay, given: dict[str, Any]) -> None:
    names(base, relays=(relay,))
    answer = receive(base, "email", email=FORMS, **given)
    assert [point.value for point in show(base, answer.profile_id).points] == [ADA]


def test_a_relay_is_asked_in_the_order_of_its_entries(base: Base) -> None:
    names(base, relays=(Relay(FORMS, "body", "Email: *"), Relay(FORMS, "reply_to")))
    assert [p.value for p in show(base, from_form(base, BOB, body=f"Email: {ADA}").profile_id).points] == [ADA]
    assert [p.value for p in show(base, from_form(base, BOB, body="no line").profile_id).points] == [BOB]


@pytest.mark.parametrize(
    "reply_to", [None, "", "Ada Hart", f"{ADA}, {BOB}", FORMS, "help@shop.example", "noreply@x.example"]
)
def test_a_relay_that_names_nobody_is_set_aside(base: Base, reply_to: str | None) -> None:
    names(base, own=("help@shop.example",), relays=(Relay(FORMS, "reply_to"),))
    answer = from_form(base, reply_to, message_id="f-1")
    assert answer.outcome == "set_aside"
    assert from_form(base, reply_to, message_id="f-1")._replace(repeated=False) == answer
    assert (profiles(base), reasons(base)) == (0, ["relay"])


def test_a_list_of_an_own_domain_may_rewrite_the_sender(base: Base) -> None:
    names(base, own=("*@shop.example",), relays=(Relay("list@shop.example", "original_from"),))
    answer = receive(base, "email", email="list@shop.example", names=NamedInMail(original_from=ADA))
    assert [point.value for point in show(base, answer.profile_id).points] == [ADA]


# Own addresses


@pytest.mark.parametrize("own", ["support@shop.example", "*@shop.example", "@shop.example", "SUPPORT@Shop.example"])
def test_mail_from_an_own_address_makes_no_customer(base: Base, own: str) -> None:
    names(base, own=(own,))
    assert receive(base, "email", email="support@shop.example", body="hello").outcome == "set_aside"
    assert (profiles(base), reasons(base)) == (0, ["own_address"])
    assert receive(base, "email", email="support@shop.example.evil.example").outcome == "created"


def test_a_reply_of_ones_own_lands_in_the_thread_it_answers(base: Base) -> None:
    names(base, own=("*@shop.example",))
    ada = receive(base, "email", "m-1", email=ADA)
    answer = receive(base, "email", email="support@shop.example", reply_to=("m-1",), subject="Re: it", body="done")
    assert (answer.profile_id, answer.conversation_id) == (ada.profile_id, ada.conversation_id)
    assert len(show(base, ada.profile_id).points) == 1


def test_an_own_address_is_nobodys_by_whatever_way_it_comes__PRO_12(base: Base) -> None:
    own = "help@shop.example"
    before = receive(base, "email", email=own).profile_id
    assert point_of(base, before, own).identifying
    names(base, own=("*@shop.example",))
    assert not point_of(base, before, own).identifying
    first = receive(base, "chat", email=own, visitor="v1", proven=True)
    assert receive(base, "chat", email=own, visitor="v1", proven=True).profile_id == first.profile_id
    vouched = Further(emails=(own,), vouched=True)
    one, two = (receive(base, "sms", phone=f"+44791112345{n}", further=vouched).profile_id for n in (6, 7))
    assert suggested(base, one) == suggested(base, two) == {}
    names(base)
    assert point_of(base, before, own).standing == "contacted"


def test_one_mail_again_is_the_same_whatever_the_settings_are_by_then__RES_12(base: Base) -> None:
    first = from_form(base, ADA, message_id="f-1")
    names(base, relays=(Relay(FORMS, "reply_to"),))
    assert from_form(base, ADA, message_id="f-1") == first._replace(repeated=True)


def test_a_list_that_names_its_customer_speaks_for_a_person(base: Base) -> None:
    names(base, relays=(Relay("list@shop.example", "original_from"),))
    named = {"names": NamedInMail(original_from=f"Ada Hart <{ADA}>"), "machine": Machine("list")}
    first = receive(base, "email", email="list@shop.example", **named)
    set_conversation(base, first.conversation_id, state="closed")
    again = receive(base, "email", email="list@shop.example", **named)
    assert (again.profile_id, again.conversation_id != first.conversation_id) == (first.profile_id, True)
    assert show(base, first.profile_id).row.name == "Ada Hart"


def test_what_is_set_aside_stays_so_when_it_comes_again__RES_12(base: Base) -> None:
    names(base, own=("*@shop.example",))
    reply = {"email": "mara@shop.example", "message_id": "r-1", "reply_to": ("m-1",)}
    first = receive(base, "email", **reply)  # before what it answers
    receive(base, "email", "m-1", email=ADA)
    assert receive(base, "email", **reply) == first._replace(repeated=True)
    assert reasons(base) == ["own_address"]


# Forwards


def test_a_forward_is_filed_with_the_customer_whose_mail_it_forwards(base: Base) -> None:
    agent_id = agent(base, "Mara")
    (address,) = rows(base, f"SELECT email FROM agents WHERE id = '{agent_id}'")[0]
    ada = receive(base, "email", email=ADA)
    answer = receive(base, "email", email=address, name="Mara", subject="Fwd: Broken", body=FORWARD)
    assert answer.profile_id == ada.profile_id
    state, data = rows(base, f"SELECT sender_state, data FROM items WHERE seq = {answer.item_id}")[0]
    values = json.loads(data) if isinstance(data, str) else data
    assert (state, values) == ("failed", {"sent_by": address, "sent_how": "forward"})


def test_of_an_unknown_customer_a_forward_makes_a_profile_that_only_claims(base: Base) -> None:
    names(base, own=("*@shop.example",))
    first, again = [
        receive(base, "email", email="mara@shop.example", subject="Fwd: Broken", body=FORWARD).profile_id
        for _ in range(2)
    ]
    assert first == again
    view = show(base, first)
    assert (view.row.name, [(p.value, p.standing) for p in view.points]) == ("Ada Hart", [(ADA, "claimed")])


def test_what_an_agent_forwards_that_cannot_be_read_waits(base: Base) -> None:
    names(base, own=("*@shop.example",))
    forwards_colleague = FORWARD.replace(ADA, "nils@shop.example")
    for body in ("see the file", forwards_colleague):
        assert receive(base, "email", email="mara@shop.example", subject="Fwd: x", body=body).outcome == "set_aside"
    assert profiles(base) == 0


def test_a_mail_forwarded_as_a_file_names_its_sender(base: Base) -> None:
    names(base, own=("*@shop.example",))
    raw = (
        b"From: mara@shop.example\r\nSubject: A mail\r\nMessage-ID: <1@shop>\r\n"
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nFYI\r\n'
        b"--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: Ada Hart <ada@kite.example>\r\nSubject: Broken\r\n\r\nHi\r\n"
        b"--b--\r\n"
    )
    answer = base.receiver.receive(base.organization_id, [contact_of_email(raw)])[0]
    assert not isinstance(answer, DomainError)
    view = show(base, answer.profile_id)
    assert (view.row.name, [p.value for p in view.points]) == ("Ada Hart", [ADA])


@pytest.mark.parametrize(
    ("subject", "body", "attached", "customer"),
    [
        ("Fwd: It", FORWARD, "Zoe <zoe@x.example>", ADA),  # which Ada had attached
        ("Fwd: It", FORWARD, "Nils <nils@shop.example>", ADA),
        ("It", "see below", f"Ada <{ADA}>", ADA),
        ("Re: It", "see below", f"Ada <{ADA}>", None),
    ],
)
def test_what_the_text_forwards_counts_before_what_is_attached(
    base: Base, subject: str, body: str, attached: str, customer: str | None
) -> None:
    names(base, own=("*@shop.example",))
    given = {"subject": subject, "body": body, "names": NamedInMail(attached_from=attached)}
    answer = receive(base, "email", email="mara@shop.example", **given)
    points = show(base, answer.profile_id).points if answer.profile_id else []
    assert [point.value for point in points] == ([] if customer is None else [customer])


def test_everybody_elses_forwards_are_their_own_mail(base: Base) -> None:
    answer = receive(base, "email", email=BOB, subject="Fwd: Broken", body=FORWARD)
    assert [point.value for point in show(base, answer.profile_id).points] == [BOB]


def test_a_bounce_at_an_own_address_is_a_bounce(base: Base) -> None:
    names(base, own=("*@shop.example",))
    ada = receive(base, "email", email=ADA)
    bounce = Machine("bounce", (ADA,), permanent=True)
    assert receive(base, "email", email="postmaster@shop.example", machine=bounce).profile_id == ada.profile_id


# The settings


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"own_addresses": ["nonsense"]}, "own_addresses"),
        ({"own_addresses": ["*"]}, "own_addresses"),
        ({"own_addresses": [f"a{n}@shop.example" for n in range(1_001)]}, "own_addresses"),
        ({"relays": [Relay("nonsense", "reply_to")]}, "relays.address"),
        ({"relays": [Relay(FORMS, "body")]}, "relays.line"),
        ({"relays": [Relay(FORMS, "body", "*")]}, "relays.line"),
        ({"relays": [Relay(FORMS, "body", "no star")]}, "relays.line"),
        ({"relays": [Relay(FORMS, "elsewhere")]}, "relays"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_meant_is_refused(base: Base, changes: Any, field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        do(base, lambda unit: settings.change(unit, changes, COMMAND), exclusive=True)
    assert refused.value.field == field


def test_they_are_given_back_in_normal_form(base: Base) -> None:
    names(
        base, own=("Shop.Example", "*@shop.example", "HELP@shop.example"), relays=(Relay(FORMS, "body", " Email:  * "),)
    )
    with base.database.read(base.organization_id) as unit:
        view = settings.read(unit)
    assert view.own_addresses == ("*@shop.example", "help@shop.example")
    assert view.relays == (Relay(FORMS, "body", "Email: *"),)


# The dry run


def dry_run(base: Base, **lists: Any) -> whose_mail.MailPreview:
    with base.database.read(base.organization_id) as unit:
        return whose_mail.preview(unit, lists.get("own"), lists.get("relays"))


def test_a_dry_run_tells_which_mails_would_be_filed_otherwise(base: Base) -> None:
    stranger = from_form(base, ADA, subject="one", data=json.dumps({"from": FORMS, "reply_to": ADA}))
    from_form(base, None, subject="two", data=json.dumps({"from": f"Shop <{FORMS}>"}))
    receive(base, "email", email=BOB, subject="three")
    receive(base, "sms", phone="+442079460018")
    planned = dry_run(base, relays=[Relay(FORMS, "reply_to")])
    assert (planned.mails, planned.filed_otherwise) == (3, 2)
    assert [(m.subject, m.sender, m.customer_before, m.customer_after) for m in planned.examples] == [
        ("two", FORMS, FORMS, None),
        ("one", FORMS, FORMS, ADA),
    ]
    assert planned.examples[1].profile_id == stranger.profile_id
    assert (dry_run(base).filed_otherwise, profiles(base)) == (0, 3)  # nothing was changed


def test_a_dry_run_is_what_saving_then_does(base: Base) -> None:
    names(base, own=("*@shop.example",), relays=(Relay(FORMS, "reply_to"),))
    named, unnamed = from_form(base, ADA, data=json.dumps({"reply_to": ADA})), from_form(base, None)
    assert (named.outcome, unnamed.outcome) == ("created", "set_aside")
    planned = dry_run(base, own=[], relays=[])
    assert sorted((m.profile_id is None, m.customer_before, m.customer_after) for m in planned.examples) == [
        (False, ADA, FORMS),
        (True, None, FORMS),
    ]
    with pytest.raises(InvalidValue):
        dry_run(base, own=["nonsense"])
