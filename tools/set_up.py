"""`make setup`: the virtual environment, with everything pinned in constraints-dev.txt.

Of the standard library alone, for there is nothing else yet. `.venv/.ready` is written last: an environment without it
was left half made (a set-up that was killed, or one by hand) and is made anew. What fails says why in one line.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

VENV = Path(".venv")
READY = VENV / ".ready"
INSIDE = str(VENV / "bin" / "python")
PYTHON: str = getattr(sys, "_base_executable", sys.executable)
"""What makes the environment; not the environment's own, which goes away when it is made anew."""
PINS = (Path("constraints-dev.txt"), Path("pyproject.toml"))
LOG = Path("var/setup.log")

# It has pip, and runs what is in this folder: not so after its Python was upgraded away, or the folder moved or copied.
_IS_SOUND = "import os, sys, pip, onefold; sys.exit(not os.path.samefile(onefold.__file__, 'src/onefold/__init__.py'))"
_NO_NETWORK = ("Retrying (", "Max retries exceeded", "Connection broken", "Read timed out", "name resolution")
# A person's own settings for pip that would send packages elsewhere than into the environment.
_PIP = {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


class Missing(Exception):
    """What the set-up cannot do without, in one line."""


def main() -> str | int:
    """Returns what sys.exit prints: nothing, or the one line."""
    os.chdir(Path(__file__).resolve().parents[1])
    for ending in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) != signal.SIG_IGN:  # as nohup has it
            signal.signal(ending, signal.default_int_handler)  # as Ctrl-C, so that it tidies up as well
    try:
        with Path(__file__).open() as file:
            _wait_for_others(file)
            _set_up()
    except KeyboardInterrupt:
        return f"Interrupted: {VENV} is not ready; the same command makes it anew."
    except (Missing, OSError) as error:
        return f"{VENV} could not be set up: {error}"
    return 0


def _wait_for_others(file: IO[str]) -> None:
    """`make demo` and `make test` in two terminals: the second one waits, and finds all done."""
    with suppress(OSError):  # a file system without locks
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # until the file is closed, however this process ends
        except BlockingIOError:
            print(f"{VENV} is being set up by another command; waiting for it ...", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)


def _set_up() -> None:
    kept = READY.exists() and _run(INSIDE, "-I", "-c", _IS_SOUND).returncode == 0
    if kept and all(READY.stat().st_mtime >= pins.stat().st_mtime for pins in PINS):
        return
    print(f"Setting up {VENV} (once; a minute or two) ...", flush=True)
    try:
        if not kept:
            _make()
        READY.unlink(missing_ok=True)
        _need(INSIDE, "-m", "pip", "install", "-q", "-r", "constraints-dev.txt")
        _need(INSIDE, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "-e", ".")
        READY.touch()
    except Missing:
        if kept:  # pip gave up the package it was at, and the others are whole: the next call goes on from there
            READY.touch()
            os.utime(READY, (0, 0))
        raise
    finally:
        if not kept and not READY.exists():
            _remove()


def _make() -> None:
    """By venv, or by virtualenv where venv lacks ensurepip: a Debian or Ubuntu without python3-venv."""
    _remove()
    if _run(PYTHON, "-m", "venv", str(VENV)).returncode == 0:
        return
    _remove()
    if _run(PYTHON, "-m", "pip", "--version").returncode != 0:
        raise Missing(f"{PYTHON} has neither venv nor pip; install one (Debian, Ubuntu: apt install python3-venv).")
    with TemporaryDirectory() as folder:  # no installing for the machine or the account: Debian refuses it (PEP 668)
        _need(PYTHON, "-m", "pip", "install", "-q", "--target", folder, "-r", "tools/virtualenv.txt")
        make = ("virtualenv", "-q", "--no-periodic-update", "--app-data", f"{folder}/data", str(VENV))
        _need(PYTHON, "-m", *make, PYTHONPATH=folder)


def _remove() -> None:
    if VENV.is_symlink():
        VENV.unlink()
    elif VENV.exists():
        shutil.rmtree(VENV)


def _run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command, and keeps to itself what it says."""
    try:
        return subprocess.run(
            command,
            env={**os.environ, **_PIP, **environment},
            check=False,
            text=True,
            errors="replace",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except OSError as error:  # there is no such program
        return subprocess.CompletedProcess(command, 127, str(error))


def _need(*command: str, **environment: str) -> None:
    """Runs a command. Raises Missing if it fails; all it said is in the log then."""
    done = _run(*command, **environment)
    if done.returncode != 0:
        with suppress(OSError):  # the disk may be full: the line below says so
            LOG.parent.mkdir(exist_ok=True)
            LOG.write_text(f"{' '.join(command)}\n{done.stdout}")
        raise Missing(f"{_reason(done.stdout)} (all of it: {LOG})")


def _reason(said: str) -> str:
    """The line of what a command said that tells what is missing."""
    if any(sign in said for sign in _NO_NETWORK):
        return "the package index does not answer: no network, or a proxy that has to be named in HTTPS_PROXY?"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["no reason given"])[-1]


if __name__ == "__main__":
    sys.exit(main())
