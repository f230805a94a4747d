"""Live updates (MRG-11): a change made anywhere, by any process, is told to whoever listens in this one.

One thread a process reads the outbox of the organizations that somebody listens to, a few times a second; listeners
live on the event loop. What is told holds ids only.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from enum import Enum
from typing import Any, Final, Literal, NamedTuple

import structlog

from onefold.core.errors import Unavailable
from onefold.database.engine import Database
from onefold.jobs import feed_store as store
from onefold.jobs.feed_store import Change, Look

POLL_SECONDS = 0.3
MOST_AT_ONCE = 500
"""More events than these, of one look or waiting for one listener, are told as one RESYNC."""

_WINDOW = 2_000
_FIRST_LOOK = 500
_SETTLED_SECONDS = 5.0
_PATIENCE_SECONDS = 2.0
_TOLD_TOGETHER = 25
_log = structlog.get_logger("onefold.feed")


class _Word(Enum):
    RESYNC = "resync"
    END = "end"


RESYNC: Final = _Word.RESYNC
"""Anything may have changed: whoever listens reads again what it shows."""

Message = Change | Literal[_Word.RESYNC]


class _Mark(NamedTuple):
    """The newest event at a moment, and the transactions that had begun by then."""

    moment: float
    newest: int
    begun_before: int

    def is_over(self, look: Look, now: float) -> bool:
        """Whether no event up to this one can become visible any more.

        A transaction may draw its event's number an instant before its own: the seconds are for that instant.
        """
        return now - self.moment >= _SETTLED_SECONDS and look.running_from >= self.begun_before


class Window:
    """The newest events of an organization, looked at again until nothing can appear between them: each is fresh once.

    Where more events come than are looked at again, some may be missed; then `advance` says so at once, and once more
    when all that were under way have ended. Times are seconds of a monotonic clock.
    """

    def __init__(self) -> None:
        self.after = 0
        self._told: set[int] | None = None
        self._marks: deque[_Mark] = deque()
        self._owed: _Mark | None = None

    @property
    def limit(self) -> int:
        """How many events the next look is to be at."""
        return _FIRST_LOOK if self._told is None else _WINDOW

    def fresh(self, look: Look) -> list[int]:
        """Events that no earlier look has seen, oldest first; what the first one sees happened before."""
        return [] if self._told is None else sorted(set(look.seqs) - self._told)

    def advance(self, look: Look, now: float) -> bool:
        """Goes on to the next look; True where something may have been missed."""
        first, full = self._told is None, len(look.seqs) == self.limit
        self._told = (self._told or set()) | set(look.seqs)
        if full:
            self._give_up(look, now, first)
        missed = (full and not first) or self._pays(look, now)
        self._settle(look, now)
        return missed

    def _give_up(self, look: Look, now: float, first: bool) -> None:
        """Looks at nothing below again, and owes a word of what may still appear there."""
        self.after = look.seqs[-1] if first else look.seqs[0]
        self._marks.clear()
        if look.running_from < look.begun_before:
            self._owed = _Mark(now, self.after, look.begun_before)

    def _pays(self, look: Look, now: float) -> bool:
        if self._owed is None or not self._owed.is_over(look, now):
            return False
        self._owed = None
        return True

    def _settle(self, look: Look, now: float) -> None:
        while self._marks and self._marks[0].is_over(look, now):
            self.after = self._marks.popleft().newest
        newest = look.seqs[0] if look.seqs else self.after
        if newest > (self._marks[-1].newest if self._marks else self.after):
            self._marks.append(_Mark(now, newest, look.begun_before))
        self._told = {seq for seq in self._told or () if seq > self.after}


class Listener:
    """One who listens; lives on the event loop alone."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[Message | Literal[_Word.END]] = asyncio.Queue(MOST_AT_ONCE)
        self._begun = asyncio.Event()
        self._late = False
        self._ended = False

    async def next(self) -> list[Message]:
        """What has come since, at least one message; nothing at all means that this is the end."""
        messages = [await self._waiting.get(), *self._rest()]
        return [message for message in messages if message is not _Word.END]

    def _rest(self) -> list[Message | Literal[_Word.END]]:
        return [self._waiting.get_nowait() for _ in range(self._waiting.qsize())]

    def _tell(self, messages: Sequence[Message]) -> None:
        if self._ended:
            return
        if self._waiting.qsize() + len(messages) > MOST_AT_ONCE or RESYNC in messages:
            self._rest()  # reading again shows what these speak of, too
            messages = [RESYNC]
        for message in messages:
            self._waiting.put_nowait(message)

    @property
    def has_begun(self) -> bool:
        """Whether it misses nothing any more."""
        return self._begun.is_set()

    def _begin(self) -> None:
        """From here on nothing is missed."""
        if not self._begun.is_set() and self._late:
            self._tell([RESYNC])
        self._begun.set()

    async def _until_begun(self) -> None:
        try:
            await asyncio.wait_for(self._begun.wait(), _PATIENCE_SECONDS)
        except TimeoutError:  # the database is away
            self._late = True

    def _end(self) -> None:
        self._rest()
        self._ended = True
        self._begun.set()
        self._waiting.put_nowait(_Word.END)


