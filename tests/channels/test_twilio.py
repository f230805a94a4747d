"""Twilio's webhooks as contacts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator, get_signature_algorithm

from onefold.channels.twilio import contact_of_twilio, signature_algorithm, twilio_signature_valid
from onefold.contact_points.blocklist import DEFAULT_ENTRIES, Blocklist
from onefold.core.errors import InvalidValue
from onefold.organizations.policy import Policy
from onefold.receiving.normalise import normalise_contact
from tests.corpus import rings, twilio_day

POLICY = Policy(1, "GB", "listed", False, 20, "inbox", frozenset(("inbox",)), Blocklist(DEFAULT_ENTRIES))
CALL = {"CallSid": "CA1", "From": "+442079460123", "To": "+442079460000", "CallStatus": "ringing"}
SMS = {"MessageSid": "SM1", "From": "+447700900123", "To": "+442079460000", "Body": "Hello"}
WHATSAPP = {**SMS, "From": "whatsapp:+447700900123", "To": "whatsapp:+442079460000", "WaId": "447700900123"}


@pytest.mark.parametrize(
    ("form", "channel", "message_id", "phone"),
    [
        (CALL, "voice", "CA1", "+442079460123"),
        ({**CALL, "Direction": "inbound", "CallStatus": "completed"}, "voice", "CA1", "+442079460123"),
        (SMS, "sms", "SM1", "+447700900123"),
        ({**SMS, "MessageSid": "", "SmsSid": "SM2", "SmsStatus": "received"}, "sms", "SM2", "+447700900123"),
        ({**SMS, "Body": "", "NumMedia": "1"}, "sms", "SM1", "+447700900123"),
        (WHATSAPP, "whatsapp", "SM1", "+447700900123"),
        ({**WHATSAPP, "From": "whatsapp:"}, "whatsapp", "SM1", "+447700900123"),
        ({**CALL, "From": "+5213312345678"}, "voice", "CA1", "+523312345678"),
    ],
)
def test_calls_sms_and_whatsapp_come_from_a_phone__RES_1_RES_15(
    form: dict[str, str], channel: str, message_id: str, phone: str
) -> None:
    contact = contact_of_twilio(form, inbox_id="inbox")
    arrival = normalise_contact(contact, POLICY)
    assert (contact.channel, arrival.message_key, contact.inbox_id) == (channel, message_id, "inbox")
    assert arrival.identifier is not None
    assert (arrival.identifier.kind, arrival.identifier.value) == ("phone", phone)


def test_the_callbacks_of_one_call_carry_one_id__RES_12() -> None:
    ended = contact_of_twilio({**CALL, "CallStatus": "completed", "Timestamp": "Mon, 03 Mar 2025 06:00:00 +0000"})
    assert ended.message_id == contact_of_twilio(CALL).message_id
    assert ended.occurred_at is not None


@pytest.mark.parametrize("number", ["anonymous", "Anonymous", "+266696687", "Restricted", "+86282452253", "+464"])
def test_a_withheld_number_goes_on_to_be_blocked__PRO_12(number: str) -> None:
    identifier = normalise_contact(contact_of_twilio({**CALL, "From": number}), POLICY).identifier
    assert identifier is not None
    assert (identifier.blocked, identifier.value) == (True, number.lower())


@pytest.mark.parametrize(
    "sender",
    [
        "",
        "ACME",
        "+4420\x00",
        "whatsapp:",
        "\ud800",
    ],
)
def test_a_sender_that_is_no_phone_is_anonymous__RES_8(sender: str) -> None:
    contact = contact_of_twilio({**CALL, "From": sender})
    assert normalise_contact(contact, POLICY).identifier is None
    assert sender == "" or json.loads(contact.data or "")["from"]


ACCOUNTS = [
    ({**SMS, "From": "messenger:1784"}, "social", "facebook:1784"),
    ({**SMS, "From": "instagram:1784"}, "social", "instagram:1784"),
    ({**SMS, "From": "viber:abc=="}, "social", "viber:abc=="),
    ({**SMS, "From": "rcs:agent_17@bot.example"}, "sms", "rcs:agent_17@bot.example"),
    ({**SMS, "From": "rcs:+447911123456"}, "sms", "+447911123456"),
    ({**SMS, "From": "72345"}, "sms", "sms:72345"),
    ({**SMS, "From": "+72345"}, "sms", "sms:72345"),
    ({**SMS, "From": "ACME Shop"}, "sms", "sms:ACME Shop"),
    ({**SMS, "From": "whatsapp:447911123456"}, "whatsapp", "+447911123456"),
    ({**SMS, "From": "whatsapp:+447911123456"}, "whatsapp", "+447911123456"),
    ({**SMS, "From": "whatsapp:anna.b", "To": "whatsapp:+1"}, "whatsapp", "whatsapp:anna.b"),
    ({**SMS, "From": "whatsapp:", "To": "whatsapp:+1", "ExternalUserId": "US.17"}, "whatsapp", "whatsapp:US.17"),
    ({**CALL, "From": "72345"}, "voice", "sms:72345"),
    ({**CALL, "From": "sip:anna@PBX.example.com;transport=tls"}, "voice", "sip:anna@pbx.example.com"),
    ({**CALL, "From": "sip:+442079460123@pbx"}, "voice", "+442079460123"),
    ({**CALL, "From": "client:anna"}, "voice", "client:anna"),
    ({**CALL, "From": "tel:+442079460123"}, "voice", "+442079460123"),
]


@pytest.mark.parametrize(("form", "channel", "value"), ACCOUNTS, ids=[case[0]["From"] for case in ACCOUNTS])
def test_a_stable_id_that_is_no_phone_is_an_account__RES_1(form: dict[str, str], channel: str, value: str) -> None:
    contact = contact_of_twilio(form)
    identifier = normalise_contact(contact, POLICY).identifier
    assert identifier is not None
    assert (contact.channel, identifier.value) == (channel, value)


@pytest.mark.parametrize(
    "form",
    [
        {**CALL, "Direction": "outbound-api"},
        {**CALL, "Direction": "outbound-dial"},
        {**SMS, "MessageStatus": "delivered"},
        {**SMS, "SmsStatus": "sent"},
        {**WHATSAPP, "MessageStatus": "read"},
        {**SMS, "Direction": "outbound-reply"},
        {"CallSid": "CA1", "RecordingSid": "RE1"},
    ],
)
def test_what_was_sent_or_recorded_is_no_contact(form: dict[str, str]) -> None:
    with pytest.raises(InvalidValue) as refused:
        contact_of_twilio(form)
    assert refused.value.code == "not_a_contact"


@pytest.mark.parametrize("form", [{}, {"From": "+447700900123"}, {**CALL, "CallSid": " "}, {**SMS, "MessageSid": ""}])
def test_a_webhook_without_a_sid_is_refused__RES_12(form: dict[str, str]) -> None:
    with pytest.raises(InvalidValue) as refused:
        contact_of_twilio(form)
    assert refused.value.code == "message_id_missing"


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ({**CALL, "CallerName": "ANNA LEE"}, "ANNA LEE"),
        ({**WHATSAPP, "ProfileName": "Zoë\x00 \u202e🐟"}, "Zoë\ufffd 🐟"),
        ({**SMS, "ProfileName": "x" * 1_000_000}, "x" * 300),
        (CALL, None),
    ],
)
def test_the_name_the_channel_sends_is_kept__RES_3(form: dict[str, str], name: str | None) -> None:
    assert normalise_contact(contact_of_twilio(form), POLICY).name == name


def test_text_and_media_of_a_message_are_kept() -> None:
    media = {"NumMedia": "1", "MediaUrl0": "https://x/1", "MediaContentType0": "image/png"}
    contact = contact_of_twilio({**SMS, **media, "Body": "a\x00b", "OriginalRepliedMessageSid": "SM0"})
    assert (contact.body, contact.reply_to) == ("a\ufffdb", ("SM0",))
    assert json.loads(contact.data or "")["media"] == [{"url": "https://x/1", "content_type": "image/png"}]


def test_only_what_twilio_signed_is_valid() -> None:
    url, signature = (
        "https://x.example.com/twilio",
        RequestValidator("token").compute_signature("https://x.example.com/twilio", SMS),
    )
    sent = list(SMS.items())
    assert twilio_signature_valid("token", url, sent, signature)
    assert not twilio_signature_valid("token", url, [*sent, ("Body", "other")], signature)
    assert not twilio_signature_valid("other", url, sent, signature)
    assert not twilio_signature_valid("token", url, sent, "")
    assert not twilio_signature_valid("token", url, sent, "ü")
    assert not twilio_signature_valid("token", "https://x:port/", [("Body", "\ud800")], signature)
    assert not twilio_signature_valid("", url, sent, RequestValidator("").compute_signature(url, SMS))
    assert not twilio_signature_valid("token", url, sent, signature, algorithm="none")


class Sent(dict[str, list[str]]):
    """A form as Twilio's own library reads it, where a key may come twice."""

    def getall(self, key: str) -> list[str]:
        return self[key]


