"""Requests made from the OpenAPI document, right and wrong ones: no 5xx, and no answer that the document does not know.

Left out of the checks, because the document cannot say what they need to know:

- `positive_data_acceptance`: a text that fits its schema may still be no phone number, no email, no id of ours, a
  cursor of another list. These are refused with 422, as documented.
- `negative_data_rejection`: the contacts of a batch are refused one by one inside a 200; and a body that breaks its
  schema by being too long is refused as too large.
- `ignored_auth`, `unsupported_method`: test_auth and test_problems try them at every address.

Each operation gets five right and five wrong requests; ONEFOLD_SCHEMATHESIS_EXAMPLES asks for more of each.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api.conftest import Api, Served, document, new_api

EXAMPLES = int(os.environ.get("ONEFOLD_SCHEMATHESIS_EXAMPLES", "5"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]


@schemathesis.serializer("message/rfc822")
def mail(_context: Any, value: Any) -> bytes:
    """An email is whatever bytes come."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


OPERATIONS = [operation.ok() for operation in schemathesis.openapi.from_dict(document()).get_all_operations()]


@pytest.fixture(scope="module")
def fuzzed(sqlite_served: Served) -> Iterator[tuple[Api, dict[str, str]]]:
    """A client of an organization with one of everything, and the ids of what it has."""
    with new_api(sqlite_served) as client:
        profile = client.profile(name="Ada", contact_points=[{"kind": "email", "value": "ada@example.org"}])
        received = client.contact("email", {"email": "ada@example.org"})
        ids = {
            "profile_id": profile["id"],
            "point_id": profile["contact_points"][0]["id"],
            "conversation_id": received["conversation_id"],
            "item_id": received["item_id"],
            "inbox_id": client.read("/v1/settings")["default_inbox_id"],
            "agent_id": client.post("/v1/agents", json={"email": "a@example.org", "name": "Ann"}).json()["id"],
            "draft_id": _a_draft(client, profile["id"]),
            "webhook_id": client.post("/v1/webhooks", json={"url": "http://127.0.0.1:9/"}).json()["id"],
            "run_id": client.post("/v1/settings/mobile-identification/preview").json()["id"],
            "other_id": client.profile(name="Ada", username="ada")["id"],
            "merge_id": _a_merge(client),
        }
        yield client, ids


def _a_merge(client: Api) -> str:
    body = {"source_id": client.profile()["id"], "destination_id": client.profile()["id"]}
    return str(client.post("/v1/merges", json=body).json()["id"])


def _a_draft(client: Api, profile_id: str) -> str:
    author = client.post("/v1/agents", json={"email": "bea@example.org", "name": "Bea"}).json()["id"]
    draft = {"kind": "note", "body": "x", "agent_id": author}
    return str(client.post(f"/v1/profiles/{profile_id}/drafts", json=draft).json()["id"])


def _name_what_is_there(case: Case, ids: dict[str, str]) -> None:
    """Of two profiles to be one, both are there; what is said of how to merge them stays as it was made up."""
    pair = {"source_id": ids["other_id"], "destination_id": ids["profile_id"]}
    if case.path in ("/v1/merges", "/v1/merges/preview") and isinstance(case.body, dict):
        case.body |= pair
    elif case.path.endswith(("/match", "/no-match", "/withdraw")) and isinstance(case.body, dict):
        case.body |= {"profile_id": ids["other_id"]}


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_answers_are_as_documented(
    operation: APIOperation, mode: GenerationMode, fuzzed: tuple[Api, dict[str, str]]
) -> None:
    if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query or operation.path_parameters):
        pytest.skip("nothing of this request can be wrong")
    client, ids = fuzzed
    authorization = {"Authorization": f"Bearer {client.token}"}
    turn = 0

    # Health checks are about slow generation, which says something of the document and nothing of the answers.
    @given(operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def answers(case: Case) -> None:
        nonlocal turn
        turn += 1
        if turn % 2 and mode is GenerationMode.POSITIVE:
            # Every other request is about something that is there; ids made up by chance never are.
            case.path_parameters |= {name: ids[name] for name in case.path_parameters if name in ids}
            _name_what_is_there(case, ids)
        response = case.call(base_url=client.served.address, headers=authorization, timeout=20)
        case.validate_response(response, checks=CHECKS)

    answers()
