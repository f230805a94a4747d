"""Nobody overwrites what they have not seen, and a form is one deed however often it is sent (UI-4)."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from onefold.conversations import drafts
from onefold.conversations import service as conversations
from onefold.core.clock import new_id
from onefold.profiles import parts
from onefold.profiles import service as profiles
from onefold.profiles.service import PointInput
from onefold.profiles.store import DETAILS
from tests.console.conftest import Console, Html, Seat
from tests.dsl import words

FORM = re.compile(r'<form[^>]*action="([^"]*)"[^>]*>(.*?)</form>', re.DOTALL)
INPUT = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')


def hidden(page: Html, action: str, having: str = "") -> dict[str, str]:
    """What a page's form carries along."""
    forms = [inner for found, inner in FORM.findall(page.source) if found == action and having in inner]
    assert forms, action
    return dict(INPUT.findall(forms[0]))


def sent(seat: Seat, path: str, fields: dict[str, str]) -> str:
    """Where a form that is taken leads."""
    answer = seat.post(path, data=fields)
    assert answer.status_code == 303, answer.text[:500]
    return answer.headers["location"]


# Nobody is overwritten


def test_saving_the_card_touches_only_what_its_agent_has_changed__UI_4(console: Console) -> None:
    """The fault: the form sent back every field as it had shown it, and took another's change away without a word."""
    ada_id = console.customer("Ada", username="ada")
    path = f"/customers/{ada_id}/fields"
    shown = hidden(console.agent.page(f"/customers/{ada_id}"), path)
    words.edit(console.base, ada_id, name="Ada Lovelace")
    typed = {"name": "Ada", "username": "ada99", "customer_id": "", "image": ""}
    assert console.agent.sent(path, **shown, **typed) == (f"/customers/{ada_id}", "saved")
    row = words.show(console.base, ada_id).row
    assert (row.name, row.username) == ("Ada Lovelace", "ada99")


def test_what_two_have_changed_is_shown_to_who_comes_second_who_decides__UI_4(console: Console) -> None:
    ada_id = console.customer("Ada", username="ada")
    path = f"/customers/{ada_id}/fields"
    shown = hidden(console.agent.page(f"/customers/{ada_id}"), path)
    words.edit(console.base, ada_id, name="Ada Lovelace")
    page = console.agent.refused(path, 409, **shown, name="Ada King", username="ada", customer_id="", image="")
    assert [cell.text for cell in page.all("td")] == ["Ada Lovelace", "Ada King"]
    assert words.show(console.base, ada_id).row.name == "Ada Lovelace"
    again = hidden(page, path)
    assert console.agent.sent(path, **again) == (f"/customers/{ada_id}", "saved")
    assert words.show(console.base, ada_id).row.name == "Ada King"


def test_an_emptied_field_counts_as_changed__UI_4(console: Console) -> None:
    ada_id = console.customer("Ada", username="ada")
    path = f"/customers/{ada_id}/fields"
    shown = hidden(console.agent.page(f"/customers/{ada_id}"), path)
    words.edit(console.base, ada_id, username="lovelace")
    page = console.agent.refused(path, 409, **shown, name="Ada", username="", customer_id="", image="")
    assert [cell.text for cell in page.all("td")] == ["lovelace", "—"]
    assert console.agent.sent(path, **hidden(page, path))[1] == "saved"
    assert words.show(console.base, ada_id).row.username is None


def test_a_contact_point_that_another_has_changed__UI_4(console: Console) -> None:
    ada_id = console.customer("Ada", PointInput("phone", "+442079460001", phone_type="home"))
    point_id = words.point_of(console.base, ada_id, "+442079460001").contact_point_id
    path = f"/customers/{ada_id}/points/{point_id}"
    shown = hidden(console.agent.page(f"/customers/{ada_id}"), path, "was.value")

    def change(**changes: object) -> None:
        words.do(console.base, lambda unit: profiles.edit_point(unit, ada_id, point_id, changes=changes, version=None))

    change(phone_type="office")
    fields = {"value": shown["was.value"], "type": "home", "sms": "1"}
    assert console.agent.sent(path, **shown, **fields)[1] == "saved"  # they changed its type, we its tag
    point = words.point_of(console.base, ada_id, "+442079460001")
    assert (point.phone_type, point.sms) == ("office", True)
    page = console.agent.refused(path, 409, **shown, value=shown["was.value"], type="mobile")
    assert [cell.text for cell in page.all("td")] == ["Office", "Mobile"]
    assert words.point_of(console.base, ada_id, "+442079460001").phone_type == "office"


