"""Large blocks of memory go back to the machine as soon as they are free.

glibc gives what is above a threshold its own pages, but raises that threshold to 32 MB as such blocks come and go: then
what a mail of 25 MB took stays with the process for good. A threshold that is set stays as it is.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

_M_MMAP_THRESHOLD = -3
_BYTES = 1 << 20


def return_large_blocks() -> None:
    """To be called before a process serves; elsewhere than with glibc it does nothing."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _BYTES)
