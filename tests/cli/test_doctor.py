"""`onefold doctor`: a sound installation has no complaint, and each thing that is wrong is said with what to do."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from onefold.accounts import service as accounts
from onefold.app import create_app
from onefold.cli import doctor
from onefold.cli.doctor import Finding
from onefold.core.errors import Conflict
from onefold.core.process_settings import Settings
from onefold.database.engine import Database
from onefold.database.migrate import newest
from onefold.wiring import refuse_powerful_role
from tests.cli.test_cli import Shell, shell
from tests.conftest import Base
from tests.dsl.words import COMMAND, do

__all__ = ["shell"]
ADDRESS = "https://onefold.example"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What the public address answers; at first, all is well."""

    def answer(status: int = 200, error: Exception | None = None, late: float = 0.0) -> None:
        date = (datetime.now(UTC) - timedelta(seconds=late)).strftime("%a, %d %b %Y %H:%M:%S GMT")

        def get(url: str, timeout: float) -> httpx.Response:
            assert url == f"{ADDRESS}/health"
            if error is not None:
                raise error
            return httpx.Response(status, headers={"date": date})

        monkeypatch.setattr(doctor.httpx, "get", get)

    answer()
    return answer


@pytest.fixture
def settings(base: Base, tmp_path: Path) -> Settings:
    """Of a sound installation, whose admin is there."""
    do(base, lambda unit: accounts.add_agent(unit, "mara@kite.example", "Mara", "admin", COMMAND))
    return Settings(
        database_url=base.url,
        public_url=ADDRESS,
        trusted_proxies="10.0.0.0/8",
        audit_heads_file=str(tmp_path / "heads.jsonl"),
        secret_key_file=str(tmp_path / "onefold.key"),
    )  # type: ignore[call-arg]


@pytest.fixture
def backups(tmp_path: Path) -> Iterator[Path]:
    """A folder with last night's."""
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "one.backup").write_text("x")
    yield folder


def complaints(settings: Settings, backups: Path | None) -> list[Finding]:
    """What is not good."""
    return [one for one in doctor._findings(settings, backups) if one.how != "good"]


def test_a_sound_installation_has_no_complaint(settings: Settings, backups: Path, answers: Callable[..., None]) -> None:
    assert complaints(settings, backups) == []
    assert len(list(doctor._findings(settings, backups))) >= 6


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"public_url": ""}, "which address others reach"),
        ({"public_url": "http://onefold.example"}, "is not https"),
        ({"trusted_proxies": ""}, "No proxy is trusted"),
        ({"audit_heads_file": ""}, "audit logs' heads"),
    ],
)
def test_what_is_set_wrong_is_said_with_what_to_do(
    settings: Settings,
    backups: Path,
    answers: Callable[..., None],
    change: dict[str, str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if change.get("public_url", "").startswith("http:"):
        monkeypatch.setattr(doctor, "_check_reachable", lambda address: iter(()))
    (finding,) = complaints(settings.model_copy(update=change), backups)
    assert said in finding.what
    assert finding.remedy


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 502}, "answers 502"),
        ({"error": httpx.ConnectError("no")}, "does not answer (ConnectError)"),
        ({"late": 60.0}, "This clock and the proxy's differ"),
    ],
)
def test_whether_the_public_address_leads_here(
    settings: Settings, backups: Path, answers: Callable[..., None], answer: dict[str, object], said: str
) -> None:
    answers(**answer)
    (finding,) = complaints(settings, backups)
    assert (finding.how, said in finding.what) == ("fault", True), finding


def test_backups_that_are_missing_or_old(settings: Settings, backups: Path, answers: Callable[..., None]) -> None:
    assert "not looked at" in complaints(settings, None)[0].what
    old = time.time() - 50 * 3600
    os.utime(backups / "one.backup", (old, old))
    assert "50 hours old" in complaints(settings, backups)[0].what
    (backups / "one.backup").unlink()
    assert "There is no backup" in complaints(settings, backups)[0].what


def test_a_key_that_is_another_one(base: Base, settings: Settings, backups: Path, answers: Callable[..., None]) -> None:
    sealed = Settings(database_url=base.url).secret_key_file  # type: ignore[call-arg]
    assert sealed
    do(base, lambda unit: unit.execute(sa.text("UPDATE agents SET totp_secret = 'sealed:x'")))
    (finding,) = complaints(settings, backups)
    assert "sealed by a key that this process does not have" in finding.what


def test_no_admin_no_schema_no_database(
    base: Base, settings: Settings, backups: Path, answers: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    do(base, lambda unit: unit.execute(sa.text("UPDATE agents SET role = 'agent'")))
    assert "Acme has no admin" in complaints(settings, backups)[0].what
    newer = newest()
    monkeypatch.setattr(doctor, "newest", lambda: "9999")
    assert complaints(settings, backups)[0].remedy == "Run: onefold db upgrade"
    monkeypatch.setattr(doctor, "newest", lambda: newer)
    away = settings.model_copy(update={"database_url": "postgresql://nobody@127.0.0.1:1/x"})
    assert complaints(away, backups)[0].what.startswith("The database: ")


@pytest.mark.parametrize("make_url", ["sqlite"], indirect=True)
def test_a_file_that_others_may_read(settings: Settings, backups: Path, answers: Callable[..., None]) -> None:
    assert complaints(settings, backups) == []
    folder = Path(sa.make_url(settings.database_url).database or "").parent
    folder.chmod(0o777)
    try:
        (finding,) = complaints(settings, backups)
    finally:
        folder.chmod(0o700)
    assert (finding.how, "chmod o-w" in finding.remedy) == ("fault", True)


@pytest.mark.parametrize("make_url", ["postgresql"], indirect=True)
def test_a_superuser_is_not_served(
    base: Base, settings: Settings, postgres_server: str, backups: Path, answers: Callable[..., None]
) -> None:
    url = (
        sa.make_url(postgres_server).set(database=sa.make_url(base.url).database).render_as_string(hide_password=False)
    )
    powerful = settings.model_copy(update={"database_url": url})
    assert "is a superuser" in complaints(powerful, backups)[0].what
    with pytest.raises(Conflict, match="is a superuser"):
        create_app(powerful)
    database = Database(url)
    refuse_powerful_role(database, powerful.model_copy(update={"postgres_superuser": True}))
    database.dispose()


def test_the_command_ends_with_1_where_something_is_wrong(shell: Shell) -> None:
    done = shell.run("doctor", ok=False)
    assert "has no admin" in done.stdout
    assert "One thing is wrong." in done.stderr
    shell.run("agent", "add", "mara@kite.example", "Mara", "--role", "admin")
    assert "Set ONEFOLD_PUBLIC_URL." in shell.run("doctor").stdout
