"""Command line of the broker: prints one line of JSON when it is ready, stops cleanly on SIGTERM and SIGINT."""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path

from localcloud.servicebus.access import AccessKey
from localcloud.servicebus.broker import Broker, BrokerSettings
from localcloud.servicebus.config import ConfigError, load
from localcloud.servicebus.store import StoreError

KEY_VARIABLE = "LOCALCLOUD_SERVICEBUS_KEY"


def main(arguments: list[str] | None = None) -> int:
    """Runs the broker until a signal; returns the exit code: 0 stopped, 1 failed, 2 cannot start."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    options = _parser().parse_args(arguments)
    if not options.key:
        print(f"error: no key; give --key or set {KEY_VARIABLE}", file=sys.stderr)
        return 2
    try:
        settings = BrokerSettings(
            queues=load(options.config),
            key=AccessKey(name=options.key_name, secret=options.key),
            data=options.data,
            port=options.port,
            stats_port=options.stats_port,
        )
        return asyncio.run(_serve(settings))
    except (ConfigError, StoreError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


async def _serve(settings: BrokerSettings) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Broker(settings) as broker:
        ready = {
            "ready": True,
            "port": broker.port,
            "statsPort": broker.stats_port,
            "connectionString": broker.connection_string,
        }
        print(json.dumps(ready), flush=True)
        waits = [asyncio.create_task(stop.wait()), asyncio.create_task(broker.failed())]
        _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
    return 0 if stop.is_set() else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcloud.servicebus", description=__doc__)
    parser.add_argument("--port", type=int, default=5672, help="AMQP port on 127.0.0.1; 0 for any free one")
    parser.add_argument("--stats-port", type=int, default=0, help="HTTP port of /stats and /healthz")
    parser.add_argument("--data", default=":memory:", help="SQLite file, or :memory:")
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("queues.json"), help="queues")
    parser.add_argument("--key-name", default="RootManageSharedAccessKey", help="name of the access key")
    parser.add_argument(
        "--key", default=os.environ.get(KEY_VARIABLE), help=f"the key itself, or {KEY_VARIABLE}"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
