"""Stored mail as a stream that can be taken up again."""

from __future__ import annotations

from pathlib import Path

import pytest

from onefold.channels.email import contact_of_email
from onefold.channels.mailbox import count, messages
from tests.corpus import mails, mbox_messages, write_mbox


def test_an_mbox_gives_every_message_in_order__RES_12(tmp_path: Path) -> None:
    path = tmp_path / "mail.mbox"
    write_mbox(path, mbox_messages(60))
    read = list(messages(path))
    assert [position for position, _ in read] == list(range(1, 61))
    assert [contact_of_email(raw).message_id for _, raw in read] == [mail.message_id for mail in mails(60)]
    assert count(path) == 60


@pytest.mark.parametrize("after", [0, 1, 59, 60, 61])
def test_reading_is_taken_up_after_what_was_read(tmp_path: Path, after: int) -> None:
    path = tmp_path / "mail.mbox"
    write_mbox(path, mbox_messages(60))
    assert list(messages(path, after)) == list(messages(path))[after:]


def test_an_eml_file_is_one_message(tmp_path: Path) -> None:
    path = tmp_path / "one.eml"
    path.write_bytes(b"From: a@x.com\r\n\r\nFrom here\r\n")
    assert list(messages(path)) == [(1, b"From: a@x.com\r\n\r\nFrom here\r\n")]
    assert list(messages(path, 1)) == []
    assert count(path) == 1


def test_a_folder_gives_its_eml_files_by_name(tmp_path: Path) -> None:
    for name in ("b.eml", "a.EML", "c.txt"):
        (tmp_path / name).write_bytes(name.encode())
    assert list(messages(tmp_path)) == [(1, b"a.EML"), (2, b"b.eml")]
    assert list(messages(tmp_path, 1)) == [(2, b"b.eml")]
    assert count(tmp_path) == 2


def test_an_empty_file_holds_no_message(tmp_path: Path) -> None:
    path = tmp_path / "empty.mbox"
    path.touch()
    assert list(messages(path)) == []
    assert count(path) == 0


def test_quoted_lines_stay_as_the_mbox_has_them(tmp_path: Path) -> None:
    path = tmp_path / "mail.mbox"
    write_mbox(path, [b"Subject: x\n\nFrom here\n"])
    assert [raw for _, raw in messages(path)] == [b"Subject: x\n\n>From here\n"]


def test_reading_changes_and_makes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "mail.mbox"
    write_mbox(path, mbox_messages(5))
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    path.chmod(0o400)
    assert len(list(messages(path))) == count(path) == 5
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_file_is_not_made(tmp_path: Path) -> None:
    for read in (lambda path: list(messages(path)), count):
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "missing.mbox")
    assert list(tmp_path.iterdir()) == []


def test_the_same_seed_gives_the_same_mail() -> None:
    assert mbox_messages(50, seed=3) == mbox_messages(50, seed=3) != mbox_messages(50, seed=4)
