"""New work announces itself: what nobody has taken, inboxes by what one looks for, several at once (UI-5)."""

from __future__ import annotations

import pytest

from onefold.conversations import service as conversations
from onefold.conversations import worklists
from onefold.conversations.service import Written
from onefold.conversations.store import ConversationRow
from onefold.profiles.service import PointInput
from onefold.settings import service as settings
from tests.console.conftest import Console
from tests.dsl import words
from tests.dsl.words import COMMAND


def conversation(console: Console, profile_id: str) -> ConversationRow:
    with console.database.read(console.organization_id) as unit:
        return conversations.of_profile(unit, profile_id, None, 1)[0]


def waiting(console: Console, *names: str) -> dict[str, str]:
    """Customers who have written, nobody has taken; their ids by name, the longest ago first."""
    return {n: console.contact("email", email=f"{n.lower()}@kite.example", name=n, body=f"From {n}") for n in names}


def shown(console: Console, path: str, **query: object) -> list[str]:
    page = console.agent.page(path, **query)
    return [link.text for link in page.all("a", class_="customer") if link.text in ("Ada", "Bob", "Cleo")]


def test_what_nobody_has_taken_is_on_the_page_where_agents_land__UI_5(console: Console) -> None:
    ids = waiting(console, "Ada", "Bob")
    words.set_conversation(console.base, conversation(console, ids["Ada"]).id, console.lead.agent_id)
    page = console.agent.page("/customers")
    assert "Nobody has taken these" in page.text
    assert [b["aria-label"] for b in page.all("button") if b.text == "Take it"] == ["Take the conversation with Bob"]


def test_inboxes_say_how_many_nobody_has_taken__UI_5(console: Console) -> None:
    ids = waiting(console, "Ada", "Bob")
    counts = [mark.text for mark in console.agent.page("/customers").all("span", class_="count")]
    assert counts == ["2 that nobody has taken"]
    for profile_id in ids.values():
        words.set_conversation(console.base, conversation(console, profile_id).id, console.lead.agent_id)
    assert console.agent.page("/customers").all("span", class_="count") == []


def test_the_title_says_how_many_of_one_s_own_are_unread__UI_5(console: Console) -> None:
    ada_id = waiting(console, "Ada")["Ada"]
    words.set_conversation(console.base, conversation(console, ada_id).id, console.agent.agent_id)
    assert console.agent.page("/customers").one("title").text == "(1) My Customers · Onefold"
    console.agent.page(f"/customers/{ada_id}")
    assert console.agent.page("/customers").one("title").text == "My Customers · Onefold"


def test_an_inbox_shows_what_is_asked_for__UI_5(console: Console) -> None:
    ids = waiting(console, "Ada", "Bob", "Cleo")
    words.set_conversation(console.base, conversation(console, ids["Bob"]).id, console.agent.agent_id)
    words.set_conversation(console.base, conversation(console, ids["Cleo"]).id, console.lead.agent_id)
    path = f"/inboxes/{console.general_id}"
    assert shown(console, path) == ["Ada", "Cleo", "Bob"]  # first what nobody has taken, else the newest
    assert shown(console, path, oldest=1) == ["Ada", "Bob", "Cleo"]
    assert shown(console, path, show="untaken") == ["Ada"]
    assert shown(console, path, show="mine") == ["Bob"]
    console.agent.page(f"/customers/{ids['Cleo']}")
    assert shown(console, path, show="unread") == ["Ada", "Bob"]


def test_several_are_assigned_or_routed_at_once__UI_5(console: Console) -> None:
    ids = waiting(console, "Ada", "Bob", "Cleo")
    talks = [conversation(console, ids[name]).id for name in ("Ada", "Bob")]
    path = f"/inboxes/{console.general_id}/change"
    form = {"conversation": talks, "assignee_id": console.lead.agent_id, "inbox_id": console.inbox_id}
    assert "assigned-several" in console.agent.post(path, data={**form, "do": "assign"}).headers["location"]
    assert [conversation(console, one).assignee_id for one in ids.values()] == [console.lead.agent_id] * 2 + [None]
    assert {conversation(console, one).inbox_id for one in ids.values()} == {console.general_id}
    assert "routed-several" in console.agent.post(path, data={**form, "do": "route"}).headers["location"]
    assert [conversation(console, one).inbox_id == console.inbox_id for one in ids.values()] == [True, True, False]
    assert console.agent.refused(path, 422, do="assign").text


