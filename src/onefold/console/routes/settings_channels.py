"""Settings: how each channel is connected. Nothing is changed here: channels are told where to send by their makers."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from onefold.accounts import store as accounts
from onefold.console.settings_page import SCOPE, AnyAdmin, base_address, settings_page
from onefold.core.process_settings import Settings
from onefold.insights import not_shown
from onefold.settings import service as settings

router = APIRouter()


@router.get("/settings/channels")
def channels(request: Request, admin: AnyAdmin) -> Response:
    """The address of each channel, what is checked of what comes in, and where it is routed to."""

    inboxes, organization_settings, unshown = admin.read(
        lambda unit: (accounts.list_inboxes(unit), settings.read(unit), not_shown.list_not_shown(unit)), SCOPE
    )
    process: Settings = request.app.state.settings
    return settings_page(
        request,
        admin,
        "settings_channels.html",
        inboxes=inboxes,
        not_shown=unshown,
        answers_meta=bool(process.meta_verify_token),
        default_inbox_id=organization_settings.default_inbox_id,
        base=base_address(request),
        public=bool(process.public_url),
        takes_unsigned=process.unsigned_webhooks,
        checks_twilio=bool(process.twilio_auth_token),
        checks_meta=bool(process.meta_app_secret),
        looks_up=bool(process.twilio_lookup_account),
    )
