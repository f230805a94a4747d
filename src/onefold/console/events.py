"""`GET /events`: what happens in the agent's organization, as server-sent events, so that pages follow it (MRG-11)."""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Annotated

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from onefold.console.visitor import Visitor, maybe_signed_in
from onefold.core.errors import NotSignedIn, Unavailable
from onefold.jobs.feed import RESYNC, Feed, Listener, Message
from onefold.jobs.feed_store import Change

router = APIRouter(include_in_schema=False)

MOST_STREAMS = 6
HEARTBEAT_SECONDS = 15.0
SESSION_SECONDS = (20.0, 30.0)
"""How long until a session is looked at again: drawn from between, so that streams opened together take turns."""

# A browser that is cut off names the last id it got, even one that came without an event.
_BEGIN = b"retry: 2000\nid: 0\n\n"
_HEARTBEAT = b":\n\n"
_GIVES_WAY = b"event: gives-way\ndata: {}\n\n"
_RESYNC = b'event: change\ndata: {"type":"resync"}\n\n'
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}
# Of their own: a database that hangs must not have streams take all the threads that answer requests.
_CHECKS = anyio.CapacityLimiter(4)


@router.get("/events")
async def events(request: Request, visitor: Annotated[Visitor | None, Depends(maybe_signed_in)]) -> Response:
    """An `event: change` for each event of the organization, ids only, until the session ends; else 401.

    `{"type":"resync"}` says that anything may have changed: after a cut, and where too much came at once.
    """
    if visitor is None:  # no sign-in page: this is no page
        raise NotSignedIn("Sign in to follow what happens.")
    streams: Streams = request.app.state.streams
    return EventStream(request.app.state.feed, visitor, streams, again=bool(request.headers.get("last-event-id")))


class Streams:
    """The open streams of each session, in this process: at most six, as a browser opens no more. The oldest gives way,
    and is told so; its page listens again when somebody looks at it."""

    def __init__(self) -> None:
        self._ends: dict[str, deque[asyncio.Event]] = {}

    @contextmanager
    def one_more(self, session: str) -> Iterator[asyncio.Event]:
        """A stream of a session, while it is open; the event is set when it has to give way."""
        ends, end = self._ends.setdefault(session, deque()), asyncio.Event()
        ends.append(end)
        if len(ends) > MOST_STREAMS:
            ends.popleft().set()
        try:
            yield end
        finally:
            if end in ends:
                ends.remove(end)
            if not ends and self._ends.get(session) is ends:
                del self._ends[session]


class EventStream(Response):
    """An answer that goes on until the reader leaves, the session ends or the feed is closed."""

    media_type = "text/event-stream"

    def __init__(self, feed: Feed, visitor: Visitor, streams: Streams, *, again: bool) -> None:
        self._feed, self._visitor, self._streams = feed, visitor, streams
        self._first = _BEGIN + _RESYNC if again else _BEGIN
        self.status_code = 200
        self.background = None
        self.init_headers(_HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        organization_id = self._visitor.principal.organization_id
        with self._streams.one_more(self._visitor.token) as end:
            async with self._feed.listen(organization_id) as listener:
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                await _write(send, self._first)
                await _first_of(
                    _tell(listener, send), _wait_until_gone(receive), _signed_out(self._visitor), end.wait()
                )
        await _write(send, _GIVES_WAY if end.is_set() else b"", more=False)


async def _first_of(*works: object) -> None:
    """Runs these until one is done, and ends the others; raises what that one has raised."""
    tasks = [asyncio.ensure_future(work) for work in works]  # type: ignore[call-overload]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def _tell(listener: Listener, send: Send) -> None:
    """Writes what is told, until the feed is closed; a comment now and then shows proxies that somebody is there."""
    while True:
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                messages = await listener.next()
        except TimeoutError:
            await _write(send, _HEARTBEAT)
            continue
        if not messages:
            return
        await _write(send, b"".join(map(_frame, messages)))


async def _wait_until_gone(receive: Receive) -> None:
    """Until the reader has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _signed_out(visitor: Visitor) -> None:
    """Until the session has ended. Who cannot be asked about stays."""
    while True:
        await asyncio.sleep(random.uniform(*SESSION_SECONDS))
        try:
            if not await anyio.to_thread.run_sync(visitor.still_signed_in, abandon_on_cancel=True, limiter=_CHECKS):
                return
        except Unavailable:
            continue


async def _write(send: Send, body: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})


def _frame(message: Message) -> bytes:
    return _RESYNC if message is RESYNC else _change(message)


@lru_cache(maxsize=1024)  # hundreds of streams write the same
def _change(change: Change) -> bytes:
    payload = {"id": change.id, "type": change.type, "profile_id": change.profile_id, "data": json.loads(change.data)}
    return f"id: {change.id}\nevent: change\ndata: {json.dumps(payload, separators=(',', ':'))}\n\n".encode()
