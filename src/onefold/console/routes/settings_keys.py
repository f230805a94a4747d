"""Settings: API keys, by which machines ask."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from onefold.accounts import service as accounts
from onefold.accounts import store
from onefold.console.forms import AnyForm
from onefold.console.pages import redirect_to
from onefold.console.proof import proof_for
from onefold.console.settings_page import SCOPE, AnyAdmin, day_end, settings_page
from onefold.console.visitor import Visitor
from onefold.core.clock import utc_now

router = APIRouter(prefix="/settings/keys")
_PATH = "/settings/keys"


@router.get("")
def keys(request: Request, admin: AnyAdmin) -> Response:
    """Every key, without its secret."""
    return _show(request, admin)


def _show(request: Request, admin: Visitor, **made: Any) -> Response:
    now, all_keys = utc_now(), admin.read(store.list_keys, SCOPE)
    ended = [k for k in all_keys if k.revoked_at is not None or (k.expires_at is not None and k.expires_at <= now)]
    good = [key for key in all_keys if key not in ended]
    in_a_year = (now + timedelta(days=365)).astimezone(admin.zone).date().isoformat()
    values = {"made": None, "token": None, "in_a_year": in_a_year, **made}
    return settings_page(request, admin, "settings_keys.html", good=good[::-1], ended=ended[::-1], **values)


@router.post("", dependencies=[proof_for(SCOPE)])
def create_key(request: Request, admin: AnyAdmin, form: AnyForm) -> Response:
    """Makes a key; its token is in this answer and nowhere else."""
    name, scopes = form.line("name") or "", form.every("scope")
    expires_at = day_end(form, "expires_on", "The last day", admin=admin, now=utc_now())
    within = admin.principal.scopes
    made, token = admin.write(
        lambda unit: accounts.create_key(unit, name, scopes, admin.actor, within=within, expires_at=expires_at), SCOPE
    )
    return _show(request, admin, made=made, token=token)


@router.post("/{key_id}/revoke")
def revoke_key(admin: AnyAdmin, key_id: str) -> Response:
    """Ends a key; it stays listed."""
    admin.write(lambda unit: accounts.revoke_key(unit, key_id, admin.actor), SCOPE)
    return redirect_to(_PATH, "revoked")
