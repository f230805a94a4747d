"""What the composer starts with: where the customer last wrote from, or where a draft was written to (MRG-9, SND-3)."""

from __future__ import annotations

import re

from onefold.conversations import drafts
from onefold.conversations.drafts import Composed
from onefold.profiles import service as profiles
from onefold.profiles.service import PointInput
from tests.console.conftest import Console, Html
from tests.dsl import words

MAIL, OTHER = "ada@kite.example", "ada@work.example"
HOME, FIRST = "+442079460001", "+442079460002"
WAITS = "The contact point this draft was for is no longer this customer's."


def selected(page: Html) -> tuple[str, str]:
    """The kind of message, and the contact point it goes to; empty where none is chosen."""
    (kind,) = re.findall(r'name="kind" value="(\w+)" checked', page.source)
    (to,) = re.findall(r'<select name="to">(.*?)</select>', page.source, re.DOTALL)
    (point_id,) = re.findall(r'<option value="([^"]*)"[^>]*selected', to)
    return kind, point_id


def test_an_answer_goes_where_the_customer_last_wrote_from_on_its_channel__SND_3(console: Console) -> None:
    ada_id = console.contact("email", email=MAIL, body="Hello")
    other = words.list_point(console.base, ada_id, PointInput("email", OTHER, main=True))
    first = words.point_of(console.base, ada_id, MAIL).contact_point_id
    assert selected(console.agent.page(f"/customers/{ada_id}")) == ("email", first)
    console.contact("email", email=OTHER, body="From work")
    assert selected(console.agent.page(f"/customers/{ada_id}")) == ("email", other)
    words.list_point(console.base, ada_id, PointInput("phone", "+447911123456", phone_type="mobile"))
    console.contact("sms", phone="+447911123456", body="By SMS")
    mobile = words.point_of(console.base, ada_id, "+447911123456").contact_point_id
    assert selected(console.agent.page(f"/customers/{ada_id}")) == ("sms", mobile)
    console.contact("whatsapp", phone="+447911123456", body="By WhatsApp")
    assert selected(console.agent.page(f"/customers/{ada_id}")) == ("whatsapp", mobile)


def test_who_never_wrote_gets_an_email_to_the_main_address__SND_3(console: Console) -> None:
    ada_id = console.customer("Ada", PointInput("email", MAIL), PointInput("email", OTHER, main=True))
    main = words.point_of(console.base, ada_id, OTHER).contact_point_id
    assert selected(console.agent.page(f"/customers/{ada_id}")) == ("email", main)


def test_a_merged_draft_still_goes_where_it_was_written_to__MRG_9_SND_3(console: Console) -> None:
    """The fault: the destination has another number first, no option was selected, the browser took the first."""
    ada_id = console.customer("Ada", PointInput("phone", HOME, phone_type="home"))
    bob_id = console.customer(
        "Bob", PointInput("phone", FIRST, phone_type="home"), PointInput("phone", HOME, phone_type="home")
    )
    own, same = (words.point_of(console.base, one, HOME).contact_point_id for one in (ada_id, bob_id))
    words.add_draft(console.base, ada_id, console.agent.agent_id, Composed("whatsapp", "x", contact_point_id=own))
    words.merge(console.base, ada_id, bob_id)
    assert selected(console.agent.page(f"/customers/{bob_id}")) == ("whatsapp", same)


def test_where_the_contact_point_is_gone_nothing_is_chosen_and_it_says_why__MRG_9_SND_3(console: Console) -> None:
    ada_id = console.customer("Ada", PointInput("email", MAIL), PointInput("email", OTHER))
    gone = words.point_of(console.base, ada_id, MAIL).contact_point_id
    draft = words.add_draft(console.base, ada_id, console.agent.agent_id, Composed("email", "x", contact_point_id=gone))
    words.do(console.base, lambda unit: profiles.remove_point(unit, ada_id, gone, None))
    page = console.agent.page(f"/customers/{ada_id}")
    assert selected(page) == ("email", "")
    assert WAITS in page.source.replace("&#39;", "'")
    with console.base.database.read(console.base.organization_id) as unit:
        assert drafts.read(unit, draft.id, console.agent.agent_id).contact_point_id is None


def test_an_answer_has_the_subject_of_what_it_answers_and_a_task_its_own(console: Console) -> None:
    ada_id = console.contact("email", email=MAIL, subject="My order", body="Hello")
    page = console.agent.page(f"/customers/{ada_id}")
    [subject] = [field["value"] for field in page.all("input", name="subject")]
    assert subject == "Re: My order"
    fields = {"subject": subject, "answer_subject": subject, "body": "Call back", "do": "send"}
    console.agent.sent(f"/customers/{ada_id}/write", kind="task", **fields)
    console.agent.sent(f"/customers/{ada_id}/write", kind="task", **{**fields, "subject": "Call Ada", "body": "Soon"})
    assert [item.subject for item in words.timeline(console.base, ada_id) if item.kind == "task"] == [None, "Call Ada"]
    console.contact("email", email=MAIL, subject="RE: My order", body="And?")
    page = console.agent.page(f"/customers/{ada_id}")
    assert [field["value"] for field in page.all("input", name="subject")] == ["RE: My order"]
