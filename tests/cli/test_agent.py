"""`onefold agent`, as an admin uses it to let in whoever cannot get in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyotp
import pytest

from onefold.accounts import service as accounts
from onefold.accounts import signing_in
from onefold.accounts.signing_in import SecondFactorNeeded, SignedIn
from onefold.audit import service as audit
from onefold.core.clock import utc_now
from onefold.database.engine import Database
from onefold.database.transactions import run_in_transaction
from tests.cli.test_cli import Shell, shell
from tests.dsl.words import COMMAND

__all__ = ["shell"]
MARA = "mara@kite.example"


@pytest.fixture
def database(shell: Shell) -> Database:
    """The shell's database, with an agent in it."""
    database = Database(shell.url)
    run_in_transaction(
        database, 1, lambda unit: accounts.add_agent(unit, MARA, "Mara", "lead", COMMAND, "correct horse battery")
    )
    return database


def typed(folder: Path, url: str, text: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, with this on its standard input."""
    environment = {**os.environ, "ONEFOLD_DATABASE_URL": url, "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "onefold", *words],
        cwd=folder,
        env=environment,
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_link_alone_goes_to_standard_output_and_signs_in(
    shell: Shell, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = shell.run("agent", "link", "Mara@Kite.example", "--minutes", "5")
    assert plain.stdout.startswith("/sign-in/link?token=oft_1_")
    assert plain.stdout.count("\n") == 1
    assert "Good once, for 5 minutes" in plain.stderr
    monkeypatch.setenv("ONEFOLD_PUBLIC_URL", "https://onefold.example/")
    address, _, token = shell.run("agent", "link", MARA).stdout.strip().partition("?token=")
    assert address == "https://onefold.example/sign-in/link"
    assert isinstance(run_in_transaction(database, 1, lambda unit: signing_in.use_link(unit, token, "test")), SignedIn)
    with database.read(1) as unit:
        assert {entry.actor for entry in audit.page(unit) if entry.action == "agent.link_made"} == {COMMAND}
    assert "no agent with this email" in shell.run("agent", "link", "nobody@kite.example", ok=False).stderr


def test_a_password_is_set_from_standard_input(shell: Shell, database: Database) -> None:
    done = typed(shell.folder, shell.url, "a new long password\n", "agent", "password", MARA)
    assert (done.returncode, "signed out everywhere" in done.stdout) == (0, True)
    assert "a new long password" not in done.stdout + done.stderr
    assert isinstance(
        run_in_transaction(database, 1, lambda unit: signing_in.sign_in(unit, MARA, "a new long password", "test")),
        SignedIn,
    )
    refused = typed(shell.folder, shell.url, "short\n", "agent", "password", MARA)
    assert (refused.returncode, "12 to 500 characters" in refused.stderr) == (1, True)


def test_the_second_factor_of_who_has_lost_it_is_turned_off(shell: Shell, database: Database) -> None:
    with database.read(1) as unit:
        agent_id = accounts.store.list_agents(unit)[0].id
    secret = pyotp.random_base32()
    code = pyotp.TOTP(secret).at(utc_now())
    run_in_transaction(
        database, 1, lambda unit: signing_in.turn_on_second_factor(unit, agent_id, secret, code, COMMAND)
    )
    assert "has a second factor" in shell.run("agent", "second-factor", MARA).stdout
    entered = run_in_transaction(
        database, 1, lambda unit: signing_in.sign_in(unit, MARA, "correct horse battery", "test")
    )
    assert isinstance(entered, SecondFactorNeeded)
    assert "is off" in shell.run("agent", "second-factor", MARA, "--off").stdout
    entered = run_in_transaction(
        database, 1, lambda unit: signing_in.sign_in(unit, MARA, "correct horse battery", "test")
    )
    assert isinstance(entered, SignedIn)
