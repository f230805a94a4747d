"""/v1/drafts: composing, saving and sending, as a signed-in agent and as an API key on an agent's behalf (MRG-9)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from onefold.accounts import service as accounts
from onefold.accounts import signing_in
from onefold.database.transactions import run_in_transaction
from tests.api.conftest import Api, fresh, problem
from tests.dsl.words import COMMAND

NOTE = {"kind": "note", "body": "Call back on"}


def signed_in(api: Api, role: accounts.Role = "agent") -> Api:
    """A client of a new agent's session."""
    email, password = f"{fresh(role)}@kite.example", "correct horse battery"

    def sign_in(unit: Any) -> str:
        accounts.add_agent(unit, email, role, role, COMMAND, password)
        return signing_in.sign_in(unit, email, password, "test").token  # type: ignore[union-attr]

    return Api(api.served, api.organization_id, run_in_transaction(api.database, api.organization_id, sign_in))


@pytest.fixture
def mara(api: Api) -> Iterator[Api]:
    """A signed-in agent."""
    with signed_in(api) as client:
        yield client


def begin(client: Api, profile_id: str, **body: Any) -> dict[str, Any]:
    answer = client.post(f"/v1/profiles/{profile_id}/drafts", json={**NOTE, **body})
    assert answer.status_code == 201, answer.text
    draft: dict[str, Any] = answer.json()
    return draft


def test_a_draft_is_begun_saved_read_and_thrown_away(api: Api, mara: Api) -> None:
    ada = api.profile(name="Ada")["id"]
    draft = begin(mara, ada)
    assert (draft["profile_id"], draft["kind"], draft["body"], draft["subject"]) == (ada, "note", "Call back on", None)
    saved = mara.put(f"/v1/drafts/{draft['id']}", json={"kind": "email", "body": "Dear Ada", "subject": "Order"})
    assert saved.status_code == 200
    assert mara.read(f"/v1/drafts/{draft['id']}") == saved.json()
    assert (saved.json()["kind"], saved.json()["subject"]) == ("email", "Order")
    assert mara.read(f"/v1/profiles/{ada}/drafts")["data"] == [saved.json()]
    assert mara.delete(f"/v1/drafts/{draft['id']}").status_code == 204
    problem(mara.get(f"/v1/drafts/{draft['id']}"), 404, "draft_not_found")
    problem(mara.delete(f"/v1/drafts/{draft['id']}"), 404, "draft_not_found")


@pytest.mark.parametrize("role", ["agent", "lead", "admin"])
def test_somebody_elses_draft_is_not_there_for_anybody(api: Api, mara: Api, role: accounts.Role) -> None:
    ada = api.profile()["id"]
    path = f"/v1/drafts/{begin(mara, ada)['id']}"
    with signed_in(api, role) as nils:
        problem(nils.get(path), 404, "draft_not_found")
        problem(nils.put(path, json=NOTE), 404, "draft_not_found")
        problem(nils.delete(path), 404, "draft_not_found")
        problem(nils.post(f"{path}/send"), 404, "draft_not_found")
        assert nils.read("/v1/drafts")["data"] == []
        assert nils.read(f"/v1/profiles/{ada}/drafts")["data"] == []


def test_an_api_key_says_on_whose_behalf_it_asks(api: Api, mara: Api) -> None:
    ada, nils = api.profile()["id"], api.post("/v1/agents", json={"email": "n@kite.example", "name": "N"}).json()["id"]
    draft = begin(api, ada, agent_id=nils)
    path = f"/v1/drafts/{draft['id']}"
    assert draft["author_id"] == nils
    for answer in (api.get(path), api.put(path, json=NOTE), api.get("/v1/drafts"), api.post(f"{path}/send")):
        assert problem(answer, 422, "agent_missing")["field"] == "agent_id"
    problem(api.get(path, params={"agent_id": "x"}), 404, "agent_not_found")
    assert api.read(path, agent_id=nils) == draft
    assert api.read("/v1/drafts", agent_id=nils)["data"] == [draft]
    assert api.put(path, json={**NOTE, "agent_id": nils}).status_code == 200
    problem(mara.get(path, params={"agent_id": nils}), 404, "draft_not_found")  # an agent asks for itself only
    assert api.post(f"{path}/send", params={"agent_id": nils}).json()["agent_id"] == nils


