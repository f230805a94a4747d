"""Errors are problem+json with a stable code, wherever they come from; logs and metrics hold no customer data."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from onefold.database.engine import Database
from onefold.database.migrate import upgrade
from tests.api.conftest import LARGEST_BODY, Api, Served, anonymous, new_api, problem, serving


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nowhere",
        "/v1",
        "/v2/profiles",
        "/v1/profiles/x/y",
        "/v1/profiles/x/items/y/z",
        "/docs",
        "/redoc",
        "/v1/contacts/x",
        "/v1/%2e%2e/profiles/x",
        "/%00",
        "/v1/profiles/a%2Fb",
        "//v1/profiles",
    ],
)
def test_an_address_that_is_none(api: Api, path: str) -> None:
    for method in ("GET", "POST"):
        problem(api.request(method, path), 404, "no_such_address")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/profiles", "GET, POST"),
        ("PUT", "/v1/profiles/x", "GET, PATCH"),
        ("OPTIONS", "/v1/profiles/x/contact-points/y", "DELETE, PATCH"),
        ("POST", "/v1/settings", "GET, PATCH"),
        ("GET", "/v1/channels/email", "POST"),
        ("POST", "/health", "GET"),
    ],
)
def test_a_method_that_an_address_does_not_have(api: Api, method: str, path: str, allowed: str) -> None:
    refused = api.request(method, path)
    problem(refused, 405, "method_not_allowed")
    assert refused.headers["Allow"] == allowed


NO_IDS = ("x", "%00", "%ff", "%ED%A0%80", "a" * 5_000, "0" * 36, "🙂", "%E2%80%AE", "-1", "null")


@pytest.mark.parametrize("below", ["", "/items", "/conversations"])
def test_an_id_that_is_none(api: Api, below: str) -> None:
    for profile_id in NO_IDS:
        problem(api.get(f"/v1/profiles/{profile_id}{below}"), 404, "profile_not_found")


def test_an_id_in_capitals_is_none(api: Api) -> None:
    profile_id = api.profile()["id"]
    if profile_id.upper() != profile_id:
        problem(api.get(f"/v1/profiles/{profile_id.upper()}"), 404, "profile_not_found")


BODIES = {
    "/v1/contacts": b'{"channel":"email","message_id":"%s"}',
    "/v1/profiles": b'{"name":"%s"}',
    "/v1/channels/email": b"From: a@example.org\r\n\r\n%s",
    "/v1/channels/twilio": b"CallSid=%s",
    "/v1/channels/meta": b'{"object":"%s"}',
    "/v1/settings/mobile-identification/preview": b"%s",
}


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("honest", [True, False], ids=["with its length", "in pieces"])
def test_a_body_over_the_limit_is_refused_whatever_it_says_of_its_length(api: Api, path: str, honest: bool) -> None:
    body = BODIES[path] % (b"x" * (LARGEST_BODY + 1))
    content = body if honest else (piece for piece in (body[:1_000], body[1_000:]))
    content_type = "application/x-www-form-urlencoded" if "twilio" in path else "application/json"
    problem(api.post(path, content=content, headers={"Content-Type": content_type}), 413, "body_too_large")
    assert api.read("/v1/profiles")["data"] == []
    assert api.read("/v1/runs")["data"] == []


def test_a_body_of_exactly_the_limit_is_read(api: Api) -> None:
    body = b'{"name":"Ada"}'
    padded = body + b" " * (LARGEST_BODY - len(body))
    assert api.post("/v1/profiles", content=padded, headers={"Content-Type": "application/json"}).status_code == 201


def test_a_body_that_is_not_json_by_its_type_is_refused(api: Api) -> None:
    for content_type in ("text/plain", "application/xml", "multipart/form-data; boundary=x", "é"):
        headers = [(b"Content-Type", content_type.encode("latin-1"))]
        problem(api.post("/v1/profiles", content=b'{"name":"Ada"}', headers=headers), 422, "invalid_request")
    assert api.read("/v1/profiles")["data"] == []


# Health, readiness, metrics


def test_health_and_ready_need_no_key_metrics_have_one_of_their_own(served: Served) -> None:
    assert anonymous("GET", f"{served.address}/health").json() == {"status": "alive"}
    assert anonymous("GET", f"{served.address}/ready").json() == {"status": "ready"}
    figures = f"{served.address}/metrics"
    for sent in ({}, {"Authorization": "Bearer wrong"}):
        problem(anonymous("GET", figures, headers=sent), 401, "metrics_token_wrong")
    metrics = anonymous("GET", figures, headers={"Authorization": "Bearer figures"})
    assert metrics.headers["Content-Type"].startswith("text/plain")
    assert "onefold_contacts_total" in metrics.text
    assert "onefold_request_seconds_bucket" in metrics.text


def test_metrics_name_routes_and_no_customers(api: Api, served: Served) -> None:
    made = api.profile(name="Distinctive Name")["id"]
    api.get(f"/v1/profiles/{made}")
    api.get("/v1/profiles/search", params={"q": "distinctive"})
    api.get("/distinctive")
    metrics = anonymous("GET", f"{served.address}/metrics", headers={"Authorization": "Bearer figures"}).text
    assert 'route="/v1/profiles/{profile_id}"' in metrics
    assert made not in metrics
    assert "istinctive" not in metrics


def test_not_ready_without_the_schema(tmp_path: Path) -> None:
    with serving(f"sqlite:///{tmp_path}/empty.db") as address:
        assert anonymous("GET", f"{address}/health").status_code == 200
        problem(anonymous("GET", f"{address}/ready"), 503, "schema_old")


def test_what_nobody_foresaw_is_a_problem_too_and_says_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/broken.db"
    database = Database(url)
    upgrade(database)
    with serving(url) as address, new_api(Served(url, address, database)) as client:
        assert client.get("/v1/settings").status_code == 200
        client.sql("ALTER TABLE search_terms RENAME TO gone")
        for path, body in (
            ("/v1/profiles", {"name": "Ada"}),
            ("/v1/contacts", {"channel": "email", "message_id": "m", "sender": {"email": "ada@example.org"}}),
        ):
            members = problem(client.post(path, json=body), 500, "internal_error")
            assert "search_terms" not in str(members)
    database.dispose()


# Logs


@pytest.fixture
def process(tmp_path: Path) -> Iterator[tuple[Api, subprocess.Popen[str]]]:
    """The service as it is run: its own process, whose whole output is caught."""
    url = f"sqlite:///{tmp_path}/logs.db"
    database = Database(url)
    upgrade(database)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    environment = {**os.environ, "ONEFOLD_DATABASE_URL": url, "ONEFOLD_LOG_LEVEL": "debug", "PYTHONUNBUFFERED": "1"}
    service = subprocess.Popen(
        [sys.executable, "-m", "onefold", "serve", "--port", str(port)],
        cwd=tmp_path,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address)
        with new_api(Served(url, address, database)) as client:
            yield client, service
    finally:
        service.kill()
        service.wait(30)
        database.dispose()


def _wait_for(address: str) -> None:
    for _ in range(300):
        try:
            anonymous("GET", f"{address}/health")
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the service does not answer")


DISTINCTIVE = "zqxjk"
NUMBER = "+447400918273"


def test_logs_hold_no_customer_data(process: tuple[Api, subprocess.Popen[str]]) -> None:
    client, service = process
    mark = DISTINCTIVE
    address = f"{mark}@example.org"
    sender = {"email": address, "name": mark, "customer_id": mark, "phone": NUMBER}
    contact: dict[str, Any] = {"channel": "email", "message_id": mark, "sender": sender, "subject": mark, "body": mark}
    received = client.post("/v1/contacts", json=contact).json()
    client.post("/v1/contacts/batch", json={"contacts": [contact, {**contact, "sender": {"email": mark}}]})
    client.post("/v1/contacts", json={**contact, "channel": mark})
    client.post("/v1/contacts", json={**contact, mark: mark})
    client.post("/v1/contacts", content=f'{{"{mark}":')
    client.get("/v1/profiles/search", params={"q": mark})
    client.get(f"/v1/profiles/{mark}", params={mark: mark})
    client.get(f"/{mark}")
    path = f"/v1/profiles/{received['profile_id']}"
    client.patch(path, json={"name": mark, "attributes": {mark: mark}})
    client.post("/v1/profiles", json={"contact_points": [{"kind": "email", "value": address}]})
    client.post("/v1/profiles", json={mark: mark, "name": 7})
    client.post(f"{path}/items", json={"body": mark, "agent_id": mark}, headers={"Idempotency-Key": mark})
    client.post("/v1/channels/email", content=f"From: {address}\r\nMessage-ID: <{mark}>\r\n\r\n{mark}")
    client.post("/v1/channels/twilio", data={"MessageSid": mark, "From": NUMBER, "Body": mark})
    client.post("/v1/channels/meta", json={"object": "page", "entry": [{"messaging": [{"sender": {"id": mark}}]}]})
    client.get("/v1/settings", headers={"Authorization": f"Bearer {mark}"})
    # And where something goes wrong in a way that nobody foresaw.
    client.sql("ALTER TABLE search_terms RENAME TO gone")
    assert client.post("/v1/profiles", json={"name": mark}).status_code == 500
    assert (
        client.post(
            "/v1/contacts", json={**contact, "message_id": mark + "2", "sender": {"email": f"{mark}2@example.org"}}
        ).status_code
        == 500
    )
    service.send_signal(signal.SIGTERM)
    output, _ = service.communicate(timeout=20)
    assert '"event": "request"' in output  # it does log
    assert '"key_id": "' in output  # and who asked
    assert "request failed" in output
    assert mark not in output.lower()
    assert NUMBER[1:] not in output
    assert received["profile_id"] not in output
    assert client.token not in output
    assert not re.search(r"Traceback|INSERT INTO|SELECT ", output)
