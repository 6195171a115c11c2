"""Reads a folder of own material into the ``sources`` of a request."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

from orchestration.adapters import pdf_child

MOST_REQUEST_BYTES = 1_048_576
"""What the API takes in one request with sources."""

_SUFFIXES = frozenset({".md", ".txt", ".html", ".pdf"})
_LONGEST_TITLE = 300
_TITLES = {
    ".md": (r"\A---\n(?:.*\n)*?title:[ \t]*(?P<title>.+)\n", r"^#{1,6}[ \t]+(?P<title>.+?)[ \t#]*$"),
    ".html": (r"(?is)<title[^>]*>(?P<title>.*?)</title>", r"(?is)<h1[^>]*>(?P<title>.*?)</h1>"),
    ".txt": (),
    ".pdf": (),
}


class SourcesError(Exception):
    """The folder cannot be used. The message is for a person."""


def read_sources(folder: Path) -> list[dict[str, str]]:
    """All .md, .txt, .html and .pdf files below ``folder``, ordered by path, as ``{title, text}``.

    Hidden files and folders are left out. Raises :class:`SourcesError` for a folder that is missing or without
    text, and for a file that is not text.
    """
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise SourcesError(f"--sources: {folder} {what}")
    documents = {file: _read(file) for file in _files(folder)}
    sources = [
        {"title": title_of(file, text), "text": text} for file, text in documents.items() if text.strip()
    ]
    if not sources:
        raise SourcesError(f"--sources: no .md, .txt, .html or .pdf file with text in {folder}")
    return sources


def check_size(request: bytes, sources: list[dict[str, str]]) -> None:
    """Raises :class:`SourcesError` for a request that the API would refuse as too large."""
    if len(request) <= MOST_REQUEST_BYTES:
        return
    largest = sorted(sources, key=lambda source: -len(source["text"]))[:3]
    names = ", ".join(f"{source['title'][:60]} ({len(source['text']) // 1024} KB)" for source in largest)
    raise SourcesError(
        f"--sources: the request would have {len(request) / 1_048_576:.1f} MB, the API takes at most 1 MB. "
        f"The largest of {len(sources)} files: {names}"
    )


def title_of(file: Path, text: str) -> str:
    """The title in the text (front matter, first heading, ``<title>``), else the file's name as words."""
    for pattern in _TITLES[file.suffix.lower()]:
        found = re.search(pattern, text, re.MULTILINE)
        if found:
            plain = re.sub(r"<[^>]+>", "", found["title"])
            title = " ".join(unescape(plain).strip(" \t\"'").split())
            if title:
                return title[:_LONGEST_TITLE]
    return re.sub(r"[-_\s]+", " ", file.stem).strip()[:_LONGEST_TITLE] or file.name


def _files(folder: Path) -> list[Path]:
    return sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in _SUFFIXES
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )


def _read(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise SourcesError(f"--sources: {file} cannot be read: {error.strerror}") from error
    if file.suffix.lower() == ".pdf":
        return _printed(file, content)
    if b"\0" in content[:4096]:
        raise SourcesError(f"--sources: {file} is not a text file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")  # what old text files are, if not UTF-8


def _printed(file: Path, content: bytes) -> str:
    """The text of a PDF, read by the same program as the app's."""
    command = [sys.executable, "-B", pdf_child.__file__]
    try:
        done = subprocess.run(
            command, input=content, capture_output=True, timeout=pdf_child.MOST_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise SourcesError(f"--sources: {file} takes too long to read") from error
    answer = json.loads(done.stdout) if done.returncode == 0 else {"problem": "it is damaged"}
    if answer["problem"]:
        raise SourcesError(f"--sources: {file} cannot be read: {answer['problem']}")
    return str(answer["text"])
