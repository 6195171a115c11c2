"""`python -m localcloud.webpubsub`: runs the stand-in until SIGTERM or SIGINT."""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence

from localcloud.webpubsub.server import ServerSettings, running
from localcloud.webpubsub.tokens import MINIMUM_KEY_BYTES

_KEY_VARIABLE = "LOCALCLOUD_WEBPUBSUB_KEY"


def parse_arguments(arguments: Sequence[str], environment_key: str | None) -> ServerSettings:
    """Reads the command line; leaves the process with a message where it is not usable."""
    parser = argparse.ArgumentParser(prog="python -m localcloud.webpubsub", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="TCP port on loopback; 0 takes a free one")
    parser.add_argument("--key", default=environment_key, help=f"access key; default: {_KEY_VARIABLE}")
    parser.add_argument("--secondary-key", help="a second access key, as while keys are replaced")
    parser.add_argument("--upstream", metavar="URL", help="event handler to send client events to")
    parser.add_argument("--upstream-hub", default="contentjobs", help="hub whose events go to --upstream")
    parser.add_argument("--faults", action="store_true", help="serve /_faults, the fault knobs for tests")
    options = parser.parse_args(arguments)
    if options.key is None or len(options.key.encode()) < MINIMUM_KEY_BYTES:
        parser.error(
            f"an access key of at least {MINIMUM_KEY_BYTES} bytes is needed: --key or {_KEY_VARIABLE}"
        )
    if options.secondary_key is not None and len(options.secondary_key.encode()) < MINIMUM_KEY_BYTES:
        parser.error(f"--secondary-key needs at least {MINIMUM_KEY_BYTES} bytes")
    if options.upstream is not None and not options.upstream.startswith(("http://", "https://")):
        parser.error("--upstream must be an http or https URL")
    if options.upstream is not None and "{" in options.upstream:
        parser.error("--upstream must be a plain URL: templates such as {event} are not supported")
    return ServerSettings(
        key=options.key,
        secondary_key=options.secondary_key,
        port=options.port,
        upstream=options.upstream,
        upstream_hub=options.upstream_hub,
        faults=options.faults,
    )


async def serve(settings: ServerSettings) -> None:
    """Runs until told to stop; one JSON line on stdout says when the server is ready and where."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(settings) as server:
        ready = {"ready": True, "port": server.port, "connectionString": server.connection_string}
        print(json.dumps(ready), flush=True)
        await stop.wait()


def main() -> None:
    """The entry point."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = parse_arguments(sys.argv[1:], os.environ.get(_KEY_VARIABLE))
    try:
        asyncio.run(serve(settings))
    except OSError as error:
        sys.exit(f"The Web PubSub stand-in could not start on port {settings.port}: {error}")


if __name__ == "__main__":
    main()
