"""Run the checks, then the tests; further arguments go to pytest."""

from __future__ import annotations

import argparse
import subprocess
import sys

from devtools.commands import check
from devtools.paths import ROOT


def add_options(parser: argparse.ArgumentParser) -> None:
    """How much to run."""
    parser.add_argument("--full", action="store_true", help="also the tests that take minutes")


def run(options: argparse.Namespace) -> int:
    """Exit code 0 when checks and tests pass. The tests run in any case, so that one run shows everything.

    pytest's summary is the last line, which is where continuous integration looks for the totals.
    """
    checked = check.run(options)
    if checked != 0:
        print("The checks FAILED (above); the tests follow.", flush=True)
    tested = subprocess.run(
        pytest_command(options.pytest_arguments, full=options.full), cwd=ROOT, check=False
    )
    return tested.returncode or checked


def pytest_command(arguments: list[str], *, full: bool) -> list[str]:
    """Two workers; tests that share an expensive fixture share a worker (:mod:`devtools.pytest_groups`)."""
    selection = [] if full or "-m" in arguments else ["-m", "not long"]
    return [
        *(sys.executable, "-m", "pytest", "-n", "2", "-p", "devtools.pytest_groups"),
        *selection,
        *arguments,
    ]