@given(
    st.sampled_from(
        ("http://x.example/a", "https://x.example/a?b=1", "https://x.example:8443/", "http://x.example:80/")
    ),
    st.dictionaries(st.sampled_from("abc"), st.lists(st.sampled_from(("", "1", "ü")), min_size=1, max_size=2)),
    st.sampled_from(("", "key=x,algorithm=HMAC_SHA256", "algorithm=HMAC_SHA1", "key=x")),
)
def test_signatures_are_those_of_twilios_own_library(url: str, form: dict[str, list[str]], settings: str) -> None:
    algorithm = signature_algorithm(settings)
    assert algorithm == get_signature_algorithm(settings)
    validator = RequestValidator("token")
    signature = validator.compute_signature(url, Sent(form), algorithm)
    sent = [(key, value) for key, values in form.items() for value in values]
    assert validator.validate(url, Sent(form), signature, algorithm)
    assert twilio_signature_valid("token", url, sent, signature, algorithm=algorithm)
    assert not twilio_signature_valid("token", url, [*sent, ("d", "")], signature, algorithm=algorithm)


_KEYS = (
    "CallSid",
    "MessageSid",
    "SmsStatus",
    "From",
    "To",
    "Body",
    "CallerName",
    "ProfileName",
    "WaId",
    "Timestamp",
    "MediaUrl0",
    "OriginalRepliedMessageSid",
    "Direction",
)
_TEXT = st.text(st.characters(), max_size=20) | st.sampled_from(
    ("+447700900123", "whatsapp:+447700900123", "anonymous")
)


@given(st.dictionaries(st.sampled_from(_KEYS), _TEXT))
def test_any_form_is_a_contact_or_refused(form: dict[str, str]) -> None:
    try:
        contact = contact_of_twilio(form)
    except InvalidValue:
        return
    normalise_contact(contact, POLICY)


def test_a_day_of_webhooks_is_read_as_it_was_meant__RES_1() -> None:
    for ring in rings(seed=5):
        contact = contact_of_twilio(ring.form)
        identifier = normalise_contact(contact, POLICY).identifier
        assert identifier is not None
        assert (contact.channel, contact.message_id) == (ring.channel, ring.message_id)
        assert (None if identifier.blocked else identifier.value) == ring.phone


def test_the_same_seed_gives_the_same_day() -> None:
    assert twilio_day(3) == twilio_day(3) != twilio_day(4)
