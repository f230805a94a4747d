"""The command line as an admin uses it: real processes, what they print, what they leave behind."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa
from rich.console import Console
from typer.testing import CliRunner

from onefold import demo
from onefold.cli import shared as cli_shared
from onefold.cli.app import app
from onefold.contact_points.blocklist import DEFAULT_ENTRIES
from onefold.core.clock import new_id, utc_now
from onefold.database.engine import Database
from onefold.database.migrate import upgrade
from onefold.organizations.store import add_organization
from tests import corpus
from tests.races.processes import clean

ADA = {"channel": "email", "message_id": "m-1", "sender": {"email": "Ada@Example.com", "name": "Ada Lovelace"}}
CALL = {"channel": "voice", "message_id": "c-1", "sender": {"phone": "+442079460000"}}


class Shell:
    """A folder with a database, and `onefold` in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder}/onefold.db"

    def run(self, *words: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs a command that must end well, or must not, within two minutes."""
        environment = {**os.environ, "ONEFOLD_DATABASE_URL": self.url, "COLUMNS": "200", "NO_COLOR": "1"}
        out, errors = self.folder / ".stdout", self.folder / ".stderr"
        process = clean.Process(target=_onefold, args=(words, self.folder, environment, out, errors))
        process.start()
        process.join(120)
        process.kill()
        process.join(10)
        done = subprocess.CompletedProcess(words, process.exitcode or 0, out.read_text(), errors.read_text())
        assert (done.returncode == 0) is ok, done.stdout + done.stderr
        assert done.returncode >= 0, "it did not end by itself"
        assert "Traceback" not in done.stderr
        return done


def _onefold(words: Sequence[str], folder: Path, environment: dict[str, str], out: Path, errors: Path) -> None:
    """`onefold` in a process forked from one that has imported it already, which takes longer than most commands."""
    for path, descriptor in ((out, 1), (errors, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for console in (cli_shared.out, cli_shared.err):  # made before, with the environment of that time
        console.width, console.no_color = 200, True
    app(words, prog_name="onefold")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A database with one organization."""
    shell = Shell(tmp_path)
    database = Database(shell.url)
    upgrade(database)
    add_organization(database, "Kite & Co.", "GB", new_id(), "General", DEFAULT_ENTRIES, utc_now())
    database.dispose()
    return shell


def test_every_step_says_what_comes_before_it(tmp_path: Path) -> None:
    made = ("key", "create", "x", "--scope", "profiles:read")
    shell = Shell(tmp_path)
    assert "Run: onefold db upgrade" in shell.run(*made, ok=False).stderr
    shell.run("db", "upgrade")
    assert "at schema" in shell.run("db", "upgrade").stdout
    assert "Run: onefold organization add" in shell.run(*made, ok=False).stderr
    shell.run("organization", "add", "One")
    shell.run("organization", "add", "Two")
    assert "1 (One), 2 (Two)" in shell.run(*made, ok=False).stderr
    assert shell.run(*made, "--organization", "2").stdout.startswith("ofk_2_")


def test_a_key_alone_goes_to_standard_output(shell: Shell) -> None:
    made = shell.run("key", "create", "gateway", "--scope", "contacts:write", "--days", "30")
    assert made.stdout.startswith("ofk_1_")
    assert made.stdout.count("\n") == 1
    assert "shown once" in made.stderr
    assert "Missing option '--scope'" in shell.run("key", "create", "x", ok=False).stderr
    assert "scopes are some of" in shell.run("key", "create", "x", "--scope", "everything", ok=False).stderr


def test_an_agent_is_added_once(shell: Shell) -> None:
    assert "is here" in shell.run("agent", "add", "mara@kite.example", "Mara Lindt", "--role", "lead").stdout
    assert "here already" in shell.run("agent", "add", "MARA@kite.example", "Mara", ok=False).stderr
    assert "agent, lead or admin" in shell.run("agent", "add", "x@kite.example", "X", "--role", "boss", ok=False).stderr


def test_lines_are_ingested_and_refused_ones_kept_with_the_reason__RES_12(shell: Shell) -> None:
    lines = [
        json.dumps(ADA),
        json.dumps(CALL),
        json.dumps(ADA),
        "not json",
        json.dumps({**ADA, "message_id": "m-2", "chanel": 1}),
        json.dumps({**CALL, "message_id": "c-2", "sender": {"phone": "12"}}),
        "",
        json.dumps({**ADA, "message_id": "a\x00b"}),
        '{"channel":"email","message_id":"m","sender":{"name":"\\ud800"}}',
        "[" * 100_000,
    ]
    (shell.folder / "day.jsonl").write_text("\n".join(lines) + "\n")
    done = shell.run("ingest", "day.jsonl")
    counted = {line.split()[0]: line.split()[1] for line in done.stdout.splitlines() if len(line.split()) == 2}
    assert counted == {
        "outcome": "contacts",
        "created": "4",
        "opened": "0",
        "set_aside": "0",
        "repeated": "1",
        "refused": "4",
    }
    refused = [json.loads(line) for line in (shell.folder / "refused.jsonl").read_text().splitlines()]
    assert [(r["entry"], r["code"]) for r in refused] == [
        (4, "malformed_json"),
        (5, "invalid_request"),
        (8, "text_not_storable"),
        (10, "invalid_request"),
    ]
    assert refused[0]["line"] == "not json"
    assert os.name == "nt" or (shell.folder / "refused.jsonl").stat().st_mode & 0o777 == 0o600
    assert "Ada@Example.com" not in refused[1]["reason"]


def test_the_same_file_twice_adds_nothing__RES_12(shell: Shell) -> None:
    (shell.folder / "day.jsonl").write_text(json.dumps(ADA) + "\n")
    shell.run("ingest", "day.jsonl")
    assert "brought in before" in shell.run("ingest", "day.jsonl").stdout
    assert "repeated 1" in " ".join(shell.run("ingest", "day.jsonl", "--restart").stdout.split())


def test_mail_is_ingested_from_an_mbox_and_from_files__RES_2_RES_3(shell: Shell) -> None:
    mails = corpus.mails(150)
    corpus.write_mbox(shell.folder / "mail.mbox", [mail.raw for mail in mails])
    folder = shell.folder / "single"
    folder.mkdir()
    for number, mail in enumerate(corpus.mails(20, seed=9)):
        (folder / f"{number}.eml").write_bytes(mail.raw)
    shell.run("ingest", "mail.mbox", "single", "--inbox", "General")
    database = Database(shell.url)
    with database.read(1) as unit:
        assert unit.one("SELECT count(*) FROM items", ()) is not None
    database.dispose()
    assert not (shell.folder / "refused.jsonl").exists()
    assert "no such inbox" in shell.run("ingest", "mail.mbox", "--inbox", "Nowhere", ok=False).stderr


def test_a_profile_is_shown_by_id_or_by_what_one_knows_of_it__MRG_1(shell: Shell) -> None:
    (shell.folder / "day.jsonl").write_text(json.dumps(ADA) + "\n" + json.dumps(CALL) + "\n")
    shell.run("ingest", "day.jsonl")
    profile = json.loads(shell.run("profile", "show", "lovel").stdout)
    assert profile["name"] == "Ada Lovelace"
    assert json.loads(shell.run("profile", "show", profile["id"]).stdout) == profile
    assert json.loads(shell.run("profile", "show", "020 7946").stdout)["contact_points"][0]["value"] == "+442079460000"
    assert "No profile" in shell.run("profile", "show", "nobody", ok=False).stderr


def test_several_processes_need_postgresql(shell: Shell) -> None:
    assert "need PostgreSQL" in shell.run("serve", "--workers", "2", ok=False).stderr


def test_a_demo_that_is_interrupted_while_it_fills_leaves_no_part_of_a_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(demo, "_assign_some", interrupt)
        with pytest.raises(KeyboardInterrupt):
            demo.prepare(tmp_path / "demo.db", 10, Console(quiet=True))
    assert list(tmp_path.iterdir()) == []
    assert demo.prepare(tmp_path / "demo.db", 10, Console(quiet=True)).profiles > 0
    assert [path.name for path in tmp_path.iterdir()] == ["demo.db"]


def test_a_demo_in_a_folder_of_another_account_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda _, mode: mode != os.W_OK)  # root may write everywhere
    monkeypatch.chdir(tmp_path)
    (tmp_path / "var").mkdir()
    outcome = CliRunner().invoke(app, ["demo", "--no-serve"])
    assert outcome.exit_code == 2
    assert "is not writable" in outcome.stderr


def test_the_demo_fills_a_believable_base_once(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    first = shell.run("demo", "--no-serve", "--folder", "var", "--customers", "150").stdout
    assert "Filling" in first
    assert "curl" in first
    second = shell.run("demo", "--no-serve", "--folder", "var").stdout
    assert "Filling" not in second
    database = Database(f"sqlite:///{tmp_path}/var/demo.db")
    upgrade(database)
    with database.read(1) as unit:
        unit.allow_whole_base()
        channels = {row.channel for row in unit.execute(sa.text("SELECT DISTINCT channel FROM items"))}
        suggested = unit.one("SELECT count(*) FROM suggestions", ())
    database.dispose()
    assert channels >= {"email", "voice", "sms", "whatsapp", "social", "chat"}
    assert suggested is not None
    assert suggested[0] > 0
