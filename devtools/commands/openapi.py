"""Write the OpenAPI document that the API hands out, from routes and types."""

from __future__ import annotations

import argparse
import subprocess
import sys

from devtools.paths import ROOT

DOCUMENT = ROOT / "orchestration" / "openapi.json"
_PROGRAM = (
    "import sys; from orchestration.openapi import document, to_text; sys.stdout.write(to_text(document()))"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Whether to write or to compare."""
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail when the file is not current"
    )


def run(options: argparse.Namespace) -> int:
    """Exit code 0 when the file is current in the end, 1 when it is not."""
    text = generated()
    if options.check:
        current = DOCUMENT.exists() and text == DOCUMENT.read_text(encoding="utf-8")
        print("current" if current else "orchestration/openapi.json is not current: run ./dev openapi")
        return 0 if current else 1
    DOCUMENT.write_text(text, encoding="utf-8")
    print(f"{DOCUMENT.relative_to(ROOT)}: {len(text.encode()) / 1024:.0f} KB")
    return 0


def generated() -> str:
    """The document from a fresh process, so that nothing that happens to be loaded here shows in it."""
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
