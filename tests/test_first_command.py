"""The first command on a stranger's machine: `make setup`, with what may be missing there, and without a network.

A small folder has this project's Makefile and tools. Modules on PYTHONPATH play the machine's `venv` and `pip`; pip
installs what the environment is looked at for, and writes down what it was asked.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 120

VENV = """
    import pathlib, sys
    place = pathlib.Path(sys.argv[-1])
    place.joinpath("bin").mkdir(parents=True)
    place.joinpath("bin", "python").symlink_to(sys.executable)
    place.joinpath("pyvenv.cfg").write_text(f"home = {pathlib.Path(sys.executable).parent}")
    place.joinpath("lib", "python%d.%d" % sys.version_info[:2], "site-packages").mkdir(parents=True)
"""
VENV_WITHOUT_ENSUREPIP = """
    import pathlib, sys
    pathlib.Path(sys.argv[1], "bin").mkdir(parents=True)
    sys.exit("The virtual environment was not created successfully because ensurepip is not available.")
"""
PIP = """
    import os, pathlib, sys, sysconfig, time
    asked, inside = sys.argv[1:], sys.prefix != sys.base_prefix
    with open(os.environ["ASKED"], "a") as book:
        print("in .venv:" if inside else "machine:", *asked, file=book)
    if "--version" in asked:
        sys.exit()
    if os.environ.get("PIP_USER") != "0" or not (inside or "--target" in asked):
        sys.exit("error: externally-managed-environment")
    if "--target" in asked:
        where = pathlib.Path(asked[asked.index("--target") + 1])
        where.joinpath("virtualenv.py").write_bytes(pathlib.Path(__file__).with_name("of_virtualenv.py").read_bytes())
    fate = os.environ.get("FATE") if "constraints-dev.txt" in asked else None
    if fate == "no network":
        print("WARNING: Retrying (Retry(total=4)) after connection broken")
        sys.exit("ERROR: No matching distribution found for aiohttp")
    if fate == "no wheel":
        print("  long story")
        sys.exit("ERROR: No matching distribution found for aiohttp")
    if fate == "slow":
        pathlib.Path("slow").touch()
        time.sleep(30)
    if "-e" in asked:
        packages = pathlib.Path(sysconfig.get_path("purelib"))
        packages.joinpath("onefold.pth").write_text(os.path.abspath("src"))
        packages.joinpath("pip.py").touch()
"""


class Machine:
    """A stranger's machine, and a clone of this project on it."""

    def __init__(self, folder: Path) -> None:
        self.clone, self.modules, self.book = folder / "a clone", folder / "modules", folder / "asked"
        (self.clone / "src" / "onefold").mkdir(parents=True)
        (self.clone / "src" / "onefold" / "__init__.py").touch()
        for name in ("constraints-dev.txt", "pyproject.toml"):
            (self.clone / name).touch()
        shutil.copy(ROOT / "Makefile", self.clone)
        shutil.copytree(ROOT / "tools", self.clone / "tools")
        self.venv = self.clone / ".venv"
        self.has("venv", VENV)
        self.has("of_virtualenv", VENV)
        self.has("pip", PIP)

    def has(self, module: str, text: str) -> None:
        """The machine's `python3 -m MODULE` is this."""
        self.modules.mkdir(exist_ok=True)
        (self.modules / f"{module}.py").write_text(dedent(text))

    def start(self, fate: str = "", python: str = sys.executable) -> subprocess.Popen[str]:
        """`make setup`, begun."""
        environment = {**os.environ, "PYTHONPATH": str(self.modules), "ASKED": str(self.book), "FATE": fate}
        environment |= {"PIP_USER": "1", "LC_ALL": "C", "MAKEFLAGS": "", "MAKELEVEL": "0"}
        return subprocess.Popen(
            ["make", "setup", f"PYTHON={python}"],
            cwd=self.clone,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored behind a shell's `&`
        )

    def make(self, fate: str = "", python: str = sys.executable) -> tuple[bool, list[str]]:
        """`make setup`: whether it succeeded, and what it complained of, but for make's own last line."""
        process = self.start(fate, python)
        _, complaints = process.communicate(timeout=PATIENCE_SECONDS)
        return process.returncode == 0, [line for line in complaints.splitlines() if not line.startswith("make:")]

    def asked(self) -> list[str]:
        """What pip was asked since the last time."""
        lines = self.book.read_text().splitlines() if self.book.exists() else []
        self.book.unlink(missing_ok=True)
        return lines

    def is_ready(self) -> bool:
        """Whether the environment runs this clone."""
        runs = [self.venv / "bin" / "python", "-I", "-c", "import onefold"]
        return (self.venv / ".ready").exists() and subprocess.run(runs, check=False).returncode == 0


