"""Idempotency-Key, on every POST: the same request is done once and answered alike, another one is refused."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api.conftest import Api, document, fresh, problem
from tests.api.test_auth import a_base

Request = tuple[str, Any, Any]
"""A path, a body, and another body."""


def requests(ids: dict[str, str]) -> dict[str, Request]:
    """For every POST of the document a request, and another one to the same address."""
    profile = f"/v1/profiles/{ids['profile_id']}"
    contact = {"channel": "email", "message_id": fresh("m"), "sender": {"email": f"{fresh('s')}@example.org"}}
    return {
        "/v1/contacts": ("/v1/contacts", contact, {**contact, "message_id": fresh("m")}),
        "/v1/contacts/batch": ("/v1/contacts/batch", {"contacts": [contact]}, {"contacts": []}),
        "/v1/profiles": ("/v1/profiles", {"name": "A"}, {"name": "B"}),
        "/v1/profiles/{profile_id}/contact-points": (
            f"{profile}/contact-points",
            {"kind": "email", "value": "c1@example.org"},
            {"kind": "email", "value": "c2@example.org"},
        ),
        "/v1/profiles/{profile_id}/details": (
            f"{profile}/details",
            {"key": "a", "value": "b"},
            {"key": "c", "value": "d"},
        ),
        "/v1/profiles/{profile_id}/addresses": (f"{profile}/addresses", {"city": "Rome"}, {"city": "Oslo"}),
        "/v1/profiles/{profile_id}/relationships": (
            f"{profile}/relationships",
            {"profile_id": ids["friend_id"], "kind": "friend"},
            {"profile_id": ids["friend_id"], "kind": "colleague"},
        ),
        "/v1/profiles/{profile_id}/drafts": (
            f"{profile}/drafts",
            {"kind": "note", "body": "one", "agent_id": ids["agent_id"]},
            {"kind": "note", "body": "two", "agent_id": ids["agent_id"]},
        ),
        "/v1/profiles/{profile_id}/items": (f"{profile}/items", {"body": "one"}, {"body": "two"}),
        "/v1/blocklist": (
            "/v1/blocklist",
            {"kind": "customer_id", "value": "void"},
            {"kind": "customer_id", "value": "blank"},
        ),
        "/v1/blocklist/preview": (
            "/v1/blocklist/preview",
            {"kind": "customer_id", "value": "void"},
            {"kind": "customer_id", "value": "hollow"},
        ),
        "/v1/blocklist/remove": (
            "/v1/blocklist/remove",
            {"kind": "email", "value": "test@test.com"},
            {"kind": "email", "value": "a@a.com"},
        ),
        "/v1/settings/whose-mail/preview": (
            "/v1/settings/whose-mail/preview",
            {"own_addresses": ["a@kite.example"]},
            {"own_addresses": ["b@kite.example"]},
        ),
        "/v1/webhooks/{webhook_id}/replay": (
            f"/v1/webhooks/{ids['webhook_id']}/replay",
            {"since": "2026-01-01T00:00:00Z"},
            {"since": "2026-01-02T00:00:00Z"},
        ),
        "/v1/profiles/{profile_id}/match": (
            f"{profile}/match",
            {"profile_id": ids["friend_id"]},
            {"profile_id": ids["second_id"]},
        ),
        "/v1/profiles/{profile_id}/no-match": (
            f"{profile}/no-match",
            {"profile_id": ids["friend_id"]},
            {"profile_id": ids["second_id"]},
        ),
        "/v1/profiles/{profile_id}/no-match/withdraw": (
            f"{profile}/no-match/withdraw",
            {"profile_id": ids["rival_id"]},
            {"profile_id": ids["second_rival_id"]},
        ),
        "/v1/merges": (
            "/v1/merges",
            {"source_id": ids["friend_id"], "destination_id": ids["profile_id"]},
            {"source_id": ids["second_id"], "destination_id": ids["profile_id"]},
        ),
        "/v1/conversations/{conversation_id}/move": (
            f"/v1/conversations/{ids['conversation_id']}/move",
            {"profile_id": ids["friend_id"]},
            {"profile_id": ids["second_id"]},
        ),
        "/v1/merges/preview": (
            "/v1/merges/preview",
            {"source_id": ids["friend_id"], "destination_id": ids["profile_id"]},
            {"source_id": ids["profile_id"], "destination_id": ids["friend_id"]},
        ),
        "/v1/merges/together/preview": (
            "/v1/merges/together/preview",
            {"source_ids": [ids["friend_id"]], "destination_id": ids["profile_id"]},
            {"source_ids": [ids["second_id"]], "destination_id": ids["profile_id"]},
        ),
        "/v1/merges/together": (
            "/v1/merges/together",
            {"source_ids": [ids["friend_id"]], "destination_id": ids["profile_id"]},
            {"source_ids": [ids["second_id"]], "destination_id": ids["profile_id"]},
        ),
        "/v1/merges/many": (
            "/v1/merges/many",
            {"pairs": [{"source_id": ids["friend_id"], "destination_id": ids["profile_id"]}]},
            {"pairs": [{"source_id": ids["second_id"], "destination_id": ids["profile_id"]}]},
        ),
        "/v1/inboxes": ("/v1/inboxes", {"name": "One"}, {"name": "Two"}),
        "/v1/agents": ("/v1/agents", {"email": "1@example.org", "name": "1"}, {"email": "2@example.org", "name": "2"}),
    }


KEYED = sorted(
    path
    for path, operations in document()["paths"].items()
    if any(p["name"] == "Idempotency-Key" for p in operations.get("post", {}).get("parameters", []))
)
# Erasing is done once anyhow; its answer is tried in test_erasure.py. What is undone is undone: it is tried below.
FINAL = {
    "/v1/profiles/{profile_id}/erase",
    "/v1/merges/{merge_id}/undo",
    "/v1/merges/together/{together_id}/undo",
    "/v1/set-aside/{set_aside_id}/file",
    "/v1/profiles/{profile_id}/contact-points/{point_id}/new-owner",
}
# These have no body that could differ; the first is tried below, the others are refused the second time anyhow.
WITHOUT_BODY = {
    "/v1/settings/mobile-identification/preview",
    "/v1/runs/{run_id}/stop",
    "/v1/runs/{run_id}/resume",
    "/v1/drafts/{draft_id}/send",
    "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/replay",
    "/v1/profiles/{profile_id}/contact-points/{point_id}/confirm",
    "/v1/profiles/{profile_id}/contact-points/{point_id}/detach",
}


def test_every_post_but_those_that_must_not_takes_the_header() -> None:
    posts = {path for path, operations in document()["paths"].items() if "post" in operations}
    assert posts - set(KEYED) == {
        "/v1/keys",
        "/v1/webhooks",
        "/v1/webhooks/{webhook_id}/rotate",  # what is secret is kept nowhere
    }


def others(api: Api) -> dict[str, str]:
    """Profiles to do something with."""
    return {name: api.profile()["id"] for name in ("friend_id", "second_id", "rival_id", "second_rival_id")}


# Channels are tried in test_channels.py, with what channels send.
@pytest.mark.parametrize("path", [p for p in KEYED if p not in WITHOUT_BODY | FINAL and "/channels/" not in p])
def test_the_same_request_is_done_once_and_another_one_is_refused(api: Api, path: str) -> None:
    ids = {**a_base(api), **others(api)}
    for rival in ("rival_id", "second_rival_id"):
        api.post(f"/v1/profiles/{ids['profile_id']}/no-match", json={"profile_id": ids[rival]})
    address, body, another = requests(ids)[path]
    key = {"Idempotency-Key": fresh("k")}
    first, again = (api.post(address, json=body, headers=key) for _ in range(2))
    assert first.is_success, first.text
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers.get("ETag") == first.headers.get("ETag")
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    problem(api.post(address, json=another, headers=key), 409, "idempotency_key_reused")
    assert api.post(address, json=another, headers={"Idempotency-Key": fresh("k")}).is_success


def test_a_post_without_a_body_is_done_once(api: Api) -> None:
    key = {"Idempotency-Key": fresh("k")}
    path = "/v1/settings/mobile-identification/preview"
    first, again = (api.post(path, headers=key).json() for _ in range(2))
    assert first == again
    assert len(api.read("/v1/runs")["data"]) == 1


def test_a_merge_its_undo_and_a_detach_are_done_once__MRG_10(api: Api) -> None:
    ids = {**a_base(api), **others(api)}
    api.post(f"/v1/profiles/{ids['profile_id']}/contact-points", json={"kind": "email", "value": "b@example.org"})
    merge = {"source_id": ids["friend_id"], "destination_id": ids["profile_id"]}
    requests: list[tuple[str, Any]] = [
        ("/v1/merges", merge),
        ("/v1/merges/{id}/undo", {}),
        (f"/v1/profiles/{ids['profile_id']}/contact-points/{ids['point_id']}/detach", None),
    ]
    for path, body in requests:
        key, last = {"Idempotency-Key": fresh("k")}, api.read("/v1/merges")["data"]
        address = path.format(id=last[0]["id"] if last else "")
        first, again = (api.post(address, json=body, headers=key) for _ in range(2))
        assert first.is_success, first.text
        assert (again.status_code, again.json()) == (first.status_code, first.json())
    actions = [e["action"] for e in api.read("/v1/audit", profile_id=ids["profile_id"])["data"]]
    assert actions[:3] == ["profile.detached", "profile.unmerged", "profile.merged"]


def test_a_key_belongs_to_one_address_and_one_caller(api: Api, other: Api) -> None:
    key = {"Idempotency-Key": fresh("k")}
    assert api.post("/v1/profiles", json={"name": "A"}, headers=key).status_code == 201
    problem(api.post("/v1/profiles?a=b", json={"name": "A"}, headers=key), 409, "idempotency_key_reused")
    problem(api.post("/v1/inboxes", json={"name": "A"}, headers=key), 409, "idempotency_key_reused")
    with api.with_key("profiles:write") as colleague:  # everybody's keys are their own
        made = colleague.post("/v1/profiles", json={"name": "A"}, headers=key)
        assert (made.status_code, "Idempotent-Replayed" in made.headers) == (201, False)
    theirs = other.post("/v1/profiles", json={"name": "A"}, headers=key)  # of another organization: another key
    assert (theirs.status_code, "Idempotent-Replayed" in theirs.headers) == (201, False)


def test_a_refusal_is_not_kept(api: Api) -> None:
    key = {"Idempotency-Key": fresh("k")}
    holder = api.profile(contact_points=[{"kind": "email", "value": "a@example.org"}])
    body = {"contact_points": [{"kind": "email", "value": "a@example.org"}]}
    problem(api.post("/v1/profiles", json=body, headers=key), 409, "contact_point_taken")
    api.delete(f"/v1/profiles/{holder['id']}/contact-points/{holder['contact_points'][0]['id']}")
    assert api.post("/v1/profiles", json=body, headers=key).status_code == 201


@pytest.mark.parametrize("key", ["k" * 201, "\u00e9" * 201])
@pytest.mark.parametrize("path", ["/v1/profiles", "/v1/contacts"])
def test_a_key_that_is_too_long_is_refused(api: Api, path: str, key: str) -> None:
    headers = [(b"Idempotency-Key", key.encode("latin-1")), (b"Content-Type", b"application/json")]
    body = b'{"channel":"email","message_id":"m"}' if path == "/v1/contacts" else b"{}"
    problem(api.post(path, content=body, headers=headers), 422, "text_too_long")


def at_once(times: int, work: Callable[[], Any]) -> list[Any]:
    """What `work` returns, done in as many threads at once."""
    with ThreadPoolExecutor(times) as threads:
        return [f.result() for f in [threads.submit(work) for _ in range(times)]]


def test_the_same_request_at_the_same_instant_is_done_once(api: Api) -> None:
    key = {"Idempotency-Key": fresh("k")}
    answers = at_once(8, lambda: api.post("/v1/profiles", json={"name": "A"}, headers=key))
    assert {a.status_code for a in answers} == {201}
    assert len({a.content for a in answers}) == 1
    assert len(api.read("/v1/profiles")["data"]) == 1


def test_the_same_contact_at_the_same_instant_is_received_once(api: Api) -> None:
    key = {"Idempotency-Key": fresh("k")}
    contact = {"channel": "email", "message_id": fresh("m"), "sender": {"email": "a@example.org"}}
    answers = at_once(8, lambda: api.post("/v1/contacts", json=contact, headers=key))
    assert {a.status_code for a in answers} == {200}
    assert len({a.content for a in answers}) == 1
    assert len(api.read(f"/v1/profiles/{answers[0].json()['profile_id']}/items")["data"]) == 1
