"""`python -m localcloud.offline`: runs the scripted language model until SIGTERM or SIGINT."""

import argparse
import asyncio
import json
import logging
import signal
import sys

from localcloud.offline.llm import running


async def serve(port: int) -> None:
    """Runs until told to stop; one JSON line on stdout says when the server is ready and where."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(port) as server:
        print(json.dumps({"ready": True, "port": server.port, "endpoint": server.endpoint}), flush=True)
        await stop.wait()


def main() -> None:
    """The entry point."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    parser = argparse.ArgumentParser(prog="python -m localcloud.offline", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="TCP port on loopback; 0 takes a free one")
    port = parser.parse_args().port
    try:
        asyncio.run(serve(port))
    except OSError as error:
        sys.exit(f"The scripted language model could not start on port {port}: {error}")


if __name__ == "__main__":
    main()
