"""POST /v1/contacts and /v1/contacts/batch: a contact is brought to its one profile, once, and told where it landed."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api.conftest import LARGEST_BODY, Api, fresh, problem


def email(sender: str = "ada@example.org", **more: Any) -> dict[str, Any]:
    """An email as a contact."""
    return {"channel": "email", "message_id": fresh("m"), "sender": {"email": sender}, "body": "Hello", **more}


def identifying(api: Api, profile_id: str) -> list[tuple[str, bool]]:
    """(value, opens the profile) of each contact point."""
    points = api.read(f"/v1/profiles/{profile_id}")["contact_points"]
    return [(p["value"], p["identifying"]) for p in points]


def test_a_contact_creates_a_profile_and_the_next_one_opens_it_RES_2_RES_3(api: Api) -> None:
    first = api.contact("email", {"email": "Ada@Example.org", "name": "Ada"}, subject="Order")
    second = api.contact("email", {"email": "ada@example.org"})
    assert first["outcome"] == "created"
    assert second == {**first, "outcome": "opened", "item_id": second["item_id"]}
    profile = api.read(f"/v1/profiles/{first['profile_id']}")
    assert (profile["name"], profile["name_confirmed"]) == ("Ada", False)
    items = api.read(f"/v1/profiles/{first['profile_id']}/items")["data"]
    assert [i["id"] for i in items] == [second["item_id"], first["item_id"]]
    assert items[1]["subject"] == "Order"


def test_the_same_message_again_is_answered_alike_RES_12(api: Api) -> None:
    contact = email()
    first, again = api.post("/v1/contacts", json=contact), api.post("/v1/contacts", json=contact)
    assert again.content == first.content
    assert "Onefold-Repeated" not in first.headers
    assert again.headers["Onefold-Repeated"] == "true"
    assert len(api.read(f"/v1/profiles/{first.json()['profile_id']}/items")["data"]) == 1


def test_contacts_of_one_customer_at_the_same_instant_end_on_one_profile_RES_12(api: Api) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: api.post("/v1/contacts", json=email()).json(), range(24)))
    assert len({a["profile_id"] for a in answers}) == 1
    assert len({a["conversation_id"] for a in answers}) == 1
    assert [a["outcome"] for a in answers].count("created") == 1
    assert len({a["item_id"] for a in answers}) == 24


def test_a_batch_answers_each_contact_in_its_place(api: Api) -> None:
    repeated = email("bob@example.org")
    api.post("/v1/contacts", json=repeated)
    results = api.post(
        "/v1/contacts/batch", json={"contacts": [email(), repeated, email(), {"channel": "fax"}]}
    ).json()["results"]
    assert [r["status"] for r in results] == ["received", "repeated", "received", "refused"]
    assert results[0]["answer"]["outcome"] == "created"
    assert results[2]["answer"]["profile_id"] == results[0]["answer"]["profile_id"]


@pytest.mark.parametrize(
    "bad",
    [
        {"channel": "email"},
        {"channel": "email", "message_id": "", "sender": {"email": "a@example.org"}},
        {"channel": "email", "message_id": "m", "sender": {"email": "a@example.org"}, "inbox_id": "nowhere"},
        {"channel": "email", "message_id": "m", "occurred_at": "0001-01-01T00:00:00+14:00"},
        {"channel": "email", "message_id": "m", "occurred_at": "2026-01-01T00:00:00"},
        {"unknown": 1},
        [],
        None,
        7,
    ],
    ids=str,
)
def test_one_bad_contact_of_a_batch_does_not_touch_the_others(api: Api, bad: Any) -> None:
    results = api.post("/v1/contacts/batch", json={"contacts": [email(), bad, email()]}).json()["results"]
    assert [r["status"] for r in results] == ["received", "refused", "received"]
    assert results[1]["problem"]["code"]
    assert "answer" not in results[1]
    assert len(api.read(f"/v1/profiles/{results[0]['answer']['profile_id']}/items")["data"]) == 2


def test_a_batch_is_bounded(api: Api) -> None:
    assert api.post("/v1/contacts/batch", json={"contacts": []}).json() == {"results": []}
    problem(api.post("/v1/contacts/batch", json={"contacts": [{}] * 1_001}), 422, "batch_too_large")


REFUSED: list[tuple[bytes, int, str]] = [
    (b"", 400, "malformed_json"),
    (b"{", 400, "malformed_json"),
    (b"\xff\xfe", 400, "malformed_json"),
    (b'{"channel":"email","message_id":' + b"[" * 50_000, 422, "invalid_request"),
    (b'{"contacts":' + b"[" * 50_000, 422, "invalid_request"),
    (b"null", 422, "invalid_request"),
    (b"NaN", 400, "malformed_json"),
    (b'{"channel":"fax","message_id":"m"}', 422, "invalid_request"),
    (b'{"channel":"email","message_id":"m","colour":"red"}', 422, "invalid_request"),
    (b'{"channel":"email","message_id":" "}', 422, "message_id_missing"),
    (b'{"channel":"email","message_id":"a\\u0000"}', 422, "text_not_storable"),
    (b'{"channel":"social","message_id":"m","sender":{"user_id":"1"}}', 422, "network_missing"),
    (b'{"channel":"email","message_id":"m","inbox_id":"x"}', 422, "unknown_inbox"),
    (b'{"channel":"email","message_id":"m","occurred_at":"9999-12-31T23:59:59-12:00"}', 422, "invalid_value"),
]


@pytest.mark.parametrize(("body", "status", "code"), REFUSED, ids=[str(b[:60]) for b, *_ in REFUSED])
def test_what_is_no_contact_is_refused_with_a_stable_code(api: Api, body: bytes, status: int, code: str) -> None:
    problem(api.post("/v1/contacts", content=body), status, code)
    assert api.read("/v1/profiles")["data"] == []


UNREAD = [
    ("email", {"email": "nobody"}, {}, {"sender.email": "not_an_email"}),
    ("email", {"email": "n/a"}, {}, {"sender.email": "not_an_email"}),
    ("voice", {"phone": "hello"}, {}, {"sender.phone": "not_a_phone"}),
    ("email", {"email": "a@x.example", "name": "n" * 301}, {}, {"sender.name": "text_too_long"}),
    ("email", {"email": "a@x.example", "customer_id": ""}, {}, {"sender.customer_id": "empty_value"}),
    ("chat", {"visitor": "v", "email": "n/a"}, {}, {"sender.email": "not_an_email"}),
    ("email", {"email": "a@x.example"}, {"conversation_id": "x"}, {"conversation_id": "invalid_id"}),
    ("email", {"email": "a@x.example"}, {"body": "a\0b"}, {"body": "text_not_storable"}),
    (
        "email",
        {"email": "a@x.example"},
        {"further": {"phones": [{"number": "call me"}, {"number": "+442079460000"}], "emails": ["", "b@x.example"]}},
        {"further.phones[0].number": "not_a_phone", "further.emails[0]": "not_an_email"},
    ),
    (
        "email",
        {"email": "a@x.example"},
        {"further": {"customer_id": "", "social": [{"network": "x", "user_id": ""}]}},
        {"further.customer_id": "empty_value", "further.social[0].user_id": "empty_value"},
    ),
]


@pytest.mark.parametrize(("channel", "sender", "more", "warned"), UNREAD, ids=[str(case[3]) for case in UNREAD])
def test_a_value_that_cannot_be_read_is_warned_of_and_costs_nothing_else__RES_11(
    api: Api, channel: str, sender: dict[str, str], more: dict[str, Any], warned: dict[str, str]
) -> None:
    answer = api.contact(channel, sender, **more)
    assert answer["outcome"] == "created"
    assert {warning["field"]: warning["code"] for warning in answer["warnings"]} == warned
    assert len(api.read(f"/v1/profiles/{answer['profile_id']}/items")["data"]) == 1


def test_half_a_character_costs_that_character_and_not_the_batch__RES_11(api: Api) -> None:
    half = b'{"channel":"email","message_id":"m-1","sender":{"email":"a@x.example"},"body":"cut \\ud83d"}'
    whole = b'{"channel":"email","message_id":"m-2","sender":{"email":"b@x.example"},"body":"\\ud83d\\ude00 \\\\ud83d"}'
    results = api.post("/v1/contacts/batch", content=b'{"contacts":[%s,%s]}' % (half, whole)).json()["results"]
    assert [result["status"] for result in results] == ["received", "received"]
    profile_ids = [result["answer"]["profile_id"] for result in results]
    bodies = [api.read(f"/v1/profiles/{one}/items")["data"][0]["body"] for one in profile_ids]
    assert bodies == ["cut \ufffd", "\U0001f600 \\ud83d"]


@pytest.mark.parametrize("path", ["/v1/contacts", "/v1/contacts/batch"])
def test_the_edges_of_the_two_addresses(api: Api, path: str) -> None:
    for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS"):
        refused = api.request(method, path)
        problem(refused, 405, "method_not_allowed")
        assert refused.headers["Allow"] == "POST"
    problem(api.post(path, content=b"{}", headers={"Content-Type": "text/plain"}), 415, "unsupported_media_type")
    problem(api.post(path, content=b"x", headers={"Content-Type": "Application/JSON"}), 400, "malformed_json")
    problem(api.post(path, content=b" " * (LARGEST_BODY + 1)), 413, "body_too_large")


# Values


def test_a_domain_in_unicode_and_in_punycode_is_one_address_PRO_10(api: Api) -> None:
    unicode_, punycode = "info@bücher.example.org", "INFO@xn--bcher-kva.example.org"
    assert (
        api.contact("email", {"email": unicode_})["profile_id"]
        == (api.contact("email", {"email": punycode})["profile_id"])
    )


def test_a_homoglyph_is_another_address(api: Api) -> None:
    latin, cyrillic = "ada@paypal.example.org", "ada@pаypal.example.org"
    assert (
        api.contact("email", {"email": latin})["profile_id"] != api.contact("email", {"email": cyrillic})["profile_id"]
    )


def test_right_to_left_overrides_are_taken_out_of_names(api: Api) -> None:
    contact = api.contact("email", {"email": "a@example.org", "name": "\u202eevil\u2066 ada\0".replace("\0", "")})
    assert api.read(f"/v1/profiles/{contact['profile_id']}")["name"] == "evil ada"


@pytest.mark.parametrize(
    ("one", "other_", "same"),
    [
        ("+1 (212) 555-0123", "+12125550123", True),
        ("(212) 555-0123", "+12125550123", True),  # read in the organization's region
        ("0044 7700 900123", "+447700900123", True),
        ("+52 1 55 1234 5678", "+52 55 1234 5678", True),  # RES-15
        ("+54 9 11 2345 6789", "+54 11 2345 6789", True),
        ("+55 11 8765-4321", "+55 11 98765-4321", True),
        ("+1 212 555 0123 ext. 7", "+1 212 555 0123", False),
        ("+1 212 555 0123 ext. 7", "+12125550123;ext=7", True),
        ("+1 800 555 0123", "(800) 555-0123", True),  # toll-free numbers are numbers like others
    ],
)
def test_spellings_of_one_number_open_one_profile_PRO_10_RES_15(api: Api, one: str, other_: str, same: bool) -> None:
    profile_ids = [api.contact("sms", {"phone": phone})["profile_id"] for phone in (one, other_)]
    assert (profile_ids[0] == profile_ids[1]) is same


@pytest.mark.parametrize("code", ["+266696687", "anonymous", "Restricted", "+7378742883"])
def test_a_withheld_number_never_identifies_RES_8_PRO_12(api: Api, code: str) -> None:
    one, two = (api.contact("voice", {"phone": code})["profile_id"] for _ in range(2))
    assert one != two
    assert identifying(api, one) == [(code.lower(), False)]


@pytest.mark.parametrize("customer_id", ["null", "NULL", "-1", "0", "0000000", "undefined"])
def test_a_placeholder_customer_id_never_identifies_PRO_12(api: Api, customer_id: str) -> None:
    sender = {"customer_id": customer_id, "proven": True}
    one, two = (api.contact("chat", sender)["profile_id"] for _ in range(2))
    assert one != two


@pytest.mark.parametrize("address", ["noemail@example.org", "test@test.com"])
def test_a_placeholder_email_never_identifies_PRO_12(api: Api, address: str) -> None:
    one, two = (api.contact("email", {"email": address})["profile_id"] for _ in range(2))
    assert one != two


# Channels


def test_each_channel_has_its_identifier_RES_1(api: Api) -> None:
    phone = {"phone": "+447700900123"}
    texted = api.contact("sms", phone)["profile_id"]
    assert api.contact("whatsapp", phone)["profile_id"] == texted
    assert api.contact("voice", phone)["profile_id"] == texted
    on_facebook = {"network": "facebook", "user_id": "17", "handle": "@ada"}
    assert (
        api.contact("social", on_facebook)["profile_id"]
        == (api.contact("social", {**on_facebook, "handle": "@new"})["profile_id"])
    )
    assert api.contact("social", {"network": "instagram", "user_id": "17"})["outcome"] == "created"
    visitor = api.contact("chat", {"visitor": "token-1"})["profile_id"]
    assert api.contact("chat", {"visitor": "token-1"})["profile_id"] == visitor
    proven = {"visitor": "token-2", "customer_id": "C-1", "proven": True}
    assert (
        api.contact("chat", proven)["profile_id"]
        == (api.contact("chat", {**proven, "visitor": "token-3"})["profile_id"])
    )


def test_an_sms_makes_the_number_mobile_with_its_tag_RES_4(api: Api) -> None:
    contact = api.contact("sms", {"phone": "+12125550123"})
    point = api.read(f"/v1/profiles/{contact['profile_id']}")["contact_points"][0]
    assert (point["type"], point["sms"], point["identifying"], point["contacted"]) == ("mobile", True, True, True)
    assert not point["main"]  # PRO-2: never set by the resolver


def test_a_call_from_a_shared_number_creates_a_profile_each_time_RES_5(api: Api) -> None:
    first = api.contact("voice", {"phone": "+12125550123"})
    second = api.contact("voice", {"phone": "+12125550123"})
    assert [first["outcome"], second["outcome"]] == ["created", "created"]
    suggestions = api.read(f"/v1/profiles/{second['profile_id']}")["suggestions"]
    assert [(s["profile_id"], s["kinds"]) for s in suggestions] == [(first["profile_id"], ["phone"])]


def test_a_form_lists_what_nobody_holds_and_suggests_the_rest_RES_11(api: Api) -> None:
    holder = api.contact("email", {"email": "held@example.org"})["profile_id"]
    further = {"emails": ["held@example.org"], "phones": [{"number": "+12125550123", "type": "mobile"}]}
    profile_id = api.contact("email", {"email": "ada@example.org"}, further=further)["profile_id"]
    profile = api.read(f"/v1/profiles/{profile_id}")
    assert [p["value"] for p in profile["contact_points"]] == ["ada@example.org", "+12125550123"]
    assert [s["profile_id"] for s in profile["suggestions"]] == [holder]


def test_a_bounce_that_names_a_message_goes_to_its_conversation_RES_13(api: Api) -> None:
    first = api.post("/v1/contacts", json=email(message_id="<1@x>")).json()
    bounce = api.contact("email", {}, reply_to=["<1@x>"])
    assert bounce["conversation_id"] == first["conversation_id"]
    named = api.contact("chat", {}, conversation_id=first["conversation_id"])
    assert named["profile_id"] == first["profile_id"]


def test_an_unproven_sender_is_marked_RES_14(api: Api) -> None:
    contact = api.contact("email", {"email": "ada@example.org"}, verified=False)
    assert [i["verified"] for i in api.read(f"/v1/profiles/{contact['profile_id']}/items")["data"]] == [False]


def test_a_contact_is_routed_to_its_inbox_RES_3(api: Api) -> None:
    inbox = api.post("/v1/inboxes", json={"name": "Sales"}).json()["id"]
    contact = api.contact("email", {"email": "ada@example.org"}, inbox_id=inbox)
    assert [c["id"] for c in api.read(f"/v1/inboxes/{inbox}/conversations")["data"]] == [contact["conversation_id"]]


def test_a_webhook_may_send_its_key_as_a_password(api: Api) -> None:
    basic = base64.b64encode(f"key:{api.token}".encode()).decode()
    answer = api.post("/v1/contacts", json=email(), headers={"Authorization": f"Basic {basic}"})
    assert answer.status_code == 200
