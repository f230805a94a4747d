"""Who may do what: keys, their scopes, their end; and that nothing crosses between two organizations."""

from __future__ import annotations

import base64
import time
from datetime import timedelta
from typing import Any

import pytest

from onefold.api import auth
from onefold.audit import service as audit
from onefold.core.actor import Actor
from onefold.core.clock import utc_now
from onefold.database.engine import UnitOfWork
from onefold.database.transactions import run_in_transaction
from onefold.webhooks import sending as webhook_sending
from tests.api.conftest import Api, anonymous, document, fresh, problem

OPERATIONS = [
    (method.upper(), path, operation)
    for path, operations in document()["paths"].items()
    if path.startswith("/v1/")
    for method, operation in operations.items()
]


def named(operation: tuple[str, str, Any]) -> str:
    """`GET /v1/profiles`."""
    return f"{operation[0]} {operation[1]}"


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_every_address_needs_a_key(sqlite_served: Any, operation: tuple[str, str, Any]) -> None:
    method, path, _ = operation
    if (method, path) == ("GET", "/v1/channels/meta"):
        # Meta shakes hands with a token of its own.
        problem(anonymous(method, sqlite_served.address + path), 403, "verify_token_wrong")
        return
    # A body that could be one, so that it is not what is refused.
    answer = anonymous(method, sqlite_served.address + path, json={"kind": "email", "value": "x"})
    if answer.status_code != 422:  # the framework reads bodies before it asks for a key; it does nothing with them
        problem(answer, 401, "not_signed_in")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "credential",
    [
        "",
        "Bearer",
        "Bearer x",
        "Basic x",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Digest x",
        "Bearer ofk_1_" + "A" * 43,
        "Bearer ofk_999999999999999999_" + "A" * 43,
        "Bearer ofs_1_" + "A" * 43,
        "Bearer ofk_1_" + "A" * 10_000,
        "Basic é",
        "Bearer ofk_1_é",
        "Bearer ofk_٣_" + "A" * 43,
    ],
    ids=lambda text: text[:20],
)
@pytest.mark.parametrize("path", ["/v1/settings", "/v1/contacts"])
def test_a_credential_that_is_none(api: Api, path: str, credential: str) -> None:
    method = "POST" if path == "/v1/contacts" else "GET"
    answer = anonymous(method, f"{api.base_url}".rstrip("/") + path, headers=[(b"Authorization", credential.encode())])
    problem(answer, 401, "not_signed_in")


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("contacts:write", {"POST /v1/contacts"}),
        ("profiles:read", {"GET /v1/profiles"}),
        ("profiles:write", {"POST /v1/profiles"}),
        ("settings:read", {"GET /v1/settings"}),
        ("audit:read", {"GET /v1/audit"}),
        ("merges:undo", set()),
        ("profiles:erase", set()),
        ("settings:write", {"PATCH /v1/settings", "GET /v1/keys"}),
    ],
)
def test_a_key_may_do_what_its_scopes_say_and_no_more(api: Api, scope: str, allowed: set[str]) -> None:
    requests: dict[str, Any] = {
        "POST /v1/contacts": {"channel": "email", "message_id": fresh("m"), "sender": {"email": "a@example.org"}},
        "POST /v1/profiles": {},
        "GET /v1/profiles": None,
        "GET /v1/settings": None,
        "PATCH /v1/settings": {},
        "GET /v1/keys": None,
        "GET /v1/audit": None,
    }
    with api.with_key(scope) as client:
        for name, body in requests.items():
            method, _, path = name.partition(" ")
            answer = client.request(method, path, json=body)
            if name in allowed:
                assert answer.status_code in (200, 201), name
            else:
                assert scope not in problem(answer, 403, "scope_missing")["detail"]


