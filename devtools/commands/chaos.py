"""Submit jobs to a stack that is hurt at random, then check that nothing was lost or done twice."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
from pathlib import Path

from devtools.commands.up import instances
from devtools.paths import DEFAULT_DATA, shown


def add_options(parser: argparse.ArgumentParser) -> None:
    """How much, for how long, which seed."""
    parser.add_argument("--jobs", type=int, default=300, metavar="N", help="how many jobs (default: 300)")
    parser.add_argument(
        "--minutes",
        type=float,
        default=10.0,
        metavar="M",
        help="at most this long, start excluded (default: 10)",
    )
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="what happens when (default: 1)")
    parser.add_argument(
        "--instances", type=instances, default=3, metavar="N", help="Functions runners (1-9, default: 3)"
    )
    parser.add_argument("--keep", action="store_true", help="keep data and logs also when all went well")


def run(options: argparse.Namespace) -> int:
    """Exit code 0 when every rule held, else 1; the last line of standard output is the verdict as JSON."""
    from devtools.chaos.experiment import Experiment, conclude

    DEFAULT_DATA.mkdir(exist_ok=True)
    data = Path(tempfile.mkdtemp(prefix="chaos-", dir=DEFAULT_DATA))
    experiment = Experiment(
        jobs=options.jobs,
        minutes=options.minutes,
        seed=options.seed,
        instances=options.instances,
        data=data,
    )
    code = conclude(asyncio.run(experiment.run()) | {"data": shown(data)})
    if code == 0 and not options.keep:
        shutil.rmtree(data, ignore_errors=True)
    return code