def test_drafts_are_listed_page_by_page(api: Api, mara: Api) -> None:
    ada, bob = api.profile()["id"], api.profile()["id"]
    made = [begin(mara, ada if number % 2 else bob)["id"] for number in range(5)]
    assert [draft["id"] for draft in mara.pages("/v1/drafts", 2)] == made[::-1]
    assert [draft["id"] for draft in mara.pages(f"/v1/profiles/{ada}/drafts", 1)] == [made[3], made[1]]


def test_a_draft_that_is_sent_is_an_item_and_no_draft__UI_1(api: Api, mara: Api) -> None:
    contact = api.contact("email", {"email": "ada@example.org"})
    ada = contact["profile_id"]
    point = api.read(f"/v1/profiles/{ada}")["contact_points"][0]["id"]
    sent = [
        mara.post(f"/v1/drafts/{begin(mara, ada, **body)['id']}/send").json()
        for body in ({}, {"kind": "task"}, {"kind": "email", "contact_point_id": point, "subject": "Re: order"})
    ]
    assert [(item["kind"], item["channel"]) for item in sent] == [("note", None), ("task", None), ("message", "email")]
    assert [item["state"] for item in sent] == [None, None, "not_sent"]
    assert {item["conversation_id"] for item in sent} == {contact["conversation_id"]}
    assert api.read(f"/v1/profiles/{ada}/items")["data"][:3] == sent[::-1]
    assert mara.read("/v1/drafts")["data"] == []


def test_a_draft_is_sent_once_under_one_key(api: Api, mara: Api) -> None:
    draft, key = begin(mara, api.profile()["id"]), {"Idempotency-Key": fresh("k")}
    first, again = (mara.post(f"/v1/drafts/{draft['id']}/send", headers=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    problem(mara.post(f"/v1/drafts/{draft['id']}/send"), 404, "draft_not_found")


def test_what_cannot_be_sent_says_why_and_stays__PRO_11(api: Api, mara: Api) -> None:
    made = api.profile(contact_points=[{"kind": "phone", "value": "+12025550123", "type": "mobile"}])
    point = made["contact_points"][0]["id"]
    nowhere = begin(mara, made["id"], kind="email")
    no_sms = begin(mara, made["id"], kind="sms", contact_point_id=point)
    problem(mara.post(f"/v1/drafts/{nowhere['id']}/send"), 409, "contact_point_missing")
    assert mara.post(f"/v1/drafts/{no_sms['id']}/send").status_code == 409
    assert len(mara.read("/v1/drafts")["data"]) == 2


def test_what_is_no_draft_is_refused(api: Api, mara: Api) -> None:
    ada = api.profile()["id"]
    path = f"/v1/profiles/{ada}/drafts"
    problem(mara.post("/v1/profiles/x/drafts", json=NOTE), 404, "profile_not_found")
    problem(mara.get("/v1/profiles/x/drafts"), 404, "profile_not_found")
    problem(mara.post(path, json={**NOTE, "kind": "fax"}), 422, "invalid_request")
    problem(mara.post(path, json={**NOTE, "contact_point_id": "x"}), 404, "contact_point_not_found")
    problem(mara.post(path, json={**NOTE, "body": "\0"}), 422, "text_not_storable")
    problem(mara.post(path, json={**NOTE, "subject": "\0"}), 422, "text_not_storable")


def test_drafts_need_the_scopes_of_profiles(api: Api) -> None:
    ada = api.profile()["id"]
    with api.with_key("profiles:read") as reader:
        problem(reader.post(f"/v1/profiles/{ada}/drafts", json=NOTE), 403, "scope_missing")
    with api.with_key("profiles:write") as writer:
        problem(writer.get("/v1/drafts"), 403, "scope_missing")


def test_a_task_is_written_directly_as_well__UI_1(api: Api) -> None:
    ada = api.profile(contact_points=[{"kind": "email", "value": "ada@example.org"}])
    path = f"/v1/profiles/{ada['id']}/items"
    assert api.post(path, json={"body": "Call back", "kind": "task"}).json()["kind"] == "task"
    assert api.post(path, json={"body": "Called back"}).json()["kind"] == "note"
    mail = {"channel": "email", "contact_point_id": ada["contact_points"][0]["id"]}
    assert api.post(path, json={"body": "Hello", **mail}).json()["kind"] == "message"
    problem(api.post(path, json={"body": "Hello", "kind": "task", **mail}), 422, "task_on_channel")
