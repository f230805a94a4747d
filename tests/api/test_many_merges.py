"""POST /v1/merges/many: pairs merged one after another by the background worker, stopped and resumed (MRG-16)."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from onefold.core.clock import new_id
from onefold.jobs import worker
from tests.api.conftest import Api, Person, problem
from tests.api.test_merging import events, pair
from tests.api.test_organization import awaited, finished


def begun(client: Api, *pairs: tuple[str, str]) -> dict[str, Any]:
    """A run that must be accepted."""
    answer = client.post("/v1/merges/many", json={"pairs": [pair(*ids) for ids in pairs]})
    assert answer.status_code == 202, answer.text
    run: dict[str, Any] = answer.json()
    return run


def people(api: Api, number: int, **body: Any) -> list[str]:
    """So many new profiles."""
    return [api.profile(name=f"P{n}", **body)["id"] for n in range(number)]


def outcomes(client: Api, run: dict[str, Any]) -> list[tuple[Any, Any]]:
    """Each pair's outcome, and why if it was refused."""
    return [(p["outcome"], p["code"]) for p in client.pages(f"/v1/runs/{run['id']}/pairs", 50)]


def test_each_pairs_outcome_is_reported__MRG_16(api: Api, mara: Person) -> None:
    a, b, c = people(api, 3)
    one, other = (api.profile(customer_id=f"C-{n}")["id"] for n in (1, 2))
    nobody = new_id()
    run = begun(mara.at, (a, b), (a, b), (one, other), (c, c), (nobody, c), ("no id", c), (c, b))
    assert (run["kind"], run["state"], run["done"], run["total"]) == ("merge_pairs", "running", 0, 7)
    run = finished(api, run)
    assert (run["state"], run["done"]) == ("finished", 7)
    assert run["counts"] == {"merged": 2, "one_already": 2, "no_match": 0, "refused": 3}
    assert outcomes(mara.at, run) == [
        ("merged", None),
        ("one_already", None),
        ("refused", "customer_ids_differ"),
        ("one_already", None),
        ("refused", "profile_not_found"),
        ("refused", "profile_not_found"),
        ("merged", None),
    ]
    pairs = mara.at.read(f"/v1/runs/{run['id']}/pairs")["data"]
    assert [(p["position"], p["source_id"]) for p in pairs][:2] == [(1, a), (2, a)]
    assert "refused" in pairs[2]["detail"]
    assert mara.at.pages(f"/v1/runs/{run['id']}/pairs", 2) == pairs
    assert api.get(f"/v1/profiles/{a}", follow_redirects=True).json()["id"] == b
    assert events(api, b) == ["Mara merged a customer into P1", "Mara merged a customer into P1"]
    assert {m["agent_id"] for m in api.read("/v1/merges")["data"]} == {mara.id}


def test_a_pair_that_is_no_match_is_left_out_and_reported__MRG_16_SUG_4(api: Api, mara: Person) -> None:
    a, b, c = people(api, 3)
    assert mara.at.post(f"/v1/profiles/{a}/no-match", json={"profile_id": b}).status_code == 204
    run = finished(api, begun(mara.at, (a, b), (c, b)))
    assert run["counts"] == {"merged": 1, "one_already": 0, "no_match": 1, "refused": 0}
    assert outcomes(mara.at, run) == [("no_match", "no_match_said"), ("merged", None)]


def test_pairs_of_one_customer_follow_each_other_through_survivors__MRG_16_EVT_2(api: Api) -> None:
    a, b, c, d = people(api, 4)
    run = finished(api, begun(api, (a, b), (b, c), (a, d), (d, c)))
    assert outcomes(api, run) == [("merged", None), ("merged", None), ("merged", None), ("one_already", None)]
    assert sorted(api.read(f"/v1/profiles/{d}")["former_ids"]) == sorted([a, b, c])


def test_each_merge_of_a_run_can_be_undone_and_says_where_it_is_from__MRG_13_MRG_14(api: Api) -> None:
    a, b = people(api, 2)
    run = finished(api, begun(api, (a, b)))
    assert events(api, b) == ["Onefold merged a customer into P1"]
    entries = api.read("/v1/audit")["data"]
    assert [(e["action"], e["origin"]) for e in entries] == [
        ("profile.merged", f"run {run['id']}"),
        ("merges.started", "api 127.0.0.1"),
    ]
    [merge] = api.read("/v1/merges")["data"]
    assert api.post(f"/v1/merges/{merge['id']}/undo", json={}).status_code == 200
    assert api.read(f"/v1/profiles/{a}")["display_name"] == "P0"


