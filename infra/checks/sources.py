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
def _read(root: Path, path: str) -> str | None:
    """The text of a file as it was when it was first asked for; None where there is none."""
    file = root / path
    return file.read_text(encoding="utf-8") if file.is_file() else None


@cache
def _exists(root: Path, path: str) -> bool:
    return (root / path).exists()


@cache
def _matching(root: Path, folder: str, pattern: str) -> tuple[str, ...]:
    files = (str(path.relative_to(root)) for path in (root / folder).rglob("*") if path.is_file())
    return tuple(path for path in files if fnmatch(path, pattern))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Files below ``root``; ``changed`` has other texts for some of them, None for one that is gone."""

    root: Path = ROOT
    changed: Mapping[str, str | None] = field(default_factory=dict)

    def exists(self, path: str) -> bool:
        """Whether there is such a file or folder."""
        if path in self.changed:
            return self.changed[path] is not None
        return _exists(self.root, path)

    def text(self, path: str) -> str:
        """The text of a file. Raises :class:`TemplateError` where there is none."""
        found = self.changed[path] if path in self.changed else _read(self.root, path)
        if found is None:
            raise TemplateError(path, "there is no such file")
        return found

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
        known = set(_matching(self.root, folder, pattern))
        for path, text in self.changed.items():
            if path.startswith(f"{folder}/") and fnmatch(path, pattern):
                (known.discard if text is None else known.add)(path)
        return sorted(known)


@cache
def _yaml(text: str) -> Any:
    return yaml.safe_load(text)
