"""/v1/channels: what channels send as they send it (raw email, Twilio, Meta), with signatures and without."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from twilio.request_validator import RequestValidator

from tests.api.conftest import Api, anonymous, fresh, new_api, problem, serving

MAIL = (
    b"From: Ada Lovelace <Ada@Example.org>\r\nMessage-ID: <1@example.org>\r\nSubject: Order\r\n"
    b"Authentication-Results: mx.example; dmarc=pass\r\n\r\nWhere is it?\r\n"
)


def sms(**more: str) -> dict[str, str]:
    """Twilio's form of an incoming SMS."""
    return {"MessageSid": fresh("SM"), "From": "+447400123456", "To": "+442079460000", "Body": "Hello", **more}


def whatsapp(*messages: dict[str, Any]) -> dict[str, Any]:
    """Meta's JSON of WhatsApp messages."""
    value = {"contacts": [{"wa_id": "447400123456", "profile": {"name": "Ada"}}], "messages": list(messages)}
    return {"object": "whatsapp_business_account", "entry": [{"changes": [{"field": "messages", "value": value}]}]}


def whatsapp_text(text: str = "Hello") -> dict[str, Any]:
    """One message of it."""
    return {"id": fresh("wamid"), "from": "447400123456", "type": "text", "text": {"body": text}}


def profiles(api: Api) -> list[dict[str, Any]]:
    """Every profile of the organization."""
    data: list[dict[str, Any]] = api.read("/v1/profiles")["data"]
    return data


# Email


def test_a_raw_email_is_received_and_again_answered_alike_RES_12(api: Api) -> None:
    first, again = (
        api.post("/v1/channels/email", content=MAIL, headers={"Content-Type": "message/rfc822"}) for _ in range(2)
    )
    assert (first.status_code, first.json()["outcome"]) == (200, "created")
    assert again.content == first.content
    assert again.headers["Onefold-Repeated"] == "true"
    (item,) = api.read(f"/v1/profiles/{first.json()['profile_id']}/items")["data"]
    assert (item["subject"], item["body"].strip(), item["channel"]) == ("Order", "Where is it?", "email")
    assert profiles(api)[0]["emails"] == ["ada@example.org"]


def test_an_attachment_is_read_back_to_be_saved_and_never_shown(api: Api) -> None:
    mail = (
        b"From: ada@example.org\r\nMessage-ID: <2@x>\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSee it\r\n'
        b'--b\r\nContent-Type: text/html\r\nContent-Disposition: attachment; filename="a.html"\r\n\r\n'
        b"<script>alert(1)</script>\r\n--b--\r\n"
    )
    contact = api.post("/v1/channels/email", content=mail).json()
    (item,) = api.read(f"/v1/conversations/{contact['conversation_id']}/items")["data"]
    (file,) = item["attachments"]
    assert (file["filename"], file["content_type"]) == ("a.html", "text/html")
    saved = api.get(f"/v1/conversations/{contact['conversation_id']}/items/{item['id']}/attachments/{file['position']}")
    assert b"<script>alert(1)</script>" in saved.content
    assert len(saved.content) == file["size"]
    assert saved.headers["Content-Disposition"].startswith("attachment")
    assert saved.headers["Content-Type"] == "application/octet-stream"
    assert saved.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("raw", [b"", b" \r\n\r\n"], ids=str)
def test_nothing_is_no_email(api: Api, raw: bytes) -> None:
    problem(api.post("/v1/channels/email", content=raw), 422, "not_a_message")
    assert profiles(api) == []


@pytest.mark.parametrize("raw", [b"\0" * 100, bytes(range(256)), b"no header at all"], ids=lambda raw: str(raw[:12]))
def test_whatever_else_comes_as_an_email_is_kept(api: Api, raw: bytes) -> None:
    answer = api.post("/v1/channels/email", content=raw)
    assert answer.status_code in (200, 201), answer.text
    (item,) = api.read(f"/v1/profiles/{answer.json()['profile_id']}/items")["data"]
    assert (item["sender_state"], item["contact_point_id"]) == ("failed", None)


def test_a_channel_is_routed_to_its_inbox(api: Api) -> None:
    inbox = api.post("/v1/inboxes", json={"name": "Sales"}).json()["id"]
    api.post("/v1/channels/email", params={"inbox_id": inbox}, content=MAIL)
    api.post("/v1/channels/twilio", params={"inbox_id": inbox}, data=sms())
    api.post("/v1/channels/meta", params={"inbox_id": inbox}, json=whatsapp(whatsapp_text()))
    assert len(api.read(f"/v1/inboxes/{inbox}/conversations")["data"]) == 2  # SMS and WhatsApp are one customer's
    problem(api.post("/v1/channels/email", params={"inbox_id": "x"}, content=MAIL), 422, "unknown_inbox")
    problem(api.post("/v1/channels/twilio", params={"inbox_id": "x\0"}, data=sms()), 422, "unknown_inbox")