def test_two_runs_go_on_beside_each_other__MRG_16(api: Api) -> None:
    a, b, c, d = people(api, 4)
    runs = [begun(api, (a, b), (b, c)), begun(api, (d, c), (a, d))]
    for run in runs:
        assert finished(api, run)["state"] == "finished"
    living = {api.get(f"/v1/profiles/{one}", follow_redirects=True).json()["id"] for one in (a, b, c, d)}
    assert len(living) == 1


def test_a_run_is_stopped_and_resumed__MRG_16(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_PAIRS", 1)  # so that there is a middle to stop in
    target, *others = people(api, 21)
    run = begun(api, *((one, target) for one in others))
    path = f"/v1/runs/{run['id']}"
    problem(api.post(f"{path}/resume"), 409, "run_state")
    awaited(lambda: api.read(path), lambda r: r["done"] > 0)
    stopped = api.post(f"{path}/stop").json()
    assert (stopped["state"], stopped["total"]) == ("stopped", 20)
    assert 0 < stopped["done"] < 20
    time.sleep(0.5)
    assert api.read(path) == stopped
    assert [o for o, _ in outcomes(api, run)] == ["merged"] * stopped["done"] + [None] * (20 - stopped["done"])
    assert len(api.read("/v1/merges")["data"]) == stopped["done"]
    monkeypatch.undo()
    assert api.post(f"{path}/resume").json()["state"] == "running"
    run = finished(api, run)
    assert (run["state"], run["counts"]) == ("finished", {"merged": 20, "one_already": 0, "no_match": 0, "refused": 0})
    assert len(api.pages("/v1/merges", 7)) == 20  # none twice
    problem(api.post(f"{path}/resume"), 409, "run_state")


def test_who_starts_a_run_can_stop_it__MRG_16(api: Api, mara: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_PAIRS", 1)
    target, *others = people(api, 21)
    path = f"/v1/runs/{begun(mara.at, *((one, target) for one in others))['id']}"
    assert mara.at.post(f"{path}/stop").json()["state"] == "stopped"
    assert mara.at.post(f"{path}/resume").json()["state"] == "running"
    identify = api.post("/v1/settings/mobile-identification/preview").json()["id"]
    problem(mara.at.post(f"/v1/runs/{identify}/stop"), 403, "scope_missing")


def test_policies_hold_in_a_run_too__MRG_4_MRG_16(api: Api) -> None:
    api.patch("/v1/settings", json={"merge_policies": "ask"})
    a, b = (api.profile(name=name, attributes={"x": name, "y": name})["id"] for name in ("Ada", "Bob"))
    run = finished(api, begun(api, (a, b)))
    assert outcomes(api, run) == [("refused", "choice_missing")]
    assert api.read(f"/v1/profiles/{b}")["former_ids"] == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"pairs": []}, "invalid_request"),
        ({}, "invalid_request"),
        ({"pairs": [{"source_id": "x"}]}, "invalid_request"),
        ({"pairs": [pair("x", "y", choices={})]}, "invalid_request"),
        ({"pairs": [pair("x" * 101, "y")]}, "invalid_request"),
        ({"pairs": [pair("x", "y")] * 10_001}, "invalid_request"),
        ({"pairs": [pair("x", "y"), pair("x", "\0")]}, "text_not_storable"),
        ({"pairs": [pair("\ud800", "y")]}, "invalid_request"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_run_that_cannot_be__MRG_16(api: Api, body: dict[str, Any], code: str) -> None:
    answer = api.post("/v1/merges/many", content=json.dumps(body), headers={"Content-Type": "application/json"})
    problem(answer, 422, code)
    assert api.read("/v1/runs")["data"] == []


def test_a_runs_pairs_are_our_own__MRG_15(api: Api, other: Api) -> None:
    a, b = people(api, 2)
    theirs = people(other, 2)
    run = finished(api, begun(api, (theirs[0], b), (a, theirs[1])))
    assert outcomes(api, run) == [("refused", "profile_not_found")] * 2
    problem(other.get(f"/v1/runs/{run['id']}/pairs"), 404, "run_not_found")
    problem(api.get(f"/v1/runs/{run['id']}/pairs", params={"cursor": "x"}), 422, "invalid_cursor")
    far = api.read(f"/v1/runs/{run['id']}/pairs", cursor="OTk5OTk5OTk5OTk5OTk5OTk5")  # 999999999999999999
    assert far == {"data": [], "next_cursor": None}
    other_kind = api.post("/v1/settings/mobile-identification/preview").json()["id"]
    assert api.read(f"/v1/runs/{other_kind}/pairs")["data"] == []
