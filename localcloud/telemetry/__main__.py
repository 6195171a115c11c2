"""``python -m localcloud.telemetry``: runs the endpoint until SIGTERM or SIGINT; one JSON line says when it is ready."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from localcloud.telemetry.server import TelemetryServer, running
from localcloud.telemetry.store import MOST_ITEMS, TelemetryStore


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 after a stop, 1 when the port or the file cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m localcloud.telemetry", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="TCP port on loopback; 0 takes a free one")
    parser.add_argument("--data", type=Path, required=True, help="the SQLite file")
    parser.add_argument("--most", type=int, default=MOST_ITEMS, help="items to keep; the oldest go")
    given = parser.parse_args(arguments)
    try:
        asyncio.run(_serve(given.port, TelemetryStore(given.data, most=given.most)))
    except OSError as error:
        sys.stderr.write(f"The telemetry endpoint could not start on port {given.port}: {error}\n")
        return 1
    return 0


async def _serve(port: int, store: TelemetryStore) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(TelemetryServer(store=store), port) as server:
        print(json.dumps({"ready": True, "port": server.port}), flush=True)
        await stop.wait()


if __name__ == "__main__":
    sys.exit(main())
