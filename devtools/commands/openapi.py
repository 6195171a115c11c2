"""Write the OpenAPI document that the API hands out, and the tables of docs/api.md, from routes and types."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from devtools.contract_tables import with_tables
from devtools.paths import ROOT

DOCUMENT = ROOT / "orchestration" / "openapi.json"
PAGE = ROOT / "docs" / "api.md"
_PROGRAM = (
    "import sys; from orchestration.openapi import document, to_text; sys.stdout.write(to_text(document()))"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Whether to write or to compare."""
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is not current")


def run(options: argparse.Namespace) -> int:
    """Exit code 0 when the files are current in the end, 1 when they are not."""
    wanted = files()
    outdated = [file for file, text in wanted.items() if file.read_text(encoding="utf-8") != text]
    for file in outdated:
        print(f"{file.relative_to(ROOT)}: {'not current; run ./dev openapi' if options.check else 'written'}")
        if not options.check:
            file.write_text(wanted[file], encoding="utf-8")
    return 1 if options.check and outdated else 0


def files() -> dict[Path, str]:
    """The files as they ought to be.

    The document comes from a fresh process, so that nothing that happens to be loaded here shows in it.
    """
    text = subprocess.run(
        [sys.executable, "-c", _PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return {DOCUMENT: text, PAGE: with_tables(PAGE.read_text(encoding="utf-8"), json.loads(text))}
