"""`onefold profile export` and `onefold profile erase`, as an admin uses them (GDPR art. 15, 17, 20)."""

from __future__ import annotations

import json
import os

import pytest

from tests.cli.test_cli import ADA, CALL, Shell, shell

__all__ = ["shell"]


@pytest.fixture
def ada(shell: Shell) -> str:
    """A customer who has written once; somebody else has called."""
    path = shell.folder / "contacts.jsonl"
    path.write_text("".join(json.dumps({**contact, "body": "Hello"}) + "\n" for contact in (ADA, CALL)))
    shell.run("ingest", str(path))
    return str(json.loads(shell.run("profile", "show", "ada@example.com").stdout)["id"])


def test_an_export_goes_to_standard_output_or_to_a_file(shell: Shell, ada: str) -> None:
    export = json.loads(shell.run("profile", "export", ada).stdout)
    assert (export["format"], export["profile"]["name"], export["complete"]) == (
        "onefold-customer-export/1",
        "Ada Lovelace",
        True,
    )
    assert [item["body"] for item in export["items"]] == ["Hello"]
    assert "1 items" in shell.run("profile", "export", ada, "--out", "ada.json").stdout
    assert json.loads((shell.folder / "ada.json").read_text())["items"] == export["items"]
    assert not (shell.folder / "ada.json.part").exists()
    assert os.name == "nt" or (shell.folder / "ada.json").stat().st_mode & 0o777 == 0o600


def test_an_erasure_asks_and_is_final(shell: Shell, ada: str) -> None:
    asked = shell.run("profile", "erase", ada, ok=False)  # nobody there to answer
    assert "Nothing brings them back." in asked.stdout
    shell.run("profile", "show", ada)
    assert f"{ada} is erased." in shell.run("profile", "erase", ada, "--yes").stdout
    assert "There is no profile with this id." in shell.run("profile", "export", ada, ok=False).stderr
    assert "There is no profile with this id." in shell.run("profile", "erase", ada, "--yes", ok=False).stderr
    assert "are intact" in shell.run("audit", "verify").stdout
