"""Stored mail: `.eml` files (one message), mbox files (many), folders of `.eml` files. They are only ever read."""

from __future__ import annotations

import mailbox
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path


def messages(path: Path, after: int = 0) -> Iterator[tuple[int, bytes]]:
    """The raw messages of a file or folder, each with its position, counted from 1, without the first `after` ones.

    Positions stay the same as long as messages are only added at the end; reading can so be resumed. An mbox is taken
    as it is written: lines that its writer changed to `>From ` stay changed.
    """
    if path.is_dir():
        yield from _of_folder(path, after)
    elif _is_mbox(path):
        yield from _of_mbox(path, after)
    elif after == 0 and path.stat().st_size:
        yield 1, path.read_bytes()


def count(path: Path) -> int:
    """How many messages `messages` gives."""
    if path.is_dir():
        return len(_files(path))
    if not _is_mbox(path):
        return 1 if path.stat().st_size else 0
    with closing(mailbox.mbox(path, create=False)) as box:
        return len(box)


def _is_mbox(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(5) == b"From "


def _of_mbox(path: Path, after: int) -> Iterator[tuple[int, bytes]]:
    with closing(mailbox.mbox(path, create=False)) as box:
        for position, key in enumerate(box.keys(), 1):
            if position > after:
                yield position, box.get_bytes(key)


def _of_folder(path: Path, after: int) -> Iterator[tuple[int, bytes]]:
    for position, file in enumerate(_files(path), 1):
        if position > after:
            yield position, file.read_bytes()


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.iterdir() if file.suffix.lower() == ".eml" and file.is_file())
