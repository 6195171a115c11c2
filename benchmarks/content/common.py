"""What the content benchmarks share: where the data lies, and the AUC by which scores are judged."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
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


def auc(better: Sequence[float], worse: Sequence[float]) -> float:
    """The chance that a score of ``better`` lies above one of ``worse``; ties count half."""
    wins = sum((high > low) + 0.5 * (high == low) for high in better for low in worse)
    return wins / (len(better) * len(worse))
