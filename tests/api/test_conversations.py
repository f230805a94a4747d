"""/v1/conversations, timelines and what is written on them (PRO-9, PRO-11)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from onefold.webhooks.rules import EVENT_TYPES
from tests.api.conftest import Api, document, fresh, problem


def agent(api: Api, **more: Any) -> str:
    """A new agent's id."""
    agent_id: str = api.post("/v1/agents", json={"email": f"{fresh('a')}@example.org", "name": "Ann", **more}).json()[
        "id"
    ]
    return agent_id


def inbox(api: Api, name: str) -> str:
    """A new inbox's id."""
    inbox_id: str = api.post("/v1/inboxes", json={"name": name}).json()["id"]
    return inbox_id


def test_an_item_for_an_agent_opens_the_conversation_in_its_most_recent_inbox_PRO_9(api: Api) -> None:
    sales, support = inbox(api, "Sales"), inbox(api, "Support")
    ann = agent(api)
    for recent in (sales, support):
        api.put(f"/v1/inboxes/{recent}/agents/{ann}")
    profile = api.profile(name="Ada")["id"]
    item = api.post(f"/v1/profiles/{profile}/items", json={"body": "Called", "agent_id": ann})
    assert item.status_code == 201
    assert item.json()["agent_id"] == ann
    conversation = api.read(f"/v1/conversations/{item.json()['conversation_id']}")
    assert (conversation["inbox_id"], conversation["state"]) == (support, "open")
    assert [c["id"] for c in api.read(f"/v1/inboxes/{support}/conversations")["data"]] == [conversation["id"]]
    assert api.read(f"/v1/inboxes/{sales}/conversations")["data"] == []


def test_without_an_agent_the_default_inbox_gets_the_conversation_PRO_9(api: Api) -> None:
    default = api.read("/v1/settings")["default_inbox_id"]
    item = api.post(f"/v1/profiles/{api.profile()['id']}/items", json={"body": "x"}).json()
    assert api.read(f"/v1/conversations/{item['conversation_id']}")["inbox_id"] == default


@pytest.mark.parametrize("with_conversation", [True, False])
@pytest.mark.parametrize("whose", ["garbage", "another organization's"])
def test_nothing_is_written_for_an_agent_who_is_not_ours(
    api: Api, other: Api, whose: str, with_conversation: bool
) -> None:
    profile = (
        api.contact("email", {"email": "a@example.org"})["profile_id"] if with_conversation else api.profile()["id"]
    )
    before = api.read(f"/v1/profiles/{profile}/items")
    body = {"body": "x", "agent_id": agent(other) if whose != "garbage" else whose}
    problem(api.post(f"/v1/profiles/{profile}/items", json=body), 404, "agent_not_found")
    assert api.read(f"/v1/profiles/{profile}/items") == before