def test_a_detail_that_another_has_changed_is_neither_changed_nor_removed_unseen__UI_4(console: Console) -> None:
    ada_id = console.customer("Ada")
    detail_id = words.do(
        console.base, lambda unit: parts.add_part(unit, DETAILS, ada_id, {"key": "Allergy", "value": "nuts"}, None)
    )
    path = f"/customers/{ada_id}/details/{detail_id}/change"
    shown = hidden(console.agent.page(f"/customers/{ada_id}"), path)
    newer = {"key": "Allergy", "value": "nuts and milk"}
    words.do(
        console.base,
        lambda unit: parts.edit_part(unit, DETAILS, ada_id, part_id=detail_id, values=newer, version=None),
    )
    page = console.agent.refused(path, 409, **shown, key="Allergy", value="none")
    assert [cell.text for cell in page.all("td")] == ["nuts and milk", "none"]
    console.agent.refused(path, 409, **shown, key="Allergies", value="nuts")  # it is one fact, whole
    console.agent.refused(path, 409, **shown, key="Allergy", value="nuts", remove="1")
    assert [detail["value"] for detail in words.show(console.base, ada_id).details] == ["nuts and milk"]


def test_a_conversation_that_another_has_taken_is_not_taken_from_them_unseen__UI_4(console: Console) -> None:
    ada_id = console.contact("email", email="ada@kite.example", body="Hello")
    with console.database.read(console.organization_id) as unit:
        [talk] = conversations.of_profile(unit, ada_id, None, 1)
    path = f"/conversations/{talk.id}/change"
    shown = hidden(console.agent.page(f"/inboxes/{talk.inbox_id}"), path)
    words.set_conversation(console.base, talk.id, console.lead.agent_id)
    mine = {"assignee_id": console.agent.agent_id}
    page = console.agent.refused(path, 409, **{**shown, **mine})
    assert [cell.text for cell in page.all("td")] == ["Lena", "Mara"]
    shown = hidden(console.agent.page(f"/customers/{ada_id}"), path, "assignee")
    words.do(
        console.base,
        lambda unit: conversations.change(
            unit, talk.id, inbox_id=console.inbox_id, assignee_id=None, unassign=False, state=None
        ),
    )
    console.agent.sent(path, **{**shown, **mine})  # where they route it is another matter


def test_a_form_sent_as_it_was_shown_changes_nothing__UI_4(console: Console) -> None:
    """The fault: whoever pressed Save without a change put back what the form had shown."""
    ada_id = console.customer("Ada")
    detail_id = words.do(
        console.base, lambda unit: parts.add_part(unit, DETAILS, ada_id, {"key": "Allergy", "value": "nuts"}, None)
    )
    words.edit(console.base, ada_id, attributes={"Plan": "platinum"})
    words.do(
        console.base,
        lambda unit: parts.edit_part(
            unit, DETAILS, ada_id, part_id=detail_id, values={"key": "Allergy", "value": "peanuts"}, version=None
        ),
    )
    shown = {"was.key": "Allergy", "was.value": "nuts", "key": "Allergy", "value": "nuts"}
    console.agent.sent(f"/customers/{ada_id}/details/{detail_id}/change", **shown)
    console.agent.sent(f"/customers/{ada_id}/attributes", key="Plan", value="gold", **{"was.value": "gold"})
    view = words.show(console.base, ada_id)
    assert [detail["value"] for detail in view.details] == ["peanuts"]
    assert view.row.attributes == {"Plan": "platinum"}


def test_assigning_as_was_shown_takes_nothing_from_anybody__UI_4(console: Console) -> None:
    ada_id = console.contact("email", email="ada@kite.example", body="Hello")
    with console.database.read(console.organization_id) as unit:
        [talk] = conversations.of_profile(unit, ada_id, None, 1)
    words.set_conversation(console.base, talk.id, console.lead.agent_id)
    path = f"/conversations/{talk.id}/change"
    console.agent.sent(path, assignee_id="nobody", **{"was.assignee_id": "nobody"})
    assert words.conversation(console.base, talk.id).assignee_id == console.lead.agent_id


@pytest.mark.parametrize("stored", [" gold ", "a\r\nb", 0, False, "0"])
def test_a_value_that_no_form_can_hold_is_changed_all_the_same__UI_4(console: Console, stored: object) -> None:
    ada_id = console.customer("Ada")
    words.edit(console.base, ada_id, attributes={"Plan": stored})
    path = f"/customers/{ada_id}/attributes"
    shown = hidden(console.agent.page(f"/customers/{ada_id}"), path, 'value="Plan"')
    assert console.agent.sent(path, **{**shown, "key": "Plan", "value": "tin"})[1] == "saved"
    assert words.show(console.base, ada_id).row.attributes == {"Plan": "tin"}


def test_adding_an_attribute_replaces_none_of_its_name__UI_4(console: Console) -> None:
    ada_id = console.customer("Ada")
    words.edit(console.base, ada_id, attributes={"Plan": "gold"})
    path = f"/customers/{ada_id}/attributes"
    shown = hidden(console.agent.page(f"/customers/{ada_id}"), path, "Add attribute")
    console.agent.refused(path, 409, **shown, key="Plan", value="tin")


def test_clients_that_carry_nothing_along_change_what_they_say__UI_4(console: Console) -> None:
    ada_id = console.customer("Ada")
    assert console.agent.sent(f"/customers/{ada_id}/fields", name="Ada King")[1] == "saved"
    assert words.show(console.base, ada_id).row.name == "Ada King"


# A form is one deed


