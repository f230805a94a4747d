"""No request body may be larger than the setting says, whatever it claims of itself."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from onefold.api.problems import problem_of
from onefold.api.routes.contacts import Receive, Scope, Send
from onefold.domain.errors import Refused


class _TooLarge(Exception):
    pass


class BodyLimit:
    """Counts the bytes of a body as they come, and answers 413 when there are too many."""

    def __init__(self, application: Any, largest: int) -> None:
        self._application = application
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        left = self._largest
        begun = False

        async def counted() -> Any:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise _TooLarge
            return message

        async def noted(message: Any) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._application(scope, counted, noted)
        except _TooLarge:
            if not begun:
                refusal = Refused(f"The body is larger than {self._largest:,} bytes.", code="body_too_large")
                found = msgspec.json.encode({**problem_of(refusal), "status": 413, "title": "Too large"})
                await Response(found, 413, None, "application/problem+json")(scope, receive, send)
