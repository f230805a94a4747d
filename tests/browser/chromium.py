"""The browser of the tests: a Chromium of this machine, or one that is installed for them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
_PATIENCE_SECONDS = 600


class NoBrowser(Exception):
    """No Chromium, and no way to install one."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A Chromium without a window: the one `ONEFOLD_CHROMIUM` names, the machine's, or one that is installed now."""
    flags = [*_FLAGS, "--no-sandbox"] if os.getuid() == 0 else list(_FLAGS)  # its sandbox refuses to run as root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_program(playwright), args=flags)
        try:
            yield browser
        finally:
            browser.close()


def _program(playwright: Playwright) -> str:
    """Where the browser is. Raises NoBrowser."""
    if named := os.environ.get("ONEFOLD_CHROMIUM"):
        return named
    return _on_path() or _by_apt() or _by_playwright(playwright)


def _on_path() -> str | None:
    return next(filter(None, map(shutil.which, _NAMES)), None)


def _by_apt() -> str | None:
    if os.getuid() != 0 or not shutil.which("apt-get"):
        return None
    _run("apt-get", "update", "-q")
    _run("apt-get", "install", "-q", "-y", "--no-install-recommends", "chromium")
    return _on_path()


def _by_playwright(playwright: Playwright) -> str:
    _run(sys.executable, "-m", "playwright", "install", "chromium")
    if not Path(playwright.chromium.executable_path).exists():
        raise NoBrowser(
            "Chromium is not on this machine and could not be installed. Install it (Debian: `apt-get install "
            "chromium`, elsewhere `playwright install chromium`), or name its program in ONEFOLD_CHROMIUM."
        )
    return playwright.chromium.executable_path


def _run(*command: str) -> None:
    """Tries a command; what comes of it is looked at afterwards."""
    subprocess.run(command, capture_output=True, timeout=_PATIENCE_SECONDS, check=False)
