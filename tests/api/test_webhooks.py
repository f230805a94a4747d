"""Webhooks over the API (EVT-1): set up, told, looked at, rotated, repeated, removed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from onefold.core.clock import utc_now
from tests.api.conftest import Api, Served, fresh, new_api, problem, serving
from tests.jobs.receiver import Receiver, receiving, says, takes

CLOSED = "http://127.0.0.1:9/"
"""Where nobody listens."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that is up and takes everything."""
    with receiving() as server:
        yield server


def until(look: Callable[[], Any]) -> Any:
    """What the background has brought about, as soon as it has."""
    end = time.monotonic() + 20
    while not (seen := look()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
    return seen


def made(api: Api, url: str = CLOSED, **more: Any) -> dict[str, Any]:
    """A new webhook, with its secret."""
    answer = api.post("/v1/webhooks", json={"url": url, **more})
    assert answer.status_code == 201, answer.text
    webhook: dict[str, Any] = answer.json()
    return webhook


def deliveries(api: Api, webhook: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    """Newest first."""
    data: list[dict[str, Any]] = api.read(f"/v1/webhooks/{webhook['id']}/deliveries", **query)["data"]
    return data


def test_a_webhook_is_told_by_the_running_service__EVT_1(api: Api, receiver: Receiver) -> None:
    webhook = made(api, receiver.url, description="shop")
    received = api.contact("email", {"email": "ada@example.org"})
    until(lambda: len(receiver.taken) == 2)
    events = [Webhook(webhook["secret"]).verify(got.body, got.headers) for got in receiver.taken]
    assert [event["type"] for event in events] == ["profile.created", "contact.received"]
    assert events[1]["data"] == {
        "profile_id": received["profile_id"],
        "conversation_id": received["conversation_id"],
        "item_id": received["item_id"],
        "channel": "email",
        "outcome": "created",
    }
    until(lambda: len(deliveries(api, webhook, state="delivered")) == 2)
    newest, older = deliveries(api, webhook)
    assert (newest["event_type"], newest["event_id"]) == ("contact.received", receiver.tries[1].headers["webhook-id"])
    assert (older["event_type"], older["attempts"], older["last_status"]) == ("profile.created", 1, 204)
    assert api.pages(f"/v1/webhooks/{webhook['id']}/deliveries", 1) == [newest, older]


def test_a_secret_is_shown_when_it_is_made_and_never_again__EVT_1(api: Api) -> None:
    webhook = made(api)
    path = f"/v1/webhooks/{webhook['id']}"
    assert webhook["secret"].startswith("whsec_")
    without_secret = {name: value for name, value in webhook.items() if name != "secret"}
    assert api.read(path) == without_secret
    assert api.read("/v1/webhooks")["data"] == [without_secret]

    rotated = api.post(f"{path}/rotate", json={}).json()
    assert rotated["secret"] not in ("", webhook["secret"])
    assert rotated["previous_secret_until"]
    now = api.post(f"{path}/rotate", json={"previous_valid_hours": 0}, headers={"Idempotency-Key": fresh("k")}).json()
    assert now["previous_secret_until"] is None
    sql = "SELECT count(*) FROM idempotency_keys WHERE organization_id = :org"
    assert api.sql(sql, org=api.organization_id)[0][0] == 0
    assert "secret" not in api.patch(path, json={"description": "x"}).json()


def test_a_webhook_is_changed_disabled_and_enabled_again__EVT_1(api: Api, receiver: Receiver) -> None:
    webhook = made(api, event_types=["contact.received", "contact.received"])
    path = f"/v1/webhooks/{webhook['id']}"
    assert webhook["event_types"] == ["contact.received"]
    disabled = api.patch(path, json={"state": "disabled", "url": receiver.url, "event_types": None}).json()
    assert (disabled["state"], disabled["reason"], disabled["url"]) == ("disabled", "by_hand", receiver.url)
    api.profile(name="Ada")
    until(lambda: deliveries(api, webhook, state="pending"))
    assert receiver.tries == []
    enabled = api.patch(path, json={"state": "enabled"}).json()
    assert (enabled["state"], enabled["reason"], enabled["event_types"]) == ("enabled", None, None)
    until(lambda: receiver.taken)


def test_deliveries_are_repeated_one_or_all_that_failed__EVT_1(api: Api, receiver: Receiver) -> None:
    webhook = made(api, receiver.url)
    path = f"/v1/webhooks/{webhook['id']}"
    api.profile(name="Ada")
    [delivery] = until(lambda: deliveries(api, webhook, state="delivered"))
    answer = api.post(f"{path}/deliveries/{delivery['id']}/replay")
    assert (answer.status_code, answer.json()["state"]) == (200, "pending")
    until(lambda: len(receiver.taken) == 2)
    until(lambda: deliveries(api, webhook, state="delivered"))

    receiver.behaviour = says(500)
    api.profile(name="Bob")
    until(lambda: len(receiver.tries) == 3)
    pending = until(lambda: [d for d in deliveries(api, webhook, state="pending") if d["last_status"] == 500])[0]
    problem(api.post(f"{path}/deliveries/{pending['id']}/replay"), 409, "delivery_pending")
    api.sql("UPDATE webhook_deliveries SET state = 'failed', next_at = NULL WHERE state = 'pending'")
    api.sql("DELETE FROM webhook_turns")
    receiver.behaviour = takes
    later, before = (utc_now() + timedelta(hours=1)).isoformat(), (utc_now() - timedelta(hours=1)).isoformat()
    assert api.post(f"{path}/replay", json={"since": later}).json() == {"repeated": 0, "more": False}
    assert api.post(f"{path}/replay", json={"since": before}).json() == {"repeated": 1, "more": False}
    until(lambda: len(receiver.taken) == 3)


def test_a_removed_webhook_is_not_there_any_more__EVT_1(api: Api) -> None:
    webhook = made(api)
    path = f"/v1/webhooks/{webhook['id']}"
    assert api.delete(path).status_code == 204
    assert api.read("/v1/webhooks")["data"] == []
    for answer in (
        api.get(path),
        api.patch(path, json={}),
        api.delete(path),
        api.get(f"{path}/deliveries"),
        api.post(f"{path}/rotate", json={}),
    ):
        problem(answer, 404, "webhook_not_found")


def test_what_no_webhook_can_be_is_refused_with_the_reason__EVT_1(api: Api) -> None:
    for body, code, field in (
        ({"url": "ftp://example.org/"}, "https_required", "url"),
        ({"url": "http://ann:secret@127.0.0.1/"}, "credentials_in_url", "url"),
        ({"url": CLOSED, "event_types": ["profile.deleted"]}, "unknown_event_type", "event_types"),
        ({"url": CLOSED, "event_types": []}, "invalid_request", "event_types"),
        ({"url": CLOSED, "secret": "mine"}, "invalid_request", "secret"),
    ):
        assert problem(api.post("/v1/webhooks", json=body), 422, code)["field"] == field
    webhook = made(api)
    problem(api.patch(f"/v1/webhooks/{webhook['id']}", json={"url": "x"}), 422, "https_required")
    for _ in range(19):
        made(api)
    problem(api.post("/v1/webhooks", json={"url": CLOSED}), 409, "too_many_webhooks")


def test_private_networks_are_closed_unless_a_setting_opens_them__EVT_1(served: Served) -> None:
    with serving(served.url, webhooks_allow_private=False) as address, new_api(served) as api:
        api.base_url = address
        for url in ("https://127.0.0.1/", "https://[::1]:8443/", "https://169.254.169.254/latest/meta-data"):
            answer = problem(api.post("/v1/webhooks", json={"url": url}), 422, "address_refused")
            assert "ONEFOLD_WEBHOOKS_ALLOW_PRIVATE" in answer["detail"]
        problem(api.post("/v1/webhooks", json={"url": CLOSED}), 422, "https_required")


def test_reading_and_changing_need_their_scopes__EVT_1(api: Api) -> None:
    webhook = made(api)
    path = f"/v1/webhooks/{webhook['id']}"
    with api.with_key("settings:read") as reader:
        assert reader.get(path).status_code == 200
        assert reader.get(f"{path}/deliveries").status_code == 200
        for answer in (
            reader.post("/v1/webhooks", json={"url": "x"}),
            reader.patch(path, json={"url": "x"}),
            reader.delete(path),
            reader.post(f"{path}/rotate", json={}),
        ):
            problem(answer, 403, "scope_missing")
    with api.with_key("profiles:read") as stranger:
        problem(stranger.get("/v1/webhooks"), 403, "scope_missing")
