"""/v1/audit: the log as leads and admins read it (MRG-14)."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.accounts import service as accounts
from onefold.accounts import signing_in
from onefold.audit import service as audit
from onefold.core.actor import Actor
from onefold.core.clock import new_id, utc_now
from onefold.database.transactions import run_in_transaction
from tests.api.conftest import Api, problem
from tests.dsl.words import COMMAND

ADA, BOB, AGENT = new_id(), new_id(), new_id()
BEFORE = {"source": {"name": "Ada"}, "destination": {"name": "Bob"}}


def append(api: Api, action: str = "profile.merged", **more: Any) -> int:
    """An entry, as a merge leaves it."""
    values = {"profile_id": ADA, "other_id": BOB, "details": {"evidence": ["email"]}, **more}
    actor = Actor(AGENT, None, "api 203.0.113.7")
    return run_in_transaction(
        api.database, api.organization_id, lambda unit: audit.record(unit, actor, action, **values)
    )


def signed_in(api: Api, role: accounts.Role) -> Api:
    """A client of an agent's session."""
    email, password = f"{role}@kite.example", "correct horse battery"

    def sign_in(unit: Any) -> str:
        accounts.add_agent(unit, email, role, role, COMMAND, password)
        return signing_in.sign_in(unit, email, password, "test").token  # type: ignore[union-attr]

    return Api(api.served, api.organization_id, run_in_transaction(api.database, api.organization_id, sign_in))


def test_an_entry_is_read_with_what_was_before__MRG_14(api: Api) -> None:
    begun = utc_now().isoformat()
    append(api, before=BEFORE)
    entry = api.read("/v1/audit/1")
    at, hashed = entry.pop("at"), entry.pop("hash")
    assert begun[:19] <= at[:19]
    assert len(hashed) == 64
    assert entry == {
        "seq": 1,
        "action": "profile.merged",
        "agent_id": AGENT,
        "key_id": None,
        "origin": "api 203.0.113.7",
        "profile_id": ADA,
        "other_id": BOB,
        "details": {"evidence": ["email"]},
        "before": BEFORE,
        "erased": False,
    }
    assert "before" not in api.read("/v1/audit")["data"][0]


def test_what_an_erasure_took_away_is_said_to_be_gone__MRG_14(api: Api) -> None:
    append(api, before=BEFORE)
    append(api)
    run_in_transaction(api.database, api.organization_id, lambda unit: audit.erase_records(unit, [BOB]))
    seen = [api.read(f"/v1/audit/{seq}") for seq in (1, 2)]
    assert [(entry["before"], entry["erased"]) for entry in seen] == [(None, True), (None, False)]


def test_the_log_is_read_page_by_page_and_filtered__MRG_14(api: Api) -> None:
    for number in range(5):
        append(api, action="profile.detached" if number == 2 else "profile.merged", other_id=None if number else BOB)
    assert [entry["seq"] for entry in api.pages("/v1/audit", 2)] == [5, 4, 3, 2, 1]
    assert [entry["seq"] for entry in api.read("/v1/audit", profile_id=BOB)["data"]] == [1]
    assert [entry["seq"] for entry in api.read("/v1/audit", action="profile.detached")["data"]] == [3]
    assert len(api.read("/v1/audit", agent_id=AGENT)["data"]) == 5
    assert api.read("/v1/audit", agent_id=ADA)["data"] == []
    assert api.read("/v1/audit", since=utc_now().isoformat())["data"] == []
    assert len(api.read("/v1/audit", until=utc_now().isoformat())["data"]) == 5


def test_what_cannot_be_found_is_refused_clearly(api: Api) -> None:
    problem(api.get("/v1/audit/1"), 404, "audit_entry_not_found")
    problem(api.get("/v1/audit/x"), 422, "invalid_request")
    problem(api.get("/v1/audit", params={"profile_id": "x"}), 422, "invalid_id")
    problem(api.get("/v1/audit", params={"since": "yesterday"}), 422, "invalid_request")
    problem(api.get("/v1/audit", params={"action": "\0"}), 422, "text_not_storable")
    problem(api.get("/v1/audit", params={"cursor": "x"}), 422, "invalid_cursor")


def test_an_organization_reads_its_own_log_only__MRG_14(api: Api, other: Api) -> None:
    append(other)
    assert api.read("/v1/audit")["data"] == []
    assert append(api) == 1  # each is numbered by itself


@pytest.mark.parametrize(("role", "allowed"), [("agent", False), ("lead", True), ("admin", True)])
def test_leads_and_admins_read_the_log__MRG_14(api: Api, role: accounts.Role, allowed: bool) -> None:
    append(api)
    with signed_in(api, role) as client:
        if allowed:
            assert client.read("/v1/audit/1")["seq"] == 1
            assert len(client.read("/v1/audit", action="profile.merged")["data"]) == 1
        else:
            problem(client.get("/v1/audit"), 403, "scope_missing")
            problem(client.get("/v1/audit/1"), 403, "scope_missing")


def test_a_key_reads_the_log_by_its_own_scope__MRG_14(api: Api) -> None:
    with api.with_key("profiles:read", "profiles:write", "settings:read") as client:
        problem(client.get("/v1/audit"), 403, "scope_missing")
    with api.with_key("audit:read") as client:
        assert client.read("/v1/audit")["data"] == []
