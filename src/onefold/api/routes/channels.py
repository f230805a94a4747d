"""/v1/channels: what channels send as they send it; adapters turn it into contacts."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import msgspec
import structlog
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from onefold.accounts.service import Principal
from onefold.api.auth import allow
from onefold.api.call import AnyCall, Call, Result, header_parameters
from onefold.api.group_commit import GroupCommit
from onefold.api.problems import responses
from onefold.api.routes.contacts import answer_json
from onefold.api.schemas import Listing
from onefold.channels import meta, twilio
from onefold.channels.contact_json import decode
from onefold.channels.email import contact_of_email
from onefold.core.errors import DomainError, InvalidValue, NotAllowed
from onefold.core.process_settings import Settings
from onefold.database.engine import Database
from onefold.database.transactions import run_in_transaction
from onefold.insights import not_shown
from onefold.receiving.contact import Answer, Contact

router = APIRouter(prefix="/v1/channels", tags=["channels"])
Inbox = Annotated[str | None, Query(max_length=100, description="The inbox the channel is routed to.")]

_log = structlog.get_logger("onefold.channels")
_json = msgspec.json.Decoder()
# A mail comes from a stranger, and taking it apart may take a while: that holds no thread which answers others.
_MAILS = CapacityLimiter(2)
_TEXT = {"schema": {"type": "string", "format": "binary"}}
_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


class NotShown(BaseModel):
    """How often a channel has sent something of a kind that is no contact."""

    channel: str
    kind: str = Field(description="As the channel calls it, or the code with which a contact was refused.")
    number: int
    newest_day: str = Field(description="In UTC.")


def _refuse_unsigned(settings: Settings, secret: str, name: str) -> None:
    if not secret and not settings.unsigned_webhooks:
        raise NotAllowed(
            f"Set {name}, to have its signature checked, or ONEFOLD_UNSIGNED_WEBHOOKS=1 to try it out.",
            code="signature_not_set_up",
        )


async def _receive(request: Request, principal: Principal, contact: Contact) -> Answer:
    group: GroupCommit = request.app.state.group
    answer = await group.receive(principal.organization_id, contact)
    if isinstance(answer, DomainError):
        raise answer
    return answer


def _body(description: str, *types: str) -> dict[str, Any]:
    body = {"required": True, "description": description, "content": dict.fromkeys(types, _TEXT)}
    return {"requestBody": body, **header_parameters()}


@router.post(
    "/email",
    responses={
        200: {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/AnswerJson"}}}},
        **responses(409, 429),
    },
    response_class=Response,
    openapi_extra=_body("An email as it came (RFC 5322).", "message/rfc822"),
)
async def receive_email(request: Request, call: AnyCall, inbox_id: Inbox = None) -> Response:
    """Receives an email: the raw message, from a mail server's pipe or a forwarding rule."""
    allow(call.principal, "contacts:write")
    raw = await request.body()
    contact = await to_thread.run_sync(partial(contact_of_email, raw, inbox_id=inbox_id), limiter=_MAILS)

    async def receive() -> Response:
        answer = await _receive(request, call.principal, contact)
        outcome = answer_json(answer)
        headers = {"Onefold-Repeated": "true"} if answer.repeated else None
        return Response(msgspec.json.encode(outcome), 200, headers, "application/json")

    return await call.once(receive)


@router.post(
    "/twilio",
    responses={200: {"content": {"application/xml": {"schema": {"type": "string"}}}}, **responses(409, 429)},
    response_class=Response,
    openapi_extra=_body("Twilio's webhook.", "application/x-www-form-urlencoded"),
)
async def receive_twilio(request: Request, call: AnyCall, inbox_id: Inbox = None) -> Response:
    """Receives Twilio's webhook of an incoming call, SMS or WhatsApp message; answers with an empty TwiML document.

    Put the API key into the webhook's address as its password (https://key:<token>@…), and set
    `ONEFOLD_TWILIO_AUTH_TOKEN` and `ONEFOLD_PUBLIC_URL`, by which Twilio's signature is checked.
    """
    allow(call.principal, "contacts:write")
    sent = await request.form()
    form = {k: v for k, v in sent.items() if isinstance(v, str)}
    settings: Settings = request.app.state.settings
    _refuse_unsigned(settings, settings.twilio_auth_token, "ONEFOLD_TWILIO_AUTH_TOKEN")
    if settings.twilio_auth_token:
        url = (
            settings.public_url.rstrip("/") + request.url.path + (f"?{request.url.query}" if request.url.query else "")
        )
        signature = request.headers.get("x-twilio-signature", "")
        algorithm = twilio.signature_algorithm(request.headers.get("x-twilio-webhooks-signature-settings", ""))
        signed = [(key, value) for key, value in sent.multi_items() if isinstance(value, str)]
        if not twilio.twilio_signature_valid(settings.twilio_auth_token, url, signed, signature, algorithm=algorithm):
            raise NotAllowed("The request does not carry Twilio's signature.", code="signature_wrong")
    try:
        contact = twilio.contact_of_twilio(form, inbox_id=inbox_id)
    except InvalidValue as refusal:
        if refusal.code != "not_a_contact":
            raise
        await _note_not_shown(request, call, "twilio", {"status": 1})  # a status callback of something we sent
        return Response(_TWIML, media_type="application/xml; charset=utf-8")

    async def receive() -> Response:
        await _receive(request, call.principal, contact)
        return Response(_TWIML, media_type="application/xml; charset=utf-8")

    return await call.once(receive)


