"""A database file is its owner's alone, whatever the umask, also one that was made when it was not."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from onefold.core import private_files
from onefold.database.engine import Database
from onefold.database.migrate import upgrade

pytestmark = pytest.mark.skipif(os.name == "nt", reason="files have no such rights there")


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_new_database_and_its_log_are_read_by_nobody_else(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        database = Database(f"sqlite:///{tmp_path}/onefold.db")
        upgrade(database)
        with database.read(1):
            found = modes(tmp_path)
    finally:
        os.umask(before)
    database.dispose()
    assert set(found) == {"onefold.db", "onefold.db-wal", "onefold.db-shm"}
    assert set(found.values()) == {0o600}


class Log:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, object]]] = []

    def warning(self, event: str, **facts: object) -> None:
        self.told.append((event, facts))


def test_one_that_others_could_read_is_mended_and_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log()
    monkeypatch.setattr(private_files, "_log", log)
    path = tmp_path / "onefold.db"
    path.touch()
    path.chmod(0o664)
    Database(f"sqlite:///{path}").dispose()
    assert modes(tmp_path) == {"onefold.db": 0o600}
    told = {"file": "onefold.db", "mode": "0o664", "mended": True}
    assert log.told == [("file could be read by others", told)]


def test_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(0o755)
    Database(f"sqlite:///{folder}").dispose()
    private_files.make_private(folder)
    assert modes(tmp_path) == {"folder": 0o755}


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    Database(f"sqlite:///{tmp_path}/nowhere/onefold.db").dispose()
    assert list(tmp_path.iterdir()) == []
