"""Secrets that the database keeps are sealed by a key that it does not have (ASVS 5.0 V11, V13.3)."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest

from onefold.accounts import service as accounts
from onefold.accounts import signing_in
from onefold.accounts.signing_in import SecondFactorNeeded
from onefold.core.clock import utc_now
from onefold.core.errors import Conflict
from onefold.core.process_settings import Settings
from onefold.core.secrets import SecretBox, box_of, is_sealed
from onefold.database.engine import Database
from onefold.jobs.worker import seal_stored_secrets
from onefold.webhooks import endpoint_store
from onefold.webhooks import service as webhooks
from onefold.wiring import key_file_of
from tests.cli.test_cli import Shell, shell
from tests.conftest import Base
from tests.dsl.words import COMMAND, do, rows

__all__ = ["shell"]
PASSWORD = "correct horse battery"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """Where a key file is, once it is asked for."""
    return tmp_path / "onefold.key"


def with_key(base: Base, key: Path) -> Base:
    """The same base, looked at by a process that has the key."""
    return base._replace(database=Database(base.url, secrets=box_of(key)))


def stored(base: Base) -> list[str]:
    """The secrets as they stand in the database."""
    factors = rows(base, "SELECT totp_secret FROM agents WHERE totp_secret IS NOT NULL")
    signing = rows(base, "SELECT secret, previous_secret FROM webhook_endpoints")
    return [text for row in (*factors, *signing) for text in row if text]


def mara(base: Base) -> tuple[str, str]:
    """An agent with a second factor: the id and the secret."""
    agent = do(base, lambda unit: accounts.add_agent(unit, "mara@kite.example", "Mara", "lead", COMMAND, PASSWORD))
    secret = pyotp.random_base32()
    code = pyotp.TOTP(secret).at(utc_now())
    do(base, lambda unit: signing_in.turn_on_second_factor(unit, agent.id, secret, code, COMMAND))
    return agent.id, secret


def signs_in(base: Base, secret: str) -> str:
    """By password and the next code; the session's token."""
    ticket = do(base, lambda unit: signing_in.sign_in(unit, "mara@kite.example", PASSWORD, "test"))
    assert isinstance(ticket, SecondFactorNeeded)
    code = pyotp.TOTP(secret).at(utc_now() + timedelta(seconds=30))
    return do(base, lambda unit: signing_in.second_factor(unit, ticket.ticket, code, "test")).token


def test_second_factors_and_webhooks_secrets_are_stored_sealed(base: Base, key: Path) -> None:
    served = with_key(base, key)
    _, secret = mara(served)
    made = do(served, lambda unit: webhooks.create(unit, "https://127.0.0.1/", COMMAND), exclusive=True)
    again = do(served, lambda unit: webhooks.rotate(unit, made.id, COMMAND))
    assert all(is_sealed(one) for one in stored(base))
    assert not any(one in str(stored(base)) for one in (secret, made.secret, again.secret))
    read = do(served, lambda unit: endpoint_store.read_endpoint(unit, made.id))
    assert (read.secret, read.previous_secret) == (again.secret, made.secret)
    assert signs_in(served, secret)
    served.database.dispose()


def test_what_was_stored_before_there_was_a_key_is_sealed_and_goes_on(base: Base, key: Path) -> None:
    _, secret = mara(base)
    made = do(base, lambda unit: webhooks.create(unit, "https://127.0.0.1/", COMMAND), exclusive=True)
    do(base, lambda unit: webhooks.rotate(unit, made.id, COMMAND))
    assert secret in stored(base)
    seal_stored_secrets(base.database)  # which has no key
    assert secret in stored(base)
    served = with_key(base, key)
    seal_stored_secrets(served.database)
    assert all(is_sealed(one) for one in stored(base))
    assert len(stored(base)) == 3
    assert signs_in(served, secret)
    read = do(served, lambda unit: endpoint_store.read_endpoint(unit, made.id))
    assert read.previous_secret == made.secret
    served.database.dispose()


def test_without_the_key_it_is_said_which_file_is_missing(base: Base, key: Path, tmp_path: Path) -> None:
    served = with_key(base, key)
    agent_id, _ = mara(served)
    for other in (base, with_key(base, tmp_path / "another.key")):
        with pytest.raises(Conflict, match="ONEFOLD_SECRET_KEY_FILE"):
            do(other, lambda unit: signing_in.has_second_factor(unit, agent_id))
    served.database.dispose()


def test_a_new_key_on_top_seals_and_the_older_ones_open(key: Path) -> None:
    old = box_of(key).seal("secret")
    newer = key.with_name("newer.key")
    box_of(newer)
    key.write_bytes(newer.read_bytes() + key.read_bytes())
    both = box_of(key)
    assert both.open(old) == "secret"
    assert box_of(newer).open(both.seal("secret")) == "secret"


def test_a_key_file_is_made_once_whoever_is_at_it_and_its_owners_alone(key: Path) -> None:
    boxes: list[SecretBox] = []
    threads = [threading.Thread(target=lambda: boxes.append(box_of(key))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {box.open(boxes[0].seal("x")) for box in boxes} == {"x"}
    assert key.stat().st_mode & 0o077 == 0
    assert [file.name for file in key.parent.iterdir()] == [key.name]


def test_a_file_that_is_no_key_is_refused(key: Path) -> None:
    key.write_text("x\n")
    with pytest.raises(Conflict, match="no key file"):
        box_of(key)


def test_a_key_that_cannot_be_made_is_said_and_not_done_without(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEFOLD_SECRET_KEY_FILE", str(shell.folder / "nowhere" / "onefold.key"))
    for command in (("db", "upgrade"), ("agent", "add", "mara@kite.example", "Mara"), ("doctor",)):
        done = shell.run(*command, ok=False)
        assert "Set ONEFOLD_SECRET_KEY_FILE." in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("url", "given", "path"),
    [
        ("sqlite:////var/lib/onefold/onefold.db", "", "/var/lib/onefold/onefold.db.key"),
        ("postgresql://db/onefold", "", "onefold.key"),
        ("postgresql://db/onefold", "/etc/onefold/key", "/etc/onefold/key"),
    ],
)
def test_where_the_key_is(url: str, given: str, path: str) -> None:
    assert key_file_of(Settings(database_url=url, secret_key_file=given)) == Path(path)  # type: ignore[call-arg]
