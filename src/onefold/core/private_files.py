"""Files with customers' data in them: for the account that the service runs as, and nobody else, whatever the umask."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import structlog

# To standard error, of a command too: its standard output is its answer.
_log = structlog.wrap_logger(structlog.PrintLogger(sys.stderr))
_MODE = 0o600


def make_private(path: Path) -> None:
    """The file is there, and its owner's alone. One that others could read is mended, and told of in the log."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _MODE))
    except FileExistsError:
        _mend(path)


def _mend(path: Path) -> None:
    full_mode = path.stat().st_mode
    mode = stat.S_IMODE(full_mode)
    # A folder, or a device such as /dev/null, is everybody's.
    if not mode & 0o077 or not stat.S_ISREG(full_mode) or os.name == "nt":
        return
    try:
        path.chmod(mode & 0o700)
    except PermissionError:
        _log.warning("file can be read by others", file=path.name, mode=oct(mode), mended=False)
    else:
        _log.warning("file could be read by others", file=path.name, mode=oct(mode), mended=True)
