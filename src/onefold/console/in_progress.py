"""What a way of signing in needs when it comes back: kept in a cookie that only this installation can make and read.

It says what it is for, and is good for ten minutes.
"""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

from fastapi import Request
from starlette.responses import Response

from onefold.console.visitor import is_secure
from onefold.core.clock import utc_now
from onefold.core.errors import Conflict
from onefold.core.secrets import SecretBox

_LENGTH = timedelta(minutes=10)


def keep(request: Request, response: Response, purpose: str, value: dict[str, Any]) -> None:
    """Gives a browser what it is to bring back."""
    content = [purpose, value, (utc_now() + _LENGTH).timestamp()]
    text = base64.urlsafe_b64encode(json.dumps(content).encode()).decode()
    response.set_cookie(
        _cookie(request, purpose),
        _box(request).seal(text),
        max_age=round(_LENGTH.total_seconds()),
        path="/",
        httponly=True,
        secure=is_secure(request),
        samesite="lax",
    )


def read(request: Request, purpose: str) -> dict[str, Any] | None:
    """What the browser was given for this purpose, if it brings it back in time; None of anything else."""
    box, cookie = _box(request), request.cookies.get(_cookie(request, purpose), "")
    try:
        text = box.open_sealed(cookie) if box.seals else cookie
        for_what, value, expires_at = json.loads(base64.urlsafe_b64decode(text))
        is_good = for_what == purpose and isinstance(value, dict) and expires_at > utc_now().timestamp()
    except (Conflict, ValueError, TypeError, RecursionError):
        return None
    return value if is_good else None


def forget(request: Request, response: Response, purpose: str) -> None:
    """It has been used, or is not to be."""
    secure = is_secure(request)
    response.delete_cookie(_cookie(request, purpose), path="/", httponly=True, secure=secure, samesite="lax")


def _cookie(request: Request, purpose: str) -> str:
    # Bound to this host where https lets it be: nobody else can put a sign-in of their own into a browser.
    return f"__Host-onefold-{purpose}" if is_secure(request) else f"onefold-{purpose}"


def _box(request: Request) -> SecretBox:
    box: SecretBox = request.app.state.database.secrets
    return box
