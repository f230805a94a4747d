"""The browser of the tests: a Chromium of this machine, or one that is installed for them."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Error, Playwright, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_PATIENCE_SECONDS = 600


class NoBrowser(Exception):
    """No Chromium, and no way to install one."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A Chromium without a window: the one `ONEFOLD_CHROMIUM` names, the machine's, or one that is installed now."""
    flags = [*_FLAGS, "--no-sandbox"] if os.getuid() == 0 else list(_FLAGS)  # its sandbox refuses to run as root
    with _one_at_a_time():
        _see_that_playwright_runs()
    with sync_playwright() as playwright:
        with _one_at_a_time():
            program = _program(playwright)
        try:
            browser = playwright.chromium.launch(executable_path=program, args=flags)
        except Error as error:
            raise NoBrowser(f"{program} does not start: {_telling(error.message)}") from error
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Of the tests' processes one installs and the others wait: apt-get refuses to run twice."""
    with Path(__file__).open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _see_that_playwright_runs() -> None:
    """Its driver needs a library that the smallest Debian lacks. Raises NoBrowser."""
    tried = _run(sys.executable, "-m", "playwright", "--version")
    if tried.returncode != 0 and _may_install():
        _by_apt("libatomic1")
        tried = _run(sys.executable, "-m", "playwright", "--version")
    if tried.returncode != 0:
        said = _telling(tried.stderr.strip() or "no reason given")
        raise NoBrowser(
            f"Playwright, which drives Chromium, does not start: {said} (Debian: apt-get install libatomic1)"
        )


def _telling(said: str) -> str:
    """The line that names the library that is missing, or else the first one."""
    lines = said.splitlines()
    return next((line.strip() for line in lines if "shared librar" in line), lines[0])


def _program(playwright: Playwright) -> str:
    """Where the browser is. Raises NoBrowser."""
    if named := os.environ.get("ONEFOLD_CHROMIUM"):
        return named
    if not _on_path() and _may_install():
        _by_apt("chromium")
    return _on_path() or _by_playwright(playwright)


def _on_path() -> str | None:
    return next(filter(None, map(shutil.which, _NAMES)), None)


def _may_install() -> bool:
    return os.getuid() == 0 and shutil.which("apt-get") is not None


def _by_apt(package: str) -> None:
    _run("apt-get", "update", "-q")
    _run("apt-get", "install", "-q", "-y", "--no-install-recommends", package)


def _by_playwright(playwright: Playwright) -> str:
    _run(sys.executable, "-m", "playwright", "install", "chromium")
    if not Path(playwright.chromium.executable_path).exists():
        raise NoBrowser(
            "Chromium is not on this machine and could not be installed. Install it (Debian: `apt-get install "
            "chromium`, elsewhere `playwright install chromium`), or name its program in ONEFOLD_CHROMIUM."
        )
    return playwright.chromium.executable_path


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    """Tries a command; what comes of it is looked at afterwards."""
    return subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False)
