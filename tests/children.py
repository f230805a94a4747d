"""Programs that a test starts and speaks with, line by line: none outlives its test, nobody waits for one for ever."""

from __future__ import annotations

import select
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_PATIENCE_SECONDS = 60


class Child:
    """A running program that says one line when it is told one, and flushes it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def says(self) -> str:
        """Its next line; without one within a minute the test fails. Nothing, if it has ended."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], _PATIENCE_SECONDS)
        assert ready, f"{self._process.args!r:.200} said nothing for {_PATIENCE_SECONDS} seconds"
        return self._process.stdout.readline().strip()

    def tell(self, line: str) -> None:
        """Writes a line to it."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def end(self) -> tuple[int, str]:
        """Tells it that nothing more comes; how it ended, and its errors. It has a minute to end in."""
        _, errors = self._process.communicate(timeout=_PATIENCE_SECONDS)
        return self._process.returncode, errors


@contextmanager
def child(
    command: Sequence[str], *, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[Child]:
    """The program, running; killed at the end if it still runs."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield Child(process)
    finally:
        process.kill()
        process.communicate(timeout=_PATIENCE_SECONDS)
