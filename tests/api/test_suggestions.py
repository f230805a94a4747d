""" "Matching customers found!" (SUG): a profile's suggestions, the queue, why, Match and No Match, shared lines."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.core.clock import new_id
from tests.api.conftest import Api, Person, problem
from tests.api.test_merging import events, merged

HANDLE = {"kind": "social", "network": "x", "handle": "ada_l"}
SWITCHBOARD = "+442079460000"


def alike(api: Api) -> tuple[str, str]:
    """Two profiles, the older first, that share a handle and have similar emails."""
    older, newer = (
        api.profile(name="Ada", contact_points=[{"kind": "email", "value": email}, {**HANDLE, "value": account}])["id"]
        for email, account in (("ada.lovelace@gmail.com", "1"), ("adalovelace+shop@gmail.com", "2"))
    )
    return older, newer


def callers(api: Api, number: int) -> list[str]:
    """Profiles that a call from one office number has opened, each."""
    return [api.contact("voice", {"phone": SWITCHBOARD})["profile_id"] for _ in range(number)]


def suggested(client: Api, profile_id: str, **query: Any) -> list[dict[str, Any]]:
    """A profile's suggestions."""
    suggestions: list[dict[str, Any]] = client.read(f"/v1/profiles/{profile_id}/suggestions", **query)["data"]
    return suggestions


def pairs(suggestions: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """The ids of each suggestion's two profiles."""
    return [tuple(profile["id"] for profile in suggestion["profiles"]) for suggestion in suggestions]


# A profile's


def test_a_suggestion_is_there_at_once_with_both_profiles_and_why__SUG_1_SUG_5(api: Api, mara: Person) -> None:
    older, newer = alike(api)
    [suggestion] = suggested(mara.at, newer)
    assert suggested(mara.at, older) == [suggestion]
    assert pairs([suggestion]) == [(older, newer)]
    assert [p["display_name"] for p in suggestion["profiles"]] == ["Ada", "Ada"]
    assert (suggestion["state"], suggestion["kinds"], suggestion["new_kinds"]) == (
        "open",
        ["handle", "similar_email"],
        [],
    )
    why = suggestion["why"]
    assert {r["feature"] for r in why["reasons"]} == {"handle", "same_mailbox", "name"}
    assert why["bits"] == pytest.approx(why["prior"] + sum(r["bits"] for r in why["reasons"]))
    assert suggestion["rating"] == why["rating"] == pytest.approx(1 / (1 + 2 ** -why["bits"]), abs=1e-4)


def test_a_profiles_suggestions_are_ranked__SUG_7(api: Api) -> None:
    older, newer = alike(api)
    api.profile(contact_points=[{**HANDLE, "value": "3"}])  # the handle alone
    suggestions = suggested(api, older)
    assert len(suggestions) == 2
    assert [s["rating"] for s in suggestions] == sorted((s["rating"] for s in suggestions), reverse=True)
    assert pairs(suggestions)[0] == (older, newer)


def test_suggestions_of_an_id_that_was_merged_away_are_the_survivors__EVT_2(api: Api) -> None:
    older, newer = alike(api)
    eve = api.profile(name="Eve")["id"]
    merged(api, older, eve)
    assert pairs(suggested(api, older)) == pairs(suggested(api, eve)) == [(newer, eve)]
    problem(api.get(f"/v1/profiles/{new_id()}/suggestions"), 404, "profile_not_found")
    problem(api.get(f"/v1/profiles/{eve}/suggestions", params={"dismissed": "perhaps"}), 422, "invalid_request")


# The queue


def test_the_queue_holds_each_pair_once_the_likeliest_first__SUG_7(api: Api, mara: Person) -> None:
    likely = alike(api)
    calling = callers(api, 5)
    queue = mara.at.read("/v1/suggestions")
    assert queue["next_cursor"] is None
    assert pairs(queue["data"])[0] == likely
    assert len(set(pairs(queue["data"]))) == len(queue["data"]) == 1 + 10
    assert {p for pair in pairs(queue["data"])[1:] for p in pair} == set(calling)
    ratings = [s["rating"] for s in queue["data"]]
    assert ratings == sorted(ratings, reverse=True)
    for limit in (1, 3, 10, 11, 200):  # many of one rating: no page loses or repeats any
        assert api.pages("/v1/suggestions", limit) == queue["data"], limit


def test_the_queue_is_filtered_by_evidence_state_and_rating__SUG_7(api: Api) -> None:
    likely, (one, other) = alike(api), callers(api, 2)
    low, high = (
        min(s["rating"] for s in api.read("/v1/suggestions")["data"]),
        max(s["rating"] for s in api.read("/v1/suggestions")["data"]),
    )
    assert low < high

    def found(**query: Any) -> list[tuple[str, ...]]:
        return pairs(api.read("/v1/suggestions", **query)["data"])

    assert found(kind="phone") == [(one, other)]
    assert found(kind="handle") == found(kind="similar_email") == [likely]
    assert found(kind="email") == []
    assert found(min_rating=high) == [likely]
    assert found(max_rating=low) == [(one, other)]
    assert found(min_rating=low, max_rating=high) == [likely, (one, other)]
    assert found(min_rating=1, max_rating=0) == found(state="dismissed") == []
    api.post(f"/v1/profiles/{one}/no-match", json={"profile_id": other})
    assert found() == [likely]
    assert found(state="dismissed") == [(one, other)]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"kind": "name"}, "invalid_request"),
        ({"state": "closed"}, "invalid_request"),
        ({"min_rating": "-0.1"}, "invalid_request"),
        ({"max_rating": "1.1"}, "invalid_request"),
        ({"min_rating": "nan"}, "invalid_request"),
        ({"max_rating": "inf"}, "invalid_request"),
        ({"limit": "0"}, "invalid_request"),
        ({"limit": "201"}, "invalid_request"),
        ({"cursor": "x"}, "invalid_cursor"),
        ({"cursor": "MC41"}, "invalid_cursor"),  # 0.5
        ({"cursor": "MC41IHggeQ"}, "invalid_cursor"),  # 0.5 x y
        ({"cursor": "bmFuIHggeQ"}, "invalid_cursor"),  # nan x y
        ({"cursor": "x" * 201}, "invalid_request"),
    ],
    ids=str,
)
def test_a_queue_that_is_none(api: Api, query: dict[str, str], code: str) -> None:
    problem(api.get("/v1/suggestions", params=query), 422, code)


