"""`onefold audit verify`, as an admin or a nightly job runs it (MRG-14)."""

from __future__ import annotations

import re
import sqlite3

import pytest

from onefold.audit import service as audit
from onefold.core.actor import Actor
from onefold.core.clock import new_id
from onefold.database.engine import Database
from onefold.database.transactions import run_in_transaction
from tests.cli.test_cli import Shell, shell

__all__ = ["shell"]
ADA = new_id()


def append(shell: Shell, times: int) -> None:
    database = Database(shell.url)
    for _ in range(times):
        run_in_transaction(
            database,
            1,
            lambda unit: audit.record(
                unit,
                Actor(None, None, "command line"),
                "profile.merged",
                profile_id=ADA,
                details={},
                before={"name": "A"},
            ),
        )
    database.dispose()


def tamper(shell: Shell, *statements: str) -> None:
    """With the file in hand, and every right on it."""
    connection = sqlite3.connect(shell.folder / "onefold.db")
    for statement in ("DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete", *statements):
        connection.execute(statement)
    connection.commit()
    connection.close()


def anchor(shell: Shell) -> str:
    """What `verify` prints to be kept."""
    match = re.search(r"^\d+:[0-9a-f]{64}$", shell.run("audit", "verify").stdout, re.MULTILINE)
    assert match is not None
    return match[0]


def test_a_log_that_is_intact_is_said_to_be_and_gives_an_anchor__MRG_14(shell: Shell) -> None:
    assert "The 0 entries of the audit log are intact." in shell.run("audit", "verify").stdout
    append(shell, 3)
    assert "The 3 entries of the audit log are intact." in shell.run("audit", "verify").stdout
    known_anchor = anchor(shell)
    append(shell, 2)
    assert "The 5 entries" in shell.run("audit", "verify", "--organization", "1", "--anchor", known_anchor).stdout


def test_records_that_an_erasure_took_away_are_counted__MRG_14(shell: Shell) -> None:
    append(shell, 2)
    database = Database(shell.url)
    run_in_transaction(database, 1, lambda unit: audit.erase_records(unit, [ADA]))
    database.dispose()
    assert "2 personal records were taken away by erasures" in shell.run("audit", "verify").stdout


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE audit SET origin = 'x' WHERE seq = 2", "Entry 2 is not what was written"),
        ("DELETE FROM audit WHERE seq = 2", "Entry 2 is missing."),
        (
            "UPDATE audit_records SET record = '{}' WHERE seq = 2",
            "What entry 2 keeps of before is not what was written.",
        ),
        ("DELETE FROM audit WHERE seq > 1", "Entry 2 and what came after it are missing"),
    ],
)
def test_tampering_is_told_and_the_exit_code_is_1__MRG_14(shell: Shell, statement: str, said: str) -> None:
    append(shell, 3)
    tamper(shell, statement)
    done = shell.run("audit", "verify", ok=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert "Intact before it: 1 entries." in done.stderr


def test_an_anchor_finds_what_the_log_alone_cannot_tell__MRG_14(shell: Shell) -> None:
    append(shell, 3)
    known_anchor = anchor(shell)
    tamper(shell, "DELETE FROM audit WHERE seq = 3", "DELETE FROM audit_records WHERE seq = 3")
    assert "intact" in shell.run("audit", "verify").stdout
    assert "the log was cut off" in shell.run("audit", "verify", "--anchor", known_anchor, ok=False).stderr
    append(shell, 2)
    assert "the log was written anew" in shell.run("audit", "verify", "--anchor", known_anchor, ok=False).stderr


def test_an_anchor_that_is_none_is_refused(shell: Shell) -> None:
    assert "The anchor is SEQ:HASH" in shell.run("audit", "verify", "--anchor", "3", ok=False).stderr