def test_a_revoked_key_stops_working_within_seconds(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    assert auth._REMEMBERED_SECONDS <= 10
    monkeypatch.setattr(auth, "_REMEMBERED_SECONDS", 0.3)  # the same, sooner
    made = api.post("/v1/keys", json={"name": "shop", "scopes": ["settings:read"]}).json()
    client = Api(api.served, api.organization_id, made["token"])
    assert client.get("/v1/settings").status_code == 200
    assert api.delete(f"/v1/keys/{made['id']}").status_code == 204
    time.sleep(0.4)
    problem(client.get("/v1/settings"), 401, "not_signed_in")
    listed = next(k for k in api.read("/v1/keys")["data"] if k["id"] == made["id"])
    assert listed["revoked_at"]  # it stays listed
    problem(api.delete("/v1/keys/x"), 404, "key_not_found")


def test_no_key_makes_a_wider_one(api: Api) -> None:
    wide, narrow = ["profiles:read", "settings:write"], ["settings:write"]
    with api.with_key("settings:write") as maker:
        problem(maker.post("/v1/keys", json={"name": "x", "scopes": wide}), 403, "scope_beyond_own")
        assert maker.post("/v1/keys", json={"name": "x", "scopes": narrow}).status_code == 201
    assert [key["scopes"] for key in api.read("/v1/keys")["data"] if key["name"] == "x"] == [narrow]


def test_a_key_ends_when_it_expires(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "_REMEMBERED_SECONDS", 0.1)
    soon = (utc_now() + timedelta(seconds=1.5)).isoformat()
    made = api.post("/v1/keys", json={"name": "x", "scopes": ["settings:read"], "expires_at": soon}).json()
    client = Api(api.served, api.organization_id, made["token"])
    assert client.get("/v1/settings").status_code == 200
    time.sleep(1.7)
    problem(client.get("/v1/settings"), 401, "not_signed_in")


# Two organizations in one database


def a_base(api: Api) -> dict[str, str]:
    """An organization with something behind every address; the ids by their names in paths."""
    made = api.profile(
        name="Ada",
        contact_points=[{"kind": "email", "value": "ada@example.org"}],
    )
    path = f"/v1/profiles/{made['id']}"
    other_one = api.profile()["id"]
    api.post(f"{path}/details", json={"key": "a", "value": "b"})
    api.post(f"{path}/addresses", json={"city": "Rome"})
    api.post(f"{path}/relationships", json={"profile_id": other_one, "kind": "spouse"})
    whole = api.read(path)
    received = api.contact("email", {"email": "ada@example.org"})
    notice = b"From: mailer-daemon@mx.example\nReturn-Path: <>\nSubject: Undelivered Mail Returned to Sender\n"
    report = b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nFailed\n--b--\n"
    aside = api.post("/v1/channels/email", content=notice + report).json()
    assert aside["outcome"] == "set_aside"
    return {
        "set_aside_id": aside["item_id"],
        "profile_id": made["id"],
        "point_id": whole["contact_points"][0]["id"],
        "detail_id": whole["details"][0]["id"],
        "address_id": whole["addresses"][0]["id"],
        "relationship_id": whole["relationships"][0]["id"],
        "conversation_id": received["conversation_id"],
        "item_id": received["item_id"],
        "position": "0",
        "inbox_id": api.post("/v1/inboxes", json={"name": "Sales"}).json()["id"],
        "agent_id": api.post("/v1/agents", json={"email": "ann@example.org", "name": "Ann"}).json()["id"],
        "key_id": api.post("/v1/keys", json={"name": "x", "scopes": ["profiles:read"]}).json()["id"],
        "draft_id": _a_draft(api, made["id"]),
        **_a_delivery(api),
        "seq": str(run_in_transaction(api.database, api.organization_id, _an_entry)),
        "run_id": api.post("/v1/settings/mobile-identification/preview").json()["id"],
        "other_id": other_one,
        "merge_id": _a_merge(api),
        "together_id": _a_step(api),
    }


def _a_merge(api: Api) -> str:
    body = {"source_id": api.profile()["id"], "destination_id": api.profile()["id"]}
    return str(api.post("/v1/merges", json=body).json()["id"])


def _a_step(api: Api) -> str:
    body = {"source_ids": [api.profile()["id"] for _ in range(2)], "destination_id": api.profile()["id"]}
    return str(api.post("/v1/merges/together", json=body).json()["data"][0]["together_id"])


def _a_draft(api: Api, profile_id: str) -> str:
    author = api.post("/v1/agents", json={"email": "bea@example.org", "name": "Bea"}).json()["id"]
    draft = {"kind": "note", "body": "x", "agent_id": author}
    return str(api.post(f"/v1/profiles/{profile_id}/drafts", json=draft).json()["id"])


def _a_delivery(api: Api) -> dict[str, str]:
    """A webhook nobody listens at, and an event on its way there."""
    webhook_id = api.post("/v1/webhooks", json={"url": "http://127.0.0.1:9/"}).json()["id"]
    api.contact("email", {"email": "ada@example.org"})
    run_in_transaction(api.database, api.organization_id, lambda unit: webhook_sending.enqueue(unit, utc_now()))
    [delivery, *_] = api.read(f"/v1/webhooks/{webhook_id}/deliveries")["data"]
    return {"webhook_id": webhook_id, "delivery_id": delivery["id"]}


def _an_entry(unit: UnitOfWork) -> int:
    return audit.record(unit, Actor(None, None, "a test"), "profile.merged", details={})


BODIES: dict[str, Any] = {
    "POST /v1/webhooks/{webhook_id}/replay": {"since": "2026-01-01T00:00:00Z"},
    "POST /v1/profiles/{profile_id}/drafts": {"kind": "note", "body": "x"},
    "POST /v1/set-aside/{set_aside_id}/file": {"profile_id": "x"},
    "PUT /v1/drafts/{draft_id}": {"kind": "note", "body": "x"},
    "PATCH /v1/inboxes/{inbox_id}": {"name": "Mine"},
    "POST /v1/profiles/{profile_id}/contact-points": {"kind": "email", "value": "x@example.org"},
    "POST /v1/profiles/{profile_id}/details": {"key": "a", "value": "b"},
    "POST /v1/profiles/{profile_id}/items": {"body": "x"},
    "POST /v1/profiles/{profile_id}/erase": {"confirm": "x"},
}


def test_every_id_of_another_organization_is_not_there(api: Api, other: Api) -> None:
    """Walks every address with an id in it, reading and writing, with ids that are right but not ours."""
    theirs = a_base(other)
    own_id = api.profile()["id"]
    BODIES["POST /v1/profiles/{profile_id}/relationships"] = {"profile_id": own_id, "kind": "spouse"}
    for decision in ("match", "no-match", "no-match/withdraw"):
        BODIES[f"POST /v1/profiles/{{profile_id}}/{decision}"] = {"profile_id": own_id}
    before = other.read(f"/v1/profiles/{theirs['profile_id']}")
    walked = 0
    for method, path, operation in OPERATIONS:
        ids = [p["name"] for p in operation.get("parameters", []) if p["in"] == "path" and p["name"] != "mode"]
        if ids:
            answer = api.request(method, path.format(**theirs), json=BODIES.get(f"{method} {path}", {}))
            assert answer.status_code == 404, (method, path, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
            walked += 1
    assert walked > 25
    assert other.read(f"/v1/profiles/{theirs['profile_id']}") == before
    assert other.read("/v1/settings")["name"] == "Acme"


def test_an_id_of_another_organization_is_no_better_in_a_body(api: Api, other: Api) -> None:
    theirs, ours = a_base(other), api.contact("email", {"email": "b@example.org"})
    path = f"/v1/profiles/{ours['profile_id']}"
    relationship = {"profile_id": theirs["profile_id"], "kind": "spouse"}
    problem(api.post(f"{path}/relationships", json=relationship), 404, "profile_not_found")
    conversation = f"/v1/conversations/{ours['conversation_id']}"
    problem(api.patch(conversation, json={"inbox_id": theirs["inbox_id"]}), 404, "inbox_not_found")
    problem(api.patch(conversation, json={"assignee_id": theirs["agent_id"]}), 404, "agent_not_found")
    contact = {"channel": "email", "message_id": "m", "inbox_id": theirs["inbox_id"]}
    problem(api.post("/v1/contacts", json=contact), 422, "unknown_inbox")
    problem(api.patch("/v1/settings", json={"default_inbox_id": theirs["inbox_id"]}), 422, "unknown_inbox")
    for one, second in ((theirs["profile_id"], ours["profile_id"]), (ours["profile_id"], theirs["profile_id"])):
        pair = {"source_id": one, "destination_id": second}
        problem(api.post("/v1/merges", json=pair), 404, "profile_not_found")
        problem(api.post("/v1/merges/preview", json=pair), 404, "profile_not_found")
        problem(api.get(f"/v1/profiles/{one}/why/{second}"), 404, "profile_not_found")
        for decision in ("match", "no-match", "no-match/withdraw"):
            answer = api.post(f"/v1/profiles/{one}/{decision}", json={"profile_id": second})
            problem(answer, 404, "profile_not_found")
    problem(api.get("/v1/merges", params={"profile_id": theirs["profile_id"]}), 404, "profile_not_found")
    for_them = {**pair, "source_id": api.profile()["id"], "destination_id": ours["profile_id"]}
    problem(api.post("/v1/merges", json={**for_them, "agent_id": theirs["agent_id"]}), 404, "agent_not_found")
    # A thread that is not ours is no thread: the contact is received, and opens nothing of theirs.
    stray = api.contact("chat", {}, conversation_id=theirs["conversation_id"])
    assert stray["conversation_id"] != theirs["conversation_id"]


def test_lists_and_searches_hold_our_own_only(api: Api, other: Api) -> None:
    a_base(other)
    assert api.read("/v1/profiles")["data"] == []
    assert api.read("/v1/profiles/search", q="ada")["data"] == []
    assert api.read("/v1/agents")["data"] == []
    assert api.read("/v1/runs")["data"] == []
    assert api.read("/v1/merges")["data"] == []
    assert api.read("/v1/suggestions")["data"] == []
    assert api.read("/v1/blocklist/candidates")["data"] == []
    assert [k["name"] for k in api.read("/v1/keys")["data"]] == ["test"]
    assert [i["name"] for i in api.read("/v1/inboxes")["data"]] == ["General"]


def test_the_same_customer_is_two_profiles_in_two_organizations(api: Api, other: Api) -> None:
    contact = {"channel": "email", "message_id": "<1@x>", "sender": {"email": "ada@example.org"}}
    ours, theirs = (client.post("/v1/contacts", json=contact).json() for client in (api, other))
    assert [ours["outcome"], theirs["outcome"]] == ["created", "created"]
    assert ours["profile_id"] != theirs["profile_id"]
