"""Group commit: requests that arrive together share a transaction, each with its own answer and its own error."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from onefold.core.errors import DomainError, TooMany
from onefold.receiving.contact import Answer, Contact
from onefold.receiving.service import Receiver

_MOST_WAITING = 20_000


class _Waiting(NamedTuple):
    contact: Contact
    answered: asyncio.Future[Answer | DomainError]


class GroupCommit:
    """Hands waiting contacts to the receiver, up to `largest` a transaction and `workers` transactions at a time.

    While transactions are under way contacts gather; the more arrive, the larger the groups: there is no waiting time
    to set. Belongs to one event loop.
    """

    def __init__(self, receiver: Receiver, *, workers: int, largest: int) -> None:
        self._receiver = receiver
        self._workers = workers
        self._largest = largest
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="group-commit")
        self._waiting: dict[int, deque[_Waiting]] = {}
        self._count = 0
        self._busy = 0

    async def receive(self, organization_id: int, contact: Contact) -> Answer | DomainError:
        """The contact's answer, after the commit; raises Unavailable, or TooMany where too many wait already."""
        if self._count >= _MOST_WAITING:
            raise TooMany("Too many contacts are waiting; send this one again in a moment.")
        answered: asyncio.Future[Answer | DomainError] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(organization_id, deque()).append(_Waiting(contact, answered))
        self._count += 1
        if self._busy < self._workers:
            self._begin()
        return await answered

    async def receive_many(self, organization_id: int, contacts: Sequence[Contact]) -> list[Answer | DomainError]:
        """A batch's answers, in one transaction of its own."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._receiver.receive, organization_id, contacts)

    def _begin(self) -> None:
        organization_id = next(iter(self._waiting))
        waiting = self._waiting.pop(organization_id)
        group = [waiting.popleft() for _ in range(min(self._largest, len(waiting)))]
        if waiting:
            self._waiting[organization_id] = waiting  # behind the other organizations'
        self._count -= len(group)
        self._busy += 1
        task = asyncio.get_running_loop().run_in_executor(
            self._threads, self._receiver.receive, organization_id, [w.contact for w in group]
        )
        task.add_done_callback(lambda done: self._finish(group, done))

    def _finish(self, group: list[_Waiting], done: asyncio.Future[list[Answer | DomainError]]) -> None:
        self._busy -= 1
        error = done.exception()
        for number, waiting in enumerate(group):
            if waiting.answered.done():  # its client has gone
                continue
            if error is None:
                waiting.answered.set_result(done.result()[number])
            else:
                waiting.answered.set_exception(error)
        if self._waiting:
            self._begin()

    def close(self) -> None:
        """Waits for what is under way."""
        self._threads.shutdown(wait=True)
