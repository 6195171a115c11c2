"""The command line of ``./dev``: one sub-command per module in :mod:`devtools.commands`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from devtools.commands import (
    apikey,
    bench,
    chaos,
    check,
    conformance,
    down,
    generate,
    logs,
    openapi,
    status,
    test,
    trace,
    up,
)
from devtools.stack import StackStartError

_COMMANDS = (
    generate,
    up,
    down,
    status,
    logs,
    trace,
    check,
    test,
    openapi,
    bench,
    chaos,
    conformance,
    apikey,
)


def build_parser() -> argparse.ArgumentParser:
    """All commands and options; ``docs/commands.md`` is compared with it by a test."""
    parser = argparse.ArgumentParser(
        prog="./dev", description="Content Architect on one machine: generate, run, check, test, measure."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in _COMMANDS:
        name = module.__name__.rpartition(".")[2]
        summary = (module.__doc__ or "").partition("\n")[0]
        command = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        module.add_options(command)
        command.set_defaults(run=module.run)
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run one command. Exit code 2 for bad usage, 130 after Ctrl-C, else the command's own."""
    given, rest = build_parser().parse_known_args(arguments)
    if given.command == "test":
        given.pytest_arguments = rest
    elif rest:
        build_parser().parse_args(arguments)  # says what is wrong, and exits
    try:
        return int(given.run(given))
    except KeyboardInterrupt:
        return 130
    except StackStartError as error:
        sys.stderr.write(f"./dev: {error}\n")
        return 1
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe has seen enough
        return 1
