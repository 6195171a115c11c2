"""Check how a Functions host behaves over HTTP: the local one, or any that serves the conformance app."""

from __future__ import annotations

import argparse
import asyncio
import sys


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which host, and its keys."""
    parser.add_argument("--url", help="a host that serves devtools/conformance/app; default: the local host")
    parser.add_argument("--key", help="a function key, where the host checks keys")
    parser.add_argument("--master-key", help="the master key, for the admin API where the host checks keys")


def run(options: argparse.Namespace) -> int:
    """Exit code 0 when no case fails, else 1."""
    from devtools.conformance.judge import ALL_CASES, UnreachableError, run_cases

    try:
        verdicts = asyncio.run(run_cases(options.url, options.key, options.master_key))
    except UnreachableError as error:
        print(error, file=sys.stderr)
        return 1
    for verdict in sorted(verdicts, key=lambda one: one.case.number):
        print(f"{verdict.case.number:>3}  {verdict.word:<4}  {verdict.case.title}")
        if verdict.reason:
            print(f"           {verdict.reason}")
    words = [verdict.word for verdict in verdicts]
    print(
        f"{words.count('pass')} passed, {words.count('fail')} failed, {words.count('n/a')} not applicable; "
        f"{ALL_CASES - len(verdicts)} of {ALL_CASES} cases cannot be seen over HTTP and run in ./dev test"
    )
    return 1 if "fail" in words else 0
