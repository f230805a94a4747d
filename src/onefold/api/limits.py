"""No request body may be larger than the setting says, whatever it claims of itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from onefold.api.problems import TooLarge, problem_response
from onefold.api.routes.contacts import Receive, Scope, Send

_MOST_READ_AWAY = 64 * 1024 * 1024


class BodyLimit:
    """Answers 413 to a body that says it is too large, and to one that turns out to be. `largest_at` tells how many
    bytes an address takes."""

    def __init__(self, application: Any, largest_at: Callable[[str], int]) -> None:
        self._application = application
        self._largest_at = largest_at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        largest = self._largest_at(scope["path"])
        if _declared_length(scope) > largest:
            await self._refuse(scope, receive, send, largest, more=True)
            return
        read, more, begun = 0, True, False

        async def receive_counted() -> Any:
            nonlocal read, more
            message = await receive()
            read += len(message.get("body", b""))
            more = message.get("more_body", False)
            if read > largest:
                raise TooLarge(f"The body is larger than {largest:,} bytes.")
            return message

        async def note_started(message: Any) -> None:
            # Frameworks make all sorts of answers of a body that breaks off; none of them is the client's.
            nonlocal begun
            if begun or read <= largest:
                begun = True
                await send(message)

        try:
            await self._application(scope, receive_counted, note_started)
        except Exception:
            if read <= largest:
                raise
        if read > largest and not begun:
            await self._refuse(scope, receive, send, largest, more=more)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, largest: int, *, more: bool) -> None:
        # Closing a connection under a client that is still sending resets it, and the answer is lost on the way.
        left = _MOST_READ_AWAY
        while more and left > 0:
            message = await receive()
            left -= len(message.get("body", b""))
            more = message.get("more_body", False)
        refusal = TooLarge(f"The body is larger than {largest:,} bytes; send less at a time.")
        await problem_response(refusal)(scope, receive, send)


def _declared_length(scope: Scope) -> int:
    content_length = dict(scope["headers"]).get(b"content-length", b"")
    return int(content_length) if content_length.isdigit() else 0