# Twilio


def test_twilio_gets_an_empty_document_and_the_customer_a_profile(api: Api) -> None:
    form = sms()
    for _ in range(2):  # Twilio resends (RES-12)
        answer = api.post("/v1/channels/twilio", data=form)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/xml; charset=utf-8")
        assert answer.text.endswith("<Response/>")
    (profile,) = profiles(api)
    (item,) = api.read(f"/v1/profiles/{profile['id']}/items")["data"]
    assert (item["channel"], item["body"]) == ("sms", "Hello")
    assert profile["phones"] == ["+447400123456"]


def test_a_call_and_a_whatsapp_message_by_twilio(api: Api) -> None:
    api.post("/v1/channels/twilio", data=sms())
    api.post("/v1/channels/twilio", data={"CallSid": "CA1", "From": "+447400123456", "CallStatus": "ringing"})
    api.post("/v1/channels/twilio", data=sms(From="whatsapp:+447400123456", To="whatsapp:+442079460000"))
    (profile,) = profiles(api)
    items = api.read(f"/v1/profiles/{profile['id']}/items")["data"]
    assert [i["channel"] for i in items] == ["whatsapp", "voice", "sms"]


def test_a_callback_about_something_we_sent_is_no_contact(api: Api) -> None:
    answer = api.post("/v1/channels/twilio", data=sms(MessageStatus="delivered"))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/xml; charset=utf-8")
    assert profiles(api) == []


@pytest.mark.parametrize("sender", ["anonymous", "+266696687", "ALERTS", ""])
def test_a_call_without_a_number_is_somebody_unknown_RES_8(api: Api, sender: str) -> None:
    for sid in ("CA1", "CA2"):
        assert api.post("/v1/channels/twilio", data={"CallSid": sid, "From": sender}).status_code == 200
    assert len(profiles(api)) == 2


def test_a_form_that_is_none(api: Api) -> None:
    problem(api.post("/v1/channels/twilio"), 422, "message_id_missing")
    for content_type in ("multipart/form-data", "multipart/form-data; boundary=x"):
        headers = {"Content-Type": content_type}
        problem(api.post("/v1/channels/twilio", content=b"x", headers=headers), 400, "malformed_json")


# Meta


def test_meta_sends_several_messages_at_a_time(api: Api) -> None:
    body = whatsapp(whatsapp_text("one"), whatsapp_text("two"), {"id": "", "type": "text"}, {"type": "system"})
    for _ in range(2):  # Meta resends (RES-12)
        answer = api.post("/v1/channels/meta", json=body)
        assert (answer.status_code, answer.json()) == (200, {"received": 2})
    (profile,) = profiles(api)
    assert (profile["name"], profile["phones"]) == ("Ada", ["+447400123456"])
    assert len(api.read(f"/v1/profiles/{profile['id']}/items")["data"]) == 2


