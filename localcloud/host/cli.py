"""The command line: ``python -m localcloud.host --app DIR --port P --data DIR``."""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from localcloud.host.context import InvocationLogFilter
from localcloud.host.errors import HostError
from localcloud.host.host import FunctionHost, HostOptions
from localcloud.host.telemetry import flush_telemetry

_LOG = logging.getLogger("host")
_FORMAT = "%(asctime)s %(levelname)-7s %(name)s %(invocation)s%(message)s"


def main(arguments: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT.

    Prints one JSON line on stdout when HTTP listens and the receivers are open; logs go to stderr. After a function
    timeout the process begins anew on the same port, as the real host's worker does, and prints the line again.
    Returns 1 when the app or its configuration cannot be used.
    """
    options = _options(_parser().parse_args(arguments))
    _set_up_logging()
    folder = Path.cwd()
    # The worker runs with the app's directory as the current one.
    os.chdir(options.app)
    host = FunctionHost(options)
    try:
        asyncio.run(_serve(host, lambda: _begin_anew(arguments, folder, host.port)))
    except (HostError, OSError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    flushed = flush_telemetry()
    if host.busy_threads:
        _LOG.warning("%d threads still run a synchronous function and are left behind.", host.busy_threads)
    if host.busy_threads or not flushed:
        logging.shutdown()
        # A normal exit would wait for those threads, or for an exporter whose endpoint does not answer, maybe for
        # ever; the real host kills its worker as well.
        os._exit(0)
    return 0


async def _serve(host: FunctionHost, begin_anew: Callable[[], NoReturn]) -> None:
    """Serve until a signal comes, or begin anew after a function timeout.

    The latter from inside the loop: closing it would wait for threads that the function may have left busy.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await host.start()
    try:
        stopping = asyncio.create_task(stop.wait())
        losing = asyncio.create_task(host.worker_lost())
        getting_ready = asyncio.create_task(host.ready())
        await asyncio.wait({stopping, losing, getting_ready}, return_when=asyncio.FIRST_COMPLETED)
        if getting_ready.done():
            _print_ready(host)
        getting_ready.cancel()
        await asyncio.wait({stopping, losing}, return_when=asyncio.FIRST_COMPLETED)
        losing.cancel()
        _LOG.info("Stopping.")
    finally:
        await host.stop()
    if not stop.is_set():
        begin_anew()


def _begin_anew(arguments: Sequence[str], folder: Path, port: int) -> NoReturn:
    """Replace this process by a new one: the only way to be rid of threads and of what the app keeps in memory."""
    _LOG.warning("Starting the process again after a function timeout.")
    flush_telemetry()
    logging.shutdown()
    os.chdir(folder)
    command = [sys.executable, "-m", "localcloud.host", *arguments, "--port", str(port)]
    os.execv(sys.executable, command)  # noqa: S606 - no shell wanted


def _print_ready(host: FunctionHost) -> None:
    line = {"ready": True, "port": host.port, "functions": host.served, "instanceId": host.instance_id}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _set_up_logging() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(InvocationLogFilter())
    handler.setFormatter(logging.Formatter(_FORMAT))
    debug = os.environ.get("PYTHON_ENABLE_DEBUG_LOGGING", "").lower() in {"1", "true"}
    logging.basicConfig(level=logging.DEBUG if debug else logging.INFO, handlers=[handler])
    # These write a line for each frame or request.
    for name in ("azure", "aiohttp.access"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcloud.host", description=__doc__)
    parser.add_argument(
        "--app", type=Path, required=True, help="directory with function_app.py and host.json"
    )
    parser.add_argument("--data", type=Path, required=True, help="folder for timer status, locks and keys")
    parser.add_argument("--port", type=int, default=7071, help="0 takes a free one")
    parser.add_argument("--instance-id", help="what the app reads as WEBSITE_INSTANCE_ID")
    parser.add_argument("--settings", type=Path, help="another file than local.settings.json of the app")
    parser.add_argument(
        "--enable-auth", action="store_true", help="check function keys (keys.json in the data folder)"
    )
    parser.add_argument("--functions", nargs="+", default=[], help="serve only these")
    parser.add_argument(
        "--grace", type=float, default=10.0, help="seconds running functions get when stopping"
    )
    return parser


def _options(parsed: argparse.Namespace) -> HostOptions:
    settings: Path | None = parsed.settings
    return HostOptions(
        app=parsed.app.resolve(),
        data=parsed.data.resolve(),
        port=parsed.port,
        instance_id=parsed.instance_id,
        settings_file=None if settings is None else settings.resolve(),
        enable_auth=parsed.enable_auth,
        functions=tuple(parsed.functions),
        grace_s=parsed.grace,
    )
