"""/v1/merges and detaching: what an agent, a lead and another system see and are refused (MRG, DET, EVT-2)."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.core.clock import new_id
from tests.api.conftest import Api, Person, person, problem

JOINED = "Conversations were merged during the customer merge"


def pair(source_id: str, destination_id: str, **more: Any) -> dict[str, Any]:
    """The body of a merge or of its preview."""
    return {"source_id": source_id, "destination_id": destination_id, **more}


def two(api: Api) -> tuple[str, str]:
    """Ada, who has written and has an open conversation, and Bob, who was added by hand."""
    ada = api.contact("email", {"email": "ada@example.org", "name": "Ada"}, body="Hello")["profile_id"]
    return ada, api.profile(name="Bob")["id"]


def merged(client: Api, source_id: str, destination_id: str, **more: Any) -> dict[str, Any]:
    """A merge that must be done."""
    answer = client.post("/v1/merges", json=pair(source_id, destination_id, **more))
    assert answer.status_code == 201, answer.text
    merge: dict[str, Any] = answer.json()
    return merge


def previewed(client: Api, source_id: str, destination_id: str, **more: Any) -> dict[str, Any]:
    """The preview of a merge."""
    answer = client.post("/v1/merges/preview", json=pair(source_id, destination_id, **more))
    assert answer.status_code == 200, answer.text
    preview: dict[str, Any] = answer.json()
    return preview


def events(client: Api, profile_id: str) -> list[str]:
    """The events of a timeline, in order."""
    items = client.read(f"/v1/profiles/{profile_id}/items")["data"]
    return [item["body"] for item in reversed(items) if item["kind"] == "event"]


def outcome(preview: dict[str, Any], field: str) -> dict[str, Any]:
    """What a preview says of a field."""
    row: dict[str, Any] = next(o for o in preview["outcomes"] if o["field"] == field)
    return row


# The whole story


def test_an_agent_merges_what_is_suggested_and_a_lead_undoes_it__MRG_1_MRG_13(
    api: Api, mara: Person, lena: Person
) -> None:
    older, newer = (
        api.contact("email", {"email": email, "name": name}, body=f"It is {name}")
        for email, name in (("ada.lovelace@gmail.com", "Ada"), ("adalovelace+shop@gmail.com", "Ada Lovelace"))
    )
    here, other = older["profile_id"], newer["profile_id"]

    [suggested] = mara.at.read(f"/v1/profiles/{here}")["suggestions"]
    assert (suggested["profile_id"], suggested["kinds"]) == (other, ["similar_email"])
    why = mara.at.read(f"/v1/profiles/{here}/why/{other}")
    assert [(r["feature"], r["value"], r["other_value"]) for r in why["reasons"]] == [
        ("same_mailbox", "ada.lovelace@gmail.com", "adalovelace+shop@gmail.com"),
        ("name_similar", "Ada", "Ada Lovelace"),
    ]

    preview = previewed(mara.at, other, here)
    assert outcome(preview, "name") == {
        "field": "name",
        "source": "Ada Lovelace",
        "destination": "Ada",
        "kept": "source",
        "why": "longer_name",
        "options": ["source", "destination"],
        "preselected": "source",
    }
    chosen = {"name": "destination"}
    preview = previewed(mara.at, other, here, choices=chosen)
    assert (outcome(preview, "name")["kept"], outcome(preview, "name")["why"]) == ("destination", "chosen")
    assert preview["events"] == ["Mara merged a customer into Ada", JOINED]
    plan = {key: preview[key] for key in ("source_version", "destination_version", "digest")}
    merge = merged(mara.at, other, here, choices=chosen, **plan)

    profile = mara.at.read(f"/v1/profiles/{here}")
    assert (profile["display_name"], profile["former_ids"], profile["suggestions"]) == ("Ada", [other], [])
    timeline = [item["body"] for item in mara.at.read(f"/v1/profiles/{here}/items")["data"]]
    assert timeline == [*reversed(preview["events"]), "It is Ada Lovelace", "It is Ada"]

    look = lena.at.read(f"/v1/merges/{merge['id']}/undo")
    undone = lena.at.post(f"/v1/merges/{merge['id']}/undo", json={"version": look["version"]})
    assert undone.status_code == 200, undone.text
    assert mara.at.read(f"/v1/profiles/{other}")["display_name"] == "Ada Lovelace"
    assert [item["body"] for item in mara.at.read(f"/v1/profiles/{other}/items")["data"]] == [
        "Lena undid the merge of this customer into Ada",
        "It is Ada Lovelace",
    ]
    [suggested] = mara.at.read(f"/v1/profiles/{here}")["suggestions"]
    assert suggested["profile_id"] == other


# The preview


def test_a_preview_says_all_of_it_and_changes_nothing__MRG_4(api: Api) -> None:
    ada, bob = two(api)
    author = person(api, "Mara").id
    api.post(f"/v1/profiles/{ada}/drafts", json={"kind": "note", "body": "x", "agent_id": author})
    before = [api.read(f"/v1/profiles/{profile_id}") for profile_id in (ada, bob)]
    preview = previewed(api, ada, bob)
    assert (preview["source"]["id"], preview["destination"]["id"]) == (ada, bob)
    assert [preview["source_version"], preview["destination_version"]] == [b["version"] for b in before]
    assert (preview["conversations"], preview["drafts"], preview["joined_conversation_id"]) == (1, 1, None)
    assert preview["obstacles"] == []
    assert preview["events"] == ["test merged a customer into Bob"]
    assert previewed(api, ada, bob) == preview
    assert [api.read(f"/v1/profiles/{profile_id}") for profile_id in (ada, bob)] == before
    assert api.read("/v1/merges")["data"] == []


def test_the_sides_can_be_swapped_before_confirming__MRG_1(api: Api) -> None:
    ada, bob = two(api)
    one, other = previewed(api, ada, bob), previewed(api, bob, ada)
    assert one["digest"] != other["digest"]
    assert (one["source"], one["destination"]) == (other["destination"], other["source"])
    merged(api, bob, ada, digest=other["digest"])
    assert api.read(f"/v1/profiles/{ada}")["former_ids"] == [bob]


# Merges that were done


def test_a_merge_is_read_and_listed__MRG_14(api: Api, mara: Person) -> None:
    ada, bob = two(api)
    first = merged(mara.at, ada, bob)
    assert (first["source_id"], first["destination_id"], first["undone_at"]) == (ada, bob, None)
    assert first["agent_id"] == mara.id
    second = merged(api, bob, api.profile(name="Eve")["id"])
    third = merged(api, api.profile()["id"], api.profile()["id"])
    assert second["agent_id"] is None
    assert api.read(f"/v1/merges/{first['id']}") == first
    assert api.pages("/v1/merges", 2) == api.pages("/v1/merges", 50) == [third, second, first]
    for profile_id in (ada, bob, second["destination_id"]):  # of a profile, and of those in it
        assert api.read("/v1/merges", profile_id=profile_id)["data"] == [second, first]
    problem(api.get("/v1/merges", params={"profile_id": new_id()}), 404, "profile_not_found")
    problem(api.get("/v1/merges", params={"cursor": "x"}), 422, "invalid_cursor")
    problem(api.get(f"/v1/merges/{new_id()}"), 404, "merge_not_found")
    problem(api.get("/v1/merges/x"), 404, "merge_not_found")


def test_the_timeline_names_who_merged__MRG_6(api: Api, mara: Person) -> None:
    for client, more, name in (
        (mara.at, {}, "Mara"),
        (api, {}, "test"),
        (api, {"agent_id": mara.id}, "Mara"),
        (mara.at, {"agent_id": person(api, "Ned").id}, "Mara"),  # who is signed in merges for nobody else
    ):
        source, destination = api.profile()["id"], api.profile(name="Bob")["id"]
        merged(client, source, destination, **more)
        assert events(api, destination) == [f"{name} merged a customer into Bob"]


def test_both_open_with_two_assignees__MRG_6_MRG_7(api: Api, mara: Person) -> None:
    agents = {"destination": person(api, "Dora").id, "source": person(api, "Saul").id}
    contacts = {side: api.contact("email", {"email": f"{side}@example.org"}) for side in agents}
    for side, contact in contacts.items():
        api.patch(f"/v1/conversations/{contact['conversation_id']}", json={"assignee_id": agents[side]})
    stays = contacts["destination"]["conversation_id"]
    source, destination = (contacts[side]["profile_id"] for side in ("source", "destination"))
    assert previewed(mara.at, source, destination)["joined_conversation_id"] == stays
    merged(mara.at, source, destination)
    assert events(api, destination) == [
        "Routed from Dora to Saul due to customer merge",
        "Routed from Saul to Mara due to customer merge",
        "Mara merged a customer into destination@example.org",
        JOINED,
    ]
    assert api.read(f"/v1/conversations/{stays}")["assignee_id"] == mara.id


def test_the_audit_log_says_who_merged_and_from_where__MRG_14(api: Api, mara: Person) -> None:
    ada, bob = two(api)
    merged(api, ada, bob, agent_id=mara.id)
    entry = api.read("/v1/audit", profile_id=bob)["data"][0]
    assert (entry["action"], entry["profile_id"], entry["other_id"]) == ("profile.merged", bob, ada)
    assert (entry["agent_id"], entry["origin"]) == (mara.id, "api 127.0.0.1")
    assert entry["key_id"] == api.read("/v1/keys")["data"][0]["id"]


def test_the_audit_log_keeps_the_choices_made_and_no_text_of_the_request__MRG_14(api: Api) -> None:
    of = [{"key": "Allergy", "value": value} for value in ("nuts", "milk")]
    source, destination = (api.profile(name=name, details=[d])["id"] for name, d in zip("ab", of, strict=True))
    made = {"name": "source", "details.allergy": "destination"}
    ignored = {"ada@example.org": "source", "\0": "source", "username": "source", "image": "both"}
    merged(api, source, destination, choices=made | ignored)
    entry = api.read(f"/v1/audit/{api.read('/v1/audit')['data'][0]['seq']}")
    assert entry["details"]["choices"] == {"name": "source"}
    assert entry["before"]["choices"] == made  # what may name something of the customer can be erased
    assert "ada@example.org" not in str(entry)


# Ids that were merged away


def test_the_id_of_a_profile_merged_away_answers__EVT_2(api: Api) -> None:
    ada, bob = two(api)
    merged(api, ada, bob)
    leads = api.get(f"/v1/profiles/{ada}")
    assert (leads.status_code, leads.headers["Location"]) == (308, f"/v1/profiles/{bob}")
    assert api.get(f"/v1/profiles/{ada}", follow_redirects=True).json()["id"] == bob
    assert api.patch(f"/v1/profiles/{ada}", json={"username": "bee"}).json()["id"] == bob
    eve = api.profile(name="Eve")["id"]
    merged(api, bob, eve)  # any number of merges deep, in one step
    assert api.get(f"/v1/profiles/{ada}").headers["Location"] == f"/v1/profiles/{eve}"


def test_the_id_of_a_conversation_that_became_one_with_another_answers__EVT_2(api: Api) -> None:
    gone, stays = (api.contact("email", {"email": f"{name}@example.org"}, body=name) for name in ("a", "b"))
    merged(api, gone["profile_id"], stays["profile_id"])
    old, new = (f"/v1/conversations/{contact['conversation_id']}" for contact in (gone, stays))
    leads = api.get(f"{old}?a=b")
    assert (leads.status_code, leads.headers["Location"]) == (308, f"{new}?a=b")
    assert api.get(old, follow_redirects=True).json() == api.read(new)
    assert api.read(f"{old}/items") == api.read(f"{new}/items")
    assert [i["body"] for i in api.read(f"{new}/items")["data"] if i["kind"] == "message"] == ["b", "a"]
    assert api.patch(old, json={"state": "closed"}).json()["id"] == stays["conversation_id"]
    assert api.read(new)["state"] == "closed"


def test_a_conversation_that_was_not_joined_keeps_its_id__MRG_5(api: Api) -> None:
    ada = api.contact("email", {"email": "ada@example.org"})
    bob = api.profile(name="Bob")["id"]
    merged(api, ada["profile_id"], bob)
    conversation = api.read(f"/v1/conversations/{ada['conversation_id']}")
    assert (conversation["profile_id"], conversation["state"]) == (bob, "open")


# Refusals


def test_what_cannot_be_merged__MRG_15(api: Api, other: Api) -> None:
    ada, bob = two(api)
    eve, theirs = api.profile(name="Eve")["id"], other.profile(name="Zoe")["id"]
    merged(api, ada, bob)
    for path in ("/v1/merges", "/v1/merges/preview"):
        for unknown in (new_id(), "x", "", theirs):
            problem(api.post(path, json=pair(unknown, bob)), 404, "profile_not_found")
            problem(api.post(path, json=pair(bob, unknown)), 404, "profile_not_found")
        problem(api.post(path, json=pair(bob, bob)), 409, "same_profile")
        for body in (pair(ada, eve), pair(eve, ada)):
            refused = problem(api.post(path, json=body), 409, "merged_away")
            assert (refused["profile_id"], refused["survivor_id"]) == (ada, bob)
        problem(api.post(path, json=pair(eve, bob, agent_id=new_id())), 404, "agent_not_found")
        assert api.post(path, json=pair(eve, bob, agent_id="\0")).status_code in (404, 422)
    assert api.read(f"/v1/profiles/{eve}")["former_ids"] == []
    assert other.read(f"/v1/profiles/{theirs}")["former_ids"] == []


@pytest.mark.parametrize("step", [0, 1])
def test_a_refused_merge_says_what_stands_in_the_way_and_how_to_clear_it__MRG_17(api: Api, step: int) -> None:
    source, destination = (api.profile(customer_id=f"C-{n}")["id"] for n in (1, 2))
    preview = previewed(api, source, destination)
    [obstacle] = preview["obstacles"]
    assert (obstacle["code"], obstacle["field"]) == ("customer_ids_differ", "customer_id")
    refused = problem(api.post("/v1/merges", json=pair(source, destination)), 409, "merge_refused")
    assert refused["obstacles"] == [{key: obstacle[key] for key in ("code", "field", "steps")}]
    assert api.read(f"/v1/profiles/{destination}")["former_ids"] == []

    way_out = refused["obstacles"][0]["steps"][step]
    assert previewed(api, source, destination, steps=[way_out])["obstacles"] == []
    merged(api, source, destination, steps=[way_out])
    profile = api.read(f"/v1/profiles/{destination}")
    former, current = ("C-1", "C-2") if way_out["side"] == "source" else ("C-2", "C-1")
    assert (profile["customer_id"], profile["former_customer_ids"]) == (current, [former])


@pytest.mark.parametrize(
    ("step", "left", "profiles"),
    [(0, "home", 1), (1, "office", 1), (2, "office", 2), (3, "home", 2)],
)
def test_a_number_of_two_types_keeps_one_or_is_detached_in_the_same_breath__MRG_17(
    api: Api, step: int, left: str, profiles: int
) -> None:
    def holding(phone_type: str) -> str:
        number = {"kind": "phone", "value": "+442079460001", "type": phone_type}
        mail = {"kind": "email", "value": f"{phone_type}@example.org"}
        profile_id: str = api.profile(contact_points=[number, mail])["id"]
        return profile_id

    source, destination = holding("home"), holding("office")
    refused = problem(api.post("/v1/merges", json=pair(source, destination)), 409, "merge_refused")
    [obstacle] = refused["obstacles"]
    assert (obstacle["code"], obstacle["field"]) == ("phone_types_differ", "phone_type")
    ways_out = [(step["step"], step["side"]) for step in obstacle["steps"]]
    assert ways_out == [("keep_type", "source"), ("keep_type", "destination"), ("detach", None), ("detach", None)]
    chosen = [obstacle["steps"][step]]
    preview = previewed(api, source, destination, steps=chosen)
    assert preview["obstacles"] == []
    merged(api, source, destination, steps=chosen, digest=preview["digest"])
    types = [p["type"] for p in api.read(f"/v1/profiles/{destination}")["contact_points"] if p["kind"] == "phone"]
    assert types == [left]
    # With a detach the destination, and the one with the number alone.
    assert len(api.read("/v1/profiles")["data"]) == profiles


def test_a_merge_that_is_not_what_was_shown_any_more_is_refused__MRG_12(api: Api) -> None:
    ada, bob = two(api)
    preview = previewed(api, ada, bob)
    plan = {key: preview[key] for key in ("source_version", "destination_version", "digest")}
    api.patch(f"/v1/profiles/{bob}", json={"name": "Robert"})
    for stale in (plan, {"digest": plan["digest"]}, {"destination_version": plan["destination_version"]}):
        problem(api.post("/v1/merges", json=pair(ada, bob, **stale)), 412, "plan_changed")
    problem(api.post("/v1/merges", json=pair(ada, bob, digest="")), 412, "plan_changed")
    merged(api, ada, bob, source_version=plan["source_version"])  # that side is as it was


def test_a_choice_that_was_not_shown_is_not_confirmed_by_the_digest__MRG_12(api: Api) -> None:
    source, destination = api.profile(name="Ada Lovelace")["id"], api.profile(name="Ada")["id"]
    digest = previewed(api, source, destination)["digest"]
    body = pair(source, destination, digest=digest, choices={"name": "destination"})
    problem(api.post("/v1/merges", json=body), 412, "plan_changed")


@pytest.mark.parametrize(
    "more",
    [
        {"choices": {"name": "neither"}},
        {"choices": {"name": None}},
        {"choices": {"x" * 2_101: "source"}},
        {"choices": ["name"]},
        {"steps": [{"step": "give_up"}]},
        {"steps": [{"step": "make_ordinary"}]},
        {"steps": [{"step": "keep_former", "contact_point_id": "x"}]},
        {"steps": [{"step": "make_ordinary", "side": "both"}]},
        {"steps": [{"step": "detach", "side": "source"}]},
        {"steps": [{"step": "keep_type", "side": "source"}]},
        {"steps": [{"step": "keep_type", "contact_point_id": "0" * 36}]},
        {"steps": [{"step": "detach", "contact_point_id": "ada@example.org"}]},
        {"steps": [{"step": "keep_former", "side": "source"}] * 21},
        {"source_version": 0},
        {"destination_version": "1"},
        {"digest": "x" * 65},
        {"agent_id": 1},
        {"source": "x"},
        {"source_id": None},
    ],
    ids=lambda more: str(more)[:50],
)
def test_a_body_that_says_no_merge(api: Api, more: dict[str, Any]) -> None:
    ada, bob = two(api)
    problem(api.post("/v1/merges", json={**pair(ada, bob), **more}), 422, "invalid_request")
    assert api.read("/v1/merges")["data"] == []


# Who may


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("profiles:read", {"GET /v1/merges"}),
        ("profiles:write", {"POST /v1/merges/preview", "POST /v1/merges", "POST /v1/merges/many"}),
        ("merges:undo", {"GET /v1/merges/{id}/undo", "POST /v1/merges/{id}/undo"}),
        ("settings:write", set()),
        ("contacts:write", set()),
    ],
)
def test_a_key_may_merge_or_undo_as_its_scopes_say(api: Api, scope: str, allowed: set[str]) -> None:
    merge = merged(api, *two(api))
    body = pair(api.profile()["id"], api.profile()["id"])
    requests: dict[str, Any] = {
        "GET /v1/merges": None,
        "POST /v1/merges/preview": body,
        "POST /v1/merges": body,
        "POST /v1/merges/many": {"pairs": [body]},
        "GET /v1/merges/{id}/undo": None,
        "POST /v1/merges/{id}/undo": {},
    }
    with api.with_key(scope) as client:
        for name, given in requests.items():
            method, _, path = name.partition(" ")
            answer = client.request(method, path.format(id=merge["id"]), json=given)
            if name in allowed:
                assert answer.is_success, (name, answer.text)
            else:
                problem(answer, 403, "scope_missing")


def test_for_agents_a_merge_is_final__MRG_13(api: Api, mara: Person, lena: Person) -> None:
    ada, bob = two(api)
    merge = merged(mara.at, ada, bob)
    path = f"/v1/merges/{merge['id']}/undo"
    problem(mara.at.get(path), 403, "scope_missing")
    problem(mara.at.post(path, json={}), 403, "scope_missing")
    assert lena.at.post(path, json={}).status_code == 200


# Undoing


def test_the_preview_of_an_undo_lists_what_it_does__MRG_13(api: Api) -> None:
    source = api.profile(
        name="Ada",
        customer_id="C-1",
        details=[{"key": "a", "value": "b"}],
        contact_points=[{"kind": "email", "value": "ada@example.org"}, {"kind": "email", "value": "a@example.org"}],
    )
    destination = api.profile(name="Bob")["id"]
    merge = merged(api, source["id"], destination)
    api.contact("email", {"email": "ada@example.org"}, body="Since")
    gone = next(p["id"] for p in source["contact_points"] if p["value"] == "a@example.org")
    api.delete(f"/v1/profiles/{destination}/contact-points/{gone}")
    look = api.read(f"/v1/merges/{merge['id']}/undo")
    assert look["merge"] == merge
    assert (look["profile_id"], look["source_id"], look["returning"]) == (destination, source["id"], [source["id"]])
    assert (look["contact_points"], look["details"], look["items_since"]) == (1, 1, 1)
    assert [row["id"] for row in look["gone"]] == [gone]
    assert api.get(f"/v1/profiles/{source['id']}").status_code == 308  # nothing is changed

    undone = api.post(f"/v1/merges/{merge['id']}/undo", json={"version": look["version"]}).json()
    assert {**undone, "merge": None} == {**look, "merge": None}
    assert api.read(f"/v1/merges/{merge['id']}")["undone_at"]
    back = api.read(f"/v1/profiles/{source['id']}")
    assert (back["customer_id"], [p["value"] for p in back["contact_points"]]) == ("C-1", ["ada@example.org"])
    assert [i["body"] for i in api.read(f"/v1/profiles/{source['id']}/items")["data"] if i["body"] == "Since"]


def test_an_undo_that_cannot_be__MRG_13(api: Api) -> None:
    ada, bob = two(api)
    path = f"/v1/merges/{merged(api, ada, bob)['id']}/undo"
    version = api.read(path)["version"]
    api.patch(f"/v1/profiles/{bob}", json={"name": "Robert"})
    problem(api.post(path, json={"version": version}), 412, "version_mismatch")
    api.patch("/v1/settings", json={"undo_days": 0})  # 0: never
    problem(api.get(path), 409, "undo_window_over")
    problem(api.post(path, json={}), 409, "undo_window_over")
    api.patch("/v1/settings", json={"undo_days": 1})
    assert api.post(path, json={}).status_code == 200
    problem(api.get(path), 409, "undone")
    problem(api.post(path, json={}), 409, "undone")
    problem(api.get(f"/v1/merges/{new_id()}/undo"), 404, "merge_not_found")
    problem(api.post("/v1/merges/x/undo", json={}), 404, "merge_not_found")
    for body in ({"version": 0}, {"version": "1"}, {"versions": 1}):
        problem(api.post(path, json=body), 422, "invalid_request")


def test_an_undo_by_a_key_is_told_by_the_keys_name__MRG_13(api: Api) -> None:
    ada, bob = two(api)
    api.post(f"/v1/merges/{merged(api, ada, bob)['id']}/undo", json={})
    assert events(api, bob)[-1] == "test undid the merge of Ada into this customer"
    assert events(api, ada) == ["test undid the merge of this customer into Bob"]


# Detaching


def test_a_contact_point_is_detached_with_its_conversations__DET_1_DET_3(api: Api, mara: Person) -> None:
    ada = api.contact("email", {"email": "ada@example.org", "name": "Ada"})
    here = ada["profile_id"]
    profile = api.post(f"/v1/profiles/{here}/contact-points", json={"kind": "email", "value": "b@example.org"}).json()
    point = next(p["id"] for p in profile["contact_points"] if p["value"] == "ada@example.org")
    path = f"/v1/profiles/{here}/contact-points/{point}/detach"
    problem(mara.at.post(path, headers={"If-Match": '"1000"'}), 412, "version_mismatch")
    answer = mara.at.post(path, headers={"If-Match": f'"{profile["version"]}"'})
    assert answer.status_code == 201
    new = answer.json()["new_profile_id"]
    assert answer.json() == {
        "profile_id": here,
        "new_profile_id": new,
        "moved_conversations": [ada["conversation_id"]],
        "split_conversations": {},
    }
    assert api.read(f"/v1/conversations/{ada['conversation_id']}")["profile_id"] == new
    assert events(api, new) == ["Mara detached ada@example.org from Ada"]
    assert events(api, here) == ["Mara detached ada@example.org into a new customer"]
    assert api.read(f"/v1/profiles/{new}/suggestions")["data"] == []

    problem(mara.at.post(path), 404, "contact_point_not_found")
    problem(mara.at.post(f"/v1/profiles/{new}/contact-points/{point}/detach"), 409, "only_contact_point")
    problem(mara.at.post(f"/v1/profiles/{new_id()}/contact-points/{point}/detach"), 404, "profile_not_found")


def test_detaching_through_an_id_that_was_merged_away_reaches_the_survivor__EVT_2(api: Api) -> None:
    ada, bob = two(api)
    api.post(f"/v1/profiles/{bob}/contact-points", json={"kind": "email", "value": "bob@example.org"})
    point = api.read(f"/v1/profiles/{ada}")["contact_points"][0]["id"]
    merged(api, ada, bob)
    detached = api.post(f"/v1/profiles/{ada}/contact-points/{point}/detach")
    assert (detached.status_code, detached.json()["profile_id"]) == (201, bob)
    assert api.contact("email", {"email": "ada@example.org"})["profile_id"] == detached.json()["new_profile_id"]
