"""Who holds a lease: instance, process and its start, so that a reused pid is not mistaken for its owner."""

from __future__ import annotations

import os
from pathlib import Path

_START_TIME_FIELD = 19
"""Field 22 of /proc/PID/stat (proc(5)), counted from after the command name in parentheses."""


def owner_name(instance_id: str) -> str:
    """``instance/pid/start`` of this process."""
    return f"{instance_id}/{os.getpid()}/{_started(os.getpid())}"


def is_alive(owner: str) -> bool:
    """True while the very process of this owner name runs on this machine; names it cannot read count as alive."""
    _, _, rest = owner.partition("/")
    pid, _, started = rest.partition("/")
    if not pid.isdigit() or not started:
        return True
    return _started(int(pid)) == started


def _started(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return "gone"
    return stat.rpartition(")")[2].split()[_START_TIME_FIELD]
