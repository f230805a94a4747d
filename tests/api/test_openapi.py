"""The OpenAPI document: what clients are made from."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.api.conftest import anonymous, document

DOCUMENT = document()
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}


def test_it_is_openapi_3_1_and_names_its_parts() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert DOCUMENT["info"]["title"] == "Onefold"
    assert DOCUMENT["components"]["securitySchemes"] == {"bearer": {"type": "http", "scheme": "bearer"}}


def test_everything_is_in_it() -> None:
    """Whatever an agent of a customer's can do is an address: this list is the API, and changes with intent only."""
    paths = set(DOCUMENT["paths"])
    assert {"/v1/contacts", "/v1/contacts/batch", "/health", "/ready", "/metrics"} < paths
    assert {f"/v1/channels/{name}" for name in ("email", "twilio", "meta")} < paths
    profile = "/v1/profiles/{profile_id}"
    assert {
        f"{profile}/{part}" for part in ("contact-points", "details", "addresses", "relationships", "items")
    } < paths
    assert {f"{profile}/drafts", "/v1/drafts", "/v1/drafts/{draft_id}", "/v1/drafts/{draft_id}/send"} < paths
    assert {"/v1/audit", "/v1/audit/{seq}"} < paths
    assert {"/v1/settings", "/v1/runs", "/v1/blocklist", "/v1/inboxes", "/v1/agents", "/v1/keys"} < paths
    assert {"/v1/merges", "/v1/merges/preview", "/v1/merges/many", "/v1/merges/{merge_id}"} < paths
    assert {"/v1/merges/{merge_id}/undo", "/v1/runs/{run_id}/pairs"} < paths
    assert f"{profile}/contact-points/{{point_id}}/detach" in paths
    assert {"/v1/suggestions", "/v1/blocklist/candidates", f"{profile}/why/{{other_id}}"} < paths
    assert {
        f"{profile}/{part}" for part in ("suggestions", "match", "no-match", "no-match/withdraw", "shared-lines")
    } < paths
    webhook = "/v1/webhooks/{webhook_id}"
    assert {"/v1/webhooks", webhook, f"{webhook}/rotate", f"{webhook}/deliveries", f"{webhook}/replay"} < paths


def test_every_reference_leads_somewhere() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for name in set(re.findall(r"#/components/schemas/([^'\"]+)", str(DOCUMENT))):
        assert name in schemas, name


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", [n for n in OPERATIONS if " /v1/" in n])
def test_every_operation_says_what_it_does_takes_and_answers(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["description"].strip()
    assert operation["tags"]
    assert operation["security"] == [{"bearer": []}]
    answers = operation["responses"]
    assert {"400", "401", "403", "413", "422", "503"} <= set(answers)
    assert any(status.startswith("2") for status in answers)
    if "{" in name and "{mode}" not in name:
        assert "404" in answers
    if any(p["name"] == "Idempotency-Key" for p in operation.get("parameters", [])):
        assert "409" in answers
    if any(p["name"] == "If-Match" for p in operation.get("parameters", [])):
        assert "412" in answers
    for status, answer in answers.items():
        if status.startswith("4") or status == "503":
            schema = answer["content"]["application/problem+json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Problem"}, status
        assert answer["description"]


@pytest.mark.parametrize("name", [n for n in OPERATIONS if n.split()[0] in ("POST", "PATCH") and " /v1/" in n])
def test_bodies_refuse_what_they_do_not_know(name: str) -> None:
    body = OPERATIONS[name].get("requestBody")
    if body is None or "channels" in name:
        return
    reference = body["content"]["application/json"]["schema"]["$ref"]
    schema: dict[str, Any] = DOCUMENT["components"]["schemas"][reference.rpartition("/")[2]]
    assert schema["additionalProperties"] is False
    assert schema.get("description")


def test_a_refused_merge_is_documented_with_what_stands_in_the_way__MRG_17() -> None:
    problem = DOCUMENT["components"]["schemas"]["Problem"]["properties"]
    assert set(problem["obstacles"]["items"]["properties"]) == {"code", "field", "steps"}
    assert problem["survivor_id"]["type"] == "string"
    assert "409" in OPERATIONS["POST /v1/merges"]["responses"]


def test_what_leads_on_is_documented__EVT_2() -> None:
    for path in ("/v1/profiles/{profile_id}", "/v1/conversations/{conversation_id}"):
        assert "308" in OPERATIONS[f"GET {path}"]["responses"]


def test_contacts_have_an_example_of_each_way_they_come() -> None:
    content = OPERATIONS["POST /v1/contacts"]["requestBody"]["content"]["application/json"]
    examples = {name: example["value"]["channel"] for name, example in content["examples"].items()}
    assert {"email", "voice", "sms", "chat"} <= set(examples.values())
    assert all(example["summary"] for example in content["examples"].values())


def test_the_examples_of_contacts_are_contacts(api: Any) -> None:
    content = OPERATIONS["POST /v1/contacts"]["requestBody"]["content"]["application/json"]
    for example in content["examples"].values():
        assert api.post("/v1/contacts", json=example["value"]).status_code == 200


def test_the_example_of_a_profile_is_a_profile(api: Any) -> None:
    (example,) = DOCUMENT["components"]["schemas"]["NewProfile"]["examples"]
    assert api.post("/v1/profiles", json=example).status_code == 201


def test_the_document_is_served_without_a_key(served: Any) -> None:
    answer = anonymous("GET", f"{served.address}/openapi.json")
    assert answer.json() == DOCUMENT