# Why


def test_any_two_profiles_are_compared_in_the_order_asked_for__SUG_5(api: Api) -> None:
    ada, bob = (
        api.profile(name=name, contact_points=[{"kind": "email", "value": f"{name}@example.org"}])["id"]
        for name in ("Ada", "Bob")
    )
    why = api.read(f"/v1/profiles/{ada}/why/{bob}")
    [reason] = why["reasons"]
    assert (reason["feature"], reason["value"], reason["other_value"]) == ("name_differs", "Ada", "Bob")
    assert reason["bits"] < 0
    turned = api.read(f"/v1/profiles/{bob}/why/{ada}")
    assert turned == {**why, "reasons": [{**reason, "value": "Bob", "other_value": "Ada"}]}
    assert suggested(api, ada) == []


def test_a_common_value_says_less__SUG_5(api: Api) -> None:
    one, other, *_ = callers(api, 2)
    rare = api.read(f"/v1/profiles/{one}/why/{other}")["reasons"][0]
    callers(api, 4)
    common = api.read(f"/v1/profiles/{one}/why/{other}")["reasons"][0]
    assert (rare["holders"], common["holders"]) == (2, 6)
    assert common["bits"] < rare["bits"]


@pytest.mark.parametrize("path", ["why/{other}", "match", "no-match", "no-match/withdraw"])
def test_a_profile_is_no_pair_with_itself_or_with_nobody__MRG_15(api: Api, other: Api, path: str) -> None:
    older, newer = alike(api)
    merged(api, newer, older)

    def answer(one: str, second: str) -> Any:
        if path.startswith("why"):
            return api.get(f"/v1/profiles/{one}/why/{second}")
        return api.post(f"/v1/profiles/{one}/{path}", json={"profile_id": second})

    problem(answer(older, older), 409, "same_profile")
    problem(answer(newer, older), 409, "same_profile")  # it leads to the other one
    for nobody in (new_id(), "x", other.profile()["id"]):
        problem(answer(older, nobody), 404, "profile_not_found")
        problem(answer(nobody, older), 404, "profile_not_found")


