"""Stop the local stack."""

from __future__ import annotations

import argparse

from devtools import stack
from devtools.commands.options import add_data_folder
from devtools.paths import shown
from localcloud.supervisor.folder import DataFolder


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which stack."""
    add_data_folder(parser)


def run(options: argparse.Namespace) -> int:
    """Exit code 0, also when none runs: afterwards none does."""
    stopped = stack.stop(DataFolder(options.data))
    print(f"{'Stopped' if stopped else 'No stack runs'} ({shown(options.data)})")
    return 0
