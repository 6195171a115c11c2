"""Options that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

from devtools.paths import DEFAULT_DATA


def add_data_folder(parser: argparse.ArgumentParser) -> None:
    """``--data DIR``: which stack is meant."""
    parser.add_argument(
        "--data",
        type=lambda text: Path(text).resolve(),
        default=DEFAULT_DATA,
        metavar="DIR",
        help="data folder of the stack (default: .localcloud)",
    )