# Match


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("asked_from", [0, 1])
def test_match_merges_the_newer_into_the_older_one_unless_turned_round__SUG_3(
    api: Api, mara: Person, asked_from: int, turned: bool
) -> None:
    both = alike(api)
    here, there = both[asked_from], both[1 - asked_from]
    answer = mara.at.post(f"/v1/profiles/{here}/match", json={"profile_id": there, "turned": turned})
    assert answer.status_code == 201
    stays, gone = reversed(both) if turned else both
    assert (answer.json()["source_id"], answer.json()["destination_id"]) == (gone, stays)
    assert events(api, stays) == ["Mara merged a customer into Ada"]
    assert suggested(api, stays) == api.read("/v1/suggestions")["data"] == []


def test_match_is_refused_and_confirmed_as_any_merge__SUG_3_MRG_12_MRG_17(api: Api) -> None:
    older, newer = alike(api)
    for number, profile_id in enumerate((older, newer)):
        api.patch(f"/v1/profiles/{profile_id}", json={"customer_id": f"C-{number}"})
    path = f"/v1/profiles/{older}/match"
    refused = problem(api.post(path, json={"profile_id": newer}), 409, "merge_refused")
    step = refused["obstacles"][0]["steps"][0]
    body = {"profile_id": newer, "steps": [step]}
    problem(api.post(path, json={**body, "digest": "of something else"}), 412, "plan_changed")
    merge = {"source_id": newer, "destination_id": older, "steps": [step]}
    digest = api.post("/v1/merges/preview", json=merge).json()["digest"]
    assert api.post(path, json={**body, "digest": digest}).status_code == 201


# No Match


def test_no_match_is_remembered_until_it_is_taken_back__SUG_4(api: Api, mara: Person) -> None:
    older, newer = alike(api)
    path = f"/v1/profiles/{newer}/no-match"
    problem(mara.at.post(f"{path}/withdraw", json={"profile_id": older}), 409, "no_verdict")
    answer = mara.at.post(path, json={"profile_id": older})
    assert (answer.status_code, answer.content) == (204, b"")
    assert suggested(api, older) == suggested(api, newer) == []
    assert api.read(f"/v1/profiles/{older}")["suggestions"] == []
    [dismissed] = suggested(api, older, dismissed=True)
    assert (dismissed["state"], dismissed["new_kinds"]) == ("dismissed", [])
    api.patch(f"/v1/profiles/{older}", json={"name": "Ada L."})  # the same evidence
    assert suggested(api, older) == []
    assert [e["action"] for e in api.read("/v1/audit", profile_id=older)["data"]] == ["suggestion.dismissed"]

    assert mara.at.post(f"{path}/withdraw", json={"profile_id": older}).status_code == 204
    assert pairs(suggested(api, older)) == [(older, newer)]


def test_new_evidence_of_another_kind_raises_it_again_and_says_what_is_new__SUG_4(api: Api) -> None:
    older, newer = alike(api)
    api.post(f"/v1/profiles/{older}/no-match", json={"profile_id": newer})
    for profile_id in (older, newer):
        home = {"kind": "phone", "value": SWITCHBOARD, "type": "home"}
        api.post(f"/v1/profiles/{profile_id}/contact-points", json=home)
    [suggestion] = suggested(api, older)
    assert (suggestion["state"], suggestion["new_kinds"]) == ("open", ["phone"])


def test_no_match_holds_for_the_survivor_of_either__SUG_4_EVT_2(api: Api) -> None:
    older, newer = alike(api)
    eve = api.profile(name="Eve")["id"]
    merged(api, older, eve)
    assert api.post(f"/v1/profiles/{older}/no-match", json={"profile_id": newer}).status_code == 204
    assert suggested(api, eve) == []
    zoe = api.profile(name="Zoe")["id"]
    merged(api, newer, zoe)
    assert suggested(api, eve) == suggested(api, zoe) == []
    assert api.post(f"/v1/profiles/{newer}/no-match/withdraw", json={"profile_id": older}).status_code == 204
    assert pairs(suggested(api, zoe)) == [(eve, zoe)]


