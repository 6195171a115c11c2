"""Run benchmarks; each prints JSON lines with case, value, unit and, where they apply, floor, goal, ratio."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from devtools.paths import ROOT

_MAIN = 'if __name__ == "__main__":'
_FOLDER = ROOT / "benchmarks"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which benchmark."""
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="one benchmark, or all of a folder, instead of all"
    )


def run(options: argparse.Namespace) -> int:
    """Exit code 0 when all ran, 1 when one failed, 2 when there is none of that name."""
    programs = benchmarks()
    if options.name is not None:
        known = ", ".join([*programs, *groups()]) or "none yet"
        programs = {
            name: program for name, program in programs.items() if options.name in (name, _group(program))
        }
        if not programs:
            print(f"No benchmark {options.name}; there are: {known}", file=sys.stderr)
            return 2
    failed = [name for name, program in programs.items() if not _run_one(program)]
    for name in failed:
        print(f"benchmark {name} failed", file=sys.stderr)
    return 1 if failed else 0


def benchmarks() -> dict[str, Path]:
    """Every benchmark by name: the files that can be run; the others are their helpers."""
    files = [file for folder in (_FOLDER, *_subfolders()) for file in sorted(folder.glob("*.py"))]
    return {file.stem: file for file in files if _MAIN in file.read_text(encoding="utf-8")}


def groups() -> list[str]:
    """The folders whose benchmarks run under one name."""
    return [folder.name for folder in _subfolders()]


def _subfolders() -> list[Path]:
    return sorted({file.parent for file in _FOLDER.glob("*/*.py")})


def _group(program: Path) -> str | None:
    return program.parent.name if program.parent != _FOLDER else None


def _run_one(program: Path) -> bool:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    # -P: a benchmark may have the name of the package that it measures, and must not be imported in its place.
    command = [sys.executable, "-P", str(program)]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0
