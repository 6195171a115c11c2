"""What the content benchmarks share: where the data lies, and how a figure is printed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "content"


def data_file(name: str) -> Path | None:
    """The file in the folder named on the command line, or in the default one; None, and said so, if absent."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    path = folder / name
    if path.is_file():
        return path
    print(json.dumps({"case": name, "skipped": f"no such file in {folder}"}))
    return None


def report(
    case: str, value: float, unit: str, *, floor: float | None = None, goal: float | None = None
) -> None:
    """One figure as one JSON line."""
    bounds = {name: bound for name, bound in (("floor", floor), ("goal", goal)) if bound is not None}
    print(json.dumps({"case": case, "value": round(value, 3), "unit": unit, **bounds}))
