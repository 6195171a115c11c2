"""``python -m localcloud.supervisor``: run one stack until SIGTERM or Ctrl-C; SIGQUIT throws it away at once.

Writes one JSON line to standard output, ``{"ready": true, ...endpoints}`` or ``{"ready": false, "error": ...}``,
and logs to ``<data>/logs/supervisor.log``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from localcloud.supervisor.endpoints import Endpoints
from localcloud.supervisor.folder import DataFolder, FolderInUseError
from localcloud.supervisor.lifeline import end_with_parent
from localcloud.supervisor.options import StackOptions
from localcloud.supervisor.ports import PortClaims, PortInUseError, choose_ports
from localcloud.supervisor.specs import stack_parts
from localcloud.supervisor.stack import Stack, StackError


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 after a clean stop, 1 when the stack could not start."""
    given = _parse(arguments)
    if given.stop_with is not None and not end_with_parent(given.stop_with, signal.SIGTERM):
        return 1
    options = _options(given)
    folder = DataFolder(options.data)
    try:
        with folder.owned():
            folder.forget_endpoints()
            _log_to(folder.logs / "supervisor.log")
            asyncio.run(_serve(options, folder))
    except (FolderInUseError, PortInUseError, StackError) as error:
        _say({"ready": False, "error": str(error)})
        return 1
    return 0


async def _serve(options: StackOptions, folder: DataFolder) -> None:
    claims = PortClaims()
    stack = _stack(options, folder, claims)
    stopping: asyncio.Future[signal.Signals] = asyncio.get_running_loop().create_future()
    _on_signal(stopping)
    starting = asyncio.create_task(stack.start())
    try:
        await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
        if stopping.done():
            starting.cancel()
            await asyncio.wait((starting,))
        else:
            await starting
            _say({"ready": True, **(folder.read_endpoints() or {})})
            await stopping
    finally:
        await stack.stop(at_once=stopping.done() and stopping.result() is signal.SIGQUIT)
        claims.close()


def _on_signal(stopping: asyncio.Future[signal.Signals]) -> None:
    def stop(number: signal.Signals) -> None:
        if not stopping.done():
            stopping.set_result(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)


def _stack(options: StackOptions, folder: DataFolder, claims: PortClaims) -> Stack:
    ports = choose_ports(
        claims, instances=options.instances, last=folder.last_ports(), api_port=options.api_port
    )
    folder.remember_ports(ports)
    keys = folder.keys()
    endpoints = Endpoints.of(ports, keys)
    return Stack(
        stack_parts(options, ports=ports, keys=keys, endpoints=endpoints, caller=os.environ),
        folder=folder,
        working_directory=options.repository,
        description={
            **endpoints.as_json(),
            "web": options.web,
            "inMemory": options.in_memory,
            "ports": ports,
            "startedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        },
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m localcloud.supervisor", description=__doc__)
    parser.add_argument("--repository", type=Path, required=True, help="folder of the function app")
    parser.add_argument("--data", type=Path, required=True, help="data folder of this stack")
    parser.add_argument("--instances", type=int, default=1, help="how many Functions runners")
    parser.add_argument("--port", type=int, help="port of the API; a free one by default")
    parser.add_argument("--web", action="store_true", help="research on Wikipedia and Crossref too")
    parser.add_argument("--in-memory", action="store_true", help="keep storage in memory")
    parser.add_argument("--stop-with", type=int, metavar="PID", help="stop when this parent process ends")
    return parser.parse_args(arguments)


def _options(given: argparse.Namespace) -> StackOptions:
    return StackOptions(
        repository=given.repository.resolve(),
        data=given.data.resolve(),
        instances=given.instances,
        api_port=given.port,
        web=given.web,
        in_memory=given.in_memory,
    )


def _log_to(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        filename=file, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", force=True
    )


def _say(line: dict[str, object]) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    sys.exit(main())