@router.get("/meta", response_class=Response, responses=responses(403))
async def answer_meta(request: Request) -> Response:
    """Answers the handshake by which Meta asks whether its webhook is wanted: the verify token is
    `ONEFOLD_META_VERIFY_TOKEN`."""
    settings: Settings = request.app.state.settings
    query, token = request.query_params, settings.meta_verify_token
    is_ours = bool(token) and secrets.compare_digest(query.get("hub.verify_token", "").encode(), token.encode())
    if query.get("hub.mode") != "subscribe" or not is_ours:
        raise NotAllowed("This is not a handshake with the verify token that is set.", code="verify_token_wrong")
    return Response(query.get("hub.challenge", ""), media_type="text/plain")


@router.post(
    "/meta",
    responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}, **responses(409, 429)},
    response_class=Response,
    openapi_extra=_body("Meta's webhook.", "application/json"),
)
async def receive_meta(request: Request, call: AnyCall, inbox_id: Inbox = None) -> Response:
    """Receives Meta's webhook: WhatsApp, Messenger and Instagram messages, several at a time."""
    allow(call.principal, "contacts:write")
    body = await request.body()
    settings: Settings = request.app.state.settings
    signature = request.headers.get("x-hub-signature-256", "")
    _refuse_unsigned(settings, settings.meta_app_secret, "ONEFOLD_META_APP_SECRET")
    if settings.meta_app_secret and not meta.meta_signature_valid(settings.meta_app_secret, body, signature):
        raise NotAllowed("The request does not carry Meta's signature.", code="signature_wrong")
    contacts, others = _from_meta(body, inbox_id)
    group: GroupCommit = request.app.state.group

    async def receive() -> Response:
        answers = await group.receive_many(call.principal.organization_id, contacts) if contacts else []
        refused = Counter(answer.code for answer in answers if isinstance(answer, DomainError))
        for code in refused:
            # Meta sends all of it again for one refusal, for days; what is wrong with one does not get better.
            _log.warning("contact refused", channel="meta", code=code)
        await _note_not_shown(request, call, "meta", others + refused)
        received = sum(isinstance(answer, Answer) for answer in answers)
        return Response(msgspec.json.encode({"received": received}), 200, None, "application/json")

    return await call.once(receive)


def _from_meta(body: bytes, inbox_id: str | None) -> meta.FromMeta:
    payload = decode(_json, body)
    if not isinstance(payload, dict):
        raise InvalidValue("The body is not a webhook of Meta's.", code="invalid_request")
    return meta.from_meta(payload, inbox_id=inbox_id)


async def _note_not_shown(request: Request, call: Call, channel: str, kinds: Mapping[str, int]) -> None:
    """RES-20: what is no contact is counted, so that nothing is gone without a trace."""
    if kinds:
        database: Database = request.app.state.database
        noting = partial(not_shown.note, channel=channel, kinds=kinds)
        await run_in_threadpool(run_in_transaction, database, call.principal.organization_id, noting)


@router.get("/not-shown", response_model=Listing[NotShown], responses=responses())
def list_not_shown(call: AnyCall) -> Response:
    """What channels have sent in the last 30 days that is no contact: states of what was sent, and what Onefold does
    not know (RES-20)."""
    return call.read(
        "settings:read",
        lambda unit: Result(
            Listing[NotShown](data=[NotShown(**one._asdict()) for one in not_shown.list_not_shown(unit)])
        ),
    )
