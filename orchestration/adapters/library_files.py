"""The local document library: .md, .txt, .html and .pdf files below one folder."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

from layers.contract import RawDocument, StepError
from orchestration.adapters.pdf_text import MOST_BYTES, PdfReader

_PDF = ".pdf"
_MEDIA_TYPES = {".md": "text/markdown", ".txt": "text/plain", ".html": "text/html", ".htm": "text/html"}
_LARGEST = 2 * 1024 * 1024
_NOT_DOCUMENTS = frozenset({"readme.md", "license.txt", "license.md"})

_log = logging.getLogger(__name__)


class FileLibrary:
    """Documents ordered by their path below the folder; read again only when a file has changed.

    Hidden files, files above 2 MiB (PDFs: 8), links that leave the folder and READMEs are no documents, nor are PDFs
    without text.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fingerprint = ""
        self._documents: tuple[RawDocument, ...] = ()
        self._reading = asyncio.Lock()
        self._pdfs = PdfReader()
        self._read_pdfs: dict[tuple[str, int, int], RawDocument | None] = {}

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
                texts = [path for path in files if path.suffix.lower() != _PDF]
                read = await asyncio.to_thread(_read_all, self._folder, texts)
                printed = await self._read_printed([path for path in files if path not in texts])
                self._documents = tuple(sorted((*read, *printed), key=lambda document: document.locator))
                self._fingerprint = fingerprint
            return self._documents

    async def _read_printed(self, files: Sequence[Path]) -> list[RawDocument]:
        """The PDFs with text; one that has not changed since the last time is not read again."""
        found: dict[tuple[str, int, int], RawDocument | None] = {}
        for path in files:
            status = path.stat()
            name = path.relative_to(self._folder.resolve()).as_posix()
            key = (name, status.st_size, status.st_mtime_ns)
            known = self._read_pdfs.get(key)
            found[key] = known if key in self._read_pdfs else await self._printed(path, name)
        self._read_pdfs = found
        return [document for document in found.values() if document is not None]

    async def _printed(self, path: Path, name: str) -> RawDocument | None:
        try:
            read = await self._pdfs.read(await asyncio.to_thread(path.read_bytes))
        except StepError as error:
            _log.warning("library: %s is left out: %s", name, error)
            return None
        return RawDocument(
            locator=name, media_type="text/plain", text=read.text,
            title=read.title, author=read.author, published=read.published,
        )  # fmt: skip


def _files(folder: Path) -> list[Path]:
    root = folder.resolve()
    if not root.is_dir():
        raise StepError(f"the library {folder} is not a folder", code="library_unreadable")
    found = [path for path in sorted(root.rglob("*")) if _is_document(path, root)]
    return sorted(found, key=lambda path: path.relative_to(root).as_posix())


def _is_document(path: Path, root: Path) -> bool:
    inside = path.relative_to(root)
    printed = path.suffix.lower() == _PDF
    if not (printed or path.suffix.lower() in _MEDIA_TYPES) or path.name.lower() in _NOT_DOCUMENTS:
        return False
    if any(part.startswith(".") for part in inside.parts):
        return False
    if not path.resolve().is_relative_to(root):
        _log.warning("library: %s leads out of the folder and is left out", inside)
        return False
    if not path.is_file():
        return False
    largest = MOST_BYTES if printed else _LARGEST
    if path.stat().st_size > largest:
        _log.warning("library: %s is larger than %d bytes and is left out", inside, largest)
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