# Shared lines


def test_a_call_is_filed_with_one_of_those_who_share_the_number__RES_16(api: Api, mara: Person) -> None:
    at_home = api.profile(name="Home", contact_points=[{"kind": "phone", "value": SWITCHBOARD, "type": "home"}])
    first, second, noted = (*callers(api, 2), at_home["id"])
    at_first = api.read(f"/v1/profiles/{first}/conversations")["data"][0]["id"]
    api.contact("chat", {}, conversation_id=at_first, body="Me again")
    api.post(f"/v1/profiles/{noted}/items", json={"body": "What we note is no contact"})
    call = callers(api, 1)[0]
    point = api.read(f"/v1/profiles/{call}")["contact_points"][0]
    lines = mara.at.read(f"/v1/profiles/{call}/shared-lines")["data"]
    assert [line["profile"]["id"] for line in lines] == [first, second, at_home["id"]]  # the most recent first
    assert {(line["contact_point_id"], line["value"]) for line in lines} == {(point["id"], SWITCHBOARD)}
    assert [line["last_contact_at"] is None for line in lines] == [False, False, True]

    merged(mara.at, call, first)
    assert len(api.read(f"/v1/profiles/{first}/conversations")["data"]) == 1  # both were open
    for filed in (call, first):  # gone once filed; the id that was merged away leads to the same
        assert api.read(f"/v1/profiles/{filed}/shared-lines")["data"] == []


def test_what_is_a_profiles_own_is_no_shared_line__RES_16(api: Api) -> None:
    mobile = {"kind": "phone", "value": "+447400123456", "type": "mobile"}
    holder = api.profile(contact_points=[mobile])["id"]
    api.profile(contact_points=[{**mobile, "type": "home"}])
    one, _ = callers(api, 2)
    assert api.read(f"/v1/profiles/{holder}/shared-lines")["data"] == []
    api.post("/v1/blocklist", json={"kind": "phone", "value": SWITCHBOARD})
    assert api.read(f"/v1/profiles/{one}/shared-lines")["data"] == []
    problem(api.get(f"/v1/profiles/{new_id()}/shared-lines"), 404, "profile_not_found")


def test_a_shared_line_is_shown_as_it_is_dialled__RES_15_RES_16(api: Api) -> None:
    number = {"kind": "phone", "value": "+54 9 11 2345 6789", "type": "home"}
    here = api.profile(contact_points=[number])
    call = api.contact("voice", {"phone": number["value"]})["profile_id"]
    [line] = api.read(f"/v1/profiles/{call}/shared-lines")["data"]
    assert line["value"] == here["contact_points"][0]["value"]


def test_of_many_who_share_a_number_the_most_recent_are_shown__RES_16(api: Api) -> None:
    everyone = callers(api, 56)
    lines = api.read(f"/v1/profiles/{everyone[0]}/shared-lines")["data"]
    assert lines[0]["profile"]["id"] == everyone[-1]


# Who may


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("profiles:read", {"suggestions", "queue", "why", "shared-lines"}),
        ("profiles:write", {"match", "no-match", "no-match/withdraw"}),
        ("merges:undo", set()),
    ],
)
def test_a_key_may_look_or_decide_as_its_scopes_say(api: Api, scope: str, allowed: set[str]) -> None:
    older, newer = alike(api)
    body = {"profile_id": newer}
    with api.with_key(scope) as client:
        path = f"/v1/profiles/{older}"
        answers = {
            "suggestions": client.get(f"{path}/suggestions"),
            "queue": client.get("/v1/suggestions"),
            "why": client.get(f"{path}/why/{newer}"),
            "shared-lines": client.get(f"{path}/shared-lines"),
            "no-match": client.post(f"{path}/no-match", json=body),
            "no-match/withdraw": client.post(f"{path}/no-match/withdraw", json=body),
            "match": client.post(f"{path}/match", json=body),
        }
    assert {name for name, answer in answers.items() if answer.is_success} == allowed
    for name, answer in answers.items():
        if name not in allowed:
            problem(answer, 403, "scope_missing")
