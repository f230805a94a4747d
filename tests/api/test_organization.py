"""/v1/settings, runs, blocklist, inboxes, agents and keys: what an organization decides, and what that does to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from onefold.settings import mobile_identification
from tests.api.conftest import Api, fresh, problem

MOBILE, LANDLINE, UNKNOWN = "+447400123456", "+442079460000", "+12125550123"


def phone(api: Api, number: str, phone_type: str) -> str:
    """A new profile's id, which holds the number."""
    profile_id: str = api.profile(contact_points=[{"kind": "phone", "value": number, "type": phone_type}])["id"]
    return profile_id


def types(api: Api, *profile_ids: str) -> list[str]:
    """The type of each profile's phone."""
    return [api.read(f"/v1/profiles/{i}")["contact_points"][0]["type"] for i in profile_ids]


def finished(api: Api, run: dict[str, Any]) -> dict[str, Any]:
    """The run, once the background worker has finished it."""
    return awaited(lambda: api.read(f"/v1/runs/{run['id']}"), lambda r: r["state"] != "running")


def awaited(read: Callable[[], dict[str, Any]], until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What is read, once it is as wanted."""
    for _ in range(300):
        answer = read()
        if until(answer):
            return answer
        time.sleep(0.05)
    raise AssertionError(answer)


# Settings


def test_settings_are_read_and_changed_field_by_field(api: Api) -> None:
    before = api.read("/v1/settings")
    assert (before["default_region"], before["matching_mode"], before["shared_limit"]) == ("US", "listed", 20)
    assert api.patch("/v1/settings", json={"default_region": "GB"}).json() == {**before, "default_region": "GB"}
    assert (
        api.contact("sms", {"phone": "07400 123456"})["profile_id"]
        == (api.contact("sms", {"phone": MOBILE})["profile_id"])
    )


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"default_region": "ZZ"}, "invalid_value"),
        ({"default_region": "us"}, "invalid_value"),
        ({"default_region": "USA"}, "invalid_request"),
        ({"default_inbox_id": "x"}, "unknown_inbox"),
        ({"matching_mode": "guess"}, "invalid_request"),
        ({"shared_limit": 0}, "invalid_request"),
        ({"shared_limit": 10**30}, "invalid_request"),
        ({"mobile_identification": "yes"}, "invalid_request"),
        ({"mobile_identification": None}, "invalid_request"),
        ({"name": "\0"}, "text_not_storable"),
        ({"id": 2}, "invalid_request"),
        ({"undo_days": -1}, "invalid_request"),
        ({"undo_days": 3_651}, "invalid_request"),
        ({"undo_days": 1.5}, "invalid_request"),
        ({"undo_days": None}, "invalid_request"),
        ({"merge_policies": "by-chance"}, "invalid_request"),
        ({"merge_policies": None}, "invalid_request"),
        ({"merge_policies": {"name": "guess"}}, "invalid_request"),
        ({"merge_policies": {"name": "refuse"}}, "invalid_policy"),
        ({"merge_policies": {"customer_id": "ask"}}, "invalid_policy"),
        ({"merge_policies": {"name": "ask", "shoe_size": "ask"}}, "invalid_policy"),
        ({"merge_policies": {"addresses": "rule"}}, "invalid_policy"),
        ({"match_weights": None}, "invalid_request"),
        ({"match_weights": {"email": [0.9]}}, "invalid_request"),
        ({"match_weights": {"email": [0.9, 0.1, 0.1]}}, "invalid_request"),
        ({"match_weights": {"email": [0, 0.1]}}, "invalid_request"),
        ({"match_weights": {"email": [0.9, 1.1]}}, "invalid_request"),
        ({"match_weights": {"email": ["0.9", 0.1]}}, "invalid_request"),
        ({"match_weights": {"email": 3}}, "invalid_request"),
        ({"match_weights": {"shoe_size": [0.9, 0.1]}}, "invalid_value"),
    ],
    ids=str,
)
def test_settings_that_cannot_be(api: Api, body: dict[str, Any], code: str) -> None:
    before = api.read("/v1/settings")
    problem(api.patch("/v1/settings", json=body), 422, code)
    assert api.read("/v1/settings") == before


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_weight_is_a_number(api: Api, number: str) -> None:
    body = f'{{"match_weights": {{"email": [0.9, {number}]}}}}'
    refused = api.patch("/v1/settings", content=body, headers={"Content-Type": "application/json"})
    assert refused.status_code in (400, 422)
    assert api.read("/v1/settings")["match_weights"]["email"] == [0.9, 0.0005]


# MRG-4, MRG-13: what a merge decides, and how long it can be undone


def test_policies_are_set_by_preset_or_field_by_field__MRG_4(api: Api) -> None:
    before = api.read("/v1/settings")
    rule = before["merge_policies"]
    assert (rule["name"], rule["customer_id"], before["undo_days"]) == ("rule", "refuse", 30)
    one = api.patch("/v1/settings", json={"merge_policies": {"main_phone": "choose"}}).json()
    assert one == {**before, "merge_policies": {**rule, "main_phone": "choose"}}
    asked = api.patch("/v1/settings", json={"merge_policies": "ask"}).json()["merge_policies"]
    assert set(asked) == set(rule)
    assert set(asked.values()) == {"ask", "choose"}
    assert api.patch("/v1/settings", json={"merge_policies": "by-rule"}).json() == before
    assert api.patch("/v1/settings", json={"merge_policies": {}}).json() == before


def test_the_policies_decide_what_a_merge_asks_for__MRG_4(api: Api) -> None:
    source, destination = (api.profile(name=n, customer_id=n)["id"] for n in ("Ada", "Bob"))
    merge = {"source_id": source, "destination_id": destination}

    def obstacles() -> list[str]:
        preview = api.post("/v1/merges/preview", json=merge).json()
        return [f"{o['field']} {o['code']}" for o in preview["obstacles"]]

    assert obstacles() == ["customer_id customer_ids_differ"]
    api.patch("/v1/settings", json={"merge_policies": {"customer_id": "choose"}})
    assert obstacles() == ["customer_id choice_missing"]
    api.patch("/v1/settings", json={"merge_policies": "ask"})
    assert obstacles() == ["name choice_missing", "customer_id choice_missing"]
    chosen = {**merge, "choices": {"name": "source", "customer_id": "source"}}
    assert api.post("/v1/merges", json=chosen).status_code == 201
    after = api.read(f"/v1/profiles/{destination}")
    assert (after["name"], after["customer_id"], after["former_customer_ids"]) == ("Ada", "Ada", ["Bob"])


# SUG-5, SUG-6: what matching makes of what is shared


def test_changed_weights_rate_every_suggestion_anew__SUG_5(api: Api) -> None:
    one, other = (api.contact("voice", {"phone": LANDLINE})["profile_id"] for _ in range(2))
    path = f"/v1/profiles/{one}/suggestions"
    [before] = api.read(path)["data"]
    weights = api.read("/v1/settings")["match_weights"]
    changed = api.patch("/v1/settings", json={"match_weights": {"phone": [0.95, 0.001]}}).json()["match_weights"]
    assert changed == {**weights, "phone": [0.95, 0.001]}
    [run] = api.read("/v1/runs")["data"]
    assert (run["kind"], run["total"]) == ("rebuild_matches", None)
    run = finished(api, run)
    assert (run["state"], run["done"]) == ("finished", 2)
    [after] = api.read(path)["data"]
    assert after["rating"] > before["rating"]
    assert after == {**before, "rating": after["rating"], "why": after["why"]}
    assert after["rating"] == after["why"]["rating"]
    assert api.read(f"/v1/profiles/{other}")["suggestions"][0]["rating"] == after["rating"]
    for same in ({}, {"phone": [0.95, 0.001]}):  # nothing is changed, nothing is to be done
        api.patch("/v1/settings", json={"match_weights": same})
    assert len(api.read("/v1/runs")["data"]) == 1


def test_what_too_many_share_is_a_candidate_for_the_blocklist__SUG_6(api: Api) -> None:
    api.patch("/v1/settings", json={"shared_limit": 2})
    calling = [api.contact("voice", {"phone": LANDLINE})["profile_id"] for _ in range(2)]
    assert api.read("/v1/blocklist/candidates")["data"] == []
    calling += [api.contact("voice", {"phone": LANDLINE})["profile_id"] for _ in range(2)]
    assert api.read(f"/v1/profiles/{calling[-1]}/suggestions")["data"] == []  # no flood
    [candidate] = api.read("/v1/blocklist/candidates")["data"]
    assert candidate == {"kind": "phone", "value": LANDLINE, "profiles": 4}
    with api.with_key("profiles:read") as client:
        problem(client.get("/v1/blocklist/candidates"), 403, "scope_missing")
    api.post("/v1/blocklist", json={"kind": candidate["kind"], "value": candidate["value"]})
    assert api.read("/v1/blocklist/candidates")["data"] == []


# RES-6, RES-7: Mobile Phone Number Identification


def test_a_call_from_a_number_never_seen_RES_6(api: Api) -> None:
    numbers = (MOBILE, LANDLINE, UNKNOWN)
    off = [api.contact("voice", {"phone": n})["profile_id"] for n in ("+447400123457", LANDLINE, UNKNOWN)]
    assert types(api, *off) == ["other", "other", "other"]
    api.patch("/v1/settings", json={"mobile_identification": True})
    on = [api.contact("voice", {"phone": n})["profile_id"] for n in (MOBILE, "+442079460001", "+12125550124")]
    assert types(api, *on) == ["mobile", "home", "other"]
    assert len(numbers) == len(on)


def test_the_run_over_the_existing_phones_RES_7(api: Api) -> None:
    alone = phone(api, MOBILE, "other")
    beside_home = [phone(api, "+447400123400", t) for t in ("other", "home", "office")]
    two_others = [phone(api, "+447400123401", "other") for _ in range(2)]
    only_home = phone(api, "+447400123402", "home")
    held_as_mobile = [phone(api, "+447400123403", t) for t in ("mobile", "other")]
    cannot_tell, landline = phone(api, UNKNOWN, "other"), phone(api, LANDLINE, "other")
    everyone = (alone, *beside_home, *two_others, only_home, *held_as_mobile, cannot_tell, landline)
    before = types(api, *everyone)

    preview = api.post("/v1/settings/mobile-identification/preview")
    assert preview.status_code == 202
    previewed = finished(api, preview.json())
    assert previewed["counts"]["changed"] == 2
    assert types(api, *everyone) == before

    api.patch("/v1/settings", json={"mobile_identification": True})
    run = next(r for r in api.read("/v1/runs")["data"] if r["kind"] == "identify_mobiles")
    run = finished(api, run)
    assert (run["state"], run["done"]) == ("finished", run["total"])
    assert run["counts"] == previewed["counts"]
    assert types(api, alone, beside_home[0]) == ["mobile", "mobile"]
    left = [i for i in everyone if i not in (alone, beside_home[0])]
    assert types(api, *left) == [t for i, t in zip(everyone, before, strict=True) if i in left]
    assert api.contact("voice", {"phone": MOBILE})["profile_id"] == alone

    api.patch("/v1/settings", json={"mobile_identification": False})  # never un-marks a number
    assert types(api, alone) == ["mobile"]


def test_a_run_is_stopped_and_resumed_RES_7(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mobile_identification, "_CHUNK", 2)  # so that there is a middle to stop in
    profile_ids = [phone(api, f"+4474001235{n:02}", "other") for n in range(20)]
    api.patch("/v1/settings", json={"mobile_identification": True})
    (run,) = api.read("/v1/runs")["data"]
    path = f"/v1/runs/{run['id']}"
    problem(api.post(f"{path}/resume"), 409, "run_state")
    awaited(lambda: api.read(path), lambda r: r["done"] > 0)
    stopped = api.post(f"{path}/stop").json()
    assert stopped["state"] == "stopped"
    assert 0 < stopped["done"] < stopped["total"]
    problem(api.post(f"{path}/stop"), 409, "run_state")
    time.sleep(0.5)
    assert api.read(path)["done"] == stopped["done"]
    monkeypatch.undo()
    assert api.post(f"{path}/resume").json()["state"] == "running"
    run = finished(api, run)
    assert (run["state"], run["done"], run["counts"]["changed"]) == ("finished", 20, 20)
    assert set(types(api, *profile_ids)) == {"mobile"}
    problem(api.get("/v1/runs/x"), 404, "run_not_found")


# RES-9: what is identifying


def test_switching_to_contacted_and_back_is_previewed_and_refused_where_it_cannot_be_RES_9(api: Api) -> None:
    listed = {"kind": "email", "value": "ada@example.org"}
    one = api.profile(contact_points=[listed])["id"]
    preview = api.read("/v1/settings/matching-mode/contacted/preview")
    assert preview == {"mode": "contacted", "changes": 1, "obstacles": []}
    assert api.patch("/v1/settings", json={"matching_mode": "contacted"}).status_code == 200
    two = api.profile(contact_points=[listed])["id"]  # listed on several, and only suggested
    assert [s["profile_id"] for s in api.read(f"/v1/profiles/{two}")["suggestions"]] == [one]
    assert api.contact("email", {"email": "ada@example.org"})["profile_id"] not in (one, two)

    preview = api.read("/v1/settings/matching-mode/listed/preview")
    (obstacle,) = preview["obstacles"]
    assert (obstacle["kind"], obstacle["value"]) == ("email", "ada@example.org")
    assert {one, two} < set(obstacle["profile_ids"])
    refused = api.patch("/v1/settings", json={"matching_mode": "listed", "name": "New"})
    members = problem(refused, 409, "matching_mode_obstacles")
    assert {one, two} < set(members["profile_ids"][0])
    settings = api.read("/v1/settings")
    assert (settings["matching_mode"], settings["name"]) == ("contacted", "Acme")  # nothing was changed

    for profile in (one, two):
        point = api.read(f"/v1/profiles/{profile}")["contact_points"][0]["id"]
        api.delete(f"/v1/profiles/{profile}/contact-points/{point}")
    assert api.patch("/v1/settings", json={"matching_mode": "listed"}).status_code == 200
    problem(api.get("/v1/settings/matching-mode/guess/preview"), 422, "invalid_request")


def test_contacts_see_changed_settings_at_once_RES_9(api: Api) -> None:
    holder = api.profile(contact_points=[{"kind": "email", "value": "ada@example.org"}])["id"]
    api.patch("/v1/settings", json={"matching_mode": "contacted"})
    first = api.contact("email", {"email": "ada@example.org"})
    assert (first["outcome"], first["profile_id"] == holder) == ("created", False)
    assert api.contact("email", {"email": "ada@example.org"})["profile_id"] == first["profile_id"]


# PRO-12: the blocklist


def test_a_blocked_value_opens_nothing_until_it_is_taken_off_PRO_12(api: Api) -> None:
    holder = api.contact("email", {"email": "desk@example.org"})["profile_id"]
    entry = {"kind": "email", "value": "Desk@Example.org"}
    assert api.post("/v1/blocklist", json=entry).json() == {"kind": "email", "value": "desk@example.org"}
    problem(api.post("/v1/blocklist", json=entry), 409, "entry_present")
    assert {"kind": "email", "value": "desk@example.org"} in api.read("/v1/blocklist")["data"]
    assert not api.read(f"/v1/profiles/{holder}")["contact_points"][0]["identifying"]
    assert api.contact("email", {"email": "desk@example.org"})["profile_id"] != holder
    alone = api.contact("sms", {"phone": UNKNOWN})["profile_id"]
    api.post("/v1/blocklist", json={"kind": "phone", "value": UNKNOWN})
    assert api.post("/v1/blocklist/remove", json={"kind": "phone", "value": "(212) 555-0123"}).status_code == 204
    assert api.contact("sms", {"phone": UNKNOWN})["profile_id"] == alone
    problem(api.post("/v1/blocklist/remove", json={"kind": "phone", "value": UNKNOWN}), 404, "entry_not_found")


@pytest.mark.parametrize(
    ("kind", "written", "value"),
    [
        ("email", "Info@*", "info@*"),
        ("email", "*@Bücher.example.org", "*@xn--bcher-kva.example.org"),
        ("phone", "Secret", "secret"),
        ("customer_id", "VOID", "void"),
        ("social", "Facebook:0815", "facebook:0815"),
    ],
)
def test_an_entry_is_kept_in_its_normal_form(api: Api, kind: str, written: str, value: str) -> None:
    assert api.post("/v1/blocklist", json={"kind": kind, "value": written}).json()["value"] == value


@pytest.mark.parametrize("kind", ["email", "phone", "customer_id", "social"])
@pytest.mark.parametrize("value", [" ", "a\0b", "\0"])
def test_an_entry_that_is_no_text_is_refused(api: Api, kind: str, value: str) -> None:
    before = api.read("/v1/blocklist")
    assert api.post("/v1/blocklist", json={"kind": kind, "value": value}).status_code == 422
    assert api.read("/v1/blocklist") == before


# Inboxes, agents, keys


def test_inboxes(api: Api) -> None:
    made = api.post("/v1/inboxes", json={"name": "Sales\u202e"})
    assert (made.status_code, made.json()["name"], made.json()["agent_ids"]) == (201, "Sales", [])
    path = f"/v1/inboxes/{made.json()['id']}"
    problem(api.post("/v1/inboxes", json={"name": "Sales"}), 409, "inbox_present")
    problem(api.patch(path, json={"name": "General"}), 409, "inbox_present")
    problem(api.patch(path, json={"name": " "}), 422, "empty_value")
    assert api.patch(path, json={"name": "Sales EU"}).json()["name"] == "Sales EU"
    ann = api.post("/v1/agents", json={"email": "ann@example.org", "name": "Ann"}).json()["id"]
    for _ in range(2):
        assert api.put(f"{path}/agents/{ann}").json()["agent_ids"] == [ann]
    assert api.read(f"/v1/agents/{ann}")["recent_inbox_id"] == made.json()["id"]
    assert api.delete(f"{path}/agents/{ann}").json()["agent_ids"] == []
    assert api.read(f"/v1/agents/{ann}")["recent_inbox_id"] is None
    problem(api.put(f"{path}/agents/x"), 404, "agent_not_found")
    problem(api.put(f"/v1/inboxes/x/agents/{ann}"), 404, "inbox_not_found")
    assert [i["name"] for i in api.read("/v1/inboxes")["data"]] == ["General", "Sales EU"]


def test_agents(api: Api) -> None:
    made = api.post("/v1/agents", json={"email": "Ann@Example.org", "name": "Ann", "role": "lead"})
    assert made.status_code == 201
    ann = made.json()
    assert (ann["email"], ann["role"], ann["active"]) == ("ann@example.org", "lead", True)
    assert "password" not in made.text
    problem(api.post("/v1/agents", json={"email": "ann@example.org", "name": "A"}), 409, "agent_present")
    problem(api.post("/v1/agents", json={"email": "ann", "name": "A"}), 422, "not_an_email")
    changed = api.patch(f"/v1/agents/{ann['id']}", json={"role": "admin", "active": False}).json()
    assert changed == {**ann, "role": "admin", "active": False}
    assert api.read("/v1/agents")["data"] == [changed]
    problem(api.patch("/v1/agents/x", json={}), 404, "agent_not_found")
    problem(api.patch(f"/v1/agents/{ann['id']}", json={"role": "king"}), 422, "invalid_request")


def test_a_keys_token_is_shown_once_and_kept_nowhere(api: Api) -> None:
    made = api.post(
        "/v1/keys",
        json={"name": "shop", "scopes": ["contacts:write"]},
        headers={"Idempotency-Key": fresh("k")},
    )
    assert made.status_code == 201
    token = made.json()["token"]
    assert token not in api.get("/v1/keys").text
    (row,) = api.sql("SELECT count(*) FROM idempotency_keys WHERE organization_id = :o", o=api.organization_id)
    assert row[0] == 0  # an answer that holds a secret is not kept for a repeat
    assert "token" not in api.read("/v1/keys")["data"][-1]


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["everything"]},
        {"name": "", "scopes": ["profiles:read"]},
        {"name": "x", "scopes": ["profiles:read"], "expires_at": "2030-01-01T00:00:00"},
        {"name": "x", "scopes": ["profiles:read"], "expires_at": "2030-01-01"},
        {"name": "x", "scopes": ["profiles:read"], "expires_at": 0},
        {"name": "x", "scopes": ["profiles:read"], "expires_at": "0001-01-01T00:00:00+14:00"},
        {"name": "x", "scopes": ["profiles:read"], "expires_at": "9999-12-31T23:59:59-12:00"},
        {"name": "x", "scopes": ["profiles:read"], "expires_at": "tomorrow"},
    ],
    ids=lambda body: str(body["expires_at"] if "expires_at" in body else body["scopes"]),
)
def test_a_key_that_cannot_be(api: Api, body: dict[str, Any]) -> None:
    problem(api.post("/v1/keys", json=body), 422, "invalid_request")
