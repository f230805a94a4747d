"""`onefold backup` and `onefold restore`: while the service writes, of both databases, and nothing written over."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from onefold.core.errors import Conflict
from onefold.database import backup as copies
from onefold.database.engine import Database
from onefold.database.migrate import newest
from tests import postgres
from tests.cli.test_cli import Shell, shell
from tests.conftest import Base
from tests.dsl.words import receive
from tests.invariants import check_base

__all__ = ["shell"]


@pytest.mark.parametrize("make_url", ["sqlite"], indirect=True)
def test_a_copy_made_while_others_write_is_sound(base: Base, tmp_path: Path) -> None:
    for n in range(20):
        receive(base, "email", email=f"ada{n}@kite.example", body="x" * 5_000)
    stop = threading.Event()

    def write() -> None:
        n = 0
        while not stop.is_set():
            receive(base, "email", email=f"bob{n}@kite.example", body="y" * 5_000)
            n += 1

    writer = threading.Thread(target=write)
    writer.start()
    copy = tmp_path / "copy.db"
    try:
        copies.back_up(base.url, copy)
    finally:
        stop.set()
        writer.join()
    assert copies.check_copy(copy) == newest()
    assert copy.stat().st_mode & 0o077 == 0
    restored = Database(f"sqlite:///{tmp_path / 'restored.db'}")
    restored.dispose()
    Path(tmp_path / "restored.db").unlink(missing_ok=True)
    copies.restore(restored.url, copy)
    check_base(restored, base.organization_id)
    with restored.raw() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM profiles")).scalar_one() >= 20
    restored.dispose()


def test_a_lost_database_is_restored_by_the_drill(shell: Shell, tmp_path: Path) -> None:
    copy, file = tmp_path / "copies" / "one.backup", shell.folder / "onefold.db"
    copy.parent.mkdir()
    shell.run("agent", "add", "mara@kite.example", "Mara")
    done = shell.run("backup", str(copy))
    assert "whole database" in done.stdout
    assert "onefold.key" in done.stdout
    assert "there already" in shell.run("backup", str(copy), ok=False).stderr
    assert "there already" in shell.run("restore", str(copy), ok=False).stderr
    for lost in shell.folder.glob("onefold.db*"):
        lost.unlink()
    said = shell.run("restore", str(copy)).stdout
    assert "1 (Kite & Co.): the 1 entries of its audit log are intact." in said
    assert "is restored" in said
    assert "here already" in shell.run("agent", "add", "mara@kite.example", "Mara", ok=False).stderr
    assert file.stat().st_mode & 0o077 == 0
    assert [one.name for one in copy.parent.iterdir()] == [copy.name]


@pytest.mark.parametrize("how", ["cut off", "another database", "no database", "of a later version", "changed inside"])
def test_what_is_no_sound_copy_is_not_restored(shell: Shell, tmp_path: Path, how: str) -> None:
    copy = tmp_path / "x.backup"
    shell.run("backup", str(copy))
    if how == "cut off":
        copy.write_bytes(copy.read_bytes()[: copy.stat().st_size // 2])
    elif how == "no database":
        copy.write_text("x" * 10_000)
    elif how == "another database":
        copy.unlink()
        with sqlite3.connect(copy) as connection:
            connection.execute("CREATE TABLE x (y)")
    elif how == "of a later version":
        with sqlite3.connect(copy) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
    else:
        data = bytearray(copy.read_bytes())
        for at in range(4096 * 3, len(data) - 4096, 4096):
            data[at : at + 100] = b"\xff" * 100
        copy.write_bytes(bytes(data))
    url = f"sqlite:///{tmp_path / 'new.db'}"
    with pytest.raises(Conflict):
        copies.restore(url, copy)
    assert not (tmp_path / "new.db").exists()


@pytest.mark.skipif(shutil.which("pg_dump") is None, reason="NOT TESTED: there is no pg_dump here")
@pytest.mark.parametrize("make_url", ["postgresql"], indirect=True)
def test_on_postgresql_it_is_pg_dump_and_pg_restore(base: Base, postgres_server: str, tmp_path: Path) -> None:
    receive(base, "email", email="ada@kite.example", body="Hello")
    owner = sa.make_url(postgres_server).set(database=sa.make_url(base.url).database)
    with pytest.raises(Conflict, match="pg_dump failed"):
        copies.back_up(base.url, tmp_path / "refused.backup")  # its own role sees one organization at a time
    assert list(tmp_path.glob("refused*")) == []
    copies.back_up(owner.render_as_string(hide_password=False), tmp_path / "one.backup")
    new = postgres.fresh_database(postgres_server, "restored")
    into = sa.make_url(postgres_server).set(database=sa.make_url(new).database)
    copies.restore(into.render_as_string(hide_password=False), tmp_path / "one.backup")
    with Database(into.render_as_string(hide_password=False)).raw() as connection:
        assert connection.execute(sa.text("SELECT body FROM items")).scalars().all() == ["Hello"]
