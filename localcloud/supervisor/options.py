"""What a caller decides about a stack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class StackOptions:
    """``repository`` holds the app and ``node_modules``; ``data`` is this stack's own folder.

    ``web`` adds the research providers of the open web; ``in_memory`` keeps storage in memory, which is what
    tests and benchmarks want.
    """

    repository: Path
    data: Path
    instances: int = 1
    api_port: int | None = None
    web: bool = False
    in_memory: bool = False