@pytest.mark.parametrize(("object_", "network"), [("page", "facebook"), ("instagram", "instagram")])
def test_messenger_and_instagram(api: Api, object_: str, network: str) -> None:
    event = {"sender": {"id": "1815"}, "timestamp": 1_700_000_000_000, "message": {"mid": fresh("m"), "text": "Hi"}}
    body = {"object": object_, "entry": [{"messaging": [event, {**event, "message": {"mid": "x", "is_echo": True}}]}]}
    assert api.post("/v1/channels/meta", json=body).json() == {"received": 1}
    (profile,) = profiles(api)
    assert api.read(f"/v1/profiles/{profile['id']}")["contact_points"][0]["value"] == f"{network}:1815"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed_json"),
        (b"{", 400, "malformed_json"),
        (b"[" * 100_000, 400, "malformed_json"),
        (b"null", 422, "invalid_request"),
        (b"[]", 422, "invalid_request"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_json_that_is_no_webhook(api: Api, body: bytes, status: int, code: str) -> None:
    problem(api.post("/v1/channels/meta", content=body), status, code)


@pytest.mark.parametrize(
    "body", [{}, {"object": "page"}, {"entry": 7}, whatsapp(), {"object": "page", "entry": [None]}], ids=str
)
def test_a_webhook_without_messages_is_taken_all_the_same(api: Api, body: dict[str, Any]) -> None:
    assert api.post("/v1/channels/meta", json=body).json() == {"received": 0}


# Signatures


@pytest.fixture(scope="module")
def signed(sqlite_served: Any) -> Iterator[Api]:
    """A client of an application that checks signatures."""
    settings = {
        "twilio_auth_token": "twilio-secret",
        "meta_app_secret": "meta-secret",
        "public_url": "https://crm.test/",
    }
    with serving(sqlite_served.url, **settings) as address, new_api(sqlite_served._replace(address=address)) as client:
        yield client


def test_twilios_signature_is_of_the_public_address(signed: Api) -> None:
    inbox = signed.read("/v1/settings")["default_inbox_id"]
    for path in ("/v1/channels/twilio", f"/v1/channels/twilio?inbox_id={inbox}"):
        form = sms()
        right = RequestValidator("twilio-secret").compute_signature(f"https://crm.test{path}", form)
        assert signed.post(path, data=form, headers={"X-Twilio-Signature": right}).status_code == 200
        for wrong in (right[::-1], "", "é".encode("latin-1")):
            headers = [(b"X-Twilio-Signature", wrong.encode() if isinstance(wrong, str) else wrong)]
            problem(signed.post(path, data=form, headers=headers), 403, "signature_wrong")
        changed = {**form, "From": "+447400999999"}
        answer = signed.post(path, data=changed, headers={"X-Twilio-Signature": right})
        problem(answer, 403, "signature_wrong")
    problem(signed.post("/v1/channels/twilio", data=sms()), 403, "signature_wrong")


def test_metas_signature_is_of_the_body_as_it_came(signed: Api) -> None:
    body = json.dumps(whatsapp(whatsapp_text()))
    right = "sha256=" + hmac.new(b"meta-secret", body.encode(), hashlib.sha256).hexdigest()

    def send(content: str, signature: bytes) -> httpx.Response:
        return signed.post("/v1/channels/meta", content=content, headers=[(b"X-Hub-Signature-256", signature)])

    assert send(body, right.encode()).json() == {"received": 1}
    problem(send(body + " ", right.encode()), 403, "signature_wrong")
    for wrong in (b"", b"sha256=", right.encode()[7:], "é".encode("latin-1")):
        problem(send(body, wrong), 403, "signature_wrong")
    problem(signed.post("/v1/channels/meta", content=body), 403, "signature_wrong")


def test_what_cannot_be_checked_is_refused_unless_a_setting_allows_it(sqlite_served: Any) -> None:
    with (
        serving(sqlite_served.url, unsigned_webhooks=False) as address,
        new_api(sqlite_served._replace(address=address)) as client,
    ):
        problem(client.post("/v1/channels/twilio", data=sms()), 403, "signature_not_set_up")
        problem(client.post("/v1/channels/meta", json=whatsapp()), 403, "signature_not_set_up")
        assert client.read("/v1/profiles")["data"] == []


def test_a_signature_does_not_stand_for_a_key(signed: Api) -> None:
    form = sms()
    right = RequestValidator("twilio-secret").compute_signature("https://crm.test/v1/channels/twilio", form)
    address = f"{signed.base_url}".rstrip("/") + "/v1/channels/twilio"
    answer = anonymous("POST", address, data=form, headers={"X-Twilio-Signature": right})
    problem(answer, 401, "not_signed_in")


def test_an_idempotency_key_holds_for_channels_too__RES_12(api: Api) -> None:
    """The same mail under the same key is answered alike, another mail under it is refused."""
    mail = b"From: idem@example.com\r\nMessage-ID: <idem-1@example.com>\r\n\r\nHello"
    headers = {"Content-Type": "message/rfc822", "Idempotency-Key": "channel-key-1"}
    first = api.post("/v1/channels/email", content=mail, headers=headers)
    again = api.post("/v1/channels/email", content=mail, headers=headers)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    other = api.post("/v1/channels/email", content=mail.replace(b"idem-1", b"idem-2"), headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")


def test_metas_handshake_is_answered_to_who_knows_the_token__RES_20(sqlite_served: Any) -> None:
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "s3cret"}
    with serving(sqlite_served.url, meta_verify_token="s3cret") as address:
        answer = httpx.get(f"{address}/v1/channels/meta", params=asked)
        assert (answer.status_code, answer.text) == (200, "1158201444")
        wrong = httpx.get(f"{address}/v1/channels/meta", params={**asked, "hub.verify_token": "wrong"})
        assert wrong.status_code == 403