INSTALLS = ["in .venv: install -q -r constraints-dev.txt", "in .venv: install -q --no-deps --no-build-isolation -e ."]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with all that is needed. The clone's name has a blank in it."""
    return Machine(tmp_path)


def test_it_is_set_up_once(machine: Machine) -> None:
    assert machine.make() == (True, [])
    assert machine.is_ready()
    assert machine.asked() == INSTALLS
    assert machine.make() == (True, [])
    assert machine.asked() == []


def test_debian_without_python3_venv_gets_virtualenv_from_a_folder_that_is_gone_afterwards(machine: Machine) -> None:
    machine.has("venv", VENV_WITHOUT_ENSUREPIP)
    assert machine.make() == (True, [])
    assert machine.is_ready()
    version, virtualenv, *rest = machine.asked()
    assert version == "machine: --version"
    assert virtualenv.startswith("machine: install -q --target ")
    assert virtualenv.endswith(" -r tools/virtualenv.txt")
    assert not Path(virtualenv.split()[4]).exists()
    assert rest == INSTALLS


def test_without_venv_and_pip_it_says_what_to_install_and_leaves_nothing(machine: Machine) -> None:
    machine.has("venv", VENV_WITHOUT_ENSUREPIP)
    machine.has("pip", "raise SystemExit('No module named pip')")
    success, [complaint] = machine.make()
    assert not success
    assert "has neither venv nor pip" in complaint
    assert "apt install python3-venv" in complaint
    assert not machine.venv.exists()


@pytest.mark.parametrize(
    ("fate", "reason"),
    [("no network", "the package index does not answer"), ("no wheel", "No matching distribution found for aiohttp")],
)
def test_a_set_up_that_fails_says_why_in_one_line_and_leaves_nothing(machine: Machine, fate: str, reason: str) -> None:
    success, [complaint] = machine.make(fate)
    assert not success
    assert reason in complaint
    assert "var/setup.log" in complaint
    assert "ERROR: No matching" in (machine.clone / "var" / "setup.log").read_text()
    assert not machine.venv.exists()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_set_up_that_is_ended_is_begun_anew(machine: Machine, ending: signal.Signals) -> None:
    process = machine.start("slow")
    while not (machine.clone / "slow").exists():
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, ending)
    _, complaints = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode != 0
    if ending == signal.SIGKILL:  # which leaves no time to tidy up
        (machine.venv / "half made").touch()
        assert machine.make() == (True, [])
        assert not (machine.venv / "half made").exists()
    else:
        assert "Interrupted: .venv is not ready" in complaints
        assert not machine.venv.exists()


@pytest.mark.parametrize("harm", ["its Python is gone", "the folder has moved"])
def test_an_environment_that_does_not_work_is_made_anew(machine: Machine, harm: str) -> None:
    machine.make()
    if harm == "its Python is gone":
        (machine.venv / "bin" / "python").unlink()
        (machine.venv / "bin" / "python").symlink_to("/nowhere/python3.9")
    else:
        machine.clone = machine.clone.rename(machine.clone.with_name("another clone"))
        machine.venv = machine.clone / ".venv"
    (machine.venv / "old").touch()
    assert machine.make() == (True, [])
    assert machine.is_ready()
    assert not (machine.venv / "old").exists()


def test_new_pins_are_installed_into_the_environment_that_is_there(machine: Machine) -> None:
    machine.make()
    machine.asked()
    (machine.venv / "kept").touch()
    os.utime(machine.clone / "constraints-dev.txt", (time.time() + 5, time.time() + 5))
    success, _ = machine.make("no network")
    assert not success
    assert machine.make() == (True, [])
    assert machine.asked() == [INSTALLS[0], *INSTALLS]
    assert (machine.venv / "kept").exists()


def test_of_two_commands_at_once_the_second_waits_for_the_first(machine: Machine) -> None:
    both = [machine.start(), machine.start()]
    assert [process.wait(PATIENCE_SECONDS) for process in both] == [0, 0]
    assert machine.asked() == INSTALLS


def test_a_python_that_is_too_old_or_missing_is_named(machine: Machine) -> None:
    old = machine.clone / "python3.old"
    old.write_text("#!/bin/sh\nexit 1\n")  # what a Python before 3.11 answers to being asked whether it is one
    old.chmod(0o755)
    for python in ("./python3.old", "python3.none"):
        success, [complaint] = machine.make(python=python)
        assert not success
        assert complaint.startswith(f"Python 3.11 or later is needed, and `{python}` is not that")
    machine.make()
    assert machine.make(python="./python3.old") == (True, [])  # the environment has a Python of its own
