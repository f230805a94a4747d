"""Meta's webhooks as contacts."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.channels.meta import from_meta, meta_signature_valid
from onefold.contact_points.blocklist import DEFAULT_ENTRIES, Blocklist
from onefold.organizations.policy import Policy
from onefold.receiving.contact import Contact
from onefold.receiving.normalise import normalise_contact
from tests.dsl.cases import Base

POLICY = Policy(1, "GB", "listed", False, 20, "inbox", frozenset(("inbox",)), Blocklist(DEFAULT_ENTRIES))


def contacts_of(payload: dict[str, Any], **more: Any) -> list[Contact]:
    return from_meta(payload, **more).contacts


def whatsapp(*messages: object, **value: object) -> dict[str, Any]:
    people = [{"wa_id": "447700900123", "profile": {"name": "Zoë"}}]
    change = {"field": "messages", "value": {"contacts": people, "messages": list(messages), **value}}
    return {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}


def changed(field: str, value: object) -> dict[str, Any]:
    return {"object": "whatsapp_business_account", "entry": [{"changes": [{"field": field, "value": value}]}]}


def said(**message: object) -> dict[str, object]:
    return {"from": "447700900123", "id": "wamid.1", "timestamp": "1740981600", "type": "text", **message}


def messenger(*events: object, network: str = "page") -> dict[str, Any]:
    return {"object": network, "entry": [{"id": "1", "messaging": list(events)}]}


def commented(value: dict[str, object], field: str = "feed", network: str = "page") -> dict[str, Any]:
    value = {"item": "comment", **value} if field == "feed" else value
    return {"object": network, "entry": [{"id": "1", "changes": [{"field": field, "value": value}]}]}


def sent(**message: object) -> dict[str, object]:
    return {"sender": {"id": "42"}, "timestamp": 1740981600000, "message": {"mid": "m_1", "text": "Hello", **message}}


def test_a_whatsapp_message_comes_from_a_phone__RES_1_RES_3() -> None:
    (contact,) = contacts_of(whatsapp(said(text={"body": "Hello"})), inbox_id="inbox")
    arrival = normalise_contact(contact, POLICY)
    assert arrival.identifier is not None
    assert (arrival.identifier.value, arrival.name, arrival.message_key) == ("+447700900123", "Zoë", "wamid.1")
    assert (contact.channel, contact.body, contact.inbox_id) == ("whatsapp", "Hello", "inbox")
    assert contact.occurred_at == datetime(2025, 3, 3, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "content", "body"),
    [
        ("text", {"body": "a\x00\ud800"}, "a\ufffd\ufffd"),
        ("image", {"id": "9", "caption": "Look"}, "Look"),
        ("sticker", {"id": "9"}, "(sticker)"),
        ("button", {"text": "Yes", "payload": "y"}, "Yes"),
        ("interactive", {"type": "button_reply", "button_reply": {"id": "1", "title": "Yes"}}, "Yes"),
        ("interactive", {"type": "list_reply", "list_reply": {"title": "One"}}, "One"),
        ("location", {"latitude": 51.5, "longitude": 0.1, "name": "Shop"}, "Shop, 51.5, 0.1"),
        ("reaction", {"message_id": "wamid.0", "emoji": "👍"}, "👍"),
        ("contacts", [{"name": {}}], "(contact card)"),
        ("unsupported", None, "(message that cannot be shown here: unsupported)"),
    ],
)
def test_every_type_of_whatsapp_message_is_a_contact(kind: str, content: object, body: str | None) -> None:
    (contact,) = contacts_of(whatsapp(said(type=kind, **{kind: content})))
    normalise_contact(contact, POLICY)
    assert contact.body == body
    assert json.loads(contact.data or "")["type"] == kind


def test_a_whatsapp_reply_names_what_it_answers__RES_13() -> None:
    (contact,) = contacts_of(whatsapp(said(context={"id": "wamid.0"})))
    assert contact.reply_to == ("wamid.0",)


@pytest.mark.parametrize("sender", ["", None])
def test_a_whatsapp_sender_without_any_id_is_anonymous__RES_8(sender: str | None) -> None:
    (contact,) = contacts_of(whatsapp(said(**{"from": sender})))
    assert normalise_contact(contact, POLICY).identifier is None


def test_a_whatsapp_sender_that_is_no_phone_is_an_account__RES_1() -> None:
    (contact,) = contacts_of(whatsapp(said(**{"from": "US.13491208655302741918"})))
    identifier = normalise_contact(contact, POLICY).identifier
    assert identifier is not None
    assert identifier.value == "whatsapp:US.13491208655302741918"


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"entry": None},
        {"entry": [1, {"changes": [None, {"value": []}]}]},
        whatsapp(statuses=[{"id": "wamid.1", "status": "read"}]),
        whatsapp(said(id=None), "message", said(id="\x00"), said(id="x" * 2000)),
        {"entry": [{"changes": [{"field": "smb_message_echoes", "value": {"messages": [said()]}}]}]},
    ],
)
def test_what_is_no_whatsapp_message_is_passed_over(payload: dict[str, Any]) -> None:
    assert contacts_of(payload) == []


@pytest.mark.parametrize(("network", "value"), [("page", "facebook:42"), ("instagram", "instagram:42")])
def test_a_message_comes_from_an_account_on_its_network__RES_1(network: str, value: str) -> None:
    (contact,) = contacts_of(messenger(sent(), network=network))
    arrival = normalise_contact(contact, POLICY)
    assert arrival.identifier is not None
    assert arrival.identifier.value == value
    assert arrival.message_key == value.partition(":")[0] + ":m_1"
    assert (contact.body, contact.occurred_at) == ("Hello", datetime(2025, 3, 3, 6, tzinfo=UTC))


def test_a_messenger_reply_and_its_files_are_kept__RES_13() -> None:
    files = [{"type": "image", "payload": {"url": "https://x/1"}}, {"type": "fallback"}]
    (contact,) = contacts_of(messenger(sent(text=None, reply_to={"mid": "m_0"}, attachments=files)))
    assert (contact.body, contact.reply_to) == ("(image)", ("m_0",))
    assert json.loads(contact.data or "")["media"][0] == {"type": "image", "url": "https://x/1"}


def test_a_button_of_messenger_is_a_contact() -> None:
    (contact,) = contacts_of(messenger({"sender": {"id": 42}, "postback": {"mid": "m_2", "title": "Start"}}))
    assert (contact.message_id, contact.body, contact.sender.user_id) == ("m_2", "Start", "42")


@pytest.mark.parametrize(
    "payload",
    [
        {},
        messenger(sent(is_echo=True)),
        messenger({"sender": {"id": "42"}, "delivery": {"mids": ["m_1"]}}),
        messenger({"sender": {"id": "42"}, "read": {"watermark": 1}}),
        messenger(None, {"message": "text"}, {"message": {"mid": ""}}),
        messenger(sent(), network="user"),
    ],
)
def test_what_is_no_message_is_passed_over(payload: dict[str, Any]) -> None:
    assert contacts_of(payload) == []


def test_one_webhook_brings_many_messages() -> None:
    assert [c.message_id for c in contacts_of(messenger(sent(), None, sent(mid="m_2")))] == ["m_1", "m_2"]


NOT_SHOWN = {
    "states of our own messages": (whatsapp(statuses=[{"id": "1"}, {"id": "2"}]), {"statuses": 2}),
    "errors": (whatsapp(errors=[{"code": 1}]), {"errors": 1}),
    "a field of the account": (changed("account_update", {}), {"account_update": 1}),
    "a call of ours": (changed("calls", {"calls": [{"id": "1", "direction": "BUSINESS_INITIATED"}]}), {"calls": 1}),
    "a message without an id": (whatsapp(said(id=None)), {"text": 1}),
    "an echo": (messenger(sent(is_echo=True)), {"echo": 1}),
    "read and delivery": (messenger({"read": {}}, {"delivery": {}}, {"delivery": {}}), {"read": 1, "delivery": 2}),
    "what nobody knows": (messenger({"sender": {"id": "1"}, "fancy_new": {}}), {"fancy_new": 1}),
    "a name that is none": (messenger({"<b>": {}}), {"unknown": 1}),
    "another product": ({"object": "user"}, {"unknown": 1}),
    "a message of our own account": (messenger({**sent(), "sender": {"id": "1"}}), {"echo": 1}),
    "a comment of our own": (commented({"comment_id": "c-1", "message": "Hi", "from": {"id": "1"}}), {"echo": 1}),
    "a comment taken away": (commented({"comment_id": "c-1", "verb": "remove", "from": {"id": "2"}}), {"feed": 1}),
    "a like": (commented({"item": "reaction", "verb": "add", "from": {"id": "2"}}), {"feed": 1}),
}


@pytest.mark.parametrize("form", NOT_SHOWN)
def test_what_is_no_contact_is_counted_by_its_name__RES_20(form: str) -> None:
    payload, counts = NOT_SHOWN[form]
    assert from_meta(payload) == ([], counts)


def test_a_whatsapp_call_is_a_contact_once__RES_20_RES_12() -> None:
    calls = [{"id": "c-1", "from": "447700900123", "event": event} for event in ("connect", "terminate")]
    base = Base()
    first, again = (base.receives(contact) for contact in contacts_of(changed("calls", {"calls": calls})))
    assert first.arrival.contact.body == "(call)"
    assert again.repeats is not None


def test_only_what_meta_signed_is_valid() -> None:
    signature = "sha256=" + hmac.new(b"secret", b"body", hashlib.sha256).hexdigest()
    assert meta_signature_valid("secret", b"body", signature)
    for wrong in ("", "sha256=", signature[:-1], signature.upper(), signature[7:], "ü", "\ud800"):
        assert not meta_signature_valid("secret", b"body", wrong)
    assert not meta_signature_valid("secret", b"other", signature)
    empty = "sha256=" + hmac.new(b"", b"body", hashlib.sha256).hexdigest()
    assert not meta_signature_valid("", b"body", empty)


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=10)
_JSON = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(("id", "body", "text", "type", "mid", "title", "name", "url")), inner)
    ),
    max_leaves=6,
)
_EVENTS = st.dictionaries(
    st.sampled_from(
        (
            "id",
            "from",
            "type",
            "item",
            "verb",
            "comment_id",
            "text",
            "image",
            "context",
            "timestamp",
            "sender",
            "message",
            "postback",
        )
    ),
    _JSON,
)


@given(st.lists(_EVENTS, max_size=3))
def test_any_json_gives_contacts_that_can_be_received(events: list[dict[str, object]]) -> None:
    changes = [contact for event in events for contact in contacts_of(commented(event))]
    for contact in (*contacts_of(whatsapp(*events)), *contacts_of(messenger(*events)), *changes):
        normalise_contact(contact, POLICY)
        assert contact.data is not None
        contact.data.encode()


# Users who hide their number (RES-1)


def hidden(message_id: str, **who: str) -> dict[str, Any]:
    message = {"id": message_id, "type": "text", "text": {"body": "Hi"}, **who}
    people = [{"user_id": "US.17", "profile": {"name": "Ada", "username": "ada.b"}}]
    return changed("messages", {"contacts": people, "messages": [message]})


@pytest.mark.parametrize("key", ["from_user_id", "user_id"])
def test_a_whatsapp_user_without_a_number_is_known_by_the_user_id__RES_1(key: str) -> None:
    (contact,) = contacts_of(hidden("m-1", **{key: "US.17"}))
    assert (contact.sender.phone, contact.sender.user_id) == (None, "US.17")
    assert (contact.sender.name, contact.sender.handle) == ("Ada", "ada.b")


def test_a_number_and_a_user_id_open_one_profile__RES_1() -> None:
    base = Base()
    first = base.receives(contacts_of(hidden("m-1", from_user_id="US.17"))[0])
    both = base.receives(contacts_of(hidden("m-2", from_user_id="US.17", **{"from": "447911123456"}))[0])
    phone = base.receives(contacts_of(hidden("m-3", **{"from": "447911123456"}))[0])
    assert [one.outcome for one in (first, both, phone)] == ["created", "opened", "opened"]
    assert first.profile_id == both.profile_id == phone.profile_id
    other = Base()
    both = other.receives(contacts_of(hidden("m-2", from_user_id="US.17", **{"from": "447911123456"}))[0])
    later = other.receives(contacts_of(hidden("m-4", user_id="US.17"))[0])
    assert later.profile_id == both.profile_id


# What has no words is said to be what it is (RES-20)


EVENTS = [
    ({"postback": {"title": "Start"}}, "Start"),
    ({"postback": {"payload": "GET_STARTED"}}, "GET_STARTED"),
    ({"referral": {"source": "SHORTLINK", "ref": "spring"}}, "(came by SHORTLINK spring)"),
    ({"reaction": {"mid": "m_1", "action": "react", "emoji": "👍"}}, "(reaction 👍)"),
    ({"reaction": {"mid": "m_1", "action": "unreact"}}, "(took back reaction )"),
    ({"message_edit": {"mid": "m_1", "text": "Hello!", "num_edit": 1}}, "(edited) Hello!"),
    ({"message": {"mid": "m_1", "is_deleted": True}}, "(deleted a message)"),
    (
        {"message": {"mid": "m_9", "attachments": [{"type": "story_mention"}]}},
        "(message that cannot be shown here: story_mention)",
    ),
]


@pytest.mark.parametrize(("event", "body"), EVENTS, ids=[case[1] for case in EVENTS])
def test_every_event_that_says_something_is_an_item__RES_20(event: dict[str, Any], body: str) -> None:
    (contact,) = contacts_of(messenger({"sender": {"id": "42"}, "timestamp": 1740981600000, **event}))
    assert contact.body == body
    identifier = normalise_contact(contact, POLICY).identifier
    assert identifier is not None
    assert identifier.value == "facebook:42"


def test_a_comment_is_of_the_account_that_wrote_it__RES_20() -> None:
    value = {"id": "c-1", "text": "Nice", "from": {"id": "42", "username": "ada"}}
    payload = {"object": "instagram", "entry": [{"changes": [{"field": "comments", "value": value}]}]}
    (contact,) = contacts_of(payload)
    assert (contact.message_id, contact.body, contact.sender.user_id, contact.sender.handle) == (
        "c-1",
        "Nice",
        "42",
        "ada",
    )


def test_what_another_app_answers_is_said_as_well__RES_20() -> None:
    """A message in `standby`: a bot has the conversation for now."""
    payload = {"object": "page", "entry": [{"id": "1", "standby": [sent()]}]}
    (contact,) = contacts_of(payload)
    assert (contact.message_id, contact.body) == ("m_1", "Hello")


@pytest.mark.parametrize(("moment", "second"), [("1740981600", 1740981600), ("1740981600000", 1740981600)])
def test_an_instagram_message_may_come_as_a_change__RES_20(moment: str, second: int) -> None:
    value = {**sent(), "timestamp": moment, "recipient": {"id": "1"}}
    (contact,) = contacts_of(commented(value, "messages", network="instagram"))
    assert (contact.message_id, contact.sender.user_id, contact.sender.network) == ("m_1", "42", "instagram")
    assert contact.occurred_at == datetime.fromtimestamp(second, UTC)


SAID_AGAIN = {
    "comments": [
        commented({"comment_id": "c-1", "message": text, "verb": verb, "from": {"id": "42"}})
        for text, verb in (("Nice", "add"), ("Nicer", "edited"), ("Nicest", "edited"))
    ],
    "edits without a number": [
        messenger({"sender": {"id": "42"}, "timestamp": 1740981600000, "message_edit": {"mid": "m_1", "text": text}})
        for text in ("a", "b")
    ],
    "reactions of one instant": [
        messenger({"sender": {"id": "42"}, "timestamp": 1740981600000, "reaction": {"mid": mid, "emoji": emoji}})
        for mid, emoji in (("m_1", "👍"), ("m_1", "👎"))
    ],
    "posts on the page": [
        commented({"item": "status", "post_id": post_id, "message": "Hello", "verb": "add", "from": {"id": "42"}})
        for post_id in ("p-1", "p-2")
    ],
}


@pytest.mark.parametrize("form", SAID_AGAIN)
def test_what_is_said_anew_is_no_repeat_and_the_same_again_is_one__RES_12(form: str) -> None:
    base = Base()
    for repeats in (False, True):
        for payload in SAID_AGAIN[form]:
            (contact,) = contacts_of(payload)
            assert (base.receives(contact).repeats is not None) == repeats


def test_another_change_that_names_a_number_changes_none__RES_20() -> None:
    system = {"type": "customer_identity_changed", "wa_id": "447700900999", "body": "New security code"}
    (contact,) = contacts_of(whatsapp(said(type="system", system=system)))
    assert (contact.sender.changed_to, contact.body) == (None, "New security code")


def test_a_change_of_number_that_whatsapp_reports_is_the_same_customers__RES_20() -> None:
    base = Base()
    old = base.receives(contacts_of(whatsapp(said()))[0])
    system = {"type": "user_changed_number", "body": "Ada changed to +44 7700 900999", "new_wa_id": "447700900999"}
    changed = base.receives(contacts_of(whatsapp(said(id="wamid.2", type="system", system=system)))[0])
    assert (changed.profile_id, changed.arrival.contact.body) == (old.profile_id, system["body"])
    new = base.receives(contacts_of(whatsapp(said(id="wamid.3", **{"from": "447700900999"})))[0])
    assert (new.outcome, new.profile_id) == ("opened", old.profile_id)


def test_a_user_id_that_changes_with_the_number_is_the_same_customers__RES_20() -> None:
    base = Base()
    old = base.receives(contacts_of(whatsapp(said(from_user_id="GB.1")))[0])
    system = {
        "type": "user_changed_number",
        "wa_id": "447700900999",
        "user_id": "GB.2",
        "previous_user_id": "GB.1",
    }
    base.receives(contacts_of(whatsapp(said(id="wamid.2", type="system", system=system)))[0])
    (hidden,) = contacts_of(whatsapp({**said(id="wamid.3"), "from": "GB.2", "from_user_id": "GB.2"}))
    assert base.receives(hidden).profile_id == old.profile_id


def test_a_user_id_that_changes_by_itself_is_the_same_customers__RES_20() -> None:
    base = Base()
    old = base.receives(contacts_of(whatsapp({**said(), "from": "GB.1", "from_user_id": "GB.1"}))[0])
    system = {"type": "user_changed_user_id", "user_id": "GB.2", "previous_user_id": "GB.1", "body": "Ada's id changed"}
    told = {**said(id="wamid.2", type="system", system=system), "from": "GB.2", "from_user_id": "GB.2"}
    changed = base.receives(contacts_of(whatsapp(told))[0])
    assert (changed.outcome, changed.profile_id) == ("opened", old.profile_id)
    (new,) = contacts_of(whatsapp({**said(id="wamid.3"), "from": "GB.2", "from_user_id": "GB.2"}))
    assert base.receives(new).profile_id == old.profile_id


def test_a_change_to_what_the_customer_only_claims_proves_it__RES_20() -> None:
    base = Base()
    old = base.receives(contacts_of(whatsapp(said()))[0])
    base.holds(old.profile_id, "phone", "+447700900999", "home", standing="claimed")
    system = {"type": "user_changed_number", "new_wa_id": "447700900999"}
    changed = base.receives(contacts_of(whatsapp(said(id="wamid.2", type="system", system=system)))[0])
    assert [(c.standing, c.identifying, c.phone_type) for c in changed.changes] == [("contacted", True, "mobile")]
    new = base.receives(contacts_of(whatsapp(said(id="wamid.3", **{"from": "447700900999"})))[0])
    assert (new.outcome, new.profile_id, new.changes) == ("opened", old.profile_id, ())


def test_a_change_to_a_number_that_somebody_holds_is_a_suggestion__RES_20() -> None:
    base = Base()
    base.holds("00000000-0000-7000-9000-000000000001", "phone", "+447700900999", "mobile")
    system = {"type": "user_changed_number", "new_wa_id": "447700900999"}
    changed = base.receives(contacts_of(whatsapp(said(type="system", system=system)))[0])
    assert [s.other_id for s in changed.suggestions] == ["00000000-0000-7000-9000-000000000001"]
