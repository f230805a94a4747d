"""Twilio's webhooks (form-encoded): calls, SMS and WhatsApp messages that come in."""

from __future__ import annotations

import hmac
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from onefold.contact_points.kinds import Channel
from onefold.contact_points.provider_senders import network_account
from onefold.core.errors import InvalidValue
from onefold.core.text import cut_name, mend_text, validate_text
from onefold.receiving.contact import Contact, Sender
from onefold.receiving.normalise import MESSAGE_ID_LENGTH

_WHATSAPP = "whatsapp:"
_INCOMING = frozenset(("", "received", "receiving"))
_DATA_LENGTH = 1_000
_USER_ID_LENGTH = 200
_MOST_MEDIA = 50
_TOLD = {
    "from": "From",
    "to": "To",
    "call_status": "CallStatus",
    "city": "FromCity",
    "state": "FromState",
    "country": "FromCountry",
}


def contact_of_twilio(form: Mapping[str, str], *, inbox_id: str | None = None) -> Contact:
    """The contact of a webhook: a call, an SMS or a WhatsApp message, by the phone it comes from (RES-1).

    The callbacks of one call carry one message id (RES-12). A sender that is no phone (a short code, a name, a SIP
    address, `messenger:17`) is an account (RES-1). Raises InvalidValue: `not_a_contact` for what is not about something
    coming in, `message_id_missing` for a webhook without a sid.
    """
    channel = _channel(form)
    message_id = _message_id(form, channel)
    if not _comes_in(form, channel):
        raise InvalidValue("This webhook is not about something that came in.", code="not_a_contact", field="Direction")
    sender = Sender(phone=_phone(form), name=_name(form.get("ProfileName") or form.get("CallerName")))
    account = network_account(form["From"])
    if channel != "voice" and account is not None:
        channel, sender = "social", sender._replace(phone=None, network=account[0], user_id=account[1])
    elif channel == "whatsapp":
        sender = sender._replace(user_id=_user_id(form))
    return Contact(
        channel=channel,
        message_id=message_id,
        sender=sender,
        body=mend_text(form.get("Body", "")) or None,
        occurred_at=_occurred_at(form.get("Timestamp", "")),
        inbox_id=inbox_id,
        reply_to=_reply_to(form),
        data=_data(form),
    )


def twilio_signature_valid(
    auth_token: str, url: str, form: Iterable[tuple[str, str]], signature: str, *, algorithm: str = "HMAC_SHA1"
) -> bool:
    """Whether the webhook was signed with the account's token, as Twilio documents it: an HMAC of the public address it
    called and of every key with every value it sent, in order. `form` is as it came: a key that came twice is signed
    twice. The port is in what is signed, or not, whichever it says in the address."""
    digest = _DIGESTS.get(algorithm.upper())
    if not auth_token or not signature or digest is None:
        return False
    try:
        texts = [
            address + "".join(key + value for key, value in sorted(set(form)))
            for address in _with_and_without_port(url)
        ]
        macs = [hmac.digest(auth_token.encode(), text.encode(), digest) for text in texts]
    except ValueError:  # a port that is none, or half of a surrogate pair
        return False
    signature_bytes = signature.encode(errors="replace")
    return any(hmac.compare_digest(b64encode(mac), signature_bytes) for mac in macs)


_DIGESTS = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}


def signature_algorithm(settings: str) -> str:
    """Of `X-Twilio-Webhooks-Signature-Settings`, which comes with webhooks that a shared key has signed."""
    named = (part.partition("=") for part in settings.split(","))
    return next((value.strip() for name, _, value in named if name.strip() == "algorithm" and value), "HMAC_SHA1")


def _with_and_without_port(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    host = parts.netloc.rpartition(":")[0] if parts.port else parts.netloc
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts._replace(netloc=host).geturl(), parts._replace(netloc=f"{host}:{port}").geturl()


def _channel(form: Mapping[str, str]) -> Channel:
    if _message_sid(form) or "Body" in form:
        whatsapp = any(form.get(key, "").lower().startswith(_WHATSAPP) for key in ("From", "To"))
        return "whatsapp" if whatsapp else "sms"
    return "voice"


def _message_sid(form: Mapping[str, str]) -> str:
    return form.get("MessageSid") or form.get("SmsSid") or form.get("SmsMessageSid") or ""


def _message_id(form: Mapping[str, str], channel: Channel) -> str:
    key = "CallSid" if channel == "voice" else "MessageSid"
    sid = (form.get("CallSid", "") if channel == "voice" else _message_sid(form)).strip()
    if not sid:
        raise InvalidValue(f"{key} is missing from this webhook.", code="message_id_missing", field=key)
    return validate_text(sid, key, MESSAGE_ID_LENGTH)


def _comes_in(form: Mapping[str, str], channel: Channel) -> bool:
    """Whether the webhook is about an incoming contact, and not the state of something sent or recorded."""
    if "From" not in form or form.get("Direction", "inbound").lower() != "inbound":
        return False
    return channel == "voice" or (form.get("MessageStatus") or form.get("SmsStatus") or "").lower() in _INCOMING


def _phone(form: Mapping[str, str]) -> str | None:
    """What names the sender; of a WhatsApp user without a number nothing does but the user id."""
    sender = mend_text(form.get("From", "").strip(), _DATA_LENGTH)
    wa_id = form.get("WaId", "").strip().lstrip("+")
    if sender.lower().startswith(_WHATSAPP) and wa_id.isascii() and wa_id.isdigit():
        return sender if _is_number(sender[len(_WHATSAPP) :]) else f"+{wa_id}"
    return sender or None


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\+?[\d\s().-]{5,30}", text.strip(), re.ASCII) is not None


def _user_id(form: Mapping[str, str]) -> str | None:
    """The id that WhatsApp gives to users who hide their number."""
    user_id = form.get("ExternalUserId") or form.get("FromUserId") or form.get("WhatsAppUserId") or ""
    return mend_text(user_id.strip(), _USER_ID_LENGTH) or None


def _name(text: str | None) -> str | None:
    return cut_name(text or "")


def _occurred_at(text: str) -> datetime | None:
    try:
        sent_at = parsedate_to_datetime(text[:100])
        return sent_at.replace(tzinfo=UTC) if sent_at.tzinfo is None else sent_at.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _reply_to(form: Mapping[str, str]) -> tuple[str, ...]:
    replied = form.get("OriginalRepliedMessageSid", "").strip()
    usable = replied and len(replied) <= MESSAGE_ID_LENGTH and mend_text(replied) == replied
    return (replied,) if usable else ()


def _data(form: Mapping[str, str]) -> str:
    fields = {name: mend_text(form[key], _DATA_LENGTH) for name, key in _TOLD.items() if form.get(key)}
    media = [{"url": mend_text(url, _DATA_LENGTH), "content_type": mend_text(kind, 100)} for url, kind in _media(form)]
    return json.dumps({**fields, "media": media} if media else fields, ensure_ascii=False)


def _media(form: Mapping[str, str]) -> list[tuple[str, str]]:
    numbered = range(_MOST_MEDIA)
    return [(form[f"MediaUrl{n}"], form.get(f"MediaContentType{n}", "")) for n in numbered if form.get(f"MediaUrl{n}")]
