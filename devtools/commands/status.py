"""Show what runs: parts, process ids, memory, restarts, addresses."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from devtools.commands.options import add_data_folder
from devtools.paths import shown
from localcloud.supervisor.folder import DataFolder

_NOT_RUNNING = 3  # as of LSB service scripts: "program is not running"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which stack."""
    add_data_folder(parser)


def run(options: argparse.Namespace) -> int:
    """Exit code 0 when the stack runs, 3 when it does not."""
    endpoints = DataFolder(options.data).read_endpoints()
    if endpoints is None:
        print(f"No stack runs in {shown(options.data)}. Start one: ./dev up --detach")
        return _NOT_RUNNING
    print("\n".join(_describe(endpoints, options.data)))
    return 0


def _describe(endpoints: dict[str, Any], data: Path) -> list[str]:
    sources = "library, Wikipedia, Crossref" if endpoints["web"] else "library"
    storage = "in memory" if endpoints["inMemory"] else "on disk"
    lines = [
        f"API       {endpoints['api']}/content-architect",
        f"Queues    {endpoints['serviceBusStats']}",
        f"Data      {shown(data)} (storage {storage}), up since {endpoints['startedAt']}",
        f"Research  {sources}",
        "",
        f"{'part':<14}{'pid':>8}{'memory':>10}{'restarts':>10}",
    ]
    for name, pid in endpoints["processes"].items():
        memory = _memory_megabytes(pid)
        restarts = endpoints["restarts"].get(name, 0)
        lines.append(f"{name:<14}{pid or '-':>8}{f'{memory} MB' if memory else 'down':>10}{restarts:>10}")
    return lines


def _memory_megabytes(pid: int | None) -> int | None:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    found = re.search(r"^VmRSS:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) // 1024 if found else None