def test_several_are_changed_all_or_none__UI_5(console: Console) -> None:
    ids = waiting(console, "Ada")
    talk = conversation(console, ids["Ada"]).id
    gone = f"{talk[:-4]}0000"
    form = {"conversation": [talk, gone], "assignee_id": console.lead.agent_id, "do": "assign"}
    assert console.agent.post(f"/inboxes/{console.general_id}/change", data=form).status_code == 404
    assert conversation(console, ids["Ada"]).assignee_id is None


def answer(console: Console, profile_id: str, agent_id: str | None) -> None:
    point = words.show(console.base, profile_id).points[0].contact_point_id
    words.do(console.base, lambda unit: conversations.write(unit, profile_id, Written("Hi", "email", point), agent_id))


def test_who_answers_what_nobody_has_taken_has_taken_it__UI_5(console: Console) -> None:
    ids = waiting(console, "Ada", "Bob")
    answer(console, ids["Ada"], console.agent.agent_id)
    assert conversation(console, ids["Ada"]).assignee_id == console.agent.agent_id
    answer(console, ids["Ada"], console.lead.agent_id)  # who helps out takes nothing from anybody
    assert conversation(console, ids["Ada"]).assignee_id == console.agent.agent_id
    answer(console, ids["Bob"], None)  # a system
    assert conversation(console, ids["Bob"]).assignee_id is None
    note = Written("A note", kind="note")
    words.do(console.base, lambda unit: conversations.write(unit, ids["Bob"], note, console.agent.agent_id))
    assert conversation(console, ids["Bob"]).assignee_id is None


def test_a_conversation_that_an_answer_begins_is_its_author_s__UI_5(console: Console) -> None:
    ada_id = console.customer("Ada", PointInput("email", "ada@kite.example"))
    answer(console, ada_id, console.agent.agent_id)
    assert conversation(console, ada_id).assignee_id == console.agent.agent_id


def test_an_organization_may_want_otherwise__UI_5(console: Console) -> None:
    words.do(console.base, lambda unit: settings.change(unit, {"assign_on_answer": False}, COMMAND), exclusive=True)
    ada_id = waiting(console, "Ada")["Ada"]
    answer(console, ada_id, console.agent.agent_id)
    assert conversation(console, ada_id).assignee_id is None


def test_what_somebody_else_has_taken_since_is_not_taken_from_them__UI_4(console: Console) -> None:
    ids = waiting(console, "Ada", "Bob")
    talks = {name: conversation(console, one) for name, one in ids.items()}
    seen = {f"was.{talk.id}": f"nobody {talk.inbox_id}" for talk in talks.values()}
    words.set_conversation(console.base, talks["Ada"].id, console.lead.agent_id)
    form = {
        **seen,
        "conversation": [t.id for t in talks.values()],
        "assignee_id": console.agent.agent_id,
        "do": "assign",
    }
    answer = console.agent.post(f"/inboxes/{console.general_id}/change", data=form)
    assert "said=assigned-some" in answer.headers["location"]
    assert conversation(console, ids["Ada"]).assignee_id == console.lead.agent_id
    assert conversation(console, ids["Bob"]).assignee_id == console.agent.agent_id


def test_what_nobody_has_taken_is_never_left_out_for_what_somebody_has__UI_5(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worklists, "MOST_SHOWN", 2)
    ids = waiting(console, "Ada", "Bob", "Cleo")
    for name in ("Bob", "Cleo"):
        words.set_conversation(console.base, conversation(console, ids[name]).id, console.lead.agent_id)
    path = f"/inboxes/{console.general_id}"
    assert shown(console, path) == ["Ada", "Cleo"]
    assert shown(console, path, show="untaken") == ["Ada"]
    assert shown(console, path, oldest=1) == ["Ada", "Bob"]
