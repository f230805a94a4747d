"""Sees to it that the tests find PostgreSQL's programs: installs Debian's package where that is possible."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from tests.postgres import NoPostgreSQL, binaries


def main() -> None:
    """Installs PostgreSQL if it is missing and this is root on Debian; says loudly what is missing otherwise."""
    if os.environ.get("ONEFOLD_TEST_POSTGRES") or not _missing():
        return
    if os.getuid() == 0 and shutil.which("apt-get") is not None:
        print("Installing PostgreSQL for the tests ...", flush=True)
        quiet = {"stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
        subprocess.run(["apt-get", "update", "-qq"], check=False, **quiet)
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "postgresql"], check=False, **quiet
        )
    if missing := _missing():
        print(f"!! {missing}\n!! Only SQLite will be used.", file=sys.stderr)


def _missing() -> str:
    """What is missing, if anything."""
    try:
        binaries()
    except NoPostgreSQL as missing:
        return str(missing)
    return ""


if __name__ == "__main__":
    main()
