"""Processes of their own, and what they answer.

They are real processes, forked from a clean one (Python's `forkserver`) that has imported the code and opened nothing,
so that sixty-four of them stand at the starting line within a second or two. Nobody waits for one of them for ever.
"""

from __future__ import annotations

import multiprocessing
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

_LONGEST_SECONDS = 600.0

clean = multiprocessing.get_context("forkserver")
"""Makes processes that are forked from the clean one."""
clean.set_forkserver_preload(["pytest", "onefold.cli.app", "tests.conftest", "tests.races.workers"])


class Job(NamedTuple):
    """A function of a module and its arguments, for one worker process."""

    work: Callable[..., Any]
    arguments: tuple[Any, ...]


def at_once(jobs: Sequence[Job]) -> list[Any]:
    """Runs each job in a process of its own, all let go at the same instant; returns what they return, in order.

    A job that fails, or is not done within ten minutes, fails the test.
    """
    line = clean.Barrier(len(jobs))
    workers = []
    for job in jobs:
        ours, theirs = clean.Pipe(duplex=False)
        process = clean.Process(target=_run, args=(job, line, theirs), daemon=True)
        process.start()
        theirs.close()
        workers.append((process, ours))
    end = time.monotonic() + _LONGEST_SECONDS
    try:
        outcomes = [received(ours, end - time.monotonic()) for _, ours in workers]
    finally:
        end = time.monotonic() + 10
        for process, ours in workers:
            ours.close()
            process.join(max(0, end - time.monotonic()))
            process.kill()
    failures = Counter(text for done, text in outcomes if not done)
    assert not failures, "\n".join(f"{number} workers:\n{text}" for text, number in failures.items())
    return [value for _, value in outcomes]


def received(pipe: Any, seconds: float) -> tuple[bool, Any]:
    """What a process answers within so many seconds: whether it has done it, and what came of it or what went wrong."""
    if not pipe.poll(max(0, seconds)):
        return False, "The worker did not answer in time."
    try:
        reply: tuple[bool, Any] = pipe.recv()
    except EOFError:
        return False, "The worker died without a word."
    return reply


def answer(pipe: Any, job: Job) -> None:
    """Does a job and answers with what came of it, for `received`."""
    try:
        outcome = (True, job.work(*job.arguments))
    except BaseException:
        outcome = (False, traceback.format_exc())
    pipe.send(outcome)


def _run(job: Job, line: Any, pipe: Any) -> None:
    answer(pipe, Job(_at_the_line, (job, line)))
    pipe.close()


def _at_the_line(job: Job, line: Any) -> Any:
    line.wait(60)
    return job.work(*job.arguments)
