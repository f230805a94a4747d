"""Heads of the audit log that are kept elsewhere: what a log without its newest entries cannot hide (MRG-14)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from onefold.audit import service as audit
from onefold.audit.heads import Head, read_heads, read_private_key, read_public_key
from onefold.core.clock import utc_now
from onefold.core.errors import InvalidValue
from onefold.database.engine import Database, Unstorable
from onefold.jobs.audit_heads import HeadPublisher
from tests.audit.test_audit import tamper
from tests.cli.test_cli import Shell
from tests.conftest import Base
from tests.dsl.words import COMMAND, do


def append(base: Base, times: int = 1) -> None:
    for _ in range(times):
        do(base, lambda unit: audit.record(unit, COMMAND, "inbox.added", details={"inbox_id": "x", "name": "VIP"}))


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """A key that signs, and the one that checks, as files."""
    key = Ed25519PrivateKey.generate()
    private, public = tmp_path / "heads.key", tmp_path / "heads.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


def test_each_organizations_head_is_told_and_appended__MRG_14(base: Base, tmp_path: Path) -> None:
    heads = tmp_path / "heads.jsonl"
    publisher = HeadPublisher(base.database, str(heads))
    publisher.publish()
    assert not heads.exists()  # nothing is in the log yet
    append(base, 2)
    publisher.publish()
    append(base)
    publisher.publish()
    kept = read_heads(heads.read_text().splitlines(), None)
    assert [(head.organization_id, head.seq, head.signature) for head in kept] == [(1, 2, ""), (1, 3, "")]
    assert heads.stat().st_mode & 0o077 == 0


def test_heads_of_a_file_find_what_the_log_alone_hides__MRG_14(base: Base, tmp_path: Path) -> None:
    heads = tmp_path / "heads.jsonl"
    append(base, 3)
    HeadPublisher(base.database, str(heads)).publish()
    anchors = {head.seq: head.hash for head in read_heads(heads.read_text().splitlines(), None)}
    append(base)

    def wrong() -> tuple[str | None, str | None]:
        with base.database.read(base.organization_id) as unit:
            return audit.verify(unit).wrong, audit.verify(unit, anchors).wrong

    assert wrong() == (None, None)
    tamper(base, "DELETE FROM audit WHERE seq > 2")
    assert wrong() == (None, "cut_off")
    append(base, 2)
    assert wrong() == (None, "rewritten")


def test_a_signed_head_cannot_be_made_up__MRG_14(base: Base, tmp_path: Path, keys: tuple[Path, Path]) -> None:
    heads, (private, public) = tmp_path / "heads.jsonl", keys
    append(base)
    HeadPublisher(base.database, str(heads), str(private)).publish()
    key = read_public_key(public.read_bytes())
    (line,) = heads.read_text().splitlines()
    assert read_heads([line], key)
    for forged in (
        {**json.loads(line), "hash": "0" * 64},
        {**json.loads(line), "seq": 7},
        {**json.loads(line), "organization_id": 2},
        {**json.loads(line), "at": "2020-01-01T00:00:00+00:00"},
        {**json.loads(line), "signature": ""},
        {**json.loads(line), "signature": "not Base64"},
    ):
        with pytest.raises(InvalidValue, match="line 2 is not signed"):
            read_heads([line, json.dumps(forged)], key)
    other = Ed25519PrivateKey.generate().public_key()
    with pytest.raises(InvalidValue, match="line 1 is not signed"):
        read_heads([line], other)


@pytest.mark.parametrize("line", ["x", "[]", "{}", '{"organization_id": 1}', "null", '{"seq": "a"}'])
def test_a_line_that_is_no_head_is_named(line: str) -> None:
    good = Head(1, 1, "0" * 64, utc_now()).as_line()
    with pytest.raises(InvalidValue, match="Line 3 is no head"):
        read_heads([good, "", line], None)


@pytest.mark.parametrize("read", [read_private_key, read_public_key])
@pytest.mark.parametrize("pem", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_key_that_is_none_is_refused(read: object, pem: bytes) -> None:
    with pytest.raises(InvalidValue, match="This is no Ed25519"):
        read(pem)  # type: ignore[operator]


def test_the_command_checks_against_a_file__MRG_14(shell: Shell, tmp_path: Path, keys: tuple[Path, Path]) -> None:
    heads, (private, public) = tmp_path / "heads.jsonl", keys
    shell.run("agent", "add", "mara@kite.example", "Mara")
    database = Database(shell.url)
    HeadPublisher(database, str(heads), str(private)).publish()
    since = ("audit", "verify", "--since", str(heads))
    assert "after entry 1 were all deleted" in shell.run(*since, "--public-key", str(public)).stdout
    assert "What this cannot tell" in shell.run("audit", "verify").stdout
    assert "give it with --since" in shell.run("audit", "verify", "--public-key", str(public), ok=False).stderr

    with database.raw() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_no_delete")
        connection.exec_driver_sql("DELETE FROM audit")
        connection.commit()
    assert "are intact" in shell.run("audit", "verify").stdout
    assert "the log was cut off" in shell.run(*since, ok=False).stderr
    heads.write_text(heads.read_text().replace('"organization_id": 1', '"organization_id": 2'))
    assert "no head of this organization" in shell.run(*since, ok=False).stderr
    assert "is not signed by this key" in shell.run(*since, "--public-key", str(public), ok=False).stderr
    database.dispose()


def test_no_statement_replaces_an_entry__MRG_14(base: Base) -> None:
    if not base.database.is_sqlite:
        pytest.skip("SQLite's own statement")
    append(base, 2)
    columns = "organization_id, seq, at, action, origin, details, hash"
    values = "1, 1, '2020-01-01 00:00:00+00:00', 'x', 'x', '{}', 'x'"
    with pytest.raises(Unstorable), base.database.raw() as connection:
        connection.exec_driver_sql(f"INSERT OR REPLACE INTO audit ({columns}) VALUES ({values})")
    with base.database.read(base.organization_id) as unit:
        assert audit.verify(unit).wrong is None
