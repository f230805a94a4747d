"""/v1/profiles: adding, reading, finding and editing profiles (PRO), and ids that were merged away (EVT-2)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Api, fresh, problem

ADA = {
    "name": "Ada Lovelace",
    "username": "@countess",
    "image": "https://example.org/ada.png",
    "customer_id": "C-1815",
    "contact_points": [
        {"kind": "email", "value": "Ada@Example.org", "main": True},
        {"kind": "phone", "value": "(212) 555-0123", "type": "mobile", "sms": True, "main": True},
        {"kind": "phone", "value": "+44 20 7946 0000", "type": "office"},
        {"kind": "social", "network": "Facebook", "value": "1815", "handle": "@ada.l"},
    ],
    "attributes": {"vip": True, "orders": 7, "rate": 1.5, "segment": "gold"},
}


def at(profile: dict[str, Any], *parts: str) -> str:
    """The address of a profile, or of something below it."""
    return "/".join(("/v1/profiles", profile["id"], *parts))


def point(profile: dict[str, Any], value: str) -> dict[str, Any]:
    """The contact point with this value."""
    contact_point: dict[str, Any] = next(p for p in profile["contact_points"] if p["value"] == value)
    return contact_point


def merge_away(api: Api, source: str, destination: str) -> None:
    """What a merge leaves of the source, past every rule."""
    api.sql(
        "UPDATE profiles SET survivor_id = :d WHERE organization_id = :o AND id = :s",
        d=destination,
        s=source,
        o=api.organization_id,
    )


# Adding and reading


def test_a_profile_added_by_hand_is_read_back_whole_PRO_1_PRO_6(api: Api) -> None:
    made = api.profile(**ADA)
    assert api.read(at(made)) == made
    assert {k: made[k] for k in ("name", "username", "image", "customer_id", "attributes")} == {
        k: ADA[k] for k in ("name", "username", "image", "customer_id", "attributes")
    }
    assert [p["value"] for p in made["contact_points"]] == [
        "ada@example.org",
        "+12125550123",
        "+442079460000",
        "facebook:1815",
    ]
    assert point(made, "ada@example.org")["written"] == "Ada@Example.org"  # PRO-10: what was written is kept
    assert [p["identifying"] for p in made["contact_points"]] == [True, True, False, True]  # PRO-3
    assert made["name_confirmed"]


def test_a_contact_opens_the_profile_added_by_hand_RES_2(api: Api) -> None:
    made = api.profile(**ADA)
    assert api.contact("email", {"email": "ADA@example.org"})["profile_id"] == made["id"]
    assert api.contact("whatsapp", {"phone": "+12125550123"})["profile_id"] == made["id"]
    assert api.contact("chat", {"customer_id": "C-1815", "proven": True})["profile_id"] == made["id"]


def test_an_empty_profile_is_an_unknown_customer_MRG_8(api: Api) -> None:
    assert api.profile()["display_name"] == "Unknown customer"
    assert (
        api.profile(contact_points=[{"kind": "email", "value": "x1@example.org"}])["display_name"] == "x1@example.org"
    )


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"contact_points": [{"kind": "email", "value": "nobody"}]}, "not_an_email", "contact_points[0].value"),
        ({"contact_points": [{"kind": "phone", "value": "+12125550123"}]}, "phone_type_missing", None),
        ({"contact_points": [{"kind": "phone", "value": "911", "type": "other"}]}, "short_code", None),
        ({"contact_points": [{"kind": "email", "value": "a@example.org", "sms": True}]}, "not_a_phone_tag", None),
        ({"contact_points": [{"kind": "social", "value": "1"}]}, "empty_value", None),
        ({"contact_points": [{"kind": "visitor", "value": "1"}]}, "invalid_request", None),
        ({"name": "a\0b"}, "text_not_storable", "name"),
        ({"name": "n" * 1_000_000}, "invalid_request", "name"),
        ({"name": 7}, "invalid_request", "name"),
        ({"nickname": "Ada"}, "invalid_request", "nickname"),
        ({"n" * 100_000: 1}, "invalid_request", None),
        ({"attributes": {"a": {"b": 1}}}, "invalid_request", None),
        ({"attributes": {"a\0": 1}}, "text_not_storable", None),
        ({"attributes": {str(n): n for n in range(101)}}, "too_many_values", "attributes"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_no_profile_can_have_is_refused_and_nothing_is_added(
    api: Api, body: dict[str, Any], code: str, field: str | None
) -> None:
    members = problem(api.post("/v1/profiles", json=body), 422, code)
    assert field is None or members["field"] == field
    assert len(members["detail"]) < 500  # what is wrong is named, not quoted
    assert api.read("/v1/profiles")["data"] == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"name":"\\ud800"}', 422),
        (b'{"\\ud800":1}', 422),
        (b'{"attributes":{"\\udfff":1}}', 422),
        (b'{"attributes":{"a":NaN}}', 422),
        (b'{"attributes":{"a":1e999}}', 422),
        (b'{"attributes":{"a":1' + b"0" * 5_000 + b"}}", 400),
        (b"[" * 100_000, 400),
        (b'{"name":' * 20_000, 400),
        (b"\xff", 400),
        (b"{", 400),
        (b"null", 422),
        (b"", 422),
    ],
    ids=lambda value: str(value)[:40],
)
def test_json_that_no_database_could_hold_is_refused(api: Api, body: bytes, status: int) -> None:
    answer = api.post("/v1/profiles", content=body, headers={"Content-Type": "application/json"})
    problem(answer, status, "malformed_json" if status == 400 else "invalid_request")


# Editing


def test_an_edit_with_the_version_that_was_read_and_with_an_old_one(api: Api) -> None:
    made = api.post("/v1/profiles", json=ADA)
    path, etag = f"/v1/profiles/{made.json()['id']}", made.headers["ETag"]
    assert api.get(path).headers["ETag"] == etag
    edited = api.patch(path, json={"name": "Ada King"}, headers={"If-Match": etag})
    assert (edited.status_code, edited.json()["name"]) == (200, "Ada King")
    assert edited.headers["ETag"] != etag
    stale = problem(api.patch(path, json={"name": "Late"}, headers={"If-Match": etag}), 412, "version_mismatch")
    assert stale["profile_id"] == made.json()["id"]
    assert api.read(path)["name"] == "Ada King"
    assert api.patch(path, json={"name": "Any"}, headers={"If-Match": "*"}).status_code == 200
    assert api.patch(path, json={}, headers={"If-Match": "W/" + api.get(path).headers["ETag"]}).status_code == 200
    for garbage in ("x", '"-1"', '""', '"9' + "9" * 30 + '"'):
        problem(api.patch(path, json={}, headers={"If-Match": garbage}), 422, "invalid_etag")


def test_every_edit_of_a_profile_respects_its_version(api: Api) -> None:
    made = api.profile(**ADA)
    detail = api.post(at(made, "details"), json={"key": "a", "value": "b"}).json()["details"][0]["id"]
    address = api.post(at(made, "addresses"), json={"city": "Rome"}).json()["addresses"][0]["id"]
    email = point(made, "ada@example.org")["id"]
    other_one = api.profile()["id"]
    for method, path, body in (
        ("POST", "contact-points", {"kind": "email", "value": "x@example.org"}),
        ("PATCH", f"contact-points/{email}", {"main": False}),
        ("DELETE", f"contact-points/{email}", None),
        ("POST", "details", {"key": "a", "value": "b"}),
        ("PATCH", f"details/{detail}", {"value": "c"}),
        ("DELETE", f"details/{detail}", None),
        ("POST", "addresses", {}),
        ("PATCH", f"addresses/{address}", {}),
        ("DELETE", f"addresses/{address}", None),
        ("POST", "relationships", {"profile_id": other_one, "kind": "spouse"}),
    ):
        problem(api.request(method, at(made, path), json=body, headers={"If-Match": '"1"'}), 412, "version_mismatch")


def test_fields_left_out_stay_and_null_empties(api: Api) -> None:
    made = api.profile(**ADA)
    edited = api.patch(at(made), json={"username": None, "attributes": None, "customer_id": None}).json()
    assert (edited["name"], edited["username"], edited["attributes"]) == ("Ada Lovelace", None, {})
    assert edited["customer_id"] is None
    assert edited["image"] == ADA["image"]


def test_at_most_one_main_email_and_one_main_phone_PRO_2(api: Api) -> None:
    made = api.profile(**ADA)
    more = api.post(at(made, "contact-points"), json={"kind": "email", "value": "b@example.org", "main": True}).json()
    mains = [p["value"] for p in more["contact_points"] if p["main"]]
    assert sorted(mains) == ["+12125550123", "b@example.org"]


def test_home_office_and_other_phones_are_held_by_many_PRO_3(api: Api) -> None:
    phone = {"kind": "phone", "value": "+12125550123"}
    holders = [api.profile(contact_points=[{**phone, "type": t}]) for t in ("home", "office", "other", "home")]
    assert len({p["id"] for p in holders}) == 4
    assert not any(p["contact_points"][0]["identifying"] for p in holders)


@pytest.mark.parametrize(
    "taken",
    [
        {"kind": "email", "value": "ADA@example.org"},
        {"kind": "phone", "value": "+1 212-555-0123", "type": "mobile"},
        {"kind": "social", "network": "facebook", "value": "1815"},
    ],
    ids=lambda p: p["kind"],
)
def test_a_taken_value_is_refused_with_its_holder_and_changes_nothing_PRO_4(api: Api, taken: dict[str, Any]) -> None:
    holder, asking = api.profile(**ADA), api.profile(name="Other")
    refused = problem(api.post(at(asking, "contact-points"), json=taken), 409, "contact_point_taken")
    assert (refused["profile_id"], refused["offer"]) == (holder["id"], "merge")
    problem(api.post("/v1/profiles", json={"contact_points": [taken]}), 409, "contact_point_taken")
    assert api.read(at(asking)) == asking
    assert api.read(at(holder)) == holder
    assert len(api.read("/v1/profiles")["data"]) == 2


def test_editing_a_value_into_a_taken_one_is_refused_PRO_4(api: Api) -> None:
    holder = api.profile(**ADA)
    asking = api.profile(contact_points=[{"kind": "email", "value": "b@example.org"}])
    path = at(asking, "contact-points", asking["contact_points"][0]["id"])
    refused = problem(api.patch(path, json={"value": "ada@example.org"}), 409, "contact_point_taken")
    assert refused["profile_id"] == holder["id"]
    assert api.read(at(asking)) == asking
    problem(api.post(at(holder, "contact-points"), json=ADA["contact_points"][0]), 409, "contact_point_listed")


def test_a_phone_set_to_mobile_begins_to_open_its_profile_PRO_5(api: Api) -> None:
    phone = {"kind": "phone", "value": "+12125550123"}
    one, two = (api.profile(contact_points=[{**phone, "type": t}]) for t in ("home", "office"))
    edited = api.patch(at(one, "contact-points", one["contact_points"][0]["id"]), json={"type": "mobile"}).json()
    assert edited["contact_points"][0]["identifying"]
    assert api.read(at(two))["contact_points"] == two["contact_points"]  # others go on holding it
    assert api.contact("voice", {"phone": "+12125550123"})["profile_id"] == one["id"]
    refused = api.patch(at(two, "contact-points", two["contact_points"][0]["id"]), json={"type": "mobile"})
    assert problem(refused, 409, "contact_point_taken")["profile_id"] == one["id"]


def test_a_contact_point_is_changed_and_taken_away(api: Api) -> None:
    made = api.profile(**ADA)
    email, social = point(made, "ada@example.org"), point(made, "facebook:1815")
    changed = api.patch(at(made, "contact-points", email["id"]), json={"value": "King@Example.org"}).json()
    assert point(changed, "king@example.org")["id"] == email["id"]
    changed = api.patch(at(made, "contact-points", social["id"]), json={"value": "1852", "handle": None}).json()
    assert point(changed, "facebook:1852")["handle"] is None
    left = api.delete(at(made, "contact-points", email["id"])).json()
    assert email["id"] not in [p["id"] for p in left["contact_points"]]
    assert api.contact("email", {"email": "king@example.org"})["outcome"] == "created"
    problem(api.delete(at(made, "contact-points", email["id"])), 404, "contact_point_not_found")


def test_another_spelling_of_a_value_goes_on_opening_its_profile_RES_9(api: Api) -> None:
    api.patch("/v1/settings", json={"matching_mode": "contacted"})
    profile_id = api.contact("email", {"email": "ada@example.org"})["profile_id"]
    path = f"/v1/profiles/{profile_id}"
    path = f"{path}/contact-points/{api.read(path)['contact_points'][0]['id']}"
    (edited,) = api.patch(path, json={"value": "Ada@Example.org"}).json()["contact_points"]
    assert (edited["written"], edited["contacted"], edited["identifying"]) == ("Ada@Example.org", True, True)
    (changed,) = api.patch(path, json={"value": "king@example.org"}).json()["contact_points"]
    assert (changed["contacted"], changed["identifying"]) == (False, False)


def test_details_and_addresses_PRO_7(api: Api) -> None:
    made = api.profile()
    for path, body, change in (
        ("details", {"key": "allergy", "value": "nuts"}, {"value": "peanuts"}),
        ("addresses", {"street": "1 Mill Lane", "city": "Bath", "country": "GB"}, {"city": "Bristol", "region": None}),
    ):
        added = api.post(at(made, path), json=body)
        assert added.status_code == 201
        part = added.json()[path][0]
        edited = api.patch(at(made, path, part["id"]), json=change).json()[path]
        assert edited == [{**part, **change}]
        assert api.delete(at(made, path, part["id"])).json()[path] == []
        problem(api.delete(at(made, path, part["id"])), 404, "not_found")
        problem(api.patch(at(made, path, "x"), json=change), 404, "not_found")
        problem(api.post(at(made, path), json=dict.fromkeys(body, "a\x00")), 422, "text_not_storable")


def test_a_relationship_is_seen_from_both_PRO_8(api: Api) -> None:
    one, two = api.profile(name="Ada"), api.profile(name="Byron")
    made = api.post(at(one, "relationships"), json={"profile_id": two["id"], "kind": "parent"})
    assert made.status_code == 201
    (of_one,) = made.json()["relationships"]
    (of_two,) = api.read(at(two))["relationships"]
    assert (of_one["kind"], of_one["profile_id"], of_one["name"]) == ("parent", two["id"], "Byron")
    assert (of_two["kind"], of_two["profile_id"], of_two["name"]) == ("child", one["id"], "Ada")
    again = api.post(at(two, "relationships"), json={"profile_id": one["id"], "kind": "child"})
    problem(again, 409, "relationship_present")
    problem(api.post(at(one, "relationships"), json={"profile_id": one["id"], "kind": "spouse"}), 422, "same_profile")
    problem(api.post(at(one, "relationships"), json={"profile_id": "x", "kind": "spouse"}), 404, "profile_not_found")
    assert api.delete(at(two, "relationships", of_one["id"])).json()["relationships"] == []
    assert api.read(at(one))["relationships"] == []


@pytest.mark.parametrize(
    ("blocked", "kind"),
    [("test@test.com", "email"), ("+10000000000", "phone"), ("anonymous", "phone")],
)
def test_a_blocked_value_is_kept_as_text_on_many_profiles_PRO_12(api: Api, blocked: str, kind: str) -> None:
    given: dict[str, Any] = {"kind": kind, "value": blocked, **({"type": "mobile"} if kind == "phone" else {})}
    holders = [api.profile(contact_points=[given]) for _ in range(2)]
    for profile in holders:
        (contact_point,) = api.read(at(profile))["contact_points"]
        assert (contact_point["value"], contact_point["identifying"]) == (blocked, False)
        assert api.read(at(profile))["suggestions"] == []


# Lists and search


def test_the_pages_of_a_list_hold_everyone_once(api: Api) -> None:
    made = [api.profile(name=f"P {n}")["id"] for n in range(23)]
    merge_away(api, made.pop(), made[0])  # MRG-2: gone from every list
    for limit in (1, 5, 22, 23, 200):
        profile_ids = [p["id"] for p in api.pages("/v1/profiles", limit)]
        assert profile_ids == sorted(made, reverse=True)


CURSORS = ("x", "%00", "é", "AAAA", "MTIz", "YQBi", "=" * 10, "z" * 200)


@pytest.mark.parametrize(
    "path", ["profiles", "profiles/{}/conversations", "profiles/{}/items", "inboxes/{}/conversations"]
)
def test_a_cursor_of_another_list_is_refused(api: Api, path: str) -> None:
    of = api.read("/v1/inboxes")["data"][0]["id"] if "inboxes" in path else api.profile()["id"]
    for cursor in CURSORS:
        answer = api.get("/v1/" + path.format(of), params={"cursor": cursor})
        if path.endswith("items") and cursor == "MTIz":  # "123", a place in a timeline
            assert answer.json()["data"] == []
        else:
            problem(answer, 422, "invalid_cursor")


def test_a_limit_out_of_bounds_is_refused(api: Api) -> None:
    for limit in ("0", "201", "-1", "x", "1.5", "9" * 400):
        problem(api.get("/v1/profiles", params={"limit": limit}), 422, "invalid_request")


QUERIES = (
    "Ada Love",
    "lovelace",
    "ADA",
    "ádá",
    "ada@ex",
    "Ada@Example.org",
    "example.org",
    "+1 212",
    "(212) 555-0123",
    "2125550123",
    "0123",
    "555 0123",
    "001 212 555",
    "@ada.l",
    "ada.l",
    "@countess",
    "1815",
    "C-1815",
    "c-18",
    "+44 20 7946",
)


def test_search_as_one_types_MRG_1(api: Api) -> None:
    made = api.profile(**ADA)
    api.profile(name="Bob", contact_points=[{"kind": "email", "value": "bob@other.example.com"}])
    for query in QUERIES:
        profile_ids = [p["id"] for p in api.read("/v1/profiles/search", q=query)["data"]]
        assert profile_ids == [made["id"]], query


def test_search_ranks_whole_terms_first_and_forgets_what_was_taken_away(api: Api) -> None:
    long, short = api.profile(name="Adamson"), api.profile(name="Ada")
    hits = api.read("/v1/profiles/search", q="ada")["data"]
    assert [p["id"] for p in hits] == [short["id"], long["id"]]
    assert len(api.read("/v1/profiles/search", q="ada", limit=1)["data"]) == 1
    api.patch(at(short), json={"name": "Zoe"})
    merge_away(api, long["id"], short["id"])
    assert api.read("/v1/profiles/search", q="ada")["data"] == []


def test_search_for_anything_at_all_finds_nothing_and_fails_at_nothing(api: Api) -> None:
    api.profile(**ADA)
    for query in ("%", "_", "'", '"', "*", "   ", "\U0010ffff", "\u202e", "🙂", "a" * 200, "((((", "+"):
        assert api.get("/v1/profiles/search", params={"q": query}).json()["data"] == [], query


def test_search_refuses_what_is_no_text(api: Api) -> None:
    problem(api.get("/v1/profiles/search", params={"q": "a\0b"}), 422, "text_not_storable")
    problem(api.get("/v1/profiles/search", params={"q": ""}), 422, "invalid_request")
    problem(api.get("/v1/profiles/search"), 422, "invalid_request")


# Merged away


def test_an_id_that_was_merged_away_leads_to_the_survivor_EVT_2(api: Api) -> None:
    source, destination = api.profile(name="Old"), api.profile(name="New")
    merge_away(api, source["id"], destination["id"])
    moved = api.get(at(source), params={"a": "b"})
    assert (moved.status_code, moved.headers["Location"]) == (308, at(destination) + "?a=b")
    followed = api.get(at(source), follow_redirects=True).json()
    assert (followed["id"], followed["former_ids"]) == (destination["id"], [source["id"]])


def test_writing_through_an_id_that_was_merged_away_reaches_the_survivor_EVT_2(api: Api) -> None:
    source, destination = api.profile(name="Old"), api.profile(name="New")
    merge_away(api, source["id"], destination["id"])
    assert api.patch(at(source), json={"name": "Newer"}).json()["id"] == destination["id"]
    for path, body in (
        ("contact-points", {"kind": "email", "value": f"{fresh('x')}@example.org"}),
        ("details", {"key": "a", "value": "b"}),
        ("addresses", {"city": "Rome"}),
        ("relationships", {"profile_id": api.profile()["id"], "kind": "friend"}),
    ):
        assert api.post(at(source, path), json=body).json()["id"] == destination["id"]
    written = api.post(at(source, "items"), json={"body": "note"}).json()
    assert api.read(at(destination, "items"))["data"] == [written]
    assert api.read(at(source, "items"))["data"] == [written]


def test_a_profile_is_added_with_all_that_is_known_of_it__PRO_6_PRO_7_PRO_8(api: Api) -> None:
    spouse = api.post("/v1/profiles", json={"name": "Charles"}).json()["id"]
    given = {
        "name": "Ada",
        "contact_points": [{"kind": "email", "value": "ada-6@example.com", "main": True}],
        "details": [{"key": "allergies", "value": "nuts"}],
        "relationships": [{"profile_id": spouse, "kind": "spouse"}],
    }
    made = api.post("/v1/profiles", json=given)
    assert made.status_code == 201
    profile = made.json()
    assert [(d["key"], d["value"]) for d in profile["details"]] == [("allergies", "nuts")]
    assert [(r["profile_id"], r["kind"]) for r in profile["relationships"]] == [(spouse, "spouse")]
    assert api.get(f"/v1/profiles/{spouse}").json()["relationships"][0]["profile_id"] == profile["id"]


def test_a_profile_that_cannot_be_added_whole_is_not_added__PRO_6(api: Api) -> None:
    given = {"name": "Nobody Atall", "relationships": [{"profile_id": "nonsense", "kind": "spouse"}]}
    assert api.post("/v1/profiles", json=given).status_code == 404
    assert api.get("/v1/profiles/search", params={"q": "nobody atall"}).json()["data"] == []
