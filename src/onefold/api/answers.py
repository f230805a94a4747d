"""What every answer carries, and how many requests a key may make."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from onefold.api.problems import problem_response
from onefold.core.errors import TooMany
from onefold.core.process_settings import HSTS

_MOST_CALLERS = 10_000
_WINDOW_SECONDS = 60


class SafeAnswers:
    """Answers may hold customers' data: no cache keeps them and no browser guesses what they are. Where the service is
    reached over https, browsers are told to use nothing else (RFC 6797)."""

    def __init__(self, application: ASGIApp, *, https: bool) -> None:
        self._application = application
        self._always = [(b"x-content-type-options", b"nosniff")]
        if https:
            self._always.append((b"strict-transport-security", HSTS.encode()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._added_to(message.get("headers", []))
            await send(message)

        await self._application(scope, receive, send_safely)

    def _added_to(self, given: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        names = {name.lower() for name, _ in given}
        added = [header for header in self._always if header[0] not in names]
        if b"cache-control" not in names:
            added.append((b"cache-control", b"no-store"))
        return [*given, *added]


class RateLimit:
    """So many requests of a key in a minute; then 429, until the minute is over. Each process counts for itself.

    Answers say how many are left (`RateLimit` and `RateLimit-Policy`, as the IETF's draft has them).
    """

    def __init__(self, application: ASGIApp, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._application, self._most, self._clock = application, most, clock
        self._policy = b'"key";q=%d;w=%d' % (most, _WINDOW_SECONDS)
        self._counted: dict[int, int] = {}
        self._since = clock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        authorization = next((value for name, value in scope.get("headers", ()) if name == b"authorization"), None)
        if scope["type"] != "http" or authorization is None:
            await self._application(scope, receive, send)
            return
        left, seconds = self._count(hash(authorization))

        async def send_telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                rate_limit_headers = [
                    (b"ratelimit-policy", self._policy),
                    (b"ratelimit", b'"key";r=%d;t=%d' % (max(left, 0), seconds)),
                ]
                message["headers"] = [*message.get("headers", []), *rate_limit_headers]
            await send(message)

        if left < 0:
            detail = f"This key has made {self._most:,} requests within a minute; wait {seconds} seconds."
            refusal = problem_response(TooMany(detail, code="too_many_requests", retry_after=seconds))
            await refusal(scope, receive, send_telling)
            return
        await self._application(scope, receive, send_telling)

    def _count(self, caller: int) -> tuple[int, int]:
        """How many requests a caller has left, below nought where this one is too many; and in how many seconds it has
        all of them again."""
        now = self._clock()
        if now - self._since >= _WINDOW_SECONDS:
            self._counted, self._since = {}, now
        counted = self._counted.pop(caller, 0) + 1
        self._counted[caller] = counted
        if len(self._counted) > _MOST_CALLERS:  # keys that somebody makes up are without number: the quietest goes
            del self._counted[next(iter(self._counted))]
        return self._most - counted, max(1, int(self._since + _WINDOW_SECONDS - now))