class _Followed:
    """An organization for as long as somebody listens to it; `window` is the reading thread's alone."""

    def __init__(self, organization_id: int) -> None:
        self.organization_id = organization_id
        self.window = Window()
        self.listeners: set[Listener] = set()
        self.begun = False
        self._to_tell: deque[tuple[Sequence[Message], list[Listener]]] = deque()

    def tell(self, messages: Sequence[Message]) -> None:
        """Hands on what one look has found, nothing too, in the order of looks."""
        self.begun = True
        listeners = [listener for listener in self.listeners if messages or not listener.has_begun]
        if listeners:
            self._to_tell.append((messages, listeners))
            if len(self._to_tell) == 1:
                self._tell_some()

    def _tell_some(self) -> None:
        """Some listeners at a time: between them the event loop answers requests."""
        messages, listeners = self._to_tell[0]
        for listener in listeners[:_TOLD_TOGETHER]:
            listener._begin()
            listener._tell(messages)
        del listeners[:_TOLD_TOGETHER]
        if not listeners:
            self._to_tell.popleft()
        if self._to_tell:
            asyncio.get_running_loop().call_soon(self._tell_some)


class Feed:
    """The events of a database, to those who listen in this process.

    While the database is away listeners stay, and are told of what they missed when it is back.
    """

    def __init__(
        self, database: Database, *, seconds: float = POLL_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database, self._seconds, self._clock = database, seconds, clock
        self._followed: dict[int, _Followed] = {}
        self._wanted: tuple[_Followed, ...] = ()  # what the reading thread sees of them
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = threading.Event()
        self._closed = False
        self._away = False
        self._thread = threading.Thread(target=self._run, name="onefold-feed", daemon=True)

    def start(self) -> None:
        """Begins to read; to be called on the event loop that listeners will live on."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def close(self) -> None:
        """Ends every listener, and whoever comes later at once. May be called by any thread, and by a signal handler.

        A signal handler interrupts the event loop anywhere: nothing here may wait for a lock.
        """
        self._on_loop(self._end_all)

    def stop(self) -> None:
        """Ends the listeners and the reading; to be called on the event loop."""
        self._end_all()
        if self._thread.is_alive():
            self._thread.join(timeout=1.0)  # a look that hangs dies with the process

    @asynccontextmanager
    async def listen(self, organization_id: int) -> AsyncIterator[Listener]:
        """A listener that misses nothing from now on.

        Where the database is away it begins later, and is told RESYNC first.
        """
        listener = Listener()
        followed = self._join(organization_id, listener)
        try:
            await listener._until_begun()
            yield listener
        finally:
            self._leave(followed, listener)

    # On the event loop ------------------------------------------------------------------------------------------------

    def _join(self, organization_id: int, listener: Listener) -> _Followed:
        followed = self._followed.setdefault(organization_id, _Followed(organization_id))
        followed.listeners.add(listener)
        if self._closed:
            listener._end()
        elif followed.begun:
            listener._begin()
        elif followed not in self._wanted:
            self._wanted = tuple(self._followed.values())
            self._wake.set()
        return followed

    def _leave(self, followed: _Followed, listener: Listener) -> None:
        followed.listeners.discard(listener)
        if not followed.listeners and self._followed.get(followed.organization_id) is followed:
            del self._followed[followed.organization_id]  # whoever comes next begins anew
            self._wanted = tuple(self._followed.values())

    def _end_all(self) -> None:
        self._closed = True
        self._wake.set()
        for followed in self._followed.values():
            for listener in followed.listeners:
                listener._end()

    # In the reading thread --------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closed:
            self._wake.clear()
            self._look_at_all()
            self._wake.wait(self._seconds)

    def _look_at_all(self) -> None:
        for followed in self._wanted:
            try:
                messages = self._look(followed)
                self._away = False
            except Unavailable as refusal:
                if not self._away:
                    _log.warning("feed waits", code=refusal.code)
                self._away = True
                return  # the next one would wait as long
            except Exception as error:  # one organization's must not end the others'
                _log.error("feed failed", error=type(error).__name__)
                continue
            self._on_loop(followed.tell, messages)

    def _look(self, followed: _Followed) -> list[Message]:
        window = followed.window
        with self._database.read(followed.organization_id) as unit:
            look = store.look(unit, window.after, window.limit)
            fresh = window.fresh(look)
            changes = store.changes(unit, fresh) if len(fresh) <= MOST_AT_ONCE else []
        missed = window.advance(look, self._clock())
        return [RESYNC] if missed or len(fresh) > MOST_AT_ONCE else list(changes)

    def _on_loop(self, work: Callable[..., None], *arguments: Any) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody listens any more
                self._loop.call_soon_threadsafe(work, *arguments)
