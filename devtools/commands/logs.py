"""Show the logs of the local stack's parts."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from devtools.commands.options import add_data_folder
from devtools.paths import shown
from localcloud.supervisor.folder import DataFolder, last_lines

_SHOWN_OF_ONE = 200
_SHOWN_OF_EACH = 20


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which log, and whether to wait for more."""
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help="azurite, servicebus, webpubsub, telemetry, functions-1 ..., supervisor",
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on showing new lines until Ctrl-C")
    add_data_folder(parser)


def run(options: argparse.Namespace) -> int:
    """Exit code 0, or 2 when there is no such log."""
    folder = DataFolder(options.data)
    files = sorted(folder.logs.glob(f"{options.name or '*'}.log"))
    if not files:
        known = ", ".join(sorted(file.stem for file in folder.logs.glob("*.log")))
        print(f"No such log in {shown(folder.logs)}; there are: {known or 'none yet'}")
        return 2
    width = max(len(file.stem) for file in files)
    for file in files:
        for line in last_lines(file, _SHOWN_OF_ONE if options.name else _SHOWN_OF_EACH):
            print(_labelled(file, line, 0 if options.name else width))
    if options.follow:
        _follow(files, 0 if options.name else width)
    return 0


def _labelled(file: Path, line: str, width: int) -> str:
    return f"{file.stem:<{width}} | {line}" if width else line


def _follow(files: list[Path], width: int) -> None:
    places = {file: file.stat().st_size for file in files}
    while True:
        for file, place in places.items():
            size = file.stat().st_size if file.exists() else 0
            if size == place:
                continue
            with file.open(errors="replace") as log:
                log.seek(place if place < size else 0)  # smaller than before: a new run began a new file
                for line in log:
                    print(_labelled(file, line.rstrip("\n"), width), flush=True)
                places[file] = log.tell()
        time.sleep(0.3)