def test_an_sms_needs_a_phone_with_the_sms_tag_PRO_11(api: Api) -> None:
    made = api.profile(contact_points=[{"kind": "phone", "value": "+12125550123", "type": "mobile"}])
    path, phone = f"/v1/profiles/{made['id']}", made["contact_points"][0]["id"]
    sms = {"body": "Hello", "channel": "sms", "contact_point_id": phone}
    refused = problem(api.post(f"{path}/items", json=sms), 409, "sms_tag_missing")
    assert refused["contact_point_id"] == phone
    assert api.read(f"{path}/items")["data"] == []
    api.patch(f"{path}/contact-points/{phone}", json={"sms": True})
    sent = api.post(f"{path}/items", json=sms).json()
    assert (sent["kind"], sent["direction"], sent["channel"]) == ("message", "out", "sms")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"body": "x", "channel": "email"}, 404, "contact_point_not_found"),
        ({"body": "x", "channel": "email", "contact_point_id": "x"}, 404, "contact_point_not_found"),
        ({"body": "a\0"}, 422, "text_not_storable"),
        ({"body": "x", "subject": "\0"}, 422, "text_not_storable"),
        ({"body": "x" * 1_000_001}, 422, "invalid_request"),
        ({"body": None}, 422, "invalid_request"),
        ({"body": "x", "channel": "voice"}, 422, "invalid_request"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_cannot_be_written_is_refused(api: Api, body: dict[str, Any], status: int, code: str) -> None:
    problem(api.post(f"/v1/profiles/{api.profile()['id']}/items", json=body), status, code)


def test_a_message_goes_out_on_a_channel_that_reaches_the_contact_point(api: Api) -> None:
    made = api.profile(contact_points=[{"kind": "email", "value": "a@example.org"}])
    point = made["contact_points"][0]["id"]
    path = f"/v1/profiles/{made['id']}/items"
    wrong = {"body": "x", "channel": "whatsapp", "contact_point_id": point}
    problem(api.post(path, json=wrong), 422, "wrong_channel")
    sent = api.post(path, json={"body": "x", "subject": "s", "channel": "email", "contact_point_id": point}).json()
    assert (sent["contact_point_id"], sent["subject"], sent["attachments"]) == (point, "s", [])


def test_an_item_says_where_it_is__SND_1(api: Api) -> None:
    """An outgoing message is not sent; what came in, notes, tasks and events have nowhere to be."""
    contact = api.contact("email", {"email": "a@example.org"}, body="Hello")
    path = f"/v1/profiles/{contact['profile_id']}/items"
    point = api.read(f"/v1/profiles/{contact['profile_id']}")["contact_points"][0]["id"]
    message = api.post(path, json={"body": "x", "channel": "email", "contact_point_id": point}).json()
    note, task = (api.post(path, json={"body": "x", "kind": kind}).json() for kind in ("note", "task"))
    assert [item["state"] for item in (message, note, task)] == ["not_sent", None, None]
    for listed in (path, f"/v1/conversations/{contact['conversation_id']}/items"):
        states = {item["id"]: item["state"] for item in api.read(listed)["data"]}
        assert states.pop(message["id"]) == "not_sent"
        assert set(states.values()) == {None}
    state = document()["components"]["schemas"]["Item"]["properties"]["state"]
    assert "not_sent" in str(state["anyOf"])
    assert "has not sent it" in state["description"]


def test_a_message_and_a_note_are_told_to_other_systems__SND_1__EVT_1(api: Api) -> None:
    """By events that a webhook can ask for: a gateway takes `message.written`, which names the item by its id."""
    made = api.profile(contact_points=[{"kind": "email", "value": "a@example.org"}])
    path = f"/v1/profiles/{made['id']}/items"
    mail = {"channel": "email", "contact_point_id": made["contact_points"][0]["id"]}
    written = [api.post(path, json={"body": "x", **more}).json() for more in (mail, {"kind": "note"}, {"kind": "task"})]
    sql = "SELECT type, data FROM outbox WHERE type LIKE '%.written' AND profile_id = :id ORDER BY seq"
    rows = api.sql(sql, id=made["id"])
    events = [(row.type, json.loads(row.data) if isinstance(row.data, str) else row.data) for row in rows]
    assert [kind for kind, _ in events] == ["message.written", "note.written", "task.written"]
    assert {kind for kind, _ in events} <= set(EVENT_TYPES)
    assert [data for _, data in events] == [
        {"conversation_id": item["conversation_id"], "item_id": item["id"]} for item in written
    ]


def test_the_pages_of_a_timeline_hold_every_item_once_newest_first(api: Api) -> None:
    contacts = [api.contact("email", {"email": "a@example.org"}) for _ in range(12)]
    profile, conversation = contacts[0]["profile_id"], contacts[0]["conversation_id"]
    newest_first = [f["item_id"] for f in reversed(contacts)]
    for limit in (1, 5, 12, 200):
        assert [i["id"] for i in api.pages(f"/v1/profiles/{profile}/items", limit)] == newest_first
        assert [i["id"] for i in api.pages(f"/v1/conversations/{conversation}/items", limit)] == newest_first


def test_the_pages_of_conversations_hold_each_once(api: Api) -> None:
    opened = [api.contact("email", {"email": f"{n}@example.org"})["conversation_id"] for n in range(7)]
    default = api.read("/v1/settings")["default_inbox_id"]
    assert [c["id"] for c in api.pages(f"/v1/inboxes/{default}/conversations", 3)] == sorted(opened, reverse=True)
    profile = api.profile()["id"]
    conversation_ids = []
    for _ in range(5):
        item = api.post(f"/v1/profiles/{profile}/items", json={"body": "x"}).json()
        conversation_ids.append(item["conversation_id"])
        api.patch(f"/v1/conversations/{conversation_ids[-1]}", json={"state": "closed"})
    assert [c["id"] for c in api.pages(f"/v1/profiles/{profile}/conversations", 2)] == sorted(
        conversation_ids, reverse=True
    )


def test_a_conversation_is_routed_assigned_closed_and_reopened(api: Api) -> None:
    contact = api.contact("email", {"email": "a@example.org"})
    path, sales, ann = f"/v1/conversations/{contact['conversation_id']}", inbox(api, "Sales"), agent(api)
    assert api.patch(path, json={"inbox_id": sales, "assignee_id": ann}).json()["assignee_id"] == ann
    assert api.patch(path, json={}).json()["assignee_id"] == ann
    assert api.patch(path, json={"assignee_id": None}).json()["assignee_id"] is None
    assert api.patch(path, json={"state": "closed"}).json()["closed_at"]
    after = api.contact("email", {"email": "a@example.org"})  # RES-2: a new one in the routed inbox
    assert after["profile_id"] == contact["profile_id"]
    assert after["conversation_id"] != contact["conversation_id"]
    problem(api.patch(path, json={"state": "open"}), 409, "open_conversation")
    api.patch(f"/v1/conversations/{after['conversation_id']}", json={"state": "closed"})
    assert api.patch(path, json={"state": "open"}).json() == {
        **api.read(path),
        "state": "open",
        "closed_at": None,
        "inbox_id": sales,
    }


def test_a_conversation_goes_to_nobody_who_is_not_there(api: Api) -> None:
    path = f"/v1/conversations/{api.contact('email', {'email': 'a@example.org'})['conversation_id']}"
    problem(api.patch(path, json={"inbox_id": "x"}), 404, "inbox_not_found")
    problem(api.patch(path, json={"assignee_id": "x"}), 404, "agent_not_found")
    gone = agent(api)
    api.patch(f"/v1/agents/{gone}", json={"active": False})
    problem(api.patch(path, json={"assignee_id": gone}), 409, "agent_inactive")
    problem(api.patch(path, json={"state": "ajar"}), 422, "invalid_request")


def test_a_conversation_of_a_profile_that_was_merged_away_belongs_to_the_survivor_EVT_2(api: Api) -> None:
    contact = api.contact("email", {"email": "a@example.org"})
    survivor = api.profile(name="Ada")["id"]
    api.sql(
        "UPDATE profiles SET survivor_id = :s WHERE organization_id = :o AND id = :p",
        s=survivor,
        o=api.organization_id,
        p=contact["profile_id"],
    )
    assert api.read(f"/v1/conversations/{contact['conversation_id']}")["profile_id"] == survivor
    assert [i["id"] for i in api.read(f"/v1/profiles/{survivor}/items")["data"]] == [contact["item_id"]]
    (listed,) = api.read(f"/v1/profiles/{survivor}/conversations")["data"]
    assert (listed["id"], listed["profile_id"]) == (contact["conversation_id"], survivor)


@pytest.mark.parametrize("position", ["0", "9" * 30, "-1", "x", "1.5"])
def test_an_attachment_that_is_not_there(api: Api, position: str) -> None:
    contact = api.contact("email", {"email": "a@example.org"})
    path = f"/v1/conversations/{contact['conversation_id']}/items/{contact['item_id']}/attachments/{position}"
    if position == "0":
        problem(api.get(path), 404, "attachment_not_found")
    else:
        problem(api.get(path), 422, "invalid_request")
