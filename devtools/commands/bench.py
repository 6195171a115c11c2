"""Run benchmarks; each prints JSON lines with case, value, unit and, where they apply, floor, goal, ratio."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from devtools.paths import ROOT

_MAIN = 'if __name__ == "__main__":'
_FOLDERS = (ROOT / "benchmarks", ROOT / "benchmarks" / "content")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which benchmark."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="one benchmark instead of all")


def run(options: argparse.Namespace) -> int:
    """Exit code 0 when all ran, 1 when one failed, 2 when there is none of that name."""
    programs = benchmarks()
    if options.name is not None:
        if options.name not in programs:
            known = ", ".join(programs) or "none yet"
            print(f"No benchmark {options.name}; there are: {known}", file=sys.stderr)
            return 2
        programs = {options.name: programs[options.name]}
    failed = [name for name, program in programs.items() if not _run_one(program)]
    for name in failed:
        print(f"benchmark {name} failed", file=sys.stderr)
    return 1 if failed else 0


def benchmarks() -> dict[str, Path]:
    """Every benchmark by name: the files that can be run; the others are their helpers."""
    files = (file for folder in _FOLDERS for file in sorted(folder.glob("*.py")))
    return {file.stem: file for file in files if _MAIN in file.read_text(encoding="utf-8")}


def _run_one(program: Path) -> bool:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    # -P: a benchmark may have the name of the package that it measures, and must not be imported in its place.
    command = [sys.executable, "-P", str(program)]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0