def people(console: Console) -> int:
    with console.database.read(console.organization_id) as unit:
        return len(profiles.page(unit, None, 100))


def test_a_form_sent_twice_is_one_deed_and_leads_to_the_same_place__UI_4(console: Console) -> None:
    fields = {**hidden(console.agent.page("/customers/new"), "/customers/new"), "name": "Ada"}
    first = sent(console.agent, "/customers/new", fields)
    assert sent(console.agent, "/customers/new", fields) == first
    assert people(console) == 1


def test_a_double_click_is_one_deed__UI_4(console: Console) -> None:
    fields = {**hidden(console.agent.page("/customers/new"), "/customers/new"), "name": "Ada"}
    with ThreadPoolExecutor(8) as clicks:
        answers = list(clicks.map(lambda _: sent(console.agent, "/customers/new", fields), range(8)))
    assert len(set(answers)) == 1
    assert urlsplit(answers[0]).path.startswith("/customers/")
    assert people(console) == 1


@pytest.mark.parametrize(
    "other",
    [{"name": "Bob"}, {"page_id": new_id()}, {"username": "ada"}],
    ids=["other text", "another page", "a field more"],
)
def test_what_is_not_the_same_is_another_deed__UI_4(console: Console, other: dict[str, str]) -> None:
    fields = {**hidden(console.agent.page("/customers/new"), "/customers/new"), "name": "Ada"}
    assert sent(console.agent, "/customers/new", fields) != sent(console.agent, "/customers/new", {**fields, **other})
    assert people(console) == 2


def test_another_agent_s_same_form_is_another_deed__UI_4(console: Console) -> None:
    fields = {**hidden(console.agent.page("/customers/new"), "/customers/new"), "name": "Ada"}
    assert sent(console.agent, "/customers/new", fields) != sent(console.lead, "/customers/new", fields)


def test_a_form_that_was_refused_may_be_sent_again__UI_4(console: Console) -> None:
    bob_id = console.customer("Bob", PointInput("email", "ada@kite.example"))
    shown = hidden(console.agent.page("/customers/new"), "/customers/new")
    fields = {**shown, "name": "Ada", "email": "ada@kite.example"}
    console.agent.refused("/customers/new", 409, **fields)
    point_id = words.point_of(console.base, bob_id, "ada@kite.example").contact_point_id
    words.do(console.base, lambda unit: profiles.remove_point(unit, bob_id, point_id, None))
    sent(console.agent, "/customers/new", fields)
    assert people(console) == 2


def test_a_note_sent_twice_is_written_once_and_a_draft_is_kept_as_often_as_it_is_typed__UI_4(console: Console) -> None:
    ada_id = console.customer("Ada")
    path = f"/customers/{ada_id}/write"
    shown = hidden(console.agent.page(f"/customers/{ada_id}"), path)
    fields = {**shown, "kind": "note", "body": "Called back."}
    kept = [console.agent.post(path, data={**fields, "do": "autosave"}).json()["draft_id"] for _ in range(2)]
    assert len(set(kept)) == 1  # the same again, because its answer was lost
    for draft_id in (kept[0], kept[0]):
        sent(console.agent, path, {**fields, "draft_id": draft_id, "do": "send"})
    with console.database.read(console.organization_id) as unit:
        assert [i.body for i in conversations.timeline(unit, ada_id, None, 10) if i.kind == "note"] == ["Called back."]


def test_every_form_of_a_page_carries_the_page_s_id(console: Console) -> None:
    ada_id = console.customer("Ada", PointInput("email", "ada@kite.example"))
    page = console.lead.page(f"/customers/{ada_id}")
    ids = {field["value"] for field in page.all("input", name="page_id")}
    assert len(ids) == 1
    assert len(page.all("form", method="post")) == len(page.all("input", name="page_id"))


def test_a_draft_that_another_tab_has_sent_is_not_sent_twice_and_typing_goes_on__UI_3(console: Console) -> None:
    ada_id = console.customer("Ada")
    path = f"/customers/{ada_id}/write"
    draft = words.add_draft(console.base, ada_id, console.agent.agent_id, drafts.Composed("note", "Called back."))
    sent(console.agent, path, {"kind": "note", "body": "Called back.", "draft_id": draft.id, "do": "send"})
    page = console.agent.refused(path, 409, kind="note", body="Called back.", draft_id=draft.id, do="send")
    assert page.one("div", id="refusal")["data-code"] == "draft_gone"
    kept = console.agent.post(
        path, data={"kind": "note", "body": "Called back. Twice.", "draft_id": draft.id, "do": "autosave"}
    ).json()
    assert (kept["draft_id"] != draft.id, kept["beside"]) == (True, True)


@pytest.mark.parametrize("referer", ["http://[", "", "http://x/" + "y" * 5_000])
def test_a_form_from_nowhere_is_led_to_sign_in(console: Console, referer: str) -> None:
    answer = console.nobody.post("/customers/new", data={"name": "Ada"}, headers={"Referer": referer})
    assert (answer.status_code, answer.headers["location"].startswith("/sign-in")) == (303, True)
