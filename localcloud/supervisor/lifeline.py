"""Processes that end with their parent, also when it is killed with -9 (Linux alone: prctl(2))."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def end_with_parent(parent: int, number: signal.Signals) -> bool:
    """Have the kernel send ``number`` to this process when ``parent`` ends; false if it has ended already."""
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_PDEATHSIG, int(number))
    return os.getppid() == parent
