"""The files of the repository, with changes laid over them: a seeded defect never touches the disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from infra.checks.findings import TemplateError

ROOT = Path(__file__).parents[2]


@cache
def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def _listing(root: Path, folder: str) -> tuple[str, ...]:
    return tuple(
        sorted(str(p.relative_to(root)) for p in (root / folder).rglob("*") if "__pycache__" not in p.parts)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Files below ``root``; ``changed`` has other texts for some of them, None for one that is gone."""

    root: Path = ROOT
    changed: Mapping[str, str | None] = field(default_factory=dict)

    def exists(self, path: str) -> bool:
        """Whether there is such a file or folder."""
        if path in self.changed:
            return self.changed[path] is not None
        return (self.root / path).exists()

    def text(self, path: str) -> str:
        """The text of a file. Raises :class:`TemplateError` where there is none."""
        changed = self.changed.get(path)
        if changed is not None:
            return changed
        if path in self.changed or not (self.root / path).is_file():
            raise TemplateError(path, "there is no such file")
        return _read(self.root / path)

    def json(self, path: str) -> Any:
        """A file as JSON. Raises :class:`TemplateError` that names the line where it is not."""
        try:
            return json.loads(self.text(path))
        except json.JSONDecodeError as error:
            raise TemplateError(f"{path}:{error.lineno}", f"not JSON: {error.msg}") from error

    def yaml(self, path: str) -> Any:
        """A file as YAML. Raises :class:`TemplateError` where it is not."""
        try:
            return _yaml(self.text(path))
        except yaml.YAMLError as error:
            raise TemplateError(path, f"not YAML: {error}") from error

    def files(self, folder: str, pattern: str) -> list[str]:
        """Paths of the files below a folder whose path matches."""
        on_disk = _listing(self.root, folder) if (self.root / folder).is_dir() else ()
        known = {*on_disk, *(path for path in self.changed if path.startswith(f"{folder}/"))}
        return sorted(path for path in known if fnmatch(path, pattern) and self.exists(path))


@cache
def _yaml(text: str) -> Any:
    return yaml.safe_load(text)
