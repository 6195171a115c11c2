"""Check format, lint and types."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from devtools.paths import ROOT

_CHECKS = {
    "format": ("ruff", "format", "--check", "--quiet", ".", "dev"),
    "lint": ("ruff", "check", "--quiet", "--output-format=concise", ".", "dev"),
    "types": ("mypy",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """How one check ended."""

    passed: bool
    output: str
    seconds: float


def add_options(parser: argparse.ArgumentParser) -> None:
    """There is nothing to choose."""
    del parser


def run(_options: argparse.Namespace) -> int:
    """Run all checks side by side. Exit code 0 when all pass, else 1 after the findings."""
    with ThreadPoolExecutor() as pool:
        results = dict(zip(_CHECKS, pool.map(_run_one, _CHECKS.values()), strict=True))
    for name, result in results.items():
        print(f"check {name:<7} {'ok' if result.passed else 'FAILED':<6} {result.seconds:.1f} s")
        if not result.passed:
            print(result.output.rstrip())
    sys.stdout.flush()
    return 0 if all(result.passed for result in results.values()) else 1


def _run_one(command: tuple[str, ...]) -> CheckResult:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return CheckResult(passed=done.returncode == 0, output=done.stdout, seconds=time.monotonic() - began)
