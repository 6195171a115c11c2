"""Start the local stack and keep it running until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import Any

from devtools import stack
from devtools.commands.options import add_data_folder
from devtools.paths import ROOT, shown
from localcloud.supervisor.folder import DataFolder
from localcloud.supervisor.options import StackOptions

_MOST_INSTANCES = 9  # the ports of a stack's runners follow one another, ten apart from the next stack's


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen about a stack."""
    parser.add_argument("--detach", action="store_true", help="return once it is ready; ./dev down stops it")
    add_data_folder(parser)
    parser.add_argument(
        "--instances", type=instances, default=1, metavar="N", help="Functions runners on one broker (1-9)"
    )
    parser.add_argument("--port", type=int, metavar="P", help="port of the API (default: 7071 or a free one)")
    parser.add_argument("--web", action="store_true", help="research on Wikipedia and Crossref too (no key)")
    parser.add_argument(
        "--in-memory", action="store_true", help="keep tables in memory instead of the data folder"
    )


def run(options: argparse.Namespace) -> int:
    """Exit code 0 after a clean stop, or at once with ``--detach``; 1 when the stack cannot start."""
    running = stack.start(
        StackOptions(
            repository=ROOT,
            data=options.data,
            instances=options.instances,
            api_port=options.port,
            web=options.web,
            in_memory=options.in_memory,
        ),
        tied=not options.detach,
    )
    _introduce(running.endpoints, running.folder, detached=options.detach)
    if options.detach:
        return 0
    try:
        return _watch(running)
    except KeyboardInterrupt:
        sys.stderr.write("\nStopping ...\n")
        running.stop()
        return 0


def _watch(running: stack.RunningStack) -> int:
    """Show what the supervisor logs from now on, until it ends (``./dev down`` elsewhere stops it too)."""
    with (running.folder.logs / "supervisor.log").open() as log:
        log.seek(0, os.SEEK_END)
        while running.supervisor.poll() is None:
            sys.stderr.write(log.read())
            time.sleep(0.3)
        sys.stderr.write(log.read())
    return int(running.supervisor.returncode)


def _introduce(endpoints: dict[str, Any], folder: DataFolder, *, detached: bool) -> None:
    data = shown(folder.path)
    elsewhere = "" if folder.path == ROOT / ".localcloud" else f" --data {data}"
    print(f"The stack runs: {endpoints['api']}/content-architect/health")
    print(f"  connection strings  {data}/endpoints.json")
    print(f"  logs                ./dev logs -f{elsewhere}")
    print(f"  stop                {f'./dev down{elsewhere}' if detached else 'Ctrl-C'}", flush=True)


def instances(text: str) -> int:
    """The value of ``--instances``. Raises argparse.ArgumentTypeError outside 1 to 9."""
    count = int(text)
    if not 1 <= count <= _MOST_INSTANCES:
        raise argparse.ArgumentTypeError(f"1 to {_MOST_INSTANCES} runners, not {count}")
    return count
