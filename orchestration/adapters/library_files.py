"""The local document library: .md, .txt and .html files below one folder."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

from layers.contract import RawDocument, StepError

_MEDIA_TYPES = {".md": "text/markdown", ".txt": "text/plain", ".html": "text/html", ".htm": "text/html"}
_LARGEST = 2 * 1024 * 1024
_NOT_DOCUMENTS = frozenset({"readme.md", "license.txt", "license.md"})

_log = logging.getLogger(__name__)


class FileLibrary:
    """Documents ordered by their path below the folder; read again only when a file has changed.

    Hidden files, files above 2 MiB, links that leave the folder and READMEs are no documents.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fingerprint = ""
        self._documents: tuple[RawDocument, ...] = ()
        self._reading = asyncio.Lock()

    @property
    def fingerprint(self) -> str:
        """Names, sizes and modification times of the files, as one hash. Known after ``documents``."""
        return self._fingerprint

    async def documents(self) -> Sequence[RawDocument]:
        """All documents. Raises :class:`StepError` (``library_unreadable``) if the folder is none."""
        async with self._reading:
            files = await asyncio.to_thread(_files, self._folder)
            fingerprint = await asyncio.to_thread(_fingerprint, self._folder, files)
            if fingerprint != self._fingerprint:
                self._documents = await asyncio.to_thread(_read_all, self._folder, files)
                self._fingerprint = fingerprint
            return self._documents


def _files(folder: Path) -> list[Path]:
    root = folder.resolve()
    if not root.is_dir():
        raise StepError(f"the library {folder} is not a folder", code="library_unreadable")
    found = [path for path in sorted(root.rglob("*")) if _is_document(path, root)]
    return sorted(found, key=lambda path: path.relative_to(root).as_posix())


def _is_document(path: Path, root: Path) -> bool:
    inside = path.relative_to(root)
    if path.suffix.lower() not in _MEDIA_TYPES or path.name.lower() in _NOT_DOCUMENTS:
        return False
    if any(part.startswith(".") for part in inside.parts):
        return False
    if not path.resolve().is_relative_to(root):
        _log.warning("library: %s leads out of the folder and is left out", inside)
        return False
    if not path.is_file():
        return False
    if path.stat().st_size > _LARGEST:
        _log.warning("library: %s is larger than %d bytes and is left out", inside, _LARGEST)
        return False
    return True


def _fingerprint(folder: Path, files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        status = path.stat()
        name = path.relative_to(folder.resolve()).as_posix()
        digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _read_all(folder: Path, files: Sequence[Path]) -> tuple[RawDocument, ...]:
    return tuple(
        RawDocument(
            locator=path.relative_to(folder.resolve()).as_posix(),
            media_type=_MEDIA_TYPES[path.suffix.lower()],
            text=decode(path.read_bytes()),
        )
        for path in files
    )


def decode(content: bytes) -> str:
    """UTF-8 if it is that, otherwise Windows-1252, in which unassigned bytes become replacement characters."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")
